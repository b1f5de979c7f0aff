# rtbridge: liveness and readiness over HTTP, `rtbridge healthcheck`, and grpc.health.v1.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess

import grpc
import pytest

from support.bridge import binary
from support.grpc_web import Endpoint, frame
from support.http1 import exchange
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_until


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, tcp_ack):
    config = make_config(
        [
            {"name": "greeter", "match": {"protocol": ["grpc-web", "grpc"], "service": "helloworld.Greeter"},
             "backend": f"grpc://127.0.0.1:{greeter.port}"},
            {"name": "line", "match": {"protocol": "websocket", "path": "/line"},
             "backend": f"tcp://127.0.0.1:{tcp_ack.port}"},
        ],
        admin={"address": "127.0.0.1:0"}, health={"onListeners": ["tls"]})
    return start_bridge(config)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_healthy_bridge_says_ok_in_plain_text(bridge, path):
    reply = exchange(bridge.address("admin"), "GET", path)
    assert reply.status == 200
    assert reply.header("content-type").startswith("text/plain")
    assert reply.body.strip()
    assert reply.header("cache-control") == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_json_is_given_where_it_is_asked_for(bridge, path):
    reply = exchange(bridge.address("admin"), "GET", path, [("accept", "application/json")])
    assert reply.status == 200
    assert reply.header("content-type").startswith("application/json")
    assert isinstance(json.loads(reply.body), dict)


def test_a_head_request_has_no_body(bridge):
    reply = exchange(bridge.address("admin"), "HEAD", "/readyz")
    assert reply.status == 200


def test_other_paths_and_verbs_of_the_admin_listener_are_refused(bridge):
    assert exchange(bridge.address("admin"), "GET", "/nothing").status == 404
    assert exchange(bridge.address("admin"), "POST", "/livez").status in (404, 405)


def test_a_public_listener_answers_only_where_it_is_named(bridge, tls_of):
    assert exchange(bridge.address("tls"), "GET", "/readyz", tls=tls_of("tls")).status == 200
    assert exchange(bridge.address("clear"), "GET", "/readyz").status == 404


# Readiness follows the back-ends that are required.

@pytest.mark.parametrize("protocol", ["tcp", "grpc"])
def test_the_bridge_is_ready_while_its_required_back_ends_can_be_reached(
        start_bridge, make_config, start_backend, modules, protocol):
    keep, port = refused_port()
    backend = {"protocol": protocol, "endpoints": [f"127.0.0.1:{port}"]}
    if protocol == "grpc":
        backend["backoff"] = {"initial": "50ms", "max": "200ms"}
    match = {"protocol": "websocket", "path": "/x"} if protocol == "tcp" else {"protocol": "grpc-web"}
    bridge = start_bridge(make_config(
        [{"match": match, "backend": "needed"}], backends={"needed": backend}, admin={"address": "127.0.0.1:0"},
        health={"requireBackends": ["needed"]}))

    def ready():
        return exchange(bridge.address("admin"), "GET", "/readyz")

    wait_until("not ready", lambda: ready().status == 503)
    assert b"needed" in ready().body, "an unready bridge says what it waits for"
    assert exchange(bridge.address("admin"), "GET", "/livez").status == 200
    keep.close()

    def start():
        if protocol == "tcp":
            return start_backend("tcp_server.py", "ack", port)
        return start_backend("greeter.py", port, modules=modules)

    server = start()
    wait_until("ready", lambda: ready().status == 200)
    server.kill()
    wait_until("not ready again", lambda: ready().status == 503)
    start()
    wait_until("ready again", lambda: ready().status == 200)


# The command.

def healthcheck(*arguments):
    return subprocess.run([binary(), "healthcheck", *map(str, arguments)], capture_output=True, text=True,
                          timeout=DEADLINE)


def address(bridge, listener="admin"):
    return "%s:%d" % bridge.address(listener)


def test_healthcheck_ends_with_0_for_a_ready_bridge(bridge):
    result = healthcheck("--address", address(bridge))
    assert result.returncode == 0, result.stderr


def test_healthcheck_takes_the_address_of_the_configuration(start_bridge, make_config, tcp_ack):
    keep, port = refused_port()
    keep.close()
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "websocket", "path": "/x"}, "backend": f"tcp://127.0.0.1:{tcp_ack.port}"}],
        admin={"address": f"127.0.0.1:{port}"}))
    result = healthcheck("--config", bridge.config)
    assert result.returncode == 0, result.stderr


def test_healthcheck_ends_with_1_for_a_bridge_that_is_down():
    keep, port = refused_port()
    result = healthcheck("--address", f"127.0.0.1:{port}")
    keep.close()
    assert result.returncode == 1 and f"127.0.0.1:{port}" in result.stderr


def test_healthcheck_ends_with_1_for_a_bridge_that_is_not_ready(start_bridge, make_config):
    keep, port = refused_port()
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "websocket", "path": "/x"}, "backend": "needed"}],
        backends={"needed": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{port}"]}},
        admin={"address": "127.0.0.1:0"}, health={"requireBackends": ["needed"]}))
    wait_until("not ready", lambda: exchange(bridge.address("admin"), "GET", "/readyz").status == 503)
    result = healthcheck("--address", address(bridge))
    keep.close()
    assert result.returncode == 1, result.stdout


def test_healthcheck_ends_with_1_for_somebody_else_s_answer():
    server = ScriptedTCP()
    process = subprocess.Popen([binary(), "healthcheck", "--address", f"127.0.0.1:{server.port}"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    connection = server.take()
    connection.receive()
    connection.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.close()
    assert process.wait(DEADLINE) == 1
    process.communicate()
    server.close()


# grpc.health.v1 (gRPC health-checking.md).

@pytest.fixture(scope="module")
def check(bridge, certificates, grpc_proto):
    from health_protos import health_pb2, health_pb2_grpc
    with open(certificates.ca, "rb") as ca:
        credentials = grpc.ssl_channel_credentials(root_certificates=ca.read())
    with grpc.secure_channel(address(bridge, "tls"), credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        yield lambda service: stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE).status


@pytest.mark.parametrize("service", ["", "greeter", "line"])
def test_grpc_health_serves_for_the_bridge_and_for_its_routes(check, service):
    assert check(service) == 1, "SERVING"


def test_grpc_health_does_not_know_another_service(check):
    with pytest.raises(grpc.RpcError) as failure:
        check("helloworld.Nobody")
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_grpc_health_can_be_asked_by_grpc_web_too(bridge, certificates):
    endpoint = Endpoint(bridge.address("tls"), certificates.context(), "http/2")
    reply = endpoint.call("/grpc.health.v1.Health/Check", frame(b""))
    assert (reply.http_status, reply.status) == (200, 0)
    assert reply.messages == [b"\x08\x01"], "field 1: SERVING"


def test_grpc_health_is_not_answered_on_other_listeners(bridge):
    endpoint = Endpoint(bridge.address("clear"), None, "http/2")
    assert endpoint.call("/grpc.health.v1.Health/Check", frame(b"")).status == 12, "UNIMPLEMENTED"


# Watch: "The server will immediately send back a message indicating the current serving status. It will then
# subsequently send a new message whenever the service's serving status changes" (gRPC health-checking.md).

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


@pytest.fixture
def watch(grpc_proto):
    """watch(bridge, service): an iterator over statuses, from a bridge whose clear listener answers health."""
    channels = []

    def begin(bridge, service):
        from health_protos import health_pb2, health_pb2_grpc
        channels.append(grpc.insecure_channel(address(bridge, "clear")))
        call = health_pb2_grpc.HealthStub(channels[-1]).Watch(
            health_pb2.HealthCheckRequest(service=service), timeout=4 * DEADLINE)
        call.statuses = (response.status for response in call)
        return call

    yield begin
    for channel in channels:
        channel.close()


@pytest.fixture
def needing_bridge(start_bridge, make_config):
    """A bridge that needs the TCP back-end `needed` at `port`, and has the routes `line` to it and `other` to `port` too."""
    def start(port, drain="60s"):
        bridge = start_bridge(make_config(
            [{"name": "line", "match": {"protocol": "websocket", "path": "/x"}, "backend": "needed"},
             {"name": "other", "match": {"protocol": "websocket", "path": "/y"}, "backend": f"tcp://127.0.0.1:{port}"}],
            backends={"needed": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{port}"]}}, drain=drain,
            health={"onListeners": ["clear"], "requireBackends": ["needed"]}))
        return bridge
    return start


def test_grpc_watch_tells_each_change_of_the_bridge_and_of_a_route(needing_bridge, watch, start_backend):
    server = start_backend("tcp_server.py", "echo")
    port = server.port
    bridge = needing_bridge(port)
    whole, line, other = (watch(bridge, service) for service in ("", "line", "other"))
    for call in (whole, line):
        # It may not have been asked yet.
        assert next(status for status in call.statuses if status == SERVING)
    assert next(other.statuses) == SERVING
    server.kill()
    assert (next(whole.statuses), next(line.statuses)) == (NOT_SERVING, NOT_SERVING)
    server = start_backend("tcp_server.py", "echo", port)
    assert (next(whole.statuses), next(line.statuses)) == (SERVING, SERVING)
    server.kill()
    for call in (whole, line, other):
        call.cancel()


def test_grpc_watch_of_an_unknown_service_says_so_and_goes_on(bridge, certificates, grpc_proto):
    from health_protos import health_pb2, health_pb2_grpc
    with open(certificates.ca, "rb") as ca:
        credentials = grpc.ssl_channel_credentials(root_certificates=ca.read())
    with grpc.secure_channel(address(bridge, "tls"), credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        calls = [stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE) for name in ("nobody", "")]
        assert [next(call).status for call in calls] == [SERVICE_UNKNOWN, SERVING]
        # Neither has ended: "the server will send a message setting status to SERVICE_UNKNOWN but will not terminate the call".
        assert all(call.is_active() for call in calls)


def test_grpc_watch_can_be_read_by_grpc_web_too(bridge, certificates):
    call = Endpoint(bridge.address("tls"), certificates.context(), "http/2").stream("/grpc.health.v1.Health/Watch")
    call.send(frame(b""))
    call.finish()
    assert call.read(7) == frame(b"\x08\x01")


def test_a_drain_tells_those_who_watch_and_does_not_wait_for_them(needing_bridge, watch, tcp_ack):
    bridge = needing_bridge(tcp_ack.port, drain="600s")
    call = watch(bridge, "other")
    assert next(call.statuses) == SERVING
    bridge.signal(15)
    assert next(call.statuses) == NOT_SERVING
    with pytest.raises(grpc.RpcError) as end:
        next(call.statuses)
    assert end.value.code() is grpc.StatusCode.UNAVAILABLE and "shutting down" in end.value.details()
    assert bridge.wait(DEADLINE) == 0
    bridge.was_stopped = True
