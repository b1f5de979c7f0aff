# rtbridge: SIGTERM and SIGINT: nothing new is taken, what runs may end, the exit status is 0.
# SPDX-License-Identifier: Apache-2.0
import signal
import socket
import time

import pytest

from support.grpc_web import Endpoint, frame
from support.http1 import Http1, exchange
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, CLOSE, WebSocket

CALL = "/raw.Raw/Call"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def number(request):
    return request.param


@pytest.fixture
def make_bridge(start_bridge, make_config, scripted_server, tcp_echo):
    """A bridge of its own for each test; the tests stop it themselves."""
    def make(drain):
        bridge = start_bridge(make_config([
            {"match": {"protocol": ["grpc-web", "grpc"]}, "backend": f"grpc://127.0.0.1:{scripted_server.port}"},
            {"match": {"protocol": "websocket", "path": "/echo"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}",
             "websocket": {"allowOrigins": ["*"], "pingInterval": "off"}},
        ], drain=drain, admin={"address": "127.0.0.1:0"}))
        bridge.was_stopped = True
        return bridge
    return make


def is_refused(address):
    try:
        socket.create_connection(address, DEADLINE).close()
        return False
    except ConnectionRefusedError:
        return True


def first_stream(scripted):
    return wait_until("a stream at the back-end", lambda: scripted.streams and scripted.streams[0])


def test_an_idle_bridge_stops_at_once(make_bridge, number):
    bridge = make_bridge("60s")
    bridge.signal(number)
    # Long before the drain time is over: there is nothing to wait for.
    assert bridge.wait(DEADLINE) == 0
    for listener in ("tls", "clear", "admin"):
        assert is_refused(bridge.address(listener))


@pytest.mark.parametrize("version", ["http/1.1", "http/2"])
def test_a_call_in_flight_ends_in_peace(make_bridge, number, scripted, certificates, version):
    bridge = make_bridge("60s")
    released = []

    def script(stream):
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"before"))
        stream.wait_end()
        stream.send_data(frame(b"after"))
        stream.send_headers([("grpc-status", "0")], end=True)
        released.append(True)

    scripted.script = script
    call = Endpoint(bridge.address("tls"), certificates.context(), version).stream(CALL)
    call.send(frame(b"x"))
    assert call.read(11) == frame(b"before")
    bridge.signal(number)
    wait_until("the listeners to close", lambda: is_refused(bridge.address("tls")))
    if version == "http/2":
        # RFC 9113 §6.8: GOAWAY names the last stream that is still served.
        call.connection.wait("GOAWAY", lambda: call.connection.goaway)
        last, code, _ = call.connection.goaway
        assert last >= call.stream.identifier and code == 0
    assert bridge.is_running and not released
    call.finish()
    reply = call.reply()
    assert (reply.messages, reply.status) == ([b"before", b"after"], 0)
    assert bridge.wait(DEADLINE) == 0


def test_websockets_are_closed_with_1001(make_bridge, number, certificates):
    bridge = make_bridge("60s")
    sockets = [WebSocket(bridge.address(listener), "/echo", tls)
               for listener, tls in (("tls", certificates.context()), ("clear", None))]
    for one in sockets:
        one.send(BINARY, b"x")
        assert one.read_bytes(1) == b"x"
    bridge.signal(number)
    for one in sockets:
        _, close = one.read_until_close()
        # RFC 6455 §7.4.1: 1001, "such as a server going down".
        assert close is not None and close.code == 1001
        one.send(CLOSE, close.payload)
        assert one.read() is None
    assert bridge.wait(DEADLINE) == 0


def test_a_call_that_does_not_end_is_cut_off_when_the_drain_time_is_over(make_bridge, scripted, certificates):
    bridge = make_bridge("1s")
    scripted.script = lambda stream: stream.wait_reset()
    call = Endpoint(bridge.address("tls"), certificates.context(), "http/2").stream(CALL)
    call.send(frame(b"x"))
    stream = first_stream(scripted)
    begin = time.monotonic()
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(DEADLINE) == 0
    assert time.monotonic() - begin >= 0.9, "the call was not given its drain time"
    wait_until("the end behind", lambda: stream.reset is not None or stream.connection.is_closed)


def test_a_client_that_ignores_the_close_does_not_hold_the_bridge(make_bridge, certificates):
    bridge = make_bridge("1s")
    one = WebSocket(bridge.address("tls"), "/echo", certificates.context())
    one.send(BINARY, b"x")
    assert one.read_bytes(1) == b"x"
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(DEADLINE) == 0


def test_an_idle_keep_alive_connection_does_not_hold_the_bridge(make_bridge, certificates):
    bridge = make_bridge("60s")
    http = Http1(bridge.address("tls"), certificates.context())
    http.send_head("GET", "/nowhere", [])
    assert http.read_reply().status >= 400
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(DEADLINE) == 0
    http.close()


def test_a_draining_bridge_is_alive_and_not_ready(make_bridge, scripted, certificates):
    """What a load balancer asks before it stops sending: the admin listener outlives the others."""
    bridge = make_bridge("60s")
    scripted.script = lambda stream: (stream.wait_end(), stream.send_headers([*HEADERS, ("grpc-status", "0")], end=True))
    call = Endpoint(bridge.address("tls"), certificates.context(), "http/2").stream(CALL)
    call.send(frame(b"x"))
    first_stream(scripted)
    bridge.signal(signal.SIGTERM)
    wait_until("not ready", lambda: exchange(bridge.address("admin"), "GET", "/readyz").status == 503)
    assert exchange(bridge.address("admin"), "GET", "/livez").status == 200
    call.finish()
    assert call.reply().status == 0
    assert bridge.wait(DEADLINE) == 0
