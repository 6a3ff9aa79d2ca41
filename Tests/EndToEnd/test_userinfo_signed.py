"""Signed userinfo (OpenID Connect Core 1.0, section 5.3.2): verified like any token, or the sign-in fails."""
import hashlib
import hmac
import json
import time

import pytest

from harness.extended import extended_site
from harness.provider import Key, Provider, jwt
from harness.site import Site, told_of
from harness.tokens import signed_by
from test_jose import ORDER, public_forms


@pytest.fixture(scope="module")
def signing_site(authority):
    site = Site(authority, provider=Provider(offers=["signed userinfo"]))
    site.owns_provider = True
    yield site
    try:
        site.assert_ends_well()
    finally:
        site.close()


@pytest.fixture
def signing(signing_site):
    """Groups come from userinfo alone: who gets to /admin/ was told by it."""
    provider = signing_site.provider
    provider.reset()
    provider.userinfo_claims = {"groups": ["K8S-ADMIN"]}
    provider.make_userinfo_token = lambda claims: token(provider, claims)
    pid = signing_site.postern.pid
    yield signing_site
    assert signing_site.postern.is_running() and signing_site.postern.pid == pid


def token(provider, claims, key=None, typ="JWT", header=None, **changes):
    claims = {"iss": provider.issuer, "aud": "rp1", **claims, **changes}
    return signed_by(key or provider.keys[0], claims, typ, **(header or {}))


def refused(site, make=None):
    if make:
        site.provider.make_userinfo_token = make
    browser = site.browser()
    started = time.monotonic()
    response = browser.sign_in("/admin/")
    assert response.status >= 400 and not response.is_protected, response.text[:300]
    assert "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected and time.monotonic() - started < 3


def accepted(site, make=None):
    if make:
        site.provider.make_userinfo_token = make
    response = site.browser().sign_in("/admin/")
    assert told_of(response, "X-Auth-Request-Groups") == ["K8S-ADMIN"]


def test_claims_of_a_signed_answer_count(signing):
    accepted(signing)
    for typ in (None, "JWT"):
        accepted(signing, lambda claims: token(signing.provider, claims, typ=typ))
    for changes in ({"aud": ["rp1"]}, {"exp": int(time.time()) + 300}):
        accepted(signing, lambda claims: token(signing.provider, claims, **changes))
    key = Key("ES256", "elliptic")
    signing.provider.keys = [key]
    accepted(signing, lambda claims: token(signing.provider, claims))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, "", 1, ["RS256"], "RS256 "])
@pytest.mark.parametrize("is_signed", [True, False])
def test_JOSE_01_no_algorithm_is_none(signing, algorithm, is_signed):
    key = signing.provider.keys[0]
    head = {name: value for name, value in {"alg": algorithm, "kid": key.kid}.items() if value is not None}
    claims = {"iss": signing.provider.issuer, "aud": "rp1", "sub": "alice-1", "groups": ["K8S-ADMIN"]}
    refused(signing, lambda _: jwt(head, claims, key.sign if is_signed else lambda _: b""))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_JOSE_02_a_public_key_is_no_shared_secret(signing, algorithm):
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    claims = {"iss": signing.provider.issuer, "aud": "rp1", "sub": "alice-1", "groups": ["K8S-ADMIN"]}
    for secret in public_forms(signing.provider.keys[0]):
        refused(signing, lambda _: jwt({"alg": algorithm, "kid": "main"}, claims, lambda data: hmac.new(secret, data, digest).digest()))


def test_JOSE_04_the_issuer(signing):
    issuer = signing.provider.issuer
    for value in ("https://evil.test", issuer + "1", issuer + "/", issuer.upper(), [issuer], "", 1):
        refused(signing, lambda claims: token(signing.provider, claims, iss=value))


def test_JOSE_05_the_audience(signing):
    for value in ("rp2", "rp10", "rp", [], ["rp2"], 1, {"rp1": 1}, [["rp1"]], "RP1"):
        refused(signing, lambda claims: token(signing.provider, claims, aud=value))


def test_JOSE_06_the_times_where_it_says_some(signing):
    now = int(time.time())
    for changes in ({"exp": now - 360}, {"exp": "x"}, {"exp": True}, {"nbf": now + 3600}, {"exp": -1e300}):
        refused(signing, lambda claims: token(signing.provider, claims, **changes))


def test_JOSE_09_the_subject(signing):
    for value in (None, "", 1, "mallory", ["alice-1"], "alice-1 ", "ALICE-1"):
        refused(signing, lambda claims: token(signing.provider, claims, sub=value))


@pytest.mark.parametrize("fault", ["another key", "a key that there is not", "a key in the token", "crit", "cut", "more", "point",
                                   "in a list"])
def test_JOSE_11_signatures(signing, fault):
    provider, stranger = signing.provider, Key(kid="main")
    refused(signing, {
        "another key": lambda claims: token(provider, claims, key=stranger),
        "a key that there is not": lambda claims: token(provider, claims, header={"kid": "unknown"}),
        "a key in the token": lambda claims: token(provider, claims, key=Key(kid="mine"),
                                                   header={"jwk": stranger.jwk(), "jku": "https://evil.test/"}),
        "crit": lambda claims: token(provider, claims, header={"crit": ["exp"]}), "cut": lambda claims: token(provider, claims)[:-4],
        "more": lambda claims: token(provider, claims) + "AAAA", "point": lambda claims: token(provider, claims) + ".x",
        "in a list": lambda claims: json.dumps([token(provider, claims)])}[fault])


def test_JOSE_11_elliptic_signatures_of_another_shape(signing):
    key = Key("ES256", "elliptic")
    signing.provider.keys = [key]
    for sign in (lambda _: bytes(64), lambda _: ORDER.to_bytes(32, "big") * 2, lambda data: key.sign(data)[:-1],
                 lambda data: key.sign(data) + b"\0", lambda _: b""):
        refused(signing, lambda claims: jwt({"alg": "ES256", "kid": "elliptic"}, {"iss": signing.provider.issuer, "aud": "rp1", **claims},
                                            sign))


def test_JOSE_15_huge_and_broken_answers(signing):
    key = signing.provider.keys[0]
    before = signing.postern.resident()
    head = {"alg": "RS256", "kid": key.kid}
    for made in ("A" * 1024 * 1024, "." * 1_000_000, "", "..", "a.b", jwt(head, b"[" * 100_000, key.sign), jwt(head, b"null", key.sign),
                 jwt(head, b'{"sub":"\xff\xfe"}', key.sign), jwt(head, b'{"sub":"alice-1","a":' + b"[" * 5000 + b"]" * 5000 + b"}",
                                                                 key.sign)):
        refused(signing, lambda _: made)
    assert signing.postern.resident() - before < 64 * 1024 * 1024


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "logout+jwt"])
def test_a_token_of_another_type_is_no_userinfo(signing, typ):
    refused(signing, lambda claims: token(signing.provider, claims, typ=typ))


def test_another_persons_answer_under_a_good_signature(signing):
    mallory = token(signing.provider, {"sub": "mallory", "groups": ["K8S-ADMIN"]})
    refused(signing, lambda _: mallory)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/jwt+json", "text/html", None])
def test_DISC_08_a_token_that_is_not_called_one(signing, content_type):
    made = token(signing.provider, {"sub": "alice-1", "groups": ["K8S-ADMIN"]})
    signing.provider.replace["userinfo"] = lambda call, usual: (200, {"Content-Type": content_type} if content_type else {}, made.encode())
    refused(signing)


@pytest.mark.parametrize("content_type", ["application/jwt; charset=utf-8", "Application/JWT", "application/jwt;charset=UTF-8"])
def test_the_media_type_in_other_spellings(signing, content_type):
    made = token(signing.provider, {"sub": "alice-1", "groups": ["K8S-ADMIN"]})
    signing.provider.replace["userinfo"] = lambda call, usual: (200, {"Content-Type": content_type}, made.encode())
    accepted(signing)


def test_DISC_08_plain_json_that_is_called_a_token(signing):
    signing.provider.replace["userinfo"] = lambda call, usual: (200, {"Content-Type": "application/jwt"},
                                                                b'{"sub":"alice-1","groups":["K8S-ADMIN"]}')
    refused(signing)


def test_DISC_04_keys_rotate_between_the_two_tokens(make_site):
    site = extended_site(make_site, offers=["signed userinfo"])
    site.provider.userinfo_claims = {"groups": ["K8S-ADMIN"]}

    def rotate(claims):
        site.provider.keys = [Key(kid="later")]
        return token(site.provider, claims)
    accepted(site, rotate)


def test_a_refresh_with_a_forged_answer_changes_nobody(make_site):
    site = extended_site(make_site, offers=["signed userinfo"])
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    assert browser.get("/admin/x").status == 403
    site.provider.userinfo_claims = {"groups": ["K8S-ADMIN"]}
    site.provider.make_userinfo_token = lambda claims: token(site.provider, claims, key=Key(kid="main"))
    time.sleep(2.2)
    assert b"alice" in browser.get("/").body and browser.get("/admin/x").status == 403
    assert site.provider.count("userinfo") >= 2
