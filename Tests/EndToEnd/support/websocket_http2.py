# rtbridge: WebSockets on streams of one HTTP/2 connection (RFC 8441).
# SPDX-License-Identifier: Apache-2.0
import struct

from support.waiting import DEADLINE
from support.websocket import CLOSE, Frame, close_payload, encode


class Refused(Exception):
    """The extended CONNECT was not answered with 200."""

    def __init__(self, stream):
        self.status = int(stream.header(":status") or 0)
        self.headers, self.body = stream.headers, bytes(stream.body)
        super().__init__(f"HTTP {self.status} {self.headers} {self.body!r}")


class StreamSocket:
    """A WebSocket on a stream of a `support.http2.Connection`."""

    def __init__(self, connection, path, scheme="http", headers=(), waits=True):
        self.stream = connection.open([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", scheme), (":path", path),
            (":authority", "localhost"), ("sec-websocket-version", "13"), *headers])
        self._read = 0
        if waits:
            self.wait_open()

    def wait_open(self):
        self.stream.wait_headers()
        if self.stream.header(":status") != "200":
            self.stream.wait("the answer's end", lambda: self.stream.ended or self.stream.reset is not None)
            raise Refused(self.stream)
        for name in ("sec-websocket-accept", "upgrade", "connection"):
            assert self.stream.header(name) is None, f"{name} in an answer over HTTP/2 (RFC 8441 §5)"
        return self

    @property
    def subprotocol(self):
        return self.stream.header("sec-websocket-protocol")

    def send(self, opcode, payload=b"", **options):
        self.stream.send_data(encode(opcode, payload, **options))

    def frames(self):
        """The frames that are whole, each once."""
        data, frames = bytes(self.stream.body), []
        while len(data) - self._read >= 2:
            head, start, count = data[self._read], self._read + 2, data[self._read + 1]
            assert not count & 0x80, "RFC 6455 §5.1: a server must not mask"
            for code, form, size in ((126, ">H", 2), (127, ">Q", 8)):
                if count == code:
                    if len(data) < start + size:
                        return frames
                    count, start = struct.unpack(form, data[start:start + size])[0], start + size
                    break
            if len(data) < start + count:
                return frames
            frames.append(Frame(head, data[start:start + count]))
            self._read = start + count
        return frames

    def read(self, deadline=DEADLINE):
        """The next frames, at least one; [] at the end."""
        return self.stream.wait("a frame", lambda: (frames := self.frames()) and frames
                                or (self.stream.ended or self.stream.reset is not None) and [None], deadline)

    def read_bytes(self, count, deadline=DEADLINE):
        data = b""
        while len(data) < count:
            for frame in self.read(deadline):
                assert frame is not None and frame.opcode < 8, f"{frame} after {len(data)} of {count} bytes"
                data += frame.payload
        assert len(data) == count, f"{len(data)} bytes, not {count}"
        return data

    def close(self, code=1000):
        """The closing handshake, then the end of the stream; the bridge's close frame."""
        self.send(CLOSE, close_payload(code))
        frames = []
        while not any(frame and frame.opcode == CLOSE for frame in frames):
            frames = self.read()
            assert None not in frames, f"no close frame, reset {self.stream.reset}"
        self.stream.send_data(b"", end=True)
        self.stream.wait_end()
        return frames[-1]
