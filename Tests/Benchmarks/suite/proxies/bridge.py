# rtbridge: the bridge itself, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

from suite.proxies.proxy import Proxy


class Bridge(Proxy):
    name = "rtbridge"
    doors = ("clear", "tls", "websocket")

    def __init__(self, setting, binary, name=None):
        self.binary = Path(binary).resolve()
        super().__init__(setting, name)

    def start(self):
        backend, certificates = self.setting.backend, self.setting.certificates
        config = self.write("routes.json", json.dumps({
            "listeners": {
                "clear": {"address": "127.0.0.1:0"},
                "tls": {"address": "127.0.0.1:0", "tls": {
                    "certificates": [{"certFile": certificates.certificate, "keyFile": certificates.key}]}},
            },
            "routes": [
                {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{backend.grpc}"},
                {"match": {"protocol": "grpc"}, "backend": f"grpc://127.0.0.1:{backend.grpc}"},
                {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": f"tcp://127.0.0.1:{backend.tcp}",
                 "websocket": {"pingInterval": "off", "maxMessageBytes": "64MiB"}},
            ],
            "logging": {"access": False, "level": "warning"},
            "workers": 1,
        }))
        server = self.run(self.binary, "--config", config)
        server.wait_for("line `ready`", lambda: "ready" in server.lines())
        for line in server.lines():
            if line.startswith("listening "):
                _, name, url = line.split()
                self.ports[name] = int(url.rpartition(":")[2])
        self.ports["websocket"] = self.ports["clear"]
        return server
