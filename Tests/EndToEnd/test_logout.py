"""Sessions that a provider ends: by a call of its own (back channel), or by a frame in the browser (front channel)."""
import base64
import hashlib
import hmac
import json
import sqlite3
import threading
import time
import urllib.parse

import pytest

from harness import fastcgi
from harness.extended import FORM, extended_site, settings_of
from harness.extensions import LOGOUT_EVENT
from harness.provider import Key, Provider, jwt
from harness.servers import wait_until
from harness.site import Site
from harness.tokens import b64, parts, signed_by
from test_jose import public_forms
from test_scenarios import twin

PATH = "/oauth2/backchannel_logout"
OPEN = {"rules": [{"allow": {"domains": ["example.com"]}}]}


@pytest.fixture(scope="module")
def logout_site(authority, front):
    """One site for all tests that only try tokens."""
    site = Site(authority, OPEN, provider=Provider(offers=["logout"]), front=front)
    site.owns_provider = True
    yield site
    try:
        site.assert_ends_well()
    finally:
        site.close()


@pytest.fixture
def out(logout_site):
    logout_site.provider.reset()
    pid = logout_site.postern.pid
    yield logout_site
    assert logout_site.postern.is_running() and logout_site.postern.pid == pid


def post(site, token, **options):
    """The provider's call: no browser, no cookies."""
    body = urllib.parse.urlencode({"logout_token": token}) if isinstance(token, str) else token
    return site.browser().send(PATH, "POST", [FORM], body.encode() if isinstance(body, str) else body, **options)


def at_socket(site, token):
    body = urllib.parse.urlencode({"logout_token": token}).encode()
    asked = fastcgi.page(PATH, REQUEST_METHOD="POST", CONTENT_TYPE=FORM[1], CONTENT_LENGTH=str(len(body)),
                         HTTP_SEC_FETCH_MODE=None, HTTP_SEC_FETCH_SITE=None, HTTP_ACCEPT=None)
    return fastcgi.ask(site.postern.socket, asked, body=body)


def is_live(browser):
    return browser.get("/").is_protected


def status(site, browser):
    return fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header())).status


def assert_ended(site, browser):
    wait_until(lambda: status(site, browser) == 401, 1, "the end of the session")
    assert not is_live(browser)


def refused(site, token, browser):
    """The token ends nothing, and the provider is told so."""
    response = post(site, token)
    assert response.status == 400 and response.header("Cache-Control") == "no-store", response.raw[:300]
    assert response.all("Set-Cookie") == [] and at_socket(site, token).status == 400
    time.sleep(0.3)  # a beat, after which every process would know
    assert is_live(browser) and status(site, browser) == 200


def somebody(site, sub):
    site.provider.person.update(sub=sub, preferred_username=sub, email=f"{sub}@example.com")
    return site.signed_in()


def test_OUT_03_by_session(out):
    first, second = out.signed_in(), out.signed_in()
    response = post(out, out.provider.make_logout_token(sid=out.provider.sids[0]))
    assert response.status == 200 and response.header("Cache-Control") == "no-store" and response.all("Set-Cookie") == []
    assert_ended(out, first)
    assert is_live(second)


def test_OUT_03_by_subject(out):
    alices, bob = [out.signed_in(), out.signed_in()], somebody(out, "bob-1")
    assert post(out, out.provider.make_logout_token(sub="alice-1")).status == 200
    for browser in alices:
        assert_ended(out, browser)
    assert is_live(bob)


def test_OUT_03_by_session_and_subject_ends_that_session_only(out):
    first, second = out.signed_in(), out.signed_in()
    assert post(out, out.provider.make_logout_token(sub="alice-1", sid=out.provider.sids[1])).status == 200
    assert_ended(out, second)
    assert is_live(first)


@pytest.mark.parametrize("claims", [{"sid": "unknown"}, {"sub": "nobody"}, {"sub": "ALICE-1"}, {"sub": "alice"}, {"sid": "%"},
                                    {"sub": "alice-1 "}],
                         ids=str)
def test_OUT_03_of_nobody_who_is_signed_in_here(out, claims):
    browser = out.signed_in()
    response = post(out, out.provider.make_logout_token(**claims))
    assert response.status in (200, 400) and response.header("Cache-Control") == "no-store"
    time.sleep(0.3)
    assert is_live(browser)


def test_OUT_03_a_session_of_one_and_the_subject_of_another(out):
    """The token speaks of one session; whether that must be the subject's is left to us (section 2.6)."""
    out.signed_in()
    alices_sid, bob = out.provider.sids[-1], somebody(out, "bob-1")
    post(out, out.provider.make_logout_token(sid=alices_sid, sub="bob-1"))
    time.sleep(0.3)
    assert is_live(bob)


def test_OUT_03_at_the_socket(out):
    browser = out.signed_in()
    answer = at_socket(out, out.provider.make_logout_token(sid=out.provider.sids[-1]))
    assert answer.status == 200 and answer.header("Cache-Control") == "no-store"
    assert_ended(out, browser)


@pytest.mark.parametrize("changes", [{"typ": None}, {"typ": "JWT"}, {"typ": "logout+jwt"}, {"aud": ["rp1"]}, {"aud": ["rp1", "rp2"]},
                                     {"more": {"x": [1]}}, {"events": {LOGOUT_EVENT: {}, "urn:other": {}}}], ids=str)
def test_OUT_03_forms_that_are_good(out, changes):
    browser = out.signed_in()
    assert post(out, out.provider.make_logout_token(sid=out.provider.sids[-1], **changes)).status == 200
    assert_ended(out, browser)


def test_OUT_03_in_every_process_within_a_second(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    other = twin(site, "second")
    browser = site.signed_in()
    cookie = browser.cookies.header()
    assert fastcgi.ask(other.socket, fastcgi.check("/", cookie)).status == 200
    assert post(site, site.provider.make_logout_token(sid=site.provider.sids[-1])).status == 200
    wait_until(lambda: fastcgi.ask(other.socket, fastcgi.check("/", cookie)).status == 401, 1, "the end in the other process")
    assert not is_live(browser)


def test_OUT_03_after_a_restart_and_a_refresh(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    site.provider.access_lifetime = 2
    refreshed, by_subject = site.signed_in(), somebody(site, "bob-1")
    sid = site.provider.sids[0]
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert is_live(refreshed) and is_live(by_subject)
    site.restart()
    assert post(site, site.provider.make_logout_token(sid=sid)).status == 200
    assert_ended(site, refreshed)
    assert is_live(by_subject)
    assert post(site, site.provider.make_logout_token(sub="bob-1")).status == 200
    assert_ended(site, by_subject)


BAD_CLAIMS = {
    "issuer of another": {"iss": "https://evil.test"}, "no issuer": {"iss": None}, "issuer as a list": {"iss": ["ISSUER"]},
    "issuer and a slash": {"iss": "ISSUER/"},
    "issuer and one": {"iss": "ISSUER1"}, "audience of another": {"aud": "rp2"}, "audience rp10": {"aud": "rp10"},
    "audience rp": {"aud": "rp"},
    "no audience": {"aud": None}, "empty audience": {"aud": []}, "audiences of others": {"aud": ["rp2", "rp3"]},
    "audience as a number": {"aud": 1},
    "audience in a list in a list": {"aud": [["rp1"]]},
    "no events": {"events": None}, "empty events": {"events": {}},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "events as a list": {"events": [LOGOUT_EVENT]}, "events as text": {"events": LOGOUT_EVENT},
    "event with a slash": {"events": {LOGOUT_EVENT + "/": {}}},
    "event in other case": {"events": {LOGOUT_EVENT.upper(): {}}}, "event that is a list": {"events": {LOGOUT_EVENT: []}},
    "event that is text": {"events": {LOGOUT_EVENT: "{}"}}, "event that is true": {"events": {LOGOUT_EVENT: True}},
    "a nonce": {"nonce": "n"}, "an empty nonce": {"nonce": ""}, "a nonce in a list": {"nonce": []},
    "no iat": {"iat": None}, "iat as text": {"iat": "NOW"}, "iat in an hour": {"iat": 3600}, "iat that is true": {"iat": True},
    "iat beyond all": {"iat": 1e300},
    "no jti": {"jti": None}, "empty jti": {"jti": ""}, "jti as a number": {"jti": 1}, "jti as a list": {"jti": ["a"]},
    "expired": {"exp": -360}, "no exp, and old": {"exp": None, "iat": -600}, "exp as text": {"exp": "300"},
    "exp that is true": {"exp": True}, "exp of 2^64": {"exp": 2 ** 64},
    "exp beyond all": {"exp": 1e300}, "exp below zero": {"exp": -1e300}, "nbf in an hour": {"nbf": 3600},
    "neither subject nor session": {"sub": None, "sid": None}, "subject as a number": {"sub": 1, "sid": None},
    "subject in a list": {"sub": ["alice-1"], "sid": None},
    "empty subject": {"sub": "", "sid": None}, "session as a number": {"sid": 7, "sub": None}, "empty session": {"sid": "", "sub": None},
    "session in a list": {"sid": ["SID"], "sub": None}, "session that is true": {"sid": True, "sub": None},
    "subject zero": {"sub": 0, "sid": None}}


def filled(site, value):
    """Words for what only a running site knows; times are offsets from now."""
    if isinstance(value, str):
        return value.replace("ISSUER", site.provider.issuer).replace("SID", site.provider.sids[-1]).replace("NOW", str(int(time.time())))
    if isinstance(value, list):
        return [filled(site, one) for one in value]
    return value


def bad_token(site, changes):
    now = int(time.time())
    made = {}
    for name, value in changes.items():
        is_offset = name in ("exp", "iat", "nbf") and type(value) is int and abs(value) < 10 ** 9
        made[name] = now + value if is_offset else filled(site, value)
    return site.provider.make_logout_token(**{"sub": "alice-1", "sid": site.provider.sids[-1], **made})


@pytest.mark.parametrize("fault", BAD_CLAIMS)
def test_OUT_04_claims(out, fault):
    browser = out.signed_in()
    refused(out, bad_token(out, BAD_CLAIMS[fault]), browser)


def test_OUT_04_claims_as_no_encoder_writes_them(out):
    browser = out.signed_in()
    now, key = int(time.time()), out.provider.keys[0]
    rest = json.dumps({"iss": out.provider.issuer, "aud": "rp1", "jti": "raw", "sub": "alice-1", "events": {LOGOUT_EVENT: {}}})[:-1]
    for more in (f'"iat":{now},"exp":1e400', f'"iat":{now},"exp":Infinity', f'"iat":NaN,"exp":{now + 60}', f'"iat":{now},"exp":{"9" * 400}',
                 f'"iat":{now},"exp":{now + 60},"iss":"https://evil.test"', f'"iat":{now},"exp":{now + 60},"aud":"rp2"',
                 f'"iat":{now - 600}',
                 f'"iat":{now},"exp":{now + 60},"events":{{}}', f'"iat":{now},"exp":{now + 60},"sub":"bob-1","nonce":"x"',
                 f'"iat":{now},"exp":{now + 60},'):
        refused(out, jwt({"alg": "RS256", "kid": key.kid, "typ": "logout+jwt"}, f"{rest},{more}}}".encode(), key.sign), browser)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, "", 1, ["RS256"], "RS256 ", "rs256"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_JOSE_01_no_algorithm_is_none(out, algorithm, is_signed):
    browser = out.signed_in()
    key = out.provider.keys[0]
    _, claims = parts(out.provider.make_logout_token(sub="alice-1"))
    head = {name: value for name, value in {"alg": algorithm, "kid": key.kid, "typ": "logout+jwt"}.items() if value is not None}
    token = jwt(head, claims, key.sign if is_signed else lambda _: b"")
    refused(out, token, browser)
    if not is_signed:
        refused(out, token[:-1], browser)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_JOSE_02_a_public_key_is_no_shared_secret(out, algorithm):
    browser = out.signed_in()
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    for secret in public_forms(out.provider.keys[0]):
        _, claims = parts(out.provider.make_logout_token(sub="alice-1"))
        head = {"alg": algorithm, "kid": out.provider.keys[0].kid, "typ": "logout+jwt"}
        refused(out, jwt(head, claims, lambda data: hmac.new(secret, data, digest).digest()), browser)


@pytest.mark.parametrize("fault", ["another key", "a key that there is not", "a key in the token", "crit", "cut", "more", "turned",
                                   "other kind", "kid as a number"])
def test_JOSE_11_signatures(out, fault):
    browser = out.signed_in()
    key, stranger = out.provider.keys[0], Key(kid="main")
    make = out.provider.make_logout_token
    token = {"another key": lambda: make(key=stranger, sub="alice-1"),
             "a key that there is not": lambda: make(sub="alice-1", header={"kid": "unknown"}),
             "a key in the token": lambda: make(key=Key(kid="mine"), sub="alice-1",
                                                header={"jwk": stranger.jwk(), "jku": "https://evil.test/"}),
             "crit": lambda: make(sub="alice-1", header={"crit": ["exp"]}), "cut": lambda: make(sub="alice-1")[:-4],
             "more": lambda: make(sub="alice-1") + "AAAA",
             "turned": lambda: turned(make(sub="alice-1")), "other kind": lambda: make(key=Key("ES256", "main"), sub="alice-1"),
             "kid as a number": lambda: make(sub="alice-1", header={"kid": 1})}[fault]()
    refused(out, token, browser)


def turned(token):
    """The claims of somebody else under the same signature."""
    head, claims, signature = token.split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{head}.{b64(json.dumps({**other, 'sub': 'alice-1', 'jti': 'other'}).encode())}.{signature}"


def test_JOSE_11_elliptic_signatures_of_another_shape(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    key = Key("ES256", "elliptic")
    site.provider.keys = [key]
    browser = site.signed_in()
    _, claims = parts(site.provider.make_logout_token(sub="alice-1"))
    for sign in (lambda _: bytes(64), lambda data: key.sign(data)[:-1], lambda data: key.sign(data) + b"\0", lambda _: b"",
                 lambda data: bytes(32) + key.sign(data)[32:]):
        refused(site, jwt({"alg": "ES256", "kid": "elliptic", "typ": "logout+jwt"}, claims, sign), browser)
    assert post(site, site.provider.make_logout_token(sub="alice-1")).status == 200
    assert_ended(site, browser)


def test_JOSE_15_huge_and_broken_tokens(out):
    browser = out.signed_in()
    before, key = out.postern.resident(), out.provider.keys[0]
    head = {"alg": "RS256", "kid": key.kid, "typ": "logout+jwt"}
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    tokens = ["A" * 12_000, "." * 12_000, "." * 60_000, "A" * 60_000, "", ".", "..", "a.b", "a.b.c.d", "\0", "\r\nX: y", "é",
              jwt(head, deep[:5000], key.sign),
              jwt(head, b"[" * 5000, key.sign), jwt(b"[" * 5000, {}, key.sign), jwt(head, b"null", key.sign),
              jwt(head, b'{"sub":"\xff"}', key.sign),
              jwt(head, deep[:40_000], key.sign), jwt(head, b'{"a":"' + b"\\u0000" * 1000 + b'"}', key.sign), "A" * 1024 * 1024]
    for token in tokens:
        started = time.monotonic()
        assert 400 <= post(out, token).status < 500, token[:40]  # nginx takes 16 kB of body
        if len(token) < 60_000:
            assert at_socket(out, token).status in (400, 413), token[:40]
        assert time.monotonic() - started < 1
    assert is_live(browser) and out.postern.resident() - before < 32 * 1024 * 1024


# Other tokens of the same provider


def test_an_id_token_is_no_logout_token(out):
    seen = []
    usual = out.provider.make_id_token
    out.provider.make_id_token = lambda claims: seen.append(usual(claims)) or seen[-1]
    browser = out.signed_in()
    refused(out, seen[0], browser)
    for changes in ({"events": {LOGOUT_EVENT: {}}}, {"events": {LOGOUT_EVENT: {}}, "jti": "x"}):
        _, claims = parts(seen[0])
        refused(out, signed_by(out.provider.keys[0], {**claims, **changes}), browser)  # it has a nonce


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "client-authentication+jwt",
                                 "secevent+jwt2", "id_token", 1])
def test_a_token_of_another_type_is_no_logout_token(out, typ):
    browser = out.signed_in()
    refused(out, out.provider.make_logout_token(sub="alice-1", typ=typ), browser)


def test_an_access_token_is_no_logout_token(out):
    browser = out.signed_in()
    for changes in ({}, {"aud": "rp1"}, {"aud": "rp1", "events": {LOGOUT_EVENT: {}}}):
        refused(out, out.provider.make_access_token(**changes), browser)


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "at+jwt"])
def test_a_token_of_another_type_is_no_id_token(out, typ):
    out.provider.make_id_token = lambda claims: signed_by(out.provider.keys[0], {**claims, "events": {LOGOUT_EVENT: {}}, "jti": "x"}, typ)
    browser = out.browser()
    assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar


# Once only


def test_a_logout_token_works_once(out):
    out.signed_in()
    token = out.provider.make_logout_token(sub="alice-1")
    assert post(out, token).status == 200
    again = out.signed_in()
    refused(out, token, again)
    assert post(out, out.provider.make_logout_token(sub="alice-1")).status == 200
    assert_ended(out, again)


def test_a_logout_token_without_an_end_works_once_and_only_while_it_is_new(out):
    """Some providers have none, as in drafts of the specification."""
    browser = out.signed_in()
    refused(out, out.provider.make_logout_token(sub="alice-1", exp=None, iat=int(time.time()) - 600), browser)
    token = out.provider.make_logout_token(sub="alice-1", exp=None)
    if post(out, token).status == 200:
        assert_ended(out, browser)
        browser = out.signed_in()
    refused(out, token, browser)


def test_a_logout_token_works_once_even_if_it_is_sent_at_once(out):
    out.signed_in()
    token = out.provider.make_logout_token(sub="alice-1")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(out, token).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7


def test_a_logout_token_that_found_nobody_is_used_up_too(out):
    token = out.provider.make_logout_token(sub="carol-1")
    assert post(out, token).status in (200, 400)
    carol = somebody(out, "carol-1")
    post(out, token)
    time.sleep(0.3)
    assert is_live(carol)


def test_a_logout_token_works_once_for_all_processes_and_after_a_restart(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    other = twin(site, "second")
    site.signed_in()
    token = site.provider.make_logout_token(sub="alice-1")
    assert post(site, token).status == 200
    again = site.signed_in()
    body = urllib.parse.urlencode({"logout_token": token}).encode()
    asked = fastcgi.page(PATH, REQUEST_METHOD="POST", CONTENT_TYPE=FORM[1], CONTENT_LENGTH=str(len(body)))
    assert fastcgi.ask(other.socket, asked, body=body).status == 400
    site.restart()
    assert post(site, token).status == 400
    time.sleep(0.3)
    assert is_live(again)


def test_a_bad_token_does_not_use_up_the_name_of_a_good_one(out):
    browser = out.signed_in()
    refused(out, out.provider.make_logout_token(key=Key(kid="main"), sub="alice-1", jti="the-name"), browser)
    refused(out, out.provider.make_logout_token(aud="rp2", sub="alice-1", jti="the-name"), browser)
    assert post(out, out.provider.make_logout_token(sub="alice-1", jti="the-name")).status == 200
    assert_ended(out, browser)


def test_while_the_store_cannot_answer_the_provider_is_told_to_come_again(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    browser = site.signed_in()
    token = site.provider.make_logout_token(sub="alice-1")
    other = sqlite3.connect(f"{site.folder}/sessions.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    response = post(site, token)
    assert response.status >= 500 and response.header("Cache-Control") == "no-store" and time.monotonic() - started < 2
    other.execute("ROLLBACK")
    other.close()
    assert is_live(browser)
    wait_until(lambda: post(site, token).status == 200, 3, "the end of the lock")
    assert_ended(site, browser)


# The request


@pytest.mark.parametrize("fault", ["no token", "two tokens", "another name", "in the query", "json", "multipart", "empty", "in a cookie",
                                   "in a header"])
def test_OUT_04_requests_that_are_not_one(out, fault):
    browser = out.signed_in()
    token = out.provider.make_logout_token(sub="alice-1")
    pair = urllib.parse.urlencode({"logout_token": token})
    target, headers, body = {
        "no token": (PATH, [FORM], "a=b"), "two tokens": (PATH, [FORM], f"{pair}&{pair}"),
        "another name": (PATH, [FORM], f"Logout_Token={token}"),
        "in the query": (f"{PATH}?{pair}", [FORM], "a=b"),
        "json": (PATH, [("Content-Type", "application/json")], json.dumps({"logout_token": token})),
        "multipart": (PATH, [("Content-Type", "multipart/form-data; boundary=x")],
                      f'--x\r\nContent-Disposition: form-data; name="logout_token"\r\n\r\n{token}\r\n--x--\r\n'),
        "empty": (PATH, [FORM, ("Content-Length", "0")], ""), "in a cookie": (PATH, [FORM, ("Cookie", pair)], "a=b"),
        "in a header": (PATH, [FORM, ("Authorization", f"Bearer {token}")], "a=b")}[fault]
    assert out.browser().send(target, "POST", headers, body.encode()).status == 400
    time.sleep(0.3)
    assert is_live(browser)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_OUT_04_only_a_post(out, method):
    browser = out.signed_in()
    token = urllib.parse.urlencode({"logout_token": out.provider.make_logout_token(sub="alice-1")})
    response = out.browser().send(f"{PATH}?{token}", method, [FORM], b"" if method in ("GET", "HEAD") else token.encode())
    assert response.status in (400, 405) and not (method == "HEAD" and response.body)
    time.sleep(0.3)
    assert is_live(browser)


def test_FCG_05_a_body_that_is_not_as_long_as_it_says(out):
    browser = out.signed_in()
    body = urllib.parse.urlencode({"logout_token": out.provider.make_logout_token(sub="alice-1")}).encode()
    for length in ("0", "1", str(len(body) - 1), str(len(body) + 1), "-1", "abc", "1e9", str(2 ** 64), ""):
        asked = fastcgi.page(PATH, REQUEST_METHOD="POST", CONTENT_TYPE=FORM[1], CONTENT_LENGTH=length)
        assert fastcgi.ask(out.postern.socket, asked, body=body).status == 400, length
    assert is_live(browser)


def test_DISC_03_a_flood_of_logout_tokens_with_unknown_keys(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    browser = site.signed_in()
    before, statuses = site.provider.count("jwks"), []
    end = time.monotonic() + 9.5
    flooding = {"alg": "RS256", "typ": "logout+jwt"}
    _, claims = parts(site.provider.make_logout_token(sub="alice-1"))
    signature = lambda _: b"x" * 256  # noqa: E731

    def flood(number):
        count = 0
        while len(statuses) < 1000 and time.monotonic() < end:
            count += 1
            statuses.append(post(site, jwt({**flooding, "kid": f"{number}-{count}"}, {**claims, "jti": f"{number}-{count}"},
                                           signature)).status)
    threads = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert site.signed_in() and any(thread.is_alive() for thread in threads)
    assert post(site, site.provider.make_logout_token(sub="alice-1")).status == 200
    assert_ended(site, browser)
    for thread in threads:
        thread.join()
    assert set(statuses) == {400} and len(statuses) > 200 and site.provider.count("jwks") - before <= 2


def test_DISC_04_a_logout_token_of_a_new_key(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    browser = site.signed_in()
    before = site.provider.count("jwks")
    site.provider.keys = [Key(kid="new")]
    assert post(site, site.provider.make_logout_token(sub="alice-1")).status == 200
    assert_ended(site, browser)
    assert site.provider.count("jwks") - before == 1


def test_a_provider_that_is_down_ends_nothing(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    browser = site.signed_in()
    site.provider.stop_listening()
    site.restart()
    started = time.monotonic()
    assert post(site, site.provider.make_logout_token(sub="alice-1", header={"kid": "new"})).status >= 400
    assert time.monotonic() - started < 5 and is_live(browser)


def test_a_refresh_that_is_under_way_brings_no_session_back(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.delay["token"] = 1.5
    time.sleep(2.2)
    asking = threading.Thread(target=lambda: status(site, browser))
    asking.start()
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    assert post(site, site.provider.make_logout_token(sid=site.provider.sids[-1])).status == 200
    asking.join()
    time.sleep(1.8)
    assert status(site, browser) == 401 and not is_live(browser)


def test_a_logout_token_of_one_provider_is_nothing_at_another(make_site):
    other = Provider(offers=["logout"])
    other.keys = [Key(kid="corp")]
    site = extended_site(make_site, offers=["logout"], rules=OPEN["rules"],
                         providers={"corp": settings_of(other, client_authentication="none", client_id="rp1")})
    browsers = {}
    for name, provider in (("op", site.provider), ("corp", other)):
        browsers[name] = site.browser()
        assert browsers[name].follow(browsers[name].get(f"/oauth2/start?provider={name}")).is_protected
    sid = other.sids[-1]
    for token in (site.provider.make_logout_token(iss=other.issuer, sub="alice-1"),
                  other.make_logout_token(key=site.provider.keys[0], sub="alice-1"),
                  other.make_logout_token(iss=site.provider.issuer, sub="alice-1")):
        assert post(site, token).status == 400
    assert post(site, site.provider.make_logout_token(sid=sid)).status in (200, 400)
    time.sleep(0.3)
    assert is_live(browsers["op"]) and is_live(browsers["corp"])
    assert post(site, other.make_logout_token(sub="alice-1")).status == 200
    assert_ended(site, browsers["corp"])
    assert is_live(browsers["op"]), "the same subject at the other provider is somebody else"
    other.close()


# Front channel

FRAME = [("Accept", "text/html"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]


def framed(site, query, browser=None):
    """In a frame of the provider's page; cookies of ours that are Lax do not go there."""
    return (browser or site.browser()).send(f"/oauth2/frontchannel_logout{query}", headers=FRAME, cookies=bool(browser))


def query(**parameters):
    return "?" + urllib.parse.urlencode(parameters)


def test_OUT_03_the_provider_ends_a_session_by_a_frame(out):
    first, second = out.signed_in(), out.signed_in()
    response = framed(out, query(iss=out.provider.issuer, sid=out.provider.sids[0]))
    assert response.status == 200 and "no-store" in response.header("Cache-Control")
    assert response.header("X-Frame-Options") is None and "frame-ancestors 'none'" not in (response.header("Content-Security-Policy") or "")
    assert "<script" not in response.text
    assert_ended(out, first)
    assert is_live(second)


@pytest.mark.parametrize("bad", [{}, {"iss": "ISSUER"}, {"sid": "SID"}, {"iss": "https://evil.test", "sid": "SID"},
                                 {"iss": "ISSUER/", "sid": "SID"},
                                 {"iss": "ISSUER", "sid": "unknown"}, {"iss": "ISSUER", "sid": ""}, {"iss": "", "sid": "SID"},
                                 {"iss": "ISSUER", "sid": "SID%"},
                                 {"iss": "ISSUER", "sid": "alice-1"}, {"iss": "ISSUER", "sub": "alice-1"},
                                 {"iss": "ISSUER", "sid": "SIDx"}], ids=str)
@pytest.mark.parametrize("with_cookies", [True, False])
def test_OUT_04_a_frame_that_ends_nothing(out, bad, with_cookies):
    """OUT-01 as well: whoever makes a browser ask for this signs nobody out."""
    browser = out.signed_in()
    asked = query(**{name: filled(out, value) for name, value in bad.items()}) if bad else ""
    response = framed(out, asked, browser if with_cookies else None)
    assert response.status in (200, 400) and not [line for line in response.all("Set-Cookie") if line.startswith("__Host-postern=")]
    time.sleep(0.3)
    assert is_live(browser) and status(out, browser) == 200


def test_OUT_04_a_frame_with_two_of_a_kind(out):
    browser = out.signed_in()
    good = query(iss=out.provider.issuer, sid=out.provider.sids[-1])
    for more in ("&sid=x", "&iss=https://evil.test"):
        framed(out, good + more)
    for method in ("POST", "PUT", "HEAD"):
        out.browser().send(f"/oauth2/frontchannel_logout{good}" if method != "HEAD" else "/oauth2/frontchannel_logout", method, [FORM], b""
                           if method == "HEAD" else b"a=b")
    time.sleep(0.3)
    assert is_live(browser)
