"""kind: oauth2 against django-oauth-toolkit without the scope `openid`: no ID token, no discovery, a profile call."""
import sqlite3
import time
import urllib.parse

import pytest
import requests

from harness.real import Person, Program, RealProvider, sign_in, site_of
from harness.servers import wait_until
from harness.site import told_of

ACCESS_LIFETIME = 6  # seconds


@pytest.fixture(scope="module")
def provider():
    provider = RealProvider("django_oauth_toolkit")
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def short_lived():
    """Its access tokens end soon."""
    provider = RealProvider("django_oauth_toolkit", ACCESS_LIFETIME)
    yield provider
    provider.close()


@pytest.fixture
def plain(make_site):
    """Makes a site that speaks plain OAuth2 with the provider."""
    def make(provider, client="confidential", secret="confidential-secret", changes=None, **more):
        base = provider.base
        return site_of(make_site, provider, client, secret, changes=changes, **{
            "kind": "oauth2", "authorization_endpoint": f"{base}/o/authorize/", "token_endpoint": f"{base}/o/token/",
            "userinfo_endpoint": f"{base}/api/profile", "revocation_endpoint": f"{base}/o/revoke_token/",
            "introspection_endpoint": f"{base}/o/introspect/", "scopes": ["profile", "email"],
            "claims": {"subject": "id", "username": "login", "email": "contact.mail", "groups": "memberships.groups"}, **more})
    return make


def change(provider, statement, *values):
    """Something happens at the provider."""
    with sqlite3.connect(f"{provider.folder}/provider.db", timeout=20) as database:
        assert database.execute(statement, values).rowcount, statement


def tokens(provider):
    """The newest access and refresh token that the provider gave to a person."""
    return provider.ask("SELECT a.token, r.token FROM oauth2_provider_accesstoken a JOIN oauth2_provider_refreshtoken r"
                        " ON r.access_token_id = a.id ORDER BY a.id DESC LIMIT 1")[0]


@pytest.mark.parametrize("client, secret", [("confidential", "confidential-secret"), ("public", None)])
def test_a_person_signs_in_with_pkce_and_the_profile_says_who_it_is(provider, plain, client, secret):
    site = plain(provider, client, secret, **({} if secret else {"client_authentication": "none"}))
    location = site.browser().get("/").location
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert query["code_challenge_method"] == "S256" and query["scope"] == "profile email" and "nonce" not in query
    browser, response, _ = sign_in(site, provider, "/admin/deep?x=1")
    assert told_of(response, "X-Auth-Request-User") == ["alice"]
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert set(told_of(response, "X-Auth-Request-Groups")[0].split(",")) == {"admins", "staff"}
    assert provider.ask("SELECT count(*) FROM oauth2_provider_idtoken") == [(0,)], "the scope openid was asked for"


def test_rules_by_group_and_by_subject_hold(provider, plain):
    site = plain(provider, changes={"rules": [
        {"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["admins"]}},
        {"name": "alice", "paths": ["/alice/*"], "allow": {"subjects": ["1"]}}, {"name": "rest", "allow": {"everyone": True}}]})
    alice, _, _ = sign_in(site, provider)
    erin, response, _ = sign_in(site, provider, person=Person(provider, "erin"))
    assert response.is_protected and told_of(response, "X-Auth-Request-Groups") == []
    assert [alice.get(path).is_protected for path in ("/admin/", "/alice/")] == [True, True]
    assert [erin.get(path).status for path in ("/admin/", "/alice/")] == [403, 403]


def test_an_address_of_a_profile_is_not_a_verified_one(provider, plain):
    site = plain(provider, changes={"rules": [{"name": "domain", "allow": {"domains": ["example.com"]}}]})
    _, response, _ = sign_in(site, provider)
    assert response.status == 403 and not response.is_protected


def test_a_profile_without_the_configured_subject_is_nobody(provider, plain):
    site = plain(provider, claims={"subject": "uuid", "username": "login"})
    _, response, _ = sign_in(site, provider)
    assert response.status >= 400 and not response.is_protected
    assert site.postern.run("sessions", "list").stdout == ""


def test_without_its_pkce_verifier_the_provider_gives_nothing(provider, plain):
    """That PKCE was used is for the provider to say: the code that the browser brings is worth nothing to others."""
    site = plain(provider)
    back = Person(provider).walk(site.browser().get("/").location)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    answer = requests.post(f"{provider.base}/o/token/", auth=("confidential", "confidential-secret"), timeout=15, data={
        "grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.test/oauth2/callback"})
    assert answer.status_code == 400 and "invalid" in answer.json()["error"]


def test_the_callback_of_another_browser_or_with_another_state_is_refused(provider, plain):
    site = plain(provider)
    browser, person = site.browser(), Person(provider)
    back = person.walk(browser.get("/").location)
    assert not site.browser().visit(back).is_protected
    parts = urllib.parse.urlsplit(back)
    query = {**dict(urllib.parse.parse_qsl(parts.query)), "state": "another"}
    response = browser.follow(browser.visit(f"https://app.test{parts.path}?{urllib.parse.urlencode(query)}"))
    assert response.status >= 400 and not response.is_protected


def test_a_session_outlives_its_access_tokens_and_refresh_tokens_rotate(short_lived, plain):
    site = plain(short_lived)
    browser, response, _ = sign_in(site, short_lived)
    assert response.is_protected
    first, used = tokens(short_lived), set()
    end = time.monotonic() + 2.5 * ACCESS_LIFETIME
    while time.monotonic() < end:
        assert browser.get("/").is_protected, site.postern.log[-3000:]
        used.add(tokens(short_lived)[1])
        time.sleep(0.25)
    assert len(used) >= 3, "refresh tokens do not rotate"
    assert short_lived.ask("SELECT revoked IS NOT NULL FROM oauth2_provider_refreshtoken WHERE token = ?", first[1]) == [(1,)]
    refreshes = [line for line in site.postern.log.splitlines() if "session refresh" in line]
    assert refreshes and all("renewed" in line for line in refreshes), refreshes


def test_what_changes_in_the_profile_is_seen_at_the_next_recheck(provider, plain):
    site = plain(provider, recheck="2s")
    bob, response, _ = sign_in(site, provider, person=Person(provider, "bob"))
    assert response.is_protected and bob.get("/admin/").status == 403
    before = tokens(provider)
    change(provider, "INSERT INTO auth_user_groups (user_id, group_id) SELECT u.id, g.id FROM auth_user u, auth_group g"
                     " WHERE u.username = 'bob' AND g.name = 'admins'")
    wait_until(lambda: bob.get("/admin/").is_protected, 15, "the group that was given")
    change(provider, "DELETE FROM auth_user_groups WHERE group_id = (SELECT id FROM auth_group WHERE name = 'admins')"
                     " AND user_id = (SELECT id FROM auth_user WHERE username = 'bob')")
    wait_until(lambda: bob.get("/admin/").status == 403, 15, "the end of the group that was taken")
    assert tokens(provider) == before, "the tokens were renewed, where the profile is only asked again"


def test_without_a_recheck_nothing_is_asked_again(provider, plain):
    site = plain(provider, recheck="1h")
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected
    access, refresh = tokens(provider)
    change(provider, "DELETE FROM oauth2_provider_refreshtoken WHERE token = ?", refresh)
    change(provider, "DELETE FROM oauth2_provider_accesstoken WHERE token = ?", access)
    time.sleep(3)
    assert browser.get("/").is_protected


def test_a_session_ends_when_the_provider_no_longer_knows_its_token(provider, plain):
    site = plain(provider, recheck="2s")
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected
    access, refresh = tokens(provider)
    change(provider, "DELETE FROM oauth2_provider_refreshtoken WHERE token = ?", refresh)
    change(provider, "DELETE FROM oauth2_provider_accesstoken WHERE token = ?", access)
    wait_until(lambda: not browser.get("/").is_protected, 15, "the end of the session")
    assert site.postern.run("sessions", "list").stdout == ""


@pytest.mark.parametrize("revoke", [True, False])
def test_OUT_a_sign_out_takes_the_tokens_back(provider, plain, revoke):
    site = plain(provider, revoke=revoke)
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected
    access, refresh = tokens(provider)
    question = "SELECT revoked IS NULL FROM oauth2_provider_refreshtoken WHERE token = ?"
    state = lambda: provider.ask(question, refresh) == [(1,)]  # noqa: E731
    assert state() and provider.introspect(access)["active"]
    assert "You are signed out" in browser.follow(browser.get("/oauth2/sign_out")).text
    if revoke:
        wait_until(lambda: not state() and not provider.introspect(access)["active"], 10, "the revocation")
    else:
        time.sleep(2)
        assert state() and provider.introspect(access)["active"]
    assert not browser.get("/").is_protected


# Programs: the provider is asked about their tokens.

PROGRAMS = [{"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["admins"]}},
            {"name": "rest", "allow": {"users": ["program", "alice"]}}]


@pytest.fixture
def introspecting(provider, plain):
    """Makes a site that takes access tokens, and a program that has one."""
    def make(scope="reports", **access_tokens):
        site = plain(provider, changes={"rules": PROGRAMS}, access_tokens={"introspection": True, "cache": "1s", **access_tokens})
        return site, Program(site, provider, scope=scope)
    return make


def test_a_program_calls_with_a_token_that_the_provider_vouches_for(introspecting):
    site, program = introspecting()
    response = program.get("/report?x=1")
    assert response.status_code == 200 and "PROTECTED" in response.text
    assert site.backend.seen[-1]["path"] == "/report?x=1"
    assert ("x-auth-request-user", "program") in [(name.lower(), value) for name, value in site.backend.seen[-1]["headers"]]
    assert program.get("/admin/").status_code == 403
    assert "Set-Cookie" not in response.headers and site.postern.run("sessions", "list").stdout == ""


def test_the_token_of_a_person_is_that_person(provider, introspecting):
    site, _ = introspecting()
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected
    response = Program(site, token=tokens(provider)[0]).get("/")
    assert response.status_code == 200
    assert ("x-auth-request-user", "alice") in [(name.lower(), value) for name, value in site.backend.seen[-1]["headers"]]


@pytest.mark.parametrize("token", ["made-up", "", "x" * 3000, "a b", "é".encode().decode("latin-1")])
def test_tokens_that_the_provider_does_not_know_are_refused(introspecting, token):
    site, _ = introspecting()
    response = site.browser().fetch("/", headers=[("Authorization", f"Bearer {token}".encode("latin-1"))])
    assert response.status in (400, 401) and not response.is_protected and not site.backend.seen


def test_a_refused_token_and_no_token_are_told_apart(introspecting):
    site, program = introspecting()
    refused = Program(site, token="made-up").get("/")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    none = site.browser().fetch("/")
    assert none.status == 401 and none.header("WWW-Authenticate").startswith("Bearer") and "error" not in none.header("WWW-Authenticate")


def test_a_token_in_the_address_is_no_token(introspecting):
    site, program = introspecting()
    assert not site.browser().fetch(f"/?access_token={program.token}").is_protected and not site.backend.seen


def test_a_token_that_was_taken_back_is_refused_soon(provider, introspecting):
    site, program = introspecting()
    assert program.get("/").status_code == 200
    requests.post(f"{provider.base}/o/revoke_token/", auth=("program", "program-secret"), data={"token": program.token},
                  timeout=15).raise_for_status()
    wait_until(lambda: program.get("/").status_code == 401, 10, "the refusal")


def test_a_token_that_ended_is_refused(short_lived, plain):
    site = plain(short_lived, changes={"rules": PROGRAMS}, access_tokens={"introspection": True, "cache": "1h"})
    program = Program(site, short_lived)
    assert program.get("/").status_code == 200
    wait_until(lambda: program.get("/").status_code == 401, ACCESS_LIFETIME + 10, "the refusal")


def test_answers_about_tokens_are_kept_for_a_while(provider, introspecting):
    site, program = introspecting(cache="1m")
    asked = lambda: provider.log.count("POST /o/introspect/")  # noqa: E731
    before = asked()
    assert [program.get("/").status_code for _ in range(10)] == [200] * 10
    assert asked() == before + 1


def test_a_token_for_something_else_does_not_do(introspecting):
    site, program = introspecting(scope="profile", scopes=["reports"])
    response = program.get("/")
    assert response.status_code in (401, 403) and "PROTECTED" not in response.text and not site.backend.seen
    site, program = introspecting(scopes=["reports"])
    assert program.get("/").status_code == 200


def test_while_the_provider_is_down_nobody_can_tell(plain):
    provider = RealProvider("django_oauth_toolkit")
    try:
        site = plain(provider, changes={"rules": PROGRAMS}, access_tokens={"introspection": True, "cache": "1s"})
        program = Program(site, provider)
        assert program.get("/").status_code == 200
    finally:
        provider.close()
    wait_until(lambda: program.get("/").status_code in (500, 503), 10, "the end of what was kept")  # nginx makes 500 of 503
    assert "PROTECTED" not in program.get("/").text
