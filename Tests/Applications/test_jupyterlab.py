"""docs/jupyterlab.md: a real JupyterLab behind nginx. Whoever gets in runs programs as its account."""
import json
import os
import pwd
import socket
import time
import uuid

import pytest
import websocket  # selenium brings it along
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from harness.servers import ROOT

from documented import (ACCOUNT, ALICE, BOB, EVE, GROUP, IDENTITY, IS_ROOT, SOCKET_UPGRADE, Recipe, ask_socket, give, in_parts, python_of,
                        spellings)


class JupyterLab(Recipe):
    name, host = "jupyterlab", "jupyter.example.com"

    def addresses(self):
        here = {"/run/jupyter/jupyter.sock": f"{self.folder}/run/jupyter.sock"}
        known = super().addresses()
        known["nginx.conf"] |= here
        return {**known, "jupyter_server_config.py": here}

    def start_application(self):
        home = f"{self.folder}/home"
        self.copy("jupyter_server_config.py", "home", ".jupyter")
        os.makedirs(f"{home}/notebooks")
        with open(f"{home}/notebooks/six times seven.ipynb", "w") as file:
            json.dump(NOTEBOOK, file)
        for folder, folders, files in os.walk(home):
            for name in (".", *folders, *files):
                give(os.path.join(folder, name), ACCOUNT, GROUP)
        self.environment = {"HOME": home, "PATH": f"{python_of('jupyter')}/bin:/usr/bin:/bin"}
        return self.served("jupyterlab", [f"{python_of('jupyter')}/bin/jupyter", "lab"], f"{self.folder}/run/jupyter.sock",
                           environment=self.environment, cwd=f"{home}/notebooks")


NOTEBOOK = {"cells": [{"cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [], "source": "6 * 7"}],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}},
            "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def lasting_site(run):
    return run(JupyterLab)


@pytest.fixture
def site(lasting_site):
    lasting_site.provider.reset()
    return lasting_site


def me(browser, headers=()):
    response = browser.fetch("/api/me", headers=headers)
    assert response.status == 200, f"{response.status}: {response.text[:300]}"
    return json.loads(response.body)["identity"]


def post(browser, path, headers=(), **fields):
    """What JupyterLab's page does: the token against forged requests comes from a cookie."""
    token = [("X-XSRFToken", browser.cookies.jar["_xsrf"])] if "_xsrf" in browser.cookies.jar else []
    return browser.fetch(path, method="POST", body=json.dumps(fields).encode(), headers=[("Content-Type", "application/json"), *token, *headers])


@pytest.fixture(scope="module")
def kernel(lasting_site):
    """One kernel for all tests."""
    response = post(lasting_site.signed_in("/lab"), "/api/kernels", name="python3")
    assert response.status == 201, f"{response.status}: {response.text}"
    return json.loads(response.body)["id"]


class Channels:
    """The WebSocket of a kernel, as JupyterLab's page has it."""

    def __init__(self, site, browser, kernel, origin=None, headers=()):
        self.session = uuid.uuid4().hex
        connection = browser.context.wrap_socket(socket.create_connection(("127.0.0.1", site.port), 20), server_hostname=site.host)
        self.socket = websocket.create_connection(
            f"wss://{site.host}/api/kernels/{kernel}/channels?session_id={self.session}", socket=connection, timeout=20,
            cookie=browser.cookies.header(), origin=origin or browser.origin, header=[f"{name}: {value}" for name, value in headers])

    def compute(self, code):
        """The text that the kernel gives for it."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self.session, "username": "",
                  "date": "2026-01-01T00:00:00Z", "version": "5.3"}
        self.socket.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {},
                                     "content": {"code": code, "silent": False, "store_history": True}, "buffers": []}))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            said = json.loads(self.socket.recv())
            assert said["msg_type"] != "error", said["content"]
            if said["msg_type"] == "execute_result" and said["parent_header"]["msg_id"] == header["msg_id"]:
                return said["content"]["data"]["text/plain"]
        raise AssertionError("the kernel says nothing")


def status_of_channels(site, browser, kernel, **more):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Channels(site, browser, kernel, **more)
    return refused.value.status_code


def test_a_person_comes_back_to_the_page_with_its_query(site):
    site.be(ALICE)
    browser = site.browser()
    response = browser.follow(browser.get("/lab/tree/six%20times%20seven.ipynb?reset&a=%2F"))
    assert response.status == 200 and response.url == "https://jupyter.example.com/lab/tree/six%20times%20seven.ipynb?reset&a=%2F"
    assert "<title>JupyterLab</title>" in response.text and '"token": ""' in response.text


def test_JupyterLab_knows_who_it_is(site):
    found = me(site.signed_in("/lab"))
    assert (found["username"], found["display_name"]) == ("alice", "alice@example.com")
    name = "bob Löfgren 앨리스"
    found = me(site.signed_in("/lab", BOB, preferred_username=name, groups=["notebooks"]))
    assert (found["username"], found["display_name"]) == (name, "bob@example.com")


def test_a_kernel_computes_through_the_gate_and_is_JupyterLabs_account(site, kernel):
    browser = site.signed_in("/lab")
    channels = Channels(site, browser, kernel)
    assert channels.compute("6 * 7") == "42"
    assert channels.compute("import getpass, os; os.getuid()") == str(pwd.getpwnam(ACCOUNT).pw_uid)


@pytest.mark.parametrize("headers", [
    [("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")], [("X-Requested-With", "XMLHttpRequest")], [("Accept", "application/json")], SOCKET_UPGRADE])
@pytest.mark.parametrize("path", ["/api/kernels", "/api/kernels/x/channels", "/terminals/websocket/1", "/lab"])
def test_a_program_without_a_session_gets_401(site, path, headers):
    response = site.browser().send(path, headers=headers)
    assert response.status == 401 and response.location is None and response.all("Set-Cookie") == []


def test_a_WebSocket_without_a_session_gets_401(site, kernel):
    assert status_of_channels(site, site.browser(), kernel) == 401


def test_who_is_not_named_does_not_come_in(site):
    for person in (BOB, EVE, {**ALICE, "email_verified": False}):
        site.be(person, groups=["staff"])
        browser = site.browser()
        assert browser.follow(browser.get("/lab")).status == 403
        assert browser.fetch("/api/me").status == 403


def test_the_second_person_on_the_same_browser_is_the_second(site):
    browser = site.signed_in("/lab")
    assert me(browser)["username"] == "alice"
    site.be(BOB, groups=["notebooks"])
    assert browser.follow(browser.get("/oauth2/sign_in?rd=/lab")).status == 200
    assert me(browser)["username"] == "bob" and me(browser)["display_name"] == "bob@example.com"


def test_log_out_of_the_menu_ends_it_and_an_open_page_hears_401(site, kernel):
    browser = site.signed_in("/lab")
    kept, channels = dict(browser.cookies.jar), Channels(site, browser, kernel)
    page = browser.follow(browser.get("/logout"))
    assert page.status == 200 and "You are signed out" in page.text
    for _ in range(2):
        assert browser.fetch("/api/me").status == 401
        assert post(browser, "/api/kernels", name="python3").status == 401
        assert status_of_channels(site, browser, kernel) == 401
        browser.cookies.jar = dict(kept)
    assert channels.compute("6 * 7") == "42"  # what is open goes on, for websocket_seconds


def test_a_WebSocket_has_an_end(site):
    """Of a second Jupyter server with the same configuration, and less patience."""
    path = f"{site.folder}/run/second.sock"
    site.servers.append(site.served("jupyter", [
        f"{python_of('jupyter')}/bin/jupyter", "server", f"--ServerApp.sock={path}", "--FromNginx.websocket_seconds=1",
        "--ServerApp.jpserver_extensions={}"], path,
        environment=site.environment, cwd=f"{site.folder}/home"))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        begun = time.monotonic()
        events = websocket.create_connection(f"ws://{site.host}/api/events/subscribe", socket=connection, timeout=10,
                                             header=["X-Auth-Request-User: alice"])
        assert events.recv() in ("", b"") and not events.connected and 0.5 < time.monotonic() - begun < 8


def test_OUT_01_another_site_logs_nobody_out(site):
    browser = site.signed_in("/lab")
    from_there = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]  # a browser says so after a redirect, too
    page = browser.send(browser.send("/logout", headers=from_there).location, headers=from_there)
    assert page.status == 200 and "Sign out?" in page.text and me(browser)["username"] == "alice"


def test_there_is_no_other_way_to_sign_in(site):
    browser = site.signed_in("/lab")
    assert browser.get("/login").status == 404
    nobody = site.browser()
    for target in ("/api/me?token=", "/api/me?token=x", "/lab?token=", "/login?token="):
        assert nobody.fetch(target, headers=[("Authorization", "token ")]).status == 401


def test_forged_requests_of_other_sites_are_refused(site, kernel):
    browser = site.signed_in("/lab")
    assert post(browser, "/api/kernels", [("Origin", "https://evil.example")], name="python3").status in (403, 404)
    kept = browser.cookies.jar.pop("_xsrf")
    assert post(browser, "/api/kernels", name="python3").status == 403
    browser.cookies.jar["_xsrf"] = kept
    assert status_of_channels(site, browser, kernel, origin="https://evil.example") == 403
    assert browser.get("/lab", host="evil.example").status in (401, 403)


def test_HDR_01_what_a_client_says_of_itself_is_not_heard(site, kernel):
    browser = site.signed_in("/lab")
    alice, forged = me(browser), [(name, "forged") for name in IDENTITY]
    assert me(browser, forged) == me(browser, forged * 2) == alice
    assert Channels(site, browser, kernel, headers=forged).compute("6 * 7") == "42"
    nobody = site.browser()
    assert nobody.fetch("/api/me", headers=forged).status == 401
    assert status_of_channels(site, nobody, kernel, headers=forged) == 401


def test_HDR_02_who_has_no_address_gets_none(site):
    site.be({"sub": "bob-1", "preferred_username": "bob", "groups": ["notebooks"]})
    browser = site.browser()
    assert browser.follow(browser.get("/lab")).status == 200
    found = me(browser, [("X-Auth-Request-Email", "forged"), ("X_Auth_Request_Email", "forged"), ("Remote-Email", "forged")])
    assert (found["username"], found["display_name"]) == ("bob", "bob")


@pytest.mark.parametrize("name", IDENTITY)
def test_HDR_03_no_spelling_gets_through(site, name):
    browser, nobody = site.signed_in("/lab"), site.browser()
    alice = me(browser)
    for some in in_parts(spellings(name), 40):
        forged = [(spelled, "forged") for spelled in some]
        assert me(browser, forged) == alice
        assert nobody.fetch("/api/me", headers=forged).status == 401


def test_JupyterLab_itself_refuses_who_is_not_named_by_the_web_server(site):
    path = f"{site.folder}/run/jupyter.sock"
    for target in ("/lab", "/api/me", "/api/kernels", "/api/kernels/x/channels", "/terminals/websocket/1", "/files/x", "/static/favicon.ico"):
        for headers in ([], ["X_Auth_Request_User: forged"], ["X-Auth-Request-User:"], ["Remote-User: forged"],
                        ["X-Auth-Request-User: forged", "X-Auth-Request-User: alice"]):
            assert ask_socket(path, site.host, target, headers) == 401, (target, headers)
    assert ask_socket(path, "evil.example", "/api/me", ["X-Auth-Request-User: alice"]) == 403


@pytest.mark.skipif(not IS_ROOT, reason="needs accounts of other names")
def test_HDR_01_nobody_but_the_web_server_reaches_the_socket(site):
    path, forged = f"{site.folder}/run/jupyter.sock", ["X-Auth-Request-User: forged"]
    assert ask_socket(path, site.host, "/api/me", forged) == 200  # root reaches it: so this is what there is to lose
    assert ask_socket(path, site.host, "/api/me", forged, account="games") is None


def test_a_whole_journey_in_Chromium(site):
    """Opens a notebook by its address, computes, is shown who it is, logs out by the menu; the next person is the next."""
    site.be(ALICE)
    driver = start_chromium(site)
    try:
        wait = WebDriverWait(driver, 40)
        driver.get(f"https://{site.host}/lab/tree/six%20times%20seven.ipynb")
        wait.until(lambda _: "| Idle" in driver.find_element(By.ID, "jp-main-statusbar").text)
        wait.until(lambda _: [one for one in driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .cm-content") if one.is_displayed()])[0].click()
        ActionChains(driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
        wait.until(lambda _: [one.text for one in driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")] == ["42"])
        assert who(driver) == "alice"
        for button in driver.find_elements(By.CSS_SELECTOR, ".jp-toast-button:last-child"):
            button.click()  # no news of Jupyter's
        wait.until(lambda _: not driver.find_elements(By.CSS_SELECTOR, ".jp-toast-button"))
        driver.save_screenshot(os.path.join(ROOT, ".build", "jupyterlab.png"))
        press(driver, wait, "File", "Log Out")
        wait.until(lambda _: driver.title == "You are signed out")
        site.be(BOB, groups=["notebooks"])
        driver.get(f"https://{site.host}/api/me")
        assert '"username": "bob"' in driver.page_source
    except BaseException:
        driver.save_screenshot(os.path.join(ROOT, ".build", "jupyterlab-failed.png"))
        raise
    finally:
        driver.quit()


def who(driver):
    return driver.execute_async_script("fetch('/api/me').then(r => r.json()).then(j => arguments[0](j.identity.username))")


def press(driver, wait, menu, entry):
    for text, place in ((menu, ".lm-MenuBar-itemLabel"), (entry, ".lm-Menu-itemLabel")):
        wait.until(lambda _: [one for one in driver.find_elements(By.CSS_SELECTOR, place) if one.text == text])[0].click()


def start_chromium(site):
    """A real browser for which the site's name is this machine."""
    options = Options()
    options.accept_insecure_certs = True
    options.unhandled_prompt_behavior = "accept"  # a notebook asks before its page is left
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--window-size=1200,800", "--lang=en",
                     f"--host-resolver-rules=MAP {site.host}:443 127.0.0.1:{site.port}", *(["--no-sandbox"] if IS_ROOT else [])):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
