"""Signing in with Facebook, against a double of its documented API."""
import hashlib
import hmac
import json
import time
import urllib.parse

import pytest

from harness.double import lasting_site
from harness.facebook import Facebook, failure
from harness.provider import json_answer
from harness.servers import wait_until
from harness.site import SECRET, told_of
from test_github import (  # noqa: F401
    ANSWERS, assert_refused, identity, query_of, test_FLOW_01_a_callback_that_nobody_began, test_FLOW_02_a_callback_works_once,
    test_FLOW_02_no_code_or_two, test_FLOW_03_an_answer_meant_for_another_browser, test_FLOW_07_a_code_of_another_flow,
    test_FLOW_07_each_request_has_its_own_secrets, test_FLOW_12_programs_are_not_sent_to_github as test_FLOW_12_programs_are_not_sent_there,
    test_nobody_is_asked_anything_before_a_sign_in, test_signing_out_leads_to_a_page_and_not_back_in)
from test_out import test_OUT_01_the_person_confirms, test_OUT_02_a_signed_out_cookie_is_over_at_once  # noqa: F401

ID = "10158345678901234"
RULES = [{"name": "public", "paths": ["/public/*"], "methods": ["GET"], "public": True},
         {"name": "domain", "paths": ["/domain/*"], "allow": {"domains": ["example.com"]}},
         {"name": "mail", "paths": ["/mail/*"], "allow": {"emails": ["anna@example.com"]}},
         {"name": "group", "paths": ["/group/*"], "allow": {"groups": ["ops", "user", "email", "public_profile"]}},
         {"name": "anyhow", "paths": ["/anyhow/*"], "allow": {"domains": ["example.com"], "insecure_unverified_email": "true"}},
         {"name": "subject", "paths": ["/subject/*"], "allow": {"subjects": [ID]}}, {"name": "everybody", "allow": {"everyone": "true"}}]


def settings(double, changes=None, **provider):
    op = {"kind": "facebook", "client_id": double.client, "scopes": None, "ca_file": double.ca_file, "api_url": double.origin("graph"),
          **provider}
    return {"providers": {"op": op}, "rules": RULES, **(changes or {})}


@pytest.fixture(scope="module")
def shared_site(authority, front):
    double = Facebook(authority)
    yield from lasting_site(authority, front, double, settings(double))


@pytest.fixture
def own_site(make_site, authority):
    """Makes a site with a Facebook of its own."""
    doubles = []

    def make(changes=None, **provider):
        doubles.append(Facebook(authority))
        return make_site(settings(doubles[-1], changes, **provider), provider=doubles[-1])
    yield make
    for double in doubles:
        double.close()


def proof(token):
    return hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def test_a_person_signs_in_and_the_application_is_told_who_it_is(site):
    browser = site.browser()
    response = browser.sign_in("/subject/x?y=z")
    assert response.url.endswith("/subject/x?y=z") and identity(browser)["subject"] == ID
    assert told_of(response, "X-Auth-Request-User") == [ID]
    assert told_of(response, "X-Auth-Request-Email") == ["anna@example.com"] and told_of(response, "X-Auth-Request-Groups") == []


def test_what_facebook_is_asked(site):
    site.signed_in()
    start, token = site.provider.calls_of("authorize")[0], site.provider.calls_of("token")[0]
    assert set(start["query"]["scope"].replace(",", " ").split()) == {"public_profile", "email"} and "nonce" not in start["query"]
    assert start["query"]["code_challenge_method"] == "S256" and token["form"]["redirect_uri"] == "https://app.test/oauth2/callback"
    me, checks = site.provider.calls_of("me"), site.provider.calls_of("debug_token")
    assert len(me) == len(checks) == 1 and {"id", "name", "email"} <= set(me[0]["query"]["fields"].split(","))
    assert checks[0]["query"]["input_token"] == me[0]["sent"] and checks[0]["sent"] == f"{site.provider.client}|{SECRET}"
    for call in (start, token, *me, *checks):
        assert call["path"].startswith("/v25.0/"), call["path"]
        assert not {"client_secret", "access_token"} & set(call["query"]), "a secret in an address"
    assert all(call["query"]["appsecret_proof"] == proof(call["sent"]) for call in (*me, *checks))


def test_the_version_is_a_setting(own_site):
    site = own_site(graph_version="v23.0")
    site.signed_in()
    assert {call["path"].split("/")[1] for call in site.provider.calls} == {"v23.0"}


def test_a_version_that_is_over_signs_nobody_in(own_site):
    site = own_site(graph_version="v2.5")
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


def test_an_app_that_requires_the_proof(site):
    site.provider.requires_proof = True
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("permissions") == 1 and not any(
        token["error"] is None for token in site.provider.tokens.values()), what="the revocation")


def test_who_gives_no_address_has_none(site):
    for change in ({"granted": {"public_profile"}}, {"person": {**site.provider.person, "email": None}}):
        site.provider.reset()
        for name, value in change.items():
            setattr(site.provider, name, value)
        if site.provider.person["email"] is None:
            del site.provider.person["email"]
        browser = site.browser()
        response = browser.sign_in("/subject/x")
        assert told_of(response, "X-Auth-Request-Email") == [] and identity(browser)["subject"] == ID
        assert browser.get("/domain/x").status == browser.get("/anyhow/x").status == 403


def test_POL_02_an_address_is_no_proof_unless_the_rule_says_so(site):
    browser = site.signed_in()
    assert browser.get("/domain/x").status == browser.get("/mail/x").status == 403
    assert browser.get("/anyhow/x").is_protected


@pytest.mark.parametrize("claims", [{"email_verified": True}, {"verified": True}, {"is_verified": True, "verified_email": True}])
def test_POL_02_nothing_in_the_profile_makes_it_one(site, claims):
    site.provider.replace["me"] = lambda call, usual: json_answer({**json.loads(usual[2]), **claims})
    browser = site.browser()
    assert not browser.sign_in("/domain/x").is_protected and not browser.get("/mail/x").is_protected


def test_the_token_of_another_app_is_refused(site):
    def foreign(call, usual):
        return json_answer({"access_token": site.provider.new_token({"email"}, app="999"), "token_type": "bearer", "expires_in": 5183944})
    site.provider.replace["token"] = foreign
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"), tokens=1)
    assert site.provider.count("debug_token") == 1


@pytest.mark.parametrize("change", [{"app_id": "999"}, {"app_id": None}, {"app_id": ""}, {"app_id": "138483919580948 "},
                                    {"app_id": "13848391958094"}, {"app_id": ["138483919580948"]}, {"app_id": "1384839195809480"},
                                    {"is_valid": False}, {"is_valid": None}, {"is_valid": "true"}, {"is_valid": 1}, {"is_valid": [True]},
                                    {"app_id": True}, {"app_id": {}}],
                         ids=repr)
def test_a_token_that_is_not_said_to_be_ours_and_good_is_refused(site, change):
    def changed(call, usual):
        data = {**json.loads(usual[2])["data"], **change}
        return json_answer({"data": {name: value for name, value in data.items() if value is not None}})
    site.provider.replace["debug_token"] = changed
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))
    assert site.provider.count("debug_token") == 1


@pytest.mark.parametrize("answer", [{"data": []}, {"data": None}, {}, [], {"data": "x"}, {"app_id": "138483919580948", "is_valid": True},
                                    [{"data": {"app_id": "138483919580948", "is_valid": True}}],
                                    {"data": [{"app_id": "138483919580948", "is_valid": True}]}],
                         ids=repr)
def test_a_check_of_the_token_that_says_nothing_is_refused(site, answer):
    site.provider.replace["debug_token"] = lambda call, usual: json_answer(answer)
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("endpoint", ["me", "debug_token", "token"])
def test_an_api_that_fails_signs_nobody_in(site, endpoint, answer):
    site.provider.instead[endpoint] = ANSWERS[answer]
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))
    assert site.provider.count(endpoint) >= 1


@pytest.mark.parametrize("profile", [{}, [{"id": ID, "name": "A"}], {"name": "A"}, {"id": None, "name": "A"}, {"id": "", "name": "A"},
                                     {"id": 1.5, "name": "A"}, {"id": -1, "name": "A"}, {"id": {"id": ID}, "name": "A"},
                                     {"id": [ID], "name": "A"}, {"id": True, "name": "A"}, {"id": f"{ID}\n", "name": "A"},
                                     {"id": f" {ID}", "name": "A"}, {"id": "1" * 5000, "name": "A"}, {"data": {"id": ID}},
                                     {"id": f"{ID}\r\nX-Auth-Request-Groups: ops", "name": "A"}, {"error": {"code": 190}, "name": "A"}],
                         ids=lambda profile: ascii(profile)[:50])
def test_a_profile_that_names_nobody_signs_nobody_in(site, profile):
    site.provider.replace["me"] = lambda call, usual: json_answer(profile)
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


@pytest.mark.parametrize("name", ["Anna\r\nX-Auth-Request-Groups: ops", "Anna\u0085x", "Anna\u2028x"])
def test_HDR_05_a_hostile_name_adds_no_header(site, name):
    site.provider.person["name"] = name
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.status >= 400 or told_of(response, "X-Auth-Request-Groups") == []
    assert not browser.get("/group/x").is_protected


def test_a_code_that_was_used_signs_nobody_in(site):
    """The token endpoint's `error` is an object there, with a message that is not ours to show."""
    site.provider.instead["token"] = lambda call: failure("<script>alert(1)</script>", "OAuthException", 100, 36009)
    browser = site.browser()
    response = browser.sign_in("/")
    assert "<script" not in response.text
    assert_refused(site, browser, response, tokens=1)


def test_FLOW_06_the_person_says_no(site):
    browser = site.browser()
    state = query_of(browser.get("/x").location)["state"]
    response = browser.get("/oauth2/callback?error=access_denied&error_code=200&error_description=Permissions+error"
                           f"&error_reason=user_denied&state={state}")
    assert response.status == 403 and response.location is None
    assert_refused(site, browser, response, tokens=0)


def test_the_fragment_that_facebook_adds_does_not_stay_in_the_address(site):
    """A browser takes the fragment along where a redirect has none (RFC 9110, section 10.2.2)."""
    browser = site.browser()
    back = browser.visit(browser.get("/page?x=1").location)
    fragment = urllib.parse.urlsplit(back.location).fragment
    assert fragment == "_=_"
    landed = browser.visit(back.location)
    assert landed.status == 302 and "#" in landed.location and not landed.location.endswith("_=_"), landed.location
    assert browser.follow(landed).url.endswith("/page?x=1")


# While a session lasts

def test_a_token_that_was_revoked_ends_the_session(own_site):
    """Facebook says so with status 400 and code 190, never with 401."""
    site = own_site(recheck="2s")
    browser = site.signed_in()
    site.provider.revoke_all()
    wait_until(lambda: browser.fetch("/").status == 401, 15, "the end of the session")
    assert site.postern.run("sessions", "list").stdout == ""


def other_status(status, *arguments):
    _, headers, body = failure(*arguments)
    return lambda call: (status, headers, body)


TROUBLE = {"unknown": other_status(500, "An unknown error occurred", "OAuthException", 1),
           "service": other_status(503, "Service temporarily unavailable", "OAuthException", 2),
           "limit": other_status(400, "(#4) Application request limit reached", "OAuthException", 4),
           "user limit": other_status(400, "(#17) User request limit reached", "OAuthException", 17), "reset": ANSWERS["reset"],
           "page": ANSWERS["page"]}


def test_REF_04_a_recheck_that_fails_ends_nothing(own_site):
    sites = {name: own_site(recheck="2s") for name in TROUBLE}
    browsers = {name: site.signed_in() for name, site in sites.items()}
    for name, site in sites.items():
        site.provider.instead["me"] = site.provider.instead["debug_token"] = TROUBLE[name]
    for name, site in sites.items():
        wait_until(lambda: browsers[name].get("/").is_protected and site.provider.count("me", "debug_token") >= 3, 15, f"a recheck: {name}")
    for name, site in sites.items():
        assert browsers[name].get("/subject/x").is_protected, name


def test_REF_05_a_recheck_that_is_about_somebody_else_is_not_taken(own_site):
    site = own_site(recheck="2s")
    browser = site.signed_in()
    site.provider.replace["me"] = lambda call, usual: json_answer({"id": "666", "name": "Mallory", "email": "mallory@example.com"})
    wait_until(lambda: browser.fetch("/") and site.provider.count("me") >= 2, 15, "a recheck")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        response = browser.fetch("/")
        assert response.status == 401 or (identity(browser)["subject"] == ID and b"allory" not in response.body)


def test_REF_04_our_own_fault_ends_nothing(own_site):
    """The app's secret was replaced: then it is our token that /debug_token does not take, with code 190, too."""
    site = own_site(recheck="2s")
    browser = site.signed_in()
    site.provider.secret = "another-secret-0123456789"
    wait_until(lambda: browser.get("/") and site.provider.count("debug_token") >= 2, 15, "a recheck")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        assert browser.get("/subject/x").is_protected


# Signing out

def test_signing_out_takes_the_app_off_the_account(site):
    browser = site.signed_in()
    token = next(iter(site.provider.tokens))
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("permissions") == 1, what="the revocation")
    call = site.provider.calls_of("permissions")[0]
    assert call["path"] in (f"/v25.0/{ID}/permissions", "/v25.0/me/permissions") and call["sent"] == token
    assert call["query"]["appsecret_proof"] == proof(call["sent"]) and "access_token" not in call["query"]
    wait_until(lambda: site.provider.tokens[token]["error"], what="the end of the token")


@pytest.mark.parametrize("answer", ["500", "404", "reset", "page"])
def test_a_revocation_that_fails_is_no_harm(site, answer):
    site.provider.instead["permissions"] = ANSWERS[answer]
    browser = site.signed_in()
    assert browser.get("/oauth2/sign_out").status == 302 and not browser.get("/").is_protected
    wait_until(lambda: site.provider.count("permissions") >= 1, what="the revocation")


def test_signing_out_without_revocation_asks_nothing(own_site):
    site = own_site(revoke=False)
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    site.postern.stop()  # what is under way is finished first
    assert site.provider.count("permissions") == 0
