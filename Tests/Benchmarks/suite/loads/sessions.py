# rtbridge: echoes and handshakes by rtbridge-load, which compares every byte.
# SPDX-License-Identifier: Apache-2.0
from suite import machine
from suite.loads.own import OwnLoad
from suite.measured import Measured, Wrong


class _Sessions:
    """A load of its own for each round, and what the proxy used while it ran."""

    def __init__(self, job, proxy, bench):
        self.job, self.proxy, self.bench = job, proxy, bench

    def measure(self, seconds):
        backend = self.bench.backend.pid
        with OwnLoad(self.bench, self.url(), *self.options(), cores=self.cores()) as load:
            seen = self.seen_by_the_backend()
            before, backend_before = machine.usage(self.proxy.pid), machine.usage(backend)
            result = load.run(seconds)
            used, backend_used = machine.usage(self.proxy.pid) - before, machine.usage(backend) - backend_before
            seen = self.seen_by_the_backend() - seen
        if abs(seen - result["count"] * self.bytes_behind()) > self.under_way():
            raise Wrong(f"the back-end echoed {seen} bytes, not {result['count'] * self.bytes_behind()}")
        return self.measured(result, used, backend_used.cpu / 1e9)

    def measured(self, result, used, backend_cpu):
        return Measured.cpu(result["count"], result["seconds"], used, load_cpu=result["ownCPU"]["seconds"],
                            backend_cpu=backend_cpu, latencies=result["latencyMicroseconds"])

    def cores(self):
        """Where the load runs; None: where all do."""
        return None

    def bytes_behind(self):
        """How many bytes of each the back-end sees."""
        return self.job.bytes

    def under_way(self):
        """What the back-end may see more or less than has come back: nothing, where a run ends with its last answer."""
        return 0

    def seen_by_the_backend(self):
        counters = self.bench.backend.counters
        return counters["datagrams"] * self.job.bytes if self.job.path == "/udp" else counters["echoed"]


class Echoes(_Sessions):
    """Ping-pong over WebSocket, or over TCP for relays that know no WebSocket."""

    _WARM_UP_BYTES = 32 << 20

    def url(self):
        door = self.job.door_of(self.proxy)
        port = self.proxy.ports[door]
        if door == "udp":
            return f"udp://127.0.0.1:{port}"
        return f"tcp://127.0.0.1:{port}" if door == "raw" else f"ws://127.0.0.1:{port}{self.job.path}"

    def options(self):
        return "-c", self.job.connections, "-b", self.job.bytes, "-w", self._warm_up()

    def _warm_up(self):
        """Round trips of each connection: some MiB in all are enough for TCP to have found its windows."""
        return min(50, max(4, self._WARM_UP_BYTES // self.job.bytes // self.job.connections))


class Texts(Echoes):
    """The same with texts, compressed where the path is that of the route that does."""

    def options(self):
        return *super().options(), "--deflate" if self.job.path == "/deflate" else "--text"


class Feed(_Sessions):
    """Texts that the back-end sends: the load counts all of them, decompresses and compares those of every 32nd session."""

    def url(self):
        return f"ws://127.0.0.1:{self.proxy.ports[self.job.door]}{self.job.path}"

    def options(self):
        return "--mode", "feed", "--deflate", "-c", self.job.connections, "-p", self.job.streams

    def cores(self):
        return self.bench.cores.light

    def bytes_behind(self):
        return 1

    def under_way(self):
        """The feed goes on before and after a run."""
        return 2 * self.job.connections * self.job.streams

    def seen_by_the_backend(self):
        return self.bench.backend.counters["fed"]


class WebSocketCalls(_Sessions):
    """gRPC calls over WebSocket."""

    def url(self):
        return f"ws://127.0.0.1:{self.proxy.ports[self.job.door]}/bench.Bench/Echo"

    def options(self):
        shared = ("--multiplex", "-p", self.job.streams) if self.job.streams > 1 else ("--sources", 4)
        return "--mode", "calls", "-c", self.job.connections, "-b", self.job.bytes, "-w", 5, *shared

    def bytes_behind(self):
        return 1

    def seen_by_the_backend(self):
        return self.bench.backend.counters["calls"]


class Handshakes(_Sessions):
    """Full TLS 1.3 handshakes, each with HTTP/2's SETTINGS, which prove that the server has finished it."""

    def url(self):
        return f"tls://localhost:{self.proxy.ports['tls']}"

    def options(self):
        return ("--mode", "handshake", "-c", self.job.connections, "--alpn", "h2", "--sources", 4,
                "--ca", self.bench.certificates.ca)

    def bytes_behind(self):
        return 0


class BesideSlow(_Sessions):
    """An open loop of messages, a thousand a second, while as many clients as `streams` says read nothing."""

    RATE = 1000

    def url(self):
        return f"ws://127.0.0.1:{self.proxy.ports['websocket']}/tcp"

    def options(self):
        return "-c", self.job.connections, "-b", self.job.bytes, "--rate", self.RATE

    def bytes_behind(self):
        return self.job.bytes

    def measure(self, seconds):
        if not self.job.streams:
            return self._measure(seconds)
        with OwnLoad(self.bench, self.url(), "--mode", "slow", "-b", 64 * 1024, "-c", self.job.streams) as slow:
            # It fills all buffers on its way first.
            filling = slow.run(1)["bytesSent"]
            slow.start(seconds + 1)
            measured = self._measure(seconds)
            measured.extra = {"slowBytesSent": filling + slow.result()["bytesSent"]}
        return measured

    def _measure(self, seconds):
        with OwnLoad(self.bench, self.url(), *self.options()) as load:
            before = machine.usage(self.proxy.pid)
            result = load.run(seconds)
            used = machine.usage(self.proxy.pid) - before
        measured = self.measured(result, used, 0)
        measured.value = result["latencyMicroseconds"]["p99"]
        measured.extra["unsent"] = result["unsent"]
        return measured
