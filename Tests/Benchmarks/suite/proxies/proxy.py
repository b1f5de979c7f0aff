# rtbridge: what all proxies have in common.
# SPDX-License-Identifier: Apache-2.0
import subprocess
from typing import NamedTuple

from suite.servers import Server, program


class Setting(NamedTuple):
    """What a proxy is given: its core, a folder, the back-end, a certificate, and how much it may open."""

    core: int
    directory: str
    backend: object
    certificates: object
    websocket_backend: int  # the port of a WebSocket echo
    max_files: int


class Proxy:
    """A proxy with one worker and no access log, as lean as its configuration allows without losing its function.

    `ports` has a port for each of the front doors that it can open: `clear` (HTTP/2 with prior knowledge), `http1` (HTTP/1.1),
    `tls` (HTTP/2 over TLS), `websocket` and `wss` (to the TCP echo), `raw` (TCP to the TCP echo), `udp` (UDP to the UDP echo). Requests for /http/ go to
    the back-end's HTTP/1.1, and all others over HTTP to its gRPC.
    """

    name = ""
    command = ""
    doors = ()

    def __init__(self, setting, name=None):
        self.name = name or self.name
        self.setting = setting
        self.ports = {}
        self.server = self.start()
        for door, port in self.ports.items():
            if door != "udp":
                self.server.wait_for_port(port)

    def start(self):
        raise NotImplementedError

    def run(self, *arguments, cores=None, environment=None):
        cores = self.setting.core if cores is None else cores
        return Server(self.name, arguments, cores, self.setting.directory, environment)

    def write(self, file, text):
        path = f"{self.setting.directory}/{self.name}-{file}"
        with open(path, "w", encoding="utf-8") as config:
            config.write(text)
        return path

    @classmethod
    def path(cls):
        """Where the program is, or None."""
        return program(cls.command)

    @classmethod
    def version(cls):
        """What it says of itself, in one line."""
        done = subprocess.run([cls.path(), "--version"], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().splitlines()[0].strip()

    @property
    def pid(self):
        return self.server.pid

    def stop(self):
        self.server.stop()
