# rtbridge: a running bridge with a configuration of its own.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import signal
from pathlib import Path

from support.processes import Child
from support.waiting import DEADLINE

TOP = Path(__file__).resolve().parents[3]


def binary():
    """RTBRIDGE, or the debug build."""
    return os.environ.get("RTBRIDGE") or str(TOP / ".build" / "debug" / "rtbridge")


class Bridge(Child):
    """`rtbridge --config FILE`. It prints `listening <name> <scheme>://<ip>:<port>` for each listener, then `ready`."""

    def __init__(self, config, directory, name="bridge"):
        self.drain = _seconds(config.get("shutdown", {}).get("drain", "30s"))
        self.config = Path(directory) / f"{name}.json"
        self.config.write_text(json.dumps(config, indent=2))
        super().__init__([binary(), "--config", self.config], Path(directory) / f"{name}.log")
        try:
            self.wait_line(r"^ready$")
        except BaseException:
            self.kill()
            raise
        self.listeners = {}
        for line in self.lines:
            if line.startswith("listening "):
                _, name, url = line.split(" ")
                if url.startswith("unix:"):
                    self.listeners[name] = ("unix", url.removeprefix("unix:"), None)
                    continue
                scheme, _, address = url.partition("://")
                host, _, port = address.rpartition(":")
                self.listeners[name] = (scheme, host.strip("[]"), int(port))

    def address(self, listener):
        _, host, port = self.listeners[listener]
        return host, port

    def url(self, listener, path="/", websocket=False):
        scheme, host, port = self.listeners[listener]
        if websocket:
            scheme = {"https": "wss", "http": "ws"}[scheme]
        return f"{scheme}://{host}:{port}{path}"

    def peak_memory(self):
        """VmHWM of /proc/PID/status: the most resident memory that the process ever had, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM in /proc")

    def stop_orderly(self):
        """SIGTERM; fails unless the process ends with 0 in its drain time, and if it trapped."""
        died = not self.is_running
        if not died:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait(self.drain + DEADLINE)
        finally:
            self.kill()
        errors = self.errors()
        assert not died, f"the bridge had died with {status} before it was stopped:\n{errors[-4000:]}"
        assert status == 0, f"the bridge ended with {status}:\n{errors[-4000:]}"
        self.check_log()

    def check_log(self):
        """Fails if the process trapped."""
        errors = self.errors()
        for word in ("Fatal error", "recondition", "AddressSanitizer", "Assertion failed"):
            assert word not in errors, f"{word!r} on stderr:\n{errors[-4000:]}"


def _seconds(duration):
    if duration.endswith("ms"):
        return float(duration[:-2]) / 1000
    assert duration.endswith("s"), f"the tests write drain times in s or ms, not {duration!r}"
    return float(duration[:-1])
