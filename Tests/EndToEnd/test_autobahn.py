# rtbridge: every case of the Autobahn testsuite, through the bridge to a WebSocket server.
# SPDX-License-Identifier: Apache-2.0
"""https://github.com/crossbario/autobahn-testsuite, the cases that WebSocket implementations are measured by. The fuzzing client
is in support/autobahn_client.py. The server behind the bridge passes every case without it: each that then fails is the
bridge's doing."""
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

# How much payload a case of 12 and 13 sends, in about. What the suite itself sends, 1,000 messages whatever their size, are
# 11 GB in all: RTBRIDGE_AUTOBAHN_BYTES=200000000.
PAYLOAD = int(os.environ.get("RTBRIDGE_AUTOBAHN_BYTES", 500_000))
FRAMES = ["1", "2", "3", "4", "5", "6", "7", "10"]
COUNTS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}

# The suite says itself that any outcome of these is right.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}


def fuzz(url, groups, jobs, ca=None):
    """The outcome of each case: `{"1.1.1": {…}, …}`."""
    job = {"url": url, "cases": groups, "jobs": jobs, "bytes": PAYLOAD, **({"ca": ca} if ca else {})}
    ended = subprocess.run([sys.executable, "-m", "support.autobahn_client", json.dumps(job)], cwd=HERE, text=True,
                           capture_output=True, timeout=900 + PAYLOAD / 50_000)
    assert ended.returncode == 0, ended.stderr[-4000:]
    outcomes = {outcome["id"]: outcome for outcome in map(json.loads, ended.stdout.splitlines())}
    assert Counter(name.split(".")[0] for name in outcomes) == {group: COUNTS[group] for group in groups}
    return outcomes


def check(outcomes):
    """Every case is OK, as are all closes; INFORMATIONAL where the suite has it so."""
    def is_right(name, behavior, close):
        if name in INFORMATIONAL:
            return behavior == close == "INFORMATIONAL"
        return behavior == close == "OK"

    wrong = [outcome for name, outcome in outcomes.items()
             if not is_right(name, outcome["behavior"], outcome["behaviorClose"])]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.fixture(scope="module")
def echo(start_backend):
    return start_backend("autobahn_echo.py")


@pytest.fixture(scope="module")
def secure_echo(start_backend, certificates):
    return start_backend("autobahn_echo.py", certificates.cert, certificates.key)


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, certificates, echo, secure_echo):
    secured = {"protocol": "websocket", "endpoints": [f"localhost:{secure_echo.port}"], "tls": {"caFile": certificates.ca}}
    routes = {"plain": (f"ws://127.0.0.1:{echo.port}", "off"), "deflated": (f"ws://127.0.0.1:{echo.port}", "on"),
              "passed": (f"ws://127.0.0.1:{echo.port}", "passthrough"), "secured": (secured, "on")}
    return start_bridge(make_config([
        {"name": name, "match": {"protocol": "websocket", "path": f"/{name}"}, "backend": backend,
         "websocket": {"compression": compression, "maxMessageBytes": "32MiB", "pingInterval": "off"}}
        for name, (backend, compression) in routes.items()]))


def test_the_server_by_itself(echo):
    check(fuzz(f"ws://127.0.0.1:{echo.port}/", FRAMES, jobs=32))


@pytest.mark.parametrize("route", ["plain", "deflated", "passed"])
def test_frames_text_and_closes(bridge, route):
    check(fuzz(bridge.url("clear", f"/{route}", websocket=True), FRAMES, jobs=32))


def test_frames_text_and_closes_by_tls_on_both_sides(bridge, certificates):
    host, port = "localhost", bridge.address("tls")[1]
    check(fuzz(f"wss://{host}:{port}/secured", FRAMES, jobs=16, ca=certificates.ca))


@pytest.mark.timeout(1000)
def test_large_and_many_messages(bridge):
    check(fuzz(bridge.url("clear", "/plain", websocket=True), ["9"], jobs=2))


@pytest.mark.timeout(1000 + PAYLOAD / 50_000)
@pytest.mark.parametrize("group", ["12", "13"])
@pytest.mark.parametrize("route", ["deflated", "passed"])
def test_compressed_messages(bridge, route, group):
    check(fuzz(bridge.url("clear", f"/{route}", websocket=True), [group], jobs=4))
