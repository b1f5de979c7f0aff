# rtbridge: gRPC-Web deadlines, cancellation and slow readers, as the back-end sees them.
# SPDX-License-Identifier: Apache-2.0
import threading

import pytest

from support import http2
from support.grpc_web import Endpoint, frame
from support.http2 import ConnectionLost, ScriptedHTTP2
from support.waiting import DEADLINE, wait_still, wait_until

CALL = "/raw.Raw/Call"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]
CANCEL = 8
DEADLINE_EXCEEDED = 4


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server):
    backend = f"grpc://127.0.0.1:{scripted_server.port}"
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web", "pathPrefix": "/bounded."}, "backend": backend,
         "timeouts": {"deadline": "300ms", "maxDeadline": "400ms"}},
        {"match": {"protocol": "grpc-web"}, "backend": backend},
    ]))


@pytest.fixture(params=["http/1.1-tls", "http/2-tls", "http/1.1", "http/2"])
def endpoint(request, bridge, tls_of):
    version, _, tls = request.param.partition("-")
    listener = "tls" if tls else "clear"
    return Endpoint(bridge.address(listener), tls_of(listener), version)


def answer(stream):
    stream.wait_end()
    stream.send_headers(HEADERS)
    stream.send_headers(OK, end=True)


def sleep_until_reset(stream):
    stream.wait_reset()


def first_stream(scripted):
    return wait_until("a stream at the back-end", lambda: scripted.streams and scripted.streams[0])


UNITS = {"H": 3600e9, "M": 60e9, "S": 1e9, "m": 1e6, "u": 1e3, "n": 1}


def nanoseconds(timeout):
    """gRPC PROTOCOL-HTTP2.md: Timeout is a TimeoutValue of at most 8 digits and a unit."""
    assert timeout[:-1].isdigit() and 1 <= len(timeout[:-1]) <= 8, f"not a grpc-timeout: {timeout!r}"
    return int(timeout[:-1]) * UNITS[timeout[-1]]


@pytest.mark.parametrize("sent, asked", [
    ("1H", 3600e9), ("10M", 600e9), ("99S", 99e9), ("60000m", 60e9), ("99999999u", 99.999999e9),
    ("100000000000n", 100e9), ("99999999999u", 99999.999999e9), ("000000000000030S", 30e9),
])
def test_the_remaining_time_goes_on_in_at_most_eight_digits(endpoint, scripted, sent, asked):
    scripted.script = answer
    assert endpoint.call(CALL, frame(b""), headers=[("grpc-timeout", sent)]).status == 0
    remaining = nanoseconds(scripted.streams[0].header("grpc-timeout"))
    # Rounded up by less than a unit of the coarser number, and less by the time that the call took so far.
    assert asked - DEADLINE * 1e9 < remaining <= asked * 1.001 + 1e9


def test_a_call_without_a_timeout_goes_on_without_one(endpoint, scripted):
    scripted.script = answer
    assert endpoint.call(CALL, frame(b"")).status == 0
    assert scripted.streams[0].header("grpc-timeout") is None


def test_an_expired_call_is_answered_by_the_bridge_and_cancelled_behind(endpoint, scripted):
    scripted.script = sleep_until_reset
    reply = endpoint.call(CALL, frame(b""), headers=[("grpc-timeout", "150m")])
    assert (reply.http_status, reply.status) == (200, DEADLINE_EXCEEDED)
    assert reply.is_trailers_only
    for stream in scripted.streams:
        assert stream.wait_reset() == CANCEL


def test_a_stream_that_expires_ends_with_a_trailer_frame(endpoint, scripted):
    def script(stream):
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"in time"))
        stream.wait_reset()

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""), headers=[("grpc-timeout", "800m")])
    assert reply.messages == [b"in time"]
    assert reply.trailer("grpc-status") == [str(DEADLINE_EXCEEDED)]
    assert scripted.streams[0].wait_reset() == CANCEL


def test_the_route_s_deadline_holds_for_calls_without_one(endpoint, scripted):
    scripted.script = sleep_until_reset
    assert endpoint.call("/bounded.Raw/Call", frame(b"")).status == DEADLINE_EXCEEDED
    assert nanoseconds(first_stream(scripted).header("grpc-timeout")) <= 300e6


def test_no_call_gets_more_than_the_route_s_longest_deadline(endpoint, scripted):
    scripted.script = sleep_until_reset
    assert endpoint.call("/bounded.Raw/Call", frame(b""), headers=[("grpc-timeout", "1H")]).status == DEADLINE_EXCEEDED
    assert nanoseconds(first_stream(scripted).header("grpc-timeout")) <= 400e6


@pytest.mark.parametrize("malformed", ["", "1", "S", "1.5S", "-1S", "1s", "1 S", "99999999999999999999999999999H"])
def test_a_malformed_timeout_harms_nobody(endpoint, scripted, malformed):
    scripted.script = answer
    reply = endpoint.call(CALL, frame(b""), headers=[("grpc-timeout", malformed)])
    assert reply.http_status in (200, 400)
    for stream in scripted.streams:
        if stream.header("grpc-timeout") is not None:
            nanoseconds(stream.header("grpc-timeout"))
    assert endpoint.call(CALL, frame(b"")).status == 0


# Cancellation.

def test_a_client_that_goes_away_before_the_answer_cancels_the_call(endpoint, scripted):
    scripted.script = sleep_until_reset
    call = endpoint.stream(CALL)
    call.send(frame(b"x"))
    stream = first_stream(scripted)
    stream.wait_body(6)
    call.abort()
    assert stream.wait_reset() == CANCEL


def test_a_client_that_goes_away_in_mid_stream_cancels_the_call(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"first"))
        stream.wait_reset()

    scripted.script = script
    call = endpoint.stream(CALL)
    call.send(frame(b""))
    call.finish()
    call.read(10)
    call.abort()
    assert first_stream(scripted).wait_reset() == CANCEL


def test_a_client_that_goes_away_while_a_write_is_blocked_cancels_the_call(bridge, scripted, tls_of):
    started = threading.Event()

    def script(stream):
        stream.send_headers(HEADERS)
        started.set()
        try:
            while True:
                stream.send_data(frame(b"x" * 16384))
        except ConnectionLost:
            pass

    for listener in ("tls", "clear"):
        scripted.streams.clear()
        scripted.script = script
        call = Endpoint(bridge.address(listener), tls_of(listener), "http/2").stream(CALL)
        call.stream.is_held = True
        call.send(frame(b""))
        call.finish()
        stream = first_stream(scripted)
        call.stream.wait_body(65535)          # the client's window is used up
        call.abort()
        assert stream.wait_reset() == CANCEL


def test_the_back_end_s_limit_of_streams_is_kept(start_bridge, make_config, certificates):
    """RFC 9113 §5.1.2: "Endpoints MUST NOT exceed the limit set by their peer". The calls above it wait."""
    most, lock, server = [0], threading.Lock(), None

    def script(stream):
        stream.wait_end()
        with lock:
            # On each connection: the bridge may open more of them.
            most[0] = max(most[0], *(sum(1 for other in list(connection.streams.values())
                                         if not getattr(other, "is_answered", False))
                                     for connection in server.connections))
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"x"))
        stream.is_answered = True
        stream.send_headers(OK, end=True)

    server = ScriptedHTTP2(script, max_streams=2)
    bridge = start_bridge({**make_config([{"match": {"protocol": "grpc-web"},
                                           "backend": f"grpc://127.0.0.1:{server.port}"}]), "workers": 1})
    endpoint = Endpoint(bridge.address("tls"), certificates.context(), "http/2")
    connection = http2.connect(endpoint.address, endpoint.tls)
    calls = [connection.open([(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", CALL),
                              ("content-type", "application/grpc-web")]) for _ in range(40)]
    for call in calls:
        call.send_data(frame(b""), end=True)
    for call in calls:
        assert call.wait_end().startswith(frame(b"x"))
    assert most[0] <= 2
    server.check()
    connection.close()
    server.close()


def test_a_cancelled_call_leaves_its_neighbours_alone(bridge, scripted, certificates):
    """Two calls on one connection; the one that goes on has its window to itself."""
    go_on = threading.Event()

    def script(stream):
        stream.send_headers(HEADERS)
        assert go_on.wait(DEADLINE)
        stream.send_data(frame(b"y" * 200000))
        stream.send_headers(OK, end=True)

    scripted.script = script
    endpoint = Endpoint(bridge.address("tls"), certificates.context(), "http/2")
    one = endpoint.stream(CALL)
    two = one.connection.open([(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", CALL),
                               ("content-type", "application/grpc-web")])
    one.send(frame(b"")), two.send_data(frame(b""), end=True)
    one.stream.wait_headers(), two.wait_headers()
    one.abort()
    wait_until("the reset behind", lambda: any(stream.reset is not None for stream in scripted.streams))
    go_on.set()
    assert frame(b"y" * 200000) in two.wait_end()
    one.connection.close()


def test_many_cancelled_calls_do_not_use_up_the_connection_window(bridge, scripted, certificates):
    """What came for a call that is gone must be given back (RFC 9113 §6.9), or the connection stalls for good."""
    def script(stream):
        stream.send_headers(HEADERS)
        try:
            stream.send_data(frame(b"z" * 60000))
            stream.send_headers(OK, end=True)
        except ConnectionLost:
            pass

    scripted.script = script
    endpoint = Endpoint(bridge.address("tls"), certificates.context(), "http/2")
    first = endpoint.stream(CALL)
    for _ in range(60):
        call = first.connection.open([(":method", "POST"), (":scheme", "https"), (":authority", "localhost"),
                                      (":path", CALL), ("content-type", "application/grpc-web")])
        call.send_data(frame(b""), end=True)
        call.wait_headers()
        call.send_reset(CANCEL)
    first.finish()
    assert frame(b"z" * 60000) in first.stream.wait_end()
    assert frame(b"z" * 60000) in endpoint.call(CALL, frame(b"")).body
    first.connection.close()


def test_a_slow_reader_stops_the_back_end_and_loses_nothing(endpoint, scripted):
    total, piece = 24 << 20, 65536
    sent = []

    def script(stream):
        stream.send_headers(HEADERS)
        for _ in range(total // piece):
            stream.send_data(frame(b"s" * (piece - 5)), deadline=4 * DEADLINE)
            sent.append(piece)
        stream.send_headers(OK, end=True)

    scripted.script = script
    call = endpoint.stream(CALL, receive_buffer=1 << 18)
    if call.is_http2:
        call.stream.is_held = True
    call.send(frame(b""))
    call.finish()
    wait_until("a first piece", lambda: sent)
    # What the windows, the sockets of the system and the bridge's own bounded buffers hold is far less than all.
    assert wait_still("the back-end", lambda: sum(sent)) < total // 2
    if call.is_http2:
        call.stream.release()
    reply = call.reply()
    assert reply.status == 0
    assert len(reply.messages) == total // piece
