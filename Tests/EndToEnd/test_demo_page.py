# rtbridge: headless Chromium opens the demo's page over TLS and makes every one of its calls.
# SPDX-License-Identifier: Apache-2.0
"""RTBRIDGE_SCREENSHOTS names a folder that keeps the screenshots; without it they are in pytest's temporary folder."""

import os
import re
from pathlib import Path

import pytest

from support.bridge import binary
from support.processes import Child
from support.waiting import wait_until

# The page's elements, by what they are for. The page keeps these ids.
PAGE = {
    "title": "h1",
    "name": "#unary-name", "unary": "#unary-call", "unary answer": "#unary-reply",
    "stream name": "#stream-name", "stream": "#stream-start", "stream answers": "#stream-list",
    "tcp connect": "#tcp-connect", "tcp line": "#tcp-input", "tcp send": "#tcp-send", "tcp log": "#tcp-log",
    "udp connect": "#udp-start", "udp state": "#udp-count", "udp plot": "#udp-plot",
}


@pytest.fixture(scope="module")
def demo(logs):
    """`rtbridge demo` on ports of the system's choice: the URL of its page."""
    child = Child([binary(), "demo", "--port", "0"], logs / "demo.log")
    try:
        child.url = child.wait_line(r"(https://\S+)")[1]
        yield child
        status = child.stop()
    finally:
        child.kill()
    assert status == 0, child.errors()[-4000:]
    assert "Fatal error" not in child.errors()


@pytest.fixture(scope="module")
def browser(program, tmp_path_factory, logs):
    from support.browser import Browser
    browser = Browser(program("chromium"), program("chromedriver"), tmp_path_factory.mktemp("profile"),
                      logs / "chromedriver.log")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(browser, demo):
    browser.open(demo.url)
    browser.element(PAGE["title"])
    return browser


@pytest.fixture(autouse=True)
def screenshot(request, browser, tmp_path_factory):
    """One after each test, under the test's name."""
    yield
    folder = Path(os.environ.get("RTBRIDGE_SCREENSHOTS") or tmp_path_factory.getbasetemp() / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    browser.screenshot(folder / f"{request.node.name}.png")


pytestmark = pytest.mark.browser


def test_the_page_loads_over_tls_without_a_word_on_the_console(page):
    assert page.driver.current_url.startswith("https://")
    assert page.driver.title
    assert page.severe() == []


def test_a_unary_call_is_answered(page):
    page.type(PAGE["name"], "Ada")
    page.click(PAGE["unary"])
    page.wait_text(PAGE["unary answer"], "Ada")


def test_a_server_stream_is_answered_message_by_message(page):
    page.type(PAGE["stream name"], "Ada")
    page.click(PAGE["stream"])
    page.wait_text(PAGE["stream answers"], "Ada")


def test_a_tcp_session_is_opened_and_answers(page):
    page.click(PAGE["tcp connect"])
    page.type(PAGE["tcp line"], "hello over TCP")
    page.click(PAGE["tcp send"])
    page.wait_text(PAGE["tcp log"], "hello over TCP")


def test_a_udp_exchange_is_plotted(page):
    page.click(PAGE["udp connect"])
    wait_until("datagrams", lambda: re.search(r"[1-9]", page.text(PAGE["udp state"])))
    # The plot has been drawn on: not all of its pixels are the same.
    colours = page.driver.execute_script("""
        const canvas = document.querySelector(arguments[0]);
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(new Uint32Array(pixels.buffer)).size;""", PAGE["udp plot"])
    assert colours > 1


def test_after_all_calls_the_console_is_still_silent(page):
    assert page.severe() == []
