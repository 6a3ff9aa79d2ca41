"""Access tokens that say nothing by themselves: looked up at the provider (RFC 7662), remembered for a while, bounded."""
import json
import threading
import time

import pytest

from harness import fastcgi
from harness.extended import asked_at, settings_of
from harness.provider import ALICE, Key, Provider
from harness.servers import wait_until
from harness.site import SECRET
from test_bearer import LOOKED_UP, PERSON, SIGNED, accepted, at_socket, bearer_site, call, refused, shared


def looked_up(make_site, tokens=None, **options):
    site = bearer_site(make_site, {**LOOKED_UP, **(tokens or {})}, ("introspection", "programs"), **options)
    site.provider.method = "basic"
    return site


def opaque(site, **changes):
    """An access token of alice that says nothing by itself."""
    return site.provider.grant({**ALICE, **changes}, "program", {"scope": "api"}, {})


def test_an_opaque_token_is_looked_up(make_site):
    site = looked_up(make_site)
    accepted(site, opaque(site))
    program = site.provider.grant({"sub": "program"}, "program", {}, {})
    accepted(site, program, "program", "/programs/x")
    refused(site, "unknown-token-0123456789")
    assert site.provider.complaints == []
    calls = [call for call in site.provider.calls if call["endpoint"] == "introspect"]
    assert all(call["method"] == "POST" and not call["query"] and "json" in call["headers"].get("Accept", "") for call in calls)


def test_a_look_up_is_good_for_a_while(make_site):
    site = looked_up(make_site, {"cache": "2s"})
    token = opaque(site)
    started = time.monotonic()
    assert all(call(site, token).is_protected for _ in range(20))
    assert time.monotonic() - started > 2 or site.provider.count("introspect") == 1
    site.provider.grants[token]["is_active"] = False
    wait_until(lambda: not call(site, token).is_protected, 4, "the end of a token that was revoked")
    assert 2 <= site.provider.count("introspect") <= 3


def test_a_look_up_is_never_good_beyond_the_token(make_site):
    site = looked_up(make_site, {"cache": "60s"})
    site.provider.access_lifetime = 3
    token = opaque(site)
    assert call(site, token).is_protected
    wait_until(lambda: not call(site, token).is_protected, 6, "the end of the token")


def test_a_token_that_is_none_is_not_asked_for_again_and_again(make_site):
    site = looked_up(make_site)
    for _ in range(30):
        assert call(site, "the-same-wrong-token").status == 401
    assert site.provider.count("introspect") <= 2
    token = "comes-later-0123456789"
    assert call(site, token).status == 401
    site.provider.grants[token] = {"claims": {**ALICE, "client_id": "program", "exp": time.time() + 300, "iat": time.time()},
                                   "is_active": True}
    wait_until(lambda: call(site, token).is_protected, 35, "the end of what is remembered")


def test_the_memory_of_look_ups_is_bounded(make_site):
    site = looked_up(make_site)
    good = opaque(site)
    assert call(site, good).is_protected
    connection = fastcgi.Connection(site.postern.socket)

    def ask(token):
        connection.send(fastcgi.request(fastcgi.check("/", HTTP_AUTHORIZATION=f"Bearer {token}"), keep=True))
        return connection.answer().status
    assert [ask(f"{number}-{'x' * 2000}") for number in range(200)].count(401) == 200
    before = site.postern.resident()
    for number in range(3000):
        assert ask(f"n{number}-{'x' * 4000}") in (401, 503)
    assert site.postern.resident() - before < 24 * 1024 * 1024
    connection.close()
    assert call(site, good).is_protected and site.signed_in()


INACTIVE = {
    "active as text": {"active": "true"}, "active as a number": {"active": 1}, "active in a list": {"active": [True]},
    "active null": {"active": None},
    "active false": {"active": False}, "active missing": {"active": "REMOVED"}, "another spelling": {"active": "REMOVED", "Active": True},
    "another issuer": {"iss": "https://evil.test"}, "issuer in a list": {"iss": ["x"]}, "expired": {"exp": 1},
    "expired as text": {"exp": "1"},
    "end as text": {"exp": "9999999999"}, "end beyond all": {"exp": 1e300}, "end that is true": {"exp": True},
    "not yet": {"nbf": 9999999999},
    "issued in time to come": {"iat": 9999999999}, "subject as a number": {"sub": 1}, "subject in a list": {"sub": ["alice-1"]},
    "bound to a key": {"cnf": {"jkt": "x"}}, "bound to a certificate": {"cnf": {"x5t#S256": "x"}}}


@pytest.fixture(scope="module")
def looked_up_site(authority):
    site = shared(authority, {**LOOKED_UP, "cache": "1s"}, ["introspection", "programs"])
    yield site
    try:
        site.assert_ends_well()
    finally:
        site.close()


@pytest.fixture
def looked(looked_up_site):
    looked_up_site.provider.reset()
    pid = looked_up_site.postern.pid
    yield looked_up_site
    assert looked_up_site.postern.is_running() and looked_up_site.postern.pid == pid


def answer_with(site, changes):
    def answer(_, usual):
        body = {**json.loads(usual[2]), **changes}
        return 200, {"Content-Type": "application/json"}, json.dumps({name: value for name, value in body.items()
                                                                      if value != "REMOVED"}).encode()
    site.provider.replace["introspect"] = answer


@pytest.mark.parametrize("fault", INACTIVE)
def test_OUT_04_answers_that_say_no(looked, fault):
    answer_with(looked, INACTIVE[fault])
    token = opaque(looked)
    for plain in looked.ways:
        response = call(looked, token, plain=plain)
        assert response.status in (401, 500, 503) and not response.is_protected, response.text[:300]
    assert at_socket(looked, token).status in (401, 503)
    looked.provider.replace.clear()
    accepted(looked, opaque(looked))


ODD = {"a list": b'[{"active":true}]', "true": b"true", "text": b'"active"', "nothing": b"", "no JSON": b"<html>",
       "broken": b'{"active":true', "twice": b'{"active":true}{}',
       "a token": b"eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.", "no UTF-8": b'{"active":true,"sub":"\xff"}',
       "huge": b'{"active":true,"sub":"alice-1","x":"' + b"x" * 3_000_000 + b'"}',
       "deep": b'{"active":true,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
       "both": b'{"active":true,"active":false,"sub":"alice-1","email":"alice@example.com","email_verified":true}',
       "null": b"null"}


@pytest.mark.parametrize("fault", ODD)
def test_DISC_08_answers_that_are_none(looked, fault):
    looked.provider.replace["introspect"] = lambda call, usual: (200, {"Content-Type": "application/json"}, ODD[fault])
    before, token = looked.postern.resident(), opaque(looked)
    for plain in looked.ways:
        assert call(looked, token, plain=plain).status in (401, 500, 503) and not call(looked, token, plain=plain).is_protected
    assert at_socket(looked, token).status in (401, 503)
    assert looked.postern.resident() - before < 32 * 1024 * 1024


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503])
def test_DISC_08_answers_with_another_status(looked, status):
    token = opaque(looked)
    looked.provider.replace["introspect"] = lambda call, usual: (status, {"Location": f"{looked.provider.issuer}/userinfo", **usual[1]},
                                                                 usual[2])
    for plain in looked.ways:
        response = call(looked, token, plain=plain)
        assert response.status in (401, 500, 503) and not response.is_protected
    assert at_socket(looked, token).status in (401, 503) and looked.provider.count("userinfo") == 0
    looked.provider.replace.clear()
    wait_until(lambda: call(looked, token).is_protected, 5, "recovery")


def test_DISC_08_an_endpoint_that_hangs_holds_nobody_else_up(make_site):
    site = looked_up(make_site, limits={"provider_timeout": "2s"})
    cookie, good = site.signed_in().cookies.header(), opaque(site)
    assert call(site, good).is_protected
    site.provider.instead["introspect"] = lambda call: time.sleep(8)
    statuses = []

    def one():
        started = time.monotonic()
        statuses.append((call(site, opaque(site)).status, time.monotonic() - started))
    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    end, slowest = time.monotonic() + 1.5, 0
    while time.monotonic() < end:
        started = time.monotonic()
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
        assert at_socket(site, good).status == 200, "it was looked up before"
        slowest = max(slowest, time.monotonic() - started)
    for thread in threads:
        thread.join()
    assert slowest < 0.5 and {status for status, _ in statuses} <= {401, 500, 503} and max(took for _, took in statuses) < 4
    site.provider.instead.clear()
    wait_until(lambda: call(site, opaque(site)).is_protected, 5, "recovery")


def test_an_endpoint_that_is_down_lets_nobody_in(make_site):
    site = looked_up(make_site)
    browser = site.signed_in()
    token = opaque(site)
    site.provider.stop_listening()
    site.restart()  # connections that were kept are gone
    response = call(site, token)
    assert response.status in (401, 500, 503) and not response.is_protected and browser.get("/").is_protected
    site.provider.listen_again()
    wait_until(lambda: call(site, token).is_protected, 5, "recovery")


def test_JOSE_05_the_audience_of_an_answer(make_site):
    site = looked_up(make_site, SIGNED)
    for audience in ("rp1", "https://api.test/", ["other"], [], 1, {"https://api.test": 1}):
        answer_with(site, {"aud": audience})
        refused(site, opaque(site), None)
    for audience in ("https://api.test", ["x", "urn:other-api"]):
        answer_with(site, {"aud": audience})
        accepted(site, opaque(site))


def test_a_signed_token_that_is_bad_is_not_saved_by_a_look_up(make_site):
    """Where both are on, a token that says it is signed by the provider must be."""
    site = looked_up(make_site, SIGNED)
    accepted(site, opaque(site))
    forged = site.provider.make_access_token(key=Key(kid="main"), **PERSON)
    refused(site, forged)
    assert forged not in [form["token"] for form in asked_at(site, "introspect")] or call(site, forged).status == 401


def test_a_token_is_shown_to_nobody_but_its_own_provider(make_site):
    """A signed token says whose it is; another provider that sees it could use it."""
    other = Provider(offers=["introspection"])
    site = looked_up(make_site, providers={"corp": settings_of(other, client_authentication="none", sign_in=False,
                                                               access_tokens=LOOKED_UP)})
    for token in (site.provider.make_access_token(**PERSON), site.provider.make_access_token(**PERSON, exp=1)):
        call(site, token)
        assert token not in [form["token"] for form in asked_at(site, "introspect", other)]
    other.close()


def test_scopes_of_an_answer(make_site):
    site = looked_up(make_site, {"scopes": ["api", "read"]})
    for scope in ("api", "", "apiread", ["api", "read"], None, 1):
        answer_with(site, {"scope": scope})
        assert call(site, opaque(site)).status in (401, 403), scope
    answer_with(site, {"scope": "read api"})
    accepted(site, opaque(site))


def test_LEAK_01_a_token_is_in_no_log(make_site):
    site = looked_up(make_site, SIGNED)
    bad = "secret-but-wrong-0123456789"
    tokens = [opaque(site), site.provider.make_access_token(**PERSON), site.provider.make_access_token(**PERSON, aud="x"), bad]
    for token in tokens:
        call(site, token)
        call(site, token, "/internal/x")
    assert not [token for token in tokens if token in site.postern.log] and SECRET not in site.postern.log


def test_REL_02_one_token_that_many_bring_holds_up_no_sign_in(make_site):
    """Who waits for the answer about a token has a thread meanwhile, and sign-ins need some, too."""
    site = looked_up(make_site)
    token = opaque(site)
    assert site.signed_in()
    site.provider.delay["introspect"] = 5
    asked = fastcgi.check("/", HTTP_AUTHORIZATION=f"Bearer {token}")
    programs = [threading.Thread(target=fastcgi.ask, args=(site.postern.socket, asked)) for _ in range(100)]
    for program in programs:
        program.start()
    wait_until(lambda: asked_at(site, "introspect"), 5, "the question about the token")
    time.sleep(0.5)
    begun = time.monotonic()
    assert fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start")).status == 302
    assert time.monotonic() - begun < 2
    for program in programs:
        program.join()
