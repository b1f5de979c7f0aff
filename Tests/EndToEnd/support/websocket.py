# rtbridge: WebSocket with every bit of a frame in the test's hand (RFC 6455 §5.2).
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import os
import struct

from support.http1 import Http1
from support.waiting import DEADLINE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def encode(opcode, payload=b"", fin=True, rsv=0, mask=b"\x37\xfa\x21\x3d", length_bytes=None):
    """A frame. `mask` None sends it unmasked; `length_bytes` 2 or 8 forces a longer form of the length."""
    count = len(payload)
    if length_bytes is None:
        length_bytes = 0 if count < 126 else 2 if count < 65536 else 8
    field = {0: bytes([count & 0x7F]), 2: b"\x7e" + struct.pack(">H", count & 0xFFFF),
             8: b"\x7f" + struct.pack(">Q", count)}[length_bytes]
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if mask is None:
        return head + field + payload
    return head + bytes([field[0] | 0x80]) + field[1:] + mask + apply_mask(payload, mask)


def apply_mask(payload, mask):
    if not payload:
        return b""
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(payload), "big")


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


class Frame:
    def __init__(self, head, payload):
        self.fin, self.rsv, self.opcode, self.payload = bool(head & 0x80), head >> 4 & 7, head & 0xF, payload

    @property
    def code(self):
        """Of a close frame; 1005 where it has none (RFC 6455 §7.1.5)."""
        return struct.unpack(">H", self.payload[:2])[0] if self.payload else 1005

    @property
    def reason(self):
        return self.payload[2:].decode()

    def __repr__(self):
        return f"<frame fin={self.fin} rsv={self.rsv} opcode={self.opcode:#x} {self.payload[:40]!r}>"


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, reply):
        self.reply = reply
        super().__init__(f"HTTP {reply.status} {reply.headers} {reply.body!r}")


class WebSocket:
    def __init__(self, address, path, tls=None, origin=None, subprotocols=(), headers=(), extensions=None,
                 **options):
        self.http = Http1(address, tls, **options)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", key),
                  ("sec-websocket-version", "13")]
        if origin is not None:
            fields.append(("origin", origin))
        if subprotocols:
            fields.append(("sec-websocket-protocol", ", ".join(subprotocols)))
        if extensions is not None:
            fields.append(("sec-websocket-extensions", extensions))
        try:
            self.http.send_head("GET", path, [*fields, *headers])
            self.reply = self.http.read_reply()
            if self.reply.status != 101:
                raise Refused(self.reply)
        except BaseException:
            self.http.close()
            raise
        # RFC 6455 §4.2.2: the SHA-1 of the key and the GUID.
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        assert self.reply.header("sec-websocket-accept") == accept.decode()
        assert self.reply.header("upgrade").lower() == "websocket"
        assert self.reply.header("connection").lower() == "upgrade"
        if extensions is None:
            assert self.reply.header("sec-websocket-extensions") is None, "an extension that nobody offered"
        self.wire = self.http.wire
        self._buffer = bytearray(self.http.take())

    @property
    def subprotocol(self):
        return self.reply.header("sec-websocket-protocol")

    def send_raw(self, data):
        self.wire.send(data)

    def send(self, opcode, payload=b"", **options):
        self.wire.send(encode(opcode, payload, **options))

    def read(self, deadline=DEADLINE):
        """The next frame; None at the end of the connection. Fails on what a server must not send."""
        head = self._exactly(2, deadline)
        if head is None:
            return None
        assert not head[1] & 0x80, "RFC 6455 §5.1: a server must not mask"
        count = head[1]
        if count == 126:
            count = struct.unpack(">H", self._exactly(2, deadline))[0]
            assert count > 125, "RFC 6455 §5.2: the length must be as short as it can be"
        elif count == 127:
            count = struct.unpack(">Q", self._exactly(8, deadline))[0]
            assert count > 65535, "RFC 6455 §5.2: the length must be as short as it can be"
        frame = Frame(head[0], self._exactly(count, deadline) if count else b"")
        assert frame.opcode < 8 or frame.fin and count < 126, f"RFC 6455 §5.5: {frame}"
        return frame

    def read_bytes(self, count, deadline=DEADLINE):
        """The data of as many messages as it takes; fails on a control frame."""
        data = bytearray()
        while len(data) < count:
            frame = self.read(deadline)
            assert frame is not None, f"the connection ended after {len(data)} of {count} bytes"
            assert frame.opcode in (CONTINUATION, BINARY) and frame.rsv == 0, f"unexpected {frame}"
            data += frame.payload
        assert len(data) == count, f"{len(data)} bytes, not {count}"
        return bytes(data)

    def read_until_close(self, deadline=DEADLINE):
        """(data, close frame); the close frame is None if the connection ended without one."""
        data = bytearray()
        while True:
            try:
                frame = self.read(deadline)
            except ConnectionError:
                frame = None
            if frame is None or frame.opcode == CLOSE:
                return bytes(data), frame
            if frame.opcode in (CONTINUATION, TEXT, BINARY):
                data += frame.payload

    def close(self):
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

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
