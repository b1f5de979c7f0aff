# rtbridge: calls by h2load. It makes sure that what is counted succeeded.
# SPDX-License-Identifier: Apache-2.0
import re
import resource
import subprocess
import time
from pathlib import Path

from suite import machine
from suite.measured import Measured, Wrong
from suite.samples import Call
from suite.servers import DEADLINE


class Calls:
    """gRPC or gRPC-Web calls, or plain requests with a body."""

    _CALIBRATION_BYTES = 128 << 20

    def __init__(self, job, proxy, bench):
        self.job, self.proxy, self.bench = job, proxy, bench
        self.call = Call(job, proxy.ports[job.door], bench)
        self.answer_bytes = self.call.check()
        self._log = Path(bench.directory) / "calls.log"
        # Also warms up. What comes first is always slower, so twice.
        count = max(200, min(4000, self._CALIBRATION_BYTES // self.answer_bytes))
        self._run(count)
        self.rate = count / self._run(count)[0]

    def measure(self, seconds):
        count = max(int(self.rate * seconds), self.job.connections * self.job.streams)
        # Others had the core meanwhile: caches are cold.
        self._run(max(count // 10, self.job.connections * self.job.streams))
        backend = self.bench.backend.pid
        before, backend_before = machine.usage(self.proxy.pid), machine.usage(backend)
        elapsed, load_cpu = self._run(count)
        used, backend_used = machine.usage(self.proxy.pid) - before, machine.usage(backend) - backend_before
        self.rate = count / elapsed
        return Measured.cpu(count, elapsed, used, load_cpu=load_cpu, backend_cpu=backend_used.cpu / 1e9,
                            latencies=self._latencies())

    def command(self, call, count, connections, streams):
        cores = self.bench.cores.many if self.job.against == "workers" else str(self.bench.cores.load)
        arguments = ["taskset", "-c", cores, "h2load", "-t", cores.count(",") + 1, "-n", count, "-c", connections,
                     "-m", streams, "-d", call.body_file]
        arguments += ["--h1"] if self.job.is_http1 else []
        for name, value in call.fields.items():
            arguments += ["-H", f"{name}: {value}"]
        return [str(argument) for argument in arguments] + [call.url]

    def _run(self, count):
        """Returns the seconds that it took, and the CPU seconds that h2load used."""
        command = self.command(self.call, count, self.job.connections, self.job.streams)
        command[-1:-1] = ["--log-file", str(self._log)]
        self._log.unlink(missing_ok=True)  # it would be added to
        calls_before = self.bench.backend.counters["calls"]
        used, started = _children(), time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"h2load hangs: {(error.stdout or b'').decode()[-300:]}") from error
        whole, used = time.monotonic() - started, _children() - used
        if done.returncode:
            raise Wrong(f"h2load ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
        check(done.stdout, count, self.answer_bytes, self.bench.backend.counters["calls"] - calls_before, self.job.door)
        seconds = _seconds(done.stdout)
        # Of its CPU time, the part that fell into the time that counts.
        return seconds, used * min(seconds / whole, 1)

    def _latencies(self):
        """h2load itself tells the mean and the longest only; its log has the microseconds of each call."""
        times = sorted(int(line.rsplit("\t", 1)[1]) for line in self._log.read_text().splitlines())
        last = len(times) - 1
        return {"p50": times[last // 2], "p99": times[round(last * 0.99)], "p999": times[round(last * 0.999)], "max": times[-1]}


def check(text, count, answer_bytes, calls, door):
    """Whether h2load says that all was well, and the back-end says the same."""
    def number(pattern):
        match = re.search(pattern, text)
        return int(match[1]) if match else None

    facts = {
        "succeeded": (number(r"requests: .* (\d+) succeeded"), count),
        "answered with 2xx": (number(r"status codes: (\d+) 2xx"), count),
        "bytes of bodies": (number(r"\((\d+)\) data"), count * answer_bytes),
        "calls that the back-end answered": (calls, count),
    }
    wrong = [f"{what}: {value}, not {right}" for what, (value, right) in facts.items() if value != right]
    if door == "tls" and "TLS Protocol: TLSv1.3" not in text:
        wrong.append("not TLS 1.3")
    if wrong:
        raise Wrong("; ".join(wrong))


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def _seconds(text):
    number, unit = re.search(r"finished in ([\d.]+)(us|ms|s),", text).groups()
    return float(number) * _UNITS[unit]
