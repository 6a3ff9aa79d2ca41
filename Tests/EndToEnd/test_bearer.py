"""Programs: access tokens on protected paths that are signed (RFC 9068), and a client library that gets and shows them."""
import hashlib
import hmac
import json
import threading
import time

import pytest
import requests
from oauthlib.oauth2 import BackendApplicationClient
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session

from harness import fastcgi
from harness.extended import extended_site, settings_of
from harness.extensions import LOGOUT_EVENT
from harness.provider import Key, Provider, jwt
from harness.servers import wait_until
from harness.site import SECRET, Site, merged, told_of
from harness.tokens import parts, signed_by
from test_jose import ORDER, public_forms
from test_nginx import location

PERSON = {"email": "alice@example.com", "email_verified": True, "preferred_username": "alice"}
RULES = [{"name": "public", "paths": ["/public/*"], "public": True}, {"name": "secret", "paths": ["/internal/*"], "deny": True},
         {"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["K8S-ADMIN"]}},
         {"name": "programs", "paths": ["/programs/*"], "allow": {"users": ["program"]}},
         {"name": "everybody", "allow": {"domains": ["example.com"]}}]
SIGNED = {"audiences": ["https://api.test", "urn:other-api"]}
LOOKED_UP = {"introspection": True}


def bearer_site(make_site, tokens, offers=("introspection", "programs", "jwt access tokens"), op=None, **changes):
    return extended_site(make_site, {"access_tokens": tokens, **(op or {})}, offers, rules=RULES, **changes)


def shared(authority, tokens, offers):
    site = Site(authority, {"providers": {"op": {"access_tokens": tokens}}, "rules": RULES}, provider=Provider(offers=offers))
    site.owns_provider = True
    return site


@pytest.fixture(scope="module")
def signed_site(authority):
    site = shared(authority, SIGNED, ["programs", "jwt access tokens"])
    yield site
    try:
        site.assert_ends_well()
    finally:
        site.close()


@pytest.fixture
def signed(signed_site):
    signed_site.provider.reset()
    pid = signed_site.postern.pid
    yield signed_site
    assert signed_site.postern.is_running() and signed_site.postern.pid == pid


def call(site, token, target="/", plain=False, scheme="Bearer", **options):
    value = f"{scheme} {token}" if scheme else token
    return site.browser(plain).fetch(target, [("Authorization", value)], **options)


def at_socket(site, token, target="/", **changes):
    return fastcgi.ask(site.postern.socket, fastcgi.check(target, **{"HTTP_AUTHORIZATION": f"Bearer {token}", **changes}))


def refused(site, token, challenge='error="invalid_token"'):
    """By each configuration of nginx and at the socket, whatever the rule."""
    for plain in site.ways:
        for target in ("/", "/programs/x"):
            response = call(site, token, target, plain)
            assert response.status == 401 and not response.is_protected, (response.status, response.text[:300])
            assert response.all("Set-Cookie") == [] and response.location is None
            if challenge:
                assert response.header("WWW-Authenticate").startswith("Bearer") and challenge in response.header("WWW-Authenticate")
    assert at_socket(site, token).status == 401 and at_socket(site, token, "/programs/x").status == 401


def accepted(site, token, user="alice", target="/"):
    for plain in site.ways:
        assert told_of(call(site, token, target, plain), "X-Auth-Request-User") == [user]
    assert at_socket(site, token, target).status == 200


# A signed token


def test_a_program_shows_the_token_of_a_person(signed):
    accepted(signed, signed.provider.make_access_token(**PERSON))
    response = call(signed, signed.provider.make_access_token(**PERSON))
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"] and response.all("Set-Cookie") == []


def test_a_program_shows_a_token_of_its_own(signed):
    token = signed.provider.make_access_token(sub="program", client_id="program")
    accepted(signed, token, "program", "/programs/x")
    assert call(signed, token, "/").status == 403


def test_rules_are_for_programs_as_for_people(signed):
    make = signed.provider.make_access_token
    member, other = make(**PERSON, groups=["K8S-ADMIN"]), make(**PERSON, groups=["K8S-ADMIN-x"])
    assert told_of(call(signed, member, "/admin/x"), "X-Auth-Request-Groups") == ["K8S-ADMIN"]
    for token, target in ((other, "/admin/x"), (member, "/internal/x"), (make(**{**PERSON, "email": "a@evil.test"}), "/")):
        for plain in signed.ways:
            response = call(signed, token, target, plain)
            assert response.status == 403 and not response.is_protected and response.header("WWW-Authenticate") is None
    assert call(signed, "garbage", "/public/x").is_protected, "what is public needs no token"


@pytest.mark.parametrize("email", ["a@evilexample.com", "a@example.com.evil", "a@sub.example.com", "a@evil.test@example.com",
                                   "a@example.com ", "@example.com", "",
                                   None, 1, ["a@example.com"]], ids=repr)
def test_POL_01_addresses_that_are_not_of_the_domain(signed, email):
    response = call(signed, signed.provider.make_access_token(**{**PERSON, "email": email}))
    assert response.status in (401, 403) and not response.is_protected


@pytest.mark.parametrize("verified", [False, None, "false", "true", 1, [True], {"a": 1}], ids=repr)
def test_POL_02_only_a_verified_address_counts(signed, verified):
    assert call(signed, signed.provider.make_access_token(**{**PERSON, "email_verified": verified})).status in (401, 403)


@pytest.mark.parametrize("groups", ["K8S-ADMIN-x", [["K8S-ADMIN"]], 1, None, [], [None], {"K8S-ADMIN": True}, ["k8s-admin"], ["*"],
                                    "x K8S-ADMIN", ["K8S-ADMIN,x"],
                                    [f"g{number}" for number in range(300)]], ids=lambda value: repr(value)[:30])
def test_POL_04_groups_that_are_not_the_one(signed, groups):
    response = call(signed, signed.provider.make_access_token(**PERSON, groups=groups), "/admin/x")
    assert response.status in (401, 403) and not response.is_protected


def test_HDR_01_who_it_is_comes_from_the_token_alone(signed):
    token = signed.provider.make_access_token(**PERSON)
    forged = [("Authorization", f"Bearer {token}"), ("X-Auth-Request-User", "admin"), ("X-Auth-Request-Groups", "K8S-ADMIN"),
              ("X_Auth_Request_User", "admin"),
              ("X-Auth-Request-Email", "root@example.com")]
    response = signed.browser().fetch("/", forged)
    assert told_of(response, "X-Auth-Request-User") == ["alice"] and told_of(response, "X-Auth-Request-Groups") == []
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]


def test_HDR_05_hostile_claims(signed):
    for name in ("bob\r\nX-Auth-Request-Groups: K8S-ADMIN", "bob\n", "bob\0", "bob\x7f", "bob\u2028x"):
        response = call(signed, signed.provider.make_access_token(**{**PERSON, "preferred_username": name, "groups": ["a,K8S-ADMIN"]}))
        if response.is_protected:
            assert "K8S-ADMIN" not in told_of(response, "X-Auth-Request-Groups")[0].split(",") and len(told_of(response,
                "X-Auth-Request-User")) == 1
        else:
            assert response.status in (401, 403)
    assert "bob\nX-" not in signed.postern.log


# Where a token is looked for


def test_without_a_token_programs_are_told_what_is_wanted(signed):
    for plain in signed.ways:
        response = signed.browser(plain).fetch("/")
        assert response.status == 401 and response.all("Set-Cookie") == []
        challenge = response.header("WWW-Authenticate")
        assert challenge.split(" ")[0].rstrip(",") == "Bearer" and "error=" not in challenge, "RFC 6750, section 3.1"
    asked = fastcgi.check("/", HTTP_SEC_FETCH_MODE="cors", HTTP_ACCEPT="*/*")
    assert fastcgi.ask(signed.postern.socket, asked).header("WWW-Authenticate") == "Bearer"


def test_where_no_access_tokens_are_configured_there_is_no_such_thing(site):
    response = site.browser().fetch("/")
    assert response.status == 401 and response.header("WWW-Authenticate") is None
    token = site.provider.make_access_token(**PERSON)
    assert call(site, token).status == 401 and not call(site, token).is_protected
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", HTTP_AUTHORIZATION=f"Bearer {token}")).status == 401
    assert site.signed_in().fetch("/", [("Authorization", f"Bearer {token}")]).is_protected


def test_a_person_without_a_session_is_still_sent_to_sign_in(signed):
    response = signed.browser().get("/x")
    assert response.status == 302 and response.location.startswith(f"{signed.provider.issuer}/authorize")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEARER"])
def test_the_scheme_is_compared_without_case(signed, scheme):
    assert call(signed, signed.provider.make_access_token(**PERSON), scheme=scheme).is_protected


@pytest.mark.parametrize("value", ["TOKEN", "Basic TOKEN", "DPoP TOKEN", "Bearer", "Bearer ", "BearerTOKEN", "Bearer\tTOKEN",
                                   "Bearer TOKEN TOKEN", "Bearer TOKEN,TOKEN",
                                   "Bearer \"TOKEN\"", "Bearer token=TOKEN", "Bearer TOKEN;", "Bearer x, Bearer TOKEN", "Negotiate TOKEN",
                                   "Bearer :TOKEN"])
def test_headers_that_hold_no_bearer_token(signed, value):
    token = signed.provider.make_access_token(**PERSON)
    for plain in signed.ways:
        response = call(signed, value.replace("TOKEN", token), plain=plain, scheme=None)
        assert response.status == 401 and not response.is_protected
    assert at_socket(signed, "", HTTP_AUTHORIZATION=value.replace("TOKEN", token)).status == 401


def test_a_token_elsewhere_is_no_token(signed):
    token = signed.provider.make_access_token(**PERSON)
    browser = signed.browser()
    for response in (browser.fetch(f"/?access_token={token}"), browser.fetch("/", [("X-Authorization", f"Bearer {token}")]),
                     browser.fetch("/", [("Proxy-Authorization", f"Bearer {token}")]),
                     browser.fetch("/", [("Cookie", f"__Host-postern={token}")]),
                     browser.send("/", "POST", [("Content-Type", "application/x-www-form-urlencoded")], f"access_token={token}".encode())):
        assert response.status == 401 and not response.is_protected


def test_two_tokens_are_none(signed):
    make = signed.provider.make_access_token
    both = [("Authorization", f"Bearer {make(**PERSON)}"), ("Authorization", f"Bearer {make(sub='program')}")]
    for plain in signed.ways:
        response = signed.browser(plain).fetch("/", both)
        assert response.status >= 400 or told_of(response, "X-Auth-Request-User") == ["alice"], "nginx hands on the first, or refuses"
    asked = [*fastcgi.check("/").items(), ("HTTP_AUTHORIZATION", both[0][1]), ("HTTP_AUTHORIZATION", both[1][1])]
    assert fastcgi.ask(signed.postern.socket, asked).status >= 400


def test_a_live_session_comes_first(signed):
    browser = signed.signed_in()
    bob = signed.provider.make_access_token(sub="bob-1", **{**PERSON, "preferred_username": "bob"})
    assert told_of(browser.fetch("/", [("Authorization", f"Bearer {bob}")]), "X-Auth-Request-User") == ["alice"]
    assert told_of(browser.fetch("/", [("Authorization", "Bearer garbage")]), "X-Auth-Request-User") == ["alice"]
    old = browser.cookies.header()
    browser.get("/oauth2/sign_out")
    for cookie in (old, "__Host-postern=x"):
        response = signed.browser().fetch("/", [("Cookie", cookie), ("Authorization", f"Bearer {bob}")])
        assert told_of(response, "X-Auth-Request-User") == ["bob"]


def test_an_answer_that_nginx_keeps_is_not_for_another_token(make_site):
    site = bearer_site(make_site, SIGNED, answer_cache="20s")
    make = site.provider.make_access_token
    browser = site.signed_in()
    for _ in range(3):
        assert told_of(call(site, make(**PERSON)), "X-Auth-Request-User") == ["alice"]
        assert told_of(call(site, make(**{**PERSON, "preferred_username": "bob"})), "X-Auth-Request-User") == ["bob"]
        assert call(site, "garbage").status == 401 and site.browser().fetch("/").status == 401
        assert call(site, make(**PERSON, aud="other")).status == 401 and browser.get("/").is_protected


def test_a_location_may_ask_for_groups_of_a_program_too(make_site):
    site = bearer_site(make_site, SIGNED, shipped_extra=lambda site: location(site, "/team/", "set $postern_allowed_groups ops;"))
    make = site.provider.make_access_token
    assert call(site, make(**PERSON, groups=["ops"]), "/team/x").is_protected
    for token in (make(**PERSON), make(**PERSON, groups=["ops-ro"])):
        assert call(site, token, "/team/x").status == 403


def test_a_provider_of_another_host_vouches_for_nobody(make_site):
    site = bearer_site(make_site, SIGNED, op={"hosts": ["two.app.test"]})
    token = site.provider.make_access_token(**PERSON)
    for _ in range(2):  # as found out, and as remembered
        assert call(site, token).status == 401 and at_socket(site, token).status == 401
        assert at_socket(site, token, SERVER_NAME="two.app.test").status == 200


def test_a_token_opens_no_page_of_ours(signed):
    token = signed.provider.make_access_token(**PERSON)
    for target in ("/oauth2/sign_out", "/oauth2/callback", "/oauth2/start"):
        response = call(signed, token, target)
        assert not [line for line in response.all("Set-Cookie") if line.startswith("__Host-postern=")] and not response.is_protected


# What is no token for us


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, "", 1, ["RS256"], "RS256 ", "rs256"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_JOSE_01_no_algorithm_is_none(signed, algorithm, is_signed):
    key = signed.provider.keys[0]
    _, claims = parts(signed.provider.make_access_token(**PERSON))
    head = {name: value for name, value in {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}.items() if value is not None}
    token = jwt(head, claims, key.sign if is_signed else lambda _: b"")
    refused(signed, token)
    if not is_signed:
        refused(signed, token[:-1])


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_JOSE_02_a_public_key_is_no_shared_secret(signed, algorithm):
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    _, claims = parts(signed.provider.make_access_token(**PERSON))
    for secret in public_forms(signed.provider.keys[0]):
        head = {"alg": algorithm, "kid": signed.provider.keys[0].kid, "typ": "at+jwt"}
        refused(signed, jwt(head, claims, lambda data: hmac.new(secret, data, digest).digest()))


@pytest.mark.parametrize("issuer", ["https://evil.test", "ISSUER1", "ISSUER/", "LOCALHOST", "HTTPS", None, "", ["ISSUER"], 1, "UPPER"],
                         ids=str)
def test_JOSE_04_the_issuer(signed, issuer):
    real = signed.provider.issuer
    words = {"ISSUER1": real + "1", "ISSUER/": real + "/", "LOCALHOST": real.replace("127.0.0.1", "localhost"),
             "HTTPS": real.replace("http:", "https:"),
             "UPPER": real.upper()}
    value = [real] if isinstance(issuer, list) else words.get(issuer, issuer)
    refused(signed, signed.provider.make_access_token(**PERSON, iss=value))


def test_JOSE_05_the_audience(signed):
    make = signed.provider.make_access_token
    for audience in ("https://api.test/", "https://api.tes", "https://api.test2", "HTTPS://API.TEST", "rp1", None, [], ["other"], 1,
                     {"https://api.test": 1},
                     [["https://api.test"]], "https://api.test ", "https://api.test urn:other-api", "", "*"):
        refused(signed, make(**PERSON, aud=audience))
    for audience in ("https://api.test", ["https://api.test"], ["other", "urn:other-api"], "urn:other-api"):
        accepted(signed, make(**PERSON, aud=audience))


def test_JOSE_06_the_times(signed):
    now, make = int(time.time()), signed.provider.make_access_token
    for changes in ({"exp": now - 360}, {"exp": None}, {"exp": str(now + 300)}, {"exp": True}, {"exp": -1}, {"exp": 2 ** 63},
                    {"exp": 2 ** 64}, {"exp": 1e300},
                    {"exp": []}, {"iat": now + 3600}, {"nbf": now + 3600}, {"iat": "x"}, {"nbf": "x"}, {"iat": True}, {"iat": 1e300},
                    {"exp": -1e300}):
        refused(signed, make(**PERSON, **changes))
    for changes in ({"exp": now + 300.5}, {"nbf": now - 10}, {"iat": now - 0.5}):
        accepted(signed, make(**PERSON, **changes))
    rest = json.dumps({"iss": signed.provider.issuer, "sub": "alice-1", "aud": "https://api.test", "client_id": "x", "jti": "y",
                       "iat": now, **PERSON})[:-1]
    for spelled in ("1e400", "Infinity", "NaN", "9" * 400, f"0{now + 300}", "-0", f"{now + 300}e400", "0x7fffffff", f'{now + 300},"exp":1',
                    f'1,"exp":{now + 300}'):
        key = signed.provider.keys[0]
        refused(signed, jwt({"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}, f'{rest},"exp":{spelled}}}'.encode(), key.sign))


def test_a_token_is_over_when_it_ends_however_often_it_was_shown(make_site):
    """At most the documented leeway later: here it is brought near by a token that is nearly beyond it."""
    site = bearer_site(make_site, {**SIGNED, "cache": "30s"})
    leeway = next(late for late in range(0, 400, 10)
                  if not call(site, site.provider.make_access_token(**PERSON, exp=int(time.time()) - late)).is_protected)
    assert leeway <= 300
    token = site.provider.make_access_token(**PERSON, exp=int(time.time()) - leeway + 12)
    assert call(site, token).is_protected
    wait_until(lambda: not call(site, token).is_protected, 15, "the end of the token")
    assert at_socket(site, token).status == 401


@pytest.mark.parametrize("subject", [None, "", 1, ["alice-1"], "alice\0", {"a": 1}, "x" * 1000], ids=lambda value: repr(value)[:20])
def test_JOSE_09_the_subject(signed, subject):
    refused(signed, signed.provider.make_access_token(**PERSON, sub=subject), None)


def test_JOSE_11_signatures_of_another_shape(signed):
    key = Key("ES256", "elliptic")
    signed.provider.keys = [key]
    _, claims = parts(signed.provider.make_access_token(**PERSON))
    accepted(signed, signed.provider.make_access_token(**PERSON))
    for sign in (lambda _: bytes(64), lambda _: ORDER.to_bytes(32, "big") * 2, lambda data: key.sign(data)[:-1],
                 lambda data: key.sign(data) + b"\0", lambda _: b"",
                 lambda data: bytes(32) + key.sign(data)[32:], lambda data: ORDER.to_bytes(32, "big") + key.sign(data)[32:],
                 lambda data: key.sign(data[:-1])):
        refused(signed, jwt({"alg": "ES256", "kid": "elliptic", "typ": "at+jwt"}, claims, sign))


def test_JOSE_11_keys_of_another_kind(signed):
    for key, algorithms in ((Key("ES384", "wide"), ("ES256", "RS256", "EdDSA")), (Key("RS256", "small", bits=1024), ("RS256",)),
                            (Key("RS256", "rsa"), ("ES256", "PS256", "RS512", "RS384"))):
        signed.provider.reset()
        signed.provider.keys = [key]
        for algorithm in algorithms:
            refused(signed, signed.provider.make_access_token(**PERSON, header={"alg": algorithm}))


@pytest.mark.parametrize("fault", ["another key", "a key that there is not", "a key in the token", "crit", "cut", "more", "a point more",
                                   "a space"])
def test_JOSE_11_signatures(signed, fault):
    make, stranger = signed.provider.make_access_token, Key(kid="main")
    refused(signed, {"another key": lambda: make(key=stranger, **PERSON),
                     "a key that there is not": lambda: make(**PERSON, header={"kid": "unknown"}),
                     "a key in the token": lambda: make(key=Key(kid="mine"), **PERSON,
                                                        header={"jwk": stranger.jwk(), "jku": "https://evil.test/"}),
                     "crit": lambda: make(**PERSON, header={"crit": ["exp"]}), "cut": lambda: make(**PERSON)[:-4],
                     "more": lambda: make(**PERSON) + "AAAA",
                     "a point more": lambda: make(**PERSON) + ".x", "a space": lambda: make(**PERSON).replace(".", ". ", 1)}[fault](), None)


def test_JOSE_15_huge_and_broken_tokens(signed):
    before, key = signed.postern.resident(), signed.provider.keys[0]
    head = {"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}
    for token in ("A" * 7000, "." * 7000, "A" * 60_000, "." * 60_000, ".", "..", "a.b", "a.b.c", "a.b.c.d.e", "é", "%00",
                  jwt(head, b"[" * 4000, key.sign),
                  jwt(head, b'{"a":' * 900 + b"1" + b"}" * 900, key.sign), jwt(b"[" * 4000, {}, key.sign), jwt(head, b"null", key.sign),
                  jwt(head, b'{"sub":"\xff\xfe"}', key.sign), jwt(head, b'{"a":"' + b"\\u0000" * 500 + b'"}', key.sign)):
        started = time.monotonic()
        assert call(signed, token.encode("utf-8").decode("latin-1")).status >= 400, token[:40]
        assert at_socket(signed, token).status >= 400 and time.monotonic() - started < 1
    accepted(signed, signed.provider.make_access_token(**PERSON))
    assert signed.postern.resident() - before < 32 * 1024 * 1024


# Other tokens of the same provider


@pytest.mark.parametrize("typ", [None, "", "JWT", "jwt", "id_token", "logout+jwt", "dpop+jwt", "application/jwt", "oauth-authz-req+jwt",
                                 "at+jwt2", "xat+jwt", 1, ["at+jwt"]],
                         ids=repr)
def test_a_token_of_another_type_is_no_access_token(signed, typ):
    refused(signed, signed.provider.make_access_token(**PERSON, typ=typ))


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
def test_both_names_of_the_type_are_good(signed, typ):
    accepted(signed, signed.provider.make_access_token(**PERSON, typ=typ))


def test_an_id_token_or_a_logout_token_is_no_access_token(make_site):
    """Not even where somebody configured the client's own id as an audience."""
    site = bearer_site(make_site, {"audiences": ["https://api.test", "rp1"]})
    seen = []
    usual = site.provider.make_id_token
    site.provider.make_id_token = lambda claims: seen.append(usual(claims)) or seen[-1]
    browser = site.signed_in()
    refused(site, seen[0])
    refused(site, site.provider.make_logout_token(sub="alice-1", **PERSON))
    refused(site, site.provider.make_logout_token(sub="alice-1", typ="JWT", client_id="rp1", **PERSON))
    refused(site, browser.cookies.jar["__Host-postern"])
    refused(site, [token for token in site.provider.refresh_tokens][0])
    accepted(site, list(site.provider.grants)[0])


def test_an_access_token_is_no_id_token(signed):
    for changes in ({}, {"aud": "rp1"}, {"aud": ["rp1", "https://api.test"], "azp": "rp1"}):
        signed.provider.make_id_token = lambda claims: signed_by(signed.provider.keys[0],
                                                                 {**claims, "client_id": "rp1", "scope": "openid", "jti": "x", **changes},
                                                                 "at+jwt")
        browser = signed.browser()
        assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar


def test_an_access_token_ends_no_session(signed):
    browser = signed.signed_in()
    token = signed.provider.make_access_token(aud=["rp1", "https://api.test"], events={LOGOUT_EVENT: {}})
    assert signed.browser().send("/oauth2/backchannel_logout", "POST", [("Content-Type", "application/x-www-form-urlencoded")],
                                 f"logout_token={token}".encode()).status == 400
    assert browser.get("/").is_protected


@pytest.mark.parametrize("confirmation",
                         [{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
                          {"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}, {"jwk": {}}, {"kid": "x"}],
                         ids=lambda value: list(value)[0])
def test_a_token_bound_to_a_key_is_no_bearer_token(signed, confirmation):
    """RFC 9449, section 7.2, and RFC 8705, section 3: who stole it must not be able to use it."""
    refused(signed, signed.provider.make_access_token(**PERSON, cnf=confirmation), None)


def test_a_token_of_one_provider_is_nothing_at_another(make_site):
    other, third = Provider(), Provider()
    other.keys, third.keys = [Key(kid="other")], [Key(kid="third")]
    site = extended_site(make_site, {"access_tokens": SIGNED}, rules=[
        {"paths": ["/corp/*"], "providers": ["corp"], "allow": {"everyone": True}}, *RULES], providers={
            "corp": settings_of(other, client_authentication="none", sign_in=False, access_tokens={"audiences": ["urn:corp"]}),
            "third": settings_of(third, client_authentication="none")})
    mine, theirs = site.provider, {**PERSON, "preferred_username": "eve"}
    accepted(site, mine.make_access_token(**PERSON))
    accepted(site, other.make_access_token(**theirs, aud="urn:corp"), "eve")
    accepted(site, other.make_access_token(**theirs, aud="urn:corp"), "eve", "/corp/x")
    for token in (other.make_access_token(**theirs), mine.make_access_token(**PERSON, aud="urn:corp"),
                  other.make_access_token(**theirs, iss=mine.issuer),
                  mine.make_access_token(**PERSON, iss=other.issuer, aud="urn:corp"), mine.make_access_token(key=other.keys[0], **PERSON),
                  other.make_access_token(key=mine.keys[0], **theirs, aud="urn:corp"), third.make_access_token(**theirs),
                  third.make_access_token(**theirs, iss=mine.issuer)):
        refused(site, token)
    assert call(site, mine.make_access_token(**PERSON), "/corp/x").status in (401, 403)
    assert site.browser().get("/x").status == 302 and other.count("authorize") == 0
    other.close()
    third.close()


def test_scopes_that_a_token_must_have(make_site):
    site = bearer_site(make_site, {**SIGNED, "scopes": ["api", "read"]})
    make = site.provider.make_access_token
    for scope in ("api", "read", "", None, "apiread", "API READ", "api,read", "xapi readx", ["api", "read"], 1, "api\tread"):
        response = call(site, make(**PERSON, scope=scope))
        assert response.status in (401, 403) and not response.is_protected, scope
    for scope in ("api read", "read other api"):
        accepted(site, make(**PERSON, scope=scope))


def test_DISC_03_a_flood_of_tokens_with_unknown_keys(make_site):
    site = bearer_site(make_site, SIGNED)
    good = site.provider.make_access_token(**PERSON)
    cookie = site.signed_in().cookies.header()
    assert call(site, good).is_protected
    before, statuses = site.provider.count("jwks"), []
    _, claims = parts(good)
    end = time.monotonic() + 9.5

    def flood(number):
        count = 0
        while len(statuses) < 1000 and time.monotonic() < end:
            count += 1
            token = jwt({"alg": "RS256", "typ": "at+jwt", "kid": f"{number}-{count}"}, claims, lambda _: b"x" * 256)
            statuses.append(call(site, token).status)
    threads = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert call(site, good).is_protected and fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
    assert call(site, site.provider.make_access_token(**PERSON)).is_protected and site.signed_in()
    assert any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    assert set(statuses) <= {401, 500, 503} and len(statuses) > 200 and site.provider.count("jwks") - before <= 2


def test_DISC_04_keys_rotate(make_site):
    site = bearer_site(make_site, SIGNED)
    accepted(site, site.provider.make_access_token(**PERSON))
    before = site.provider.count("jwks")
    site.provider.keys = [Key(kid="new")]
    accepted(site, site.provider.make_access_token(**PERSON))
    assert site.provider.count("jwks") - before == 1


def test_DISC_04_while_keys_are_fetched_checks_go_on(make_site):
    site = bearer_site(make_site, SIGNED)
    cookie, good = site.signed_in().cookies.header(), site.provider.make_access_token(**PERSON)
    accepted(site, good)
    site.provider.keys = [Key(kid="new")]
    site.provider.delay["jwks"] = 2
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call(site, site.provider.make_access_token(**PERSON)).is_protected))
               for _ in range(10)]
    for thread in threads:
        thread.start()
    end, slowest = time.monotonic() + 1.5, 0
    while time.monotonic() < end:
        started = time.monotonic()
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
        slowest = max(slowest, time.monotonic() - started)
    for thread in threads:
        thread.join()
    assert slowest < 0.5 and answers == [True] * 10


@pytest.mark.parametrize("tokens, message", [({"audiences": [""]}, "empty"),
                                             ({"introspection": "maybe"}, "introspection"),
                                             ({"audiences": ["x"], "cache": "-1s"}, "cache"), ({"audience": ["x"]}, "audiences")])
def test_REL_11_mistakes(make_site, tokens, message):
    site = make_site()
    site.postern.write(merged(site.settings, {"providers": {"op": {"access_tokens": tokens}}}))
    done = site.postern.run("check", check=False)
    assert done.returncode == 78 and message in done.stderr, done.stderr


# A client library


class Gateway(HTTPAdapter):
    """The site by its name, without a name server."""

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, **options, server_hostname="app.test", assert_hostname="app.test")


@pytest.mark.parametrize("kind", ["signed", "opaque"])
def test_requests_oauthlib_gets_a_token_and_calls_the_api(make_site, authority, kind):
    provider = Provider(authority.issue("127.0.0.1"),
                        offers=["introspection", "programs", *(["jwt access tokens"] if kind == "signed" else [])])
    op = {"insecure_http": None, "ca_file": authority.path, "access_tokens": SIGNED if kind == "signed" else LOOKED_UP}
    site = make_site({"providers": {"op": op}, "rules": RULES}, provider=provider)
    site.owns_provider = True
    with OAuth2Session(client=BackendApplicationClient(client_id="program", scope=["api"])) as session:
        session.trust_env = False
        session.mount(f"https://127.0.0.1:{site.port}", Gateway())
        api = f"https://127.0.0.1:{site.port}/programs/report?x=1"
        wanted = requests.Session()
        wanted.trust_env = False
        wanted.mount(f"https://127.0.0.1:{site.port}", Gateway())
        without = wanted.get(api, headers={"Host": "app.test", "Accept": "application/json"}, verify=authority.path)
        assert without.status_code == 401 and without.headers["WWW-Authenticate"].startswith("Bearer")
        token = session.fetch_token(f"{provider.issuer}/token", client_id="program", client_secret=SECRET, verify=authority.path)
        answer = session.get(api, headers={"Host": "app.test"}, verify=authority.path)
        assert answer.status_code == 200 and answer.text.startswith("PROTECTED")
        told = {name.lower(): value for name, value in json.loads(answer.text.split("\n", 1)[1])["headers"]}
        assert told["x-auth-request-user"] == "program"
        posted = session.post(api, data=b"x", headers={"Host": "app.test"}, verify=authority.path)
        assert posted.status_code == 200
        elsewhere = session.get(f"https://127.0.0.1:{site.port}/admin/x", headers={"Host": "app.test"}, verify=authority.path)
        assert elsewhere.status_code == 403
        assert token["token_type"] == "Bearer"
        wanted.close()
