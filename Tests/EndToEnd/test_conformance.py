"""The OpenID Foundation's client modules by name: each is played by our provider, and judged at the protected URL and by the calls."""
import functools
import json
import secrets
import time
import urllib.parse

import pytest

from harness.conformance import (
    accepts, answered, assert_requests, by_shared_secret, challenged_in_other_case, claims, discovery, keys, rejects, replaced,
    signed, signed_by_the_same_key_as_rs256, spoiled, suite, unsigned, unusable_keys, used_as_published, without)
from harness.extended import FORM
from harness.extensions import form_page, json_answer, with_query
from harness.provider import Key
from harness.servers import wait_until
from harness.site import told_of
from harness.tokens import b64, signed_by

FRONTS = [pytest.param("nginx", id=pytest.HIDDEN_PARAM)]  # a module's name is the whole id
OIDCC, FAPI = "oidcc-client-test", "fapi2-security-profile-final-client-"
LOGOUT = "-rp-backchannel-rpinitlogout"


def named(prefix, names):
    return [prefix + name.removeprefix("+") for name in names.split()]


# Every client module of the two families (openid-certification/conformance-suite), each under the first plan that has it; `+` stands
# for the module without a suffix.
BASIC = named(OIDCC, "+ -invalid-iss -missing-sub -invalid-aud -missing-iat -kid-absent-single-jwks -kid-absent-multiple-jwks "
              "-idtoken-sig-rs256 -idtoken-sig-none -invalid-sig-rs256 -userinfo-invalid-sub -nonce-invalid -scope-userinfo-claims "
              "-client-secret-basic")
PLANS = {
    "Basic": BASIC,
    "Config": named(OIDCC, "-discovery-openid-config -discovery-jwks-uri-keys -discovery-issuer-mismatch -signing-key-rotation "
                    "-signing-key-rotation-just-before-signing"),
    "Dynamic": named(OIDCC, "-discovery-webfinger-acct -discovery-webfinger-url -dynamic-registration -request-uri-signed-rs256 "
                     "-request-uri-signed-none -userinfo-signed"),
    "Form Post": named(OIDCC, "-form-post-error"),
    "Hybrid, Implicit": named(OIDCC, "-nonce-unless-code-flow -invalid-athash -missing-athash -invalid-chash -missing-chash"),
    "refresh": named(OIDCC + "-refresh-token", "+ -invalid-issuer -invalid-sub -invalid-aud -invalid-azp"),
    "third party": named(OIDCC, "-3rd-party-init-login"),
    "logout": named(OIDCC, "-rp-init-logout -rp-init-logout-no-state -rp-init-logout-other-state -rp-frontchannel-rpinitlogout "
                    "-rp-frontchannel-opinitlogout -session-management")
              + named(OIDCC + LOGOUT, "+ -alg-none -wrong-alg -wrong-iss -wrong-aud -no-event -wrong-event -with-nonce"),
    "in no plan": named(OIDCC, "-missing-aud -invalid-sig-hs256 -invalid-sig-es256 -userinfo-bearer-header -userinfo-bearer-body "
                        "-aggregated-claims -distributed-claims -mtls-endpoint-aliases -ignores-unparseable-key-in-jwks"),
    "FAPI 2.0 Security Profile": named(FAPI, "refresh-token-test") + named(FAPI + "test-", (
        "happy-path happy-path-no-dpop-nonce happy-path-no-mtls-endpoint-aliases discovery-issuer-mismatch invalid-iss "
        "invalid-missing-iss invalid-aud invalid-missing-aud invalid-secondary-aud valid-aud-as-array invalid-null-alg "
        "invalid-alternate-alg invalid-expired-exp invalid-missing-exp invalid-nonce invalid-missing-nonce "
        "invalid-authorization-response-iss remove-authorization-response-iss "
        "ensure-authorization-response-with-invalid-state-fails ensure-authorization-response-with-invalid-missing-state-fails "
        "token-endpoint-response-without-expires_in token-type-case-insensitivity rs-dpop-auth-scheme-case-insensitivity "
        "invalid-openbanking-intent-id grant-management-happy-path grant-management-query-and-revoke "
        "grant-management-invalid-grant-id-fails")),
    "FAPI 2.0 Message Signing": named(FAPI + "test-ensure-jarm-", (
        "without-iss-fails with-invalid-iss-fails without-aud-fails with-invalid-aud-fails without-exp-fails with-expired-exp-fails "
        "with-invalid-sig-fails signature-is-not-none")),
    "Brazil": named(FAPI, "brazildcr-happypath-test")}

DECLINED = {
    "the issuer is configured, not found by WebFinger": named(OIDCC, "-discovery-webfinger-acct -discovery-webfinger-url"),
    "clients are registered by hand": [*named(OIDCC, "-dynamic-registration"), *named(FAPI, "brazildcr-happypath-test")],
    "request objects are sent or pushed by value, never by reference": named(OIDCC, "-request-uri-signed-rs256 -request-uri-signed-none"),
    "only the code flow is offered (RFC 9700, section 2.1.2); a nonce goes with every request all the same":
        named(OIDCC, "-nonce-unless-code-flow -missing-athash -invalid-chash -missing-chash"),
    "access tokens go in the header, which every server must take (RFC 6750, section 2.1)": named(OIDCC, "-userinfo-bearer-body"),
    "claims count when the provider itself says them": named(OIDCC, "-aggregated-claims -distributed-claims"),
    "check_session_iframe needs a script in every page, and third-party cookies": named(OIDCC, "-session-management"),
    "signed authorization responses (JARM) are not offered; iss is demanded (RFC 9207)": PLANS["FAPI 2.0 Message Signing"],
    "UK Open Banking only": named(FAPI, "test-invalid-openbanking-intent-id"),
    "Brazil only: a resource server refuses the first tokens; there is none here": named(FAPI, "refresh-token-test"),
    "grant management is not offered": named(FAPI + "test-grant-management-", "happy-path query-and-revoke invalid-grant-id-fails")}


# How the modules with a course of their own go


def scope_userinfo_claims(start):
    said = {"email": "bob@example.com", "email_verified": True, "preferred_username": "bob"}

    def prepare(op):
        op.person, op.userinfo_claims = {"sub": "bob-1"}, said
    site = start(prepare)
    response = site.browser().sign_in("/")
    assert {"profile", "email"} <= {scope for call in site.provider.calls for scope in call["query"].get("scope", "").split()}
    assert told_of(response, "X-Auth-Request-Email") == ["bob@example.com"] and told_of(response, "X-Auth-Request-User") == ["bob"]
    return site


def signing_key_rotation(start):
    site = accepts()(start)
    site.provider.keys = [Key()]
    assert site.signed_in() and site.provider.count("jwks") == 2
    return site


def signing_key_rotation_just_before_signing(start):
    site, new = accepts()(start), Key()

    def make(said):
        site.provider.keys = [new]
        return signed_by(new, said)
    site.provider.make_id_token = make
    assert site.signed_in() and site.provider.count("jwks") == 2
    return site


def third_party_initiated_login(start):
    site = start()
    browser = site.browser()
    assert browser.follow(browser.get("/oauth2/start?" + urllib.parse.urlencode({"iss": site.provider.issuer}))).is_protected
    return site


def form_post_error(start):
    """The suite's condition for it, prompt=none with max_age=0, is no request of ours: any sign-in may end so."""
    site = start(op={"response_mode": "form_post"}, offers=["form_post"])
    site.provider.replace["authorize"] = lambda call, _: form_page(call["query"]["redirect_uri"], {
        "state": call["query"]["state"], "iss": site.provider.issuer, "error": "login_required", "error_description": "by form_post"})
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.status >= 400 and "<title>" in response.text and "__Host-postern" not in browser.cookies.jar
    assert site.provider.count("token") == 0 and not browser.get("/").is_protected
    return site


def mtls_endpoint_aliases(start):
    site = accepts()(functools.partial(start, auth="tls"))
    address = f"https://127.0.0.1:{site.provider.mtls_port}/token"
    assert [call["url"] for call in site.provider.calls if call["endpoint"] == "token"] == [address]
    return site


def refreshes(is_good, **changes):
    """The first access token is short-lived. Userinfo makes an administrator of whoever shows the one that the refresh brings; it must only
    be asked when the ID token that came along (with `changes`) is good."""
    def judge(start):
        first = []

        def tokens(call, usual):
            answer = json.loads(usual[2])
            if call["form"]["grant_type"] == "authorization_code":
                answer["expires_in"] = 2
                first.append(f"Bearer {answer['access_token']}")
            return json_answer(answer, usual[0])

        def userinfo(call, usual):
            is_first = call["headers"]["Authorization"] in first
            return json_answer({**json.loads(usual[2]), **({} if is_first else {"groups": ["K8S-ADMIN"]})})

        def prepare(op):
            op.replace.update(token=tokens, userinfo=userinfo)
            usual = op.make_id_token
            op.make_id_token = lambda said: usual(said if "nonce" in said else {**said, **changes})
        site = start(prepare)
        browser = site.signed_in()
        wait_until(lambda: browser.get("/").is_protected and site.provider.count("token") == 2, what="the refresh")
        if is_good:
            wait_until(lambda: browser.get("/admin/x").is_protected, what="the new groups")
            assert site.provider.count("userinfo") == 2
        else:
            wait_until(lambda: "claims not taken" in site.postern.log, what="the refusal of the claims")
            assert browser.get("/admin/x").status == 403 and site.provider.count("userinfo") == 1
            assert told_of(browser.get("/"), "X-Auth-Request-User") == ["alice"]
        return site
    return judge


# Logout


def is_over(site, browser, cookies):
    browser.cookies.jar = dict(cookies)
    return not browser.get("/").is_protected


def signs_out(answer=None, is_known=False):
    """`answer` is what comes back as state; without one, what was sent."""
    def judge(start):
        site = start(offers=["logout"])
        if answer:
            site.provider.replace["end_session"] = lambda call, _: (
                302, {"Location": with_query(call["query"]["post_logout_redirect_uri"], answer())}, b"")
        browser = site.signed_in()
        cookies = dict(browser.cookies.jar)
        last = browser.follow(browser.get("/oauth2/sign_out?rd=/public/bye"))
        asked = [call["query"] for call in site.provider.calls if call["endpoint"] == "end_session"]
        assert len(asked) == 1 and asked[0]["state"] and last.status == 200
        assert last.url.endswith("/public/bye") if is_known else not last.is_protected
        assert is_over(site, browser, cookies)
        return site
    return judge


def during_sign_out(start, tell):
    """Somebody signs out with the provider, which tells of another session: the browser that has it, what it was told, and the site.
    `tell` is of the site and the name of that session."""
    site = start(discovery(id_token_signing_alg_values_supported=["RS256"]), offers=["logout"])
    browser, second = site.signed_in(), site.signed_in()
    answers, sid = [], site.provider.sids[-1]
    site.provider.replace["end_session"] = lambda call, usual: answers.append(tell(site, sid)) or usual
    last = browser.follow(browser.get("/oauth2/sign_out"))
    assert last.status == 200 and not last.is_protected and not browser.get("/").is_protected and len(answers) == 1
    return site, second, answers[0]


def backchannel(status, make=lambda op, said: op.make_logout_token(**said), **changes):
    def tell(site, sid):
        made = {name: value(site.provider) if callable(value) else value for name, value in changes.items()}
        token = make(site.provider, {"sub": "alice-1", "sid": sid, **made})
        body = urllib.parse.urlencode({"logout_token": token}).encode()
        return site.browser().send("/oauth2/backchannel_logout", "POST", [FORM], body)

    def judge(start):
        site, second, answer = during_sign_out(start, tell)
        assert answer.status == status and "no-store" in answer.header("Cache-Control")
        if status == 200:
            wait_until(lambda: not second.get("/").is_protected, 2, "the end of the session")
        else:
            time.sleep(0.3)  # a beat, after which every process would know
            assert second.get("/").is_protected
        return site
    return judge


def unsigned_logout_token(op, said):
    header, body, _ = op.make_logout_token(header={"alg": "none", "kid": None}, **said).split(".")
    return f"{header}.{body}."


def logout_token_of_another_algorithm(op, said):
    """A key that is published, but not for what discovery says."""
    op.keys = [*op.keys, Key("ES256", "elliptic")]
    return op.make_logout_token(key=op.keys[-1], **said)


def framed(site, sid):
    """In a frame of the provider's page, where our cookies do not go."""
    query = urllib.parse.urlencode({"iss": site.provider.issuer, "sid": sid})
    return site.browser().send(f"/oauth2/frontchannel_logout?{query}", headers=[
        ("Accept", "text/html"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")])


def assert_framed(answer, browser):
    assert answer.status == 200 and answer.header("X-Frame-Options") is None and "no-store" in answer.header("Cache-Control")
    wait_until(lambda: not browser.get("/").is_protected, 2, "the end of the session")


def frontchannel_by_us(start):
    site, second, answer = during_sign_out(start, framed)
    assert_framed(answer, second)
    return site


def frontchannel_by_the_provider(start):
    site = start(offers=["logout"])
    browser = site.signed_in()
    assert_framed(framed(site, site.provider.sids[-1]), browser)
    return site


# The table


OIDCC_MODULES = {OIDCC + name.removeprefix("+"): judge for name, judge in {
    "+": accepts(),
    "-invalid-iss": rejects(claims(iss=lambda op: op.issuer + "1")),
    "-missing-sub": rejects(claims(sub=None)),
    "-invalid-aud": rejects(claims(aud="rp1-invalid")),
    "-missing-aud": rejects(claims(aud=None)),
    "-missing-iat": rejects(claims(iat=None)),
    "-kid-absent-single-jwks": accepts(keys(Key, with_ids=False)),
    "-kid-absent-multiple-jwks": rejects(keys(Key, Key, with_ids=False)),  # either is right; we do not guess
    "-ignores-unparseable-key-in-jwks": accepts(unusable_keys),
    "-idtoken-sig-rs256": accepts(discovery(id_token_signing_alg_values_supported=["RS256"])),
    "-idtoken-sig-none": rejects(signed(unsigned)),
    "-invalid-sig-rs256": rejects(signed(spoiled)),
    "-invalid-sig-es256": rejects(keys(lambda: Key("ES256"), then=signed(spoiled))),
    "-invalid-sig-hs256": rejects(signed(by_shared_secret)),
    "-invalid-athash": rejects(claims(at_hash=b64(b"0" * 16))),
    "-nonce-invalid": rejects(claims(nonce="another-nonce")),
    "-userinfo-invalid-sub": rejects(replaced("userinfo", lambda said: {**said, "sub": said["sub"] + "1"}), then=None),
    "-userinfo-bearer-header": accepts(),
    "-userinfo-signed": accepts(lambda op: setattr(op, "make_userinfo_token", lambda said: signed_by(
        op.keys[0], {"iss": op.issuer, "aud": "rp1", **said})), offers=["signed userinfo"]),
    "-scope-userinfo-claims": scope_userinfo_claims,
    "-client-secret-basic": accepts(discovery(token_endpoint_auth_methods_supported=["client_secret_basic"])),
    "-mtls-endpoint-aliases": mtls_endpoint_aliases,
    "-discovery-openid-config": accepts(used_as_published(("authorization_endpoint", "authorize"), ("token_endpoint", "token"),
                                                          ("userinfo_endpoint", "userinfo"))),
    "-discovery-jwks-uri-keys": accepts(used_as_published(("jwks_uri", "jwks"))),
    "-discovery-issuer-mismatch": rejects(discovery(issuer=lambda op: op.issuer + "/invalid"), then="authorize"),
    "-signing-key-rotation": signing_key_rotation,
    "-signing-key-rotation-just-before-signing": signing_key_rotation_just_before_signing,
    "-form-post-error": form_post_error,
    "-3rd-party-init-login": third_party_initiated_login,
    "-refresh-token": refreshes(True),
    "-refresh-token-invalid-issuer": refreshes(False, iss="https://evil.test"),
    "-refresh-token-invalid-sub": refreshes(False, sub="mallory-1"),
    "-refresh-token-invalid-aud": refreshes(False, aud="rp1-invalid"),
    "-refresh-token-invalid-azp": refreshes(False, azp="random_azp_value"),
    "-rp-init-logout": signs_out(is_known=True),
    "-rp-init-logout-no-state": signs_out(dict),
    "-rp-init-logout-other-state": signs_out(lambda: {"state": secrets.token_urlsafe(16)}),
    LOGOUT: backchannel(200),
    LOGOUT + "-alg-none": backchannel(400, unsigned_logout_token),
    LOGOUT + "-wrong-alg": backchannel(400, logout_token_of_another_algorithm),
    LOGOUT + "-wrong-iss": backchannel(400, iss=lambda op: op.issuer + "1"),
    LOGOUT + "-wrong-aud": backchannel(400, aud="rp1-invalid"),
    LOGOUT + "-no-event": backchannel(400, events=None),
    LOGOUT + "-wrong-event": backchannel(400, events={"http://schemas.openid.net/event/invalid": {}}),
    LOGOUT + "-with-nonce": backchannel(400, nonce="a-nonce"),
    "-rp-frontchannel-rpinitlogout": frontchannel_by_us,
    "-rp-frontchannel-opinitlogout": frontchannel_by_the_provider}.items()}

FAPI_MODULES = {FAPI + "test-" + name: judge for name, judge in {
    "happy-path": accepts(lambda op: op.nonces.update(par="nonce-1", token="nonce-2", userinfo="nonce-3"), times=2),
    "happy-path-no-dpop-nonce": accepts(),
    "happy-path-no-mtls-endpoint-aliases": accepts(discovery(mtls_endpoint_aliases=None, **{
        name: functools.partial("https://127.0.0.1:{1.mtls_port}/{0}".format, endpoint) for name, endpoint in (
            ("token_endpoint", "token"), ("userinfo_endpoint", "userinfo"), ("pushed_authorization_request_endpoint", "par"))}),
        auth="tls", constrain="tls"),
    "discovery-issuer-mismatch": rejects(discovery(issuer=lambda op: op.issuer + "/invalid"), then="par"),
    "invalid-iss": rejects(claims(iss=lambda op: op.issuer + "1")),
    "invalid-missing-iss": rejects(claims(iss=None)),
    "invalid-aud": rejects(claims(aud="rp1-invalid")),
    "invalid-missing-aud": rejects(claims(aud=None)),
    "invalid-secondary-aud": rejects(claims(aud=["rp1", "another-client"])),
    "valid-aud-as-array": accepts(claims(aud=["rp1"])),
    "invalid-null-alg": rejects(signed(unsigned)),
    "invalid-alternate-alg": rejects(signed_by_the_same_key_as_rs256),
    "invalid-expired-exp": rejects(claims(exp=lambda _: int(time.time()) - 360)),
    "invalid-missing-exp": rejects(claims(exp=None)),
    "invalid-nonce": rejects(claims(nonce="another-nonce")),
    "invalid-missing-nonce": rejects(claims(nonce=None)),
    "invalid-authorization-response-iss": rejects(answered(iss="https://evil.test"), then="token"),
    "remove-authorization-response-iss": rejects(answered(iss=None), then="token"),
    "ensure-authorization-response-with-invalid-state-fails": rejects(answered(state="another-state"), then="token"),
    "ensure-authorization-response-with-invalid-missing-state-fails": rejects(answered(state=None), then="token"),
    "token-endpoint-response-without-expires_in": accepts(replaced("token", lambda said: without(said, "expires_in"))),
    "token-type-case-insensitivity": accepts(replaced("token", lambda said: {**said, "token_type": "dpOp"})),
    "rs-dpop-auth-scheme-case-insensitivity": accepts(challenged_in_other_case, times=2)}.items()}
FORM_POST = {"op": {"response_mode": "form_post"}, "offers": ["form_post"]}
SECURITY_PROFILE = {"op": {"profile": "fapi2"}, "offers": ["required par"], "auth": "private_key_jwt", "constrain": "dpop", "fapi": True}


@pytest.fixture
def start(make_site, authority):
    return functools.partial(suite, make_site, authority)


@pytest.mark.parametrize("module", OIDCC_MODULES, ids=str)
def test_oidcc(start, module):
    assert_requests(OIDCC_MODULES[module](start))


@pytest.mark.parametrize("module", BASIC, ids=str)
def test_form_post(start, module):
    site = OIDCC_MODULES[module](functools.partial(start, **FORM_POST))
    assert_requests(site)
    assert {call["query"]["response_mode"] for call in site.provider.calls if call["endpoint"] == "authorize"} == {"form_post"}


@pytest.mark.parametrize("module", FAPI_MODULES, ids=str)
def test_fapi2(start, module):
    site = FAPI_MODULES[module](functools.partial(start, **SECURITY_PROFILE))
    assert_requests(site)
    assert all(grant["claims"]["cnf"] for grant in site.provider.grants.values())


@pytest.mark.parametrize("auth", ["none", "post", "client_secret_jwt", "private_key_jwt", "tls"])
def test_oidcc_with_client_auth_type(start, auth):
    assert_requests(OIDCC_MODULES[OIDCC](functools.partial(start, auth=auth)))


@pytest.mark.parametrize("auth", ["private_key_jwt", "tls"])
@pytest.mark.parametrize("constrain", ["dpop", "tls"])
def test_fapi2_with_client_auth_type_and_sender_constrain(start, auth, constrain):
    site = accepts()(functools.partial(start, **{**SECURITY_PROFILE, "auth": auth, "constrain": constrain}))
    assert_requests(site)
    bound = next(iter(site.provider.grants.values()))["claims"]["cnf"]
    assert ("jkt" if constrain == "dpop" else "x5t#S256") in bound


def test_every_module_is_tested_or_declined():
    every = [name for names in PLANS.values() for name in names]
    declined = [name for names in DECLINED.values() for name in names]
    assert len(set(every)) == len(every) and len(set(declined)) == len(declined)
    assert sorted([*OIDCC_MODULES, *FAPI_MODULES, *declined]) == sorted(every)
