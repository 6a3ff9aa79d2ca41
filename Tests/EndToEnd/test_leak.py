"""Secrets, log lines and pages."""
import html
import re
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION, Response, other
from harness.provider import jwt
from harness.site import SECRET


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
    for target in ("/internal/%0d%0aFAKE", "/internal/x%1b%5b31m", "/internal/\"user=\"root\"", "/internal/%25s%25n", "/internal/%s%n",
                   "/internal/%e2%80%ae%c2%9b31m%e2%80%a8x"):
        browser.send(target, headers=[*NAVIGATION, ("User-Agent", HOSTILE)])
    raw = "/internal/\u202e\u2066\u009b31m\u2028FAKE\u0085x\u200e"
    assert one_more(site, fastcgi.check(raw, browser.cookies.header(), HTTP_USER_AGENT=HOSTILE)) == 1
    for name in ("REQUEST_URI", "HTTP_USER_AGENT", "SERVER_NAME", "REMOTE_ADDR", "HTTP_REFERER", "REQUEST_METHOD", "HTTP_HOST", "HTTP_X_FORWARDED_FOR"):
        for text in ("/internal/x\r\nFAKE user=\"root\"", "/internal/\n2026-01-01T00:00:00Z info \"signed in\" user=\"root\"", "/internal/\x1b]0;x\x07",
                     "/internal/%s%n%p", "/internal/\\\" user=\"root\"", "/internal/\x7f\x01"):
            asked = fastcgi.check("/internal/x", browser.cookies.header(), **{name: text})
            assert one_more(site, asked) <= 1, (name, text)
    for name in ("eve\" user=\"root\" \\ %s%n", "eve\r\nFAKE", "eve\x1b[31m", "eve\u202e", "eve\u200b\ufeff", "eve\U000e0001"):
        site.provider.person["preferred_username"] = name
        assert one_more(site, lambda: site.browser().sign_in("/")) == 1, ascii(name)
    for kid in ("\r\nFAKE", "\x1b[31m", "\" user=\"root\"", "%s%n", "k" * 5000):
        site.provider.make_id_token = lambda claims: jwt({"alg": "RS256", "kid": kid}, claims, site.provider.keys[0].sign)
        assert one_more(site, lambda: site.browser().sign_in("/")) == 1, kid
    site.provider.make_id_token = lambda claims: "e30.e30.e30"
    site.browser().sign_in("/")
    site.provider.replace["token"] = lambda call, usual: (400, {}, b'{"error":"x\\r\\nFAKE\\u001b\\" user=\\"root\\"","error_description":"\\r\\nFAKE"}')
    assert one_more(site, lambda: site.browser().sign_in("/")) == 1
    site.provider.replace.clear()
    state = site.browser()
    from test_flow import query_of
    value = query_of(state.get("/").location)["state"]
    hostile = "%0d%0aFAKE%1b%22+user%3D%22root%22%25s%25n"
    assert one_more(site, lambda: state.get(
        f"/oauth2/callback?state={value}&error={hostile}&error_description={hostile}&error_uri={hostile}&iss={site.provider.issuer}")) == 1
    log = site.postern.log
    for line in log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|notice|warning|error) \"", line), line
        assert not line.startswith("FAKE") and ' user="root"' not in line.replace('\\"', "")
    assert not any(ord(char) < 32 and char != "\n" or 127 <= ord(char) < 160 or ord(char) in INVISIBLE for char in log)


# What turns text round or ends a line to some readers.
INVISIBLE = {0x2028, 0x2029, 0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def one_more(site, act):
    """How many lines the log has more after this."""
    before = site.postern.log.count("\n")
    if callable(act):
        act()
    else:
        fastcgi.ask(site.postern.socket, act)
    return site.postern.log.count("\n") - before


@pytest.mark.parametrize("char", sorted(INVISIBLE), ids=hex)
def test_LEAK_02_nothing_turns_the_text_of_a_line_round(site, char):
    start = len(site.postern.log)
    asked = fastcgi.check(f"/internal/{chr(char)}", site.signed_in().cookies.header())
    assert fastcgi.ask(site.postern.socket, asked).status == 403
    assert "/internal/" in site.postern.log[start:] and chr(char) not in site.postern.log[start:]


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
    answers = [fastcgi.ask(site.postern.socket, fastcgi.page(f"/oauth2/{endpoint}{query}", cookie, SERVER_NAME=markup, HTTP_HOST=markup,
                                                             HTTP_ACCEPT_LANGUAGE=markup, HTTP_USER_AGENT=markup, HTTP_X_FORWARDED_HOST=markup))
               for endpoint, query in (("callback", f"?error={markup}"), ("denied", ""), ("sign_out", f"?rd=/{markup}"), ("nothing", ""), (markup, ""))
               for cookie in (None, browser.cookies.header())]
    pages += [Response(b"HTTP/1.1 " + answer.raw.removeprefix(b"Status: "), "direct") for answer in answers if answer.header("Location") is None]
    assert len(pages) >= 15
    loop = site.browser()
    for _ in range(8):
        loop.cookies.jar.pop("__Host-postern", None)
        response = loop.follow(loop.get(f"/{quoted}"), until=lambda url: url.startswith(f"https://app.test/{quoted}"))
        if response.status == 409:
            pages.append(response)
            break
    assert pages[-1].status == 409
    for page in pages:
        assert page.status in (200, 400, 403, 404, 409) and page.header("Content-Type").startswith("text/html"), page.url
        for text in re.findall(r'(?:href|action|value)="([^"]*)"', page.text):
            assert not html.unescape(text).lower().startswith(("javascript:", "data:")), text
        assert "<script" not in page.text and "<img" not in page.text and " onmouseover='" not in page.text
        policy = page.header("Content-Security-Policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert page.header("X-Content-Type-Options") == "nosniff" and page.header("X-Frame-Options") == "DENY"
        assert page.header("Cache-Control") == "no-store" and page.header("Referrer-Policy") == "no-referrer"


@pytest.mark.parametrize("markup", ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>"])
def test_LEAK_03_on_pages_of_an_outage(make_site, markup):
    site = make_site()
    quoted = urllib.parse.quote(markup, safe="")
    site.provider.stop_listening()
    site.postern.stop()
    site.postern.start()
    for target in (f"/oauth2/start?rd=/{quoted}", f"/{quoted}"):
        page = site.browser().get(target)
        assert page.status == 503 and "<script" not in page.text and "<img" not in page.text
        assert "default-src 'none'" in page.header("Content-Security-Policy") and page.header("X-Frame-Options") == "DENY"
        assert page.header("X-Content-Type-Options") == "nosniff" and page.header("Cache-Control") == "no-store"
