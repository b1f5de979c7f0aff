# rtbridge: how much memory a proxy takes: at rest, and for each idle session or open stream.
# SPDX-License-Identifier: Apache-2.0
import subprocess
import time
from contextlib import ExitStack

from suite import machine
from suite.loads.calls import Calls
from suite.loads.own import OwnLoad
from suite.measured import Impossible, Measured, Wrong
from suite.samples import Call
from suite.servers import DEADLINE

# What a freshly opened session leaves to be done has been done by then.
_SETTLE_SECONDS = 0.5


def _settled(proxies):
    time.sleep(_SETTLE_SECONDS)
    return sum(machine.memory(proxy.pid) for proxy in proxies)


class Rest:
    """Resident memory of a proxy that has just been started, of all its processes."""

    def __init__(self, job, fresh, bench):
        self.fresh, self.bench = fresh, bench

    def measure(self, seconds):
        proxy = self.fresh.start(self.bench.setting(), 1)
        try:
            time.sleep(_SETTLE_SECONDS)
            return Measured(machine.memory(proxy.pid))
        finally:
            proxy.stop()


class Slope:
    """Memory with many less memory with few, divided by the difference; then what is used while nothing happens."""

    def __init__(self, job, fresh, bench):
        self.job, self.fresh, self.bench = job, fresh, bench
        self.few, self.many = self.numbers()

    def numbers(self):
        return self.job.sessions

    def measure(self, seconds):
        # Loads end before the proxies, and these before their back-ends.
        with ExitStack() as stack:
            proxies = self.start(stack)
            empty = sum(machine.memory(proxy.pid) for proxy in proxies)
            self.open_all(proxies, self.few, stack)
            few = _settled(proxies)
            started = time.monotonic()
            self.open_all(proxies, self.many - self.few, stack)
            opened = time.monotonic() - started
            many = _settled(proxies)
            before = [machine.usage(proxy.pid).cpu for proxy in proxies]
            extra = self.rest(seconds)
            used = sum(machine.usage(proxy.pid).cpu for proxy in proxies) - sum(before)
            self.close()
        extra.update(emptyMiB=empty, fewMiB=few, manyMiB=many, few=self.few, many=self.many, processes=len(proxies),
                     openingSeconds=opened, restCPUShare=used / 1e9 / extra["restSeconds"])
        return Measured((many - few) * 1024 / (self.many - self.few), extra=extra)

    def start(self, stack):
        """The proxies, mostly one."""
        return [self._started(self.bench.setting(), 1, stack)]

    def _started(self, setting, number, stack):
        proxy = self.fresh.start(setting, number)
        stack.callback(proxy.stop)
        return proxy

    def open_all(self, proxies, count, stack):
        """As many sessions through each, within one."""
        for index, proxy in enumerate(proxies):
            self.open(proxy, count * (index + 1) // len(proxies) - count * index // len(proxies), stack)

    def open(self, proxy, count, stack):
        raise NotImplementedError

    def rest(self, seconds):
        raise NotImplementedError

    def close(self):
        pass


class IdleSessions(Slope):
    """WebSocket sessions that say nothing. With pings, the rest lasts as long as the interval between two.

    A proxy has two files for each session. Where it may not open as many, the sessions are spread over several proxies of the
    same configuration, each with a back-end and loads of its own; a tenth fewer sessions are no reason for a second one."""

    PING_SECONDS = 10
    MOST_PROCESSES = 16

    def numbers(self):
        few, many = self.job.sessions
        if self.bench.is_quick and self.job.group == "bars":
            few, many = 250, 1500
        possible = (self.bench.max_files - 300) // 2
        self.processes = 1 if many * 0.9 <= possible else -(-many // max(possible, 1))
        if self.processes > self.MOST_PROCESSES:
            raise Impossible(f"{many:,} sessions take {2 * many:,} open files, and ulimit -Hn is {self.bench.max_files:,}")
        # In each process as few, so that what the first sessions of a process take does not count.
        return few * self.processes, min(many, self.processes * possible)

    def start(self, stack):
        settings = [self.bench.setting(), *(self.bench.another_setting(number, stack) for number in range(2, self.processes + 1))]
        return [self._started(setting, number, stack) for number, setting in enumerate(settings, 1)]

    def open(self, proxy, count, stack):
        scheme = "wss" if self.job.door == "wss" else "ws"
        url = f"{scheme}://localhost:{proxy.ports[self.job.door]}{self.job.path}"
        deflate = ("--deflate", "-b", self.job.bytes) if self.job.path == "/deflate" else ()
        sources = 1 + self.many // self.processes // 20000
        self.loads = [*getattr(self, "loads", []), stack.enter_context(
            OwnLoad(self.bench, url, "--mode", "idle", "-c", count, "--sources", sources, *deflate))]

    def rest(self, seconds):
        seconds = self.PING_SECONDS if self.job.group == "scale" else 0.2
        for load in self.loads:
            load.start(seconds)
        results = [load.result() for load in self.loads]
        self.loads = []
        pings = sum(result["pings"] for result in results)
        if self.job.group == "scale" and pings < 0.9 * self.many:
            raise Wrong(f"{pings:,} pings came in {seconds} s for {self.many:,} sessions, each of which has one every {self.PING_SECONDS} s")
        return {"restSeconds": seconds, "pings": pings}


class Tunnels(IdleSessions):
    """The same over HTTP/2, which takes no file for each."""

    def numbers(self):
        self.processes = 1
        return self.job.sessions

    def open(self, proxy, count, stack):
        call = ("--multiplex",) if self.job.path.endswith("/Hold") else ()
        url = f"ws://127.0.0.1:{proxy.ports[self.job.door]}{self.job.path}"
        self.loads = [*getattr(self, "loads", []), stack.enter_context(OwnLoad(
            self.bench, url, "--mode", "idle", "-c", count, "--streams", self.job.streams, "-b", self.job.bytes, *call))]


class OpenStreams(Slope):
    """Server streams of gRPC-Web: each has had its first message, and waits for the next."""

    STREAMS = 1000  # a connection

    def open(self, proxy, count, stack):
        calls = Calls.__new__(Calls)
        calls.job, calls.bench = self.job, self.bench
        call = Call(self.job, proxy.ports["clear"], self.bench, "Hold")
        counters = self.bench.backend.counters
        counters["release"] = 0
        wanted = counters["held"] + count
        load = subprocess.Popen(calls.command(call, count, count // self.STREAMS, self.STREAMS),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stack.callback(load.wait)
        stack.callback(load.kill)
        self.loads = [*getattr(self, "loads", []), (load, count)]
        end = time.monotonic() + DEADLINE
        while counters["held"] < wanted:
            if time.monotonic() > end or load.poll() is not None:
                raise Wrong(f"{counters['held']} streams are open at the back-end, not {wanted}")
            time.sleep(0.01)

    def rest(self, seconds):
        time.sleep(2)
        return {"restSeconds": 2}

    def close(self):
        """Lets the calls end, and looks whether all of them did well."""
        self.bench.backend.counters["release"] = 1
        for load, count in self.loads:
            text = load.communicate(timeout=DEADLINE)[0]
            if f" {count} succeeded" not in text or f"{count} 2xx" not in text:
                raise Wrong(f"not all {count} calls succeeded: {text[-600:]}")
        self.loads = []
