# rtbridge: gRPC-Web errors: each back-end's failure becomes the right status, with a reason.
# SPDX-License-Identifier: Apache-2.0
"""Sources: gRPC PROTOCOL-HTTP2.md ("HTTP2 Transport Mapping", "Errors"), http-grpc-status-mapping.md."""

import threading

import pytest

from support.grpc_web import BINARY, Endpoint, frame, name_message
from support.http2 import ScriptedHTTP2
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_until

CALL = "/raw.Raw/Call"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]
(CANCELLED, UNKNOWN, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE,
 UNAUTHENTICATED) = (1, 2, 7, 8, 12, 13, 14, 16)


@pytest.fixture(scope="module")
def down():
    keep, port = refused_port()
    yield port
    keep.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server, down):
    def route(prefix, port, **more):
        return {"match": {"protocol": "grpc-web", "pathPrefix": prefix}, "backend": f"grpc://127.0.0.1:{port}", **more}
    return start_bridge(make_config([
        route("/raw.Raw/", scripted_server.port, maxMessageBytes="64KiB"),
        route("/down.Down/", down),
        route("/brief.Down/", down, errors={"detail": "brief"}),
        {"match": {"protocol": "websocket", "path": "/ws"}, "backend": "tcp://127.0.0.1:9"},
    ]))


@pytest.fixture(params=["http/1.1-tls", "http/2-tls"])
def endpoint(request, bridge, tls_of):
    return Endpoint(bridge.address("tls"), tls_of("tls"), request.param.partition("-")[0])


def check_made_by_the_bridge(reply):
    """HTTP 200, a gRPC-Web content type, the status in the headers, no body: all that grpc-web's JavaScript reads."""
    assert reply.http_status == 200
    assert reply.content_type == BINARY
    assert reply.is_trailers_only and reply.raw_body == b""


def test_a_call_without_a_route_is_unimplemented(endpoint):
    reply = endpoint.call("/no.Such/Thing", frame(b""))
    check_made_by_the_bridge(reply)
    assert reply.status == UNIMPLEMENTED and reply.message


def test_a_back_end_that_is_down_is_unavailable_with_address_and_reason(endpoint, down):
    reply = endpoint.call("/down.Down/Call", frame(b""))
    check_made_by_the_bridge(reply)
    assert reply.status == UNAVAILABLE
    assert f"127.0.0.1:{down}" in reply.message
    assert "refused" in reply.message.lower()


def test_brief_errors_tell_no_address(endpoint, down):
    reply = endpoint.call("/brief.Down/Call", frame(b""))
    assert reply.status == UNAVAILABLE
    assert str(down) not in reply.message and "127.0.0.1" not in reply.message


@pytest.mark.parametrize("http_status, status", [
    (400, INTERNAL), (401, UNAUTHENTICATED), (403, PERMISSION_DENIED), (404, UNIMPLEMENTED), (429, UNAVAILABLE),
    (502, UNAVAILABLE), (503, UNAVAILABLE), (504, UNAVAILABLE), (200, UNKNOWN), (418, UNKNOWN), (500, UNKNOWN),
])
def test_an_answer_that_is_not_grpc_is_mapped_from_its_http_status(endpoint, scripted, http_status, status):
    def script(stream):
        stream.wait_end()
        stream.send_headers([(":status", str(http_status)), ("content-type", "text/html")])
        stream.send_data(b"<h1>the lights are out</h1>", end=True)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert (reply.http_status, reply.status) == (200, status)
    assert "the lights are out" in reply.message and str(http_status) in reply.message
    assert reply.content_type == BINARY and reply.messages == []


def test_no_more_than_16_kib_of_an_error_page_go_into_the_message(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers([(":status", "503"), ("content-type", "text/html")])
        stream.send_data(b"x" * (1 << 20), end=True)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.status == UNAVAILABLE
    assert len(reply.message) <= 17 * 1024


def test_a_grpc_status_counts_more_than_the_http_status(endpoint, scripted):
    # http-grpc-status-mapping.md: "to be used only for clients that received a response that did not include
    # grpc-status".
    def script(stream):
        stream.wait_end()
        stream.send_headers([(":status", "503"), ("content-type", "application/grpc"), ("grpc-status", "9"),
                             ("grpc-message", "mine")], end=True)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert (reply.http_status, reply.status, reply.message) == (200, 9, "mine")


RESETS = [
    (0x0, INTERNAL), (0x1, INTERNAL), (0x2, INTERNAL), (0x3, INTERNAL), (0x4, INTERNAL), (0x6, INTERNAL),
    (0x7, UNAVAILABLE), (0x8, CANCELLED), (0x9, INTERNAL), (0xA, INTERNAL), (0xB, RESOURCE_EXHAUSTED),
    (0xC, PERMISSION_DENIED),
]


@pytest.mark.parametrize("code, status", RESETS)
def test_a_reset_before_headers_becomes_a_status(endpoint, scripted, code, status):
    def script(stream):
        stream.wait_end()
        stream.send_reset(code)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    check_made_by_the_bridge(reply)
    assert reply.status == status and reply.message


@pytest.mark.parametrize("code, status", RESETS)
def test_a_reset_after_a_message_becomes_a_trailer_frame(endpoint, scripted, code, status):
    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"whole"))
        stream.send_reset(code)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.messages == [b"whole"]
    assert reply.status == status and reply.trailer("grpc-status") == [str(status)]


def test_a_reset_inside_a_message_cuts_the_answer_off(endpoint, scripted):
    """A made-up frame inside a frame would be taken for data; the only honest end is an abort."""
    arrived = threading.Event()

    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"cut off here")[:9])
        assert arrived.wait(DEADLINE)
        stream.send_reset(2)

    scripted.script = script
    call = endpoint.stream(CALL)
    call.send(frame(b""))
    call.finish()
    assert call.read(9) == frame(b"cut off here")[:9]
    arrived.set()
    assert call.was_cut()


def test_an_answer_that_ends_without_a_status_is_an_error(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"whole"), end=True)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.messages == [b"whole"] and reply.status in (UNKNOWN, INTERNAL)


def test_a_back_end_that_goes_away_before_it_took_the_call_is_unavailable(endpoint, scripted):
    # RFC 9113 §6.8: streams above the last identifier of GOAWAY were not and will not be processed.
    def script(stream):
        stream.wait_end()
        stream.connection.send_goaway(0)
        stream.connection.close()

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    check_made_by_the_bridge(reply)
    assert reply.status == UNAVAILABLE


def test_a_call_that_goaway_spares_ends_in_peace(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.connection.send_goaway(stream.identifier)
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"still here"))
        stream.send_headers(OK, end=True)

    scripted.script = script
    for _ in range(3):
        reply = endpoint.call(CALL, frame(b""))
        assert (reply.status, reply.messages) == (0, [b"still here"])


def test_a_connection_lost_in_mid_call_is_unavailable(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"whole"))
        stream.connection.close()

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.messages == [b"whole"]
    assert reply.status == UNAVAILABLE and f"127.0.0.1:{scripted.port}" in reply.message


def test_a_back_end_that_does_not_speak_http2_is_unavailable(start_bridge, make_config, tls_of):
    server = ScriptedTCP()
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{server.port}"}]))
    call = Endpoint(bridge.address("clear"), None, "http/1.1").stream(CALL)
    call.send(frame(b""))
    call.finish()
    server.take().send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    reply = call.reply()
    server.close()
    assert reply.status in (UNAVAILABLE, INTERNAL) and str(server.port) in reply.message


# The longest message.

def test_a_request_message_above_the_limit_is_refused_by_name(endpoint, scripted):
    scripted.script = lambda stream: stream.wait_reset()
    call = endpoint.stream(CALL)
    # The length alone tells: not one byte of the payload is needed.
    call.send(frame(b"x" * 70000)[:100])
    reply = call.reply()
    assert (reply.http_status, reply.status) == (200, RESOURCE_EXHAUSTED)
    assert "maxMessageBytes" in reply.message and ("65536" in reply.message or "64 KiB" in reply.message
                                                   or "64KiB" in reply.message)
    for stream in scripted.streams:
        assert stream.wait_reset() == 8, "CANCEL"
        assert len(stream.body) <= 100


def test_an_answer_message_above_the_limit_is_refused_by_name(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"fits"))
        stream.send_data(frame(b"x" * 70000)[:100])

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.messages == [b"fits"]
    assert reply.status == RESOURCE_EXHAUSTED and "maxMessageBytes" in reply.message
    assert scripted.streams[0].wait_reset() == 8, "CANCEL"


def test_a_message_at_the_limit_passes(endpoint, scripted):
    def script(stream):
        body = stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(body)
        stream.send_headers(OK, end=True)

    scripted.script = script
    message = b"x" * 65536
    reply = endpoint.call(CALL, frame(message))
    assert (reply.status, reply.messages) == (0, [message])


def test_many_messages_may_be_longer_than_the_limit_together(endpoint, scripted):
    def script(stream):
        body = stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_data(body)
        stream.send_headers(OK, end=True)

    scripted.script = script
    messages = [b"x" * 50000] * 20
    assert endpoint.call(CALL, b"".join(map(frame, messages))).messages == messages


def test_a_back_end_that_comes_up_is_used(start_bridge, make_config):
    """gRPC connection-backoff.md: an attempt follows a failed one; the calls in between fail at once."""
    keep, port = refused_port()
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": "late"}],
        backends={"late": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{port}"],
                           "backoff": {"initial": "50ms", "max": "200ms"}}}))
    endpoint = Endpoint(bridge.address("clear"), None, "http/1.1")
    assert endpoint.call(CALL, frame(name_message("x"))).status == UNAVAILABLE
    keep.close()

    def script(stream):
        stream.wait_end()
        stream.send_headers(HEADERS)
        stream.send_headers(OK, end=True)

    server = ScriptedHTTP2(script, port=port)
    wait_until("a call that is answered", lambda: endpoint.call(CALL, frame(b"")).status == 0)
    server.close()
