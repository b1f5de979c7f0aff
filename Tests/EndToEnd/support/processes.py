# rtbridge: a child process whose output lines are waited for.
# SPDX-License-Identifier: Apache-2.0
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from support.waiting import DEADLINE, wait_until

HERE = Path(__file__).resolve().parent.parent


class Child:
    """A process; its stdout lines are kept in `lines`, its stderr goes to the file `log`."""

    def __init__(self, arguments, log, environment=None):
        self.log = Path(log)
        self.lines = []
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                env={**os.environ, **(environment or {})}, text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process.poll() is None

    def errors(self):
        return self.log.read_text(errors="replace")

    def wait_line(self, pattern, deadline=DEADLINE):
        """The first match of `pattern` among the lines, past and future."""
        expression = re.compile(pattern)

        def find():
            for line in list(self.lines):
                if match := expression.search(line):
                    return match
            if not self.is_running and not self._reader.is_alive():
                raise AssertionError(
                    f"{self.process.args[0]} ended with {self.process.returncode} before it said {pattern!r}; "
                    f"it said {self.lines} and on stderr:\n{self.errors()[-4000:]}")
            return None

        return wait_until(f"the line {pattern!r} from {self.process.args}", find, deadline)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=DEADLINE):
        """The exit status; fails if the process still runs at the deadline."""
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args[0]} (pid {self.pid}) still runs after {deadline:.0f} s") from None
        self._reader.join(DEADLINE)
        return status

    def kill(self):
        """SIGKILL, and gone when this returns."""
        if self.is_running:
            self.process.kill()
        self.process.wait()

    def stop(self, deadline=DEADLINE):
        if self.is_running:
            self.signal(signal.SIGTERM)
        return self.wait(deadline)


class Backend(Child):
    """A script of `backends/`, which prints `READY <port>`."""

    def __init__(self, script, *arguments, log, modules=None):
        environment = {"PYTHONUNBUFFERED": "1"}
        if modules is not None:
            environment["PYTHONPATH"] = str(modules)
        super().__init__([sys.executable, HERE / "backends" / script, *arguments], log, environment)
        try:
            self.port = int(self.wait_line(r"^READY (\d+)$")[1])
        except BaseException:
            self.kill()
            raise
