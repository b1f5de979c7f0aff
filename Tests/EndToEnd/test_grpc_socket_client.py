# rtbridge: the playground's client of gRPC over WebSocket, in Node.js and in browsers.
# SPDX-License-Identifier: Apache-2.0
import functools
import http.server
import json
import shutil
import subprocess
import threading

import pytest

from support.bridge import TOP
from support.waiting import DEADLINE

JAVASCRIPT = TOP / "Tests" / "EndToEnd" / "javascript"
CLIENT = TOP / "Sources" / "BridgeDemo" / "Page" / "grpcsocket.js"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The client, the cases and an empty page, on an origin of their own."""
    directory = tmp_path_factory.mktemp("pages")
    for path in (CLIENT, JAVASCRIPT / "interop.js"):
        shutil.copy(path, directory)
    # Node.js takes a file for a module by this.
    shutil.copy(JAVASCRIPT / "package.json", directory)
    (directory / "index.html").write_text("<!doctype html><title>cases</title>")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.directory, server.origin = directory, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def make_bridge(start_bridge, make_config, interop, pages, compression="off", **web):
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{interop.port}",
         "websocket": {"compression": compression}, "cors": {"allowOrigins": [pages.origin]}, "grpcWeb": web}]))


@pytest.fixture(scope="module", params=["off", "on"], ids=["plain", "deflated"])
def bridge(request, start_bridge, make_config, interop, pages):
    """Node.js and browsers offer permessage-deflate by themselves."""
    return make_bridge(start_bridge, make_config, interop, pages, compression=request.param)


@pytest.fixture(scope="module")
def plain_bridge(start_bridge, make_config, interop, pages):
    """Its calls share no WebSocket."""
    return make_bridge(start_bridge, make_config, interop, pages, multiplex=False)


def check(outcome, is_multiplex):
    assert {name: result for name, result in outcome["results"].items() if result != "ok"} == {}
    assert len(outcome["results"]) >= 16
    assert outcome["isMultiplex"] == is_multiplex


def in_node(program, pages, url, kind):
    result = subprocess.run(
        [program("node"), JAVASCRIPT / "node.mjs", pages.directory / "grpcsocket.js", url, kind],
        capture_output=True, text=True, timeout=4 * DEADLINE)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", ["single", "multiplex"])
def test_every_case_passes_in_node(program, bridge, pages, kind):
    check(in_node(program, pages, bridge.url("clear"), kind), kind == "multiplex")


def test_the_client_falls_back_to_a_websocket_for_each_call_in_node(program, plain_bridge, pages):
    check(in_node(program, pages, plain_bridge.url("clear"), "multiplex"), False)


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request, start_browser, pages):
    browser = start_browser(request.param)
    browser.open(pages.origin + "/index.html")
    yield browser
    browser.close()


SCRIPT = """
const [url, multiplex, done] = arguments;
(async () => {
  const { Channel } = await import("/grpcsocket.js");
  const { run } = await import("/interop.js");
  return run(() => new Channel(url, { multiplex }));
})().then((outcome) => done(JSON.stringify(outcome)), (error) => done(JSON.stringify({ results: { script: String(error) } })));
"""


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["single", "multiplex"])
def test_every_case_passes_in_a_browser(browser, bridge, kind):
    outcome = browser.run_async(SCRIPT, bridge.url("tls"), kind == "multiplex")
    check(json.loads(outcome), kind == "multiplex")


@pytest.mark.browser
def test_the_client_falls_back_in_a_browser(browser, plain_bridge):
    check(json.loads(browser.run_async(SCRIPT, plain_bridge.url("tls"), True)), False)
