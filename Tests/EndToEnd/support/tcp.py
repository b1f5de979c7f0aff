# rtbridge: a TCP back-end in the test's hand.
# SPDX-License-Identifier: Apache-2.0
import socket
import threading

from support.waiting import wait_until
from support.wire import Wire


class ScriptedTCP:
    """`connections` are the accepted ones, in order, as `Wire`s; nothing reads or writes but the test."""

    def __init__(self, port=0, receive_buffer=None):
        self._server = socket.create_server(("127.0.0.1", port), backlog=128)
        if receive_buffer:
            self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = self._server.getsockname()[1]
        self.connections = []
        self._taken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections.append(Wire(sock))

    def take(self):
        """The next connection that no test has taken."""
        wait_until("a connection to the back-end", lambda: len(self.connections) > self._taken)
        self._taken += 1
        return self.connections[self._taken - 1]

    def close(self):
        self._server.close()
        for connection in self.connections:
            connection.close()


def refused_port():
    """A port where nobody listens: bound, so that nobody else takes it, and never listening. Keep the socket."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]
