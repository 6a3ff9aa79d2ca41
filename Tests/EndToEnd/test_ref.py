"""Refresh: once for all who come, ahead of need, and never in the way."""
import hashlib
import hmac
import json
import socket
import threading
import time

import pytest

from harness import fastcgi
from harness.provider import PASS, Key, jwt
from harness.site import SECRET
from test_scenarios import twin


def at_once(count, ask):
    results = []
    threads = [threading.Thread(target=lambda: results.append(ask())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def refreshes(site):
    with site.provider.lock:
        return sum(call["endpoint"] == "token" and call["form"].get("grant_type") == "refresh_token" for call in site.provider.calls)


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


@pytest.fixture
def short(make_site):
    """A site whose access tokens live two seconds, and somebody signed in."""
    def make(lifetime=2, settings=None, **options):
        for _ in range(5):
            site = make_site(settings or {}, **options)
            site.provider.access_lifetime = lifetime
            browser = site.signed_in()
            site.provider.access_lifetime = 3600
            # On a busy machine a sign-in can take so long that the tokens it brings are refreshed at its end.
            if refreshes(site) == 0:
                return site, browser
        raise AssertionError(f"no sign-in is over before tokens of {lifetime} s are refreshed")
    return make


def test_REF_01_fifty_at_the_end_of_the_token(short):
    site, browser = short()
    time.sleep(2.2)
    cookie = browser.cookies.header()
    asks = [lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status, lambda: browser.fetch("/").status] * 25
    assert at_once(50, lambda: asks.pop()()) == [200] * 50 and refreshes(site) == 1
    assert browser.get("/").is_protected and refreshes(site) == 1
    for token, entry in site.provider.refresh_tokens.items():
        assert entry[0] not in site.provider.dead_families, "a refresh token was used twice"


def test_REF_01_again_and_again(short):
    """The tokens that a refresh brings are short-lived, too: each is used once, in turn."""
    site, browser = short()
    site.provider.access_lifetime = 2
    cookie = browser.cookies.header()
    end = time.monotonic() + 7
    while time.monotonic() < end:
        assert at_once(10, lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status) == [200] * 10
        time.sleep(0.1)
    assert 3 <= refreshes(site) <= 8 and not site.provider.dead_families


def test_REF_02_a_token_endpoint_that_takes_its_time(short):
    delays = {delay: short() for delay in (3, 8)}
    for delay, (site, _) in delays.items():
        site.provider.delay["token"] = delay
    time.sleep(2.2)
    started = time.monotonic()
    for site, browser in delays.values():
        cookie, begun = browser.cookies.header(), time.monotonic()
        statuses = at_once(50, lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status)
        assert statuses == [200] * 50 and time.monotonic() - begun < 2.5
    while time.monotonic() - started < 10:
        for site, browser in delays.values():
            assert browser.get("/").is_protected
        time.sleep(0.25)
    for site, browser in delays.values():
        assert refreshes(site) == 1 and browser.get("/").is_protected


def test_many_sessions_that_all_wait_for_their_refresh(make_site):
    site = make_site({"limits": {"errand_threads": 2}, "session": {"outage_grace": "0"}})
    site.provider.access_lifetime = 3
    cookies = [site.signed_in().cookies.header() for _ in range(20)]
    site.provider.access_lifetime = 3600
    time.sleep(3.2)
    ask = iter(cookies)
    statuses = at_once(20, lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", next(ask))).status)
    assert statuses == [200] * 20 and refreshes(site) == 20


def test_a_refresh_starts_ahead_of_need_and_nobody_waits(short):
    site, browser = short(lifetime=8)
    site.provider.delay["token"] = 1
    time.sleep(4.2)
    started = time.monotonic()
    assert browser.get("/").is_protected
    assert time.monotonic() - started < 0.3
    wait_for(lambda: refreshes(site) == 1)


def test_one_refresh_between_two_processes(short):
    site, browser = short()
    other = twin(site, "second")
    site.provider.delay["token"] = 0.5
    time.sleep(2.2)
    cookie = browser.cookies.header()
    sockets = [site.postern.socket, other.socket] * 10
    statuses = at_once(20, lambda: fastcgi.ask(sockets.pop(), fastcgi.check("/", cookie)).status)
    assert statuses == [200] * 20 and refreshes(site) == 1
    time.sleep(0.6)
    for socket in (site.postern.socket, other.socket):
        assert fastcgi.ask(socket, fastcgi.check("/", cookie)).status == 200
    assert refreshes(site) == 1


def fault(kind):
    def answer(call):
        if call["form"].get("grant_type") != "refresh_token":
            return PASS
        if kind == "reset":
            call["handler"].connection.shutdown(socket.SHUT_RDWR)
            return None
        if kind == "hang":
            time.sleep(12)
            return None
        if isinstance(kind, int):
            return kind, {}, b""
        if kind == "html":
            return 200, {"Content-Type": "text/html"}, b"<html>"
        return 400, {"Content-Type": "application/json"}, json.dumps({"error": kind}).encode()
    return answer


def test_REF_04_trouble_that_passes(short):
    kinds = {kind: short() for kind in (500, 502, 429, 403, "reset", "html", "temporarily_unavailable")}
    for kind, (site, _) in kinds.items():
        site.provider.instead["token"] = fault(kind)
    time.sleep(2.2)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for kind, (_, browser) in kinds.items():
            assert browser.get("/").is_protected, kind
        time.sleep(0.05)
    for kind, (site, browser) in kinds.items():
        assert 1 <= refreshes(site) <= 3, kind
        site.provider.instead.clear()
    for kind, (site, browser) in kinds.items():
        wait_for(lambda: browser.get("/").is_protected and "renewed" in site.postern.log, 10)


def test_REF_04_a_token_endpoint_that_hangs(short):
    site, browser = short(settings={"limits": {"provider_timeout": "1s"}})
    site.provider.instead["token"] = fault("hang")
    time.sleep(2.2)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        started = time.monotonic()
        assert browser.get("/").is_protected and time.monotonic() - started < 1.5
        time.sleep(0.05)
    assert 1 <= refreshes(site) <= 3
    site.provider.instead.clear()
    wait_for(lambda: browser.get("/").is_protected and "renewed" in site.postern.log, 15)


def test_REF_04_a_grant_that_is_over(short):
    site, browser = short()
    site.provider.instead["token"] = fault("invalid_grant")
    time.sleep(2.2)
    assert not browser.get("/").is_protected
    site.provider.instead.clear()
    assert browser.get("/").status == 302
    assert refreshes(site) == 1 and site.postern.run("sessions", "list").stdout == ""


@pytest.mark.parametrize("kind", ["invalid_client", "unauthorized_client"])
def test_REF_04_our_own_fault_is_an_alarm_and_ends_nothing(short, kind):
    site, browser = short()
    site.provider.instead["token"] = fault(kind)
    time.sleep(2.2)
    assert browser.get("/").is_protected and browser.get("/").is_protected
    assert " error " in site.postern.log and kind in site.postern.log
    assert len(site.postern.run("sessions", "list").stdout.splitlines()) == 1


def test_REF_04_beyond_the_grace_nobody_can_tell_and_nothing_is_lost(short):
    site, browser = short(settings={"session": {"outage_grace": "1s"}})
    site.provider.instead["token"] = fault(500)
    time.sleep(3.5)
    cookie = browser.cookies.header()
    answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie))
    assert answer.status == 503 and answer.header("Set-Cookie") is None
    site.provider.instead.clear()
    wait_for(lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200, 10)


FOREIGN = [{"sub": "mallory"}, {"iss": "https://evil.test"}, "bad signature", "none", "HS256", "no token", "userinfo", {"aud": "rp2"},
           {"aud": ["rp1", "other"]}, {"azp": "other", "aud": ["rp1", "other"]}, {"exp": 1}, {"exp": "x"}, {"sub": ""}, {"sub": None},
           {"sub": "alice-1 "}, {"at_hash": "wrong"}, {"iat": 9e12}]


def foreign_token(site, changes):
    usual = site.provider.make_id_token

    def token(claims):
        claims = {**claims, "preferred_username": "mallory", "groups": ["K8S-ADMIN"]}
        if changes == "bad signature":
            return jwt({"alg": "RS256", "kid": "main"}, claims, Key().sign)
        if changes == "none":
            return jwt({"alg": "none"}, claims, lambda _: b"")
        if changes == "HS256":
            return jwt({"alg": "HS256", "kid": "main"}, claims, lambda data: hmac.new(SECRET.encode(), data, hashlib.sha256).digest())
        if changes == "no token":
            return "x"
        if changes == "userinfo":
            return usual({**claims, "groups": None, "preferred_username": "alice"})
        return usual({**claims, **changes})
    return token


def test_REF_05_claims_of_somebody_else_are_not_taken(short):
    sites = [(changes, *short()) for changes in FOREIGN]
    for changes, site, _ in sites:
        site.provider.make_id_token = foreign_token(site, changes)
        if changes == "userinfo":
            site.provider.replace["userinfo"] = lambda call, usual: (200, {}, b'{"sub":"mallory","preferred_username":"mallory","groups":["K8S-ADMIN"]}')
    time.sleep(2.2)
    for changes, site, browser in sites:
        response = browser.get("/")
        assert response.is_protected and b"mallory" not in response.body and b"alice" in response.body, changes
        assert not browser.get("/admin/x").is_protected, changes
        assert refreshes(site) >= 1, changes


def test_new_groups_come_with_a_refresh(short):
    site, browser = short()
    assert browser.get("/admin/x").status == 403
    for token, (family, person, client) in list(site.provider.refresh_tokens.items()):
        site.provider.refresh_tokens[token] = (family, {**person, "groups": ["K8S-ADMIN"]}, client)
    time.sleep(2.2)
    assert browser.get("/admin/x").is_protected


def test_a_sign_out_during_a_refresh_stays_a_sign_out(short):
    site, browser = short()
    site.provider.delay["token"] = 1.5
    time.sleep(2.2)
    cookie = browser.cookies.header()
    at_once(1, lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)))
    browser.get("/oauth2/sign_out")
    time.sleep(2)
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 401


def test_without_a_refresh_token_the_session_lasts(make_site):
    site = make_site()
    site.provider.access_lifetime = 1

    def token(call, usual):
        answer = json.loads(usual[2])
        answer.pop("refresh_token")
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
    site.provider.replace["token"] = token
    browser = site.signed_in()
    time.sleep(1.5)
    assert browser.get("/").is_protected
