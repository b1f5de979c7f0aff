# rtbridge: gRPC-Web requests, byte by byte: what reaches the back-end (gRPC PROTOCOL-WEB.md, PROTOCOL-HTTP2.md).
# SPDX-License-Identifier: Apache-2.0
import base64
import random

import pytest

from support.grpc_web import BINARY, TEXT, TRAILER, Endpoint, frame, name_message
from support.http1 import Http1, exchange
from support.waiting import wait_until

HELLO = "/helloworld.Greeter/SayHello"
ECHO = "/raw.Raw/Echo"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, scripted_server):
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"},
         "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "grpc-web", "pathPrefix": "/raw.Raw/"},
         "backend": f"grpc://127.0.0.1:{scripted_server.port}"},
    ]))


@pytest.fixture(params=["http/1.1", "http/1.1-tls", "http/2", "http/2-tls"])
def endpoint(request, bridge, tls_of):
    version, _, tls = request.param.partition("-")
    listener = "tls" if tls else "clear"
    return Endpoint(bridge.address(listener), tls_of(listener), version)


def echo(stream):
    """Answers with what came, once all of it came."""
    body = stream.wait_end()
    stream.send_headers([(":status", "200"), ("content-type", "application/grpc")])
    stream.send_data(body)
    stream.send_headers([("grpc-status", "0")], end=True)


def refuse(stream):
    """Takes all, then answers INVALID_ARGUMENT, trailers-only."""
    stream.send_headers([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "3")], end=True)


# Detection.

@pytest.mark.parametrize("content_type, subtype", [
    ("application/grpc-web", ""), ("application/grpc-web+proto", "+proto"), ("application/grpc-web+json", "+json"),
    ("application/grpc-web+thrift", "+thrift"), ("application/grpc-web+x.y", "+x.y"),
    ("application/grpc-web+proto; charset=utf-8", "+proto"), ("Application/GRPC-Web+Proto", "+proto"),
])
def test_the_content_type_becomes_that_of_grpc_with_the_same_suffix(endpoint, scripted, content_type, subtype):
    scripted.script = echo
    reply = endpoint.call(ECHO, frame(b"abc"), content_type)
    assert (reply.http_status, reply.status, reply.messages) == (200, 0, [b"abc"])
    assert scripted.streams[0].header("content-type").lower() == "application/grpc" + subtype
    assert reply.content_type.lower().startswith("application/grpc-web" + subtype)


def test_a_content_type_that_is_not_grpc_web_is_refused_with_415(endpoint):
    assert endpoint.call(HELLO, b"{}", "application/json").http_status == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_verb_than_post_is_refused_with_405(bridge, tls_of, method):
    for listener in ("tls", "clear"):
        reply = exchange(bridge.address(listener), method, HELLO, [("content-type", BINARY)], tls=tls_of(listener))
        assert reply.status == 405
        assert "POST" in (reply.header("allow") or ""), "RFC 9110 §15.5.6: a 405 names what is allowed"


def test_a_unary_call_by_hand_is_answered(endpoint):
    reply = endpoint.call(HELLO, frame(name_message("Ada")))
    assert (reply.http_status, reply.status) == (200, 0)
    assert reply.messages == [name_message("Hello, Ada!")]


def test_a_chunked_body_and_one_with_a_length_are_the_same_call(endpoint):
    body = frame(name_message("Ada"))
    whole, chunked = endpoint.call(HELLO, body), endpoint.call(HELLO, None, chunks=[body[:3], body[3:]])
    assert whole.messages == chunked.messages == [name_message("Hello, Ada!")]


def test_calls_follow_each_other_on_one_http1_connection(bridge, certificates):
    with Http1(bridge.address("tls"), certificates.context()) as http:
        for name in ("Ada", "Bob", "Cy"):
            body = frame(name_message(name))
            http.send_head("POST", HELLO, [("content-type", BINARY), ("content-length", str(len(body)))])
            http.send(body)
            reply = http.read_reply()
            assert name_message(f"Hello, {name}!") in reply.body


# Headers.

def test_the_path_goes_on_unchanged_and_the_query_is_dropped(endpoint, scripted):
    scripted.script = echo
    endpoint.call("/raw.Raw/Ec%68o%20%C3%A4?user=1&x=%41", frame(b""))
    assert scripted.streams[0].header(":path") == "/raw.Raw/Ec%68o%20%C3%A4"


def test_the_back_end_gets_what_grpc_over_http2_demands(endpoint, scripted):
    scripted.script = echo
    endpoint.call(ECHO, frame(b"x"))
    stream = scripted.streams[0]
    assert stream.header(":method") == "POST"
    assert stream.header("te") == "trailers"
    assert stream.header(":authority")
    assert stream.header("host") is None
    assert stream.header("content-length") is None
    assert stream.header("grpc-accept-encoding") == "identity", "added where the client sent none"
    assert all(name == name.lower() for name, _ in stream.headers)


def test_a_grpc_accept_encoding_of_the_client_stays(endpoint, scripted):
    scripted.script = echo
    endpoint.call(ECHO, frame(b"x"), headers=[("grpc-accept-encoding", "gzip,identity")])
    assert scripted.streams[0].header("grpc-accept-encoding").replace(" ", "") == "gzip,identity"


def test_hop_by_hop_headers_end_at_the_bridge(bridge, tls_of, scripted):
    # RFC 9110 §7.6.1: a proxy must remove what `connection` names, and `connection` itself.
    scripted.script = echo
    for listener in ("tls", "clear"):
        scripted.streams.clear()
        endpoint = Endpoint(bridge.address(listener), tls_of(listener), "http/1.1")
        reply = endpoint.call(ECHO, frame(b"x"), headers=[
            ("connection", "keep-alive, X-Hop"), ("x-hop", "1"), ("X-Stays", "2"), ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive")])
        assert reply.status == 0
        stream = scripted.streams[0]
        for name in ("connection", "x-hop", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"):
            assert stream.header(name) is None, name
        assert stream.header("x-stays") == "2"


def test_repeated_and_binary_metadata_pass_in_order_and_verbatim(endpoint, scripted):
    scripted.script = echo
    sent = [("x-a", "1"), ("x-raw-bin", "AAEC"), ("x-a", "2"), ("x-raw-bin", "AAE="), ("x-list-bin", "AAEC,AwQ,BQ=="),
            ("x-a", "3, 4"), ("x-empty", "")]
    assert endpoint.call(ECHO, frame(b"x"), headers=sent).status == 0
    for name in {name for name, _ in sent}:
        got = [value for key, value in scripted.streams[0].headers if key == name]
        assert got == [value for key, value in sent if key == name], name


# Bodies.

def test_a_body_passes_one_byte_at_a_time_before_its_end(endpoint, scripted):
    scripted.script = refuse_at_end
    call = endpoint.stream(ECHO)
    body = frame(b"slowly")
    for count, byte in enumerate(body, 1):
        call.send(bytes([byte]))
        stream = first_stream(scripted)
        # Each byte arrives while the request is still open: nothing waits for a whole message.
        assert stream.wait_body(count) == body[:count]
        assert not stream.ended
    call.finish()
    assert call.reply().status == 3
    assert bytes(scripted.streams[0].body) == body


def refuse_at_end(stream):
    stream.wait_end()
    refuse(stream)


def first_stream(scripted):
    return wait_until("a stream at the back-end", lambda: scripted.streams and scripted.streams[0])


def test_a_thousand_messages_in_one_piece_pass(endpoint, scripted):
    scripted.script = echo
    messages = [b"%d" % number for number in range(1000)]
    assert endpoint.call(ECHO, b"".join(map(frame, messages))).messages == messages


def test_a_body_cut_at_random_places_passes_whole(endpoint, scripted):
    scripted.script = echo
    seed = random.SystemRandom().randrange(1 << 32)
    source = random.Random(seed)
    messages = [source.randbytes(source.choice([0, 1, 5, 100, 20000])) for _ in range(20)]
    reply = endpoint.call(ECHO, None, chunks=cuts(b"".join(map(frame, messages)), source))
    assert reply.messages == messages, f"seed {seed}"


def cuts(data, source):
    pieces = []
    while data:
        count = source.choice([1, 2, 3, 4, 5, 7, 100, 5000])
        pieces.append(data[:count])
        data = data[count:]
    return pieces


def test_an_empty_body_is_half_close_alone(endpoint, scripted):
    scripted.script = refuse_at_end
    assert endpoint.call(ECHO, b"").status == 3
    assert bytes(scripted.streams[0].body) == b"" and scripted.streams[0].ended


def test_a_body_that_ends_inside_a_frame_cancels_the_back_end_call(endpoint, scripted):
    scripted.script = echo
    call = endpoint.stream(ECHO)
    call.send(frame(b"whole"))
    assert first_stream(scripted).wait_body(10) == frame(b"whole")
    call.send(frame(b"cut off")[:-3])
    call.finish()
    reply = call.reply()
    assert (reply.http_status, reply.status) == (200, 13)
    assert first_stream(scripted).wait_reset() == 8, "CANCEL"


def test_a_trailer_frame_in_a_request_is_refused(endpoint, scripted):
    scripted.script = echo
    reply = endpoint.call(ECHO, frame(b"grpc-status:0\r\n", TRAILER))
    assert reply.http_status == 200 and reply.status != 0
    for stream in scripted.streams:
        stream.wait_reset()
        assert bytes(stream.body) == b"", "nothing of it is forwarded"


# Text.

def test_text_is_decoded_and_answered_as_text(endpoint):
    reply = endpoint.call(HELLO, base64.b64encode(frame(name_message("Ada"))), TEXT)
    assert reply.content_type == TEXT
    assert (reply.status, reply.messages) == (0, [name_message("Hello, Ada!")])


def test_text_may_be_cut_at_any_byte(endpoint, scripted):
    scripted.script = echo
    text = base64.b64encode(frame(b"the quick brown fox"))
    for position in range(1, len(text)):
        reply = endpoint.call(ECHO, None, TEXT, chunks=[text[:position], text[position:]])
        assert reply.messages == [b"the quick brown fox"], f"cut at {position}"
    reply = endpoint.call(ECHO, None, TEXT, chunks=[text[i:i + 1] for i in range(len(text))])
    assert reply.messages == [b"the quick brown fox"], "byte by byte"


def test_padding_may_stand_between_groups_of_text(endpoint, scripted):
    # gRPC PROTOCOL-WEB.md: "the implementation may send base64-encoded 'chunks' with potential padding whenever the
    # runtime needs to flush a byte buffer".
    scripted.script = echo
    body = frame(b"one") + frame(b"four")
    text = b"".join(base64.b64encode(body[i:i + 1]) for i in range(len(body)))
    assert endpoint.call(ECHO, text, TEXT).messages == [b"one", b"four"]


@pytest.mark.parametrize("text", [b"AAA*", b"AA\n=", b"AAAA!AAA", b"A===", b"AAAAAA", b"AAAAA", b"AA=A"])
def test_text_that_is_no_base64_is_refused_and_not_forwarded(endpoint, scripted, text):
    scripted.script = echo
    reply = endpoint.call(ECHO, text, TEXT)
    assert (reply.http_status, reply.status) == (200, 13)
    assert "invalid base64" in reply.message
    for stream in scripted.streams:
        # Whole groups before the fault may have gone on; nothing of the faulty one has.
        assert bytes(stream.body) in (b"", b"\0\0\0")
        stream.wait_reset()


def test_a_binary_call_may_ask_for_text(endpoint):
    reply = endpoint.call(HELLO, frame(name_message("Ada")), headers=[("accept", "application/grpc-web-text+proto")])
    assert reply.content_type.startswith("application/grpc-web-text")
    assert reply.messages == [name_message("Hello, Ada!")]


def test_a_text_call_that_takes_anything_gets_text(endpoint):
    reply = endpoint.call(HELLO, base64.b64encode(frame(name_message("Ada"))), TEXT, headers=[("accept", "*/*")])
    assert reply.content_type == TEXT
    assert reply.messages == [name_message("Hello, Ada!")]
