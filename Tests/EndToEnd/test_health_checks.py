# rtbridge: health checks of endpoints by grpc.health.v1 Watch, by HTTP and by TCP, against real servers.
# SPDX-License-Identifier: Apache-2.0
import collections
import signal
import socket

import grpc
import pytest

from support.http1 import exchange
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket

SERVICE = "helloworld.Greeter"


@pytest.fixture
def watched(start_backend, modules):
    """watched(name, port): a Greeter with grpcio's own health service."""
    started = []

    def start(name, *port):
        started.append(start_backend("watched_greeter.py", name, *port, modules=modules))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def start(start_bridge, make_config):
    """start(servers, **healthCheck): (a stub for a bridge of one worker in front of them, the bridge)."""
    channels = []

    def make(servers, **check):
        import helloworld_pb2_grpc
        bridge = start_bridge(make_config(
            [{"match": {"protocol": "grpc"}, "backend": "b"}],
            backends={"b": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{server.port}" for server in servers],
                            "backoff": {"initial": "10ms", "max": "50ms"},
                            "healthCheck": {"type": "grpc", "service": SERVICE, **check}}}, workers=1))
        channel = grpc.insecure_channel("%s:%d" % bridge.address("clear"), options=[("grpc.enable_retries", 0)])
        channels.append(channel)
        return helloworld_pb2_grpc.GreeterStub(channel), bridge

    yield make
    for channel in channels:
        channel.close()


def answers(stub, number=20):
    """Who answered how many of these calls; None: nobody did."""
    import helloworld_pb2

    def ask():
        try:
            return stub.SayHello(helloworld_pb2.HelloRequest(name="x"), timeout=DEADLINE).message
        except grpc.RpcError:
            return None

    return collections.Counter(ask() for _ in range(number))


def wait_for_answers_of(stub, *names):
    wait_until(f"answers of {names} alone", lambda: set(answers(stub)) == set(names))


# Watch. With an interval of an hour nothing but Watch can tell of a change in time.

def test_what_a_server_says_of_itself_is_heeded_when_it_says_it(watched, start):
    ill, well = watched("ill"), watched("well")
    stub, bridge = start([ill, well], interval="1h", unhealthyThreshold=1)
    wait_for_answers_of(stub, "ill", "well")
    for _ in range(3):
        ill.signal(signal.SIGUSR1)
        wait_for_answers_of(stub, "well")
        ill.signal(signal.SIGUSR2)
        wait_for_answers_of(stub, "ill", "well")
    # gRFC A17: one call, for as long as the connection lives.
    assert (ill.lines.count("Watch"), ill.lines.count("Check")) == (1, 0)
    log = bridge.errors()
    assert log.count("endpoint is unhealthy (healthCheck)") == 3 and "answered NOT_SERVING" in log


def test_a_state_that_stays_counts_again_after_each_interval(watched, start):
    ill, well = watched("ill"), watched("well")
    stub, _ = start([ill, well], interval="50ms", unhealthyThreshold=5, healthyThreshold=3)
    wait_for_answers_of(stub, "ill", "well")
    ill.signal(signal.SIGUSR1)
    wait_for_answers_of(stub, "well")
    ill.signal(signal.SIGUSR2)
    wait_for_answers_of(stub, "ill", "well")
    assert (ill.lines.count("Watch"), ill.lines.count("Check")) == (1, 0)


def test_a_service_that_the_server_does_not_know_is_ill(watched, start):
    one = watched("one")
    _, bridge = start([one], service="helloworld.Nobody", interval="1h", unhealthyThreshold=1)
    wait_until("the verdict", lambda: "grpc.health.v1 answered SERVICE_UNKNOWN" in bridge.errors())


def test_a_server_that_is_killed_is_watched_again_when_it_is_back(watched, start):
    one, well = watched("one"), watched("well")
    stub, _ = start([one, well], interval="1h", unhealthyThreshold=1)
    wait_for_answers_of(stub, "one", "well")
    one.kill()
    wait_for_answers_of(stub, "well")
    again = watched("again", one.port)
    wait_for_answers_of(stub, "again", "well")
    assert "Watch" in again.lines


def test_a_watch_does_not_keep_a_server_from_ending(watched, start):
    one, well = watched("one"), watched("well")
    stub, _ = start([one, well], interval="1h")
    wait_for_answers_of(stub, "one", "well")
    one.signal(signal.SIGTERM)
    # It waits for a minute for its calls, and Watch is one of them.
    one.wait_line("^STOPPED$")
    assert one.wait(DEADLINE) == 0
    wait_for_answers_of(stub, "well")


def test_a_server_without_watch_is_asked_by_check(start_backend, grpc_proto, start):
    """gRPC's own answer for a method that is not there: UNIMPLEMENTED."""
    ill, well = (start_backend("named_greeter.py", name, modules=grpc_proto) for name in ("ill", "well"))
    stub, bridge = start([ill, well], interval="50ms", unhealthyThreshold=2)
    wait_for_answers_of(stub, "ill", "well")
    ill.signal(signal.SIGUSR1)
    wait_for_answers_of(stub, "well")
    ill.signal(signal.SIGUSR2)
    wait_for_answers_of(stub, "ill", "well")
    # Said once for each, however often it is asked.
    assert bridge.errors().count("endpoint has no grpc.health.v1.Health/Watch") == 2
    ill.kill()
    well.kill()


def test_a_server_without_a_health_service_is_ill(greeter, start):
    stub, bridge = start([greeter], interval="50ms", unhealthyThreshold=2)
    wait_until("the verdict", lambda: "endpoint is unhealthy (healthCheck)" in bridge.errors())
    assert "grpc.health.v1 answered UNIMPLEMENTED" in bridge.errors()
    # It is the only one, so it is used all the same.
    assert set(answers(stub)) == {"Hello, x!"}


# HTTP.

@pytest.fixture
def http_server(start_backend):
    server = start_backend("http_health.py", "A")
    yield server
    server.kill()


def answer_with(server, answer):
    assert exchange(("127.0.0.1", server.port), "GET", f"/control/{answer}").status == 204


@pytest.fixture
def http_bridge(start_bridge, make_config, http_server, tcp_echo):
    """Two endpoints of a TCP back-end: the one that says how it is, and one that speaks no HTTP and is ill by that."""
    def make(**check):
        return start_bridge(make_config(
            [{"match": {"protocol": "websocket"}, "backend": "b", "websocket": {"allowOrigins": ["*"]}}],
            backends={"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{http_server.port}"], "healthCheck": {
                "type": "http", "interval": "30ms", "timeout": "1s", "unhealthyThreshold": 2, **check}}},
            workers=1, admin={"address": "127.0.0.1:0"}, health={"requireBackends": ["b"]}))
    return make


def state(bridge):
    """What `/readyz` says: it follows the checks where a required back-end has them."""
    reply = exchange(bridge.address("admin"), "GET", "/readyz")
    return reply.status, bytes(reply.body).decode()


def wait_until_well(bridge):
    wait_until("well", lambda: state(bridge)[0] == 200)


def wait_until_ill(bridge, reason):
    wait_until(reason, lambda: state(bridge)[0] == 503 and reason in state(bridge)[1])


def test_http_sends_path_and_host_and_looks_at_the_status(http_server, http_bridge):
    bridge = http_bridge(path="/health/of%20it")
    wait_until_well(bridge)
    # RFC 9110 §7.2: Host, with the port where it is not the scheme's own.
    asked = http_server.wait_line("^ASKED (.*)$")[1].split(" ")
    assert asked == ["/health/of%20it", f"127.0.0.1:{http_server.port}", "close"]
    for answer in ("503", "404", "301", "503+early"):
        answer_with(http_server, answer)
        wait_until_ill(bridge, f"health check: HTTP {answer[:3]} (healthCheck.expectStatus)")
        answer_with(http_server, "204+early")
        wait_until_well(bridge)
    # The check is no session: those go through all the same.
    with WebSocket(bridge.address("clear"), "/", None) as socket:
        socket.send(BINARY, b"x")
        assert socket.read_bytes(2) == b"Ax"


def test_http_takes_the_statuses_that_it_is_told(http_server, http_bridge):
    bridge = http_bridge(expectStatus="401")
    wait_until_ill(bridge, "HTTP 200 (healthCheck.expectStatus)")
    answer_with(http_server, "401")
    wait_until_well(bridge)
    answer_with(http_server, "400")
    wait_until_ill(bridge, "HTTP 400 (healthCheck.expectStatus)")


def test_http_does_not_wait_for_the_end_of_a_connection_that_stays_open(http_server, http_bridge):
    bridge = http_bridge(timeout="1h", unhealthyThreshold=1)
    answer_with(http_server, "200+keep-alive")
    wait_until_well(bridge)
    answer_with(http_server, "500+keep-alive")
    wait_until_ill(bridge, "HTTP 500")
    answer_with(http_server, "200+keep-alive")
    wait_until_well(bridge)


@pytest.mark.parametrize("answer, reason", [
    ("silent", "no answer within 0.2 s (healthCheck.timeout)"), ("garbage", "the answer is not HTTP/1.1")])
def test_http_says_what_is_wrong_with_an_answer(http_server, http_bridge, answer, reason):
    bridge = http_bridge(timeout="200ms")
    wait_until_well(bridge)
    answer_with(http_server, answer)
    wait_until_ill(bridge, reason)
    answer_with(http_server, "200")
    wait_until_well(bridge)


# TCP.

def test_tcp_is_content_with_a_connection_and_minds_that_there_is_none(start_bridge, make_config, start_backend):
    servers = [start_backend("tcp_server.py", mode) for mode in ("echo", "ack")]
    port = servers[0].port
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "websocket"}, "backend": "b", "websocket": {"allowOrigins": ["*"]}}],
        backends={"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{server.port}" for server in servers],
                        "healthCheck": {"type": "tcp", "interval": "30ms", "unhealthyThreshold": 2}}}, workers=1))

    def who():
        with WebSocket(bridge.address("clear"), "/", None) as one:
            one.send(BINARY, b"who")
            return one.read_bytes(3)

    def seen():
        return {who() for _ in range(6)}

    wait_until("both", lambda: seen() == {b"who", b"ACK"})
    servers[0].kill()
    # Held, so that nobody else gets the port; a socket that does not listen refuses (RFC 9293 §3.10.7.1).
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        wait_until("the verdict", lambda: "endpoint is unhealthy (healthCheck)" in bridge.errors())
        assert "connection refused" in bridge.errors()
        assert seen() == {b"ACK"}
    servers[0] = start_backend("tcp_server.py", "echo", port)
    wait_until("both again", lambda: seen() == {b"who", b"ACK"})
    for server in servers:
        server.kill()
