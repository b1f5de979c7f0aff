# rtbridge: gRPC over WebSocket as literal bytes.
# SPDX-License-Identifier: Apache-2.0
"""The transport of improbable-eng's grpc-web ("grpc-websockets"), and Deephaven's for many calls on one WebSocket.

Not on the synchronous client of `websockets`: it reads and writes its TLS from two threads at a time, which Python's `ssl`
does not bear, and one opening in three hundred is lost that way.
"""
import struct
from urllib.parse import unquote_to_bytes

from support.grpc_web import TRAILER, frame, parse_trailers
from support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, WebSocket, close_payload

SINGLE, MULTIPLEX = "grpc-websockets", "grpc-websockets-multiplex"
GO_AWAY, FINAL = 0x7FFFFFFF, 0x80000000
CONTENT_TYPE = ("content-type", "application/grpc-web+proto")


def block(fields):
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


class Answer:
    """What came of one call: header fields, messages, trailers, from one byte stream."""

    def __init__(self):
        self._bytes = bytearray()
        self.headers, self.trailers, self.messages = None, None, []

    def feed(self, data):
        self._bytes += data
        while len(self._bytes) >= 5:
            flag, length = struct.unpack(">BI", self._bytes[:5])
            if len(self._bytes) < 5 + length:
                return
            payload = bytes(self._bytes[5:5 + length])
            del self._bytes[:5 + length]
            assert self.trailers is None, f"a frame behind the trailers: {flag:#x} {payload[:40]!r}"
            if flag != TRAILER:
                assert flag == 0, f"a frame with flags {flag:#x}"
                self.messages.append(payload)
                continue
            assert all(0x20 <= byte <= 0x7E or byte in b"\t\r\n" for byte in payload), payload
            fields = parse_trailers(payload)
            is_last = any(name == "grpc-status" for name, _ in fields)
            if self.headers is None:
                self.headers = fields
            if is_last:
                self.trailers = fields

    @property
    def is_whole(self):
        return self.trailers is not None and not self._bytes

    def field(self, name):
        values = [value for key, value in (self.trailers or ()) if key == name]
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None

    @property
    def status(self):
        return int(self.field("grpc-status"))

    @property
    def message(self):
        return unquote_to_bytes(self.field("grpc-message") or "").decode()


class Messages:
    """Binary messages, whole."""

    def __init__(self, address, path, subprotocols, tls=None, **options):
        self.socket = WebSocket(address, path, tls, subprotocols=subprotocols, **options)
        self.subprotocol, self.close_code = self.socket.subprotocol, None

    def put(self, *fragments):
        """A message; nothing once the bridge has closed, for an answer may come before the request's end."""
        try:
            for index, fragment in enumerate(fragments):
                self.socket.send(CONTINUATION if index else BINARY, fragment, fin=index == len(fragments) - 1)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def get(self):
        """The next message; None at the end, which is answered."""
        message = b""
        while self.close_code is None:
            received = self.socket.read()
            if received is None or received.opcode == CLOSE:
                self.close_code = 1006 if received is None else received.code
                self.close()
            elif received.opcode == PING:
                self.socket.send(PONG, received.payload)
            elif received.opcode in (BINARY, CONTINUATION):
                message += received.payload
                if received.fin:
                    return message
        return None

    def close(self):
        try:
            self.socket.send(CLOSE, close_payload(1000))
        except OSError:
            pass
        self.socket.close()


class SocketCall:
    """A call with a WebSocket of its own."""

    def __init__(self, address, path, tls=None, metadata=(), **options):
        self.socket = Messages(address, path, [SINGLE], tls, **options)
        assert self.socket.subprotocol == SINGLE
        self.answer = Answer()
        self.socket.put(block([CONTENT_TYPE, *metadata]))

    @property
    def close_code(self):
        return self.socket.close_code

    def send(self, message):
        self.socket.put(b"\0" + frame(message))

    def end(self):
        self.socket.put(b"\1")

    def next(self):
        """The next message of the answer; None when there is no further one."""
        while not self.answer.messages and not self.answer.is_whole and self._read():
            pass
        return self.answer.messages.pop(0) if self.answer.messages else None

    def rest(self):
        """All messages that are still to come, to the close of the WebSocket."""
        while self._read():
            pass
        messages, self.answer.messages = self.answer.messages, []
        return messages

    def cancel(self):
        self.socket.close()

    def _read(self):
        data = self.socket.get()
        if data is not None:
            self.answer.feed(data)
        return data is not None


class SharedSocket:
    """A WebSocket for many calls."""

    def __init__(self, address, path, tls=None, **options):
        self.socket = Messages(address, path, [MULTIPLEX, SINGLE], tls, **options)
        assert self.socket.subprotocol == MULTIPLEX
        self.calls, self.is_going_away = {}, False
        self._next = 0

    @property
    def close_code(self):
        return self.socket.close_code

    def call(self, path, metadata=()):
        call = SharedCall(self, self._next)
        self._next += 1
        self.calls[call.number] = call
        call.put(block([("grpc-websockets-path", path.lstrip("/")), CONTENT_TYPE, *metadata]))
        return call

    def read(self):
        data = self.socket.get()
        if data is None:
            return False
        word, = struct.unpack(">I", data[:4])
        if word & GO_AWAY == GO_AWAY:
            self.is_going_away = True
        elif call := self.calls.get(word & GO_AWAY):
            call.answer.feed(data[4:])
            if word & FINAL:
                call.is_over = True
                del self.calls[call.number]
        return True

    def close(self):
        self.socket.close()


class SharedCall:
    def __init__(self, shared, number):
        self.shared, self.number, self.answer, self.is_over = shared, number, Answer(), False

    def put(self, data, final=False):
        self.shared.socket.put(struct.pack(">I", self.number | (FINAL if final else 0)) + data)

    def send(self, message):
        self.put(b"\0" + frame(message))

    def end(self):
        self.put(b"\1", final=True)

    def next(self):
        while not self.answer.messages and not self.is_over and self.shared.read():
            pass
        return self.answer.messages.pop(0) if self.answer.messages else None

    def rest(self):
        while not self.is_over and self.shared.read():
            pass
        messages, self.answer.messages = self.answer.messages, []
        return messages

    def cancel(self):
        self.put(b"", final=True)
        self.shared.calls.pop(self.number, None)
        self.is_over = True
