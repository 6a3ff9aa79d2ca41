"""Extensions of OAuth 2.0 and OpenID Connect with providers that others wrote. Where a provider can demand an extension, it
does; where it cannot, its database says whether the extension was used."""
import hashlib
import json
import os
import time
import urllib.parse

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from harness.pki import Authority
from harness.real import CALLBACK, Person, Posted, Program, RealProvider, Relay, come_back, sign_in, site_of
from harness.servers import wait_until
from harness.site import told_of
from harness.tokens import b64, parts

FRONT_CHANNEL = "https://app.test/oauth2/frontchannel_logout"
SECRET_JWT = "secret-jwt-secret-of-32-characters"
TOKEN = {"identity": {"access_token": True}}


@pytest.fixture(scope="module")
def relay():
    relay = Relay()
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def provider_of(relay):
    """The running provider of this kind, whose access tokens live so long."""
    running = {}

    def get(kind, lifetime=3600):
        if (kind, lifetime) not in running:
            running[kind, lifetime] = RealProvider(kind, lifetime, *OPTIONS[kind](relay))
        return running[kind, lifetime]

    yield get
    for provider in running.values():
        provider.close()


OPTIONS = {"glewlwyd_provider": lambda relay: ["--relay", relay.url, "--front-channel", FRONT_CHANNEL],
           "canaille_provider": lambda relay: ["--relay", relay.url], "django_oauth_toolkit": lambda relay: []}
BRIEF = 8  # seconds; tokens are renewed after half of that


@pytest.fixture(scope="module")
def glewlwyd(provider_of):
    return provider_of("glewlwyd_provider")


@pytest.fixture(scope="module")
def brief_glewlwyd(provider_of):
    return provider_of("glewlwyd_provider", BRIEF)


@pytest.fixture(scope="module")
def canaille(provider_of):
    return provider_of("canaille_provider")


@pytest.fixture(scope="module")
def toolkit(provider_of):
    return provider_of("django_oauth_toolkit")


@pytest.fixture(params=["glewlwyd_provider", "canaille_provider"])
def either(request, provider_of):
    return provider_of(request.param)


@pytest.fixture
def site_for(make_site, relay):
    """Makes a site whose Postern is a client of the provider, and which the provider reaches."""
    def make(provider, client="confidential", secret="", **more):
        site = site_of(make_site, provider, client, f"{client}-secret" if secret == "" else secret, **more)
        relay.site = site
        return site
    return make


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Paths of client keys by name; made once, for providers remember them for a while."""
    folder, found = tmp_path_factory.mktemp("client-keys"), {}
    for name, curve in (("EC", ec.SECP256R1), ("EC-384", ec.SECP384R1), ("EC-521", ec.SECP521R1), ("another", ec.SECP256R1),
                        ("RSA", None), ("Ed25519", None)):
        key = (ec.generate_private_key(curve()) if curve else rsa.generate_private_key(65537, 2048) if name == "RSA"
               else ed25519.Ed25519PrivateKey.generate())
        found[name] = folder / f"{name}.pem"
        found[name].touch(0o600)
        found[name].write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return {name: str(path) for name, path in found.items()}


def with_key(key):
    return {"secret": None, "client_authentication": "private_key_jwt", "client_key_file": key}


def is_refused(site, provider):
    """Somebody who signs in does not get in: at the provider or at the end, and there is no session."""
    browser = site.browser()
    first = browser.get("/")
    if first.status == 302:
        try:
            first = come_back(browser, provider, Person(provider), first.location)
        except AssertionError as error:  # the provider's own page of an error
            assert provider.kind in str(error), error
    assert not browser.get("/").is_protected and site.postern.run("sessions", "list").stdout == ""
    return not first.is_protected


def query_of(location):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def renewals(site):
    return [line for line in site.postern.log.splitlines() if "session refresh" in line]


def renew(site, browser, times=1):
    """Until the session's tokens were renewed so often."""
    wait_until(lambda: browser.get("/").is_protected and len(renewals(site)) >= times, (times + 1) * BRIEF, "a refresh")
    assert all("renewed" in line for line in renewals(site)), renewals(site)


# Client authentication

def test_client_secret_jwt(brief_glewlwyd, site_for):
    site = site_for(brief_glewlwyd, "secret-jwt", SECRET_JWT, client_authentication="client_secret_jwt")
    browser, response, _ = sign_in(site, brief_glewlwyd)
    assert response.is_protected
    renew(site, browser)


def test_client_secret_jwt_is_demanded_and_the_secret_must_be_right(glewlwyd, site_for):
    for method, secret in (("basic", SECRET_JWT), ("post", SECRET_JWT), ("client_secret_jwt", "another-secret-of-32-characters-")):
        site = site_for(glewlwyd, "secret-jwt", secret, client_authentication=method, pushed_authorization="never")
        assert is_refused(site, glewlwyd), method
        assert secret not in site.postern.log


@pytest.mark.parametrize("name", ["EC", "EC-384", "EC-521", "RSA", "Ed25519"])
def test_private_key_jwt_with_keys_of_every_kind(glewlwyd, site_for, relay, keys, name):
    relay.calls.clear()
    site = site_for(glewlwyd, "key-jwt", **with_key(keys[name]))
    _, response, _ = sign_in(site, glewlwyd)
    assert response.is_protected
    assert {status for _, status in relay.called("/oauth2/jwks.json")} == {200}, "the provider did not look the keys up"


@pytest.mark.parametrize("kind", ["glewlwyd_provider", "canaille_provider"])
def test_private_key_jwt_for_every_call(provider_of, site_for, relay, keys, kind):
    provider = provider_of(kind, BRIEF)
    relay.calls.clear()
    site = site_for(provider, "key-jwt", **with_key(keys["EC"]))
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected and told_of(response, "X-Auth-Request-User") == ["alice"]
    renew(site, browser)
    assert relay.called("/oauth2/jwks.json")


def test_private_key_jwt_with_a_key_that_is_not_published_is_refused(either, site_for, relay, keys):
    good = site_for(either, "key-jwt", **with_key(keys["EC"]))
    assert sign_in(good, either)[1].is_protected
    other = site_for(either, "key-jwt", **with_key(keys["another"]))
    relay.site = good
    assert is_refused(other, either)


def test_jwks_json_has_public_halves_only(glewlwyd, site_for, keys):
    site = site_for(glewlwyd, "key-jwt", **with_key(keys["RSA"]))
    response = site.browser().get("/oauth2/jwks.json")
    found = json.loads(response.body)["keys"]
    assert response.status == 200 and len(found) == 1 and not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(found[0])
    assert found[0]["kty"] == "RSA" and found[0].get("use", "sig") == "sig" and found[0]["kid"]


# Mutual TLS (RFC 8705)

@pytest.fixture(scope="module")
def tls_glewlwyd(authority):
    """Its endpoints for clients with certificates are others than those for the rest (`mtls_endpoint_aliases`)."""
    provider = RealProvider("glewlwyd_provider", BRIEF, authority=authority)
    yield provider
    provider.close()


def with_certificate(certificate, key):
    os.chmod(key, 0o600)
    return {"secret": None, "client_authentication": "tls", "client_certificate_file": certificate, "client_key_file": key}


def test_mutual_tls(tls_glewlwyd, site_for, authority):
    certificate, key = authority.issue("tls.test")
    site = site_for(tls_glewlwyd, "tls", **with_certificate(certificate, key), changes=TOKEN)
    browser, response, _ = sign_in(site, tls_glewlwyd, "/admin/")
    confirmation = parts(told_of(response, "X-Auth-Request-Access-Token")[0])[1]["cnf"]
    with open(certificate, "rb") as file:
        shown = x509.load_pem_x509_certificate(file.read()).fingerprint(hashes.SHA256())
    assert confirmation == {"x5t#S256": b64(shown)}, "the token is not bound to the certificate"
    renew(site, browser)
    state = lambda: tls_glewlwyd.ask("SELECT gpor_enabled FROM gpo_refresh_token ORDER BY gpor_id DESC LIMIT 1")  # noqa: E731
    assert state() == [(1,)]
    browser.get("/oauth2/sign_out")
    wait_until(lambda: state() == [(0,)], 10, "the revocation")


def test_mutual_tls_with_a_certificate_of_somebody_else_is_refused(tls_glewlwyd, site_for, authority, tmp_path):
    for certificate in (authority.issue("another.test"), Authority(str(tmp_path), "another authority").issue("tls.test")):
        site = site_for(tls_glewlwyd, "tls", **with_certificate(*certificate), pushed_authorization="never")
        assert is_refused(site, tls_glewlwyd), certificate
    assert is_refused(site_for(tls_glewlwyd, "tls", None, client_authentication="none"), tls_glewlwyd)


# Pushed authorization requests

def pushed(provider):
    return provider.ask("SELECT count(*) FROM gpo_par")[0][0]


def test_PAR_where_the_provider_takes_nothing_else(glewlwyd, site_for):
    before = pushed(glewlwyd)
    site = site_for(glewlwyd, issuer=f"{glewlwyd.base}/api/pushed")
    location = site.browser().get("/").location
    assert set(query_of(location)) == {"client_id", "request_uri"}, location
    _, response, _ = sign_in(site, glewlwyd, "/deep/link?x=1")
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep/link?x=1"
    assert pushed(glewlwyd) == before + 2
    assert is_refused(site_for(glewlwyd, issuer=f"{glewlwyd.base}/api/pushed", pushed_authorization="never"), glewlwyd)


def test_PAR_always_needs_a_provider_that_offers_it(canaille, toolkit, site_for):
    for provider in (canaille, toolkit):
        response = site_for(provider, pushed_authorization="always").browser().get("/")
        assert response.status >= 400 and not response.is_protected
        assert "code_challenge" in site_for(provider, pushed_authorization="auto").browser().get("/").location


def test_PAR_with_every_kind_of_client(glewlwyd, site_for, keys):
    clients = [("confidential", "confidential-secret", {}), ("post", "post-secret", {"client_authentication": "post"}),
               ("public", None, {"client_authentication": "none"}),
               ("secret-jwt", SECRET_JWT, {"client_authentication": "client_secret_jwt"}),
               # Glewlwyd gives the client's assertion back in the answer, which makes it long.
               ("key-jwt", None, {"client_authentication": "private_key_jwt", "client_key_file": keys["EC"]})]
    for client, secret, more in clients:
        before = pushed(glewlwyd)
        site = site_for(glewlwyd, client, secret, pushed_authorization="always", **more)
        _, response, _ = sign_in(site, glewlwyd)
        assert response.is_protected and pushed(glewlwyd) == before + 1, client
        assert "client_assertion=" not in site.postern.log


def test_PAR_that_the_provider_refuses_is_a_page_for_people(glewlwyd, site_for):
    site = site_for(glewlwyd, "confidential", "not-the-secret", pushed_authorization="always")
    response = site.browser().get("/")
    assert response.status >= 400 and not response.is_protected and "not-the-secret" not in response.text
    assert "not-the-secret" not in site.postern.log


# DPoP

def bound(provider, plugin, client):
    """Key thumbprints of the client's refresh tokens, the newest first."""
    return [row[0] for row in provider.ask("SELECT gpor_dpop_jkt FROM gpo_refresh_token WHERE gpor_plugin_name = ?"
                                           " AND gpor_client_id = ? ORDER BY gpor_id DESC", plugin, client)]


def test_DPoP_where_the_provider_demands_it(brief_glewlwyd, site_for):
    glewlwyd, seen = brief_glewlwyd, len(bound(brief_glewlwyd, "oidc", "bound"))
    site = site_for(glewlwyd, "bound", dpop=True, changes=TOKEN)
    browser, response, _ = sign_in(site, glewlwyd)
    assert response.is_protected
    renew(site, browser)
    *_, thumbprint = used = bound(glewlwyd, "oidc", "bound")[:-seen or None]
    assert thumbprint and set(used) == {thumbprint} and len(used) >= 2, used
    # What is stolen is worth nothing without the key.
    stolen = told_of(browser.get("/"), "X-Auth-Request-Access-Token")[0]
    for scheme in ("Bearer", "DPoP"):
        answer = requests.get(glewlwyd.endpoint("userinfo_endpoint"), headers={"Authorization": f"{scheme} {stolen}"}, timeout=15)
        assert answer.status_code == 401, scheme
    assert is_refused(site_for(glewlwyd, "bound", dpop=False), glewlwyd)


def test_DPoP_without_PAR(glewlwyd, site_for):
    site = site_for(glewlwyd, "bound", dpop=True, pushed_authorization="never")
    assert sign_in(site, glewlwyd)[1].is_protected


def test_DPoP_with_nonces_that_are_good_once(brief_glewlwyd, site_for):
    glewlwyd = brief_glewlwyd
    site = site_for(glewlwyd, "bound", issuer=f"{glewlwyd.base}/api/nonces", dpop=True)
    nonce = lambda: glewlwyd.ask("SELECT gpodcn_nonce FROM gpo_dpop_client_nonce WHERE gpodcn_client_id = 'bound'")  # noqa: E731
    before = nonce()
    browser, response, _ = sign_in(site, glewlwyd)
    assert response.is_protected and bound(glewlwyd, "nonces", "bound")[0]
    assert nonce() not in (before, [])
    renew(site, browser, 3)


def test_DPoP_keys_outlive_a_restart(brief_glewlwyd, site_for):
    site = site_for(brief_glewlwyd, "bound", dpop=True)
    browser, response, _ = sign_in(site, brief_glewlwyd)
    assert response.is_protected
    before = len(renewals(site))
    site.restart()
    site.started_pid = site.postern.pid
    renew(site, browser, before + 1)


# Back-channel and front-channel logout

def two_of_a_kind(provider, site_for, relay, client):
    """One person at two sites of the provider: browser, person, and the site whose client is told of logouts."""
    person, other = Person(provider), site_for(provider)
    told = site_for(provider, client)
    here, response, _ = sign_in(told, provider, person=person)
    assert response.is_protected
    there, response, _ = sign_in(other, provider, person=person)
    assert response.is_protected and person.passwords_typed == 1, "not the same session at the provider"
    relay.calls.clear()
    return told, here, there, person


def leave(browser, person):
    """Signs out here and at the provider."""
    response = browser.get("/oauth2/sign_out")
    back = person.walk(response.location)
    assert "You are signed out" in browser.follow(browser.visit(back)).text


def test_OUT_a_back_channel_logout_ends_the_session_that_it_is_about(glewlwyd, site_for, relay):
    told, here, there, person = two_of_a_kind(glewlwyd, site_for, relay, "back")
    bystander, response, _ = sign_in(told, glewlwyd, person=Person(glewlwyd, "bob"))
    leave(there, person)
    (body, status), = wait_until(lambda: relay.called("/oauth2/backchannel_logout"), 10, "the provider's call")
    assert status == 200, told.postern.log[-3000:]
    assert not here.get("/").is_protected and bystander.get("/").is_protected
    # Once more, after the person came back: it ends nothing.
    _, response, _ = sign_in(told, glewlwyd, browser=here, person=Person(glewlwyd))
    assert response.is_protected
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    assert told.browser().send("/oauth2/backchannel_logout", "POST", form, body).status == 400
    assert here.get("/").is_protected


def test_OUT_logout_tokens_that_were_changed_are_refused(glewlwyd, site_for, relay):
    told, here, there, person = two_of_a_kind(glewlwyd, site_for, relay, "back")
    relay.site = other = site_for(glewlwyd)  # the call goes astray: it is for another client
    leave(there, person)
    (body, status), = wait_until(lambda: relay.called("/oauth2/backchannel_logout"), 10, "the provider's call")
    assert status == 400 and other.postern.is_running()
    token = body.decode().partition("=")[2]
    head, claims, signature = token.split(".")
    swapped = signature[:-8] + ("AAAAAAAA" if not signature.endswith("AAAAAAAA") else "BBBBBBBB")
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    for bad in (f"{head}.{claims}.{swapped}", f"{head}.{claims}.", "", "x", f"{head}.{claims}"):
        response = told.browser().send("/oauth2/backchannel_logout", "POST", form, f"logout_token={bad}".encode())
        assert response.status == 400 and here.get("/").is_protected, bad
    assert told.browser().send("/oauth2/backchannel_logout", "POST", form, body).status == 200
    assert not here.get("/").is_protected


def test_OUT_an_id_token_is_no_logout_token(glewlwyd, site_for, relay):
    told, here, there, person = two_of_a_kind(glewlwyd, site_for, relay, "back")
    hint = query_of(here.get("/oauth2/sign_out").location)["id_token_hint"]
    _, response, _ = sign_in(told, glewlwyd, browser=here, person=person)
    assert response.is_protected
    answer = told.browser().send("/oauth2/backchannel_logout", "POST", [("Content-Type", "application/x-www-form-urlencoded")],
                                 f"logout_token={hint}".encode())
    assert answer.status == 400 and here.get("/").is_protected


def test_OUT_a_front_channel_logout_ends_the_session_that_it_is_about(glewlwyd, site_for, relay):
    told, here, there, person = two_of_a_kind(glewlwyd, site_for, relay, "front")
    bystander, response, _ = sign_in(told, glewlwyd, person=Person(glewlwyd, "bob"))
    leave(there, person)
    frame, = person.frames
    assert frame.startswith(f"{FRONT_CHANNEL}?iss=") and "&sid=" in frame
    target = frame.removeprefix("https://app.test")
    for wrong in (target.replace("/api/oidc", "/api/pushed"), target[:-6] + "AAAAAA", target.partition("&sid=")[0]):
        told.browser().get(wrong)
        assert here.get("/").is_protected, wrong
    # As the frame of another site's page: without cookies.
    response = told.browser().get(target)
    assert response.status == 200 and "no-store" in response.header("Cache-Control")
    assert not here.get("/").is_protected and bystander.get("/").is_protected


# Revocation

def test_OUT_a_sign_out_takes_the_tokens_back_at_glewlwyd(glewlwyd, site_for):
    state = lambda: glewlwyd.ask(  # noqa: E731
        "SELECT (SELECT gpor_enabled FROM gpo_refresh_token WHERE gpor_client_id = 'confidential' ORDER BY gpor_id DESC LIMIT 1),"
        " (SELECT gpoa_enabled FROM gpo_access_token WHERE gpoa_client_id = 'confidential' ORDER BY gpoa_id DESC LIMIT 1)")[0]
    # Its end of the session would take the tokens, too: this sign-out is ours alone.
    for revoke, after in ((True, (0, 0)), (False, (1, 1))):
        site = site_for(glewlwyd, end_session=False, revoke=revoke)
        browser, response, _ = sign_in(site, glewlwyd)
        assert response.is_protected and state() == (1, 1)
        browser.follow(browser.get("/oauth2/sign_out"))
        if revoke:
            wait_until(lambda: state() == after, 10, "the revocation")
        time.sleep(0 if revoke else 2)
        assert state() == after


def test_OUT_a_sign_out_takes_the_tokens_back_wherever_that_is_possible(canaille, toolkit, site_for):
    for provider in (canaille, toolkit):
        more = {} if provider is canaille else {"revocation_endpoint": f"{toolkit.base}/o/revoke_token/"}
        site = site_for(provider, end_session=False, changes=TOKEN, **more)
        browser, response, _ = sign_in(site, provider)
        token = told_of(response, "X-Auth-Request-Access-Token")[0]
        assert provider.introspect(token)["active"]
        browser.follow(browser.get("/oauth2/sign_out"))
        wait_until(lambda: not provider.introspect(token)["active"], 10, f"{provider.kind}'s revocation")
        assert not browser.get("/").is_protected


def test_OUT_a_revocation_that_the_provider_refuses_keeps_nobody_signed_in(canaille, site_for, keys):
    """Canaille offers private_key_jwt, but not for its revocation endpoint."""
    site = site_for(canaille, "key-jwt", **with_key(keys["EC"]), end_session=False)
    browser, response, _ = sign_in(site, canaille)
    assert response.is_protected
    assert "You are signed out" in browser.follow(browser.get("/oauth2/sign_out")).text
    assert not browser.get("/").is_protected


# Access tokens of programs

PROGRAMS = {"rules": [{"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["admins"]}},
                      {"name": "rest", "allow": {"users": ["program"]}}]}
JWT = {"access_tokens": {"audiences": ["https://app.test"]}}


def test_a_JWT_access_token_for_this_audience(glewlwyd, site_for):
    site = site_for(glewlwyd, changes=PROGRAMS, **JWT)
    program = Program(site, glewlwyd, resource="https://app.test")
    response = program.get("/report")
    assert response.status_code == 200 and "PROTECTED" in response.text, f"{response.headers} {site.postern.log[-3000:]}"
    assert ("x-auth-request-user", "program") in [(name.lower(), value) for name, value in site.backend.seen[-1]["headers"]]
    assert program.get("/admin/").status_code == 403


def test_JWTs_that_are_not_for_us_are_refused(glewlwyd, site_for):
    site = site_for(glewlwyd, changes={**PROGRAMS, **TOKEN}, **JWT)
    token = Program(site, glewlwyd, resource="https://app.test").token
    head, claims, signature = token.split(".")
    person = site_for(glewlwyd, "bound", dpop=True, resources=["https://app.test"], changes=TOKEN)
    bound_token = told_of(sign_in(person, glewlwyd)[1], "X-Auth-Request-Access-Token")[0]
    browser, _, _ = sign_in(site_for(glewlwyd), glewlwyd)
    wrong = {
        "for a scope": Program(site, glewlwyd).token,
        "of another issuer": Program(site, glewlwyd, issuer=f"{glewlwyd.base}/api/plain", resource="https://app.test").token,
        "an ID token": query_of(browser.get("/oauth2/sign_out").location)["id_token_hint"],
        "bound to a key": bound_token,
        "a changed signature": f"{head}.{claims}.{'A' * len(signature)}", "no signature": f"{head}.{claims}.",
        "other claims": f"{head}.{claims[:-4]}AAAA.{signature}"}
    for name, bad in wrong.items():
        response = Program(site, token=bad).get("/")
        assert response.status_code == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"], name
        assert not site.backend.seen, name
    assert Program(site, token=token).get("/").status_code == 200


def test_a_JWT_of_a_provider_that_does_not_type_them_is_refused(canaille, site_for):
    """Canaille's access tokens look like ID tokens: `typ` is JWT."""
    site = site_for(canaille, changes={"rules": [{"name": "all", "allow": {"everyone": True}}], **TOKEN},
                    access_tokens={"audiences": ["confidential"]})
    browser, response, _ = sign_in(site, canaille)
    token = told_of(response, "X-Auth-Request-Access-Token")[0]
    response = Program(site, token=token).get("/")
    assert response.status_code == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_tokens_that_the_provider_is_asked_about(either, site_for):
    """Glewlwyd tells a client of its own tokens alone; Canaille whom they are for."""
    client = "program" if either.kind == "glewlwyd_provider" else "confidential"
    site = site_for(either, client, changes=PROGRAMS, access_tokens={"introspection": True, "cache": "1s"})
    program = Program(site, either, scope="reports" if client == "program" else "profile")
    response = program.get("/report")
    assert response.status_code == 200 and "PROTECTED" in response.text, f"{response.headers} {site.postern.log[-3000:]}"
    assert program.get("/admin/").status_code == 403
    assert Program(site, token="made-up").get("/").status_code == 401
    revoked = requests.post(either.endpoint("revocation_endpoint"), auth=("program", "program-secret"), data={"token": program.token},
                            timeout=15)
    assert revoked.ok
    wait_until(lambda: program.get("/").status_code == 401, 10, "the refusal")


def test_a_refresh_token_is_no_access_token(glewlwyd, site_for):
    """The provider calls it active, and says what it is."""
    site = site_for(glewlwyd, changes={"rules": [{"name": "all", "allow": {"everyone": True}}]},
                    access_tokens={"introspection": True, "cache": "1s"})
    person = Person(glewlwyd)
    verifier = "verifier-" * 6
    query = {"client_id": "confidential", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid profile",
             "nonce": "nonce", "state": "state", "code_challenge": b64(hashlib.sha256(verifier.encode()).digest()),
             "code_challenge_method": "S256"}
    back = person.walk(f"{glewlwyd.endpoint('authorization_endpoint')}?{urllib.parse.urlencode(query)}")
    answer = requests.post(glewlwyd.endpoint("token_endpoint"), auth=("confidential", "confidential-secret"), timeout=15, data={
        "grant_type": "authorization_code", "code": query_of(back)["code"], "redirect_uri": CALLBACK, "code_verifier": verifier})
    tokens = answer.json()
    assert glewlwyd.introspect(tokens["refresh_token"])["active"]
    assert Program(site, token=tokens["access_token"]).get("/").status_code == 200
    assert Program(site, token=tokens["refresh_token"]).get("/").status_code == 401


# The issuer in the answer (RFC 9207)

@pytest.mark.parametrize("name", ["glewlwyd", "canaille", "toolkit"])
def test_the_answer_of_another_issuer_is_refused(request, site_for, name):
    provider = request.getfixturevalue(name)
    site = site_for(provider)
    for wrong in ("https://evil.test", f"{provider.issuer}/"):
        browser, person = site.browser(), Person(provider)
        back = person.walk(browser.get("/").location)
        query = query_of(back)
        assert query["iss"] == provider.issuer
        response = browser.get(f"/oauth2/callback?{urllib.parse.urlencode({**query, 'iss': wrong})}")
        assert response.status >= 400 and not browser.get("/").is_protected, wrong
    assert site.postern.run("sessions", "list").stdout == ""


@pytest.mark.parametrize("name", ["canaille", "toolkit"])
def test_an_answer_without_the_issuer_that_was_promised_is_refused(request, site_for, name):
    provider = request.getfixturevalue(name)
    site = site_for(provider)
    browser, person = site.browser(), Person(provider)
    query = query_of(person.walk(browser.get("/").location))
    query.pop("iss")
    response = browser.get(f"/oauth2/callback?{urllib.parse.urlencode(query)}")
    assert response.status >= 400 and not browser.get("/").is_protected


# form_post

def test_an_answer_that_is_posted(glewlwyd, site_for):
    site = site_for(glewlwyd, issuer=f"{glewlwyd.base}/api/plain", response_mode="form_post")
    browser, person = site.browser(), Person(glewlwyd)
    first = browser.get("/deep/link?x=1")
    assert query_of(first.location)["response_mode"] == "form_post"
    posted = person.walk(first.location)
    assert isinstance(posted, Posted) and posted.url == CALLBACK and "code" in posted.fields
    # Another browser, and another state.
    assert not site.browser().follow(site.browser().post(*posted)).is_protected
    response = browser.post(posted.url, {**posted.fields, "state": "another"}, posted.page)
    assert not browser.follow(response).is_protected
    _, response, _ = sign_in(site, glewlwyd, "/deep/link?x=1", browser=site.browser(), person=person)
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep/link?x=1"


def test_a_posted_answer_with_a_garbled_issuer_is_refused(glewlwyd, site_for):
    """Glewlwyd encodes the fields of its form as if they stood in an address."""
    site = site_for(glewlwyd, pushed_authorization="never", response_mode="form_post")
    browser, person = site.browser(), Person(glewlwyd)
    posted = person.walk(browser.get("/").location)
    assert posted.fields["iss"] == urllib.parse.quote(glewlwyd.issuer, safe="")
    assert not browser.follow(browser.post(*posted)).is_protected
    assert site.postern.run("sessions", "list").stdout == ""


# Signed userinfo

def test_userinfo_that_is_signed(canaille, glewlwyd, site_for):
    for provider, client, more in ((canaille, "userinfo", {}), (glewlwyd, "confidential", {
            "userinfo_endpoint": f"{glewlwyd.endpoint('userinfo_endpoint')}?format=jwt"})):
        _, response, _ = sign_in(site_for(provider, client, **more), provider, "/admin/")
        assert response.is_protected and told_of(response, "X-Auth-Request-Email") == ["alice@example.com"], provider.kind


# Signed request objects (RFC 9101)

def test_JAR_where_the_provider_takes_nothing_else(canaille, site_for, keys):
    signing = {"client_key_file": keys["EC"], "client_authentication": "basic"}
    site = site_for(canaille, "signed", **signing, request_object=True)
    location = site.browser().get("/").location
    assert {"client_id", "request"} <= set(query_of(location)) <= {"client_id", "request", "response_type", "scope"}, location
    _, response, _ = sign_in(site, canaille, "/admin/deep?x=1")
    assert response.is_protected and told_of(response, "X-Auth-Request-User") == ["alice"]
    assert is_refused(site_for(canaille, "signed", **signing, request_object=False), canaille)
    other = site_for(canaille, "signed", **{**signing, "client_key_file": keys["another"]}, request_object=True)
    assert is_refused(other, canaille)


def test_JAR_in_the_address_and_pushed(glewlwyd, site_for, keys):
    for push, names in (("never", {"client_id", "request"}), ("always", {"client_id", "request_uri"})):
        before = pushed(glewlwyd)
        site = site_for(glewlwyd, "key-jwt", **with_key(keys["EC"]), request_object=True, pushed_authorization=push)
        location = site.browser().get("/").location
        assert names <= set(query_of(location)) <= names | {"response_type", "scope"}, location
        assert "code_challenge" not in location
        _, response, _ = sign_in(site, glewlwyd)
        assert response.is_protected and pushed(glewlwyd) == before + (2 if push == "always" else 0)


def test_JAR_of_another_key_is_refused(glewlwyd, site_for, relay, keys):
    more = {"client_authentication": "basic", "request_object": True, "pushed_authorization": "never"}
    good = site_for(glewlwyd, "signed", client_key_file=keys["EC"], **more)
    assert sign_in(good, glewlwyd)[1].is_protected
    other = site_for(glewlwyd, "signed", client_key_file=keys["another"], **more)
    relay.site = good
    assert is_refused(other, glewlwyd)


# Resource indicators (RFC 8707)

def test_tokens_for_a_resource(brief_glewlwyd, toolkit, site_for):
    glewlwyd = brief_glewlwyd
    site = site_for(glewlwyd, resources=["https://app.test"], changes=TOKEN)
    browser, response, _ = sign_in(site, glewlwyd)
    assert glewlwyd.introspect(told_of(response, "X-Auth-Request-Access-Token")[0])["aud"] == "https://app.test"
    renew(site, browser)
    assert glewlwyd.introspect(told_of(browser.get("/"), "X-Auth-Request-Access-Token")[0])["aud"] == "https://app.test"
    site = site_for(toolkit, resources=["https://app.test", "https://api.test"], changes=TOKEN)
    token = told_of(sign_in(site, toolkit)[1], "X-Auth-Request-Access-Token")[0]
    assert set(toolkit.introspect(token)["aud"]) == {"https://app.test", "https://api.test"}


def test_a_resource_that_the_provider_does_not_know(glewlwyd, site_for):
    assert is_refused(site_for(glewlwyd, resources=["https://evil.test"]), glewlwyd)


# Step-up

def test_a_rule_that_wants_a_recent_password(canaille, site_for):
    site = site_for(canaille, changes={"rules": [
        {"name": "fresh", "paths": ["/fresh/*"], "max_age": "3s", "allow": {"everyone": True}},
        {"name": "rest", "allow": {"everyone": True}}]})
    browser, response, person = sign_in(site, canaille)
    assert response.is_protected
    wait_until(lambda: browser.get("/fresh/").status == 302, 10, "the age")
    assert browser.get("/").is_protected and person.passwords_typed == 1
    first = browser.get("/fresh/deep?x=1")
    response = browser.follow(first, until=lambda url: url.startswith(canaille.base))
    assert query_of(response.location)["max_age"] == "3"
    response = come_back(browser, canaille, person, response.location)
    assert response.is_protected and person.passwords_typed == 2
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/fresh/deep?x=1"


def test_a_provider_that_does_not_say_when_the_password_was_typed(glewlwyd, site_for):
    """Glewlwyd's `auth_time` is 0 in most ID tokens: nobody may take that for recent."""
    site = site_for(glewlwyd, max_age="1h")
    browser = site.browser()
    response = come_back(browser, glewlwyd, Person(glewlwyd), browser.get("/").location)
    assert not response.is_protected and not browser.get("/").is_protected


# FAPI 2.0

def test_the_profile_fapi2_with_mutual_tls(tls_glewlwyd, site_for, authority):
    """PAR, a certificate that authenticates the client and binds its tokens, PKCE, the issuer in the answer, ES256."""
    certificate = with_certificate(*authority.issue("tls.test"))
    site = site_for(tls_glewlwyd, "tls", **certificate, profile="fapi2", issuer=f"{tls_glewlwyd.base}/api/fapi", changes=TOKEN)
    location = site.browser().get("/").location
    assert set(query_of(location)) == {"client_id", "request_uri"}
    browser, response, _ = sign_in(site, tls_glewlwyd)
    header, claims = parts(told_of(response, "X-Auth-Request-Access-Token")[0])
    assert header["alg"] == "ES256" and set(claims["cnf"]) == {"x5t#S256"}
    renew(site, browser)


def test_the_profile_fapi2_refuses_what_it_forbids(tls_glewlwyd, site_for, authority):
    certificate = with_certificate(*authority.issue("tls.test"))
    # ID tokens of RS256.
    assert is_refused(site_for(tls_glewlwyd, "tls", **certificate, profile="fapi2"), tls_glewlwyd)
    # A provider without pushed requests.
    response = site_for(tls_glewlwyd, "tls", **certificate, profile="fapi2", issuer=f"{tls_glewlwyd.base}/api/nonces").browser().get("/")
    assert response.status >= 400 and not response.is_protected
