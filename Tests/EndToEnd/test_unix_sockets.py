# rtbridge: Unix sockets in front and behind (unix(7)).
# SPDX-License-Identifier: Apache-2.0
import json
import os
import signal
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from support.bridge import binary
from support.grpc_web import frame, name_message, Endpoint
from support.http1 import Http1
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket

HELLO = "/helloworld.Greeter/SayHello"


@pytest.fixture
def place(tmp_path):
    """A short folder: a socket's path has 107 bytes at most."""
    path = Path(f"/tmp/rtbridge-{os.getpid()}-{abs(hash(str(tmp_path))) % 100000}")
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


class UnixEcho:
    def __init__(self, path):
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self):
        self._server.close()


@pytest.mark.parametrize("mode", ["close", "resume"])
def test_a_tcp_back_end_is_reached_at_its_path(start_bridge, make_config, place, mode):
    server = UnixEcho(place / "echo.sock")
    routes = [{"match": {"protocol": "websocket"}, "backend": f"unix:{place}/echo.sock", "reconnect": {"mode": mode}}]
    bridge = start_bridge(make_config(routes))
    with WebSocket(bridge.address("clear"), "/") as client:
        data = os.urandom(300_000)
        client.send(BINARY, data)
        assert client.read_bytes(len(data)) == data
    wait_until("the access line", lambda: f"back.address=unix:{place}/echo.sock" in bridge.errors())
    server.close()


def test_grpc_and_health_checks_reach_their_path(start_bridge, make_config, place, start_backend, grpc_proto, greeter):
    # grpcio listens where it is told to; a relay of the test's stands for it at a path.
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{place}/greeter.sock")
    server.listen()

    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass

    def accept():
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", greeter.port))
            threading.Thread(target=pump, args=(near, far), daemon=True).start()
            threading.Thread(target=pump, args=(far, near), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    backends = {"greeter": {"protocol": "grpc", "endpoints": [f"unix:{place}/greeter.sock"],
                            "healthCheck": {"type": "tcp", "interval": "200ms"}}}
    bridge = start_bridge(make_config([{"match": {"protocol": "grpc-web"}, "backend": "greeter"}], backends=backends))
    reply = Endpoint(bridge.address("clear"), None, "http/2").call(HELLO, frame(name_message("path")))
    assert reply.messages == [name_message("Hello, path!")]
    wait_until("the health check", lambda: f"endpoint is healthy (healthCheck) back.address=unix:{place}" in bridge.errors())
    server.close()


def test_a_path_without_a_server_is_named(start_bridge, make_config, place):
    routes = [{"name": "r", "match": {"protocol": "websocket"}, "backend": f"unix:{place}/none.sock"}]
    bridge = start_bridge(make_config(routes))
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/", [("upgrade", "websocket"), ("connection", "upgrade"),
                                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13")])
        reply = http.read_reply()
    assert reply.status == 502
    assert reply.body.decode().strip() == f"route r: unix:{place}/none.sock: connect: no such file or directory"


# Listeners.

def get(path, target="/livez"):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(str(path))
        client.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        data = b""
        while piece := client.recv(65536):
            data += piece
    return data


@pytest.fixture
def unix_config(place):
    def make(workers=2, **listener):
        return {"listeners": {"unix": {"address": f"unix:{place}/front.sock", **listener}},
                "health": {"onListeners": ["unix"]}, "workers": workers, "shutdown": {"drain": "2s"},
                "admin": {"address": f"unix:{place}/admin.sock"},
                "routes": [{"match": {"protocol": "websocket"}, "backend": "tcp://127.0.0.1:1"}]}
    return make


@pytest.mark.parametrize("workers", [1, 3])
def test_a_listener_at_a_path_serves_and_removes_its_file(start_bridge, unix_config, place, workers):
    bridge = start_bridge(unix_config(workers, socketMode="0600"))
    path = place / "front.sock"
    assert f"listening unix unix:{path}" in bridge.lines
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "admin.sock").stat().st_mode) == 0o660
    for _ in range(30):
        assert get(path).startswith(b"HTTP/1.1 200 ")
    status = subprocess.run([binary(), "healthcheck", "--config", bridge.config], timeout=DEADLINE).returncode
    assert status == 0
    bridge.stop_orderly()
    bridge.was_stopped = True
    assert not list(place.iterdir())


def test_a_file_that_a_dead_bridge_left_is_replaced(start_bridge, unix_config, place):
    first = start_bridge(unix_config())
    first.signal(signal.SIGKILL)
    first.wait()
    first.was_stopped = True
    assert (place / "front.sock").exists()
    start_bridge(unix_config())
    assert get(place / "front.sock").startswith(b"HTTP/1.1 200 ")


def refuse(config, path):
    path.write_text(json.dumps(config))
    result = subprocess.run([binary(), "--config", path], text=True, capture_output=True, timeout=DEADLINE)
    assert result.returncode == 2, result
    return result.stderr


def test_a_path_where_somebody_listens_and_one_that_is_no_socket_are_left_alone(unix_config, place, tmp_path):
    server = UnixEcho(place / "front.sock")
    config = unix_config()
    said = refuse(config, tmp_path / "routes.json")
    assert f"listeners.unix.address: unix:{place}/front.sock: the address is in use by another process" in said
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{place}/front.sock")
    server.close()
    (place / "front.sock").unlink()
    (place / "front.sock").write_text("a file of somebody's")
    said = refuse(config, tmp_path / "routes.json")
    assert "the file is there, and is no socket" in said
    assert (place / "front.sock").read_text() == "a file of somebody's"
    # What was bound before is undone.
    assert not (place / "admin.sock").exists()


def test_a_unix_socket_with_tls_needs_a_name(tmp_path):
    config = {"listeners": {"l": {"address": "127.0.0.1:0"}},
              "backends": {"b": {"protocol": "tcp", "endpoints": ["unix:/run/x"], "tls": {}},
                           "u": {"protocol": "udp", "endpoints": ["unix:/run/x"]}},
              "routes": [{"match": {"protocol": "websocket"}, "backend": "b"}]}
    said = refuse(config, tmp_path / "routes.json")
    assert "backends.b.tls.serverName: is missing: a Unix socket has no name to verify" in said
    assert "backends.u.endpoints: udp has no Unix sockets" in said
