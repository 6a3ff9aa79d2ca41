"""Programs that may not, steps, frames of a provider and keys of ours, through each web server and what we ship for it."""
import json
import shutil

import pytest

from harness.extended import FORM, key_file
from harness.fronts import FRONTS  # noqa: F401
from harness.provider import Key, Provider
from harness.servers import IS_ROOT, WEB_USER, wait_until
from harness.site import Site, told_of
from test_bearer import PERSON, RULES, SIGNED
from test_logout import framed, query


@pytest.fixture(scope="module")
def sites(authority):
    """One site for each web server, with all of it."""
    made = {}

    def of(front):
        if front not in made:
            provider = Provider(offers=["logout", "form_post", "step-up", "jwt access tokens", "revocation"])
            path = key_file(Key("ES256"))
            if IS_ROOT:
                shutil.chown(path, WEB_USER if front == "apache-fcgid" else "root")
            made[front] = Site(authority, {
                "providers": {"op": {"access_tokens": SIGNED, "response_mode": "form_post", "client_authentication": "private_key_jwt",
                                     "client_key_file": path, "client_secret_file": None}},
                "rules": [{"paths": ["/bank/*"], "acr_values": ["gold"], "allow": {"everyone": True}}, *RULES]}, provider=provider,
                front=front)
            made[front].owns_provider = True
        made[front].provider.reset()
        return made[front]
    yield of
    for site in made.values():
        try:
            site.assert_ends_well()
        finally:
            site.close()


@pytest.fixture
def each(sites, front):
    return sites(front)


def call(site, token, target="/"):
    return site.browser().fetch(target, [("Authorization", f"Bearer {token}")])


def test_a_program_with_a_token(each):
    make = each.provider.make_access_token
    assert told_of(call(each, make(**PERSON)), "X-Auth-Request-User") == ["alice"]
    assert told_of(call(each, make(sub="program"), "/programs/x"), "X-Auth-Request-User") == ["program"]
    posted = each.browser().send("/programs/x", "POST", [("Authorization", f"Bearer {make(sub='program')}"), FORM], b"a=b")
    assert posted.is_protected


def test_a_program_that_may_not(each):
    make = each.provider.make_access_token
    for response in (call(each, make(sub="program")), call(each, make(**PERSON), "/internal/x"), call(each, make(**PERSON), "/admin/x")):
        assert response.status == 403 and not response.is_protected and response.header("WWW-Authenticate") is None


def test_HDR_01_a_program_says_nothing_about_who_it_is(each):
    forged = [("X-Auth-Request-User", "admin"), ("X-Auth-Request-Groups", "K8S-ADMIN"), ("X-Auth-Request-Email", "root@example.com")]
    token = each.provider.make_access_token(**PERSON)
    response = each.browser().fetch("/", [("Authorization", f"Bearer {token}"), *forged])
    assert told_of(response, "X-Auth-Request-User") == ["alice"] and told_of(response, "X-Auth-Request-Groups") == []


def test_a_step(each):
    browser = each.signed_in()
    assert browser.fetch("/bank/x").status == 401
    response = browser.get("/bank/x?y=1")
    landed = browser.follow(response)
    assert landed.is_protected and landed.url.endswith("/bank/x?y=1") and each.provider.count("authorize") == 2
    each.provider.ignores_step_up = True
    refused = each.browser()
    last = refused.follow(refused.get("/bank/x"), limit=6)
    assert last.status in (400, 403) and not last.is_protected


def test_OUT_03_the_provider_ends_a_session_by_a_frame(each):
    first, second = each.signed_in(), each.signed_in()
    response = framed(each, query(iss=each.provider.issuer, sid=each.provider.sids[0]))
    assert response.status == 200 and response.header("X-Frame-Options") is None
    wait_until(lambda: not first.get("/").is_protected, 2, "the end of the session in every process")
    assert second.get("/").is_protected


def test_our_keys_are_published_and_used(each):
    keys = json.loads(each.browser().fetch("/oauth2/jwks.json").body)["keys"]
    each.provider.method, each.provider.client_keys = "private_key_jwt", lambda: keys
    browser = each.signed_in()
    browser.get("/oauth2/sign_out")
    wait_until(lambda: each.provider.count("revoke") == 2, 5, "the revocation")
    assert each.provider.complaints == []
