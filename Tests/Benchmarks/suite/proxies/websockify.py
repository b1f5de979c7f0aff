# rtbridge: websockify, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import subprocess

from suite.proxies.proxy import Proxy
from suite.servers import free_port


class Websockify(Proxy):
    """A process for each session, as it comes."""

    name = "websockify"
    command = "websockify"
    doors = ("websocket",)

    def start(self):
        self.ports = {"websocket": free_port()}
        return self.run(
            self.path(), f"127.0.0.1:{self.ports['websocket']}", f"127.0.0.1:{self.setting.backend.tcp}")

    @classmethod
    def version(cls):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", "import importlib.metadata as m; print(m.version('websockify'))"],
            capture_output=True, text=True, check=False)
        return f"websockify {done.stdout.strip() or '(version unknown)'}"
