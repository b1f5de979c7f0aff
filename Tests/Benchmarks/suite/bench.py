# rtbridge: what a run stands on: the back-end, certificates, and the proxies that were started so far.
# SPDX-License-Identifier: Apache-2.0
import resource
import sys

from suite import machine
from suite.proxies import PEERS, Bridge, Floor, Shape
from suite.proxies.proxy import Setting
from suite.servers import Backend, Certificates, build_helpers


class Bench:
    """Proxies are started when the first job asks for them, and stopped at the end: `stack` is an ExitStack."""

    def __init__(self, directory, builds, peers, stack, is_quick=False):
        self.directory, self.builds, self.peers, self._stack = directory, builds, peers, stack
        self.is_quick = is_quick
        self.subject = next(iter(builds))
        self.cores = machine.Cores.choose()
        _, self.max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Inherited by all that is started.
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.max_files, self.max_files))
        build_helpers(directory)
        self.backend = Backend(self.cores.load, directory)
        stack.callback(self.backend.stop)
        self.certificates = Certificates(directory)
        self._proxies = {}
        self._setting = self._with_websocket(self.backend, stack)

    def setting(self):
        return self._setting

    def another_setting(self, number, stack):
        """With back-ends of its own, for a proxy whose sessions are more than the files that one back-end may open."""
        backend = Backend(self.cores.load, self.directory, f"backend-{number}")
        stack.callback(backend.stop)
        return self._with_websocket(backend, stack, f"-{number}")

    def _with_websocket(self, backend, stack, suffix=""):
        """What a proxy that passes WebSocket on has behind it is a process of its own."""
        setting = Setting(self.cores.proxy, self.directory, backend, self.certificates, None, self.max_files)
        echo = Floor(setting, f"websocket-backend{suffix}", self.cores.load)
        stack.callback(echo.stop)
        return setting._replace(websocket_backend=echo.ports["websocket"])

    def has(self, name):
        """Whether a proxy was asked for and is installed."""
        if name in self.builds:
            return True
        if name not in self.peers:
            return False
        if not PEERS[name].path():
            print(f"compare: no {name} here, so it is left out; .ci/install-bench installs it", file=sys.stderr)
            self.peers = [peer for peer in self.peers if peer != name]
            return False
        return True

    def proxy(self, name, door=None):
        """A bridge that listens for datagrams is one of its own, so that builds which cannot do all other jobs."""
        build, has_udp = self.builds.get(name), door == "udp"
        key = f"{name}-udp" if build and has_udp else name
        if key not in self._proxies:
            self.add(key, Bridge(self.setting(), build, key, Shape(has_udp=has_udp)) if build else PEERS[name](self.setting()))
        return self._proxies[key]

    def add(self, name, proxy):
        self._stack.callback(proxy.stop)
        self._proxies[name] = proxy
        return proxy

    def versions(self):
        return {name: PEERS[name].version() for name in self._proxies if name in PEERS}
