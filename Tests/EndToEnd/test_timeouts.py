# rtbridge: each time-out is named where it is told: to the client, in the log, in the counter.
# SPDX-License-Identifier: Apache-2.0
import http.client
import re
import socket

import pytest

from support.admin import failures, wait_value
from support.faults import FaultProxy
from support.grpc_web import Endpoint, frame, name_message
from support.http1 import Http1
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, CLOSE, Refused, WebSocket

CALL = "/raw.Raw/Call"


class HangingListener:
    """Its queue of connections is full: the next SYN is not answered (listen(2))."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.server.getsockname()[1]
        self.fillers = []
        while self._fill():
            pass

    def _fill(self):
        filler = socket.socket()
        filler.settimeout(0.2)
        self.fillers.append(filler)
        try:
            filler.connect(("127.0.0.1", self.port))
            return True
        except TimeoutError:
            return False

    def close(self):
        for one in [*self.fillers, self.server]:
            one.close()


@pytest.fixture(scope="module")
def hanging():
    listener = HangingListener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def proxy(tcp_echo):
    proxy = FaultProxy(tcp_echo.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server, tcp_echo, udp_echo, hanging, proxy):
    grpc = f"grpc://127.0.0.1:{scripted_server.port}"
    tcp = f"tcp://127.0.0.1:{tcp_echo.port}"

    def call(name, backend=grpc, **more):
        return {"name": name, "match": {"protocol": "grpc-web", "headers": {"x-route": name}}, "backend": backend, **more}

    def session(name, backend=tcp, websocket=None, **more):
        return {"name": name, "match": {"protocol": "websocket", "path": f"/{name}"}, "backend": backend,
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off", **(websocket or {})}, **more}

    slow = {"endpoints": [f"127.0.0.1:{hanging.port}"], "timeouts": {"connect": "100ms"}}
    return start_bridge(make_config([
        call("deadline", timeouts={"deadline": "100ms"}),
        call("max-deadline", timeouts={"maxDeadline": "100ms"}),
        call("asked-deadline"),
        call("idle", timeouts={"idle": "100ms"}),
        call("connect", {"protocol": "grpc", **slow}),
        call("attempt", retryPolicy={"maxAttempts": 2, "initialBackoff": "1ms", "perAttemptTimeout": "100ms"}),
        session("ws-idle", timeouts={"idle": "100ms"}),
        session("ws-connect", {"protocol": "tcp", **slow}),
        session("ws-pong", websocket={"pingInterval": "50ms", "pongTimeout": "50ms"}),
        session("udp-idle", f"udp://127.0.0.1:{udp_echo.port}", udp={"idle": "100ms"}),
        session("max-hold", f"tcp://127.0.0.1:{proxy.port}", reconnect={
            "mode": "resume", "maxHold": "200ms", "backoff": {"initial": "5ms", "max": "10ms"}}),
        *({"name": f"{name}-connect", "match": {"protocol": name, "path": f"/{name}-connect"}, "backend": {"protocol": back, **slow}}
          for name, back in (("http", "http"), ("sse", "tcp"))),
    ], listener={"limits": {"headerTimeout": "300ms"}}, admin={"address": "127.0.0.1:0"}, logging={"level": "debug"}))


def access_line(bridge, route):
    """The fields of the route's access line."""
    def find():
        lines = [line for line in bridge.errors().splitlines() if " access " in line and f"route.name={route} " in line]
        return lines[-1] if lines else None

    line = wait_until(f"the access line of {route}", find)
    return dict(re.findall(r"([\w.]+)=(\S+)", line))


def check(bridge, route, key, kind, count=1):
    fields = access_line(bridge, route)
    assert (fields["failure.timeout"], fields["failure.kind"]) == (key, kind)
    wait_value(bridge, count, "rtbridge_timeouts_total", route=route, timeout=key)
    wait_value(bridge, 1, "rtbridge_requests_total", route=route, outcome=kind)
    wait_value(bridge, 0, "rtbridge_requests_total", route=route, outcome="ok")
    wait_value(bridge, 0, "rtbridge_requests_active", route=route)
    return fields


@pytest.mark.parametrize("route", ["http-connect", "sse-connect"])
def test_of_a_request(bridge, route):
    connection = http.client.HTTPConnection(*bridge.address("clear"), timeout=DEADLINE)
    connection.request("GET", f"/{route}", headers={"accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.status == 504 and "timeouts.connect" in answer.read().decode()
    connection.close()
    check(bridge, route, "timeouts.connect", "connect_timeout")


@pytest.mark.parametrize("route, key, kind, timeout", [
    ("deadline", "timeouts.deadline", "deadline_exceeded", None),
    ("max-deadline", "timeouts.maxDeadline", "deadline_exceeded", None),
    ("asked-deadline", "grpc-timeout", "deadline_exceeded", "100m"),
    ("idle", "timeouts.idle", "idle_timeout", None),
    ("connect", "timeouts.connect", "connect_timeout", None),
    ("attempt", "retryPolicy.perAttemptTimeout", "attempt_timeout", None),
])
def test_of_a_call(bridge, scripted, route, key, kind, timeout):
    scripted.script = lambda stream: stream.wait_reset()
    headers = [("x-route", route)] + ([("grpc-timeout", timeout)] if timeout else [])
    reply = Endpoint(bridge.address("clear"), None, "http/2").call(CALL, frame(name_message("x")), headers=headers)
    assert reply.status in (4, 14) and key in reply.message
    # The first attempt's time-out is counted too; it ended no call.
    fields = check(bridge, route, key, kind, count=2 if route == "attempt" else 1)
    assert fields.get("attempts") == ("2" if route == "attempt" else None)
    failure = next(one for one in failures(bridge) if one["route"] == route)
    assert (failure["kind"], failure["timeout"]) == (kind, key) and key in failure["reason"]


@pytest.mark.parametrize("route, key, code", [
    ("ws-idle", "timeouts.idle", 1001), ("udp-idle", "udp.idle", 1001)])
def test_of_an_idle_session(bridge, route, key, code):
    with WebSocket(bridge.address("clear"), f"/{route}") as one:
        close = one.read()
        assert (close.opcode, close.code) == (CLOSE, code) and key in close.reason
        one.send(CLOSE, close.payload)
    check(bridge, route, key, "idle_timeout")


def test_of_connecting(bridge):
    with pytest.raises(Refused) as refusal:
        WebSocket(bridge.address("clear"), "/ws-connect")
    assert refusal.value.reply.status == 504 and b"(timeouts.connect)" in refusal.value.reply.body
    check(bridge, "ws-connect", "timeouts.connect", "connect_timeout")


def test_of_a_pong(bridge):
    with WebSocket(bridge.address("clear"), "/ws-pong") as one:
        # Nothing is said to a client that does not answer: the pings, and then the end.
        _, close = one.read_until_close()
        assert close is None
    check(bridge, "ws-pong", "websocket.pongTimeout", "idle_timeout")


def test_of_a_hold(bridge, proxy):
    with WebSocket(bridge.address("clear"), "/max-hold") as one:
        one.send(BINARY, b"x")
        assert one.read_bytes(1) == b"x"
        proxy.refuse()
        close = one.read()
        assert (close.opcode, close.code) == (CLOSE, 1013)
        assert "connection refused, and no answer within reconnect.maxHold (attempt " in close.reason
        one.send(CLOSE, close.payload)
    check(bridge, "max-hold", "reconnect.maxHold", "connect_failed")


@pytest.mark.parametrize("begun", [b"GET /ws-idle HTT", b"P", b""])
def test_of_a_request_head(bridge, begun):
    """With nothing of a request there is nobody to answer."""
    before = bridge.errors().count("failure.timeout=limits.headerTimeout")
    http = Http1(bridge.address("clear"), None)
    if begun:
        http.send(begun)
    if begun.startswith(b"GET"):
        reply = http.read_reply()
        # RFC 9110 §15.5.9.
        assert reply.status == 408 and b"(limits.headerTimeout)" in reply.body
    with pytest.raises((EOFError, ConnectionError)):
        http.read_reply()
    http.close()
    wait_until("the log", lambda: bridge.errors().count("failure.timeout=limits.headerTimeout") == before + 1)
    wait_value(bridge, before + 1, "rtbridge_listener_timeouts_total", listener="clear", timeout="limits.headerTimeout")
