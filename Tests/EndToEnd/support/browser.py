# rtbridge: a headless Chromium that keeps its console.
# SPDX-License-Identifier: Apache-2.0
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from support.waiting import DEADLINE, wait_until


class Browser:
    def __init__(self, chromium, driver, profile, log, size=(1280, 1400)):
        options = Options()
        options.binary_location = chromium
        # The bridge makes its certificate at start-up; nobody can trust it beforehand.
        options.add_argument("--ignore-certificate-errors")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                         f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver, log_output=str(log)))
        self.driver.set_script_timeout(4 * DEADLINE)
        self.messages = []

    def open(self, url):
        self.driver.get(url)

    def run(self, script, *arguments):
        """A function's body."""
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script, *arguments):
        """A function's body, whose last argument is to be called with the outcome."""
        return self.driver.execute_async_script(script, *arguments)

    @property
    def url(self):
        return self.driver.current_url

    @property
    def source(self):
        return self.driver.page_source

    def elements(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def element(self, selector):
        return wait_until(f"an element {selector}", lambda: self.elements(selector))[0]

    def count(self, selector):
        return len(self.elements(selector))

    def is_checked(self, selector):
        return self.element(selector).is_selected()

    def state(self, selector):
        """The page's own word for how things are there: idle, busy, good, bad."""
        return self.element(selector).get_attribute("data-state")

    def text(self, selector):
        """The text that a person sees there, or the value of a field."""
        element = self.element(selector)
        return element.text or element.get_attribute("value") or ""

    def click(self, selector):
        element = self.element(selector)
        wait_until(f"{selector} to be enabled", element.is_enabled)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def type(self, selector, text):
        element = self.element(selector)
        element.clear()
        element.send_keys(text)

    def wait_text(self, selector, part):
        return wait_until(f"{part!r} in {selector}", lambda: part in self.text(selector) and self.text(selector))

    def severe(self):
        """What the console was told at level SEVERE: errors of scripts and of loading."""
        self.messages += self.driver.get_log("browser")
        return [message["message"] for message in self.messages if message["level"] == "SEVERE"]

    def screenshot(self, path):
        self.driver.save_screenshot(str(path))

    def close(self):
        self.driver.quit()
