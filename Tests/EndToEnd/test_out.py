"""Signing out."""
import re
import urllib.parse

import pytest

from harness import fastcgi
from harness.fronts import FRONTS


@pytest.mark.parametrize("headers", [
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
    [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "navigate")], [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "Same-Origin, cross-site")], [("Origin", "null")],
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")], [("Sec-Fetch-Site", "cross-site"), ("Referer", "https://app.test/")],
    [("Referer", "http://app.test/")], [("Referer", "https://app.test@evil.test/")], [("Referer", "https://app.test:8443/")],
    [("Origin", "https://evil.test"), ("Referer", "https://app.test/")], [("Referer", "https://evil.test/")], [("Origin", "https://evil.test")], [("Referer", "https://app.test.evil.test/")]])
def test_OUT_01_another_site_signs_nobody_out(site, headers):
    browser = site.signed_in()
    response = browser.send("/oauth2/sign_out", headers=headers)
    assert response.status == 200 and "Sign out?" in response.text and response.all("Set-Cookie") == []
    posted = browser.send("/oauth2/sign_out", method="POST", headers=headers, body=b"rd=/")
    assert posted.status == 200 and posted.all("Set-Cookie") == []
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
    asked = {**fastcgi.page("/oauth2/sign_out", browser.cookies.header(), HTTP_SEC_FETCH_MODE=None, HTTP_SEC_FETCH_SITE=None), **fields}
    assert fastcgi.ask(site.postern.socket, asked).status == 200
    assert browser.get("/").is_protected


def test_OUT_01_the_person_confirms(site):
    browser = site.signed_in()
    page = browser.send("/oauth2/sign_out?rd=/public/bye", headers=[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")])
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    forged = browser.send("/oauth2/sign_out", method="POST", headers=form, body=b"proof=AAAA&rd=/")
    assert forged.status == 200 and browser.get("/").is_protected
    response = browser.send("/oauth2/sign_out", method="POST", headers=form, body=urllib.parse.urlencode(fields).encode())
    assert response.status == 302 and not browser.get("/").is_protected
    assert browser.follow(response).url.endswith("/public/bye")


def test_OUT_01_a_proof_is_for_one_session(site):
    first, second = site.signed_in(), site.signed_in()
    cross = [("Sec-Fetch-Site", "cross-site")]
    page = first.send("/oauth2/sign_out", headers=cross)
    proof = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))["proof"]
    second.send("/oauth2/sign_out", method="POST", body=f"proof={proof}".encode())
    assert second.get("/").is_protected


def test_OUT_02_a_signed_out_cookie_is_over_at_once(site):
    browser = site.signed_in()
    old = dict(browser.cookies.jar)
    response = browser.get("/oauth2/sign_out")
    assert response.header("Cache-Control") == "no-store"
    removal = [line for line in response.all("Set-Cookie") if line.startswith("__Host-postern=;")]
    assert len(removal) == 1 and "Max-Age=0" in removal[0] and "Path=/" in removal[0] and "Secure" in removal[0]
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", f"__Host-postern={old['__Host-postern']}")).status == 401
    browser.cookies.jar = old
    assert not browser.get("/").is_protected
    assert browser.get("/oauth2/sign_in").status == 302


def test_OUT_02_signing_in_again_ends_the_session_before(site):
    browser = site.signed_in()
    old = browser.cookies.jar["__Host-postern"]
    response = browser.get("/oauth2/sign_in")
    assert response.status == 302 and response.header("Cache-Control") == "no-store"
    assert browser.follow(response).is_protected
    assert browser.cookies.jar["__Host-postern"] != old
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", f"__Host-postern={old}")).status == 401


def test_signing_out_of_nothing_is_a_page(site):
    response = site.browser().get("/oauth2/sign_out")
    assert response.status == 200 and "You are signed out" in response.text


def test_signing_out_while_the_provider_is_down(make_site):
    site = make_site()
    browser = site.signed_in()
    site.provider.stop_listening()
    assert browser.get("/oauth2/sign_out").status == 302
    assert not browser.get("/").is_protected


def test_the_applications_own_cookies_go(make_site):
    site = make_site({"clear_cookies": ["session", "_token"]})
    browser = site.signed_in()
    cleared = [line for line in browser.cookies.lines if line.startswith(("session=;", "_token=;"))]
    assert len(cleared) == 2 and all("Max-Age=0" in line for line in cleared)
    assert len([line for line in browser.get("/oauth2/sign_out").all("Set-Cookie") if line.startswith(("session=;", "_token=;"))]) == 2
