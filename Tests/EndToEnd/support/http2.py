# rtbridge: HTTP/2 with every frame in the test's hand, as a client or as a back-end.
# SPDX-License-Identifier: Apache-2.0
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from support.waiting import DEADLINE
from support.wire import Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class ConnectionLost(Exception):
    """The peer closed the connection, or reset the stream."""


class Stream:
    """One stream. What came is in `headers`, `body`, `trailers`, `ended` and `reset` (the error code of RST_STREAM)."""

    def __init__(self, connection, identifier):
        self.connection, self.identifier = connection, identifier
        self.headers, self.trailers = None, None
        self.body, self.ended, self.reset = bytearray(), False, None
        self.is_held = False           # True: what comes is not acknowledged, so the peer's window closes
        self._unacknowledged = 0

    def header(self, name, among=None):
        values = [value for key, value in (self.headers if among is None else among) or [] if key == name]
        return values[0] if values else None

    def wait(self, what, condition, deadline=DEADLINE):
        return self.connection.wait(f"{what} on stream {self.identifier}", condition, deadline)

    def wait_headers(self):
        self.wait("headers", lambda: self.headers is not None or self.reset is not None)
        return self.headers

    def wait_body(self, count):
        self.wait(f"{count} bytes of body", lambda: len(self.body) >= count or self.ended or self.reset is not None)
        return bytes(self.body)

    def wait_end(self):
        """END_STREAM. ConnectionLost after a reset; one that follows the end only stops a request (RFC 9113 §8.1)."""
        self.wait("the end", lambda: self.ended or self.reset is not None)
        if not self.ended:
            raise ConnectionLost(f"stream {self.identifier} was reset with {self.reset!r}")
        return bytes(self.body)

    def wait_reset(self, deadline=DEADLINE):
        self.wait("RST_STREAM", lambda: self.reset is not None, deadline)
        return self.reset

    def release(self):
        """Takes what was held: the peer's window opens again."""
        with self.connection.changed:
            self.is_held = False
            self.connection.acknowledge(self, 0)

    def send_headers(self, headers, end=False):
        with self.connection.changed:
            self._check_open()
            self.connection.h2.send_headers(self.identifier, headers, end_stream=end)
            self.connection.flush()

    def _check_open(self):
        if self.reset is not None:
            raise ConnectionLost(f"stream {self.identifier} was reset with {self.reset!r}")

    def send_data(self, data, end=False, deadline=DEADLINE):
        """As the peer's window lets it."""
        view, connection = memoryview(bytes(data)), self.connection
        while True:
            with connection.changed:
                if view:
                    connection.wait("the peer's window", lambda: self.reset is not None or self._room() > 0, deadline)
                self._check_open()
                piece, view = view[: self._room()], view[self._room():]
                connection.h2.send_data(self.identifier, bytes(piece), end_stream=end and not view)
                connection.flush()
            if not view:
                return

    def _room(self):
        h2connection = self.connection.h2
        return min(h2connection.local_flow_control_window(self.identifier), h2connection.max_outbound_frame_size)

    def send_reset(self, code):
        """Nothing, if the stream is over already."""
        with self.connection.changed:
            try:
                self.connection.h2.reset_stream(self.identifier, code)
            except h2.exceptions.StreamClosedError:
                return
            self.connection.flush()


class Connection:
    """One connection; a thread of its own reads. `on_stream` is called, in the reader, with a stream's first headers."""

    def __init__(self, wire, is_client, on_stream=None, window=None, max_streams=None):
        self.wire, self.is_client, self.on_stream = wire, is_client, on_stream
        self.changed = threading.Condition(threading.RLock())
        self.streams, self.goaway, self.error, self.is_closed = {}, None, None, False
        self.settings_received = False
        self.pings = 0
        self.frames = []                # (type, flags, stream) of each frame received
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=is_client, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        settings = {}
        if window is not None:
            settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        if max_streams is not None:
            settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = max_streams
        with self.changed:
            self.h2.initiate_connection()
            if settings:
                self.h2.update_settings(settings)
            self.flush()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def open(self, headers, end=False):
        with self.changed:
            stream = Stream(self, self.h2.get_next_available_stream_id())
            self.streams[stream.identifier] = stream
            self.h2.send_headers(stream.identifier, headers, end_stream=end)
            self.flush()
            return stream

    def send_goaway(self, last_stream, code=0):
        # Not by the library, which takes a GOAWAY for the end of everything.
        with self.changed:
            self.wire.send(struct.pack(">I", 8)[1:] + b"\x07\0" + struct.pack(">III", 0, last_stream, code))

    def wait(self, what, condition, deadline=DEADLINE):
        end = time.monotonic() + deadline
        with self.changed:
            while True:
                value = condition()
                if value:
                    return value
                if self.error is not None:
                    raise AssertionError(f"while waiting for {what}: {self.error}")
                if self.is_closed:
                    raise ConnectionLost(f"the connection ended while waiting for {what}")
                remaining = end - time.monotonic()
                if remaining <= 0:
                    raise AssertionError(f"waited {deadline:.0f} s in vain for {what}")
                self.changed.wait(remaining)

    def flush(self):
        data = self.h2.data_to_send()
        if data and not self.is_closed:
            try:
                self.wire.send(data)
            except OSError as error:
                self.is_closed = True
                self.changed.notify_all()
                raise ConnectionLost(str(error)) from error

    def acknowledge(self, stream, count):
        stream._unacknowledged += count
        if not stream.is_held and stream._unacknowledged:
            self.h2.acknowledge_received_data(stream._unacknowledged, stream.identifier)
            stream._unacknowledged = 0
            self.flush()

    def close(self):
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()
        self.wire.close()

    # The reader.

    def _read(self):
        buffer = bytearray()
        preface_left = 0 if self.is_client else len(PREFACE)
        try:
            while not self.is_closed:
                try:
                    data = self.wire.receive(3600)
                except (OSError, ValueError):
                    break
                if not data:
                    break
                buffer += data
                if preface_left:
                    if len(buffer) < preface_left:
                        continue
                    self._feed(bytes(buffer[:preface_left]))
                    del buffer[:preface_left]
                    preface_left = 0
                while len(buffer) >= 9 and len(buffer) >= 9 + int.from_bytes(buffer[:3], "big"):
                    length = 9 + int.from_bytes(buffer[:3], "big")
                    self._frame(bytes(buffer[:length]))
                    del buffer[:length]
        except ConnectionLost:
            pass
        except Exception as error:  # noqa: BLE001: it is the peer's breach of HTTP/2; the waiting test says so
            self.error = f"the peer broke HTTP/2: {type(error).__name__}: {error}"
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()

    def _frame(self, frame):
        with self.changed:
            kind, flags = frame[3], frame[4]
            identifier = int.from_bytes(frame[5:9], "big") & 0x7FFFFFFF
            self.frames.append((kind, flags, identifier))
            if kind == 7:
                last, code = struct.unpack(">II", frame[9:17])
                self.goaway = (last & 0x7FFFFFFF, code, frame[17:])
            else:
                self._feed(frame)
            self.changed.notify_all()

    def _feed(self, data):
        with self.changed:
            for event in self.h2.receive_data(data):
                self._handle(event)
            self.flush()

    def _handle(self, event):
        identifier = getattr(event, "stream_id", None)
        stream = self.streams.get(identifier) if identifier else None
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[identifier] = Stream(self, identifier)
            stream.headers = event.headers
            stream.ended = event.stream_ended is not None
            self.on_stream(stream)
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = event.headers
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.acknowledge(stream, event.flow_controlled_length)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if stream is not None:
                try:
                    stream.reset = h2.errors.ErrorCodes(event.error_code)
                except ValueError:
                    stream.reset = event.error_code
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings_received = True
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1


def connect(address, tls=None, **options):
    wire = Wire.connect(address, tls, ["h2"] if tls else None)
    assert tls is None or wire.alpn == "h2", f"ALPN chose {wire.alpn}"
    return Connection(wire, is_client=True, **options)


class ScriptedHTTP2:
    """A back-end with prior knowledge. `script(stream)` runs in a thread of its own for each stream; set it in a test.

    `streams` are all streams so far, in order; `failures` what went wrong in scripts, checked by `close`.
    """

    def __init__(self, script=None, port=0, **options):
        self.script, self.options = script, options
        self.streams, self.connections, self.failures = [], [], []
        self._server = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.connections.append(Connection(Wire(sock), False, self._opened, **self.options))
            except (OSError, ConnectionLost):
                sock.close()

    def _opened(self, stream):
        self.streams.append(stream)
        threading.Thread(target=self._run, args=(stream, self.script), daemon=True).start()

    def _run(self, stream, script):
        try:
            script(stream)
        except ConnectionLost:
            pass
        except Exception as error:  # noqa: BLE001: reported by `check`
            self.failures.append(f"{type(error).__name__}: {error}")

    def check(self):
        failures, self.failures = self.failures, []
        failures += [connection.error for connection in self.connections if connection.error]
        assert not failures, f"at the scripted back-end: {failures}"

    def close(self):
        self._server.close()
        for connection in self.connections:
            connection.close()
