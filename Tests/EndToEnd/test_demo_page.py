# rtbridge: headless browsers open the demo's page over TLS and make every one of its calls.
# SPDX-License-Identifier: Apache-2.0
"""RTBRIDGE_SCREENSHOTS names a folder that keeps the screenshots; without it they are in pytest's temporary folder."""

import os
from pathlib import Path

import pytest

from support.bridge import binary
from support.processes import Child
from support.waiting import wait_until

pytestmark = pytest.mark.browser

# On a port of the system's choice.
DEMO = ["demo", "--port", "0"]


@pytest.fixture(scope="module")
def demo(logs):
    """`rtbridge demo`; `url` is its page's."""
    child = Child([binary(), *DEMO], logs / "demo.log")
    try:
        child.url = child.wait_line(r"(https://\S+)")[1]
        yield child
        status = child.stop()
    finally:
        child.kill()
    assert status == 0, child.errors()[-4000:]
    assert "Fatal error" not in child.errors()


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request, start_browser):
    browser = start_browser(request.param)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(browser, demo):
    browser.open(demo.url)
    wait_until("the page", lambda: browser.count("h1"))
    return browser


@pytest.fixture(autouse=True)
def screenshot(request, page, tmp_path_factory):
    """One after each test, under the test's name."""
    yield
    folder = Path(os.environ.get("RTBRIDGE_SCREENSHOTS") or tmp_path_factory.getbasetemp() / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(folder / f"{request.node.name}.png")


def test_the_page_loads_over_tls_and_finds_the_bridge_healthy(page):
    assert page.url.startswith("https://")
    assert "@VERSION@" not in page.source
    wait_until("the health badge", lambda: page.state("#health-badge") == "good")
    assert page.severe() == []


@pytest.mark.parametrize("body", ["binary", "text"])
def test_a_unary_call_is_answered(page, body):
    page.click(f"label:has(#unary-{body})")
    page.type("#unary-name", f"Ada in {body}")
    page.click("#unary-call")
    page.wait_text("#unary-reply", f"Ada in {body}")
    page.wait_text("#unary-status", "0 OK")
    assert page.state("#unary-status") == "good"
    assert "grpc-status" in page.text("#unary-trailers")
    assert "content-type" in page.text("#unary-headers")


def test_a_server_stream_is_answered_message_by_message(page):
    page.type("#stream-name", "Ada")
    page.click("#stream-start")
    # The second of ten is there while the stream still runs.
    page.wait_text("#stream-list li:nth-child(2)", "Ada")
    assert page.state("#stream-status") == "busy"
    page.wait_text("#stream-status", "0 OK")
    assert page.count("#stream-list li") == 10


def test_a_stream_can_be_cancelled(page):
    page.click("#stream-start")
    page.wait_text("#stream-list li:nth-child(1)", "Ada")
    page.click("#stream-cancel")
    wait_until("the end", lambda: page.state("#stream-status") == "bad")
    assert page.count("#stream-list li") < 10


def test_a_method_that_is_not_there_shows_its_status(page):
    page.click("#error-call")
    page.wait_text("#error-status", "12 UNIMPLEMENTED")


def test_a_deadline_shows_its_status(page):
    page.click("#deadline-call")
    page.wait_text("#deadline-status", "4 DEADLINE_EXCEEDED")
    assert "trailer" in page.text("#deadline-detail")


@pytest.mark.parametrize("shares", [True, False], ids=["multiplex", "single"])
def test_a_call_goes_both_ways_over_a_websocket(page, shares):
    if page.is_checked("#talk-multiplex") != shares:
        page.click("#talk-multiplex")
    page.click("#talk-bidi")
    for name in ("Ada", "Grace"):
        page.type("#talk-name", name)
        page.click("#talk-send")
        page.wait_text("#talk-log li.in:last-child", f"Hello, {name}!")
    page.click("#talk-end")
    page.wait_text("#talk-status", "0 OK")
    assert ("share" in page.text("#talk-detail")) == shares


def test_a_client_stream_is_answered_once(page):
    page.click("#talk-client")
    for name in ("Ada", "Grace"):
        page.type("#talk-name", name)
        page.click("#talk-send")
    assert page.count("#talk-log li.in") == 0
    page.click("#talk-end")
    page.wait_text("#talk-log li.in", "Hello, Ada and Grace!")
    page.wait_text("#talk-status", "0 OK")


def test_a_talk_can_be_cancelled(page):
    page.click("#talk-bidi")
    page.type("#talk-name", "Ada")
    page.click("#talk-send")
    page.wait_text("#talk-log li.in", "Hello, Ada!")
    page.click("#talk-cancel")
    page.wait_text("#talk-status", "1 CANCELLED")


def test_a_tcp_session_is_opened_talks_and_is_closed(page):
    page.click("#tcp-connect")
    wait_until("the session", lambda: page.state("#tcp-state") == "good")
    page.type("#tcp-input", "hello over TCP")
    page.click("#tcp-send")
    page.wait_text("#tcp-log li.in:last-child", "hello over TCP")
    page.click("#tcp-disconnect")
    page.wait_text("#tcp-state", "1000")


def test_a_tcp_session_outlives_its_back_end(page):
    page.click("#tcp-connect")
    wait_until("the session", lambda: page.state("#tcp-state") == "good")
    page.click("#tcp-back-stop")
    page.wait_text("#tcp-back-state", "stopped")
    page.wait_text("#tcp-state", "reconnecting, attempt")
    page.type("#tcp-input", "said while it was away")
    page.click("#tcp-send")
    page.click("#tcp-back-start")
    page.wait_text("#tcp-back-state", "running")
    page.wait_text("#tcp-log", "reconnected")
    page.wait_text("#tcp-log li.in:last-child", "said while it was away")
    assert page.state("#tcp-state") == "good"
    # The back-end's own end is a loss like any other.
    page.type("#tcp-input", "/quit")
    page.click("#tcp-send")
    wait_until("the second time", lambda: page.text("#tcp-log").count("reconnected") == 2)
    page.click("#tcp-disconnect")
    page.wait_text("#tcp-state", "1000")


def test_a_udp_exchange_is_counted_and_plotted(page):
    page.click("#udp-start")
    wait_until("twenty datagrams", lambda: int(page.text("#udp-count")) >= 20)
    page.click("#udp-ping")
    page.wait_text("#udp-pong", "ms")
    assert '"seq"' in page.text("#udp-last")
    # The plot has been drawn on: not all of its pixels are the same.
    colours = page.run("""
        const canvas = document.querySelector("#udp-plot");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(new Uint32Array(pixels.buffer)).size;""")
    assert colours > 2
    page.run("scrollTo(0, document.querySelector('#udp').offsetTop - 60)")


def test_a_udp_exchange_outlives_its_back_end(page):
    page.click("#udp-back-stop")
    page.wait_text("#udp-back-state", "stopped")
    page.wait_text("#udp-state", "reconnecting, attempt")
    count = int(page.text("#udp-count"))
    page.click("#udp-back-start")
    page.wait_text("#udp-back-state", "running")
    wait_until("twenty more datagrams", lambda: int(page.text("#udp-count")) >= count + 20)
    assert page.state("#udp-state") == "good"


def test_a_udp_exchange_can_be_stopped(page):
    page.click("#udp-stop")
    page.wait_text("#udp-state", "stopped")


def test_after_all_calls_the_console_is_still_silent(page):
    assert page.severe() == []
