"""Signing in with Google, against a double of what it documents: hosted domains, groups, no end of its own session."""
import json
import re
import time

import pytest

from harness.double import lasting_site
from harness.google import GROUPS_SCOPE, QUERY, Google
from harness.provider import json_answer
from harness.servers import wait_until
from harness.site import told_of
from test_flow import test_FLOW_the_issuer_of_the_answer  # noqa: F401
from test_github import (  # noqa: F401
    ANSWERS, assert_refused, identity, test_FLOW_02_a_callback_works_once, test_FLOW_07_each_request_has_its_own_secrets,
    test_signing_out_leads_to_a_page_and_not_back_in)

SCOPES = ["openid", "profile", "email"]
RULES = [{"name": "public", "paths": ["/public/*"], "methods": ["GET"], "public": True},
         {"name": "group", "paths": ["/group/*"], "allow": {"groups": ["ops@example.com"]}},
         {"name": "bare", "paths": ["/bare/*"], "allow": {
             "groups": ["ops", "OPS@example.com", "example.com", "groups/0", "groups/000000000000000"]}},
         {"name": "domain", "paths": ["/domain/*"], "allow": {"domains": ["example.com"]}},
         {"name": "everybody", "allow": {"everyone": "true"}}]
UNUSED = {"identity": {"headers": {"X-Auth-Request-Groups": "nothing"}}}  # more groups than header fields hold


def settings(double, changes=None, **provider):
    op = {"kind": "google", "ca_file": double.ca_file, "api_url": double.origin("cloudidentity"), "scopes": [*SCOPES, GROUPS_SCOPE],
          **provider}
    return {"providers": {"op": op}, "rules": RULES, **(changes or {})}


@pytest.fixture(scope="module")
def shared_site(authority, front):
    double = Google(authority)
    yield from lasting_site(authority, front, double, settings(double))


@pytest.fixture
def own_site(make_site, authority):
    """Makes a site with a Google of its own."""
    doubles = []

    def make(changes=None, **provider):
        doubles.append(Google(authority))
        return make_site(settings(doubles[-1], changes, **provider), provider=doubles[-1])
    yield make
    for double in doubles:
        double.close()


def test_a_person_signs_in_and_the_application_is_told_who_it_is(site):
    browser = site.browser()
    response = browser.sign_in("/domain/x")
    assert told_of(response, "X-Auth-Request-User") == told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert told_of(response, "X-Auth-Request-Groups") == ["ops@example.com,all@example.com"]
    assert identity(browser)["subject"] == "110169484474386276334" and site.provider.count("unknown") == 0


def test_a_refresh_token_is_asked_for(site):
    site.signed_in()
    query = site.provider.calls_of("authorize")[0]["query"]
    assert query["access_type"] == "offline" and query["code_challenge_method"] == "S256" and len(query["nonce"]) >= 22
    assert set(query["scope"].split()) == {*SCOPES, GROUPS_SCOPE}


def test_without_a_refresh_token_the_session_lasts(own_site):
    """People are asked only once, and only then is there one."""
    site = own_site()
    site.signed_in()
    site.provider.access_lifetime = 1
    browser = site.signed_in()
    time.sleep(1.5)
    assert browser.get("/group/x").is_protected
    assert "refresh_token" not in [call["form"].get("grant_type") for call in site.provider.calls_of("token")]


# Who issued the token

def test_a_token_whose_issuer_is_without_its_scheme_is_taken(site):
    site.provider.issuer_without_scheme = True
    assert identity(site.signed_in("/domain/x"))["subject"] == "110169484474386276334"


@pytest.mark.parametrize("issuer", ["https://HOST", "//HOST", "HOST.evil.test", "xHOST", "http://HOST/", "http:HOST", "", None, ["HOST"],
                                    "http://evil.test", "HOST@evil.test", "https://accounts.google.com/", "accounts.google.com/",
                                    "accounts.google.com.evil.test", "Accounts.google.com", " accounts.google.com", ["accounts.google.com"],
                                    "http://accounts.google.com"], ids=repr)
def test_JOSE_04_another_issuer_is_not(site, issuer):
    host = site.provider.issuer.removeprefix("http://")
    site.provider.claim_changes = {"iss": issuer.replace("HOST", host) if isinstance(issuer, str) else issuer}
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


# Hosted domains

@pytest.fixture(scope="module")
def hosted_site(authority, front):
    double = Google(authority)
    yield from lasting_site(authority, front, double, settings(double, hosted_domains=["example.com", "example.org"], scopes=SCOPES))


@pytest.mark.parametrize("domain", ["example.com", "example.org"])
def test_an_account_of_a_hosted_domain_is_let_in(hosted_site, domain):
    hosted_site.provider.reset()
    hosted_site.provider.person["hd"] = domain
    assert hosted_site.signed_in()


@pytest.mark.parametrize("domain", [None, "", "other.test", "example.com.evil.test", "evilexample.com", "sub.example.com", "example.net",
                                    "example.com ", "example.com\u0000", "ex\u0430mple.com", ["example.com"], {"example.com": True}, True,
                                    1, "example.com,example.org", "*"],
                         ids=ascii)
def test_an_account_without_it_is_refused(hosted_site, domain):
    """Whatever its address says, and whatever the request asked for."""
    hosted_site.provider.reset()
    hosted_site.provider.person.update(hd=domain, email="alice@example.com")
    if domain is None:
        del hosted_site.provider.person["hd"]
    browser = hosted_site.browser()
    assert_refused(hosted_site, browser, browser.sign_in("/"))


def test_without_hosted_domains_any_account_signs_in(site):
    for person in ({"hd": "other.test", "email": "alice@other.test"}, {"email": "alice@gmail.com"}):
        site.provider.reset()
        del site.provider.person["hd"]
        site.provider.person.update(person)
        assert site.signed_in().get("/domain/x").status == 403


def test_no_groups_are_asked_for_without_their_scope(hosted_site):
    hosted_site.provider.reset()
    browser = hosted_site.signed_in()
    assert hosted_site.provider.count("search_groups") == 0 and browser.get("/group/x").status == 403


def test_an_account_that_leaves_the_hosted_domain_is_out_after_a_refresh(own_site):
    site = own_site(hosted_domains=["example.com"])
    site.provider.access_lifetime = 3
    browser = site.signed_in()
    site.provider.person["hd"] = "other.test"
    wait_until(lambda: browser.fetch("/").status == 401, 15, "the end of the session")


# Groups

def test_a_group_lets_its_members_in_and_nobody_else(site):
    assert site.browser().sign_in("/group/x").is_protected
    for groups in ([], ["ops@example.org"], ["xops@example.com"], ["ops@example.com.evil.test"], ["ops@sub.example.com", "ops@example"]):
        site.provider.groups = groups
        browser = site.browser()
        assert browser.sign_in("/group/x").status == 403 and browser.get("/").is_protected, groups


def test_a_group_is_its_whole_address(site):
    assert site.signed_in().get("/bare/x").status == 403


def test_how_groups_are_asked_for(site):
    site.signed_in()
    call, = site.provider.calls_of("search_groups")
    assert call["headers"]["Authorization"].startswith("Bearer ") and "access_token" not in call["query"]
    assert call["query"]["query"] == ("member_key_id == 'alice@example.com' && "
                                      "'cloudidentity.googleapis.com/groups.discussion_forum' in labels")


@pytest.mark.parametrize("count", [199, 200, 201, 1000, 1001, 2500])
def test_more_groups_than_fit_on_a_page(own_site, count):
    site = own_site(UNUSED)
    site.provider.groups = [*(f"g{number}@example.com" for number in range(count - 1)), "ops@example.com"]
    browser = site.signed_in("/group/x")
    assert len(set(identity(browser)["groups"])) == count and site.provider.count("search_groups") <= 1 + count // 200


@pytest.mark.parametrize("email", ["o'neil@example.com", "a'||'a'=='a@example.com"])
def test_an_address_is_asked_for_as_it_is(site, email):
    """Nothing in it ends the text that it is in the query."""
    site.provider.person["email"] = email
    assert identity(site.signed_in("/group/x"))["groups"] == ["ops@example.com", "all@example.com"]


@pytest.mark.parametrize("email", ["back\\slash@example.com", "a\\'||member_key_id=='alice@example.com", "a\\@example.com",
                                   "\u00fc'@example.com", "' in labels@example.com", "a\u2019@example.com"], ids=ascii)
def test_an_odd_address_is_asked_for_as_it_is_or_not_at_all(site, email):
    site.provider.person.update(email=email)
    browser = site.browser()
    browser.sign_in("/")
    for call in site.provider.calls_of("search_groups"):
        assert re.sub(r"\\(.)", r"\1", QUERY.fullmatch(call["query"]["query"]).group(1)) == email


UNWILLING = {"not enabled": {"is_api_enabled": False}, "not premium": {"is_premium": False}, "not granted": {"granted": set()}}


@pytest.mark.parametrize("reason", UNWILLING)
def test_groups_that_may_not_be_seen_are_none(site, reason):
    for name, value in UNWILLING[reason].items():
        setattr(site.provider, name, value)
    browser = site.browser()
    response = browser.sign_in("/")
    assert not browser.get("/group/x").is_protected
    assert response.status >= 400 or (told_of(response, "X-Auth-Request-Groups") == [] and identity(browser)["groups"] == [])


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_api_that_fails_gives_nobody_more_than_they_have(site, answer):
    site.provider.instead["search_groups"] = ANSWERS[answer]
    browser = site.browser()
    response = browser.sign_in("/")
    assert not browser.get("/group/x").is_protected and site.provider.count("search_groups") >= 1
    assert response.status >= 400 or identity(browser)["groups"] == []


@pytest.mark.parametrize("entry", [{}, [], None, "ops@example.com", {"groupKey": None}, {"groupKey": "ops@example.com"}, {"groupKey": {}},
                                   {"groupKey": {"id": ["ops@example.com"]}}, {"groupKey": {"id": ""}}, {"groupKey": {"id": True}},
                                   {"group": "ops@example.com", "displayName": "ops@example.com"}, {"groupKey": {"id": "ops@example.com "}},
                                   {"groupKey": {"id": "x,ops@example.com"}}, {"groupKey": {"namespace": "ops@example.com"}},
                                   {"groupKey": {"id": "ops@example.com\n"}}, {"groupKey": {"id": "ops@ex\u0430mple.com"}}], ids=ascii)
def test_POL_04_a_group_that_is_not_the_one(site, entry):
    entries = [entry, {"groupKey": {"id": "x@example.com"}}]
    site.provider.replace["search_groups"] = lambda call, usual: json_answer({"memberships": entries})
    assert not site.browser().sign_in("/group/x").is_protected


@pytest.mark.parametrize("claims", [{"groups": ["ops@example.com"]}, {"memberships": [{"groupKey": {"id": "ops@example.com"}}]}], ids=repr)
def test_groups_are_those_of_the_api_and_no_claims(site, claims):
    site.provider.groups, site.provider.claim_changes = ["x@example.com"], claims
    assert not site.browser().sign_in("/group/x").is_protected


def test_pages_without_end_come_to_one(site):
    site.provider.replace["search_groups"] = lambda call, usual: json_answer({**json.loads(usual[2]), "nextPageToken": "again"})
    started = time.monotonic()
    site.browser().sign_in("/")
    assert 1 < site.provider.count("search_groups") <= 200 and time.monotonic() - started < 12


# While a session lasts, and its end

def test_who_leaves_the_group_is_out_after_a_refresh(own_site):
    site = own_site()
    site.provider.access_lifetime = 3
    browser = site.signed_in()
    assert browser.get("/group/x").is_protected
    site.provider.groups = ["all@example.com"]
    wait_until(lambda: browser.get("/group/x").status == 403, 15, "the end of the membership")
    assert browser.get("/").is_protected


def test_a_refresh_while_groups_cannot_be_asked_gives_nobody_more(own_site):
    site = own_site()
    site.provider.access_lifetime, site.provider.groups = 3, []
    browser = site.signed_in()
    site.provider.groups, site.provider.is_api_enabled = ["ops@example.com"], False
    wait_until(lambda: browser.get("/") and site.provider.count("search_groups") >= 2, 15, "a refresh")
    assert not browser.get("/group/x").is_protected


def test_access_that_was_taken_back_ends_the_session(own_site):
    site = own_site()
    site.provider.access_lifetime = 3
    browser = site.signed_in()
    site.provider.revoke_all()
    wait_until(lambda: browser.fetch("/").status == 401, 15, "the end of the session")


def test_signing_out_takes_the_tokens_back(site):
    browser = site.signed_in()
    given = {*site.provider.tokens, *site.provider.refresh_tokens}
    browser.get("/oauth2/sign_out")
    wait_until(lambda: not site.provider.tokens and not site.provider.refresh_tokens, what="the revocation")
    assert {call["form"]["token"] for call in site.provider.calls_of("revoke")} <= given and site.provider.count("unknown") == 0
