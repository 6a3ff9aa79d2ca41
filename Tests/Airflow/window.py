"""Somebody at a browser: headless Chromium, for which app.test is a site of the tests."""
import contextlib
import json
import os
import sys
import time

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

from harness.servers import ROOT

sys.path.append(os.path.join(ROOT, "Tests", "Demo"))
import browser as demo  # noqa: E402

APP = "https://app.test"
PICTURES = os.path.join(ROOT, ".build", "journeys")


class Window:
    def __init__(self, site, provider):
        self.site, self.provider = site, provider
        # 143 of the height are the browser's own.
        self.driver = demo.start(f"--host-resolver-rules=MAP app.test:443 127.0.0.1:{site.port}", "--window-size=1280,943")
        self.driver.set_page_load_timeout(90)
        self.is_open = True

    def fresh(self):
        """A tab without a history, in a browser that was never here."""
        others = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in others:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(new)
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": APP, "storageTypes": "local_storage,indexeddb"})
        return self

    # What there is to see

    @property
    def address(self):
        return self.driver.current_url

    @property
    def title(self):
        return self.driver.title

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def pages(self):
        """The addresses of this tab so far, without their queries."""
        entries = self.driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
        return [entry["url"].split("?")[0] for entry in entries if entry["url"].startswith("http")]

    def find(self, selector, text=None):
        """The first of these that is visible (and says this)."""
        return self.script("""return [...document.querySelectorAll(arguments[0])].find(element =>
            element.getClientRects().length && (arguments[1] === null || element.innerText.trim() === arguments[1]))""", selector, text)

    def until(self, condition, what, seconds=60):
        """What the condition gives as soon as it is something; meanwhile the page may change beneath it."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(WebDriverException):
                if found := condition():
                    return found
            assert time.monotonic() < end, f"{what} did not come in {seconds} s; {self.described()}"
            time.sleep(0.1)

    def until_at(self, address, what=None):
        self.until(lambda: self.address == address, what or address)

    def asks_for_a_password(self):
        return self.address.startswith(f"{self.provider.base}/") and self.find("[name=username]") is not None

    # What a person does

    def open(self, target):
        self.driver.get(f"{APP}{target}")

    def click(self, selector, text=None):
        """As soon as it has come to its place: what moves away under the pointer is not hit."""
        def clicked():
            element = self.find(selector, text)
            if not element or not self.is_at_rest(element):
                return None
            element.click()
            return element

        self.until(clicked, f"{selector} {text or ''} to click")

    def is_at_rest(self, element):
        """Whether it stays where it is for a tenth of a second, and nothing moves that it is part of."""
        return self.driver.execute_async_script("""
            const [element, done] = arguments
            const place = () => JSON.stringify(element.getBoundingClientRect())
            const moves = document.getAnimations().some(a => a.playState === 'running' && a.effect?.target?.contains(element))
            const before = place()
            setTimeout(() => done(!moves && element.isConnected && place() === before), 100)""", element)

    def type_password(self, name):
        """At the provider's form."""
        self.until(self.asks_for_a_password, "the provider's form")
        self.find("[name=username]").send_keys(name)
        self.find("[name=password]").send_keys(f"{name}-password")
        self.find("[type=submit]").click()

    def sign_in(self, name, target):
        self.open(target)
        self.type_password(name)
        self.until_at(f"{APP}{target}")

    @contextlib.contextmanager
    def another_tab_in_front(self):
        this = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        try:
            yield
            self.driver.close()
        finally:
            self.driver.switch_to.window(this)

    # What scripts and cookies do

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def fetch(self, target):
        """As the page asks in the background: the status, and the body."""
        return tuple(self.driver.execute_async_script(
            "const [target, done] = arguments; fetch(target, {redirect: 'manual'})"
            ".then(async answer => done([answer.status, await answer.text()])).catch(error => done([0, `${error}`]))", target))

    def fetch_json(self, target):
        status, text = self.fetch(target)
        assert status == 200, (status, text[:500])
        return json.loads(text)

    def cookies(self):
        return {cookie["name"]: cookie["value"] for cookie in self.driver.get_cookies()}

    def set_cookies(self, cookies):
        for name, value in cookies.items():
            assert self.driver.execute_cdp_cmd("Network.setCookie", {"name": name, "value": value, "url": f"{APP}/", "path": "/", "secure": True})

    def forget_the_provider(self):
        """As if its session had ended, too."""
        self.driver.execute_cdp_cmd("Network.deleteCookies", {"name": "provider_session", "url": self.provider.base})

    # For those who read the tests' results

    def picture(self, name):
        os.makedirs(PICTURES, exist_ok=True)
        path = os.path.join(PICTURES, f"{name}.png")
        self.driver.save_screenshot(path)
        return path

    def described(self):
        with contextlib.suppress(WebDriverException):
            text = self.text
            beginning, end = text[:600], text[600:][-600:]  # a dialog is at the end
            return f"the browser is at {self.address} ({self.title}):\n{beginning}\n[…]\n{end}"
        return "the browser does not answer"

    def failed(self, test):
        """Leaves a picture of the failure, and says where the browser is."""
        with contextlib.suppress(WebDriverException):
            return f"{self.described()}\n{self.picture(f'failed-{test}-{self.site.port}')}"
        return "the browser does not answer"

    def close(self):
        if self.is_open:
            self.driver.quit()
        self.is_open = False
