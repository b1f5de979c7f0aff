# rtbridge: a WebSocket back-end with every bit of a frame in the test's hand.
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import struct

from support.tcp import ScriptedTCP
from support.waiting import DEADLINE
from support.websocket import Frame, apply_mask, encode


class ScriptedWebSocket(ScriptedTCP):
    """Takes connections; `take()` is one whose request was read and not answered, `open()` one that was answered."""

    def take(self):
        return ServerSocket(super().take())

    def open(self, **options):
        socket = self.take()
        socket.accept(**options)
        return socket


class ServerSocket:
    """The back-end's side of one WebSocket."""

    def __init__(self, wire):
        self.wire = wire
        self._buffer = bytearray()
        head = self._until(b"\r\n\r\n").decode("latin-1")
        self.request_line, *lines = head.split("\r\n")
        self.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None

    def accept(self, subprotocol=None, headers=(), behind=b"", key=None):
        """101; `behind` goes out in the same piece."""
        digest = hashlib.sha1((key or self.header("sec-websocket-key")).encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                  ("Sec-WebSocket-Accept", base64.b64encode(digest.digest()).decode()), *headers]
        if subprotocol:
            fields.append(("Sec-WebSocket-Protocol", subprotocol))
        head = "HTTP/1.1 101 Switching Protocols\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        self.wire.send(head.encode("latin-1") + behind)

    def send_raw(self, data):
        self.wire.send(data)

    def send(self, opcode, payload=b"", **options):
        self.wire.send(encode(opcode, payload, **{"mask": None, **options}))

    def read(self, deadline=DEADLINE):
        """The next frame, its mask taken off; None at the end of the connection."""
        head = self._exactly(2, deadline)
        if head is None:
            return None
        assert head[1] & 0x80, "RFC 6455 §5.1: a client must mask"
        count = head[1] & 0x7F
        if count == 126:
            count = struct.unpack(">H", self._exactly(2, deadline))[0]
        elif count == 127:
            count = struct.unpack(">Q", self._exactly(8, deadline))[0]
        mask = self._exactly(4, deadline)
        frame = Frame(head[0], apply_mask(self._exactly(count, deadline), mask) if count else b"")
        frame.mask = mask
        return frame

    def read_to_end(self, deadline=DEADLINE):
        """The whole frames up to the end of the connection, and what is there of another."""
        self._buffer += self.wire.read_to_end(deadline)
        self.wire.receive = lambda *_: b""
        frames = []
        while True:
            before = bytes(self._buffer)
            try:
                frame = self.read()
            except (AssertionError, TypeError):
                return frames, before
            if frame is None:
                return frames, b""
            frames.append(frame)

    def close(self):
        self.wire.close()

    def _until(self, mark):
        while (index := self._buffer.find(mark)) < 0:
            data = self.wire.receive(DEADLINE)
            assert data, f"the connection ended in the request: {bytes(self._buffer)!r}"
            self._buffer += data
        data = bytes(self._buffer[:index])
        del self._buffer[: index + len(mark)]
        return data

    def _exactly(self, count, deadline):
        while len(self._buffer) < count:
            data = self.wire.receive(deadline, 1 << 18)
            if not data:
                assert not self._buffer, f"the connection ended inside a frame: {bytes(self._buffer[:40])!r}"
                return None
            self._buffer += data
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data
