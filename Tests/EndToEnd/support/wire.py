# rtbridge: one socket, clear or TLS, whose every operation has a deadline.
# SPDX-License-Identifier: Apache-2.0
import select
import socket
import ssl
import struct
import threading
import time

from support.waiting import DEADLINE


class Wire:
    """Non-blocking underneath, so that one thread may read while another writes (an SSL object takes one at a time)."""

    def __init__(self, sock, received=b""):
        sock.setblocking(False)
        self.socket = sock
        self._lock = threading.RLock()
        self._left_over = received

    @classmethod
    def connect(cls, address, tls=None, alpn=None, receive_buffer=None, server_name="localhost"):
        """To `(host, port)`; `tls` is an SSLContext or None; `alpn` a list of protocols."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE)
        try:
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                if alpn:
                    tls.set_alpn_protocols(alpn)
                sock = tls.wrap_socket(sock, server_hostname=server_name)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    @property
    def alpn(self):
        return self.socket.selected_alpn_protocol() if isinstance(self.socket, ssl.SSLSocket) else None

    def receive(self, deadline=DEADLINE, limit=65536):
        """Some bytes; b"" at the peer's end. TimeoutError at the deadline, ConnectionError after a reset."""
        if self._left_over:
            data, self._left_over = self._left_over, b""
            return data
        end = time.monotonic() + deadline
        while True:
            try:
                with self._lock:
                    return self.socket.recv(limit)
            except (BlockingIOError, ssl.SSLWantReadError):
                readable, writable = [self.socket], []
            except ssl.SSLWantWriteError:
                readable, writable = [], [self.socket]
            except ssl.SSLEOFError as error:
                raise ConnectionAbortedError("the TLS connection ended without close_notify") from error
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(f"nothing to read for {deadline:.1f} s")
            # In slices: the end of another thread's write may have brought bytes in.
            select.select(readable, writable, [], min(remaining, 0.5))

    def send_some(self, data, deadline=DEADLINE):
        """Sends what the peer takes, and returns how much; 0 if it took nothing until the deadline."""
        end = time.monotonic() + deadline
        while True:
            try:
                with self._lock:
                    return self.socket.send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                remaining = end - time.monotonic()
                if remaining <= 0:
                    return 0
                select.select([], [self.socket], [], min(remaining, 0.5))
            except ssl.SSLWantReadError:
                select.select([self.socket], [], [], 0.05)

    def send(self, data, deadline=DEADLINE):
        view = memoryview(data)
        while view:
            # The same bytes again after a would-block: OpenSSL insists on it.
            count = self.send_some(view[:65536], deadline)
            if count == 0:
                raise TimeoutError(f"the peer took nothing for {deadline:.1f} s")
            view = view[count:]

    def finish(self):
        """No more bytes from here (FIN); what the peer sends can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def abort(self):
        """RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        # Not under another thread's read: the system gives the descriptor's number to the next socket at once.
        with self._lock:
            self.socket.close()

    def read_to_end(self, deadline=DEADLINE):
        """All that comes until the peer's end; a reset counts as an end."""
        data = bytearray()
        try:
            while piece := self.receive(deadline):
                data += piece
        except ConnectionError:
            pass
        return bytes(data)
