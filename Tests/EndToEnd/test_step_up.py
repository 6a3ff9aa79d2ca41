"""How somebody was authenticated, and when: asked for by rules and by providers (acr_values, max_age), told to programs (RFC 9470)."""
import json
import re
import time
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import other
from harness.extended import asked_at, extended_site, mistakes
from harness.servers import wait_until
from harness.site import merged, told_of
from test_flow import query_of

ACR = "urn:example:gold"
RULES = [{"paths": ["/bank/*"], "acr_values": [ACR, "platinum"], "allow": {"everyone": True}},
         {"paths": ["/fresh/*"], "max_age": "5s", "allow": {"everyone": True}},
         {"paths": ["/hour/*"], "max_age": "1h", "allow": {"everyone": True}},
         {"paths": ["/both/*"], "acr_values": [ACR], "max_age": "1h", "allow": {"groups": ["K8S-ADMIN"]}},
         {"name": "everybody", "allow": {"domains": ["example.com"]}}]


def stepping_site(make_site, op=None, offers=("step-up",), **changes):
    site = extended_site(make_site, op, offers, **{"rules": RULES, **changes})
    site.provider.acr, site.provider.authenticated_at = "bronze", int(time.time()) - 600
    return site


def is_step(response, site, **parameters):
    asked = query_of(response.location or "")
    return response.status == 302 and response.location.startswith(f"{site.provider.issuer}/authorize?") and all(
        asked.get(name) == value for name, value in parameters.items())


def test_a_rule_asks_for_more(make_site):
    site = stepping_site(make_site)
    browser = site.signed_in()
    old = browser.cookies.jar["__Host-postern"]
    response = browser.get("/bank/x?y=1")
    assert is_step(response, site, acr_values=f"{ACR} platinum"), response.raw[:600]
    landed = browser.follow(response)
    assert landed.is_protected and landed.url.endswith("/bank/x?y=1") and browser.cookies.jar["__Host-postern"] != old
    assert browser.get("/bank/z").is_protected and browser.get("/").is_protected
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/bank/x", f"__Host-postern={old}")).status == 401
    assert site.provider.count("authorize") == 2


def test_at_the_first_sign_in_too(make_site):
    site = stepping_site(make_site)
    browser = site.browser()
    response = browser.get("/bank/x")
    assert is_step(response, site, acr_values=f"{ACR} platinum")
    assert browser.follow(response).is_protected and site.provider.count("authorize") == 1
    assert "acr_values" not in query_of(site.browser().get("/").location) and "max_age" not in query_of(site.browser().get("/").location)


def test_any_of_the_values_is_enough(make_site):
    site = stepping_site(make_site)
    site.provider.acr = "platinum"
    browser = site.browser()
    assert browser.sign_in("/bank/x").is_protected and site.provider.count("authorize") == 1


def test_who_was_authenticated_too_long_ago_does_it_again(make_site):
    site = stepping_site(make_site)
    browser = site.signed_in()
    response = browser.get("/fresh/x")
    assert is_step(response, site, max_age="5")
    assert browser.follow(response).is_protected and browser.get("/fresh/y").is_protected
    wait_until(lambda: is_step(browser.get("/fresh/z"), site, max_age="5"), 15, "the end of what is fresh")
    assert browser.get("/hour/x").is_protected and browser.get("/").is_protected
    assert browser.sign_in("/fresh/z").is_protected
    before = site.provider.count("authorize")
    assert browser.get("/fresh/z").is_protected and site.provider.count("authorize") == before


@pytest.mark.parametrize("target", ["/bank/x", "/fresh/x", "/both/x"])
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_FLOW_11_a_provider_that_ignores_it_is_a_page_and_no_loop(make_site, target, is_signed_in):
    site = stepping_site(make_site)
    site.provider.ignores_step_up = True
    site.provider.person["groups"] = ["K8S-ADMIN"]
    browser = site.signed_in() if is_signed_in else site.browser()
    before = site.provider.count("authorize")
    response = browser.follow(browser.get(target), limit=4)
    assert response.status in (400, 403) and not response.is_protected and "<h1>" in response.text, response.status
    assert site.provider.count("authorize") - before <= 1
    for _ in range(3):
        response = browser.follow(browser.get(target), limit=4)
        assert response.status in (400, 403, 409) and not response.is_protected
    assert site.provider.count("authorize") - before <= 4, "each visit is one attempt at most"


def test_a_page_of_refusal_is_not_the_end_of_the_session(make_site):
    site = stepping_site(make_site)
    browser = site.signed_in()
    site.provider.ignores_step_up = True
    assert browser.follow(browser.get("/bank/x"), limit=4).status in (400, 403)
    assert browser.follow(browser.get("/"), limit=4).is_protected
    site.provider.ignores_step_up = False
    wait_until(lambda: browser.follow(browser.get("/bank/x"), limit=6).is_protected, 5, "another attempt")


ODD = [None, "", "bronze", ACR.upper(), ACR + " ", f" {ACR}", ACR + "2", "urn:example", f"{ACR} platinum", [ACR], {ACR: 1}, 1, True,
       ACR + "\u0301", ACR + "\0"]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:30])
def test_POL_04_values_that_are_not_the_one(make_site, value):
    site = stepping_site(make_site)
    site.provider.claim_changes = {"acr": value}
    browser = site.browser()
    response = browser.follow(browser.get("/bank/x"), limit=5)
    assert response.status >= 400 and not response.is_protected and not browser.fetch("/bank/x").is_protected


@pytest.mark.parametrize("offset", [None, "text", "true", "list", "hour", "beyond", "below", "future", "object"])
def test_JOSE_06_times_that_are_none(make_site, offset):
    site = stepping_site(make_site)
    now = int(time.time())
    value = {None: None, "text": str(now), "true": True, "list": [now], "hour": now - 3600, "beyond": 1e300, "below": -1,
             "future": now + 3600, "object": {"a": now}}[offset]
    site.provider.claim_changes = {"auth_time": value}
    browser = site.browser()
    response = browser.follow(browser.get("/fresh/x"), limit=5)
    assert response.status >= 400 and not response.is_protected and not browser.fetch("/fresh/x").is_protected
    assert site.is_alive()


def test_a_time_may_have_a_fraction(make_site):
    site = stepping_site(make_site)
    site.provider.claim_changes = {"auth_time": time.time()}
    assert site.browser().sign_in("/fresh/x").is_protected


def test_the_address_of_the_sign_in_lowers_nothing(make_site):
    site = stepping_site(make_site)
    for query in ("rd=/bank/x&acr_values=bronze", "rd=/bank/x&acr_values=", "rd=/&max_age=99999999", "rd=/bank/x&max_age=0&prompt=none"):
        browser = site.browser()
        response = browser.get(f"/oauth2/start?{query}")
        if response.status == 302:
            assert query_of(response.location).get("acr_values") in (None,
                                                                     f"{ACR} platinum") and "prompt" not in query_of(response.location)
            browser.follow(response, limit=8)
        assert browser.fetch("/bank/x").status == 401 or query_of(response.location).get("acr_values") == f"{ACR} platinum"


def test_another_person_at_the_step_is_another_session(make_site):
    site = stepping_site(make_site)
    browser = site.signed_in()
    response = browser.get("/bank/x")
    site.provider.person.update(sub="bob-1", preferred_username="bob", email="bob@example.com")
    assert told_of(browser.follow(response), "X-Auth-Request-User") == ["bob"]
    assert told_of(browser.get("/"), "X-Auth-Request-User") == ["bob"]


def test_who_may_not_in_is_not_asked_for_more(make_site):
    site = stepping_site(make_site)
    browser = site.signed_in()
    landed = browser.follow(browser.get("/both/x"), limit=4)
    assert landed.status == 403 and site.provider.count("authorize") <= 2


def test_a_step_is_kept_over_a_refresh(make_site):
    site = stepping_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.browser()
    assert browser.sign_in("/bank/x").is_protected
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert browser.get("/bank/x").is_protected and browser.get("/hour/x").is_protected


def test_a_refresh_makes_nothing_fresh(make_site):
    """`auth_time` of a refreshed ID token is that of the sign-in; one without it changes nothing."""
    site = stepping_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.browser()
    assert browser.sign_in("/fresh/x").is_protected
    site.provider.claim_changes = {"auth_time": None, "acr": None}
    wait_until(lambda: browser.fetch("/fresh/x").status == 401, 20, "the end of what is fresh")
    assert browser.get("/").is_protected and site.provider.count("token") >= 2


@pytest.mark.parametrize("offers", [("step-up", "par"), ("step-up", "required par")])
def test_a_pushed_request_asks_for_it_as_well(make_site, offers):
    site = stepping_site(make_site, offers=offers)
    browser = site.signed_in()
    location = browser.get("/bank/x").location
    assert set(query_of(location)) == {"client_id", "request_uri"} and asked_at(site, "par")[-1]["acr_values"] == f"{ACR} platinum"
    assert browser.sign_in("/bank/x").is_protected


# Programs


def challenge_of(response):
    value = response.header("WWW-Authenticate")
    assert value and value.startswith("Bearer "), value
    return dict(re.findall(r'(\w+)="([^"]*)"', value))


@pytest.mark.parametrize("target, told", [("/bank/x", {"acr_values": f"{ACR} platinum"}), ("/fresh/x", {"max_age": "5"})])
def test_programs_are_told_what_is_missing(make_site, target, told):
    site = stepping_site(make_site, {"access_tokens": {"audiences": ["https://api.test"]}})
    browser = site.signed_in()
    asked = fastcgi.check(target, browser.cookies.header(), HTTP_SEC_FETCH_MODE="cors", HTTP_ACCEPT="*/*")
    for response in (browser.fetch(target), fastcgi.ask(site.postern.socket, asked)):
        assert response.status == 401 and response.all("Set-Cookie") == []
        challenge = challenge_of(response)
        assert challenge["error"] == "insufficient_user_authentication" and told.items() <= challenge.items(), challenge
        assert not {"acr_values", "max_age"} - set(told) & set(challenge)
    plain = site.browser(plain=True)
    plain.cookies = browser.cookies
    assert challenge_of(plain.fetch(target))["error"] == "insufficient_user_authentication"


def test_where_no_token_is_taken_none_is_asked_for(make_site):
    site = stepping_site(make_site)
    response = site.signed_in().fetch("/bank/x")
    assert response.status == 401 and response.header("WWW-Authenticate") is None


def test_programs_with_tokens(make_site):
    site = stepping_site(make_site, {"access_tokens": {"audiences": ["https://api.test"]}}, ("step-up", "jwt access tokens"))
    person = {"email": "alice@example.com", "email_verified": True, "groups": ["K8S-ADMIN"]}
    now = int(time.time())

    def ask(target, **claims):
        token = site.provider.make_access_token(**person, **claims)
        return site.browser().fetch(target, [("Authorization", f"Bearer {token}")])
    assert ask("/").is_protected
    for target, claims in (("/bank/x", {"acr": ACR}), ("/bank/x", {"acr": "platinum"}), ("/fresh/x", {"auth_time": now}),
                           ("/hour/x", {"auth_time": now - 60}),
                           ("/both/x", {"acr": ACR, "auth_time": now})):
        assert ask(target, **claims).is_protected, (target, claims)
    for target, claims in (("/bank/x", {}), ("/bank/x", {"acr": "bronze"}), ("/bank/x", {"acr": [ACR]}), ("/fresh/x", {}),
                           ("/fresh/x", {"auth_time": now - 3600}),
                           ("/fresh/x", {"auth_time": str(now)}), ("/hour/x", {"auth_time": now - 7200}), ("/both/x", {"acr": ACR}),
                           ("/both/x", {"auth_time": now})):
        response = ask(target, **claims)
        assert response.status == 401 and challenge_of(response)["error"] == "insufficient_user_authentication", (target, claims)
    response = site.browser().fetch("/bank/x")
    assert response.status == 401 and "insufficient" not in response.header("WWW-Authenticate")


# A provider of whom it is always asked


def test_a_provider_is_always_asked(make_site):
    site = stepping_site(make_site, {"acr_values": [ACR], "max_age": "300"})
    asked = query_of(site.browser().get("/").location)
    assert asked["acr_values"] == ACR and asked["max_age"] == "300"
    assert site.signed_in()


@pytest.mark.parametrize("op", [{"acr_values": [ACR]}, {"max_age": "300"}, {"acr_values": [ACR], "max_age": "300"}], ids=str)
def test_a_provider_that_does_not_do_what_it_is_asked_signs_nobody_in(make_site, op):
    site = stepping_site(make_site, op)
    site.provider.ignores_step_up = True
    browser = site.browser()
    response = browser.follow(browser.get("/"), limit=4)
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected
    assert site.provider.count("authorize") <= 2


@pytest.mark.parametrize("changes", [{"auth_time": None}, {"auth_time": "NOW"}, {"auth_time": True}, {"auth_time": 1e300},
                                     {"auth_time": -1}, {"acr": None}, {"acr": [ACR]},
                                     {"acr": "bronze"}, {"acr": ACR.upper()}], ids=str)
def test_JOSE_06_what_an_id_token_must_say(make_site, changes):
    site = stepping_site(make_site, {"acr_values": [ACR], "max_age": "300"})
    site.provider.claim_changes = {name: str(int(time.time())) if value == "NOW" else value for name, value in changes.items()}
    browser = site.browser()
    assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar


def test_a_rule_and_a_provider_together(make_site):
    site = stepping_site(make_site, {"max_age": "600"})
    asked = query_of(site.browser().get("/fresh/x").location)
    assert asked["max_age"] == "5", "the stricter"
    asked = query_of(site.browser().get("/hour/x").location)
    assert int(asked["max_age"]) <= 600


@pytest.mark.parametrize("rule", [{"acr_values": []}, {"acr_values": [""]}, {"max_age": "-1s"}, {"max_age": "soon"},
                                  {"acr_values": ["a\"b"]}, {"acr_values": ["a b"]},
                                  {"acr_values": ["a\nb"]}, {"acr_valuess": ["a"]}], ids=str)
def test_REL_11_mistakes_in_rules(site, rule):
    settings = merged(site.settings, {"rules": [{**rule, "allow": {"everyone": True}}]})
    path = site.postern.config
    with open(path) as file:
        kept = file.read()
    site.postern.write(settings)
    done = site.postern.run("check", check=False)
    with open(path, "w") as file:
        file.write(kept)
    assert done.returncode == 78 and json.dumps(rule) not in done.stdout, done.stderr


@pytest.mark.parametrize("op", [{"acr_values": [""]}, {"max_age": "soon"}, {"max_age": "-5"}], ids=str)
def test_REL_11_mistakes_in_a_provider(site, op):
    assert mistakes(site, op).returncode == 78


def test_a_callback_of_another_flow_is_no_step(make_site):
    """The code of a sign-in without the step, at the state of one that asked for it."""
    site = stepping_site(make_site)
    browser = site.signed_in()
    asked = query_of(browser.get("/bank/x").location)
    site.provider.ignores_step_up = True
    weak = query_of(other(f"{site.provider.issuer}/authorize?" + urllib.parse.urlencode({**asked, "acr_values": "bronze"})).location)
    browser.follow(browser.get("/oauth2/callback?" + urllib.parse.urlencode(weak)), limit=4)
    assert not browser.fetch("/bank/x").is_protected
