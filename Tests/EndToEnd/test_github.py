"""Signing in with GitHub, against a double of its documented API: who it is, orgs and teams, what is asked and what is not believed."""
import json
import re
import socket
import time
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import other
from harness.double import Recorder, basic, lasting_site
from harness.github import GitHub, address
from harness.provider import json_answer
from harness.servers import wait_until
from harness.site import SECRET, told_of
from test_out import (  # noqa: F401
    test_OUT_01_a_proof_is_for_one_session, test_OUT_01_another_site_signs_nobody_out, test_OUT_01_the_person_confirms,
    test_OUT_02_a_signed_out_cookie_is_over_at_once, test_OUT_02_signing_in_again_ends_the_session_before)

RULES = [{"name": "public", "paths": ["/public/*"], "methods": ["GET"], "public": True},
         {"name": "team", "paths": ["/team/*"], "allow": {"groups": ["team:acme/ops"]}},
         {"name": "org", "paths": ["/org/*"], "allow": {"groups": ["org:acme"]}},
         {"name": "bare", "paths": ["/bare/*"], "allow": {"groups": ["ops", "acme", "acme/ops", "OPS", "parents"]}},
         {"name": "domain", "paths": ["/domain/*"], "allow": {"domains": ["example.com"]}},
         {"name": "other", "paths": ["/other/*"], "allow": {"domains": ["elsewhere.test", "corp.test"]}},
         {"name": "subject", "paths": ["/subject/*"], "allow": {"subjects": ["583231"]}},
         {"name": "everybody", "allow": {"everyone": "true"}}]


def settings(double, changes=None, **provider):
    op = {"kind": "github", "scopes": None, "ca_file": double.ca_file, "api_url": double.origin("api"), **provider}
    return {"providers": {"op": {name: value for name, value in op.items() if value != "LEFT OUT"}}, "rules": RULES, **(changes or {})}


@pytest.fixture(scope="module")
def shared_site(authority, front):
    double = GitHub(authority)
    yield from lasting_site(authority, front, double, settings(double))


@pytest.fixture
def own_site(make_site, authority):
    """Makes a site with a GitHub of its own."""
    doubles = []

    def make(changes=None, **provider):
        doubles.append(GitHub(authority))
        return make_site(settings(doubles[-1], changes, **provider), provider=doubles[-1])
    yield make
    for double in doubles:
        double.close()


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def identity(browser):
    return json.loads(browser.fetch("/oauth2/userinfo").body)


def assert_refused(site, browser, response, tokens=None):
    assert response.status >= 400 and not response.is_protected, response.text[:300]
    assert "__Host-postern" not in browser.cookies.jar
    assert tokens is None or site.provider.count("token") == tokens
    assert not browser.get("/").is_protected


# Who it is

def test_a_person_signs_in_and_the_application_is_told_who_it_is(site):
    browser = site.browser()
    response = browser.sign_in("/a?b=c")
    assert told_of(response, "X-Auth-Request-User") == ["octocat"]
    assert told_of(response, "X-Auth-Request-Email") == ["octocat@example.com"]
    assert sorted(told_of(response, "X-Auth-Request-Groups")[0].split(",")) == ["org:acme", "team:acme/ops"]
    assert response.url.endswith("/a?b=c") and identity(browser)["subject"] == "583231"


def test_what_github_is_asked(site):
    site.provider.teams_of_person = []
    site.signed_in()
    start, token = site.provider.calls_of("authorize")[0]["query"], site.provider.calls_of("token")[0]
    assert {"user:email", "read:org"} <= set(start["scope"].split()) and "nonce" not in start and "openid" not in start["scope"]
    assert start["code_challenge_method"] == "S256" and start["redirect_uri"] == "https://app.test/oauth2/callback"
    assert token["headers"]["Accept"] == "application/json" and token["form"]["redirect_uri"] == start["redirect_uri"]
    assert token["query"] == {} and token["form"]["client_secret"] == SECRET
    asked = site.provider.calls_of("user", "emails", "orgs", "teams")
    assert sorted(call["endpoint"] for call in asked) == ["emails", "orgs", "teams", "user"] and site.provider.count("unknown") == 0
    for call in asked:
        assert call["headers"]["User-Agent"] and call["headers"]["X-GitHub-Api-Version"] == "2022-11-28", call["path"]
        assert call["headers"]["Authorization"].startswith("Bearer gho_") and "access_token" not in call["query"]
        assert call["query"].get("per_page") == (None if call["endpoint"] == "user" else "100")


def test_an_enterprise_server_has_its_api_below_its_own_address(own_site):
    site = own_site(api_url="LEFT OUT")
    assert told_of(site.browser().sign_in("/team/x"), "X-Auth-Request-User") == ["octocat"]
    assert {call["path"] for call in site.provider.calls_of("user", "emails", "orgs", "teams")} == {
        "/api/v3/user", "/api/v3/user/emails", "/api/v3/user/orgs", "/api/v3/user/teams"}


def test_who_changes_the_name_is_still_the_same_and_who_takes_it_is_not(site):
    site.signed_in()
    site.provider.person = {**site.provider.person, "login": "renamed"}
    renamed = site.browser()
    assert told_of(renamed.sign_in("/subject/x"), "X-Auth-Request-User") == ["renamed"]
    assert identity(renamed)["subject"] == "583231"
    site.provider.person = {**site.provider.person, "login": "octocat", "id": 999}
    other_one = site.browser()
    assert other_one.sign_in("/subject/x").status == 403 and identity(other_one)["subject"] == "999"


def test_a_number_is_taken_digit_by_digit(site):
    site.provider.person["id"] = 9007199254740993  # a double-precision number cannot hold it
    assert identity(site.signed_in())["subject"] == "9007199254740993"


# Orgs and teams

def test_a_team_rule_lets_its_members_in_and_nobody_else(site):
    assert site.browser().sign_in("/team/x").is_protected
    for teams in ([], [("acme", "dev")], [("other", "ops")], [("acme", "ops2")], [("acme-ops", "ops")],
                  [("acme", "ops-eu"), ("ops", "acme")]):
        site.provider.teams_of_person = teams
        browser = site.browser()
        assert browser.sign_in("/team/x").status == 403 and browser.get("/").is_protected, teams


def test_an_org_rule_lets_its_members_in_and_nobody_else(site):
    assert site.browser().sign_in("/org/x").is_protected
    for orgs in ([], ["acme2"], ["acm"], ["acme-"], ["ops", "other"]):
        site.provider.orgs_of_person, site.provider.teams_of_person = orgs, [("acme", "ops")]
        assert site.browser().sign_in("/org/x").status == 403, orgs


def test_the_case_of_an_orgs_name_does_not_count(site):
    site.provider.orgs_of_person, site.provider.teams_of_person = ["ACME"], [("Acme", "ops")]
    browser = site.signed_in()
    assert browser.get("/team/x").is_protected and browser.get("/org/x").is_protected


def test_a_team_without_its_org_lets_nobody_in(site):
    site.provider.orgs_of_person = ["acme", "ops", "parents"]
    site.provider.teams_of_person = [("acme", "ops"), ("ops", "ops"), ("acme", "acme"), ("other", "parents")]
    assert site.signed_in().get("/bare/x").status == 403


@pytest.mark.parametrize("group", ["team:ops", "team:/ops", "team:acme/", "team:acme", "team:", "org:", "team:*/ops", "team:acme/*",
                                   "org:*"])
def test_a_rule_of_half_a_name_is_a_mistake_or_lets_nobody_in(own_site, group):
    site = own_site()
    site.postern.stop()
    site.postern.write({**site.settings, "rules": [{"allow": {"groups": [group]}}]})
    if site.postern.run("check", check=False).returncode != 78:
        site.provider.orgs_of_person, site.provider.teams_of_person = ["acme", "ops"], [("acme", "ops"), ("ops", "acme"), ("ops", "ops")]
        site.postern.start()
        assert site.browser().sign_in("/").status == 403


@pytest.mark.parametrize("count", [99, 100, 101, 200, 250])
def test_more_teams_than_fit_on_a_page(site, count):
    site.provider.teams_of_person = [*(("acme", f"t{number}") for number in range(count - 1)), ("acme", "ops")]
    site.provider.orgs_of_person = [*(f"o{number}" for number in range(count - 1)), "acme"]
    browser = site.signed_in()
    assert browser.get("/team/x").is_protected and browser.get("/org/x").is_protected
    groups = identity(browser)["groups"]
    assert len(groups) == len(set(groups)) == 2 * count
    assert site.provider.count("teams") == site.provider.count("orgs") == -(-count // 100)


HOSTILE_TEAMS = [{}, [], None, "ops", {"slug": "ops"}, {"slug": "ops", "organization": None}, {"slug": "ops", "organization": "acme"},
                 {"slug": "ops", "organization": {"login": ""}}, {"slug": "ops", "organization": {"login": None, "name": "acme"}},
                 {"slug": "ops", "organization": {"login": ["acme"]}}, {"slug": "", "organization": {"login": "acme/ops"}},
                 {"slug": ["ops"], "organization": {"login": "acme"}}, {"slug": None, "name": "ops", "organization": {"login": "acme"}},
                 {"slug": "ops ", "organization": {"login": "acme"}}, {"slug": "ops\u200b", "organization": {"login": "acme"}},
                 {"slug": "x,team:acme/ops", "organization": {"login": "acme"}}, {"slug": "ops\n", "organization": {"login": "acme"}},
                 {"slug": "o\u0440s", "organization": {"login": "acme"}}, {"slug": "dev", "organization": {"login": "acme"}, "parent": {
                     "slug": "ops", "organization": {"login": "acme"}}}, {"slug": "op\u017f", "organization": {"login": "acme"}}]


@pytest.mark.parametrize("team", HOSTILE_TEAMS, ids=lambda team: ascii(team)[:50])
def test_POL_04_a_team_that_is_not_the_one(site, team):
    site.provider.replace["teams"] = lambda call, usual: json_answer([team, {"slug": "dev", "organization": {"login": "acme"}}])
    browser = site.browser()
    assert not browser.sign_in("/team/x").is_protected
    assert "team:acme/ops" not in identity(browser).get("groups", [])


@pytest.mark.parametrize("org", [{}, [], None, "acme", {"login": ""}, {"login": ["acme"]}, {"login": None, "name": "acme"},
                                 {"login": "acme "}, {"name": "acme"}, {"login": "x,org:acme"}, {"login": "acme\u200b"},
                                 {"login": "a\u0441me"}, {"login": True}],
                         ids=lambda org: ascii(org)[:50])
def test_POL_04_an_org_that_is_not_the_one(site, org):
    site.provider.replace["orgs"] = lambda call, usual: json_answer([org])
    assert not site.browser().sign_in("/org/x").is_protected


# When GitHub does not answer as it should

def reset(call):
    call["handler"].connection.shutdown(socket.SHUT_RDWR)


ANSWERS = {"500": lambda call: (500, {}, b""), "502": lambda call: (502, {"Content-Type": "text/html"}, b"<html>"),
           "403": lambda call: json_answer({"message": "Forbidden"}, 403), "404": lambda call: json_answer({"message": "Not Found"}, 404),
           "429": lambda call: json_answer({"message": "API rate limit exceeded"}, 429),
           "401": lambda call: json_answer({"message": "Bad credentials"}, 401), "reset": reset, "304": lambda call: (304, {}, b""),
           "202": lambda call: json_answer({}, 202), "204": lambda call: (204, {}, b""),
           "page": lambda call: (200, {"Content-Type": "text/html"}, b"<html>"),
           "object": lambda call: json_answer({"login": "acme", "slug": "ops"}), "text": lambda call: json_answer("acme"),
           "null": lambda call: json_answer(None), "empty": lambda call: (200, {}, b""),
           "cut": lambda call: (200, {"Content-Type": "application/json"}, b'[{"login":"acme"'),
           "deep": lambda call: (200, {"Content-Type": "application/json"}, b"[" * 100_000 + b"]" * 100_000),
           "huge": lambda call: (200, {"Content-Type": "application/json"}, b'[{"login":"acme","x":"' + b"x" * 20_000_000 + b'"}]'),
           "elsewhere": lambda call: (302, {"Location": call["url"]}, b"")}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("endpoint", ["teams", "orgs", "emails"])
def test_an_api_that_fails_gives_nobody_more_than_they_have(site, endpoint, answer):
    site.provider.instead[endpoint] = ANSWERS[answer]
    browser = site.browser()
    response = browser.sign_in("/")
    place = {"teams": "/team/x", "orgs": "/org/x", "emails": "/domain/x"}[endpoint]
    assert not browser.get(place).is_protected and site.provider.count(endpoint) >= 1
    if response.is_protected:  # signed in, with less
        assert set(identity(browser)["groups"]) <= {"org:acme", "team:acme/ops"}
        assert told_of(response, "X-Auth-Request-Email") == ([] if endpoint == "emails" else ["octocat@example.com"])
    else:
        assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar
    site.provider.instead.clear()
    assert site.signed_in().get(place).is_protected


@pytest.mark.parametrize("answer", ANSWERS)
def test_without_a_profile_nobody_is_signed_in(site, answer):
    site.provider.instead["user"] = ANSWERS[answer]
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


HOSTILE_PROFILES = [[{"id": 583231, "login": "octocat"}], {}, {"login": "octocat"}, {"id": None, "login": "octocat"},
                    {"id": "", "login": "octocat"}, {"id": 1.5, "login": "octocat"}, {"id": -1, "login": "octocat"},
                    {"id": {"id": 583231}, "login": "octocat"}, {"id": [583231], "login": "octocat"}, {"id": True, "login": "octocat"},
                    {"id": 2 ** 64, "login": "octocat"}, {"id": 1e300, "login": "octocat"}, {"id": "583231\n", "login": "octocat"},
                    {"id": " 583231", "login": "octocat"}, {"id": 583231, "login": "octocat\r\nX-Auth-Request-Groups: team:acme/ops"},
                    {"id": 583231, "login": "octo\u0085cat"}, {"id": 583231, "login": "x" * 5000},
                    {"user": {"id": 583231, "login": "octocat"}}, {"id": "x" * 5000, "login": "octocat"},
                    {"id": 583231, "login": "octocat "}]


@pytest.mark.parametrize("profile", HOSTILE_PROFILES, ids=lambda profile: ascii(profile)[:50])
def test_a_profile_that_names_nobody_signs_nobody_in(site, profile):
    site.provider.replace["user"] = lambda call, usual: json_answer(profile)
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


@pytest.mark.parametrize("body", [b"\xff\xfe{\x00}\x00", b'{"id":583231,"login":"octo\xffcat"}', b'\xef\xbb\xbf[]',
                                  b'{"id":583231,"login":"octocat"}x', b"{" * 70, b"login=octocat&id=583231",
                                  b"eyJhbGciOiJub25lIn0.eyJpZCI6NTgzMjMxfQ.", b'{"id":583231,"login":"octocat\\u0000"}'])
def test_a_profile_that_is_no_json_object_signs_nobody_in(site, body):
    for kind in ("application/json", "text/html", "application/jwt"):
        site.provider.replace["user"] = lambda call, usual: (200, {"Content-Type": kind}, body)
        browser = site.browser()
        assert_refused(site, browser, browser.sign_in("/"))


@pytest.mark.parametrize("answer", [[], None, "x", {"access_token": 1}, {"access_token": ""},
                                    {"access_token": "a\r\nX: y", "token_type": "bearer"}, {"access_token": "gho_x", "token_type": "mac"},
                                    {"error": "x", "access_token": "gho_x", "token_type": "bearer"}, {"error": {"message": "x"}},
                                    {"error": "bad_verification_code", "error_description": "<script>"}, {}],
                         ids=repr)
def test_a_token_answer_without_a_token_signs_nobody_in(site, answer):
    site.provider.replace["token"] = lambda call, usual: json_answer(answer)
    browser = site.browser()
    response = browser.sign_in("/")
    assert "<script" not in response.text and site.provider.count("user") == 0
    assert_refused(site, browser, response, tokens=1)


def test_DISC_02_a_next_page_elsewhere_is_never_asked(site, authority):
    listener = Recorder(authority)
    port = listener.servers["other"].server_port
    for target in (f"{listener.origin('other')}/user/teams?page=2", f"{listener.issuer}/user/teams?page=2",
                   f"{site.provider.origin('api')}@127.0.0.1:{port}/user/teams", f"//127.0.0.1:{port}/user/teams",
                   f"https://localhost:{port}/x", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
                   f"{site.provider.origin('main')}/user/teams?page=2"):
        site.provider.reset()
        site.provider.replace["teams"] = lambda call, usual: (200, {**usual[1], "Link": f'<{target}>; rel="next"'}, usual[2])
        site.browser().sign_in("/")
        assert site.provider.count("teams") >= 1 and listener.calls == [] and site.provider.count("unknown") == 0, target
    listener.close()


def test_pages_without_end_come_to_one(site):
    site.provider.replace["teams"] = lambda call, usual: (200, {**usual[1], "Link": f'<{call["url"]}>; rel="next"'}, usual[2])
    started = time.monotonic()
    site.browser().sign_in("/")
    assert site.provider.count("teams") <= 200 and time.monotonic() - started < 12


# Addresses

def test_the_address_is_the_one_that_is_primary_and_verified(site):
    browser = site.signed_in()
    assert browser.get("/domain/x").is_protected and browser.get("/other/x").status == 403


@pytest.mark.parametrize("emails", [
    [], [address("octocat@example.com")], [address("octocat@example.com", primary=True, verified=False)],
    [address("octocat@example.com"), address("octocat@corp.test", primary=True, verified=False)],
    [{"email": "octocat@example.com", "primary": True}], [{"email": "octocat@example.com", "verified": True}],
    [{"primary": True, "verified": True}],
    [{"email": "octocat@example.com", "primary": True, "verified": "true"}],
    [{"email": "octocat@example.com", "primary": 1, "verified": 1}],
    [{"email": ["octocat@example.com"], "primary": True, "verified": True}], [{"email": None, "primary": True, "verified": True}],
    [{"email": "octocat@evil.test@example.com", "primary": True, "verified": True}], ["octocat@example.com"],
    [{"email": "octocat@evil.test\n@example.com", "primary": True, "verified": True}]], ids=lambda emails: ascii(emails)[:60])
def test_POL_02_an_address_that_is_unverified_or_not_the_primary_one_is_no_proof(site, emails):
    site.provider.emails_of_person = emails
    site.provider.person["email"] = "octocat@example.com"  # what people write into their public profile
    browser = site.browser()
    browser.sign_in("/domain/x")
    assert not browser.get("/domain/x").is_protected and not browser.get("/other/x").is_protected


def test_an_address_on_the_second_page_counts(site):
    site.provider.emails_of_person = [*(address(f"x{number}@elsewhere.test") for number in range(120)),
                                      address("octocat@example.com", primary=True)]
    assert site.signed_in().get("/domain/x").is_protected


@pytest.mark.parametrize("granted", [set(), {"user:email"}, {"read:org"}, {"user:email", "read:user"}],
                         ids=lambda scopes: " ".join(sorted(scopes)))
def test_fewer_scopes_than_were_asked_for_give_less(site, granted):
    site.provider.granted = granted
    browser = site.browser()
    response = browser.sign_in("/")
    assert browser.get("/team/x").is_protected == ("read:org" in granted and response.is_protected)
    assert browser.get("/domain/x").is_protected == ("user:email" in granted and response.is_protected)
    assert response.is_protected or response.status >= 400


# While a session lasts

def test_memberships_are_not_asked_for_at_every_request(site):
    browser = site.signed_in()
    assert all(browser.get("/team/x").is_protected for _ in range(30))
    assert [site.provider.count(endpoint) for endpoint in ("user", "emails", "orgs", "teams", "token")] == [1] * 5


def test_who_leaves_the_team_is_out_after_a_recheck_and_who_joins_is_in(own_site):
    site = own_site(recheck="2s")
    browser = site.signed_in()
    assert browser.get("/team/x").is_protected
    site.provider.teams_of_person = [("acme", "dev")]
    wait_until(lambda: browser.get("/team/x").status == 403, 15, "the end of the membership")
    assert browser.get("/").is_protected and browser.get("/org/x").is_protected
    site.provider.teams_of_person = [("acme", "ops")]
    wait_until(lambda: browser.get("/team/x").is_protected, 15, "the new membership")
    assert site.provider.count("token") == 1


def test_a_new_address_counts_after_a_recheck(own_site):
    site = own_site(recheck="2s")
    browser = site.signed_in()
    site.provider.emails_of_person = [address("octocat@gone.test", primary=True), address("octocat@example.com")]
    wait_until(lambda: browser.get("/domain/x").status == 403, 15, "the new address")


def test_a_token_that_was_revoked_ends_the_session(own_site):
    site = own_site(recheck="2s")
    browser = site.signed_in()
    site.provider.revoke_all()
    wait_until(lambda: browser.fetch("/").status == 401, 15, "the end of the session")
    assert site.postern.run("sessions", "list").stdout == ""


TROUBLE = {"500": ANSWERS["500"], "rate limit": lambda call: (403, {"X-RateLimit-Remaining": "0", "Content-Type": "application/json"},
                                                              b'{"message":"API rate limit exceeded for user ID 583231."}'),
           "429": ANSWERS["429"], "reset": ANSWERS["reset"], "page": ANSWERS["page"]}


def test_REF_04_a_recheck_that_fails_ends_nothing_and_gives_nothing(own_site):
    sites = {name: own_site(recheck="2s") for name in TROUBLE}
    browsers = {name: site.signed_in() for name, site in sites.items()}
    for name, site in sites.items():
        site.provider.instead["user"] = TROUBLE[name]
    for name, site in sites.items():
        wait_until(lambda: browsers[name].get("/").is_protected and site.provider.count("user") >= 2, 15, f"a recheck ({name})")
    for name, site in sites.items():
        assert browsers[name].get("/").is_protected and "__Host-postern" in browsers[name].cookies.jar, name
        assert identity(browsers[name])["subject"] == "583231"
        assert site.provider.count("user") <= 6, "asked again and again"
        site.provider.instead.clear()
        site.provider.teams_of_person = []
    for name in sites:
        wait_until(lambda: browsers[name].get("/team/x").status == 403, 60, f"the recheck after the trouble ({name})")


def test_REF_04_beyond_the_grace_nobody_can_tell_and_nothing_is_lost(own_site):
    site = own_site({"session": {"outage_grace": "1s"}}, recheck="2s")
    cookie = site.signed_in().cookies.header()
    site.provider.instead["user"] = ANSWERS["500"]
    status = lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/team/x", cookie)).status  # noqa: E731
    wait_until(lambda: status() == 503, 15, "the end of the grace")
    site.provider.instead.clear()
    wait_until(lambda: status() == 200, 15, "recovery")


@pytest.mark.parametrize("profile", [{"id": 999, "login": "mallory"}, {"login": "mallory"}, {"id": None, "login": "mallory"}, [],
                                     {"id": "583231 ", "login": "mallory"}],
                         ids=repr)
def test_REF_05_a_recheck_that_is_about_somebody_else_is_not_taken(own_site, profile):
    site = own_site(recheck="2s")
    site.provider.teams_of_person = []
    browser = site.signed_in()
    site.provider.replace["user"] = lambda call, usual: json_answer(profile)
    site.provider.teams_of_person = [("acme", "ops")]
    wait_until(lambda: browser.fetch("/") and site.provider.count("user") >= 2, 15, "a recheck")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        response = browser.fetch("/")
        assert response.status == 401 or told_of(response, "X-Auth-Request-User") == ["octocat"]
        assert not browser.get("/team/x").is_protected


def test_a_github_apps_tokens_are_renewed_and_groups_with_them(own_site):
    site = own_site()
    site.provider.is_app, site.provider.access_lifetime = True, 3
    browser = site.signed_in("/team/x")
    assert browser.get("/team/x").is_protected
    site.provider.teams_of_person, site.provider.access_lifetime = [], 8 * 3600
    wait_until(lambda: browser.get("/team/x").status == 403, 15, "the end of the membership")
    forms = [call["form"] for call in site.provider.calls_of("token")]
    assert [form["grant_type"] for form in forms[1:]] == ["refresh_token"] * (len(forms) - 1) and len(forms) > 1
    assert all(form["client_secret"] == SECRET for form in forms) and browser.get("/").is_protected


def test_a_github_apps_refresh_token_that_is_over_ends_the_session(own_site):
    site = own_site()
    site.provider.is_app, site.provider.access_lifetime = True, 3
    browser = site.signed_in()
    site.provider.revoke_all()
    wait_until(lambda: browser.fetch("/").status == 401, 15, "the end of the session")
    assert site.postern.run("sessions", "list").stdout == ""


# Signing out

def test_signing_out_takes_the_token_back(site):
    browser = site.signed_in()
    token = next(iter(site.provider.tokens))
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("delete_token") == 1 and not site.provider.tokens, what="the revocation")
    call = site.provider.calls_of("delete_token")[0]
    assert call["path"] == "/applications/rp1/token" and call["headers"]["Authorization"] == basic("rp1", SECRET)
    assert json.loads(call["body"]) == {"access_token": token} and call["headers"]["User-Agent"]


def test_signing_out_without_revocation_asks_nothing(own_site):
    site = own_site(revoke=False)
    site.signed_in().get("/oauth2/sign_out")
    site.postern.stop()  # what is under way is finished first
    assert site.provider.count("delete_token") == 0


@pytest.mark.parametrize("answer", ["500", "404", "reset", "page"])
def test_a_revocation_that_fails_is_no_harm(site, answer):
    site.provider.instead["delete_token"] = ANSWERS[answer]
    browser = site.signed_in()
    assert browser.get("/oauth2/sign_out").status == 302 and not browser.get("/").is_protected
    wait_until(lambda: site.provider.count("delete_token") >= 1, what="the revocation")


def test_nobody_waits_for_a_revocation(site):
    site.provider.delay["delete_token"] = 3
    browser = site.signed_in()
    started = time.monotonic()
    assert browser.get("/oauth2/sign_out").status == 302 and time.monotonic() - started < 1.5
    wait_until(lambda: not site.provider.tokens, what="the revocation")


def test_signing_out_leads_to_a_page_and_not_back_in(site):
    browser = site.signed_in()
    page = browser.follow(browser.get("/oauth2/sign_out"))
    assert page.status == 200 and "You are signed out" in page.text and not page.is_protected
    assert "__Host-postern" not in browser.cookies.jar and site.provider.count("authorize") == 1


# The flow: neither nonce nor ID token, so state and PKCE are all there is

def test_FLOW_01_a_callback_that_nobody_began(site):
    foreign = query_of(site.browser().get("/oauth2/start").location)["state"]
    browser = site.browser()
    for query in ("code=x", "code=x&state=", f"code=x&state={'A' * 22}", f"code=x&state={foreign}",
                  f"code=x&state={foreign}&state={foreign}", ""):
        assert_refused(site, browser, browser.get(f"/oauth2/callback?{query}"), tokens=0)


def test_FLOW_02_a_callback_works_once(site):
    browser = site.browser()
    callback = browser.callback_url("/")
    before = dict(browser.cookies.jar)
    assert browser.get(callback).status == 302
    session = browser.cookies.jar["__Host-postern"]
    browser.cookies.jar.update(before)
    assert browser.get(callback).status >= 400 and site.provider.count("token") == 1
    assert browser.cookies.jar["__Host-postern"] == session and browser.get("/").is_protected


@pytest.mark.parametrize("change", ["", "code=", "code=CODE&code=CODE", "code=x&code=CODE", "Code=CODE", "code=%00", "code=%ff",
                                    "access_token=gho_x"])
def test_FLOW_02_no_code_or_two(site, change):
    browser = site.browser()
    query = query_of(browser.callback_url("/"))
    response = browser.get(f"/oauth2/callback?state={query['state']}&{change.replace('CODE', query['code'])}")
    assert query["code"] not in [call["form"].get("code") for call in site.provider.calls_of("token")]
    assert_refused(site, browser, response)


def test_FLOW_03_an_answer_meant_for_another_browser(site):
    attacker, victim = site.browser(), site.browser()
    callback = attacker.callback_url("/")
    state = query_of(victim.get("/").location)["state"]
    assert_refused(site, victim, victim.get(callback), tokens=0)
    response = victim.get(f"/oauth2/callback?code={query_of(callback)['code']}&state={state}")
    assert_refused(site, victim, response, tokens=1)  # the double refuses the verifier


@pytest.mark.parametrize("extra", ["error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
                                   "error=access_denied&code=CODE", "error=application_suspended",
                                   "error=redirect_uri_mismatch&error_uri=javascript:alert(1)", "error="])
def test_FLOW_06_github_says_no(site, extra):
    browser = site.browser()
    query = query_of(browser.callback_url("/"))
    response = browser.get(f"/oauth2/callback?state={query['state']}&{extra.replace('CODE', query['code'])}")
    assert "<script" not in response.text and "javascript:" not in response.text and response.location is None
    assert_refused(site, browser, response, tokens=0)


def test_FLOW_07_each_request_has_its_own_secrets(site):
    seen = {"state": set(), "code_challenge": set()}
    for _ in range(50):
        query = query_of(site.browser().get("/oauth2/start").location)
        assert query["code_challenge_method"] == "S256" and query["redirect_uri"] == "https://app.test/oauth2/callback"
        for name, values in seen.items():
            assert len(query[name]) >= 22
            values.add(query[name])
    assert all(len(values) == 50 for values in seen.values())
    for _ in range(5):
        site.signed_in()
    verifiers = {call["form"]["code_verifier"] for call in site.provider.calls_of("token")}
    assert len(verifiers) == 5 and all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)


def test_FLOW_07_a_code_of_another_flow(site):
    first, second = site.browser(), site.browser()
    code = query_of(first.callback_url("/"))["code"]
    state = query_of(second.get("/").location)["state"]
    assert_refused(site, second, second.get(f"/oauth2/callback?code={code}&state={state}"), tokens=1)


def test_FLOW_12_programs_are_not_sent_to_github(site):
    response = site.browser().fetch("/api")
    assert response.status == 401 and response.location is None and response.all("Set-Cookie") == []


def test_nobody_is_asked_anything_before_a_sign_in(site):
    assert site.browser().get("/").status == 302
    assert site.provider.calls == []
    assert other(site.browser().get("/").location).status == 302
