# rtbridge: gRPC-Web as literal bytes over HTTP/1.1 and HTTP/2 (gRPC PROTOCOL-WEB.md).
# SPDX-License-Identifier: Apache-2.0
import base64
import struct
from urllib.parse import unquote_to_bytes

from support import http2
from support.http1 import Http1

BINARY = "application/grpc-web+proto"
TEXT = "application/grpc-web-text+proto"
DATA, TRAILER = 0x00, 0x80


def frame(payload, flag=DATA):
    """Length-Prefixed-Message (gRPC PROTOCOL-HTTP2.md): flag, length in 4 bytes big-endian, payload."""
    return struct.pack(">BI", flag, len(payload)) + payload


def name_message(name):
    """helloworld.HelloRequest or HelloReply: field 1, a string."""
    data = name.encode()
    assert len(data) < 128
    return b"\x0a" + bytes([len(data)]) + data


def split_frames(body):
    """[(flag, payload)]; fails if anything is left over."""
    frames = []
    while body:
        assert len(body) >= 5, f"{len(body)} bytes are no frame head: {body!r}"
        flag, length = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + length, f"a frame of {length} bytes has {len(body) - 5}"
        frames.append((flag, body[5:5 + length]))
        body = body[5 + length:]
    return frames


def decode_text(text):
    """Base64 in groups of four; padding may stand in any of them."""
    assert len(text) % 4 == 0, f"{len(text)} characters are no whole groups"
    return b"".join(base64.b64decode(text[i:i + 4], validate=True) for i in range(0, len(text), 4))


class WebReply:
    """A response as a gRPC-Web client sees it."""

    def __init__(self, status, headers, body):
        self.http_status, self.headers, self.raw_body = status, headers, bytes(body)
        self.content_type = (self.header("content-type") or "").lower()
        is_text = self.content_type.startswith("application/grpc-web-text")
        self.body = decode_text(self.raw_body) if is_text else self.raw_body
        self.frames = split_frames(self.body) if self.content_type.startswith("application/grpc-web") else []
        self.messages = [payload for flag, payload in self.frames if not flag & TRAILER]
        self.trailers = []
        if any(flag & TRAILER for flag, _ in self.frames):
            assert self.frames[-1][0] == TRAILER, f"the trailer frame is not the last: {self.frames}"
            assert sum(1 for flag, _ in self.frames if flag & TRAILER) == 1, "more than one trailer frame"
            self.trailers = parse_trailers(self.frames[-1][1])

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None

    def trailer(self, name):
        return [value for key, value in self.trailers if key == name]

    @property
    def is_trailers_only(self):
        return not self.frames and self.header("grpc-status") is not None

    @property
    def status(self):
        """The one grpc-status, in the headers or in the trailer frame, never in both."""
        values = self.trailer("grpc-status")
        header = self.header("grpc-status")
        assert len(values) + (header is not None) == 1, \
            f"grpc-status in the headers: {header}, in the trailers: {values}, HTTP {self.http_status} {self.headers}"
        return int(values[0] if values else header)

    @property
    def message(self):
        """grpc-message, percent-decoded; fails on an escape that is none."""
        values = self.trailer("grpc-message") or [self.header("grpc-message") or ""]
        encoded = values[0]
        for index, character in enumerate(encoded):
            assert " " <= character <= "~", f"{character!r} in grpc-message {encoded!r}"
            if character == "%":
                int(encoded[index + 1:index + 3], 16)
        return unquote_to_bytes(encoded).decode()

    def __repr__(self):
        return f"<HTTP {self.http_status} {self.headers} {self.frames}>"


def parse_trailers(block):
    """[(key, value)] of `key:value\\r\\n` lines (gRPC PROTOCOL-WEB.md: an HTTP/1 header block, no blank line)."""
    assert block.endswith(b"\r\n"), f"the trailers do not end with CR LF: {block!r}"
    lines = block[:-2].decode("latin-1").split("\r\n")
    pairs = []
    for line in lines:
        key, colon, value = line.partition(":")
        assert colon and key and key == key.lower(), f"not a trailer line: {line!r}"
        pairs.append((key, value.strip()))
    return pairs


class Endpoint:
    """Where calls go: a listener's address, TLS or not, HTTP/1.1 or HTTP/2."""

    def __init__(self, address, tls, version):
        self.address, self.tls, self.version = address, tls, version

    def __repr__(self):
        return f"{self.version}{'-tls' if self.tls else ''}"

    def call(self, path, body, content_type=BINARY, headers=(), chunks=None):
        """One call. `chunks` sends the body in these pieces, without a content-length."""
        headers = [("content-type", content_type), ("x-grpc-web", "1"), *headers]
        if self.version == "http/2":
            call = StreamedCall(self, path, headers)
            for piece in chunks if chunks is not None else [body]:
                call.send(piece)
            call.finish()
            return call.reply()
        with Http1(self.address, self.tls) as http:
            if chunks is None:
                http.send_head("POST", path, [*headers, ("content-length", str(len(body)))])
                http.send(body)
            else:
                http.send_head("POST", path, [*headers, ("transfer-encoding", "chunked")])
                for piece in chunks:
                    http.send_chunk(piece)
                http.send_chunk(b"")
            reply = http.read_reply()
            assert not reply.http_trailers and reply.header("trailer") is None, "HTTP trailers in gRPC-Web"
            return WebReply(reply.status, reply.headers, reply.body)

    def stream(self, path, content_type=BINARY, headers=(), **options):
        """A call whose body and answer go piece by piece."""
        return StreamedCall(self, path, [("content-type", content_type), ("x-grpc-web", "1"), *headers], **options)


class StreamedCall:
    """A call in the test's hand, the same over both versions of HTTP."""

    def __init__(self, endpoint, path, headers, method="POST", receive_buffer=None):
        self.is_http2 = endpoint.version == "http/2"
        self.received = bytearray()
        self._reply = None
        if self.is_http2:
            self.connection = http2.connect(endpoint.address, endpoint.tls)
            scheme = "https" if endpoint.tls else "http"
            self.stream = self.connection.open(
                [(":method", method), (":scheme", scheme), (":authority", "localhost"), (":path", path), *headers])
        else:
            self.http = Http1(endpoint.address, endpoint.tls, receive_buffer=receive_buffer)
            self.http.send_head(method, path, [*headers, ("transfer-encoding", "chunked")])

    def send(self, data):
        if self.is_http2:
            self.stream.send_data(data)
        elif data:
            self.http.send_chunk(data)

    def finish(self):
        if self.is_http2:
            self.stream.send_data(b"", end=True)
        else:
            self.http.send_chunk(b"")

    def head(self):
        """(status, headers), once they are there."""
        if self.is_http2:
            headers = self.stream.wait_headers()
            assert headers is not None, f"reset with {self.stream.reset!r} before headers"
            return int(headers[0][1]), headers[1:]
        if self._reply is None:
            self._reply = self.http.read_head()
        return self._reply.status, self._reply.headers

    def read(self, count):
        """The body's first `count` bytes, waited for."""
        self.head()
        if self.is_http2:
            return self.stream.wait_body(count)[:count]
        while len(self._reply.body) < count and self.http.read_piece(self._reply):
            pass
        return self._reply.body[:count]

    def reply(self):
        """The whole reply, once it has ended cleanly."""
        status, headers = self.head()
        if self.is_http2:
            body = self.stream.wait_end()
            assert self.stream.trailers is None, f"HTTP trailers in gRPC-Web: {self.stream.trailers}"
            self.connection.close()
        else:
            while self.http.read_piece(self._reply):
                pass
            assert not self._reply.http_trailers, "HTTP trailers in gRPC-Web"
            body = self._reply.body
            self.http.close()
        return WebReply(status, headers, body)

    def was_cut(self):
        """Waits for the end and says whether it was an abort: no last chunk, or RST_STREAM."""
        self.head()
        if self.is_http2:
            self.stream.wait("the end", lambda: self.stream.ended or self.stream.reset is not None)
            return not self.stream.ended
        try:
            while self.http.read_piece(self._reply):
                pass
            return False
        except (EOFError, ConnectionError):
            return True

    def abort(self):
        """The client goes away: RST_STREAM(CANCEL), or the end of the connection."""
        if self.is_http2:
            self.stream.send_reset(8)
        else:
            self.http.close()
