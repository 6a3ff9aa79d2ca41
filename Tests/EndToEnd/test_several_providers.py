"""Several providers at once: who chooses, what a session remembers, and that none speaks for another."""
import json
import time
import urllib.parse

import pytest
from bs4 import BeautifulSoup

from harness import fastcgi
from harness.browser import Browser, other, resolved_origin
from harness.extended import settings_of
from harness.provider import Key, Provider, jwt
from harness.servers import wait_until
from harness.site import merged, told_of
from test_flow import query_of
from test_nginx import two_hosts

RULES = [{"paths": ["/corp/*"], "providers": ["corp"], "allow": {"everyone": True}},
         {"paths": ["/either/*"], "providers": ["corp", "op"], "allow": {"everyone": True}},
         {"name": "everybody", "allow": {"domains": ["example.com"]}}]
BOB = {"sub": "bob-1", "preferred_username": "bob", "email": "bob@example.com", "email_verified": True}


@pytest.fixture
def two(make_site):
    """Makes a site with the providers op and corp; `corp` are more settings of the latter, whose people are Bob."""
    made = []

    def make(corp=None, changes=None, prepare=None, **options):
        provider = Provider()
        made.append(provider)
        provider.person, provider.keys = dict(BOB), [Key(kid="corp")]
        if prepare:
            prepare(provider)
        settings = settings_of(provider, title="Example & Söhne <b>", client_id="corp-client", client_secret="corp-secret-0123456789",
                               **(corp or {}))
        site = make_site(merged({"providers": {"corp": settings}, "rules": RULES}, changes or {}), **options)
        site.corp, provider.every_secret = provider, site.provider.every_secret
        return site
    yield make
    for provider in made:
        provider.close()


def choices(page):
    """The chooser's links, by the name of the provider."""
    links = BeautifulSoup(page.text, "html.parser").find_all("a", href=True)
    return {query_of(link["href"])["provider"]: link["href"] for link in links if "provider=" in link["href"]}


def sign_in(site, provider, target="/", browser=None):
    browser = browser or site.browser()
    page = browser.follow(browser.get(target))
    assert page.status == 200 and set(choices(page)) == {"op", "corp"}, page.text
    response = browser.follow(browser.get(choices(page)[provider]))
    assert response.is_protected, f"{response.status}: {response.text[:500]}"
    return browser


def is_asked_at(response, provider):
    return response.status == 302 and response.location.startswith(f"{provider.issuer}/authorize?")


def test_a_visitor_chooses(two):
    site = two()
    browser = site.browser()
    start = browser.get("/deep?x=1&y=%2F")
    assert start.status == 302 and "/oauth2/sign_in?rd=" in start.location and start.all("Set-Cookie") == []
    page = browser.follow(start)
    assert page.status == 200 and page.header("Cache-Control") == "no-store" and set(choices(page)) == {"op", "corp"}
    assert site.provider.count("authorize") == site.corp.count("authorize") == 0
    for name, user in (("op", "alice"), ("corp", "bob")):
        response = site.browser()
        landed = response.follow(response.get(choices(page)[name]))
        assert told_of(landed, "X-Auth-Request-User") == [user] and landed.url.endswith("/deep?x=1&y=%2F")


@pytest.mark.parametrize("language", ["en", "de", "xx"])
def test_the_chooser_is_accessible_and_needs_no_script(two, language):
    site = two()
    page = site.browser().get("/oauth2/sign_in?rd=/x", headers=[("Accept-Language", language)])
    html = BeautifulSoup(page.text, "html.parser")
    assert html.html["lang"] == ("en" if language == "xx" else language) or language not in ("en", "xx")
    assert len(html.find_all("h1")) == 1 and html.h1.get_text(strip=True) and html.title.get_text(strip=True) and html.main
    links = [link for link in html.find_all("a", href=True) if "provider=" in link["href"]]
    assert [link.get_text(strip=True) for link in links] and all(link.get_text(strip=True) for link in links)
    assert any("Example & Söhne <b>" in link.get_text() for link in links) and len({link.get_text() for link in links}) == 2
    assert not html.find_all(["script", "b", "iframe", "img"]) and not [tag for tag in html.find_all(True) if any(
        name.startswith("on") for name in tag.attrs)]
    assert not [link for link in links if link.get("tabindex") or link.get("role")]
    assert "default-src 'none'" in page.header("Content-Security-Policy") and page.header("X-Frame-Options") == "DENY"
    assert html.find("meta", attrs={"name": "viewport"})


def test_the_order_is_that_of_the_configuration_and_the_title_that_of_the_operator(two):
    site = two(changes={"providers": {"op": {"title": "Main"}}})
    page = site.browser().get("/oauth2/sign_in")
    texts = [link.get_text(strip=True) for link in BeautifulSoup(page.text, "html.parser").find_all("a") if "provider=" in link["href"]]
    assert any("Main" in text for text in texts) and len(texts) == 2
    assert texts == [link.get_text(strip=True) for link in BeautifulSoup(
        site.browser().get("/oauth2/sign_in").text, "html.parser").find_all("a") if "provider=" in link["href"]]


def test_programs_get_no_chooser(two):
    site = two()
    for plain in site.ways:
        response = site.browser(plain).fetch("/x")
        assert response.status == 401 and response.location is None and response.all("Set-Cookie") == []


HOSTILE_TARGETS = ["//evil.test/", "/\\evil.test", "https://evil.test/", "javascript:alert(1)", "https://app.test@evil.test/",
                   "/%09/evil.test",
                   "/\"><script>alert(1)</script>", "/x?a=\"onclick=\"x", "/&provider=corp", "/x#y&rd=//evil.test", "%2f%2fevil.test",
                   "x" * 6000]


@pytest.mark.parametrize("target", HOSTILE_TARGETS, ids=lambda value: value[:30])
def test_RD_01_the_chooser_leads_nowhere_else(two, target):
    site = two()
    browser = site.browser()
    page = browser.get(f"/oauth2/sign_in?rd={urllib.parse.quote(target, safe='')}")
    if page.status != 200:
        assert page.status in (400, 414) and "evil" not in page.text
        return
    assert "<script" not in page.text and set(choices(page)) == {"op", "corp"}
    for link in BeautifulSoup(page.text, "html.parser").find_all("a", href=True):
        assert resolved_origin(link["href"]) == "https://app.test" and not set(link.attrs) & {"onclick"}
    start = browser.get(choices(page)["op"])
    assert is_asked_at(start, site.provider)
    back = browser.follow(start, until=lambda url: "/oauth2/callback" not in url and url.startswith("https://app.test"))
    assert back.location is None or resolved_origin(back.location) == "https://app.test", back.location


@pytest.mark.parametrize("choice", ["provider=nobody", "provider=", "provider=OP", "provider=op%20", "provider=op&provider=corp",
                                    "provider=../op", "provider=%00",
                                    "provider=" + "x" * 5000, "provider=%3Cscript%3E", "provider=op%2Fcorp", "provider=hidden",
                                    "provider=elsewhere"])
def test_a_choice_that_there_is_not(two, choice):
    hidden = Provider()
    site = two(changes={"providers": {"hidden": settings_of(hidden, sign_in=False, client_authentication="none",
                                                            access_tokens={"audiences": ["x"]}),
                                      "elsewhere": settings_of(hidden, hosts=["else.test"], client_authentication="none")}})
    response = site.browser().get(f"/oauth2/start?{choice}&rd=/x")
    assert not is_asked_at(response, hidden) and hidden.count("authorize") == 0
    assert response.status in (200, 400, 403, 404) or "/oauth2/sign_in" in response.location, response.location
    assert "<script" not in response.text and not [line for line in response.all("Set-Cookie") if "state" in line]
    assert set(choices(site.browser().get("/oauth2/sign_in"))) == {"op", "corp"}
    hidden.close()


def test_with_one_provider_for_a_host_nobody_has_to_choose(two):
    site = two({"hosts": ["elsewhere.test"]})
    assert is_asked_at(site.browser().get("/x"), site.provider)
    assert is_asked_at(site.browser().get("/oauth2/sign_in"), site.provider)
    assert not is_asked_at(site.browser().get("/oauth2/start?provider=corp"), site.corp)


def test_a_host_has_a_provider_of_its_own(two):
    site = two({"hosts": ["two.app.test"]}, changes={
        "providers": {"op": {"hosts": ["app.test"]}}, "return_hosts": [".app.test"], "cookie": {"domain": "app.test"},
        "rules": [{"allow": {"everyone": True}}]}, shipped_extra=two_hosts)
    one, second = site.browser(), Browser(site.port, site.authority.path, host="two.app.test")
    response = one.sign_in("/x")
    assert told_of(response, "X-Auth-Request-User") == ["alice"]
    assert site.corp.count("authorize") == 0

    second.cookies = one.cookies  # of one domain
    refused = second.get("/x")
    assert not refused.is_protected, "a session of a provider that this host does not take"
    begun = second.follow(refused, until=lambda url: "//app.test" in url)
    landed = one.follow(one.get(begun.location.removeprefix("https://app.test")), until=lambda url: "two.app.test/x" in url)
    assert landed.location == "https://two.app.test/x" and site.corp.count("authorize") == 1
    assert told_of(second.get("/x"), "X-Auth-Request-User") == ["bob"]
    assert not one.get("/x").is_protected


def test_the_host_counts_at_the_socket_too(two):
    site = two({"hosts": ["two.app.test", "app.test"]}, changes={"providers": {"op": {"hosts": ["app.test"]}}})
    cookies = {name: sign_in(site, name).cookies.header() for name in ("op", "corp")}
    for host, name, status in (("app.test", "op", 200), ("app.test", "corp", 200), ("two.app.test", "op", 401),
                               ("two.app.test", "corp", 200),
                               ("three.app.test", "op", 401), ("three.app.test", "corp", 401), ("APP.TEST", "op", None), (None, "op", 401)):
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", cookies[name], SERVER_NAME=host))
        assert answer.status == (status or answer.status), (host, name, answer.status)


def test_a_rule_names_the_provider(two):
    site = two()
    assert is_asked_at(site.browser().get("/corp/x?y=1"), site.corp), "one provider is possible, so there is no choice"
    browser = sign_in(site, "op")
    assert browser.get("/").is_protected and browser.get("/either/x").is_protected
    assert browser.fetch("/corp/x").status == 401
    response = browser.get("/corp/x?y=1")
    assert is_asked_at(response, site.corp)
    landed = browser.follow(response)
    assert told_of(landed, "X-Auth-Request-User") == ["bob"] and landed.url.endswith("/corp/x?y=1")
    assert told_of(browser.get("/"), "X-Auth-Request-User") == ["bob"], "one session, the newer one"


def test_a_choice_among_those_that_the_rule_names(two):
    third = Provider()
    site = two(changes={"providers": {"third": settings_of(third, client_authentication="none")}})
    browser = site.browser()
    assert set(choices(browser.follow(browser.get("/either/x")))) == {"op", "corp"}
    assert set(choices(browser.follow(browser.get("/x")))) == {"op", "corp", "third"}
    third.close()


def test_the_wrong_choice_for_a_rule_is_no_loop(two):
    site = two()
    browser = site.browser()
    response = browser.get("/oauth2/start?provider=op&rd=/corp/x")
    landed = browser.follow(response, limit=8)
    assert landed.is_protected or landed.status in (200, 400, 403, 409), landed.status
    assert site.provider.count("authorize") <= 1 and site.corp.count("authorize") <= 1


def test_FLOW_11_a_rule_that_nobody_at_the_provider_meets(two):
    site = two(changes={"rules": [{"providers": ["corp"], "allow": {"users": ["alice"]}}]})
    browser = site.browser()
    landed = browser.follow(browser.get("/"), limit=4)
    assert landed.status == 403 and site.corp.count("authorize") == 1
    assert browser.get("/").status == 403


def refreshes(provider):
    with provider.lock:
        return sum(call["form"].get("grant_type") == "refresh_token" for call in provider.calls if call["endpoint"] == "token")


def test_a_session_is_refreshed_where_it_began(two):
    site = two()
    site.corp.access_lifetime = site.provider.access_lifetime = 2
    browsers = {name: sign_in(site, name) for name in ("op", "corp")}
    site.corp.access_lifetime = site.provider.access_lifetime = 3600
    before = {"op": refreshes(site.provider), "corp": refreshes(site.corp)}
    time.sleep(2.2)
    assert told_of(browsers["corp"].get("/"), "X-Auth-Request-User") == ["bob"]
    wait_until(lambda: refreshes(site.corp) > before["corp"], what="the refresh at corp")
    assert refreshes(site.provider) == before["op"]
    assert told_of(browsers["op"].get("/"), "X-Auth-Request-User") == ["alice"]
    forms = [call["form"] for call in site.corp.calls if call["endpoint"] == "token"]
    assert all(call["headers"].get("Authorization") for call in site.corp.calls if call["endpoint"] == "token") and forms


def test_signing_out_goes_on_to_the_provider_of_the_session(two):
    site = two()
    for name, provider in (("op", site.provider), ("corp", site.corp)):
        assert sign_in(site, name).get("/oauth2/sign_out").location.startswith(f"{provider.issuer}/end_session")


def test_one_provider_that_is_down_does_not_take_the_other_with_it(two):
    site = two()
    browser = sign_in(site, "corp")
    site.corp.stop_listening()
    site.restart()
    assert browser.get("/").is_protected
    page = site.browser().get("/oauth2/sign_in")
    assert set(choices(page)) == {"op", "corp"}
    started = time.monotonic()
    assert site.browser().get(choices(page)["corp"]).status == 503
    assert sign_in(site, "op").get("/").is_protected and time.monotonic() - started < 5
    assert site.browser().get("/oauth2/ready").status == 200
    site.corp.listen_again()
    wait_until(lambda: site.browser().get(choices(page)["corp"]).status == 302, 5, "recovery")


# What one provider says of another


def begun(site, name):
    """A browser with a sign-in under way at this provider, and the provider's answer to it."""
    browser = site.browser()
    location = browser.get(f"/oauth2/start?provider={name}").location
    return browser, query_of(location), query_of(other(location).location)


def no_session(site, browser, response, tokens):
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected
    assert (site.provider.count("token"), site.corp.count("token")) == tokens


@pytest.mark.parametrize("says_iss", [True, False])
def test_FLOW_a_code_of_one_provider_at_a_sign_in_begun_with_the_other(two, says_iss):
    """A mix-up (RFC 9700, section 4.4): corp sends the visitor on to op, and waits for op's code at its token endpoint."""
    def prepare(provider):
        provider.discovery_changes = {} if says_iss else {"authorization_response_iss_parameter_supported": None}
    site = two(prepare=prepare)
    browser, asked, _ = begun(site, "corp")
    op_code = query_of(other(f"{site.provider.issuer}/authorize?" + urllib.parse.urlencode({**asked, "client_id": "rp1"})).location)
    assert op_code["state"] == asked["state"] and op_code["iss"] == site.provider.issuer
    response = browser.get("/oauth2/callback?" + urllib.parse.urlencode(op_code))
    no_session(site, browser, response, (0, 0))


@pytest.mark.parametrize("iss", ["other", "none", "both", "slash"])
def test_FLOW_the_issuer_of_an_answer_is_the_one_that_was_asked(two, iss):
    site = two()
    browser, _, answer = begun(site, "op")
    said = {"other": [site.corp.issuer], "none": [], "both": [site.provider.issuer, site.corp.issuer],
            "slash": [site.provider.issuer + "/"]}[iss]
    query = urllib.parse.urlencode([("code", answer["code"]), ("state", answer["state"]), *(("iss", value) for value in said)])
    no_session(site, browser, browser.get(f"/oauth2/callback?{query}"), (0, 0))


def test_FLOW_an_error_of_another_issuer(two):
    site = two()
    browser, asked, answer = begun(site, "op")
    query = urllib.parse.urlencode({"error": "access_denied", "state": asked["state"], "iss": site.corp.issuer})
    assert browser.get(f"/oauth2/callback?{query}").status >= 400
    assert site.provider.count("token") == 0


@pytest.mark.parametrize("fault", ["issuer and key", "issuer", "key", "audience", "subject of the other"])
def test_JOSE_04_an_id_token_of_one_provider_is_nothing_at_the_other(two, fault):
    site = two()
    op, corp = site.provider, site.corp
    changes = {"issuer and key": ({"iss": op.issuer, "aud": "rp1"}, op.keys[0]), "issuer": ({"iss": op.issuer}, corp.keys[0]),
               "key": ({}, op.keys[0]), "audience": ({"aud": "rp1"}, corp.keys[0]),
               "subject of the other": ({"iss": op.issuer, "aud": ["rp1", "corp-client"], "azp": "corp-client"}, corp.keys[0])}[fault]
    corp.make_id_token = lambda claims: jwt(
        {"alg": "RS256", "kid": changes[1].kid}, {**claims, "sub": "alice-1", "preferred_username": "alice", **changes[0]}, changes[1].sign)
    corp.person = dict(op.person)
    browser = site.browser()
    response = browser.follow(browser.get("/oauth2/start?provider=corp"))
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected


def test_one_subject_at_two_providers_is_two_people(two):
    site = two(changes={"rules": [{"allow": {"all": [{"subjects": ["alice-1"]}, {"providers": ["op"]}]}}]})
    site.corp.person = dict(site.provider.person)
    assert sign_in(site, "op").get("/").is_protected
    browser = site.browser()
    assert browser.follow(browser.get("/oauth2/start?provider=corp")).status == 403


def test_client_secrets_go_to_their_own_provider(two):
    site = two()
    sign_in(site, "op")
    sign_in(site, "corp")
    seen = {provider.issuer: {call["headers"]["Authorization"] for call in provider.calls if call["endpoint"] == "token"}
            for provider in (site.provider, site.corp)}
    assert all(len(values) == 1 for values in seen.values()) and seen[site.provider.issuer] != seen[site.corp.issuer]


# What a session remembers


def rewrite(site, change):
    """Postern starts anew with other settings."""
    site.postern.stop()
    site.postern.write(change(json.loads(json.dumps(site.settings))))
    site.postern.start()


def test_a_session_of_a_provider_that_was_removed_is_no_session(two):
    site = two(changes={"rules": [{"allow": {"domains": ["example.com"]}}]})
    browsers = {name: sign_in(site, name) for name in ("op", "corp")}

    def without_corp(settings):
        del settings["providers"]["corp"]
        return settings
    rewrite(site, without_corp)
    assert browsers["op"].get("/").is_protected
    cookie = browsers["corp"].cookies.header()
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 401
    assert is_asked_at(browsers["corp"].get("/"), site.provider)
    assert browsers["corp"].get("/oauth2/sign_out").status in (200, 302)
    assert browsers["corp"].sign_in("/").is_protected


def test_a_session_of_another_issuer_under_the_same_name_is_no_session(two):
    site = two()
    browser = sign_in(site, "corp")

    def renamed(settings):
        providers = settings["providers"]
        providers["op"], providers["corp"] = providers["corp"], providers["op"]
        return settings
    rewrite(site, renamed)
    answer = fastcgi.ask(site.postern.socket, fastcgi.check("/corp/x", browser.cookies.header()))
    assert answer.status == 401, "the session of one issuer passes for that of another"


def test_a_provider_that_no_longer_signs_anybody_in_has_no_sessions(two):
    site = two()
    browser = sign_in(site, "corp")

    def off(settings):
        settings["rules"] = [{"allow": {"domains": ["example.com"]}}]
        settings["providers"]["corp"].update(sign_in=False, access_tokens={"audiences": ["https://api.test"]})
        return settings
    rewrite(site, off)
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header())).status == 401


def test_a_sign_in_under_way_with_a_provider_that_was_removed(two):
    site = two(changes={"rules": [{"allow": {"domains": ["example.com"]}}]})
    browser, _, answer = begun(site, "corp")

    def without_corp(settings):
        del settings["providers"]["corp"]
        return settings
    rewrite(site, without_corp)
    response = browser.get("/oauth2/callback?" + urllib.parse.urlencode(answer))
    assert response.status >= 400 and site.corp.count("token") == site.provider.count("token") == 0


@pytest.mark.parametrize("change, message", [
    ({"rules": [{"providers": ["crop"], "allow": {"everyone": True}}]}, "crop"),
    ({"rules": [{"providers": [], "allow": {"everyone": True}}]}, "empty list"),
    ({"rules": [{"providers": [""], "allow": {"everyone": True}}]}, "no provider"),
    ({"providers": {"op": {"sign_in": False}, "corp": {"sign_in": False}}}, "sign_in")])
def test_REL_11_mistakes_with_several_providers(two, change, message):
    site = two()
    site.postern.write(merged(site.settings, change))
    done = site.postern.run("check", check=False)
    assert done.returncode == 78 and message in done.stderr, done.stderr
