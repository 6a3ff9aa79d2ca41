"""`profile: fapi2`: the FAPI 2.0 Security Profile's demands are on, and what it forbids is refused."""
import json
import os
import time

import pytest

from harness.extended import asked_at, key_file, mistakes, published_keys
from harness.provider import Key, Provider
from harness.servers import wait_until
from harness.site import merged
from harness.tokens import parts, signed_by
from test_flow import query_of

OFFERS = ("required par", "dpop", "assertions", "revocation")


def fapi_site(make_site, authority, op=None, offers=OFFERS, prepare=None, kind="ES256", **changes):
    """The provider has TLS and signs with ES256; it takes nothing but what the profile allows."""
    provider = Provider(authority.issue("127.0.0.1"), offers=offers)
    provider.keys, provider.method, provider.assertion_audience = [Key("ES256", "fapi")], "private_key_jwt", "issuer"
    if prepare:
        prepare(provider)
    settings = {"profile": "fapi2", "dpop": True, "insecure_http": None, "ca_file": authority.path, "client_secret_file": None,
                "client_key_file": key_file(Key(kind)), **(op or {})}
    site = make_site(merged({"providers": {"op": settings}}, changes), provider=provider)
    site.owns_provider = True
    keys = published_keys(site)
    provider.client_keys = lambda: keys
    return site


def refused(site, make=None):
    if make:
        site.provider.make_id_token = make
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected
    return response


@pytest.mark.parametrize("kind", ["ES256", "EdDSA", "RS256"])
def test_happy_path(make_site, authority, kind):
    site = fapi_site(make_site, authority, kind=kind)
    browser = site.browser()
    location = browser.get("/x").location
    assert set(query_of(location)) == {"client_id", "request_uri"}
    assert browser.follow(browser.visit(location)).is_protected and site.provider.complaints == []
    for form in asked_at(site, "par") + asked_at(site, "token"):
        header, claims = parts(form["client_assertion"])
        assert claims["aud"] == site.provider.issuer and header["alg"] in ("ES256", "EdDSA", "Ed25519", "PS256"), header
    assert asked_at(site, "par")[0]["code_challenge_method"] == "S256"
    grant = next(iter(site.provider.grants.values()))["claims"]
    assert grant["cnf"]["jkt"]
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    assert site.provider.complaints == []


def test_happy_path_with_nonces_and_a_refresh(make_site, authority):
    site = fapi_site(make_site, authority)
    site.provider.nonces.update(token="t1", userinfo="u1")
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: [form for form in asked_at(site, "token") if form["grant_type"] == "refresh_token"], what="the refresh")
    assert site.provider.complaints == []


def test_with_certificates(make_site, authority):
    certificate, key = authority.issue("rp1")
    os.chmod(key, 0o600)
    provider = Provider(authority.issue("127.0.0.1"), offers=("required par", "tls"), client_authority=authority.path)
    provider.keys, provider.method = [Key("ES256", "fapi")], "tls"
    site = make_site({"providers": {"op": {"profile": "fapi2", "insecure_http": None, "ca_file": authority.path, "client_secret_file": None,
                                           "client_authentication": "tls", "client_certificate_file": certificate,
                                           "client_key_file": key}}}, provider=provider)
    site.owns_provider = True
    assert site.signed_in() and provider.complaints == []
    assert next(iter(provider.grants.values()))["claims"]["cnf"]["x5t#S256"]


def test_rs256_is_not_good_enough(make_site, authority):
    site = fapi_site(make_site, authority)
    site.provider.keys = [Key("RS256", "old")]
    refused(site)
    site.provider.keys = [Key("PS256", "pss")]
    site.provider.discovery_changes = {}
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.is_protected or response.status >= 400


def with_claims(site, **changes):
    return lambda claims: signed_by(site.provider.keys[0], {**claims, **changes})


@pytest.mark.parametrize("fault", ["invalid-iss", "invalid-missing-iss", "invalid-aud", "invalid-missing-aud", "invalid-secondary-aud",
                                   "invalid-expired-exp",
                                   "invalid-missing-exp", "invalid-nonce", "invalid-missing-nonce", "invalid-null-alg",
                                   "invalid-alternate-alg"])
def test_modules_on_the_id_token(make_site, authority, fault):
    site = fapi_site(make_site, authority)
    if fault == "invalid-null-alg":
        make = lambda claims: signed_by(site.provider.keys[0], claims, alg="none").rsplit(".", 1)[0] + "."  # noqa: E731
    elif fault == "invalid-alternate-alg":
        other = Key("RS256", "fapi")
        make = lambda claims: signed_by(other, claims)  # noqa: E731
    else:
        changes = {"invalid-iss": {"iss": site.provider.issuer + "1"}, "invalid-missing-iss": {"iss": None},
                   "invalid-aud": {"aud": "other"},
                   "invalid-missing-aud": {"aud": None}, "invalid-secondary-aud": {"aud": ["rp1", "other"]},
                   "invalid-expired-exp": {"exp": int(time.time()) - 360},
                   "invalid-missing-exp": {"exp": None}, "invalid-nonce": {"nonce": "x"}, "invalid-missing-nonce": {"nonce": None}}[fault]
        make = with_claims(site, **changes)
    refused(site, make)


def test_valid_aud_as_array(make_site, authority):
    site = fapi_site(make_site, authority)
    site.provider.make_id_token = with_claims(site, aud=["rp1"])
    assert site.signed_in()


@pytest.mark.parametrize("iss", [None, "https://evil.test", "", "ISSUER/"], ids=str)
def test_the_issuer_of_the_authorization_response(make_site, authority, iss):
    """Even where discovery does not say that it is sent: the profile demands it."""
    silent = {"authorization_response_iss_parameter_supported": None}
    site = fapi_site(make_site, authority, prepare=lambda provider: provider.discovery_changes.update(silent))
    browser = site.browser()
    answer = query_of(browser.callback_url("/"))
    query = f"code={answer['code']}&state={answer['state']}"
    if iss is not None:
        query += "&iss=" + iss.replace("ISSUER", site.provider.issuer)
    response = browser.get(f"/oauth2/callback?{query}")
    assert response.status >= 400 and site.provider.count("token") == 0 and "__Host-postern" not in browser.cookies.jar


def test_state_that_is_missing_or_another(make_site, authority):
    site = fapi_site(make_site, authority)
    for state in ("", "&state=", "&state=x"):
        browser = site.browser()
        answer = query_of(browser.callback_url("/"))
        response = browser.get(f"/oauth2/callback?code={answer['code']}{state}&iss={site.provider.issuer}")
        assert response.status >= 400 and site.provider.count("token") == 0


@pytest.mark.parametrize("kind", ["DPoP", "dpop", "DPOP"])
def test_token_type_case_insensitivity(make_site, authority, kind):
    site = fapi_site(make_site, authority)
    site.provider.replace["token"] = lambda call, usual: (usual[0], usual[1], usual[2].replace(b'"DPoP"', f'"{kind}"'.encode()))
    assert site.signed_in()


@pytest.mark.parametrize("kind", ["Bearer", "", "MAC"])
def test_a_token_that_anybody_could_use(make_site, authority, kind):
    site = fapi_site(make_site, authority)
    site.provider.replace["token"] = lambda call, usual: (usual[0], usual[1], usual[2].replace(b'"DPoP"', f'"{kind}"'.encode()))
    refused(site)
    assert site.provider.count("userinfo") == 0


def test_a_token_answer_without_expires_in(make_site, authority):
    site = fapi_site(make_site, authority)

    def without(call, usual):
        answer = json.loads(usual[2])
        answer.pop("expires_in")
        return usual[0], usual[1], json.dumps(answer).encode()
    site.provider.replace["token"] = without
    assert site.signed_in()


@pytest.mark.parametrize("offers", [("dpop", "assertions"), ("required par", "assertions"), ("required par", "dpop")], ids=str)
def test_a_provider_that_cannot_do_it(make_site, authority, offers):
    """No pushed requests: nothing else will do. What is merely not announced may still work, but never in a weaker form."""
    site = fapi_site(make_site, authority, offers=offers)
    browser = site.browser()
    response = browser.get("/x")
    if "required par" not in offers:
        assert response.status in (500, 502, 503) and response.location is None and site.provider.count("authorize") == 0
    elif response.status == 302:
        browser.follow(response)
        assert set(query_of(response.location)) == {"client_id", "request_uri"} and site.provider.complaints == []
        assert all(entry["claims"]["cnf"] for entry in site.provider.grants.values())


def test_discovery_issuer_mismatch(make_site, authority):
    site = fapi_site(make_site, authority, prepare=lambda provider: provider.discovery_changes.update(issuer=provider.issuer + "/"))
    assert site.browser().get("/x").status == 503 and site.provider.count("par") == 0


FORBIDDEN = [{"client_authentication": "basic", "client_secret": "x" * 20}, {"client_authentication": "post", "client_secret": "x" * 20},
             {"client_authentication": "none"},
             {"client_authentication": "client_secret_jwt", "client_secret": "x" * 40}, {"pushed_authorization": "never"}, {"dpop": False},
             {"dpop": None},
             {"insecure_http": True},
             {"client_key_file": None}, {"issuer": "http://127.0.0.1:1", "insecure_http": True}, {"kind": "oauth2"}, {"kind": "github"},
             {"profile": "fapi3"}, {"profile": "fapi1"}]


@pytest.mark.parametrize("op", FORBIDDEN, ids=str)
def test_REL_11_what_the_profile_forbids(site, op):
    base = {"profile": "fapi2", "dpop": True, "issuer": "https://op.test", "insecure_http": None, "client_secret_file": None,
            "client_key_file": key_file(Key("ES256"))}
    done = mistakes(site, {**base, **op})
    assert done.returncode == 78, done.stdout + done.stderr


def test_the_profile_chooses_what_it_leaves_no_choice_about(site):
    done = mistakes(site, {"profile": "fapi2", "dpop": True, "issuer": "https://op.test", "insecure_http": None, "client_secret_file": None,
                           "client_key_file": key_file(Key("ES256"))})
    assert done.returncode == 0, done.stderr
