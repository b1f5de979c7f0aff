# rtbridge: a headless Firefox that keeps its console, driven by WebDriver BiDi, without a driver between.
# SPDX-License-Identifier: Apache-2.0
"""https://www.w3.org/TR/webdriver-bidi/: Firefox speaks it itself, JSON over a WebSocket. The methods are those of
support/browser.py; what a person does is done by scripts in the page."""

import base64
import json
import re
from contextlib import ExitStack
from pathlib import Path

from websockets.sync.client import connect

from support.processes import Child
from support.waiting import DEADLINE, wait_until

# Nothing is to go out to the network.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.prefetch-next": False,
    "network.proxy.type": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
}


class Firefox:
    def __init__(self, program, profile, log, size=(1280, 1400)):
        profile = Path(profile)
        profile.mkdir(parents=True, exist_ok=True)
        (profile / "user.js").write_text("".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()))
        self.messages = []
        self.number = 0
        self.opened = ExitStack()
        self.process = Child([program, "--headless", "--no-remote", "--profile", profile, f"--width={size[0]}",
                              f"--height={size[1]}", "--remote-debugging-port=0", "about:blank"], log,
                             {"HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"})
        try:
            address = wait_until("Firefox", lambda: re.search(r"BiDi listening on (ws://\S+)", self.process.errors()),
                                 2 * DEADLINE)[1]
            self.socket = self.opened.enter_context(
                connect(address + "/session", max_size=None, proxy=None, ping_interval=None))
            # The bridge makes its certificate at start-up; nobody can trust it beforehand.
            self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            self.command("session.subscribe", events=["log.entryAdded"])
            self.context = self.command("browsingContext.getTree")["contexts"][0]["context"]
            self.command("browsingContext.setViewport", context=self.context,
                         viewport={"width": size[0], "height": size[1]})
        except BaseException:
            self.process.kill()
            self.opened.close()
            raise

    def command(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(4 * DEADLINE))
            if message["type"] == "event":
                self.messages.append(message["params"])
            elif message["id"] == self.number:
                assert message["type"] == "success", message
                return message["result"]

    def _call(self, function, arguments):
        result = self.command(
            "script.callFunction", awaitPromise=True, target={"context": self.context},
            functionDeclaration=f"async (text) => JSON.stringify(await ({function})(...JSON.parse(text)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(arguments)}])
        assert result["type"] == "success", result["exceptionDetails"]
        return json.loads(result["result"]["value"])

    def run(self, script, *arguments):
        """A function's body."""
        return self._call(f"function () {{ {script}\n}}", arguments)

    def run_async(self, script, *arguments):
        """A function's body, whose last argument is to be called with the outcome."""
        return self._call(f"(...given) => new Promise((done) => (function () {{ {script}\n}})(...given, done))", arguments)

    def open(self, url):
        self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    @property
    def url(self):
        return self.run("return location.href")

    @property
    def source(self):
        return self.run("return document.documentElement.outerHTML")

    def _of(self, selector, script, *arguments):
        """Runs the script with the element as `element`, once it is there."""
        wait_until(f"an element {selector}", lambda: self.count(selector))
        return self.run(f"const element = document.querySelector(arguments[0]); {script}", selector, *arguments)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def is_checked(self, selector):
        return self._of(selector, "return element.checked")

    def state(self, selector):
        return self._of(selector, "return element.dataset.state")

    def text(self, selector):
        return self._of(selector, "return element.innerText.trim() || element.value || ''")

    def click(self, selector):
        wait_until(f"{selector} to be enabled", lambda: not self._of(selector, "return element.disabled === true"))
        self._of(selector, "element.scrollIntoView({block: 'center', behavior: 'instant'}); element.click()")

    def type(self, selector, text):
        self._of(selector, """element.focus(); element.value = arguments[1];
            for (const name of ["input", "change"]) element.dispatchEvent(new Event(name, { bubbles: true }))""", text)

    def wait_text(self, selector, part):
        return wait_until(f"{part!r} in {selector}", lambda: part in self.text(selector) and self.text(selector))

    def severe(self):
        """What the console was told at level error, by scripts and of them."""
        self.run("")
        return [message["text"] for message in self.messages if message["level"] == "error"]

    def screenshot(self, path):
        image = self.command("browsingContext.captureScreenshot", context=self.context)["data"]
        Path(path).write_bytes(base64.b64decode(image))

    def close(self):
        try:
            self.command("browser.close")
            self.process.wait()
        finally:
            self.process.kill()
            self.opened.close()
