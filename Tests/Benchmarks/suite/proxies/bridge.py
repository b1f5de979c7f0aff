# rtbridge: the bridge itself, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import dataclass, field
from pathlib import Path

from suite.proxies.proxy import Proxy


@dataclass(frozen=True)
class Shape:
    """In what a bridge may differ from the usual one."""

    workers: int = 1
    cores: str = None
    routes: int = 0  # other gRPC-Web services before the one that is called, less one
    ping_interval: str = "off"
    max_streams: int = 128
    has_udp: bool = False
    environment: dict = field(default_factory=dict)


class Bridge(Proxy):
    name = "rtbridge"
    doors = ("clear", "http1", "tls", "websocket", "wss", "raw", "udp")

    def __init__(self, setting, binary, name=None, shape=Shape()):
        self.binary, self.shape = Path(binary).resolve(), shape
        super().__init__(setting, name)

    def start(self):
        certificates = self.setting.certificates
        limits = {"maxConnections": 1000000, "maxConcurrentStreams": self.shape.max_streams}
        config = self.write("routes.json", json.dumps({
            "listeners": {
                "clear": {"address": "127.0.0.1:0", "limits": limits},
                "raw": {"address": "127.0.0.1:0", "limits": {"maxConnections": 1000000}, "protocols": ["tcp"]},
                **({"udp": {"address": "127.0.0.1:0", "protocols": ["udp"]}} if self.shape.has_udp else {}),
                "tls": {"address": "127.0.0.1:0", "limits": limits, "tls": {
                    "certificates": [{"certFile": certificates.certificate, "keyFile": certificates.key}]}},
            },
            "routes": self._routes(),
            "logging": {"access": False, "level": "warning"},
            "workers": self.shape.workers,
        }))
        server = self.run(
            self.binary, "--config", config, cores=self.shape.cores, environment=self.shape.environment)
        server.wait_for("line `ready`", lambda: "ready" in server.lines())
        for line in server.lines():
            if line.startswith("listening "):
                _, name, url = line.split()
                self.ports[name] = int(url.rpartition(":")[2])
        for door, listener in (("http1", "clear"), ("websocket", "clear"), ("wss", "tls")):
            self.ports[door] = self.ports[listener]
        return server

    def _routes(self):
        backend = self.setting.backend
        websocket = {"pingInterval": self.shape.ping_interval, "maxMessageBytes": "64MiB"}
        # Several addresses of the same back-end: one address has some 28,000 ports for another.
        tcp = {"protocol": "tcp", "endpoints": [f"127.0.0.{number}:{backend.tcp}" for number in range(1, 5)]}
        others = [{"match": {"protocol": "grpc-web", "service": f"bench.Other{number}"},
                   "backend": f"grpc://127.0.0.1:{backend.grpc}"} for number in range(1, self.shape.routes)]
        datagrams = {"match": {"protocol": "udp", "listener": "udp"}, "backend": f"udp://127.0.0.1:{backend.udp}",
                     "udp": {"maxSessionsPerClient": 1024}}
        return [
            *others,
            *([datagrams] if self.shape.has_udp else []),
            # A worker has 16 connections to an endpoint, and the back-end takes 1,000 calls on each.
            {"match": {"protocol": "grpc-web", "service": "bench.Held"},
             "backend": {"protocol": "grpc", "endpoints": [f"127.0.0.{number}:{backend.grpc}" for number in range(1, 5)]},
             "websocket": {"pingInterval": self.shape.ping_interval}},
            {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{backend.grpc}",
             "websocket": {"pingInterval": self.shape.ping_interval}},
            {"match": {"protocol": "grpc"}, "backend": f"grpc://127.0.0.1:{backend.grpc}"},
            {"match": {"protocol": "http", "pathPrefix": "/http/"}, "backend": f"http://127.0.0.1:{backend.http}"},
            {"match": {"protocol": "tcp", "listener": "raw"}, "backend": f"tcp://127.0.0.1:{backend.tcp}"},
            {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": tcp, "websocket": websocket},
            {"match": {"protocol": "websocket", "path": "/deflate"}, "backend": tcp,
             "websocket": {**websocket, "compression": "on"}},
            {"match": {"protocol": "websocket", "path": "/feed"}, "backend": f"tcp://127.0.0.1:{backend.feed}",
             "websocket": {**websocket, "compression": "on"}, "tcp": {"framing": "length32"}},
            {"match": {"protocol": "websocket", "path": "/udp"}, "backend": f"udp://127.0.0.1:{backend.udp}",
             "websocket": websocket, "udp": {"maxSessionsPerClient": 1024}},
        ]
