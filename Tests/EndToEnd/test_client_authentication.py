"""How Postern shows a provider who it is: secrets, assertions that it signs (RFC 7523), certificates (RFC 8705)."""
import json
import os
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from harness.clients import BEARER, common_name
from harness.extended import asked_at, extended_site, key_file, mistakes, published_keys, write_key
from harness.provider import PASS, Key, Provider
from harness.servers import wait_until
from harness.site import SECRET, merged
from harness.tokens import parts, thumbprint

KINDS = ("ES256", "ES384", "ES512", "EdDSA", "RS256")
ALGORITHMS = {"ES256": {"ES256"}, "ES384": {"ES384"}, "ES512": {"ES512"}, "EdDSA": {"EdDSA", "Ed25519"}, "RS256": {"RS256", "PS256"}}


def asserting_site(make_site, kind="ES256", offers=("assertions",), op=None, **changes):
    """A site with a key of its own, and a provider that takes nothing but assertions signed with it."""
    key = Key(kind)
    settings = {"client_authentication": "private_key_jwt", "client_key_file": key_file(key), "client_secret_file": None, **(op or {})}
    site = extended_site(make_site, settings, offers, **changes)
    site.key = key
    strict(site)
    return site


def strict(site):
    site.provider.method = "private_key_jwt"
    keys = published_keys(site)
    site.provider.client_keys = lambda: keys


def assertions(site, endpoint="token"):
    return [parts(form["client_assertion"]) for form in asked_at(site, endpoint)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_assertion_at_each_call(make_site, kind):
    site = asserting_site(make_site, kind, ("assertions", "revocation"))
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    assert site.provider.complaints == []
    seen = assertions(site) + assertions(site, "revoke")
    for header, claims in seen:
        assert header["alg"] in ALGORITHMS[kind] and header["kid"] == published_keys(site)[0]["kid"], header
        assert claims["iss"] == claims["sub"] == "rp1", claims
        assert claims["exp"] - time.time() <= 300 and len(claims["jti"]) >= 22
        assert "jwk" not in header and "x5c" not in header
    assert len({claims["jti"] for _, claims in seen}) == len(seen)
    for form in asked_at(site, "token") + asked_at(site, "revoke"):
        assert form["client_assertion_type"] == BEARER and "client_secret" not in form


@pytest.mark.parametrize("kind", KINDS)
def test_the_public_half_is_published_and_nothing_else(make_site, kind):
    site = asserting_site(make_site, kind)
    response = site.browser().fetch("/oauth2/jwks.json")
    keys = json.loads(response.body)["keys"]
    assert response.header("Content-Type").startswith("application/") and "json" in response.header("Content-Type")
    mine = site.key.jwk()
    assert len(keys) == 1 and {name: keys[0][name] for name in mine if name not in ("kid", "alg", "use")} == {
        name: value for name, value in mine.items() if name not in ("kid", "alg", "use")}
    assert keys[0]["kid"] == thumbprint(mine) and keys[0].get("use", "sig") == "sig" and keys[0].get("alg", kind) in ALGORITHMS[kind]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & set(keys[0])
    assert response.all("Set-Cookie") == [] and site.browser().fetch("/oauth2/jwks.json", cookies=False).body == response.body


def test_without_a_key_there_is_none_to_see(site):
    response = site.browser().fetch("/oauth2/jwks.json")
    assert response.status in (200, 404) and (response.status == 404 or json.loads(response.body) == {"keys": []})
    assert site.browser().send("/oauth2/jwks.json", "POST", body=b"x").status in (404, 405)


@pytest.mark.parametrize("method", ["basic", "post", "client_secret_jwt"])
def test_a_shared_secret(make_site, method):
    site = extended_site(make_site, {"client_authentication": method}, ("assertions", "revocation") if "jwt" in method else ("revocation",))
    site.provider.method = method
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    assert site.provider.complaints == []
    if method == "client_secret_jwt":
        assert {header["alg"] for header, _ in assertions(site)} == {"HS256"}
        assert not [call for call in site.provider.calls if SECRET in json.dumps([call["form"], call["headers"]])]


def test_a_public_client(make_site):
    site = extended_site(make_site, {"client_authentication": "none", "client_secret_file": None}, ("revocation",))
    site.provider.method = "none"
    site.signed_in()
    assert site.provider.complaints == []


@pytest.mark.parametrize("secret", ["a:b c+%/&=?#é€ü-secret", "x" * 200, "\"quoted\\secret\""])
def test_secrets_with_all_kinds_of_characters(make_site, secret):
    site = extended_site(make_site, {"client_authentication": "basic", "client_secret": secret, "client_secret_file": None})
    site.provider.method, site.provider.secret = "basic", secret
    site.provider.every_secret.add(secret)
    assert site.signed_in() and site.provider.complaints == []


def test_a_new_key_counts_after_a_restart(make_site):
    site = asserting_site(make_site)
    old = published_keys(site)
    other = Key("ES384")
    site.postern.stop()
    site.postern.write(merged(site.settings, {"providers": {"op": {"client_key_file": key_file(other)}}}))
    site.postern.start()
    assert published_keys(site)[0]["kid"] == thumbprint(other.jwk()) != old[0]["kid"]
    browser = site.browser()
    assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar, "the provider still has the old key"
    site.provider.complaints.clear()
    strict(site)
    assert site.signed_in() and site.provider.complaints == []


@pytest.mark.parametrize("answer", [(401, "invalid_client"), (400, "invalid_client"), (401, "")])
def test_REF_04_a_provider_that_does_not_know_the_key(make_site, answer):
    site = asserting_site(make_site)
    browser = site.signed_in()
    status, error = answer
    site.provider.instead["token"] = lambda call: (status, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()
                                                   if error else b"")
    stranger = site.browser()
    response = stranger.sign_in("/")
    assert response.status >= 400 and "__Host-postern" not in stranger.cookies.jar and browser.get("/").is_protected
    assert site.provider.count("token") == 2, "no second attempt with the same code"


def test_LEAK_01_neither_key_nor_assertion_is_told(make_site):
    site = asserting_site(make_site)
    site.signed_in()
    with open(site.settings["providers"]["op"]["client_key_file"]) as file:
        lines = [line for line in file.read().splitlines() if "-----" not in line]
    site.provider.instead["token"] = lambda call: PASS if call["form"].get("grant_type") == "refresh_token" else (400, {}, b"{}")
    site.browser().sign_in("/")
    for place in (site.postern.log, site.postern.run("check", "--print", check=False).stdout,
                  site.browser().fetch("/oauth2/jwks.json").text):
        assert not [line for line in lines if line in place]
        assert not [form["client_assertion"] for form in asked_at(site, "token") if form["client_assertion"] in place]


def test_an_assertion_is_for_the_endpoint_that_is_called_and_for_no_other(make_site):
    site = asserting_site(make_site, offers=("assertions", "par", "revocation"))
    site.signed_in().get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    for endpoint in ("par", "token", "revoke"):
        assert {claims["aud"] for _, claims in assertions(site, endpoint)} == {f"{site.provider.issuer}/{endpoint}"}


def files(tmp_path):
    """Key files that are none."""
    good = ec.generate_private_key(ec.SECP256R1())
    public, empty, text, cut = (tmp_path / name for name in ("public.pem", "empty.pem", "text.pem", "cut.pem"))
    public.write_bytes(good.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    empty.write_text("")
    text.write_text("hunter2hunter2")
    with open(write_key(good)) as file:
        cut.write_text(file.read()[:120])
    for path in (public, empty, text, cut):
        os.chmod(path, 0o600)
    return {
        "of 1024 bits": write_key(rsa.generate_private_key(65537, 1024)),
        "secp256k1": write_key(ec.generate_private_key(ec.SECP256K1())), "X25519": write_key(x25519.X25519PrivateKey.generate()),
        "DSA": write_key(dsa.generate_private_key(2048)),
        "with a password": write_key(good, encryption=serialization.BestAvailableEncryption(b"hunter2")),
        "for everybody": write_key(good, mode=0o644), "public": str(public), "empty": str(empty), "text": str(text), "cut": str(cut),
        "missing": "/nonexistent/key.pem", "a folder": str(tmp_path)}


@pytest.fixture(scope="module")
def kept_files(tmp_path_factory):
    return files(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("fault", ["of 1024 bits", "secp256k1", "X25519", "DSA", "with a password", "for everybody", "public",
                                   "empty", "text", "cut", "missing", "a folder"])
def test_REL_11_key_files_that_are_none(site, kept_files, fault):
    done = mistakes(site, {"client_authentication": "private_key_jwt", "client_secret_file": None, "client_key_file": kept_files[fault]})
    assert done.returncode == 78 and "client_key_file" in done.stderr + done.stdout or kept_files[fault] in done.stderr, done.stderr
    assert done.returncode == 78 and "hunter2" not in done.stderr and "MIG" not in done.stderr


@pytest.mark.parametrize("op", [{"client_authentication": "private_key_jwt"},
                                {"client_authentication": "client_secret_jwt", "client_secret_file": None},
                                {"client_authentication": "tls"}, {"client_authentication": "basic", "client_secret_file": None},
                                {"client_authentication": "private_key_jwt2"},
                                {"client_authentication": "tls", "client_certificate_file": "/nonexistent"}], ids=str)
def test_REL_11_what_does_not_go_together(site, op):
    done = mistakes(site, op)
    assert done.returncode == 78 and "client_" in done.stderr, done.stderr


def test_good_key_files(site):
    for private in (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()),
                    ec.generate_private_key(ec.SECP521R1()), rsa.generate_private_key(65537, 2048),
                    rsa.generate_private_key(65537, 4096), ed25519.Ed25519PrivateKey.generate()):
        done = mistakes(site, {"client_authentication": "private_key_jwt", "client_secret_file": None,
                               "client_key_file": write_key(private)})
        assert done.returncode == 0, done.stderr


# Mutual TLS


def tls_site(make_site, authority, op=None, offers=("tls", "revocation", "par"), certificate=None, **changes):
    certificate, key = certificate or authority.issue("rp1")
    os.chmod(key, 0o600)
    provider = Provider(authority.issue("127.0.0.1"), offers=offers, client_authority=authority.path)
    provider.method = "tls"
    settings = {"insecure_http": None, "ca_file": authority.path, "client_authentication": "tls", "client_certificate_file": certificate,
                "client_key_file": key, "client_secret_file": None, **(op or {})}
    site = make_site(merged({"providers": {"op": settings}}, changes), provider=provider)
    site.owns_provider = True
    return site


def test_a_certificate_at_each_call_to_the_other_addresses(make_site, authority):
    site = tls_site(make_site, authority)
    browser = site.signed_in()
    calls = {call["endpoint"]: call for call in site.provider.calls}
    assert site.provider.complaints == []
    for endpoint in ("par", "token", "userinfo"):
        assert common_name(calls[endpoint]["certificate"]) == "rp1" and str(site.provider.mtls_port) in calls[endpoint]["url"], endpoint
    assert calls["token"]["form"]["client_id"] == "rp1" and "client_secret" not in calls["token"]["form"]
    assert calls["discovery"]["certificate"] is None and calls["jwks"]["certificate"] is None
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") == 2, what="the revocation")
    assert site.provider.complaints == []


def test_tokens_stay_bound_to_the_certificate_at_a_refresh(make_site, authority):
    site = tls_site(make_site, authority)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/").is_protected
    wait_until(lambda: site.provider.count("token") >= 2, what="the refresh")
    assert site.provider.complaints == [] and all(entry["claims"]["cnf"]["x5t#S256"] for entry in site.provider.grants.values())


def test_a_certificate_of_somebody_else_signs_nobody_in(make_site, authority):
    site = tls_site(make_site, authority, certificate=authority.issue("rp2"))
    location = site.browser().get("/").location
    assert location is None and site.provider.complaints


@pytest.mark.parametrize("fault", ["the certificate of another key", "no key", "no certificate", "text"])
def test_REL_11_a_certificate_and_a_key_that_do_not_fit(site, authority, tmp_path, fault):
    certificate, key = authority.issue("rp1")
    text = tmp_path / "text.pem"
    text.write_text("hunter2hunter2")
    os.chmod(text, 0o600)
    files = {"the certificate of another key": (certificate, key_file(Key("ES256"))), "no key": (certificate, None),
             "no certificate": (None, key),
             "text": (str(text), key)}[fault]
    os.chmod(key, 0o600)
    done = mistakes(site, {"client_authentication": "tls", "client_secret_file": None, "client_certificate_file": files[0],
                           "client_key_file": files[1]})
    assert done.returncode == 78 and ("certificate" in done.stderr
                                      or "client_key" in done.stderr) and "hunter2" not in done.stderr, done.stderr
