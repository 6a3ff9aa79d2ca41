"""Signing in with Microsoft Entra ID, against a double of what it documents: tenants, group overage, addresses that prove nothing."""
import json
import time

import pytest

from harness.double import Recorder, lasting_site
from harness.entra import OVERAGE, TENANT, Entra, group
from harness.provider import json_answer
from harness.servers import wait_until
from harness.site import told_of
from test_github import ANSWERS, assert_refused, identity

WANTED = group(7)
RULES = [{"name": "public", "paths": ["/public/*"], "methods": ["GET"], "public": True},
         {"name": "group", "paths": ["/group/*"], "allow": {"groups": [WANTED]}},
         {"name": "bare", "paths": ["/bare/*"], "allow": {"groups": ["ops", "src1", "true"]}},
         {"name": "domain", "paths": ["/domain/*"], "allow": {"domains": ["example.com"]}},
         {"name": "mail", "paths": ["/mail/*"], "allow": {"emails": ["alice@example.com"]}},
         {"name": "subject", "paths": ["/subject/*"], "allow": {"subjects": ["AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ"]}},
         {"name": "everybody", "allow": {"everyone": "true"}}]
UNUSED = {"identity": {"headers": {"X-Auth-Request-Groups": "nothing"}}}  # more groups than header fields hold


def settings(double, changes=None, **provider):
    op = {"kind": "entra", "client_id": double.client, "ca_file": double.ca_file, "api_url": double.origin("graph"), "scopes": None,
          **provider}
    return {"providers": {"op": op}, "rules": RULES, **(changes or {})}


@pytest.fixture(scope="module")
def shared_site(authority, front):
    double = Entra(authority)
    yield from lasting_site(authority, front, double, settings(double, UNUSED))


@pytest.fixture
def own_site(make_site, authority):
    """Makes a site with an Entra ID of its own."""
    doubles = []

    def make(changes=None, **provider):
        doubles.append(Entra(authority))
        return make_site(settings(doubles[-1], changes, **provider), provider=doubles[-1])
    yield make
    for double in doubles:
        double.close()


def many(count=OVERAGE + 1, with_wanted=True):
    """So many groups, the last of them the one that the rule wants."""
    return [*(group(number) for number in range(1000, 999 + count)), WANTED if with_wanted else group(9999)]


def test_a_person_signs_in_and_the_application_is_told_who_it_is(own_site):
    site = own_site()
    browser = site.browser()
    response = browser.sign_in("/subject/x")
    assert told_of(response, "X-Auth-Request-User") == ["alice@example.com"]
    assert told_of(response, "X-Auth-Request-Groups") == [f"{group(1)},{group(2)}"]
    assert identity(browser)["subject"] == site.provider.person["sub"] and site.provider.count("groups", "unknown") == 0


def test_who_changes_the_name_is_still_the_same(site):
    site.provider.person.update(preferred_username="renamed@example.com", email="renamed@example.com")
    assert site.browser().sign_in("/subject/x").is_protected
    site.provider.person = {**site.provider.person, "sub": "BBBB", "preferred_username": "alice@example.com"}
    assert site.browser().sign_in("/subject/x").status == 403


# Addresses

@pytest.mark.parametrize("claims", [{}, {"upn": "alice@example.com"}, {"verified_primary_email": ["alice@example.com"]},
                                    {"xms_edov": False}, {"email_verified": "true"}, {"email_verified": True}],
                         ids=repr)
def test_POL_02_an_address_is_no_proof(site, claims):
    """Whoever runs a tenant writes any address into it."""
    site.provider.claim_changes = claims
    browser = site.signed_in()
    assert browser.get("/domain/x").status == browser.get("/mail/x").status == 403


def test_POL_02_an_address_whose_domain_the_tenant_owns_is_one(site):
    """The optional claim xms_edov: https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization"""
    site.provider.claim_changes = {"xms_edov": True}
    assert site.signed_in().get("/domain/x").is_protected


# Tenants

@pytest.mark.parametrize("change", [lambda iss: iss.replace(TENANT, TENANT[::-1]), lambda iss: iss.replace(TENANT, "common"),
                                    lambda iss: iss + "/", lambda iss: iss.replace(TENANT, "{tenantid}"),
                                    lambda iss: iss.replace("/v2.0", ""), lambda iss: iss.upper(),
                                    lambda iss: f"https://sts.windows.net/{TENANT}/",
                                    lambda iss: f"https://login.microsoftonline.com/{TENANT}/v2.0", lambda iss: None, lambda iss: [iss]])
def test_JOSE_04_the_token_of_another_tenant_is_refused(site, change):
    site.provider.claim_changes = {"iss": change(site.provider.issuer)}
    browser = site.browser()
    assert_refused(site, browser, browser.sign_in("/"))


@pytest.fixture(scope="module")
def common_site(authority, front):
    double = Entra(authority)
    yield from lasting_site(authority, front, double, settings(double, UNUSED, issuer=f"{double.origin('main')}/organizations/v2.0"))


@pytest.mark.parametrize("tenant", [TENANT, "9188040d-6c67-4c5b-b112-36a304b66dad"])
def test_an_app_for_many_tenants_takes_the_tokens_of_each(common_site, tenant):
    common_site.provider.reset()
    common_site.provider.claim_changes = {"iss": common_site.provider.issuer.replace(TENANT, tenant), "tid": tenant}
    browser = common_site.signed_in()
    assert browser.get("/subject/x").is_protected and browser.get("/domain/x").status == 403


@pytest.mark.parametrize("issuer, tenant", [
    (TENANT, "9188040d-6c67-4c5b-b112-36a304b66dad"), (TENANT, None), (TENANT, ""), (TENANT, [TENANT]), (TENANT, TENANT.upper()), ("", ""),
    ("{tenantid}", TENANT), ("{tenantid}", "{tenantid}"), ("{tenantid}", None), ("organizations", "organizations"), ("common", "common"),
    (f"x/../{TENANT}", f"x/../{TENANT}"), (f"{TENANT}/v2.0/x", f"{TENANT}/v2.0/x"), (f"evil.test/{TENANT}", TENANT), ("%61", "%61")],
                         ids=repr)
def test_JOSE_04_there_a_tenant_that_is_not_the_issuers_is_refused(common_site, issuer, tenant):
    common_site.provider.reset()
    common_site.provider.claim_changes = {"iss": common_site.provider.issuer.replace(TENANT, issuer), "tid": tenant}
    browser = common_site.browser()
    assert_refused(common_site, browser, browser.sign_in("/"))


# Groups

@pytest.mark.parametrize("overage", ["sources", "hasgroups"])
def test_more_groups_than_a_token_holds_are_asked_for(site, overage):
    site.provider.overage = overage
    site.provider.groups_of_person = many(OVERAGE)
    assert site.browser().sign_in("/group/x").is_protected and site.provider.count("groups") == 0
    site.provider.groups_of_person = many()
    browser = site.browser()
    assert browser.sign_in("/group/x").is_protected and site.provider.count("groups") == 1
    assert sorted(identity(browser)["groups"]) == sorted(many())
    site.provider.groups_of_person = many(with_wanted=False)
    assert site.browser().sign_in("/group/x").status == 403


def test_how_groups_are_asked_for(site):
    site.provider.groups_of_person = many()
    site.signed_in()
    call, = site.provider.calls_of("groups")
    assert call["path"] == "/v1.0/me/transitiveMemberOf/microsoft.graph.group" and call["headers"]["ConsistencyLevel"] == "eventual"
    assert call["query"] == {"$count": "true", "$select": "id", "$top": "999"}
    assert call["headers"]["Authorization"].startswith("Bearer ") and site.provider.count("unknown") == 0


@pytest.mark.parametrize("count", [999, 1000, 1998, 2500])
def test_more_groups_than_fit_on_a_page(site, count):
    site.provider.groups_of_person = many(count)
    browser = site.signed_in("/group/x")
    assert browser.get("/group/x").is_protected and len(set(identity(browser)["groups"])) == count
    assert site.provider.count("groups") == -(-count // 999)


def test_a_group_is_its_id_and_not_its_name(site):
    site.provider.groups_of_person = many()
    assert site.signed_in().get("/bare/x").status == 403


def test_DISC_02_the_place_that_the_token_names_is_never_asked(site, authority):
    """"The URL returned will be an Azure AD Graph URL … Instead of relying on this URL …": and it would get the person's token."""
    listener = Recorder(authority)
    site.provider.groups_of_person = many()
    for place in (f"{listener.origin('other')}/groups", f"{listener.issuer}/groups", f"{site.provider.origin('main')}/x",
                  "file:///etc/passwd", "http://169.254.169.254/", None, 1, [], ""):
        site.provider.claim_changes = {"_claim_sources": {"src1": {"endpoint": place, "access_token": "x"}}}
        assert identity(site.signed_in())["subject"] == site.provider.person["sub"]
        assert listener.calls == [] and site.provider.count("unknown") == 0, place
    listener.close()


def test_DISC_02_a_next_page_elsewhere_is_never_asked(site, authority):
    listener = Recorder(authority)
    site.provider.groups_of_person = many()
    port = listener.servers["other"].server_port
    for place in (f"{listener.origin('other')}/v1.0/me/x", f"{site.provider.origin('graph')}@127.0.0.1:{port}/x", f"//127.0.0.1:{port}/x",
                  f"https://localhost:{port}/x", f"{listener.issuer}/x", "file:///etc/passwd", "http://169.254.169.254/x",
                  f"{site.provider.origin('main')}/x", 1, [], {"href": listener.issuer}, ""):
        site.provider.replace["groups"] = lambda call, usual: json_answer({**json.loads(usual[2]), "@odata.nextLink": place})
        site.browser().sign_in("/")
        assert site.provider.count("groups") >= 1 and listener.calls == [] and site.provider.count("unknown") == 0, place
    listener.close()


def test_pages_without_end_come_to_one(site):
    site.provider.groups_of_person = many()
    site.provider.replace["groups"] = lambda call, usual: json_answer({**json.loads(usual[2]), "@odata.nextLink": call["url"]})
    started = time.monotonic()
    site.browser().sign_in("/")
    assert 1 < site.provider.count("groups") <= 200 and time.monotonic() - started < 12


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_api_that_fails_gives_nobody_more_than_they_have(site, answer):
    site.provider.groups_of_person, site.provider.instead["groups"] = many(), ANSWERS[answer]
    browser = site.browser()
    response = browser.sign_in("/")
    assert not browser.get("/group/x").is_protected and site.provider.count("groups") >= 1
    assert response.status >= 400 or identity(browser)["groups"] == []


def test_without_the_permission_there_are_no_groups(own_site):
    site = own_site(UNUSED, scopes=["openid", "profile", "email"])
    site.provider.groups_of_person = many()
    browser = site.browser()
    response = browser.sign_in("/")
    assert not browser.get("/group/x").is_protected and (response.status >= 400 or identity(browser)["groups"] == [])


@pytest.mark.parametrize("entry", [{}, [], None, WANTED, {"id": [WANTED]}, {"id": ""}, {"id": None, "displayName": WANTED}, {"id": True},
                                   {"id": f"{WANTED} "}, {"id": f"x,{WANTED}"}, {"group": {"id": WANTED}}, {"id": {"id": WANTED}},
                                   {"id": f"{WANTED}\n"}],
                         ids=lambda entry: ascii(entry)[:60])
def test_POL_04_a_group_that_is_not_the_one(site, entry):
    site.provider.groups_of_person = many()
    site.provider.replace["groups"] = lambda call, usual: json_answer({"value": [entry, {"id": group(1)}]})
    assert not site.browser().sign_in("/group/x").is_protected


@pytest.mark.parametrize("claims", [
    {"hasgroups": False}, {"hasgroups": "true"}, {"hasgroups": None}, {"_claim_names": {}}, {"_claim_names": []},
    {"_claim_names": "groups"}, {"_claim_names": {"group": "src1"}},
    {"_claim_sources": {"src1": {"endpoint": "x"}}}, {"_claim_names": None, "_claim_sources": {}}], ids=repr)
def test_what_is_no_overage_asks_nothing(site, claims):
    site.provider.claim_changes = claims
    browser = site.signed_in()
    assert site.provider.count("groups") == 0 and sorted(identity(browser)["groups"]) == [group(1), group(2)]


# While a session lasts, and its end

def test_who_leaves_the_group_is_out_after_a_refresh(own_site):
    site = own_site(UNUSED, scopes=["openid", "profile", "email", "offline_access", "User.Read"])
    site.provider.access_lifetime, site.provider.groups_of_person = 3, many()
    browser = site.signed_in()
    assert browser.get("/group/x").is_protected
    site.provider.groups_of_person = many(with_wanted=False)
    wait_until(lambda: browser.get("/group/x").status == 403, 15, "the end of the membership")
    assert browser.get("/").is_protected


def test_signing_out_ends_the_session_there_too(site):
    browser = site.signed_in()
    response = browser.get("/oauth2/sign_out")
    assert response.location.startswith(f"{site.provider.origin('main')}/{TENANT}/oauth2/v2.0/logout?")
    page = browser.follow(response)
    assert page.status == 200 and "You are signed out" in page.text and site.provider.count("end_session") == 1
