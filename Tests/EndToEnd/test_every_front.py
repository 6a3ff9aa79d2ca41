"""What came with several providers and with programs, through each web server and the configuration that we ship for it."""
import pytest

from harness.extended import FORM, extended_site, published_keys, settings_of
from harness.fronts import FRONTS  # noqa: F401  each test runs with each of them
from harness.provider import Provider
from harness.servers import wait_until
from harness.site import told_of
from test_logout import post as post_logout_token
from test_several_providers import choices

PERSON = {"email": "alice@example.com", "email_verified": True, "preferred_username": "alice"}


@pytest.fixture
def programs(make_site):
    return extended_site(
        make_site, {"access_tokens": {"audiences": ["https://api.test"]}}, ["programs", "jwt access tokens"],
        rules=[{"paths": ["/strong/*"], "acr_values": ["phr"], "allow": {"domains": ["example.com"]}},
               {"allow": {"domains": ["example.com"]}}])


def call(site, token, target="/"):
    return site.browser().fetch(target, [("Authorization", f"Bearer {token}")] if token else [])


def test_a_program_with_a_token_is_let_in_and_one_without_is_told_what_to_bring(programs):
    good = call(programs, programs.provider.make_access_token(**PERSON), "/x?y=1")
    assert told_of(good, "X-Auth-Request-User") == ["alice"] and told_of(good, "X-Auth-Request-Email") == ["alice@example.com"]
    for token, challenge in ((None, "Bearer"), ("e30.e30.e30", 'Bearer error="invalid_token"')):
        refused = call(programs, token)
        assert refused.status == 401 and not refused.is_protected and refused.all("WWW-Authenticate") == [challenge]
        assert refused.all("Set-Cookie") == []


def test_a_program_whose_token_is_too_weak_for_a_page_is_told_so(programs):
    response = call(programs, programs.provider.make_access_token(**PERSON), "/strong/x")
    assert response.status == 401 and not response.is_protected
    challenge = response.header("WWW-Authenticate")
    assert 'error="insufficient_user_authentication"' in challenge and 'acr_values="phr"' in challenge


def test_people_sign_in_beside_programs(programs):
    assert told_of(programs.browser().sign_in("/"), "X-Auth-Request-User") == ["alice"]


def test_a_visitor_chooses_among_several_providers(make_site):
    other = Provider()
    try:
        other.person = {"sub": "bob-1", "preferred_username": "bob", "email": "bob@example.com", "email_verified": True}
        site = make_site({"providers": {"corp": settings_of(other, client_secret="corp-secret-0123456789")}})
        browser = site.browser()
        page = browser.follow(browser.get("/deep?x=1"))
        assert page.status == 200 and set(choices(page)) == {"op", "corp"}
        landed = browser.follow(browser.get(choices(page)["corp"]))
        assert told_of(landed, "X-Auth-Request-User") == ["bob"] and landed.url.endswith("/deep?x=1")
    finally:
        other.close()


def test_an_answer_that_is_posted_signs_in(make_site):
    site = extended_site(make_site, {"response_mode": "form_post"}, ["form_post"])
    assert told_of(site.browser().sign_in("/deep?x=1"), "X-Auth-Request-User") == ["alice"]


def test_OUT_03_the_provider_ends_a_session_itself(make_site):
    site = extended_site(make_site, {}, ["logout"])
    browser = site.signed_in()
    assert post_logout_token(site, site.provider.make_logout_token(sub="alice-1")).status == 200
    wait_until(lambda: not browser.get("/").is_protected, 2, "the end of the session")


def test_OUT_04_what_is_no_logout_token_ends_nothing(make_site):
    site = extended_site(make_site, {}, ["logout"])
    browser = site.signed_in()
    for token in ("", "e30.e30.e30", site.provider.make_logout_token(sub="alice-1", nonce="n")):
        assert post_logout_token(site, token).status == 400
    assert site.browser().send("/oauth2/backchannel_logout", "POST", [FORM], b"logout_token").status == 400
    assert browser.get("/").is_protected


def test_our_public_keys_can_be_had(site):
    assert published_keys(site) == []
