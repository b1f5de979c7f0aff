# rtbridge: the processes that a run starts, each on its core, and none left behind.
# SPDX-License-Identifier: Apache-2.0
import mmap
import os
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

    def __init__(self, name, arguments, cores, directory, environment=None):
        self.name = name
        self.log = Path(directory) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cores), *map(str, arguments)], env={**os.environ, **(environment or {})},
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
    """Compiles the programs in C into `directory`."""
    programs = {
        "backend": ([*sorted((HERE / "backend").glob("*.c")), HERE / "load" / "prices.c"], ["-lnghttp2"]),
        "rtbridge-load": (sorted((HERE / "load").glob("*.c")), ["-lssl", "-lcrypto", "-lnghttp2", "-lz", "-lm"]),
        "floor": ([HERE / "floor.c"], ["-lcrypto"]),
        "allocations.so": ([HERE / "allocations.c"], ["-shared", "-fPIC"]),
    }
    compilers = [subprocess.Popen(["cc", "-std=gnu11", "-O2", "-o", Path(directory) / name, *sources, *more])
                 for name, (sources, more) in programs.items()]
    if any([compiler.wait() for compiler in compilers]):
        raise SystemExit("compare: the helpers do not compile; .ci/install-bench installs what they need")


class Counters:
    """Numbers of 64 bits that a program keeps up to date in a mapped file."""

    def __init__(self, path, *names):
        self._places = {name: 8 * index for index, name in enumerate(names)}
        with open(path, "r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8 * len(names))

    def __getitem__(self, name):
        return struct.unpack_from("=Q", self._bytes, self._places[name])[0]

    def __setitem__(self, name, value):
        struct.pack_into("=Q", self._bytes, self._places[name], value)


class Backend(Server):
    """backend/: what all proxies stand before."""

    def __init__(self, core, directory, name="backend"):
        counters = Path(directory) / f"{name}.counters"
        super().__init__(name, [Path(directory) / "backend", counters], core, directory)
        self.wait_for("ports", lambda: len(self.lines()) == 5)
        ports = dict(line.split() for line in self.lines())
        self.grpc, self.tcp, self.udp, self.http, self.feed = (int(ports[name]) for name in ("grpc", "tcp", "udp", "http", "feed"))
        # As in backend.h.
        self.counters = Counters(counters, "calls", "echoed", "datagrams", "held", "release", "fed")


class Certificates:
    """A certificate for localhost, made for this run."""

    def __init__(self, directory):
        subprocess.run([TOP / "Certs" / "make-dev-ca", "-q", "-o", directory], check=True)
        self.ca, self.certificate, self.key = (
            str(Path(directory) / name) for name in ("dev-ca.pem", "localhost.pem", "localhost.key"))
