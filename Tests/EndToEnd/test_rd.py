"""Redirect targets: wherever a visitor is sent after signing in or out, it is a place of ours."""
import base64
import html
import json
import os
import re
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import other, resolved_origin
from harness.fronts import FRONTS
from harness.site import Site, told

SLASHES = ["//evil.test/", "///evil.test", "////evil.test", "/\\evil.test", "\\/evil.test", "/\\/evil.test", "\\\\evil.test"]
CONTROLS = ["/%09/evil.test", "/%0a/evil.test", "/%0d%0aSet-Cookie:x=1", "%09//evil.test", "%0b//evil.test",
            "%00//evil.test", "%20//evil.test"]
SCHEMES = ["https:evil.test", "https:/evil.test", "https:///evil.test", "HtTpS://evil.test", "javascript:alert(1)",
           "data:text/html,x", "https://app.test@evil.test/", "https://app.test:443@evil.test",
           "https://app.test\\@evil.test", "https://evil.test#@app.test", "https://evil.test?app.test"]
FOREIGN = ["https://evilexample.com", "https://example.com.evil.test", "https://example.com%2eevil.test",
           "https://app.example.com:81/", "http://app.example.com/"]
LOOKALIKES = ["https://app.example.com.", "https://app.example.com@evil.test", "https://x@app.example.com/",
              "https://evil.test\\.example.com", "https://evil.test/.example.com", "https://evil.test?.example.com",
              "https://.example.com", "https://..example.com", "https://example.com", "https://app.example.com:443@evil.test",
              "https://app.example.com%00.evil.test", "https://evil.test%2f.example.com", "https://evil.test%5c.example.com",
              "https://app.example.com:0443", "https://app.example.com:", "https://app.ex\u00e4mple.com", "https://app\u3002example.com",
              "ws://app.example.com/", "//app.example.com/", "https://[::1].example.com/", "https://app.test.evil.test/",
              "https://app.test:8443/", "http://app.test/", "https://xapp.test/"]
SIGN_IN = ["/oauth2/start", "/oauth2/sign_in"]
CORPUS = os.path.join(os.path.dirname(__file__), "..", "Corpora", "return-urls")


def spellings(targets):
    """Each as it is, escaped once and escaped twice."""
    for target in targets:
        once = urllib.parse.quote(target, safe="")
        yield from (target, once, urllib.parse.quote(once, safe=""))


def final_location(browser, rd, page="/oauth2/start"):
    """Where a sign-in that began with this target ends."""
    response = browser.send(f"{page}?rd={rd}", headers=[("Sec-Fetch-Mode", "navigate")])
    if refused_by_web_server(response, rd):
        return "/"
    assert response.status == 302, f"{rd}: {response.status}"
    assert_ours(response, rd)
    back = other(response.location).location
    parts = urllib.parse.urlsplit(back)
    response = browser.get(f"{parts.path}?{parts.query}")
    assert response.status == 302, f"{rd}: {response.status} {response.text[:200]}"
    assert_ours(response, rd)
    return response.location


def refused_by_web_server(response, target):
    """lighttpd takes no control character in an address and Apache no fragment: the request ends there."""
    refused = {"lighttpd": "%(25)?[017]", "Apache": "#"}
    server = (response.header("Server") or "").split("/")[0]
    return response.status in (400, 403, 404) and server in refused and re.search(refused[server], target)


def assert_ours(response, rd):
    """One Location, and no header field that came in with the target."""
    assert response.raw.lower().count(b"\r\nlocation:") == 1, rd
    names = {line.split("=")[0] for line in response.all("Set-Cookie")}
    assert all(name.startswith("__Host-postern") for name in names), (rd, names)


def assert_safe(browser, targets, page="/oauth2/start"):
    for target in targets:
        location = final_location(browser, target, page)
        assert resolved_origin(location) == "https://app.test", f"{target!r} leads to {location!r}"


@pytest.mark.parametrize("page", SIGN_IN)
def test_RD_01_slashes_and_backslashes(site, page):
    assert_safe(site.browser(), spellings(SLASHES), page)


@pytest.mark.parametrize("page", SIGN_IN)
def test_RD_02_control_characters(site, page):
    assert_safe(site.browser(), [*CONTROLS, *(urllib.parse.quote(rd, safe="") for rd in CONTROLS)], page)


@pytest.mark.parametrize("page", SIGN_IN)
def test_RD_03_schemes_and_authorities(site, page):
    assert_safe(site.browser(), spellings(SCHEMES), page)


@pytest.mark.parametrize("page", SIGN_IN)
def test_RD_01_two_targets_are_none(site, page):
    for query in ("/x&rd=//evil.test", "//evil.test&rd=/x", "//evil.test%26rd=/x", "/x&RD=//evil.test", "/x&rd%3d//evil.test", "/x;rd=//evil.test",
                  "&rd=//evil.test", "/?//evil.test", "/?rd=//evil.test", "/oauth2/start?rd=//evil.test", "/%3f/../..//evil.test", "//evil.test?/x"):
        assert_safe(site.browser(), [query], page)


def directly(site, parameters):
    """Signs in over the socket, the first request being this; the answer to the callback. `None` when a NUL is in it."""
    answer = fastcgi.ask(site.postern.socket, parameters)
    if any("\0" in value for value in parameters.values()):
        assert answer is None
        return None
    if answer.status == 403:  # in place of a page that no rule can judge
        return None
    assert answer.status == 302, (parameters, answer.raw)
    cookie = "; ".join(line.split(";")[0] for line in answer.all("Set-Cookie"))
    back = other(answer.header("Location")).location.removeprefix("https://app.test")
    return fastcgi.ask(site.postern.socket, fastcgi.page(back, cookie))


def test_RD_02_bytes_that_no_web_server_would_pass_on(site):
    for target in [*SLASHES, *CONTROLS, *SCHEMES]:
        for raw in {target, urllib.parse.unquote(target)}:
            for parameters in (fastcgi.page("/oauth2/start", QUERY_STRING=f"rd={raw}"),
                               fastcgi.page("/oauth2/start", REQUEST_URI=raw)):
                answer = directly(site, parameters)
                if answer is None:
                    continue
                assert resolved_origin(answer.header("Location")) == "https://app.test", raw
                assert len(answer.all("Set-Cookie")) == 3 and not any("x=1" in line for line in answer.all("Set-Cookie"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_RD_01_the_page_that_was_asked_for_is_a_target_too(site, method):
    """Without `rd`: nginx sends the visitor of a protected page to sign in, and back to the address as it was typed."""
    for target in [*spellings(SLASHES), *CONTROLS, "/%5cevil.test", "/.//evil.test", "/x/..//evil.test", "//evil.test/%2f..", "/;//evil.test"]:
        browser = site.browser()
        response = browser.send(target, method=method, headers=[("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")])
        assert not response.is_protected, target
        if response.status != 302:
            assert response.status in (400, 401, 403, 404, 411, 500), target
            continue
        back = other(response.location).location.removeprefix("https://app.test")
        location = browser.get(back).location
        assert resolved_origin(location) == "https://app.test", f"{target!r} leads to {location!r}"


def test_RD_04_hosts_that_are_almost_allowed(make_site):
    site = make_site({"return_hosts": [".example.com"]})
    browser = site.browser()
    for target in spellings(FOREIGN):
        assert final_location(browser, target) == "/", target
    for target in LOOKALIKES:
        assert final_location(browser, urllib.parse.quote(target, safe="")) == "/", target
    assert_safe(browser, [*spellings(SLASHES + SCHEMES), *CONTROLS])
    for allowed in ("https://app.example.com/x?y=1&z=2", "https://APP.example.com:443/x", "https://a.b.example.com"):
        assert final_location(browser, urllib.parse.quote(allowed, safe="")) == allowed
    assert final_location(browser, urllib.parse.quote("https://app.test/x", safe="")) == "https://app.test/x"
    signed_out = site.browser().get("/oauth2/sign_out?rd=https%3A%2F%2Fapp.example.com%2Fx")
    assert signed_out.location == "https://app.example.com/x"


FAMILIES = {"slashes": SLASHES, "controls": CONTROLS, "schemes": SCHEMES, "hosts": FOREIGN}


@pytest.fixture(scope="module")
def with_hosts(authority, front):
    site = Site(authority, {"return_hosts": [".example.com"]}, front=front)
    yield site
    site.close()


@pytest.mark.parametrize("is_with_hosts", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_RD_05_the_same_at_sign_out_and_on_pages(site, with_hosts, family, is_with_hosts):
    site = with_hosts if is_with_hosts else site
    for target in spellings(FAMILIES[family]):
        response = site.browser().get(f"/oauth2/sign_out?rd={target}")
        assert_leads_home(response, target)
        browser = site.signed_in()
        response = browser.get(f"/oauth2/sign_out?rd={target}")
        if refused_by_web_server(response, target):
            continue
        assert response.location.startswith(f"{site.provider.issuer}/end_session?"), target
        back = other(response.location).location
        assert back.startswith("https://app.test/oauth2/sign_out"), (target, back)
        assert_leads_home(browser.visit(back), target)


def assert_leads_home(response, target):
    if response.location:
        assert response.status == 302 and resolved_origin(response.location) == "https://app.test", target
        assert "evil" not in response.location, target
    else:
        assert response.status == 200 or refused_by_web_server(response, target), target
        assert "evil" not in response.text, target


@pytest.mark.parametrize("family", FAMILIES)
def test_RD_05_the_form_that_confirms_a_sign_out_and_what_comes_back(site, family):
    browser = site.signed_in()
    cross = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]
    for target in spellings(FAMILIES[family]):
        page = browser.send(f"/oauth2/sign_out?rd={target}", headers=cross)
        if not refused_by_web_server(page, target):
            assert page.status == 200 and "evil" not in page.text, target
        state = base64.urlsafe_b64encode(urllib.parse.unquote(target).encode()).rstrip(b"=").decode()
        assert_leads_home(site.browser().get(f"/oauth2/sign_out?state={state}"), target)
    page = browser.send("/oauth2/sign_out", headers=cross)
    proof = re.search(r'name="proof" value="([^"]*)"', page.text).group(1)
    cookie = browser.cookies.header()
    body = urllib.parse.urlencode({"proof": proof, "rd": urllib.parse.unquote(FAMILIES[family][0])}).encode()
    answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/sign_out", cookie, REQUEST_METHOD="POST", CONTENT_LENGTH=str(len(body))), body=body)
    assert answer.status == 302 and "evil" not in answer.header("Location")


def test_RD_05_the_link_of_an_error_page(site):
    for target in spellings(SLASHES + CONTROLS + SCHEMES + FOREIGN):
        browser = site.browser()
        response = browser.get(f"/oauth2/start?rd={target}")
        if refused_by_web_server(response, target):
            continue
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(response.location).query)["state"][0]
        page = browser.get(f"/oauth2/callback?state={state}&error=access_denied&iss={site.provider.issuer}")
        assert page.status == 403 and "evil" not in page.text, target
        for link in re.findall(r'(?:href|action)="([^"]*)"', page.text):
            assert resolved_origin(html.unescape(link)) == "https://app.test", (target, link)


def test_RD_the_corpus_of_hostile_targets(site):
    """Those of the unit tests that fit into a query, through the whole flow; a sample, evenly spread."""
    path = os.path.join(CORPUS, "refused.txt")
    names = sorted(os.listdir(CORPUS))
    path = path if os.path.exists(path) else os.path.join(CORPUS, [name for name in names if "refus" in name][0])
    with open(path, "rb") as file:
        targets = [urllib.parse.quote_from_bytes(line, safe="") for line in file.read().splitlines() if line]
    assert len(targets) > 300
    assert_safe(site.browser(), targets[::7])


FORWARDED = [[("X-Forwarded-Host", "evil.test")], [("X-Forwarded-Proto", "http")], [("Forwarded", "host=evil.test")],
             [("X-Forwarded-Server", "evil.test")], [("X-Host", "evil.test")], [("X-Forwarded-Port", "81")],
             [("X-Original-Host", "evil.test")], [("X-Forwarded-Prefix", "//evil.test")], [("X-Forwarded-Uri", "//evil.test")],
             [("X-Auth-Request-Redirect", "https://evil.test/")], [("Referer", "https://evil.test/")], [("Origin", "https://evil.test")]]


def test_RD_09_the_callback_address_is_the_configured_one(site):
    def redirect_uri(response):
        assert response.status == 302, response.text[:200]
        assert "evil" not in response.raw.decode("latin-1")
        return urllib.parse.parse_qs(urllib.parse.urlsplit(response.location).query)["redirect_uri"]

    for plain in site.ways:
        browser = site.browser(plain)
        for headers in FORWARDED:
            assert redirect_uri(browser.get("/oauth2/start", headers=headers)) == ["https://app.test/oauth2/callback"]
        assert redirect_uri(browser.get("/oauth2/start", host="evil.test")) == ["https://app.test/oauth2/callback"]
        for host in ("good@evil.test", "evil.test:443", "app.test@evil.test", "app.test.evil.test", "evil.test."):
            response = browser.get("/oauth2/start", host=host)
            assert "evil" not in response.raw.decode("latin-1"), host
            if response.status != 400:
                assert redirect_uri(response) == ["https://app.test/oauth2/callback"], host
        response = browser.get("https://app.test/oauth2/start", host="evil.test")
        if site.kind == "nginx":
            assert redirect_uri(response) == ["https://app.test/oauth2/callback"]
            response = browser.get("https://evil.test/oauth2/start", host="app.test")
            assert redirect_uri(response) == ["https://app.test/oauth2/callback"]
        else:  # the others hand the address on as it came, and Postern does not judge such a one
            assert response.status in (400, 403) and b"evil" not in response.raw
    for headers in [*FORWARDED, [("Host", "evil.test")], [("Host", "good@evil.test")]]:
        forged = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
        for changes in (forged, {**forged, "SERVER_NAME": "evil.test", "REQUEST_SCHEME": "http", "HTTPS": None}):
            answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start", **changes))
            assert "redirect_uri=https%3A%2F%2Fapp.test%2Foauth2%2Fcallback&" in answer.header("Location") and b"evil" not in answer.raw
    for headers in FORWARDED:
        assert redirect_uri(site.browser().get("/", headers=headers)) == ["https://app.test/oauth2/callback"]
        assert site.browser().sign_in("/").is_protected
    assert redirect_uri(site.browser().get("/", host="evil.test")) == ["https://app.test/oauth2/callback"]


def test_a_target_with_its_query_pasted_as_it_is_survives(site):
    assert final_location(site.browser(), "/deep?x=1&y=2") == "/deep?x=1&y=2"
    response = site.browser().sign_in("/oauth2/start?rd=%2Fdeep%3Fx%3D1%26y%3D2")
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep?x=1&y=2"
    assert told(response)
