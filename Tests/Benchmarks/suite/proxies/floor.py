# rtbridge: floor.c, the least that a relay can cost, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from suite.proxies.proxy import Proxy


class Floor(Proxy):
    """Bare epoll: WebSocket → TCP."""

    name = "floor"
    doors = ("websocket",)

    def __init__(self, setting, name=None, core=None):
        self.core = core
        super().__init__(setting, name)

    def start(self):
        server = self.run(Path(self.setting.directory) / "floor", self.setting.backend.tcp, cores=self.core)
        server.wait_for("ports", lambda: len(server.lines()) == 2)
        ports = {name: int(port) for name, port in (line.split() for line in server.lines())}
        self.ports = {door: ports[door] for door in self.doors}
        return server

    @classmethod
    def path(cls):
        return "floor"

    @classmethod
    def version(cls):
        return "floor.c of this run"


class FloorTCP(Floor):
    """Bare epoll: TCP → TCP."""

    name = "floor-tcp"
    doors = ("raw",)
