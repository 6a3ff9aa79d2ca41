"""Pushed authorization requests (RFC 9126), signed ones (RFC 9101) and resources (RFC 8707): what browsers carry."""
import json
import socket
import threading
import time
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import other
from harness.extended import asked_at, extended_site, key_file, mistakes, published_keys
from harness.provider import Key
from harness.servers import wait_until
from harness.tokens import parts
from test_flow import query_of


def pushing_site(make_site, op=None, offers=("par",), **changes):
    site = extended_site(make_site, op, offers, **changes)
    site.provider.method = "basic"
    return site


def test_the_browser_carries_a_reference_only(make_site):
    site = pushing_site(make_site)
    browser = site.browser()
    location = browser.get("/deep?x=1").location
    assert set(query_of(location)) == {"client_id", "request_uri"} and location.startswith(f"{site.provider.issuer}/authorize?")
    response = browser.follow(browser.visit(location))
    assert response.is_protected and response.url.endswith("/deep?x=1") and site.provider.complaints == []
    pushed = asked_at(site, "par")[0]
    assert pushed["response_type"] == "code" and pushed["redirect_uri"] == "https://app.test/oauth2/callback"
    assert pushed["code_challenge_method"] == "S256"
    assert all(len(pushed[name]) >= 22 for name in ("state", "nonce", "code_challenge")) and "openid" in pushed["scope"].split()
    assert "request_uri" not in pushed and "client_secret" not in pushed
    for value in (pushed["state"], pushed["nonce"], pushed["code_challenge"]):
        assert value not in location


def test_parameters_of_the_operator_are_pushed_too(make_site):
    site = pushing_site(make_site, {"prompt": "select_account",
                                    "authorization_parameters": {"hd": "example.com", "claims": "{\"id_token\":{}}"}})
    location = site.browser().get("/").location
    pushed = asked_at(site, "par")[0]
    assert set(query_of(location)) == {"client_id", "request_uri"}
    assert pushed["prompt"] == "select_account" and pushed["hd"] == "example.com" and pushed["claims"] == "{\"id_token\":{}}"


def test_each_sign_in_pushes_anew(make_site):
    site = pushing_site(make_site)
    locations = [site.browser().get("/").location for _ in range(20)]
    assert len({query_of(location)["request_uri"] for location in locations}) == 20
    pushed = asked_at(site, "par")
    assert len(pushed) == 20 and len({form["state"] for form in pushed}) == len({form["code_challenge"] for form in pushed}) == 20


def test_a_reference_works_once_and_the_visitor_can_begin_again(make_site):
    site = pushing_site(make_site)
    browser = site.browser()
    location = browser.get("/x").location
    assert other(location).status == 302 and other(location).status == 400
    assert browser.sign_in("/x").is_protected


@pytest.mark.parametrize("setting, offers, is_pushed", [("auto", ("par",), True), ("auto", (), False), ("always", ("par",), True),
                                                        ("never", ("par",), False),
                                                        ("auto", ("required par",), True)])
def test_when_it_is_pushed(make_site, setting, offers, is_pushed):
    site = pushing_site(make_site, {"pushed_authorization": setting}, offers)
    assert site.signed_in() and (site.provider.count("par") == 1) == is_pushed and site.provider.complaints == []


def test_what_cannot_be_is_a_page_and_no_request(make_site):
    site = pushing_site(make_site, {"pushed_authorization": "always"}, ())
    response = site.browser().get("/x")
    assert response.status in (500, 502, 503) and site.provider.count("authorize") == 0 and response.location is None


def test_programs_push_nothing(make_site):
    site = pushing_site(make_site)
    assert site.browser().fetch("/x").status == 401 and site.provider.count("par") == 0


def refused(site, seconds=4):
    """A page that says so; the parameters do not go through the browser instead."""
    browser = site.browser()
    started = time.monotonic()
    response = browser.get("/x")
    assert response.status >= 400 and response.location is None and time.monotonic() - started < seconds, (response.status,
        response.location)
    assert not [name for name in browser.cookies.jar if name == "__Host-postern"] and site.provider.count("authorize") == 0
    return response


@pytest.mark.parametrize("answer", [400, 401, 403, 404, 405, 413, 429, 500, 503, 301, 302, 307])
def test_DISC_02_an_endpoint_that_says_no(make_site, answer):
    site = pushing_site(make_site)
    site.provider.instead["par"] = lambda call: (answer, {"Location": f"{site.provider.issuer}/token", "Content-Type": "application/json"},
                                                 b'{"error":"<script>alert(1)</script>","error_description":"<b>"}')
    response = refused(site)
    assert "<script" not in response.text and "<b>" not in response.text and site.provider.count("token") == 0
    site.provider.instead.clear()
    wait_until(lambda: site.browser().get("/x").status == 302, 3, "recovery")


def test_DISC_02_an_endpoint_that_is_down_hangs_or_breaks_off(make_site):
    site = pushing_site(make_site, limits={"provider_timeout": "2s"})
    session = site.signed_in()
    site.provider.calls.clear()
    site.provider.instead["par"] = lambda call: time.sleep(6)
    assert refused(site).status == 503

    def reset(call):
        call["handler"].connection.shutdown(socket.SHUT_RDWR)
    site.provider.instead["par"] = reset
    assert refused(site).status == 503
    site.provider.instead.clear()
    site.provider.stop_listening()
    assert refused(site).status == 503 and session.get("/").is_protected
    site.provider.listen_again()
    wait_until(lambda: site.browser().get("/x").status == 302, 5, "recovery")
    assert site.signed_in()


HOSTILE = ["https://evil.test/", "urn:x&redirect_uri=https://evil.test/", "urn:x#", "urn:x?y=z", "urn:x%26client_id%3Devil", "urn:é",
           "urn:\u2028", "//evil.test", "urn:x y", "urn:+",
           "urn:x\r\nSet-Cookie: a=b", "urn:x\0"]
REFUSED = ["", None, 1, True, ["urn:x"], {"a": 1}, "x" * 100_000, "REMOVED"]


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_a_hostile_reference_stays_one_parameter(make_site, value):
    site = pushing_site(make_site)
    site.provider.replace["par"] = lambda call, usual: (201, usual[1], json.dumps({"request_uri": value, "expires_in": 60}).encode())
    response = site.browser().get("/x")
    if response.status == 302:
        pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(response.location).query, keep_blank_values=True, strict_parsing=True)
        assert sorted(pairs) == [("client_id", "rp1"),
                                 ("request_uri", value)] and response.location.startswith(f"{site.provider.issuer}/authorize?")
        assert urllib.parse.urlsplit(response.location).fragment == ""
    else:
        assert response.status >= 400 and response.location is None
    assert b"\r\nSet-Cookie: a=b" not in response.raw


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: ascii(value)[:30])
def test_a_reference_that_is_none_is_refused(make_site, value):
    site = pushing_site(make_site)
    site.provider.replace["par"] = lambda call, usual: (201, usual[1], json.dumps(
        {"expires_in": 60, **({} if value == "REMOVED" else {"request_uri": value})}).encode())
    refused(site)


BODIES = {"no JSON": b"<html>", "list": b'[{"request_uri":"urn:x"}]', "empty": b"", "broken": b'{"request_uri":"urn:x"',
          "text": b'"urn:x"', "no UTF-8": b'{"request_uri":"urn:\xff"}',
          "huge": b'{"request_uri":"urn:x","x":"' + b"x" * 3_000_000 + b'"}', "deep": b"[" * 100_000}


@pytest.mark.parametrize("fault", BODIES)
def test_JOSE_15_answers_that_are_none(make_site, fault):
    site = pushing_site(make_site)
    before = site.postern.resident()
    site.provider.replace["par"] = lambda call, usual: (201, usual[1], BODIES[fault])
    refused(site)
    assert site.postern.resident() - before < 32 * 1024 * 1024


@pytest.mark.parametrize("value", [0, -1, "60", 1e300, None, [], 2 ** 64, "REMOVED"], ids=repr)
def test_odd_lifetimes_of_a_reference_do_no_harm(make_site, value):
    site = pushing_site(make_site)

    def answer(call, usual):
        body = {**json.loads(usual[2]), "expires_in": value}
        return 201, usual[1], json.dumps({name: one for name, one in body.items() if one != "REMOVED"}).encode()
    site.provider.replace["par"] = answer
    browser = site.browser()
    response = browser.sign_in("/x")
    assert response.is_protected or response.status >= 400
    site.provider.replace.clear()
    assert site.signed_in()


def test_an_authorization_endpoint_with_a_query_of_its_own(make_site):
    def prepare(provider):
        provider.discovery_changes["authorization_endpoint"] = f"{provider.issuer}/authorize?tenant=a%26b"
    site = extended_site(make_site, offers=("par",), prepare=prepare)
    asked = query_of(site.browser().get("/x").location)
    assert asked["tenant"] == "a&b" and set(asked) == {"tenant", "client_id", "request_uri"}


def test_FLOW_05_many_tabs_at_once(make_site):
    site = pushing_site(make_site)
    browser = site.browser()
    locations = []
    threads = [threading.Thread(target=lambda: locations.append(browser.get("/x").location)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    callbacks = [urllib.parse.urlsplit(other(location).location) for location in locations]
    statuses = [browser.get(f"{back.path}?{back.query}").status for back in callbacks]
    assert statuses == [302] * 20 and site.provider.complaints == []


def test_FLOW_07_a_code_of_another_flow(make_site):
    site = pushing_site(make_site)
    first, second = site.browser(), site.browser()
    code = query_of(first.callback_url("/"))["code"]
    answer = query_of(second.callback_url("/"))
    response = second.get(f"/oauth2/callback?code={code}&state={answer['state']}&iss={site.provider.issuer}")
    assert response.status >= 400 and "__Host-postern" not in second.cookies.jar


def test_REL_02_an_endpoint_that_hangs_starves_no_check(make_site):
    site = pushing_site(make_site, limits={"provider_timeout": "3s"})
    cookie = site.signed_in().cookies.header()
    site.provider.instead["par"] = lambda call: time.sleep(6)
    threads = [threading.Thread(target=lambda: site.browser().get("/x")) for _ in range(20)]
    for thread in threads:
        thread.start()
    end, slowest = time.monotonic() + 2, 0
    while time.monotonic() < end:
        started = time.monotonic()
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
        slowest = max(slowest, time.monotonic() - started)
    for thread in threads:
        thread.join()
    assert slowest < 0.5


@pytest.mark.parametrize("value", ["http://169.254.169.254/", "file:///etc/passwd", "https://[fe80::1]/", "gopher://127.0.0.1/", "x", 1,
                                   ""])
def test_DISC_02_an_endpoint_elsewhere(make_site, value):
    site = extended_site(make_site, prepare=lambda provider: provider.discovery_changes.update(pushed_authorization_request_endpoint=value))
    response = site.browser().get("/oauth2/start")
    assert response.status == 503 and site.provider.count("authorize") == 0


# Signed requests


def signing_site(make_site, kind="ES256", op=None, offers=("jar",), **changes):
    key = Key(kind)
    site = extended_site(make_site, {"request_object": True, "client_key_file": key_file(key), **(op or {})}, offers, **changes)
    keys = published_keys(site)
    site.provider.client_keys, site.provider.requires_request_object = lambda: keys, True
    return site


@pytest.mark.parametrize("kind", ["ES256", "ES384", "EdDSA", "RS256"])
def test_a_signed_request(make_site, kind):
    site = signing_site(make_site, kind)
    browser = site.browser()
    location = browser.get("/x").location
    asked = query_of(location)
    assert {"client_id", "request"} <= set(asked) <= {"client_id", "request", "response_type", "scope"}
    header, claims = parts(asked["request"])
    assert header["typ"] == "oauth-authz-req+jwt" and header["kid"] == published_keys(site)[0]["kid"] and "sub" not in claims
    assert claims["iss"] == claims["client_id"] == "rp1" and claims["aud"] in (site.provider.issuer, [site.provider.issuer])
    assert claims["exp"] - time.time() <= 900 and claims["code_challenge_method"] == "S256" and claims["response_type"] == "code"
    assert browser.follow(browser.visit(location)).is_protected and site.provider.complaints == []


def test_a_signed_request_that_is_pushed(make_site):
    site = signing_site(make_site, offers=("jar", "par"))
    site.provider.method = "basic"
    browser = site.browser()
    location = browser.get("/x").location
    assert set(query_of(location)) == {"client_id", "request_uri"}
    pushed = asked_at(site, "par")[0]
    assert {"request"} <= set(pushed) <= {"request", "client_id"}, "RFC 9126, section 3: the only ones besides client authentication"
    assert browser.follow(browser.visit(location)).is_protected and site.provider.complaints == []


def test_a_signed_request_is_no_client_assertion_and_no_assertion_a_request(make_site):
    """Each has a type of its own, or at least claims that the other must not have."""
    site = signing_site(make_site, op={"client_authentication": "private_key_jwt", "client_secret_file": None},
                        offers=("jar", "assertions"))
    site.provider.method = "private_key_jwt"
    browser = site.browser()
    location = browser.get("/x").location
    assert browser.follow(browser.visit(location)).is_protected and site.provider.complaints == []
    _, request = parts(query_of(location)["request"])
    _, assertion = parts(asked_at(site, "token")[0]["client_assertion"])
    assert "sub" not in request and "client_id" not in assertion and "redirect_uri" not in assertion


def test_a_signed_request_needs_a_key(site):
    done = mistakes(site, {"request_object": True})
    assert done.returncode == 78 and "client_key" in done.stderr, done.stderr


# Resources


@pytest.mark.parametrize("offers", [(), ("par",)])
def test_the_resources_are_named_in_each_request(make_site, offers):
    resources = ["https://api.test/", "urn:other?x=1&y=2"]
    site = extended_site(make_site, {"resources": resources}, offers)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    for endpoint in ("par" if offers else "authorize", "token"):
        for call in site.provider.calls:
            if call["endpoint"] == endpoint:
                assert [value for name, value in call["pairs"] if name == "resource"] == resources, endpoint
    assert next(iter(site.provider.grants.values()))["claims"]["aud"] == resources


@pytest.mark.parametrize("resource", ["not absolute", "/path", "https://api.test/#fragment", ""])
def test_REL_11_resources_that_are_none(site, resource):
    done = mistakes(site, {"resources": [resource]})
    assert done.returncode == 78 and ("absolute" in done.stderr or "empty" in done.stderr), done.stderr
