# rtbridge: gRPC-Web answers, byte by byte: what the client gets of the back-end's (gRPC PROTOCOL-WEB.md).
# SPDX-License-Identifier: Apache-2.0
import base64
import gzip
import threading
import zlib

import pytest

from support.grpc_web import BINARY, TEXT, TRAILER, Endpoint, decode_text, frame, name_message
from support.http1 import Http1

CALL = "/raw.Raw/Call"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server, greeter):
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"},
         "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "grpc-web", "pathPrefix": "/raw.Raw/"},
         "backend": f"grpc://127.0.0.1:{scripted_server.port}", "maxMessageBytes": "1MiB"},
    ]))


@pytest.fixture(params=["http/1.1-tls", "http/2-tls", "http/1.1", "http/2"])
def endpoint(request, bridge, tls_of):
    version, _, tls = request.param.partition("-")
    listener = "tls" if tls else "clear"
    return Endpoint(bridge.address(listener), tls_of(listener), version)


def answer(*pieces, headers=HEADERS, trailers=OK):
    """A script: the whole request, then these pieces of body, then trailers."""
    def script(stream):
        stream.wait_end()
        stream.send_headers(headers)
        for piece in pieces:
            stream.send_data(piece)
        stream.send_headers(trailers, end=True)
    return script


def test_messages_are_followed_by_one_trailer_frame(endpoint, scripted):
    scripted.script = answer(frame(b"one"), frame(b""), frame(b"three"))
    reply = endpoint.call(CALL, frame(b""))
    assert reply.http_status == 200 and reply.content_type == BINARY
    assert reply.header("trailer") is None
    assert [flag for flag, _ in reply.frames] == [0, 0, 0, TRAILER]
    assert reply.messages == [b"one", b"", b"three"]
    assert reply.status == 0 and reply.header("grpc-status") is None


def test_the_trailer_frame_is_the_last_thing_before_the_end(endpoint, scripted):
    # Exactly: flag, length, lines that end in CR LF, no blank line, nothing after it.
    scripted.script = answer(trailers=[("grpc-status", "0"), ("x-one", "1")])
    raw = endpoint.call(CALL, frame(b"")).raw_body
    assert raw[0] == TRAILER and int.from_bytes(raw[1:5], "big") == len(raw) - 5
    lines = raw[5:].decode().split("\r\n")
    assert sorted(line.replace(": ", ":") for line in lines) == ["", "grpc-status:0", "x-one:1"]


def test_every_trailer_of_the_back_end_arrives(endpoint, scripted):
    scripted.script = answer(frame(b"x"), trailers=[
        ("x-a", "1"), ("grpc-status", "0"), ("x-a", "2"), ("x-b-bin", "AAEC"), ("x-b-bin", "AwQF,BgcI"),
        ("grpc-status-details-bin", "CAASAA"), ("grpc-message", "fine")])
    reply = endpoint.call(CALL, frame(b""))
    assert reply.trailer("x-a") in (["1", "2"], ["1, 2"], ["1,2"])
    assert ",".join(reply.trailer("x-b-bin")).replace(" ", "") == "AAEC,AwQF,BgcI"
    assert reply.trailer("grpc-status-details-bin") == ["CAASAA"]
    assert reply.message == "fine"


def test_initial_metadata_becomes_http_headers(endpoint, scripted):
    scripted.script = answer(frame(b"x"), headers=[*HEADERS, ("x-first", "1"), ("x-first-bin", "AAEC"), ("x-first", "2")])
    reply = endpoint.call(CALL, frame(b""))
    assert ",".join(value for key, value in reply.headers if key == "x-first").replace(" ", "") == "1,2"
    assert reply.header("x-first-bin") == "AAEC"


def test_headers_arrive_before_the_first_message(endpoint, scripted):
    go_on = threading.Event()

    def script(stream):
        stream.send_headers([*HEADERS, ("x-early", "1")])
        assert go_on.wait(30)
        stream.send_headers(OK, end=True)

    scripted.script = script
    call = endpoint.stream(CALL)
    call.send(frame(b""))
    call.finish()
    try:
        status, headers = call.head()
        assert status == 200 and ("x-early", "1") in headers
    finally:
        go_on.set()
    assert call.reply().status == 0


def test_each_message_arrives_before_the_next_is_sent(endpoint, scripted):
    turns = [threading.Event() for _ in range(5)]
    messages = [frame(b"message %d" % number) for number in range(5)]

    def script(stream):
        stream.send_headers(HEADERS)
        for turn, message in zip(turns, messages):
            assert turn.wait(30)
            stream.send_data(message)
        stream.send_headers(OK, end=True)

    scripted.script = script
    call = endpoint.stream(CALL)
    call.send(frame(b""))
    call.finish()
    expected = b""
    for turn, message in zip(turns, messages):
        turn.set()
        expected += message
        assert call.read(len(expected)) == expected
    assert call.reply().status == 0


def test_messages_cut_anywhere_by_the_back_end_arrive_byte_for_byte(endpoint, scripted):
    messages = [bytes(range(256)) * 40, b"", b"x", b"y" * 70000]
    body = b"".join(map(frame, messages))
    scripted.script = answer(body[:1], body[1:4], body[4:6], body[6:9000], body[9000:10246], body[10246:])
    assert endpoint.call(CALL, frame(b"")).messages == messages


# Trailers-only.

def test_trailers_only_is_a_status_in_the_headers_and_no_body(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers([*HEADERS, ("grpc-status", "5"), ("grpc-message", "no%20such%20thing"), ("x-why", "lost"),
                             ("grpc-status-details-bin", "CAU")], end=True)

    scripted.script = script
    reply = endpoint.call(CALL, frame(b""))
    assert reply.http_status == 200 and reply.raw_body == b"" and reply.is_trailers_only
    assert (reply.status, reply.message) == (5, "no such thing")
    assert reply.header("x-why") == "lost" and reply.header("grpc-status-details-bin") == "CAU"
    assert reply.header("content-length") == "0"
    assert reply.content_type == BINARY


def test_an_error_of_the_greeter_has_its_status_and_message(endpoint):
    reply = endpoint.call("/helloworld.Greeter/SayHello", frame(name_message("")))
    assert (reply.http_status, reply.status, reply.message) == (200, 3, "a name is needed")


@pytest.mark.parametrize("sent, decoded", [
    ("plain", "plain"), ("50%25", "50%"), ("50% off", "50% off"), ("%zz", "%zz"), ("%4", "%4"), ("%", "%"),
    ("%E2%98%BA", "☺"), ("a%0D%0Ab", "a\r\nb"),
])
def test_a_grpc_message_is_always_validly_encoded(endpoint, scripted, sent, decoded):
    # gRPC PROTOCOL-HTTP2.md: "do not throw away invalid values"; grpc-web's JavaScript throws on an escape that is none.
    scripted.script = answer(frame(b"x"), trailers=[("grpc-status", "3"), ("grpc-message", sent)])
    assert endpoint.call(CALL, frame(b"")).message == decoded

    def script(stream):
        stream.wait_end()
        stream.send_headers([*HEADERS, ("grpc-status", "3"), ("grpc-message", sent)], end=True)

    scripted.script = script
    assert endpoint.call(CALL, frame(b"")).message == decoded


# Compression.

def compressed(algorithm, data):
    return {"gzip": gzip.compress, "deflate": zlib.compress}[algorithm](data)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_client_that_did_not_ask_gets_no_compressed_message(endpoint, scripted, algorithm):
    plain = b"the quick brown fox " * 500
    scripted.script = answer(
        frame(compressed(algorithm, plain), 1), frame(b"plain"), frame(compressed(algorithm, b""), 1),
        headers=[*HEADERS, ("grpc-encoding", algorithm)])
    reply = endpoint.call(CALL, frame(b""))
    assert reply.status == 0
    assert [flag for flag, _ in reply.frames] == [0, 0, 0, TRAILER]
    assert reply.messages == [plain, b"plain", b""]


def test_a_client_that_asked_gets_compressed_messages_verbatim(endpoint, scripted):
    message = frame(gzip.compress(b"x" * 1000), 1)
    scripted.script = answer(message, headers=[*HEADERS, ("grpc-encoding", "gzip")])
    reply = endpoint.call(CALL, frame(b""), headers=[("grpc-accept-encoding", "gzip")])
    assert reply.header("grpc-encoding") == "gzip"
    assert reply.body.startswith(message)


def test_an_encoding_that_the_bridge_does_not_know_is_an_error_that_names_it(endpoint, scripted):
    scripted.script = answer(frame(b"???", 1), headers=[*HEADERS, ("grpc-encoding", "snappy")])
    reply = endpoint.call(CALL, frame(b""))
    assert reply.status == 13 and "snappy" in reply.message
    assert reply.messages == []


def test_a_compressed_flag_without_an_encoding_is_an_error(endpoint, scripted):
    scripted.script = answer(frame(b"???", 1))
    reply = endpoint.call(CALL, frame(b""))
    assert reply.status == 13 and "grpc-encoding" in reply.message


def test_a_broken_compressed_message_is_an_error(endpoint, scripted):
    scripted.script = answer(frame(b"this is no gzip", 1), headers=[*HEADERS, ("grpc-encoding", "gzip")])
    assert endpoint.call(CALL, frame(b"")).status == 13


def test_a_compressed_message_may_not_grow_beyond_the_limit(endpoint, scripted):
    bomb = gzip.compress(b"\0" * (64 << 20))
    assert len(bomb) < 1 << 20
    scripted.script = answer(frame(bomb, 1), headers=[*HEADERS, ("grpc-encoding", "gzip")])
    reply = endpoint.call(CALL, frame(b""))
    assert reply.status == 8 and "maxMessageBytes" in reply.message


# Text.

def test_text_is_flushed_in_groups_of_four(bridge, tls_of, scripted):
    """Over HTTP/1.1 every chunk is a flushed piece: each can be decoded on its own."""
    messages = [b"a", b"bb", b"ccc", b"dddd"]
    scripted.script = answer(*map(frame, messages))
    with Http1(bridge.address("tls"), tls_of("tls")) as http:
        body = base64.b64encode(frame(b""))
        http.send_head("POST", CALL, [("content-type", TEXT), ("content-length", str(len(body)))])
        http.send(body)
        reply = http.read_reply()
    assert reply.chunks
    decoded = b"".join(decode_text(chunk) for chunk in reply.chunks)
    assert decoded.startswith(b"".join(map(frame, messages)))


def test_each_message_in_text_arrives_before_the_next_is_sent(endpoint, scripted):
    go_on = threading.Event()

    def script(stream):
        stream.send_headers(HEADERS)
        stream.send_data(frame(b"first"))
        assert go_on.wait(30)
        stream.send_data(frame(b"second"))
        stream.send_headers(OK, end=True)

    scripted.script = script
    call = endpoint.stream(CALL, TEXT)
    call.send(base64.b64encode(frame(b"")))
    call.finish()
    try:
        # 10 bytes are 16 characters: padded, because nothing may wait for the next message.
        assert decode_text(call.read(16)) == frame(b"first")
    finally:
        go_on.set()
    reply = call.reply()
    assert reply.messages == [b"first", b"second"] and reply.status == 0
