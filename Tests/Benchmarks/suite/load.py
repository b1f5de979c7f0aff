# rtbridge: the loads: calls by h2load, sessions by wsload. Both make sure that what is counted succeeded.
# SPDX-License-Identifier: Apache-2.0
import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from suite import machine
from suite.samples import Call
from suite.servers import DEADLINE


class Measured(NamedTuple):
    """One round: what was completed in which time, and what the proxy used for it."""

    completed: int
    seconds: float
    usage: machine.Usage
    latencies: dict  # microseconds

    @property
    def cpu_microseconds(self):
        """Of the proxy, for each request or round trip."""
        return self.usage.cpu / 1000 / self.completed


class Wrong(Exception):
    """The proxy did not do what it was measured for."""


def make_load(job, proxy, bench):
    return Echoes(job, proxy, bench) if job.kind == "echo" else Calls(job, proxy, bench)


class Calls:
    """gRPC or gRPC-Web calls by h2load."""

    _CALIBRATION = 4000

    def __init__(self, job, proxy, bench):
        self.job, self.proxy, self.bench = job, proxy, bench
        self.call = Call(job, proxy.ports[job.door], bench)
        self.answer_bytes = self.call.check()
        # Also warms up. What comes first is always slower, so twice.
        self._run(self._CALIBRATION)
        _, seconds, _ = self._run(self._CALIBRATION)
        self.rate = self._CALIBRATION / seconds

    def measure(self, seconds):
        count = max(int(self.rate * seconds), self.job.connections * self.job.streams)
        before = machine.usage(self.proxy.pid)
        completed, elapsed, latencies = self._run(count)
        used = machine.usage(self.proxy.pid) - before
        self.rate = completed / elapsed
        return Measured(completed, elapsed, used, latencies)

    def _run(self, count):
        arguments = ["taskset", "-c", self.bench.cores.load, "h2load", "-t", 1, "-n", count, "-c", self.job.connections,
                     "-m", self.job.streams, "-d", self.call.body_file]
        arguments += ["--h1"] if self.job.is_http1 else []
        for name, value in self.call.fields.items():
            arguments += ["-H", f"{name}: {value}"]
        calls_before = self.bench.backend.calls
        try:
            done = subprocess.run(
                [*map(str, arguments), self.call.url], capture_output=True, text=True, check=False, timeout=2 * DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"h2load hangs: {(error.stdout or b'').decode()[-300:]}") from error
        if done.returncode:
            raise Wrong(f"h2load ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
        self._check(count, done.stdout, self.bench.backend.calls - calls_before)
        return count, _seconds(done.stdout), _latencies(done.stdout)

    def _check(self, count, text, calls):
        def number(pattern):
            match = re.search(pattern, text)
            return int(match[1]) if match else None

        facts = {
            "succeeded": (number(r"requests: .* (\d+) succeeded"), count),
            "answered with 2xx": (number(r"status codes: (\d+) 2xx"), count),
            "bytes of bodies": (number(r"\((\d+)\) data"), count * self.answer_bytes),
            "calls that the back-end answered": (calls, count),
        }
        wrong = [f"{what}: {value}, not {right}" for what, (value, right) in facts.items() if value != right]
        if self.job.door == "tls" and "TLS Protocol: TLSv1.3" not in text:
            wrong.append("not TLS 1.3")
        if wrong:
            raise Wrong("; ".join(wrong))


class Echoes:
    """Sessions that play ping-pong, by wsload.c, which compares every byte."""

    def __init__(self, job, proxy, bench):
        self.job, self.proxy, self.bench = job, proxy, bench

    def measure(self, seconds):
        door = self.job.door_of(self.proxy)
        arguments = ["taskset", "-c", self.bench.cores.load, Path(self.bench.directory) / "wsload", self.proxy.ports[door],
                     "/tcp", self.job.connections, self.job.bytes] + (["raw"] if door == "raw" else [])
        load = subprocess.Popen(
            [str(argument) for argument in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            if load.stdout.readline() != "ready\n":
                raise Wrong(f"wsload: {load.communicate()[1].strip()}")
            echoed = self.bench.backend.echoed
            before = machine.usage(self.proxy.pid)
            load.stdin.write(f"{seconds}\n")
            load.stdin.flush()
            line = load.stdout.readline()
            used = machine.usage(self.proxy.pid) - before
            echoed = self.bench.backend.echoed - echoed
            errors = load.communicate(timeout=DEADLINE)[1]
        finally:
            load.kill()
            load.wait()
        if not line:
            raise Wrong(errors.strip() or "wsload said nothing")
        result = json.loads(line)
        completed = result.pop("completed")
        if echoed != completed * self.job.bytes:
            raise Wrong(f"the back-end echoed {echoed} bytes, not {completed * self.job.bytes}")
        return Measured(completed, result.pop("seconds"), used, result)


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def _time(number, unit):
    return float(number) * _UNITS[unit]


def _seconds(text):
    return _time(*re.search(r"finished in ([\d.]+)(us|ms|s),", text).groups())


def _latencies(text):
    """h2load tells no quantiles, but the mean and the longest."""
    times = re.findall(r"([\d.]+)(us|ms|s)\b", re.search(r"time for request:(.*)", text)[1])
    return {"mean": _time(*times[2]) * 1e6, "max": _time(*times[1]) * 1e6}
