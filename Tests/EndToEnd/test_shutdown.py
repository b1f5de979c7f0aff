# rtbridge: SIGTERM and SIGINT: nothing new is taken, what runs may end, the exit status is 0.
# SPDX-License-Identifier: Apache-2.0
import ctypes
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from support.bridge import binary
from support.grpc_web import Endpoint, frame
from support.http1 import Http1, exchange
from support.processes import Child
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


# The signal itself: whenever and wherever the kernel delivers it.

LIBC = ctypes.CDLL(None, use_errno=True)


def mask(status, name):
    """A set of signals as proc(5) has it: a bit for each."""
    lines = Path(status).read_text().splitlines()
    return int(next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "0"), 16)


def handles(pid, number):
    return mask(f"/proc/{pid}/status", "SigCgt") >> (number - 1) & 1


def open_threads(pid, number):
    """The threads that do not block the signal; no other one is ever given it."""
    ids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    return [thread for thread in ids if not mask(f"/proc/{pid}/task/{thread}/status", "SigBlk") >> (number - 1) & 1]


def test_a_signal_that_comes_before_the_bridge_is_ready_is_not_lost(make_config, tcp_echo, tmp_path, number):
    """Sent as soon as there is a handler: nobody waits for the signal yet, and the listeners are not bound."""
    config = make_config([{"match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}"}])
    (tmp_path / "routes.json").write_text(json.dumps(config))
    for attempt in range(10):
        bridge = Child([binary(), "--config", tmp_path / "routes.json"], tmp_path / f"{attempt}.log")
        try:
            wait_until("a handler", lambda: handles(bridge.pid, number))
            bridge.signal(number)
            assert bridge.wait(DEADLINE) == 0
        finally:
            bridge.kill()


def test_a_signal_is_taken_by_whatever_thread_gets_it(make_bridge, number):
    count = 1
    while count > 0:
        bridge = make_bridge("5s")
        threads = open_threads(bridge.pid, number)
        assert threads, "every thread blocks the signal: it could never be delivered"
        count = min(count, len(threads))
        assert LIBC.tgkill(bridge.pid, threads[count - 1], number) == 0
        assert bridge.wait(DEADLINE) == 0
        count = count + 1 if count < len(threads) else 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(make_bridge, scripted, certificates, number, second):
    bridge = make_bridge("3600s")
    scripted.script = lambda stream: stream.wait_reset()
    call = Endpoint(bridge.address("tls"), certificates.context(), "http/2").stream(CALL)
    call.send(frame(b"x"))
    stream = first_stream(scripted)
    bridge.signal(number)
    wait_until("the drain", lambda: is_refused(bridge.address("tls")))
    assert bridge.is_running
    bridge.signal(second)
    assert bridge.wait(DEADLINE) == 1
    wait_until("the end behind", lambda: stream.reset is not None or stream.connection.is_closed)


def test_sigpipe_is_ignored(make_bridge, certificates):
    """A closed socket, or standard output, shows as an error where it is written to."""
    bridge = make_bridge("5s")
    bridge.signal(signal.SIGPIPE)
    with WebSocket(bridge.address("tls"), "/echo", certificates.context()) as one:
        one.send(BINARY, b"x")
        assert one.read_bytes(1) == b"x"
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(DEADLINE) == 0
