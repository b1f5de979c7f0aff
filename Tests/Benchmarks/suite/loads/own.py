# rtbridge: rtbridge-load as a child that is told when to run.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
from pathlib import Path

from suite.measured import Wrong
from suite.servers import DEADLINE


class OwnLoad:
    """A context. On entering, all sessions are open and warm; `run` gives what a run printed; the end closes them."""

    def __init__(self, bench, url, *options, cores=None):
        self.command = [str(part) for part in (
            "taskset", "-c", bench.cores.load if cores is None else cores, Path(bench.directory) / "rtbridge-load", "--control", *options, url)]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self._fail()
        return self

    def start(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else self._fail()

    def run(self, seconds):
        self.start(seconds)
        return self.result()

    def _fail(self):
        raise Wrong(self.process.communicate(timeout=DEADLINE)[1].strip() or "rtbridge-load said nothing")

    def __exit__(self, *error):
        try:
            self.process.stdin.close()
            self.process.wait(DEADLINE)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
