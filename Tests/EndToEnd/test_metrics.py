# rtbridge: /metrics and /failures.json of the admin listener.
# SPDX-License-Identifier: Apache-2.0
import signal

import pytest

from support.admin import failures, metrics, value, wait_value
from support.faults import FaultProxy
from support.grpc_web import Endpoint, frame, name_message
from support.http1 import exchange
from support.tcp import refused_port
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, CLOSE, WebSocket, close_payload

HELLO = "/helloworld.Greeter/SayHello"
ODD = 'odd "name" with \\ and ünïcode'


@pytest.fixture(scope="module")
def nobody():
    held, port = refused_port()
    yield port
    held.close()


@pytest.fixture(scope="module")
def proxy(tcp_echo):
    proxy = FaultProxy(tcp_echo.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def named(start_backend, grpc_proto):
    server = start_backend("named_greeter.py", "named", modules=grpc_proto)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, tcp_echo, nobody, proxy, named):
    def call(name, backend, **more):
        return {"name": name, "match": {"protocol": "grpc-web", "headers": {"x-route": more.pop("header", name)}},
                "backend": backend, **more}

    quick = {"initial": "5ms", "max": "20ms"}
    return start_bridge(make_config([
        call("greeter", f"grpc://127.0.0.1:{greeter.port}"),
        call(ODD, f"grpc://127.0.0.1:{greeter.port}", header="odd"),
        call("nobody", {"protocol": "grpc", "endpoints": [f"127.0.0.1:{nobody}"], "backoff": quick},
             retryPolicy={"maxAttempts": 3, "initialBackoff": "5ms"}),
        call("ejecting", "two", retryPolicy={"maxAttempts": 2, "initialBackoff": "1ms"}),
        call("checked", "checked"),
        {"name": "echo", "match": {"protocol": "websocket", "path": "/echo"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}",
         "websocket": {"allowOrigins": ["*"]}},
        {"name": "lossy", "match": {"protocol": "websocket", "path": "/lossy"}, "backend": f"tcp://127.0.0.1:{proxy.port}",
         "websocket": {"allowOrigins": ["*"]}, "reconnect": {"mode": "resume", "backoff": quick}},
    ], backends={
        "two": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{nobody}", f"127.0.0.1:{greeter.port}"], "backoff": quick,
                "outlierDetection": {"consecutiveFailures": 1, "baseEjectionTime": "1h", "maxEjectionTime": "1h"}},
        "checked": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{named.port}"], "healthCheck": {
            "type": "grpc", "interval": "30ms", "unhealthyThreshold": 1}},
    }, admin={"address": "127.0.0.1:0"}))


def call(bridge, route):
    return Endpoint(bridge.address("clear"), None, "http/2").call(
        HELLO, frame(name_message("x")), headers=[("x-route", route)])


def test_the_format_is_prometheus_s_and_the_names_follow_its_conventions(bridge):
    call(bridge, "greeter")
    families = metrics(bridge)
    for name, family in families.items():
        assert name.startswith("rtbridge_") and family.documentation and family.type in ("counter", "gauge")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
    assert value(bridge, "rtbridge_workers") == 2
    assert (value(bridge, "rtbridge_ready"), value(bridge, "rtbridge_draining")) == (1, 0)
    assert exchange(bridge.address("admin"), "HEAD", "/metrics").status == 200
    assert exchange(bridge.address("clear"), "GET", "/metrics").status == 404, "it is for operators alone"


def test_calls_are_counted_by_route_over_all_workers(bridge):
    before = value(bridge, "rtbridge_requests_total", route="greeter", outcome="ok")
    for _ in range(40):    # a connection each: both workers get some
        assert call(bridge, "greeter").status == 0
    wait_value(bridge, before + 40, "rtbridge_requests_total", route="greeter", outcome="ok")
    # A request of 8 bytes ("x" in a message in a frame) and an answer of 5 + 11.
    count = before + 40
    assert value(bridge, "rtbridge_received_bytes_total", route="greeter") == count * 8
    assert value(bridge, "rtbridge_sent_bytes_total", route="greeter") == count * 16


def test_a_route_s_odd_name_is_escaped(bridge):
    assert call(bridge, "odd").status == 0
    wait_value(bridge, 1, "rtbridge_requests_total", route=ODD, outcome="ok")


def test_sessions_are_active_until_they_are_over(bridge):
    with WebSocket(bridge.address("clear"), "/echo") as one:
        one.send(BINARY, b"x")
        assert one.read_bytes(1) == b"x"
        assert value(bridge, "rtbridge_requests_active", route="echo") == 1
        one.send(CLOSE, close_payload(1000))
        one.read_until_close()
    wait_value(bridge, 0, "rtbridge_requests_active", route="echo")
    wait_value(bridge, 1, "rtbridge_requests_total", route="echo", outcome="ok")
    # A client that vanishes is a failure of its own.
    one = WebSocket(bridge.address("clear"), "/echo")
    one.close()
    wait_value(bridge, 1, "rtbridge_requests_total", route="echo", outcome="aborted")


def test_retries_and_connects_are_counted_and_a_failure_tells_each_attempt(bridge, nobody):
    reply = call(bridge, "nobody")
    assert reply.status == 14
    wait_value(bridge, 1, "rtbridge_requests_total", route="nobody", outcome="connect_failed")
    assert value(bridge, "rtbridge_retries_total", route="nobody") == 2
    assert value(bridge, "rtbridge_retries_refused_total", route="nobody", reason="attemptsUsedUp") == 1
    endpoint = {"backend": f"grpc://127.0.0.1:{nobody}", "endpoint": f"127.0.0.1:{nobody}"}
    assert value(bridge, "rtbridge_connects_total", outcome="connect_failed", **endpoint) >= 1
    newest = failures(bridge)[0]
    assert (newest["route"], newest["kind"], newest["origin"], newest["phase"]) == (
        "nobody", "connect_failed", "back", "connect")
    assert (newest["attempts"], newest["address"], newest["client"]) == (3, f"127.0.0.1:{nobody}", "127.0.0.1")
    assert newest["time"].endswith("Z") and newest["elapsedMs"] >= 0
    refused = [entry for entry in newest["timeline"] if entry["result"] == "connection refused"]
    assert len(refused) >= 3
    # In the order in which they ended, to the millisecond.
    ends = [round(entry["atMs"] + entry["tookMs"]) for entry in refused]
    assert ends == sorted(ends)
    assert all(entry["tookMs"] >= 0 and entry["address"] == f"127.0.0.1:{nobody}" for entry in refused)


def test_an_ejection_is_counted(bridge, nobody):
    def ejections():
        call(bridge, "ejecting")
        return value(bridge, "rtbridge_ejections_total", backend="two", endpoint=f"127.0.0.1:{nobody}")

    # Each worker counts its own; there are two.
    wait_until("an ejection", lambda: ejections() >= 1)


def test_changes_of_health_are_counted(bridge, named):
    labels = {"backend": "checked", "endpoint": f"127.0.0.1:{named.port}"}
    wait_value(bridge, 2, "rtbridge_health_changes_total", state="healthy", **labels)
    wait_value(bridge, 0, "rtbridge_endpoint_unhealthy_workers", **labels)
    named.signal(signal.SIGUSR1)
    wait_value(bridge, 2, "rtbridge_health_changes_total", state="unhealthy", **labels)
    wait_value(bridge, 2, "rtbridge_endpoint_unhealthy_workers", **labels)
    named.signal(signal.SIGUSR2)
    wait_value(bridge, 4, "rtbridge_health_changes_total", state="healthy", **labels)
    wait_value(bridge, 0, "rtbridge_endpoint_unhealthy_workers", **labels)


def test_losses_and_reconnects_are_counted_and_in_the_access_line(bridge, proxy):
    with WebSocket(bridge.address("clear"), "/lossy") as one:
        for number in range(3):
            one.send(BINARY, b"x")
            assert one.read_bytes(1) == b"x"
            accepted = proxy.accepted
            proxy.break_all()
            wait_until("the next connection", lambda: proxy.accepted > accepted)
            wait_value(bridge, number + 1, "rtbridge_reconnects_total", route="lossy")
        assert value(bridge, "rtbridge_back_losses_total", route="lossy") == 3
        assert value(bridge, "rtbridge_reconnect_attempts_total", route="lossy") >= 3
        one.send(CLOSE, close_payload(1000))
        one.read_until_close()
    line = wait_until("the access line", lambda: next(
        (line for line in bridge.errors().splitlines() if " access " in line and "route.name=lossy" in line), None))
    assert " reconnects=3 " in line


def test_a_lost_connection_s_failure_tells_how_it_came_to_be(bridge, start_bridge, make_config, tcp_echo, scripted):
    proxy = FaultProxy(tcp_echo.port)
    bridge = start_bridge(make_config([
        {"name": "plain", "match": {"protocol": "websocket"}, "backend": f"tcp://localhost:{proxy.port}",
         "websocket": {"allowOrigins": ["*"]}},
        {"name": "call", "match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted.port}"},
    ], admin={"address": "127.0.0.1:0"}, workers=1))
    with WebSocket(bridge.address("clear"), "/") as one:
        one.send(BINARY, b"x")
        assert one.read_bytes(1) == b"x"
        proxy.break_all()
        one.read_until_close()
    proxy.close()
    timeline = wait_until("the failure", lambda: failures(bridge))[0]["timeline"]
    steps = [(entry["phase"], entry["result"]) for entry in timeline]
    # localhost may be ::1 as well, where nobody listens.
    assert steps[0][0] == "resolve" and steps[0][1].startswith("addresses: ")
    assert ("connect", "connected") in steps and steps[-1] == ("body", "connection reset by peer")
    assert all("tookMs" in entry for entry in timeline[:-1])

    def script(stream):
        stream.wait_end()
        stream.send_headers([(":status", "500"), ("content-type", "text/plain")])
        stream.send_data(b"SECRET", end=True)

    scripted.script = script
    reply = Endpoint(bridge.address("clear"), None, "http/2").call(
        "/raw.Raw/Call", frame(b"PAYLOAD"), headers=[("authorization", "CREDENTIAL")])
    assert reply.status == 2 and "SECRET" in reply.message, "the client is told what the back-end said"
    newest = wait_until("the failure", lambda: next(
        (one for one in failures(bridge) if one["route"] == "call"), None))
    assert [entry["phase"] for entry in newest["timeline"]] == ["connect", "HTTP/2", "headers"]
    text = bytes(exchange(bridge.address("admin"), "GET", "/failures.json").body)
    assert not any(word in text for word in (b"SECRET", b"PAYLOAD", b"CREDENTIAL"))


def test_failures_are_bounded_and_the_newest_come_first(start_bridge, make_config, nobody):
    bridge = start_bridge(make_config([
        {"name": "nobody", "match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{nobody}",
         "websocket": {"allowOrigins": ["*"]}}], admin={"address": "127.0.0.1:0"}, workers=1))
    for _ in range(140):
        exchange(bridge.address("clear"), "GET", "/", [
            ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("sec-websocket-version", "13")])
    wait_value(bridge, 140, "rtbridge_requests_total", route="nobody", outcome="connect_failed")
    kept = failures(bridge)
    assert len(kept) == 128
    assert [one["time"] for one in kept] == sorted((one["time"] for one in kept), reverse=True)
