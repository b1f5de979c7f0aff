# rtbridge: the processes that a run starts, each on its core, and none left behind.
# SPDX-License-Identifier: Apache-2.0
import mmap
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TOP = HERE.parents[1]

# How long anything may take that is bound to happen. Reached only by a failure.
DEADLINE = 30


def program(name):
    """The path of a program, also where a user's PATH does not look."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or shutil.which(
        name, path=str(TOP / ".venv" / "bin"))


def free_port():
    """For programs that cannot say which port they were given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process on one core. What it says goes to a log in `directory`, which is shown if it ends too early."""

    def __init__(self, name, arguments, core, directory):
        self.name = name
        self.log = Path(directory) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=directory)

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, what, condition):
        """Polls `condition` until it is true, and returns what it gave."""
        end = time.monotonic() + DEADLINE
        while not (value := condition()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"compare: {self.name}: no {what}. It said:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)
        return value

    def wait_for_port(self, port):
        def is_open():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.wait_for(f"listener on port {port}", is_open)

    def lines(self):
        return self.log.read_text(errors="replace").splitlines()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def build_helpers(directory):
    """Compiles backend.c and wsload.c into `directory`."""
    for name, libraries in (("backend", ["-lnghttp2"]), ("wsload", [])):
        subprocess.run(
            ["cc", "-std=gnu11", "-O2", "-o", Path(directory) / name, HERE / f"{name}.c", *libraries], check=True)


class Backend(Server):
    """backend.c: what all proxies stand before."""

    def __init__(self, core, directory):
        counters = Path(directory) / "counters"
        super().__init__("backend", [Path(directory) / "backend", counters], core, directory)
        self.wait_for("ports", lambda: len(self.lines()) == 2)
        ports = dict(line.split() for line in self.lines())
        self.grpc, self.tcp = int(ports["grpc"]), int(ports["tcp"])
        with open(counters, "rb") as file:
            self._counters = mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ)

    @property
    def calls(self):
        """gRPC calls that were answered."""
        return struct.unpack("=Q", self._counters[:8])[0]

    @property
    def echoed(self):
        """Bytes that were echoed over TCP."""
        return struct.unpack("=Q", self._counters[8:])[0]


class Certificates:
    """A certificate for localhost, made for this run."""

    def __init__(self, directory):
        subprocess.run([TOP / "Certs" / "make-dev-ca", "-q", "-o", directory], check=True)
        self.ca, self.certificate, self.key = (
            str(Path(directory) / name) for name in ("dev-ca.pem", "localhost.pem", "localhost.key"))
