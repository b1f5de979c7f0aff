# rtbridge: the client's end of a tunnel: TCP connections through WebSockets.
# SPDX-License-Identifier: Apache-2.0
import socket
import threading

from support.websocket import BINARY, CLOSE, CONTINUATION, WebSocket, close_payload


class Tunnel:
    """A TCP port whose connections go through WebSockets."""

    def __init__(self, address, path):
        self.address, self.path = address, path
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = WebSocket(self.address, self.path, subprotocols=["binary"])
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far), daemon=True).start()

    def _up(self, near, far):
        try:
            while data := near.recv(65536):
                far.send(BINARY, data)
            far.send(CLOSE, close_payload(1000))
        except OSError:
            far.close()

    def _down(self, near, far):
        try:
            while (frame := far.read()) is not None and frame.opcode != CLOSE:
                if frame.opcode in (BINARY, CONTINUATION):
                    near.sendall(frame.payload)
            near.shutdown(socket.SHUT_WR)
        except (OSError, AssertionError):
            near.close()

    def close(self):
        self._server.close()
