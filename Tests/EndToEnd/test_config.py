# rtbridge: a faulty configuration: every problem at once, exit status 2, nothing started.
# SPDX-License-Identifier: Apache-2.0
import json
import re
import socket
import subprocess

import pytest

from support.bridge import binary
from support.waiting import DEADLINE

GOOD = {
    "listeners": {"public": {"address": "127.0.0.1:0"}},
    "routes": [{"match": {"protocol": "websocket", "path": "/tcp"}, "backend": "tcp://127.0.0.1:9"}],
}


@pytest.fixture
def rtbridge(tmp_path):
    """rtbridge(text or object, *arguments, …): runs it to its end with `routes.json` of that content."""
    def run(content, *arguments, environment=None):
        path = tmp_path / "routes.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        arguments = [str(argument).replace("FILE", str(path)) for argument in arguments]
        return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=DEADLINE, env=environment)
    return run


def with_problems():
    return """{
  "listeners": {
    "public": { "address": "127.0.0.1:0", "adress": "127.0.0.1:1" }
  },
  "routes": [
    {
      "match": { "protocol": "websocket", "path": "/tcp" },
      "backend": "tcp://127.0.0.1:9",
      "timeouts": { "idle": 5 },
      "maxMessageBytes": "4 parsecs"
    },
    { "match": { "protocol": "grpc-web" }, "backend": "nobody" }
  ]
}
"""


@pytest.mark.parametrize("arguments", [("--config", "FILE"), ("check", "--config", "FILE")], ids=["run", "check"])
def test_all_problems_are_told_at_once_with_their_places(rtbridge, arguments):
    result = rtbridge(with_problems(), *arguments)
    assert result.returncode == 2
    lines = result.stderr
    # file:line:column: path: what is wrong
    for place, words in [
        (r"routes\.json:3:43: listeners\.public\.adress: ", "unknown key"),
        (r"routes\.json:9:\d+: routes\[0\]\.timeouts\.idle: ", ""),
        (r"routes\.json:10:\d+: routes\[0\]\.maxMessageBytes: ", ""),
        (r"routes\.json:12:\d+: routes\[1\]\.backend: ", "nobody"),
    ]:
        assert re.search(place + f".*{words}", lines), f"{place} is not in\n{lines}"
    assert re.search(r'(?i)did you mean "address"', lines)
    assert "4 problems" in lines


def test_a_faulty_configuration_starts_nothing(rtbridge):
    result = rtbridge(with_problems(), "--config", "FILE")
    assert "listening" not in result.stdout and "ready" not in result.stdout
    assert "nothing was started" in result.stderr


def test_a_good_configuration_is_checked_and_not_run(rtbridge):
    result = rtbridge(GOOD, "check", "--config", "FILE")
    assert result.returncode == 0, result.stderr
    assert "listening" not in result.stdout


@pytest.mark.parametrize("text, word", [
    ("", "1:1"), ("{", "1:2"), ("[]", "object"), ('{"listeners": {},}', "1:17"), ('{"a": 1 "b"}', "1:9"), ("nul", "1:1"),
    ('{"routes": "\\x"}', "1:"),
])
def test_what_is_no_json_is_told_with_its_place(rtbridge, text, word):
    result = rtbridge(text, "check", "--config", "FILE")
    assert result.returncode == 2
    assert "routes.json:" in result.stderr and word in result.stderr, result.stderr


def test_a_repeated_key_is_a_problem(rtbridge):
    text = json.dumps(GOOD)
    result = rtbridge(text[:-1] + ', "workers": 1, "workers": 2}', "check", "--config", "FILE")
    assert result.returncode == 2 and "workers" in result.stderr


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    result = subprocess.run([binary(), "--config", str(tmp_path / "none.json")], capture_output=True, text=True,
                            timeout=DEADLINE)
    assert result.returncode == 2 and "none.json" in result.stderr


def test_comments_and_the_schema_are_no_problem(rtbridge):
    result = rtbridge({"$schema": "routes.schema.json", "// why": "because", **GOOD}, "check", "--config", "FILE")
    assert result.returncode == 0, result.stderr


def test_an_environment_variable_is_put_in(rtbridge):
    config = json.loads(json.dumps(GOOD))
    config["routes"][0]["backend"] = "tcp://${BACKEND_HOST}:9"
    assert rtbridge(config, "check", "--config", "FILE", environment={"BACKEND_HOST": "127.0.0.1"}).returncode == 0
    result = rtbridge(config, "check", "--config", "FILE", environment={})
    assert result.returncode == 2 and "BACKEND_HOST" in result.stderr


@pytest.mark.parametrize("key, value", [
    ("rateLimit", {"requestsPerSecond": 1}), ("access", {"allowIPs": ["127.0.0.1"]}),
])
def test_a_key_that_is_not_built_yet_is_refused_by_name(rtbridge, key, value):
    config = json.loads(json.dumps(GOOD))
    config["routes"][0][key] = value
    result = rtbridge(config, "check", "--config", "FILE")
    assert result.returncode == 2
    assert key in result.stderr and "not supported yet" in result.stderr


def test_a_certificate_that_is_not_there_is_a_problem(rtbridge):
    config = json.loads(json.dumps(GOOD))
    config["listeners"]["public"]["tls"] = {"certificates": [{"certFile": "none.pem", "keyFile": "none.key"}]}
    result = rtbridge(config, "--config", "FILE")
    assert result.returncode == 2 and "none.pem" in result.stderr


def test_a_key_that_does_not_fit_its_certificate_is_a_problem(rtbridge, certificates, tmp_path, program):
    subprocess.run([program("openssl"), "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                    tmp_path / "other.key"], check=True, capture_output=True)
    config = json.loads(json.dumps(GOOD))
    config["listeners"]["public"]["tls"] = {"certificates": [{"certFile": certificates.cert, "keyFile": "other.key"}]}
    result = rtbridge(config, "--config", "FILE")
    assert result.returncode == 2 and "other.key" in result.stderr, result.stderr


def test_credentials_for_every_origin_are_a_problem(rtbridge):
    # WHATWG Fetch §3.2.5: with credentials, `*` is no wildcard.
    config = json.loads(json.dumps(GOOD))
    config["routes"][0] = {"match": {"protocol": "grpc-web"}, "backend": "grpc://127.0.0.1:9",
                           "cors": {"allowOrigins": ["*"], "allowCredentials": True}}
    result = rtbridge(config, "check", "--config", "FILE")
    assert result.returncode == 2 and "allowCredentials" in result.stderr


def test_an_address_that_is_taken_is_told_and_nothing_else_starts(rtbridge):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = json.loads(json.dumps(GOOD))
        config["listeners"]["public"]["address"] = f"127.0.0.1:{taken.getsockname()[1]}"
        result = rtbridge(config, "--config", "FILE")
    assert result.returncode != 0
    assert "in use" in result.stderr.lower(), result.stderr
    assert "ready" not in result.stdout
