"""Secrets, log lines and pages."""
import re

import pytest

from harness.browser import NAVIGATION, other
from harness.site import SECRET
from test_rd import SLASHES


def test_LEAK_01_no_secret_in_any_log_or_answer(make_site):
    """All flows and the usual failures, with debug logging; then everything that was said is searched."""
    site = make_site()
    seen = []
    browser = site.browser()
    exchange = browser.exchange
    browser.exchange = lambda *args: seen.append(exchange(*args)) or seen[-1]
    start = browser.get("/x?y=1")
    back = other(start.location).location
    browser.get(back.removeprefix("https://app.test"))
    browser.get("/x")
    browser.get(back.removeprefix("https://app.test"))
    site.postern.run("sessions", "list")
    site.provider.access_lifetime = 1
    second = site.signed_in()
    site.provider.instead["token"] = lambda call: (500, {}, str(call["form"]).encode() + str(call["headers"]).encode())
    import time
    time.sleep(1.2)
    second.get("/")
    third = site.browser()
    third.get(third.callback_url("/"))
    site.provider.instead.clear()
    site.provider.replace["token"] = lambda call, usual: (200, {}, usual[2][:-5])
    site.browser().sign_in("/")
    site.provider.replace["token"] = lambda call, usual: (400, {}, usual[2])
    site.browser().sign_in("/")
    site.provider.replace.clear()
    for kind in ("userinfo", "jwks", "discovery"):
        site.provider.replace[kind] = lambda call, usual: (500, {}, b"x")
        site.browser().sign_in("/")
        site.provider.replace.clear()
    browser.get("/oauth2/sign_out")
    with open(f"{site.folder}/keys") as file:
        keys = re.findall(r"[A-Za-z0-9_-]{43}", file.read())
    verifiers = [call["form"]["code_verifier"] for call in site.provider.calls if "code_verifier" in call["form"]]
    cookies = [line.split("=", 1)[1].split(";")[0] for line in browser.cookies.lines if line.startswith("__Host-postern=")]
    secrets = {SECRET, *keys, *verifiers, *site.provider.secrets, *filter(None, cookies)}
    assert len(secrets) > 12
    log = site.postern.log
    for secret in secrets:
        assert secret not in log, f"in the log: {secret[:12]}…"
        if secret in cookies:
            continue
        for answer in seen:
            # The ID token hint and the provider's code are where the protocol puts them: in a Location, once.
            text = re.sub(rb"Location: [^\r]*", b"", answer).decode("latin-1")
            assert secret not in text, f"in an answer: {secret[:12]}…"
    for pattern in ("eyJ", "Bearer ", "client_secret="):
        assert pattern not in log


HOSTILE = "a\x1b[31m\"' user=\"root\" %s%n"


def test_LEAK_02_one_line_for_an_event(site):
    before = site.postern.log.count("\n")
    browser = site.signed_in()
    lines = site.postern.log.count("\n")
    assert lines == before + 1
    for target in ("/internal/%0d%0aFAKE", "/internal/x%1b%5b31m", "/internal/\"user=\"root\"", "/internal/%25s%25n"):
        browser.send(target, headers=[*NAVIGATION, ("User-Agent", HOSTILE)])
    site.provider.person["preferred_username"] = "eve\" user=\"root\" \\ %s%n"
    site.browser().sign_in("/")
    site.provider.make_id_token = lambda claims: "e30.e30.e30"
    site.browser().sign_in("/")
    state = site.browser()
    from test_flow import query_of
    value = query_of(state.get("/").location)["state"]
    state.get(f"/oauth2/callback?state={value}&error=%0d%0aFAKE%1b%22+user%3D%22root%22&iss={site.provider.issuer}")
    log = site.postern.log
    for line in log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|notice|warning|error) \"", line), line
        assert not line.startswith("FAKE") and ' user="root"' not in line.replace('\\"', "")
    assert not any(ord(char) < 32 and char != "\n" or ord(char) == 127 for char in log)


def test_LEAK_02_json_too(make_site):
    import json
    site = make_site({"log": {"format": "json"}})
    site.provider.person["preferred_username"] = "eve\" \\ %s"
    browser = site.browser()
    browser.sign_in("/")
    browser.send("/internal/%0d%0aFAKE", headers=NAVIGATION)
    for line in site.postern.log.splitlines():
        assert {"time", "level", "event"} <= json.loads(line).keys()


@pytest.mark.parametrize("markup", ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><script>", "{{7*7}}"])
def test_LEAK_03_markup_is_inert(site, markup):
    import urllib.parse
    quoted = urllib.parse.quote(markup, safe="")
    site.provider.person.update(preferred_username=f"eve{markup}", groups=[])
    browser = site.signed_in()
    fresh = site.browser()
    pages = [browser.get("/admin/x"), fresh.get(f"/oauth2/callback?error={quoted}&error_description={quoted}&state={quoted}"),
             fresh.get(f"/oauth2/sign_out?rd={quoted}"), fresh.get(f"/oauth2/{quoted}"), browser.get("/oauth2/denied"),
             browser.send(f"/oauth2/sign_out?rd=/{quoted}", headers=[("Sec-Fetch-Site", "cross-site")])]
    from test_flow import query_of
    state = query_of(fresh.get(f"/oauth2/start?rd=/{quoted}").location)["state"]
    pages.append(fresh.get(f"/oauth2/callback?state={state}&error={quoted}&error_description={quoted}&iss={site.provider.issuer}"))
    for page in pages:
        assert page.status in (200, 400, 403, 404) and page.header("Content-Type").startswith("text/html"), page.url
        assert "<script" not in page.text and "<img" not in page.text and " onmouseover='" not in page.text
        policy = page.header("Content-Security-Policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert page.header("X-Content-Type-Options") == "nosniff" and page.header("X-Frame-Options") == "DENY"
        assert page.header("Cache-Control") == "no-store" and page.header("Referrer-Policy") == "no-referrer"
    assert SLASHES
