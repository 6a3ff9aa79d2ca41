"""Tokens bound to a key of ours (DPoP, RFC 9449): a proof at each call, nonces of the server, and no way back to a bearer token."""
import base64
import json
import time

import pytest

from harness.browser import other
from harness.extended import asked_at, extended_site, mistakes, settings_of
from harness.provider import PASS, Provider
from harness.servers import wait_until
from harness.tokens import b64, parts, thumbprint
from test_flow import query_of


def dpop_site(make_site, op=None, offers=("dpop",), **changes):
    return extended_site(make_site, {"dpop": True, **(op or {})}, offers, **changes)


def proofs(site, endpoint=None):
    """Header and claims of each proof, in the order of the calls."""
    with site.provider.lock:
        calls = [call for call in site.provider.calls if endpoint in (None, call["endpoint"]) and "DPoP" in call["headers"]]
    return [parts(call["headers"]["DPoP"]) for call in calls]


def refused(site):
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected
    return response


def test_a_proof_at_each_call(make_site):
    site = dpop_site(make_site)
    site.signed_in()
    assert site.provider.complaints == []
    token, userinfo = proofs(site, "token"), proofs(site, "userinfo")
    assert len(token) == len(userinfo) == 1
    for header, claims in token + userinfo:
        assert header["typ"] == "dpop+jwt" and header["alg"] in ("ES256", "EdDSA") and "kid" not in header and "d" not in header["jwk"]
        assert len(claims["jti"]) >= 22 and abs(claims["iat"] - time.time()) < 10
    assert "ath" not in token[0][1] and userinfo[0][1]["ath"]
    grant = next(iter(site.provider.grants.values()))
    assert grant["claims"]["cnf"]["jkt"] == thumbprint(token[0][0]["jwk"]) == thumbprint(userinfo[0][0]["jwk"])
    authorization = next(call["headers"]["Authorization"] for call in site.provider.calls if call["endpoint"] == "userinfo")
    assert authorization.startswith("DPoP ")


def test_a_proof_is_for_an_address_without_its_query(make_site):
    def prepare(provider):
        provider.discovery_changes.update(userinfo_endpoint=f"{provider.issuer}/userinfo?schema=openid",
                                          token_endpoint=f"{provider.issuer}/token?a=b")
    site = dpop_site(make_site, prepare=prepare)
    assert site.signed_in() and site.provider.complaints == [] and site.provider.count("userinfo") == 1
    assert {claims["htu"] for _, claims in proofs(site)} == {f"{site.provider.issuer}/userinfo", f"{site.provider.issuer}/token"}


def test_off_unless_asked_for(make_site):
    site = extended_site(make_site, offers=("dpop",))
    site.signed_in()
    assert proofs(site) == []


def test_the_request_names_the_key_ahead(make_site):
    site = dpop_site(make_site)
    browser = site.browser()
    response = browser.get("/x")
    asked = query_of(response.location)
    assert browser.follow(response).is_protected
    if "dpop_jkt" in asked:
        assert asked["dpop_jkt"] == thumbprint(proofs(site, "token")[0][0]["jwk"])


@pytest.mark.parametrize("offers", [("dpop", "par"), ("dpop", "required par")])
def test_together_with_a_pushed_request(make_site, offers):
    site = dpop_site(make_site, offers=offers)
    site.provider.method = "basic"
    assert site.signed_in() and site.provider.complaints == []
    assert set(query_of(other(site.browser().get("/x").location).url)) == {"client_id", "request_uri"}
    nonce = "par-nonce-1"
    site.provider.nonces["par"] = nonce
    if proofs(site, "par"):
        assert site.signed_in() and site.provider.complaints == [] and proofs(site, "par")[-1][1]["nonce"] == nonce


def test_no_proof_is_used_twice(make_site):
    site = dpop_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.nonces["token"] = "nonce-1"
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: len(asked_at(site, "token")) >= 3, what="the refresh and its repetition")
    assert site.signed_in() and site.signed_in()
    seen = [claims["jti"] for _, claims in proofs(site)]
    assert len(seen) == len(set(seen)) >= 8 and site.provider.complaints == []


def test_a_refresh_stays_with_the_key(make_site):
    site = dpop_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    keys = {thumbprint(header["jwk"]) for header, _ in proofs(site)}
    assert len(keys) == 1 and site.provider.complaints == []


def test_a_refresh_after_a_restart_stays_with_the_key(make_site):
    """A provider may bind the refresh token, too (section 5): the key must outlive the process."""
    site = dpop_site(make_site)
    site.provider.access_lifetime = 4
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    before = {thumbprint(header["jwk"]) for header, _ in proofs(site)}
    site.restart()
    time.sleep(4.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    assert {thumbprint(header["jwk"]) for header, _ in proofs(site)} == before and site.provider.complaints == []


def test_revocation_at_a_sign_out_works_with_bound_tokens(make_site):
    site = dpop_site(make_site, offers=("dpop", "revocation"))
    site.provider.method = "basic"
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    assert site.provider.complaints == []


# Nonces of the server (sections 8 and 9)


def test_the_token_endpoint_asks_for_a_nonce(make_site):
    site = dpop_site(make_site)
    site.provider.nonces["token"] = "token-nonce-1"
    site.signed_in()
    assert [claims.get("nonce") for _, claims in proofs(site, "token")] == [None, "token-nonce-1"] and site.provider.complaints == []
    site.signed_in()
    assert [claims.get("nonce") for _, claims in proofs(site, "token")][2:] == ["token-nonce-1"], "it is remembered"


def test_userinfo_asks_for_another_nonce(make_site):
    site = dpop_site(make_site)
    site.provider.nonces.update(token="token-nonce-1", userinfo="userinfo-nonce-1")
    site.signed_in()
    assert [claims.get("nonce") for _, claims in proofs(site, "userinfo")][-1] == "userinfo-nonce-1" and site.provider.complaints == []
    assert site.provider.count("userinfo") == 2 and site.provider.count("token") == 2


def test_a_nonce_changes_with_any_answer(make_site):
    site = dpop_site(make_site)
    site.signed_in()

    def renew(call, usual):
        site.provider.nonces[call["endpoint"]] = f"nonce-{len(site.provider.calls)}"
        return usual[0], {**usual[1], "DPoP-Nonce": site.provider.nonces[call["endpoint"]]}, usual[2]
    site.provider.replace.update(token=renew)
    for _ in range(3):
        site.signed_in()
    assert site.provider.complaints == [] and site.provider.count("token") == 4, "a nonce of a good answer is used in the next call"


def test_a_refresh_with_a_nonce(make_site):
    site = dpop_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    site.provider.nonces["token"] = "late-nonce"
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 3, what="the repetition")
    assert proofs(site, "token")[-1][1]["nonce"] == "late-nonce" and not site.provider.dead_families


@pytest.mark.parametrize("endpoint", ["token", "userinfo"])
def test_a_provider_that_never_has_enough_of_nonces(make_site, endpoint):
    site = dpop_site(make_site)
    count = []

    def again(call):
        count.append(1)
        status = 400 if endpoint == "token" else 401
        return status, {"Content-Type": "application/json", "DPoP-Nonce": f"n{len(count)}",
                        "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, b'{"error":"use_dpop_nonce"}'
    site.provider.instead[endpoint] = again
    refused(site)
    assert 1 <= len(count) <= 3
    site.provider.instead.clear()
    assert site.signed_in()


@pytest.mark.parametrize("nonce", ["", "x" * 20_000, 'a"b\\c', "a b", "é", "a\tb", "{}", "a,b", None, "\x7f"],
                         ids=lambda value: ascii(value)[:20])
def test_hostile_nonces(make_site, nonce):
    """Each is put into a proof as it came, or not at all; it never becomes a header, nor an endless repetition."""
    site = dpop_site(make_site)
    headers = {"Content-Type": "application/json", **({} if nonce is None else {"DPoP-Nonce": nonce})}
    site.provider.instead["token"] = lambda call: (400, headers, b'{"error":"use_dpop_nonce"}')
    refused(site)
    assert site.provider.count("token") <= 3
    for _, claims in proofs(site, "token"):
        assert claims.get("nonce") in (None, nonce) or nonce == "é"
    site.provider.instead.clear()
    assert site.is_alive()


def test_a_nonce_of_one_provider_is_not_shown_to_another(make_site):
    second = Provider(offers=["dpop"])
    site = dpop_site(make_site, providers={"corp": settings_of(second, dpop=True, client_authentication="none")})
    site.provider.nonces["token"] = "of-op"
    for name in ("op", "corp"):
        browser = site.browser()
        assert browser.follow(browser.get(f"/oauth2/start?provider={name}")).is_protected
    calls = [call for call in second.calls if "DPoP" in call["headers"]]
    assert calls and not [call for call in calls if parts(call["headers"]["DPoP"])[1].get("nonce")]
    own = {thumbprint(header["jwk"]) for header, _ in proofs(site)}
    assert not own & {thumbprint(parts(call["headers"]["DPoP"])[0]["jwk"]) for call in calls} or len(own) == 1
    second.close()


# Downgrades


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "MAC", "", None, "DPoP,Bearer", 1, "N_A"])
def test_a_token_of_another_type_is_not_taken(make_site, kind):
    site = dpop_site(make_site)

    def other_type(call, usual):
        answer = {**json.loads(usual[2]), "token_type": kind}
        return usual[0], usual[1], json.dumps(answer).encode()
    site.provider.replace["token"] = other_type
    refused(site)
    assert site.provider.count("userinfo") == 0, "the token was sent on as it was"


@pytest.mark.parametrize("kind", ["dpop", "DPOP", "dPoP"])
def test_the_type_is_compared_without_case(make_site, kind):
    site = dpop_site(make_site)
    site.provider.replace["token"] = lambda call, usual: (usual[0], usual[1],
                                                          usual[2].replace(b'"token_type": "DPoP"', f'"token_type": "{kind}"'.encode()))
    assert site.signed_in() and site.provider.complaints == []


def test_a_refresh_that_brings_a_bearer_token_is_not_taken(make_site):
    site = dpop_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    before = site.provider.count("userinfo")
    site.provider.replace["token"] = lambda call, usual: (usual[0], usual[1], usual[2].replace(b"DPoP", b"Bearer"))
    time.sleep(2.2)
    browser.get("/")
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    time.sleep(0.3)
    later = [call["headers"]["Authorization"] for call in site.provider.calls if call["endpoint"] == "userinfo"][before:]
    assert not [value for value in later if not value.startswith("DPoP ")]


@pytest.mark.parametrize("challenge", ['Bearer error="invalid_token"', 'Bearer', 'DPoP error="invalid_token", Bearer', None])
def test_a_challenge_does_not_turn_a_bound_token_into_a_bearer_token(make_site, challenge):
    site = dpop_site(make_site)
    site.provider.instead["userinfo"] = lambda call: (401, {"WWW-Authenticate": challenge} if challenge else {}, b"")
    refused(site)
    assert all(call["headers"]["Authorization"].startswith("DPoP ") for call in site.provider.calls if call["endpoint"] == "userinfo")


def test_a_provider_that_says_the_proof_is_wrong(make_site):
    site = dpop_site(make_site)
    site.provider.instead["token"] = lambda call: (400, {"Content-Type": "application/json"}, b'{"error":"invalid_dpop_proof"}')
    refused(site)
    assert site.provider.count("token") <= 2
    site.provider.instead["token"] = lambda call: PASS
    assert site.signed_in()


def test_LEAK_01_the_key_is_in_no_answer_and_no_log(make_site):
    site = dpop_site(make_site)
    browser = site.signed_in()
    public = proofs(site)[0][0]["jwk"]
    assert public["x"] not in site.browser().fetch("/oauth2/jwks.json").text, "a proof's key vouches for nothing else"
    assert "-----BEGIN" not in site.postern.log and '"d"' not in site.postern.log
    assert not [header for header, _ in browser.get("/").headers if header.lower() == "dpop"]
    raw = base64.urlsafe_b64decode(public["x"] + "=")
    with open(f"{site.folder}/sessions.db", "rb") as file:
        stored = file.read()
    assert raw not in stored and b64(raw).encode() not in stored


def test_REL_11_a_truth_is_a_truth(site):
    assert mistakes(site, {"dpop": "maybe"}).returncode == 78
