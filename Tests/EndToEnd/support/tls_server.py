# rtbridge: a TLS back-end of Python's own `ssl`, which echoes.
# SPDX-License-Identifier: Apache-2.0
import socket
import ssl
import threading

from support.waiting import DEADLINE


class TLSEcho:
    """Echoes until the client's close_notify, and answers with its own. `names` holds the SNI of each handshake that
    was complete, `peers` the client's certificate."""

    def __init__(self, cert, key, alpn=None, client_ca=None, versions=None, greeting=b"", on_bytes=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if alpn:
            context.set_alpn_protocols(alpn)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        if versions:
            context.minimum_version = context.maximum_version = versions
        context.sni_callback = self._named
        self._context = context
        self._greeting = greeting
        self._on_bytes = on_bytes or (lambda data: data)
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._server.getsockname()[1]
        self.names, self.peers, self.failures = [], [], []
        self._pending = threading.local()
        threading.Thread(target=self._accept, daemon=True).start()

    def _named(self, tls, name, context):
        self._pending.name = name

    def _accept(self):
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        self._pending.name = None
        try:
            with sock:
                sock.settimeout(DEADLINE)
                with self._context.wrap_socket(sock, server_side=True) as tls:
                    self.names.append(self._pending.name)
                    self.peers.append(tls.getpeercert() if self._context.verify_mode else None)
                    tls.sendall(self._greeting)
                    while data := tls.recv(65536):
                        tls.sendall(self._on_bytes(data))
                    tls.unwrap()
        except OSError as problem:
            self.failures.append(problem)

    def close(self):
        self._server.close()


class PlainServer:
    """A TCP server that greets in clear text, or says nothing, and reads nothing."""

    def __init__(self, greeting):
        self._greeting = greeting
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._server.getsockname()[1]
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            if self._greeting:
                sock.sendall(self._greeting)
            self._open.append(sock)

    def close(self):
        self._server.close()
        for sock in self._open:
            sock.close()
