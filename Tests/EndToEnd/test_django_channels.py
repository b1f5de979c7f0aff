# rtbridge: the chat of Django Channels behind daphne: rooms, sessions, origins, and a server that is started again.
# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.browser import Browser
from support.faults import Place
from support.processes import Child
from support.waiting import DEADLINE, wait_until

HERE = Path(__file__).resolve().parent


class Daphne(Child):
    def __init__(self, port, log):
        super().__init__(
            [sys.executable, "-m", "daphne", "-e", f"tcp:{port}:interface=127.0.0.1", "chat_site:application"], log,
            {"PYTHONPATH": str(HERE / "backends"), "PYTHONUNBUFFERED": "1"})
        try:
            wait_until("daphne", lambda: "Listening on TCP address" in self.errors()[self.said:] or not self.is_running)
            assert self.is_running, self.errors()
        except BaseException:
            self.kill()
            raise

    said = 0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site at one place, which can be started again there."""
    class Site:
        place = Place()
        log = tmp_path_factory.mktemp("daphne") / "daphne.log"
        process = None

        def start(self):
            Daphne.said = len(self.log.read_text()) if self.log.exists() else 0
            self.process = Daphne(self.place.port, self.log)

        def stop(self, how):
            self.process.signal(how)
            self.process.wait()

    site = Site()
    site.start()
    yield site
    site.process.kill()
    site.place.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, site):
    def route(prefix, **more):
        return {"match": {"protocol": "websocket", "pathPrefix": prefix}, "backend": f"ws://127.0.0.1:{site.place.port}",
                "websocket": {"allowOrigins": ["https://chat.example"]}, **more}

    quick = {"initial": "20ms", "max": "200ms"}
    return start_bridge(make_config([
        route("/ws/chat/resumed", reconnect={"mode": "resume", "backoff": quick}),
        {**route("/ws/chat/tabs", reconnect={"mode": "resume", "backoff": quick}), "websocket": {"compression": "on"}},
        {"match": {"protocol": "http"}, "backend": f"http://127.0.0.1:{site.place.port}"},
        route("/ws/chat/told", reconnect={"mode": "notify", "backoff": quick}),
        route("/ws/"),
    ]))


@pytest.fixture(scope="module")
def cookies(site):
    """By name, as the site gives them out."""
    def login(name):
        request = urllib.request.Request(
            f"http://127.0.0.1:{site.place.port}/login/?name={name}", headers={"Host": "chat.example"})
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return response.headers["Set-Cookie"].partition(";")[0]

    return {name: login(name) for name in ("ada", "grace")}


@pytest.fixture
def tab(bridge, certificates):
    """tab(room, cookie): a connection as a page of https://chat.example has it."""
    def tab(room, cookie=None, query="", origin="https://chat.example", **options):
        _, host, port = bridge.listeners["tls"]
        context = certificates.context(check_hostname=False)
        return ws_connect(f"wss://chat.example/ws/chat/{room}/{query}", host=host, port=port, ssl=context, origin=origin,
                          additional_headers={"Cookie": cookie} if cookie else {}, open_timeout=DEADLINE, proxy=None,
                          compression=None, **options)

    return tab


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 4 * DEADLINE))


async def receive(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))


def test_two_people_in_a_room_and_one_in_another(tab, cookies):
    async def talk():
        async with (tab("lobby", cookies["ada"], "?from=1") as ada, tab("lobby", cookies["grace"]) as grace,
                    tab("other", cookies["grace"]) as other):
            hello = await receive(ada)
            assert hello["hello"] == "ada" and hello["query"] == "from=1"
            assert hello["host"] == "chat.example" and hello["origin"] == "https://chat.example"
            assert hello["x-forwarded-for"] == "127.0.0.1" and hello["x-forwarded-proto"] == "https"
            assert (await receive(grace))["hello"] == "grace"
            assert (await receive(other))["hello"] == "grace"
            for number in range(50):
                sender = (ada, grace)[number % 2]
                await sender.send(json.dumps({"message": f"grüße {number} " + "x" * number * 100}))
                for reader in (ada, grace):
                    message = (await receive(reader))["message"]
                    assert message == f"{('ada', 'grace')[number % 2]}: grüße {number} " + "x" * number * 100
            await other.send(b"\0\xff" * 50_000)
            assert await other.recv() == b"\0\xff" * 50_000

    run(talk())


def test_a_close_of_the_consumer_has_its_code_and_one_of_the_client_too(tab, cookies, site):
    async def talk():
        async with tab("closing", cookies["ada"]) as ada:
            await receive(ada)
            await ada.send(json.dumps({"message": "/quit"}))
            with pytest.raises(ConnectionClosed) as closed:
                await ada.recv()
            assert closed.value.rcvd.code == 4000
        async with tab("closing", cookies["grace"]) as grace:
            await receive(grace)
            await grace.close(4321, "bye")

    run(talk())
    site.process.wait_line(r"^DISCONNECT grace 4321$")


def test_a_subprotocol_of_the_site_is_chosen(tab, cookies):
    async def talk():
        async with tab("sub", cookies["ada"], subprotocols=["x", "chat.v1"]) as ada:
            assert ada.subprotocol == "chat.v1"

    run(talk())


def test_who_has_no_session_is_refused_by_the_site(tab):
    async def talk():
        with pytest.raises(InvalidStatus) as refused:
            async with tab("lobby"):
                pass
        assert refused.value.response.status_code == 403

    run(talk())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_site_that_is_started_again_is_survived(tab, cookies, site, how):
    """The room is the new process's: those who were in it are in it again, and no one has to reload."""
    async def talk():
        async with tab("resumed", cookies["ada"]) as ada, tab("resumed", cookies["grace"]) as grace:
            await receive(ada)
            await receive(grace)
            for round in range(2):
                await asyncio.to_thread(site.stop, how)
                await ada.send(json.dumps({"message": f"while you were out {round}"}))
                await asyncio.to_thread(site.start)
                # Each is greeted by its new session; a room in memory loses what was said before the other was back.
                assert (await receive(ada))["hello"] == "ada"
                while "hello" not in (message := await receive(grace)):
                    pass
                assert message["hello"] == "grace"
                assert (await receive(ada))["message"] == f"ada: while you were out {round}"
                await grace.send(json.dumps({"message": f"back again {round}"}))
                while (await receive(grace))["message"] != f"grace: back again {round}":
                    pass
                assert (await receive(ada))["message"] == f"grace: back again {round}"

    run(talk())


@pytest.fixture(scope="module")
def browser(program, tmp_path_factory, logs):
    browser = Browser(program("chromium"), program("chromedriver"), tmp_path_factory.mktemp("profile"),
                      logs / "chromedriver-chat.log")
    yield browser
    browser.close()


@pytest.mark.browser
def test_two_tabs_of_a_browser_talk_over_a_restart_of_their_site(browser, bridge, site):
    """Page, cookie and WebSocket come from one origin, the bridge's; the messages are compressed."""
    _, host, port = bridge.listeners["tls"]
    browser.open(f"https://{host}:{port}/login/?name=ada")
    tabs = [browser.driver.current_window_handle]
    browser.driver.switch_to.new_window("tab")
    tabs.append(browser.driver.current_window_handle)

    def in_tab(tab, text, message=None):
        browser.driver.switch_to.window(tab)
        if message:
            browser.driver.execute_script("say(arguments[0])", message)
        browser.wait_text("#log", text)

    for tab in tabs:
        browser.driver.switch_to.window(tab)
        browser.open(f"https://{host}:{port}/room/tabs/")
        browser.wait_text("#state", "open permessage-deflate")
        in_tab(tab, f"hello ada https://{host}:{port}")
    in_tab(tabs[0], "ada: grüße", "grüße")
    in_tab(tabs[1], "ada: grüße")
    site.stop(signal.SIGKILL)
    site.start()
    for tab in tabs:
        browser.driver.switch_to.window(tab)
        wait_until("the second greeting", lambda: browser.text("#log").count("hello ada") == 2)
        assert browser.text("#state").startswith("open")
    in_tab(tabs[1], "ada: " + "back " * 99, "back " * 100)
    in_tab(tabs[0], "ada: " + "back " * 99)


def test_a_client_that_asks_is_told_of_the_restart(tab, cookies, site):
    async def talk():
        async with tab("told", cookies["ada"], subprotocols=["rtbridge.events"]) as ada:
            assert ada.subprotocol == "rtbridge.events"
            assert (await receive(ada))["hello"] == "ada"
            await asyncio.to_thread(site.stop, signal.SIGKILL)
            assert (await receive(ada))["event"] == "reconnecting"
            await asyncio.to_thread(site.start)
            while (event := await receive(ada))["event"] != "reconnected":
                assert event["event"] == "reconnecting"
            assert (await receive(ada))["hello"] == "ada"

    run(talk())
