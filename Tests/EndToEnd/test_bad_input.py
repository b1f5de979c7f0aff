# rtbridge: bytes that no honest client sends: each gets its error or its end, and the process keeps serving.
# SPDX-License-Identifier: Apache-2.0
import random
import struct
import time

import pytest
from h2.exceptions import ProtocolError

from support import http2
from support.grpc_web import BINARY, Endpoint, frame, name_message
from support.http1 import Http1
from support.waiting import wait_until
from support.wire import Wire

HELLO = "/helloworld.Greeter/SayHello"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, tcp_echo, scripted_server):
    return start_bridge(make_config(
        [
            {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"},
             "backend": f"grpc://127.0.0.1:{greeter.port}"},
            {"match": {"protocol": ["grpc-web", "grpc"], "pathPrefix": "/raw.Raw/"},
             "backend": f"grpc://127.0.0.1:{scripted_server.port}"},
            {"match": {"protocol": "websocket", "path": "/echo"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}"},
        ],
        listener={"limits": {"maxHeaderBytes": "8KiB", "headerTimeout": "1500ms", "idleTimeout": "1500ms"}}))


@pytest.fixture(autouse=True)
def still_serving(bridge, certificates):
    """After every test of this file a call must be answered, on both listeners and both versions of HTTP."""
    yield
    for listener, tls in (("tls", certificates.context()), ("clear", None)):
        for version in ("http/1.1", "http/2"):
            reply = Endpoint(bridge.address(listener), tls, version).call(HELLO, frame(name_message("Ada")))
            assert reply.messages == [name_message("Hello, Ada!")]


@pytest.fixture(params=["tls", "clear"])
def listener(request):
    return request.param


@pytest.fixture
def open_wire(bridge, tls_of, listener):
    """open_wire(alpn): a connection, after the TLS handshake where there is one."""
    opened = []

    def open_one(alpn="http/1.1"):
        tls = tls_of(listener)
        opened.append(Wire.connect(bridge.address(listener), tls, [alpn] if tls else None))
        return opened[-1]

    yield open_one
    for wire in opened:
        wire.close()


def send_all(wire, data):
    """As far as the bridge takes it: it may hang up before the end."""
    try:
        wire.send(data)
    except (ConnectionError, OSError):
        pass


GARBAGE = [
    b"\0" * 64, b"\xff" * 5000, b"\x16\x03\x01\xff\xff" + b"A" * 100, b"\r\n" * 20 + b"\0", b"EHLO example.com\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n", b"*1\r\n$4\r\nPING\r\n", b"\x80\0\0\x01",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: ascii(garbage[:12]))
def test_garbage_before_any_protocol_ends_the_connection(bridge, listener, garbage):
    wire = Wire.connect(bridge.address(listener))
    send_all(wire, garbage)
    answer = wire.read_to_end()
    # An HTTP error in clear, an alert under TLS, or nothing; never something that looks like success.
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    wire.close()


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: ascii(garbage[:12]))
@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_garbage_inside_a_connection_ends_it(open_wire, garbage, alpn):
    wire = open_wire(alpn)
    send_all(wire, garbage)
    assert not wire.read_to_end().startswith(b"HTTP/1.1 2")


def test_random_bytes_end_their_connections(bridge, tls_of, listener):
    seed = random.SystemRandom().randrange(1 << 32)
    source = random.Random(seed)
    for number in range(20):
        tls = tls_of(listener) if number % 2 else None
        wire = Wire.connect(bridge.address(listener), tls, [source.choice(["h2", "http/1.1"])] if tls else None)
        send_all(wire, source.choice([b"", http2.PREFACE, b"POST / HTTP/1.1\r\n"]) + source.randbytes(source.randrange(1, 3000)))
        assert not wire.read_to_end().startswith(b"HTTP/1.1 2"), f"seed {seed}"
        wire.close()


def settings(*pairs):
    payload = b"".join(struct.pack(">HI", key, value) for key, value in pairs)
    return h2_frame(4, 0, 0, payload)


def h2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


# name, bytes behind preface and SETTINGS; each is a connection error (RFC 9113 §5.4.1).
BROKEN_HTTP2 = {
    "data on stream 0": h2_frame(0, 0, 0, b"x"),
    "data on an idle stream": h2_frame(0, 0, 1, b"x"),
    "headers on an even stream": h2_frame(1, 5, 2, b"\x82"),
    "a header block that is no hpack": h2_frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    "settings of five bytes": h2_frame(4, 0, 0, b"12345"),
    "a ping of seven bytes": h2_frame(6, 0, 0, b"1234567"),
    "a window of zero": h2_frame(8, 0, 0, b"\0\0\0\0"),
    "a window overflow": h2_frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "a frame beyond the largest": struct.pack(">I", 16_777_215)[1:] + b"\0\0" + struct.pack(">I", 1) + b"x" * 20000,
    "a continuation of nothing": h2_frame(9, 4, 1, b"\x82"),
    "a push from a client": h2_frame(5, 4, 1, b"\0\0\0\2\x82"),
    "headers without an end, then a ping": h2_frame(1, 0, 1, b"\x82") + h2_frame(6, 0, 0, b"12345678"),
    "an initial window beyond 2^31": settings((4, 0xFFFFFFFF)),
    "a frame size below 16 KiB": settings((5, 1)),
    "padding longer than the frame": h2_frame(0, 8, 1, b"\xff"),
}


@pytest.mark.parametrize("broken", BROKEN_HTTP2.values(), ids=BROKEN_HTTP2.keys())
def test_a_breach_of_http2_ends_the_connection(open_wire, broken):
    wire = open_wire("h2")
    send_all(wire, http2.PREFACE + settings() + broken)
    answer = wire.read_to_end()
    # RFC 9113 §5.4.1: GOAWAY should come before the end.
    assert any(kind == 7 for kind in frame_types(answer)), answer


def frame_types(data):
    kinds = []
    while len(data) >= 9:
        kinds.append(data[3])
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return kinds


def test_a_wrong_preface_ends_the_connection(open_wire):
    for preface in (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n", http2.PREFACE[:-1] + b"x"):
        wire = open_wire("h2")
        send_all(wire, preface + settings())
        assert not wire.read_to_end().startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize("headers", [
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":method", "POST"), ("content-type", BINARY)],
    [(":method", "POST"), (":path", HELLO), ("content-type", BINARY)],
    [(":method", "POST"), (":scheme", "http"), (":path", ""), (":authority", "a"), ("content-type", BINARY)],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("Content-Type", BINARY)],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("connection", "close")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("transfer-encoding", "chunked")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("te", "gzip")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), (":unknown", "x")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("x", "1"), (":late", "x")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("x-a", "b\r\nx-c: d")],
    [(":method", "POST"), (":scheme", "http"), (":path", HELLO), (":authority", "a"), ("content-length", "9"),
     ("content-length", "10")],
], ids=["method twice", "no scheme", "empty path", "capital letters", "connection", "transfer-encoding", "te: gzip",
        "unknown pseudo-header", "late pseudo-header", "line break in a value", "two lengths"])
def test_a_malformed_request_of_http2_is_reset(bridge, tls_of, listener, headers):
    # RFC 9113 §8.1.1: a malformed request is a stream error of type PROTOCOL_ERROR, or is answered with 400.
    connection = http2.connect(bridge.address(listener), tls_of(listener))
    stream = connection.open(headers)
    try:
        stream.send_data(frame(name_message("Ada")), end=True)
    except http2.ConnectionLost:
        return
    connection.wait("a refusal", lambda: stream.reset is not None or connection.goaway or stream.ended
                    or connection.is_closed)
    assert stream.headers is None or stream.header(":status") == "400" or stream.header("grpc-status") not in (None, "0")
    connection.close()


def test_a_storm_of_resets_ends_the_connection(bridge, tls_of, listener, scripted):
    """CVE-2023-44487: streams that are opened and reset at once cost the peer nothing and the server much."""
    scripted.script = lambda stream: stream.wait_reset()
    connection = http2.connect(bridge.address(listener), tls_of(listener))
    try:
        for _ in range(20_000):
            stream = connection.open([(":method", "POST"), (":scheme", "http"), (":authority", "a"),
                                      (":path", "/raw.Raw/Call"), ("content-type", BINARY)])
            stream.send_reset(8)
            if connection.goaway or connection.is_closed:
                break
    except (http2.ConnectionLost, ProtocolError):
        pass
    wait_until("GOAWAY or the end", lambda: connection.goaway or connection.is_closed)
    connection.close()


@pytest.mark.parametrize("storm", [h2_frame(6, 0, 0, b"12345678"), settings(), h2_frame(0, 0, 1, b"")],
                         ids=["pings", "settings", "empty data"])
def test_a_storm_of_frames_does_not_grow_the_bridge(bridge, open_wire, storm):
    """CVE-2019-9512 and its kin: answers that nobody reads must not pile up."""
    wire = open_wire("h2")
    before = bridge.peak_memory()
    send_all(wire, http2.PREFACE + settings())
    try:
        for _ in range(200):
            if wire.send_some(storm * 200, 0.5) == 0:
                break
    except (ConnectionError, OSError):
        pass
    assert bridge.peak_memory() - before < 32 << 20


# HTTP/1.1.

LENGTHS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: 5, 6\r\n", b"Content-Length: -1\r\n", b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n",
    b"Content-Length: 99999999999999999999999\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Content-Length : 5\r\n", b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b" Content-Length: 5\r\n", b"X: a\r\n b\r\nContent-Length: 5\r\n", b"Content-Length: 5\nX: y\r\n",
]


@pytest.mark.parametrize("lines", LENGTHS, ids=lambda lines: ascii(lines[:40]))
def test_a_request_whose_end_is_in_doubt_is_never_followed_by_another(open_wire, lines):
    """RFC 9112 §6.3, §11.2: what one hop takes for a body, another may take for a request. The only safe way is to refuse
    and close; the smuggled request must not be answered."""
    wire = open_wire()
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"POST " + HELLO.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web\r\n"
    send_all(wire, head + lines + b"\r\n" + b"0\r\n\r\n" + smuggled)
    answer = wire.read_to_end()
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert not answer.startswith(b"HTTP/1.1 2"), answer


@pytest.mark.parametrize("request_line", [
    b"GET\r\n", b"GET /\r\n", b"GET / HTTP/0.9\r\n", b"GET / HTTP/3.0\r\n", b"GET / HTTP/1.1 x\r\n", b"G\0T / HTTP/1.1\r\n",
    b"GET /\0 HTTP/1.1\r\n", b" GET / HTTP/1.1\r\n", b"GET  HTTP/1.1\r\n", b"GET / http/1.1\r\n",
], ids=ascii)
def test_a_broken_request_line_is_refused(open_wire, request_line):
    wire = open_wire()
    send_all(wire, request_line + b"Host: localhost\r\n\r\n")
    answer = wire.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), answer


@pytest.mark.parametrize("fields", [
    b"", b"Host: a\r\nHost: b\r\n", b"Host: a b\r\n", b"Host: localhost\r\nX\0: 1\r\n", b"Host: localhost\r\nX: a\0b\r\n",
    b"Host: localhost\r\nno colon\r\n", b"Host: localhost\r\n: empty name\r\n",
], ids=["no host", "two hosts", "a blank in the host", "NUL in a name", "NUL in a value", "no colon", "empty name"])
def test_broken_fields_are_refused_with_400(open_wire, fields):
    # RFC 9112 §3.2: no Host, or more than one: 400. RFC 9110 §5.5: NUL in a value is invalid.
    wire = open_wire()
    send_all(wire, b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
    assert wire.read_to_end().startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nabcdeXX", b"ffffffffffffffffff\r\n"],
                         ids=lambda chunk: ascii(chunk[:12]))
def test_a_broken_chunk_ends_the_call(open_wire, chunk):
    wire = open_wire()
    send_all(wire, b"POST " + HELLO.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    answer = wire.read_to_end()
    assert b"Hello" not in answer and answer.count(b"HTTP/1.1 ") <= 1


def test_oversize_headers_are_refused_with_431(open_wire):
    # RFC 6585 §5.
    for fields in (b"X-Long: " + b"x" * 20_000 + b"\r\n", b"".join(b"X-%d: %s\r\n" % (n, b"x" * 50) for n in range(400))):
        wire = open_wire()
        send_all(wire, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
        assert wire.read_to_end().startswith(b"HTTP/1.1 431")


def test_headers_that_never_end_are_refused_before_they_are_kept(open_wire):
    wire = open_wire()
    send_all(wire, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
    assert wire.read_to_end().startswith(b"HTTP/1.1 431")


def test_an_oversize_target_is_refused(open_wire):
    wire = open_wire()
    send_all(wire, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = wire.read_to_end()
    assert answer.startswith((b"HTTP/1.1 414", b"HTTP/1.1 431")), answer[:100]


def test_oversize_headers_of_http2_are_refused(bridge, tls_of, listener):
    connection = http2.connect(bridge.address(listener), tls_of(listener))
    stream = connection.open([(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", HELLO),
                              ("content-type", BINARY), ("x-long", "x" * 12_000)], end=True)
    connection.wait("a refusal", lambda: stream.headers or stream.reset is not None or connection.goaway)
    assert stream.headers is None or stream.header(":status") == "431"
    connection.close()


def test_a_continuation_flood_ends_the_connection(open_wire):
    """CVE-2024-27316: a header block that never ends."""
    wire = open_wire("h2")
    send_all(wire, http2.PREFACE + settings() + h2_frame(1, 0, 1, b"\x82\x86\x84"))
    # Literal fields without indexing (RFC 7541 §6.2.2), 100 bytes each.
    field = b"\0\x01x\x60" + b"y" * 96
    # What comes behind the error is read and dropped, for two seconds, so that GOAWAY is not overtaken by a reset.
    end = time.monotonic() + 30
    with pytest.raises(OSError):
        while time.monotonic() < end:
            wire.send(h2_frame(9, 0, 1, field * 40))


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\nHost: local", http2.PREFACE[:10]], ids=["nothing", "head", "preface"])
def test_a_slow_header_ends_the_connection(bridge, listener, begin):
    """Slowloris: `headerTimeout` counts from the accept, the TLS handshake included."""
    wire = Wire.connect(bridge.address(listener))
    send_all(wire, begin if listener == "clear" else b"\x16\x03\x01"[:len(begin)])
    wire.read_to_end()
    wire.close()


def test_a_slow_header_inside_tls_ends_the_connection(open_wire):
    wire = open_wire()
    send_all(wire, b"GET / HTTP/1.1\r\nHost: local")
    answer = wire.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer


def test_an_idle_connection_is_closed(open_wire):
    for alpn, begin in (("http/1.1", b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"), ("h2", http2.PREFACE + settings())):
        wire = open_wire(alpn)
        wire.send(begin)
        wire.read_to_end()


def test_a_body_that_is_never_finished_does_not_outlive_its_client(bridge, tls_of, listener, scripted):
    scripted.script = lambda stream: stream.wait_reset()
    http = Http1(bridge.address(listener), tls_of(listener))
    http.send_head("POST", "/raw.Raw/Call", [("content-type", BINARY), ("content-length", "1000000")])
    http.send(frame(b"x" * 1000)[:500])
    stream = wait_until("a stream behind", lambda: scripted.streams and scripted.streams[0])
    http.wire.abort()
    assert stream.wait_reset() == 8, "CANCEL"


def test_a_bare_grpc_call_over_http1_is_refused(open_wire):
    # gRPC PROTOCOL-HTTP2.md: gRPC is HTTP/2 alone.
    wire = open_wire()
    wire.send(b"POST /raw.Raw/Call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\n"
              b"Content-Length: 5\r\nConnection: close\r\n\r\n\0\0\0\0\0")
    answer = wire.read_to_end()
    assert answer.startswith((b"HTTP/1.1 415", b"HTTP/1.1 426", b"HTTP/1.1 505", b"HTTP/1.1 400", b"HTTP/1.1 404")), answer
