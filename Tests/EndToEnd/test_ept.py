"""Endpoints and answers: the web server's location decides, and every answer says its status."""
import glob
import os
import time

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION, other
from harness.fronts import FRONTS
from harness.provider import Key
from harness.servers import wait_until


@pytest.mark.parametrize("path", ["/oauth2/ping/../../admin", "/oauth2/static/..%2f..%2fadmin", "/oauth2/ping/..%2f..%2fadmin",
                                  "/oauth2/%2e%2e/admin", "/oauth2/..;/admin", "/oauth2//../admin", "/oauth2/callback/../../admin"])
def test_EPT_01_our_prefix_opens_nothing(site, path):
    for plain in site.ways:
        assert not site.browser(plain).send(path, headers=NAVIGATION).is_protected, path


@pytest.mark.parametrize("location", ["/oauth2/auth", "/_auth", "/_postern/auth", ""])
@pytest.mark.parametrize("uri", ["/oauth2/ping", "/oauth2/callback", "/oauth2/start", "/oauth2/ready", "/oauth2/sign_out",
                                 "/oauth2/userinfo", "/oauth2/ping?/oauth2/ping"])
def test_EPT_01_the_request_line_never_chooses_the_endpoint(site, uri, location):
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(uri, SCRIPT_NAME=location, DOCUMENT_URI=location))
    assert answer.status in (401, 403) and answer.body == b""
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(uri, SCRIPT_NAME="/oauth2/ping"), role=fastcgi.AUTHORIZER)
    assert answer.status in (401, 403)
    others = {name: uri for name in ("PATH_INFO", "PATH_TRANSLATED", "SCRIPT_FILENAME", "REDIRECT_URL", "SCRIPT_URL", "X_ORIGINAL_URI")}
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(uri, SCRIPT_NAME=location, QUERY_STRING=uri, **others))
    assert answer.status in (401, 403) and answer.body == b""


@pytest.mark.parametrize("agent", ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "", None])
def test_EPT_02_no_user_agent_is_let_in(site, agent):
    headers = [] if agent is None else [("User-Agent", agent)]
    for plain in site.ways:
        for path in ("/", "/admin", "/health", "/ping", "/healthz", "/ready", "/oauth2/pingx", "/oauth2/ping/x"):
            response = site.browser(plain).send(path, headers=headers)
            assert not response.is_protected and response.status != 200, path
    for path in ("/", "/oauth2/ping"):
        assert fastcgi.ask(site.postern.socket, fastcgi.check(path, HTTP_USER_AGENT=agent)).status == 401
    assert site.browser().send("/oauth2/ping", headers=headers).status == 200


def test_EPT_04_every_answer_begins_with_a_status(site):
    """`fastcgi.Answer` asserts it of each answer of all tests; here are those that go wrong."""
    def ask(parameters, **options):
        answer = fastcgi.ask(site.postern.socket, parameters, **options)
        assert answer.raw.startswith(b"Status: ") and answer.status >= 400, answer.raw[:100]
        assert answer.header("Cache-Control") == "no-store"
        return answer
    ask({})
    ask(fastcgi.check("/", REQUEST_URI="x"))
    ask([*fastcgi.check("/").items(), ("REQUEST_URI", "/public/x")])
    ask([*fastcgi.check("/").items(), ("SCRIPT_NAME", "/oauth2/ping")])
    for endpoint in ("callback", "userinfo", "denied", "nothing", "sign_out"):
        ask(fastcgi.check("/", SCRIPT_NAME=f"/oauth2/{endpoint}", REQUEST_METHOD="BREW"))
    for query in ("state=%zz", "state", "&", "=" * 100, "&".join(["a=b"] * 100), "state=%ff%fe&code=%ff", "\xff" * 10):
        ask(fastcgi.page("/oauth2/callback", QUERY_STRING=query))
    for endpoint in ("auth", "start", "sign_in", "callback", "sign_out", "userinfo", "denied", "ping", "ready"):
        for lost in ("REQUEST_METHOD", "REQUEST_URI", "QUERY_STRING", "HTTP_ACCEPT", "SERVER_NAME", "REMOTE_ADDR"):
            answer = fastcgi.ask(site.postern.socket, fastcgi.page(f"/oauth2/{endpoint}", **{lost: None}))
            assert answer.status >= 400 or (endpoint, lost) not in {("auth", lost), ("start", "REQUEST_METHOD"), ("start", "REQUEST_URI")}


def finished(site, cookies=None):
    """A sign-in over the socket, from the first request to the raw answer of the callback."""
    answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start"))
    cookie = "; ".join(line.split(";")[0] for line in answer.all("Set-Cookie"))
    back = other(answer.header("Location")).location.removeprefix("https://app.test")
    return fastcgi.ask(site.postern.socket, fastcgi.page(back, cookie))


BROKEN = [(200, b"{broken"), (200, b"[]"), (200, b""), (200, b"null"), (200, b"\xff\xfe"), (200, b'{"access_token":1,"id_token":[]}'),
          (200, b'{"keys":{}}'), (200, b"{" * 5000), (204, b""), (404, b"x"), (500, b"<html>"), (302, b"")]


@pytest.mark.parametrize("endpoint", ["token", "userinfo", "jwks"])
def test_EPT_04_broken_answers_of_the_provider(make_site, endpoint):
    site = make_site()
    assert finished(site).status == 302
    for status, body in BROKEN:
        site.provider.reset()
        if endpoint == "jwks":
            site.provider.keys = [Key()]
        site.provider.replace[endpoint] = lambda call, usual: (status, {"Content-Type": "application/json"}, body)
        answer = finished(site)
        assert answer.status >= 400 and answer.raw.startswith(b"Status: "), (status, body)
        assert not any(line.startswith("__Host-postern=") for line in answer.all("Set-Cookie")), (status, body)
        if endpoint == "jwks":
            site.postern.stop()
            site.postern.start()


def test_EPT_04_a_store_that_is_down(make_site):
    site = make_site()
    cookie = site.signed_in().cookies.header()
    pending = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start"))
    back = other(pending.header("Location")).location.removeprefix("https://app.test")
    state = "; ".join(line.split(";")[0] for line in pending.all("Set-Cookie"))
    hide(site)
    for parameters in (fastcgi.check("/", cookie), fastcgi.page(back, state), fastcgi.page("/oauth2/sign_out", cookie),
                       fastcgi.page("/oauth2/userinfo", cookie), fastcgi.page("/oauth2/ready")):
        started = time.monotonic()
        answer = fastcgi.ask(site.postern.socket, parameters)
        assert answer.status == 503 and answer.raw.startswith(b"Status: 503"), (parameters, answer.raw)
        assert time.monotonic() - started < 1
        assert not any(line.startswith("__Host-postern=") for line in answer.all("Set-Cookie")), parameters
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie), role=fastcgi.AUTHORIZER).status == 503


def hide(site):
    """Takes the store away, and waits until that is known."""
    os.mkdir(f"{site.folder}/hidden")
    for path in glob.glob(f"{site.folder}/sessions.db*"):
        os.rename(path, f"{site.folder}/hidden/{os.path.basename(path)}")
    wait_until(lambda: fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/ready")).status == 503, 2)
    time.sleep(1.2)


def test_EPT_04_broken_discovery(make_site):
    site = make_site()
    for body in (b"{broken", b"[]", b"", b"null", b"\xff\xfe", b'{"issuer":1}'):
        site.provider.replace["discovery"] = lambda call, usual, body=body: (200, {}, body)
        site.postern.stop()
        site.postern.start()
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/oauth2/start", SCRIPT_NAME="/oauth2/start"))
        assert answer.status == 503 and answer.raw.startswith(b"Status: 503")
