# rtbridge: what every test of the suite stands on: certificates, generated code, back-ends, bridges.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from support.bridge import TOP, Bridge, binary
from support.browser import Browser
from support.firefox import Firefox
from support.http2 import ScriptedHTTP2
from support.processes import Backend
from support.tcp import ScriptedTCP

HERE = Path(__file__).resolve().parent
GRPC_PROTO = Path("/usr/share/grpc-proto")
REQUIRE_ALL = os.environ.get("RTBRIDGE_REQUIRE_ALL") == "1"


def lack(what):
    """A program of the system is missing: skip, or fail where everything is required."""
    (pytest.fail if REQUIRE_ALL else pytest.skip)(f"{what}; .ci/install-test installs it")


@pytest.fixture(scope="session")
def program():
    """The path of a program of the system."""
    def find(name):
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or lack(f"no {name} here")
    return find


def pytest_sessionstart(session):
    if not os.access(binary(), os.X_OK):
        raise pytest.UsageError(f"no bridge at {binary()}: run `swift build`, or set RTBRIDGE")


# Certificates.

class Certificates:
    def __init__(self, directory):
        self.directory = directory
        self.ca, self.cert, self.key = (str(directory / name) for name in ("dev-ca.pem", "localhost.pem", "localhost.key"))

    def listener(self, **options):
        """The `tls` object of a listener."""
        return {"certificates": [{"certFile": self.cert, "keyFile": self.key}], **options}

    def context(self, **options):
        """A client's context, which trusts the CA alone. A new one each time: ALPN is set on it."""
        context = ssl.create_default_context(cafile=self.ca)
        for key, value in options.items():
            setattr(context, key, value)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    subprocess.run([TOP / "Certs" / "make-dev-ca", "-q", "-o", directory], check=True)
    return Certificates(directory)


# Generated code: in a temporary folder, on the path of the tests and of their back-ends.

@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    directory = tmp_path_factory.mktemp("generated")
    sources = {directory / "protos" / "helloworld.proto": HERE / "protos" / "helloworld.proto"}
    for name in ("empty", "messages", "test"):
        # Not under their own path, which would be the package `grpc` of grpcio.
        sources[directory / "protos" / "interop_protos" / f"{name}.proto"] = GRPC_PROTO / "grpc/testing" / f"{name}.proto"
    sources[directory / "protos" / "health_protos" / "health.proto"] = GRPC_PROTO / "grpc/health/v1/health.proto"
    for target, source in sources.items():
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text().replace('"grpc/testing/', '"interop_protos/'))
    protos = [str(path.relative_to(directory / "protos")) for path in sources if path.exists()]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{directory / 'protos'}", f"--python_out={directory}",
         f"--grpc_python_out={directory}", *protos], check=True, cwd=directory)
    sys.path.insert(0, str(directory))
    return directory


@pytest.fixture(scope="session")
def grpc_proto(modules):
    """The generated code of gRPC's own services."""
    if not (modules / "interop_protos").is_dir():
        lack("no grpc-proto here")
    return modules


# Back-ends.

@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def start_backend(logs):
    """start_backend(script, *arguments): a script of `backends/`; killed at the end of the session at the latest."""
    started = []

    def start(script, *arguments, modules=None):
        backend = Backend(script, *arguments, log=logs / f"{len(started)}-{script}.log", modules=modules)
        started.append(backend)
        return backend

    yield start
    for backend in started:
        backend.kill()


@pytest.fixture(scope="session")
def greeter(start_backend, modules):
    return start_backend("greeter.py", modules=modules)


@pytest.fixture(scope="session")
def interop(start_backend, grpc_proto):
    return start_backend("interop.py", modules=grpc_proto)


@pytest.fixture(scope="session")
def tcp_ack(start_backend):
    return start_backend("tcp_server.py", "ack")


@pytest.fixture(scope="session")
def tcp_echo(start_backend):
    return start_backend("tcp_server.py", "echo")


@pytest.fixture(scope="session")
def udp_ack(start_backend):
    return start_backend("udp_server.py", "ack")


@pytest.fixture(scope="session")
def udp_echo(start_backend):
    return start_backend("udp_server.py", "echo")


@pytest.fixture(scope="session")
def ws_server(start_backend):
    return start_backend("ws_server.py")


@pytest.fixture(scope="module")
def scripted_server():
    server = ScriptedHTTP2()
    yield server
    server.close()


@pytest.fixture
def scripted(scripted_server):
    """An HTTP/2 back-end in the test's hand, with no streams of an earlier test; checked at the test's end."""
    scripted_server.streams.clear()
    scripted_server.failures.clear()
    yield scripted_server
    scripted_server.script = lambda stream: None    # a stream that comes late is not the next test's
    scripted_server.check()


@pytest.fixture(scope="module")
def scripted_tcp():
    server = ScriptedTCP()
    yield server
    server.close()


# Browsers.

@pytest.fixture(scope="session")
def start_browser(program, tmp_path_factory, logs):
    """start_browser("chromium" or "firefox"): a headless one with a profile of its own; who starts it closes it."""
    def start(name):
        profile = tmp_path_factory.mktemp("profile")
        if name == "chromium":
            return Browser(program("chromium"), program("chromedriver"), profile, logs / f"{profile.name}-chromedriver.log")
        return Firefox(program("firefox-esr"), profile, logs / f"{profile.name}-firefox.log")
    return start


# Bridges.

RUNNING = []


@pytest.fixture(scope="module")
def start_bridge(tmp_path_factory, request):
    """start_bridge(config): a running bridge. At the module's end it gets SIGTERM and must exit 0 in its drain time."""
    directory = tmp_path_factory.mktemp(request.module.__name__)
    started = []

    def start(config, name=None):
        bridge = Bridge(config, directory, name or f"bridge-{len(started)}")
        started.append(bridge)
        RUNNING.append(bridge)
        return bridge

    start.directory = directory
    yield start
    problems = []
    for bridge in started:
        try:
            if getattr(bridge, "was_stopped", False):
                bridge.check_log()
            else:
                bridge.stop_orderly()
        except AssertionError as problem:
            problems.append(str(problem))
        finally:
            bridge.kill()
            RUNNING.remove(bridge)
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def make_config(certificates):
    """make_config(routes, …): a configuration with the listeners `tls` and `clear` on ports of the system's choice."""

    def make(routes, listener=None, drain="5s", **more):
        listener = listener or {}
        return {
            "listeners": {
                "tls": {"address": "127.0.0.1:0", "tls": certificates.listener(), **listener},
                "clear": {"address": "127.0.0.1:0", **listener},
            },
            "routes": routes,
            "shutdown": {"drain": drain},
            "workers": 2,
            **more,
        }

    return make


@pytest.fixture(scope="module")
def tls_of(certificates):
    """tls_of(listener): the SSLContext for the listener `tls`, None for `clear`."""
    return lambda listener: certificates.context() if listener == "tls" else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of what each running bridge logged."""
    report = (yield).get_result()
    if report.failed:
        for bridge in RUNNING:
            report.sections.append((f"log of {bridge.config} ({bridge.log})", bridge.errors()[-6000:]))
