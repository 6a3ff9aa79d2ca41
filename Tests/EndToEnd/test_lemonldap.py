"""LemonLDAP::NG: posted answers, signed userinfo, front-channel logout, step-up, and access tokens that it is asked about."""
import json
import urllib.parse

import pytest

from harness.real import CALLBACK, Person, Posted, Program, RealProvider, come_back, sign_in, site_of
from harness.servers import wait_until
from harness.site import told_of

FRONT_CHANNEL = "https://app.test/oauth2/frontchannel_logout"


@pytest.fixture(scope="module")
def lemonldap():
    provider = RealProvider("lemonldap_provider", 3600, "--front-channel", FRONT_CHANNEL)
    yield provider
    provider.close()


@pytest.fixture
def site_for(lemonldap, make_site):
    """Makes a site whose Postern is a client of the provider."""
    return lambda client="confidential", **more: site_of(make_site, lemonldap, client, f"{client}-secret", **more)


def query_of(location):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def test_an_answer_that_is_posted(lemonldap, site_for):
    site = site_for(response_mode="form_post")
    browser, person = site.browser(), Person(lemonldap)
    first = browser.get("/deep/link?x=1")
    assert query_of(first.location)["response_mode"] == "form_post"
    posted = person.walk(first.location)
    assert isinstance(posted, Posted) and posted.url == CALLBACK and "code" in posted.fields
    assert not site.browser().follow(site.browser().post(*posted)).is_protected
    response = browser.follow(browser.post(*posted))
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep/link?x=1"
    # The same answer once more, after the session's end.
    browser.cookies.jar = {}
    assert not browser.follow(browser.post(*posted)).is_protected


def test_userinfo_that_is_signed(lemonldap, site_for):
    """The groups come with userinfo alone: without it, nobody were in any."""
    _, response, _ = sign_in(site_for("signed"), lemonldap, "/admin/")
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert set(told_of(response, "X-Auth-Request-Groups")[0].split(",")) == {"admins", "staff"}


def test_userinfo_that_only_looks_signed_is_not_believed(lemonldap, site_for):
    site = site_for("unsigned")
    browser, response, _ = sign_in(site, lemonldap, "/admin/")
    assert response.status >= 400 and not response.is_protected and not browser.get("/admin/").is_protected


@pytest.mark.parametrize("demand", ["acr_values", "max_age"])
def test_what_the_id_token_says_of_the_sign_in_is_verified(lemonldap, site_for, demand):
    good, response, _ = sign_in(site_for(**({"acr_values": ["password"]} if demand == "acr_values" else {"max_age": "1h"})), lemonldap)
    assert response.is_protected
    if demand == "acr_values":
        # It takes no notice of what is asked for, and says what it did.
        site = site_for(acr_values=["strong"])
        browser, response, _ = sign_in(site, lemonldap)
        assert response.status >= 400 and not response.is_protected and not browser.get("/").is_protected


def test_a_rule_that_wants_a_recent_password(lemonldap, site_for):
    site = site_for(changes={"rules": [{"name": "fresh", "paths": ["/fresh/*"], "max_age": "3s", "allow": {"everyone": True}},
                                       {"name": "strong", "paths": ["/strong/*"], "acr_values": ["strong"], "allow": {"everyone": True}},
                                       {"name": "password", "acr_values": ["password"], "allow": {"everyone": True}}]})
    browser, response, person = sign_in(site, lemonldap)
    assert response.is_protected
    wait_until(lambda: browser.get("/fresh/").status == 302, 10, "the age")
    assert browser.get("/").is_protected and person.passwords_typed == 1
    response = browser.follow(browser.get("/fresh/deep"), until=lambda url: url.startswith(lemonldap.base))
    assert query_of(response.location)["max_age"] == "3"
    response = come_back(browser, lemonldap, person, response.location)
    assert response.is_protected and person.passwords_typed == 2
    # Nobody gets in where the provider never says what the rule wants, and nobody is sent in circles.
    first = browser.follow(browser.get("/strong/"), until=lambda url: url.startswith(lemonldap.base))
    assert query_of(first.location)["acr_values"] == "strong"
    response = come_back(browser, lemonldap, person, first.location)
    assert response.status >= 400 and not response.is_protected and browser.get("/").is_protected


def test_OUT_a_front_channel_logout_in_a_frame_of_the_same_site(lemonldap, site_for):
    """Its `sid` is the user's name, and its ID tokens have none: the session is the one whose cookie comes with the frame."""
    told, other, person = site_for("front"), site_for(), Person(lemonldap)
    here, response, _ = sign_in(told, lemonldap, person=person)
    there, _, _ = sign_in(other, lemonldap, person=person)
    bystander, _, _ = sign_in(told, lemonldap, person=Person(lemonldap))
    assert response.is_protected and person.passwords_typed == 1
    back = person.walk(there.get("/oauth2/sign_out").location)
    assert "You are signed out" in there.follow(there.visit(back)).text
    frame, = person.frames
    assert query_of(frame) == {"iss": lemonldap.issuer, "sid": "alice"}
    target = frame.removeprefix("https://app.test")
    told.browser().get(target)
    assert here.get("/").is_protected, "anybody can end the sessions of a person whose name they know"
    here.send(target, headers=[("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "same-site")])
    assert not here.get("/").is_protected and bystander.get("/").is_protected


PROGRAMS = {"rules": [{"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["admins"]}},
                      {"name": "rest", "allow": {"users": ["program"]}}]}


def test_a_token_that_the_provider_is_asked_about(lemonldap, site_for):
    """Its answer names the client and no person: `sub` is null."""
    site = site_for(changes=PROGRAMS, access_tokens={"introspection": True, "cache": "1s"})
    program = Program(site, lemonldap, scope="openid reports")
    response = program.get("/report")
    assert response.status_code == 200 and "PROTECTED" in response.text, f"{response.headers} {site.postern.log[-3000:]}"
    assert ("x-auth-request-user", "program") in [(name.lower(), value) for name, value in site.backend.seen[-1]["headers"]]
    assert program.get("/admin/").status_code == 403
    assert Program(site, token=f"{program.token}x").get("/").status_code == 401


def test_a_JWT_that_is_not_typed_as_an_access_token_is_refused(lemonldap, site_for):
    site = site_for(changes=PROGRAMS, access_tokens={"audiences": ["https://app.test"]})
    response = Program(site, lemonldap, scope="openid reports").get("/")
    assert response.status_code == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"] and not site.backend.seen
