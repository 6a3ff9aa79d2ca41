"""The sign-in flow: state, replay, many tabs, time."""
import concurrent.futures
import random
import re
import threading
import time
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import other
from harness.fronts import FRONTS, only
from harness.site import told_of


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def assert_refused(site, browser, response, tokens=0):
    assert response.status >= 400 and not response.is_protected
    assert "__Host-postern" not in browser.cookies.jar
    assert site.provider.count("token") == tokens
    assert not browser.get("/").is_protected


def test_FLOW_01_a_callback_that_nobody_began(site):
    other_browser = site.browser()
    foreign = query_of(site.browser().get("/oauth2/start").location)["state"]
    for query in ("code=x", "code=x&state=", f"code=x&state={'A' * 22}", f"code=x&state={foreign}",
                  f"code=x&state={foreign}&state={foreign}", "", "state=%00", "state=" + "A" * 5000):
        assert_refused(site, other_browser, other_browser.get(f"/oauth2/callback?{query}&iss={site.provider.issuer}"))
        page = fastcgi.page(f"/oauth2/callback?{query}&iss={site.provider.issuer}")
        answer = fastcgi.ask(site.postern.socket, page)
        assert answer.status >= 400 and answer.all("Set-Cookie") == [] and site.provider.count("token") == 0


def test_FLOW_01_a_state_cookie_that_is_not_the_one(site):
    """The browser has a sign-in under way; its cookie is altered, or goes by the name of another state."""
    browser = site.browser()
    callback = browser.callback_url("/")
    name, value = next(pair for pair in browser.cookies.jar.items() if "state" in pair[0])
    foreign = site.browser()
    other_callback = foreign.callback_url("/")
    other_name, other_value = next(pair for pair in foreign.cookies.jar.items() if "state" in pair[0])
    session = site.signed_in().cookies.jar["__Host-postern"]
    changed = [chr(ord(value[place]) ^ 1) for place in range(0, len(value), 7)]
    altered = [value[:place] + char + value[place + 1:] for place, char in zip(range(0, len(value), 7), changed)]
    site.provider.calls.clear()
    for target, jar in [*((callback, {name: one}) for one in altered), (callback, {name: value[:-1]}), (callback, {name: value + "A"}),
                        (callback, {name: ""}), (callback, {name: session}), (callback, {name.lower(): value}), (callback, {name: other_value}),
                        (callback, {other_name: value}), (other_callback, {other_name: value}), (other_callback, browser.cookies.jar)]:
        cookie = "; ".join(f"{key}={text}" for key, text in jar.items())
        answer = fastcgi.ask(site.postern.socket, fastcgi.page(target, cookie))
        assert answer.status >= 400 and site.provider.count("token") == 0, jar
        assert not any(line.startswith("__Host-postern=") for line in answer.all("Set-Cookie"))
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", f"__Host-postern={value}")).status == 401
    assert browser.get(callback).status == 302


def test_FLOW_02_a_callback_works_once(site):
    browser = site.browser()
    callback = browser.callback_url("/")
    before = dict(browser.cookies.jar)
    assert browser.get(callback).status == 302
    session = browser.cookies.jar["__Host-postern"]
    browser.cookies.jar.update(before)
    response = browser.get(callback)
    assert response.status >= 400 and site.provider.count("token") == 1
    assert browser.cookies.jar["__Host-postern"] == session
    assert browser.get("/").is_protected


def test_FLOW_02_only_a_get_uses_it_up(site):
    browser = site.browser()
    callback = browser.callback_url("/")
    path, _, query = callback.partition("?")
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    for method, target, body in (("HEAD", callback, b""), ("POST", callback, b""), ("POST", path, query.encode()), ("PUT", callback, b"")):
        response = browser.send(target, method=method, headers=form, body=body)
        # lighttpd wants a length of a POST, and answers by itself.
        assert response.status in (405, 411 if site.kind == "lighttpd" else 405) and response.all("Set-Cookie") == [] and site.provider.count("token") == 0
    assert browser.get(callback).status == 302


@pytest.mark.parametrize("change", ["code=", "", "code=CODE&code=CODE", "code=x&code=CODE", "Code=CODE", "code=" + "x" * 5000, "code=%00", "code=%ff",
                                    "code=a%0d%0ab", "code=CODE&iss=https://evil.test", "code=CODE&state=x"])
def test_FLOW_02_no_code_or_two(site, change):
    browser = site.browser()
    query = query_of(browser.callback_url("/"))
    rest = urllib.parse.urlencode({"state": query["state"], "iss": query["iss"]})
    response = browser.get(f"/oauth2/callback?{rest}&{change.replace('CODE', query['code'])}")
    asked = [call["form"]["code"] for call in site.provider.calls if call["endpoint"] == "token"]
    assert query["code"] not in asked
    assert_refused(site, browser, response, tokens=len(asked))
    assert asked == [] or "x" * 5000 in asked or "a\r\nb" in asked or "\0" in asked


def test_FLOW_02_not_even_twice_at_once(site):
    browser = site.browser()
    callback = browser.callback_url("/")
    results = []
    site.provider.delay["token"] = 0.2
    threads = [threading.Thread(target=lambda: results.append(browser.send(callback, cookies=True).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [302] + [400] * 7 and site.provider.count("token") == 1


def test_FLOW_03_an_answer_meant_for_another_browser(site):
    attacker, victim = site.browser(), site.browser()
    site.provider.person.update(sub="mallory-1", preferred_username="mallory")
    callback = attacker.callback_url("/")
    site.provider.reset()
    victim.get("/")
    assert_refused(site, victim, victim.get(callback))
    state = query_of(victim.get("/").location)["state"]
    code = query_of(callback)["code"]
    site.provider.codes[code] = {"redirect_uri": "https://app.test/oauth2/callback", "code_challenge": "x", "person": {},
                                 "client_id": "rp1"}
    response = victim.get(f"/oauth2/callback?code={code}&state={state}&iss={site.provider.issuer}")
    assert_refused(site, victim, response, tokens=1)


def test_FLOW_05_twenty_tabs(site):
    browser = site.browser()

    def start(number):
        response = browser.get(f"/page/{number}?n={number}")
        back = urllib.parse.urlsplit(other(response.location).location)
        return number, f"{back.path}?{back.query}"

    def finish(pair):
        response = browser.get(pair[1])
        assert response.status == 302 and response.location == f"/page/{pair[0]}?n={pair[0]}", response.text[:200]
        assert len(browser.cookies.header()) < 8 * 1024
    with concurrent.futures.ThreadPoolExecutor(20) as tabs:
        callbacks = list(tabs.map(start, range(20)))
        assert len(browser.cookies.header()) < 7 * 1024
        random.Random(5).shuffle(callbacks)
        list(tabs.map(finish, callbacks[:10]))
    for pair in callbacks[10:]:
        finish(pair)
    assert browser.get(callbacks[3][1]).status == 400 and site.provider.count("token") == 20
    assert browser.get("/").is_protected
    assert [name for name in browser.cookies.jar if "state" in name] == []


def test_FLOW_05_state_cookies_are_bounded(site):
    browser = site.browser()
    for number in range(60):
        browser.get(f"/page/{number}/{'x' * 300}")
        assert len(browser.cookies.header()) < 8 * 1024
    assert len([name for name in browser.cookies.jar if "state" in name]) <= 24
    assert browser.sign_in("/last").is_protected


def test_FLOW_05_more_state_cookies_than_we_ever_set(site):
    """As many as two lines of 8 KiB hold. nginx takes 32 KiB of an answer's header, else it says 502."""
    lines = ["; ".join(f"__Host-postern-state-{number}=" for number in range(start, start + 290)) for start in (0, 290)]
    assert all(len(line) < 8 * 1024 - 100 for line in lines)
    answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start", "; ".join(lines)))
    assert answer.status == 302 and len(answer.raw) < 16 * 1024
    request = "".join(f"{line}\r\n" for line in ("GET /oauth2/start HTTP/1.1", "Host: app.test", "Connection: close", "Sec-Fetch-Mode: navigate",
                                                  *(f"Cookie: {line}" for line in lines), ""))
    status = {"nginx": b" 302 ", "lighttpd": b" 431 "}.get(site.kind, b" 400 ")  # the others take no such request at all
    assert status in site.browser().exchange(request.encode()).split(b"\r\n")[0]


def test_FLOW_05_cookies_that_pass_for_ours(site):
    for names in (["__Host-postern-state-a\r\nX-Evil: 1"] * 30, ["__Host-postern-state-"] * 50, ["__Host-postern-state-\x01\x7f"] * 30,
                  ["__Host-postern-state-x,y"] * 60):
        answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start", "; ".join(f"{name}={'v' * 20}" for name in names)))
        assert answer is None or answer.header("X-Evil") is None
        if answer is not None and answer.status == 302:
            assert len(answer.raw) < 16 * 1024, names[0]
    for value in ("0.9223372036854775807.AAAAAAAA", "9223372036854775807.0.AAAAAAAA", "-1.-1.x", "0." + "9" * 400 + ".AAAAAAAA", "..", "",
                  "2.18446744073709551616.AAAAAAAA", "0.0.AAAAAAAA"):
        answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start", f"__Host-postern-attempts={value}"))
        assert answer.status in (302, 409), value
        browser = site.browser()
        browser.cookies.jar["__Host-postern-attempts"] = value
        assert browser.sign_in("/").is_protected or value.startswith("9"), value


@pytest.mark.parametrize("extra", [
    "error=access_denied", "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
    f"error=server_error&error_description={'d' * 10240}"[:7000], "error=access_denied&code=CODE",
    "error=%3Cscript%3E&error_uri=javascript:alert(1)", "error=", "error=access_denied&error=x", "error=x&id_token=a.b.c&access_token=x",
    "error=login_required", "error=interaction_required&code=CODE"])
def test_FLOW_06_the_provider_says_no(site, extra):
    browser = site.browser()
    state = query_of(browser.get("/x").location)["state"]
    response = browser.get(f"/oauth2/callback?state={state}&iss={site.provider.issuer}&{extra}")
    assert "<script" not in response.text and "javascript:" not in response.text
    assert response.status == 403 or "=access_denied" not in extra.split("&")[0] or extra.count("error=") > 1
    assert response.location is None and response.header("Refresh") is None and "http-equiv" not in response.text
    assert_refused(site, browser, response)


def test_FLOW_06_a_description_of_ten_kibibytes(site):
    browser = site.browser()
    state = query_of(browser.get("/x").location)["state"]
    target = f"/oauth2/callback?state={state}&iss={site.provider.issuer}&error=access_denied&error_description={'<b>' + 'd' * 10240}"
    assert_refused(site, browser, browser.get(target))
    answer = fastcgi.ask(site.postern.socket, fastcgi.page(target, browser.cookies.header()))
    assert answer.status == 403 and b"<b>" not in answer.body and len(answer.raw) < 16 * 1024
    assert site.provider.count("token") == 0


def test_FLOW_07_each_request_has_its_own_secrets(site):
    seen = {"state": set(), "nonce": set(), "code_challenge": set()}
    for _ in range(100):
        query = query_of(site.browser().get("/oauth2/start").location)
        assert query["code_challenge_method"] == "S256" and query["response_type"] == "code"
        assert query["redirect_uri"] == "https://app.test/oauth2/callback" and "openid" in query["scope"].split()
        for name, values in seen.items():
            assert len(query[name]) >= 22
            values.add(query[name])
    assert all(len(values) == 100 for values in seen.values())
    for _ in range(20):
        site.signed_in()
    verifiers = [call["form"]["code_verifier"] for call in site.provider.calls if call["endpoint"] == "token"]
    assert len(set(verifiers)) == 20 and all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)
    everything = [*verifiers, *(value for values in seen.values() for value in values)]
    assert len({value[:8] for value in everything}) == len({value[-8:] for value in everything}) == len(everything)


def test_FLOW_07_a_code_of_another_flow(site):
    first, second = site.browser(), site.browser()
    code = query_of(first.callback_url("/"))["code"]
    state = query_of(second.get("/").location)["state"]
    response = second.get(f"/oauth2/callback?code={code}&state={state}&iss={site.provider.issuer}")
    assert_refused(site, second, response, tokens=1)


@pytest.mark.parametrize("iss", [None, "https://evil.test", "", "ISSUER/", "ISSUER&iss=ISSUER"])
def test_FLOW_the_issuer_of_the_answer(site, iss):
    browser = site.browser()
    callback = query_of(browser.callback_url("/"))
    query = urllib.parse.urlencode({"code": callback["code"], "state": callback["state"]})
    if iss is not None:
        query += "&iss=" + iss.replace("ISSUER", urllib.parse.quote(site.provider.issuer, safe=""))
    assert_refused(site, browser, browser.get(f"/oauth2/callback?{query}"))


@only("nginx")  # one process has the moved clock
def test_FLOW_10_the_life_of_a_state(make_site, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    site = make_site({"session": {"sign_in_lifetime": "30s"}}, environment=faketime(clock))
    for offset, is_good in ((29, True), (31, False), (-3600, False), (3600, False)):
        clock.write_text("+0")
        time.sleep(0.05)
        browser = site.browser()
        location = browser.get("/page").location
        state = query_of(location)["state"]
        clock.write_text(f"{offset:+}")
        site.provider.claim_changes = {"iat": int(time.time()) + offset, "exp": int(time.time()) + offset + 300}
        back = urllib.parse.urlsplit(other(location).location)
        response = browser.get(f"{back.path}?{back.query}")
        assert (response.status == 302) == is_good, (offset, response.status, response.text[:300])
        if not is_good:
            retry = re.search(r'href="(/oauth2/start\?rd=[^"]*)"', response.text).group(1)
            site.provider.claim_changes = {}
            clock.write_text("+0")
            assert browser.sign_in(retry).is_protected and state
    assert site.postern.is_running()


def faketime(clock):
    import glob
    library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
    return {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1"}


def test_FLOW_11_who_may_not_in_sees_a_page_and_no_loop(site):
    site.provider.person["email"] = "alice@elsewhere.test"
    browser = site.browser()
    response = browser.follow(browser.get("/"), limit=4)
    assert response.status == 403 and "You may not see this" in response.text
    for _ in range(3):
        assert browser.follow(browser.get("/"), limit=1).status == 403
    assert site.provider.count("authorize") == 1
    site.provider.person["email_verified"] = "no"
    browser = site.browser()
    assert browser.follow(browser.get("/"), limit=4).status == 403


def test_FLOW_11_a_browser_that_loses_the_session_cookie_is_told(site):
    browser = site.browser()
    response = browser.get("/lost")
    for _ in range(30):
        browser.cookies.jar.pop("__Host-postern", None)
        if response.status != 302:
            break
        response = browser.visit(urllib.parse.urljoin(response.url, response.location))
    assert response.status == 409 and "your browser does not show it" in response.text
    assert site.provider.count("authorize") <= 4


def test_FLOW_11_a_session_that_no_store_knows_is_told(site):
    browser = site.browser()
    response = browser.get("/lost")
    for _ in range(30):
        if "__Host-postern" in browser.cookies.jar:
            browser.cookies.jar["__Host-postern"] = "A" * 87
        if response.status != 302:
            break
        response = browser.visit(urllib.parse.urljoin(response.url, response.location))
    assert response.status == 409 and "the session is not found" in response.text


KEY = ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")  # mod_fcgid keeps Upgrade to itself
PROGRAMS = [[("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")], [("Accept", "application/json")], [("X-Requested-With", "XMLHttpRequest")], [("Accept", "text/html"), ("Sec-Fetch-Mode", "no-cors")],
            [("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"), ("Accept", "image/*")],
            [("Sec-Fetch-Mode", "websocket"), ("Upgrade", "websocket"), ("Connection", "Upgrade")],
            [("Upgrade", "WebSocket"), ("Connection", "Upgrade"), ("Accept", "text/html"), KEY], [("Accept", "text/event-stream")],
            [("Sec-Fetch-Mode", "navigate"), ("Sec-Purpose", "prefetch"), ("Accept", "text/html")],
            [("Sec-Fetch-Mode", "same-origin"), ("Sec-Fetch-Dest", "worker")], [("Accept", "application/json, text/plain, */*")]]


def test_FLOW_12_background_requests_beside_a_navigation(site):
    browser = site.browser()

    def program(number):
        kind = PROGRAMS[number % len(PROGRAMS)]
        for one in [browser] + [site.browser(plain=True)] * (site.kind == "nginx"):
            response = one.send(f"/image/{number}", headers=kind)
            assert response.status == 401 and response.all("Set-Cookie") == [] and response.location is None, kind
        return response
    with concurrent.futures.ThreadPoolExecutor(50) as visitors:
        first = visitors.map(program, range(25))
        navigation = browser.get("/page?x=1")
        rest = visitors.map(program, range(25, 50))
        assert len([*first, *rest]) == 50
    assert navigation.status == 302
    response = browser.follow(navigation)
    assert told_of(response, "X-Auth-Request-User") == ["alice"] and response.url.endswith("/page?x=1")


def test_a_form_sent_without_a_session_goes_to_sign_in(site):
    post = site.browser().send("/save", method="POST", body=b"a=1", headers=[("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")])
    assert post.status == 302 and post.location.startswith(f"{site.provider.issuer}/authorize")
    assert site.browser().send("/save", method="POST", body=b"a=1").status == 401
