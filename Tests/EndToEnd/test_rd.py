"""Redirect targets: wherever a visitor is sent after signing in or out, it is a place of ours."""
import json
import os
import re
import urllib.parse

import pytest

from harness.browser import other, resolved_origin
from harness.fronts import FRONTS
from harness.site import told

SLASHES = ["//evil.test/", "///evil.test", "////evil.test", "/\\evil.test", "\\/evil.test", "/\\/evil.test", "\\\\evil.test"]
CONTROLS = ["/%09/evil.test", "/%0a/evil.test", "/%0d%0aSet-Cookie:x=1", "%09//evil.test", "%0b//evil.test",
            "%00//evil.test", "%20//evil.test"]
SCHEMES = ["https:evil.test", "https:/evil.test", "https:///evil.test", "HtTpS://evil.test", "javascript:alert(1)",
           "data:text/html,x", "https://app.test@evil.test/", "https://app.test:443@evil.test",
           "https://app.test\\@evil.test", "https://evil.test#@app.test", "https://evil.test?app.test"]
FOREIGN = ["https://evilexample.com", "https://example.com.evil.test", "https://example.com%2eevil.test",
           "https://app.example.com:81/", "http://app.example.com/"]
CORPUS = os.path.join(os.path.dirname(__file__), "..", "Corpora", "return-urls")


def spellings(targets):
    """Each as it is, escaped once and escaped twice."""
    for target in targets:
        once = urllib.parse.quote(target, safe="")
        yield from (target, once, urllib.parse.quote(once, safe=""))


def final_location(browser, rd):
    """Where a sign-in that began with this target ends."""
    response = browser.send(f"/oauth2/start?rd={rd}", headers=[("Sec-Fetch-Mode", "navigate")])
    if refused_by_lighttpd(response, rd):
        return "/"
    assert response.status == 302, f"{rd}: {response.status}"
    back = other(response.location).location
    parts = urllib.parse.urlsplit(back)
    response = browser.get(f"{parts.path}?{parts.query}")
    assert response.status == 302, f"{rd}: {response.status} {response.text[:200]}"
    assert response.raw.count(b"\r\nLocation:") + response.raw.count(b"\r\nlocation:") == 1, rd
    names = {line.split("=")[0] for line in response.all("Set-Cookie")}
    assert all(name.startswith("__Host-postern") for name in names), (rd, names)
    return response.location


def refused_by_lighttpd(response, target):
    """It takes no control character in an address, and the request ends there."""
    return response.status == 400 and "lighttpd" in (response.header("Server") or "") and re.search("%[01]", target)


def assert_safe(browser, targets):
    for target in targets:
        location = final_location(browser, target)
        assert resolved_origin(location) == "https://app.test", f"{target!r} leads to {location!r}"


def test_RD_01_slashes_and_backslashes(site):
    assert_safe(site.browser(), [rd.replace(" ", "%20") for rd in spellings(SLASHES)])


def test_RD_02_control_characters(site):
    assert_safe(site.browser(), [*CONTROLS, *(urllib.parse.quote(rd, safe="") for rd in CONTROLS)])


def test_RD_03_schemes_and_authorities(site):
    assert_safe(site.browser(), [rd for rd in spellings(SCHEMES) if "#" not in rd])


def test_RD_04_hosts_that_are_almost_allowed(make_site):
    site = make_site({"return_hosts": [".example.com"]})
    browser = site.browser()
    for target in spellings(FOREIGN):
        assert final_location(browser, target) == "/", target
    allowed = "https://app.example.com/x?y=1&z=2"
    assert final_location(browser, urllib.parse.quote(allowed, safe="")) == allowed
    assert final_location(browser, urllib.parse.quote("https://app.test/x", safe="")) == "https://app.test/x"


@pytest.mark.parametrize("family", [SLASHES, CONTROLS, SCHEMES, FOREIGN], ids=["slashes", "controls", "schemes", "hosts"])
def test_RD_05_the_same_at_sign_out_and_on_pages(site, family):
    for target in spellings(family):
        if "#" in target:
            continue
        response = site.browser().get(f"/oauth2/sign_out?rd={target}")
        if response.location:
            assert resolved_origin(response.location) == "https://app.test", target
        else:
            assert response.status == 200 or refused_by_lighttpd(response, target)
        assert "evil" not in response.text and "evil" not in (response.location or ""), target
        browser = site.signed_in()
        response = browser.follow(browser.get(f"/oauth2/sign_out?rd={target}"), until=lambda url: "evil" in url[:30])
        assert resolved_origin(response.url) in ("https://app.test",) and b"evil.test/" not in response.raw[:300], target


def test_RD_05_the_link_of_an_error_page(site):
    for target in spellings(SLASHES + SCHEMES):
        if "#" in target:
            continue
        browser = site.browser()
        response = browser.get(f"/oauth2/start?rd={target}")
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(response.location).query)["state"][0]
        page = browser.get(f"/oauth2/callback?state={state}&error=access_denied&iss={site.provider.issuer}")
        assert page.status == 403 and "evil" not in page.text, target


def test_RD_the_corpus_of_hostile_targets(site):
    """Those of the unit tests that fit into a query, through the whole flow; a sample, evenly spread."""
    path = os.path.join(CORPUS, "refused.txt")
    names = sorted(os.listdir(CORPUS))
    path = path if os.path.exists(path) else os.path.join(CORPUS, [name for name in names if "refus" in name][0])
    with open(path, "rb") as file:
        targets = [urllib.parse.quote_from_bytes(line, safe="") for line in file.read().splitlines() if line]
    assert len(targets) > 300
    assert_safe(site.browser(), targets[::7])


def test_RD_09_the_callback_address_is_the_configured_one(site):
    def redirect_uri(response):
        assert response.status == 302, response.text[:200]
        assert "evil" not in response.raw.decode("latin-1")
        return urllib.parse.parse_qs(urllib.parse.urlsplit(response.location).query)["redirect_uri"]

    for plain in site.ways:
        browser = site.browser(plain)
        for headers in ([("X-Forwarded-Host", "evil.test")], [("X-Forwarded-Proto", "http")], [("Forwarded", "host=evil.test")]):
            assert redirect_uri(browser.get("/oauth2/start", headers=headers)) == ["https://app.test/oauth2/callback"]
        assert redirect_uri(browser.get("/oauth2/start", host="evil.test")) == ["https://app.test/oauth2/callback"]
        for host in ("good@evil.test",):
            response = browser.get("/oauth2/start", host=host)
            if response.status == 302:
                assert redirect_uri(response) == ["https://app.test/oauth2/callback"]
        response = browser.get("https://app.test/oauth2/start", host="evil.test")
        if site.kind == "nginx":
            assert redirect_uri(response) == ["https://app.test/oauth2/callback"]
        else:  # the others hand the address on as it came, and Postern does not judge such a one
            assert response.status in (400, 403) and b"evil" not in response.raw


def test_a_target_with_its_query_pasted_as_it_is_survives(site):
    assert final_location(site.browser(), "/deep?x=1&y=2") == "/deep?x=1&y=2"
    response = site.browser().sign_in("/oauth2/start?rd=%2Fdeep%3Fx%3D1%26y%3D2")
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep?x=1&y=2"
    assert told(response)
