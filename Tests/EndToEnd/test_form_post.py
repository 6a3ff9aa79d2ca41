"""The provider's answer as a form (response_mode form_post): a POST of another site, which brings no Lax cookies along."""
import json
import threading
import urllib.parse

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION, other
from harness.extended import FORM, extended_site, mistakes
from harness.provider import Provider
from harness.site import Site
from test_flow import query_of

CALLBACK = "/oauth2/callback"


def posting_site(make_site, op=None, **changes):
    return extended_site(make_site, {"response_mode": "form_post", **(op or {})}, ("form_post",), **changes)


@pytest.fixture(scope="module")
def posting(authority):
    site = Site(authority, {"providers": {"op": {"response_mode": "form_post"}}}, provider=Provider(offers=["form_post"]))
    site.owns_provider = True
    yield site
    try:
        site.assert_ends_well()
    finally:
        site.close()


@pytest.fixture
def posted(posting):
    posting.provider.reset()
    pid = posting.postern.pid
    yield posting
    assert posting.postern.is_running() and posting.postern.pid == pid


def begun(site, target="/"):
    """A browser with a sign-in under way, the provider's page, and the fields of its form."""
    browser = site.browser()
    page = other(browser.get(target).location)
    assert page.status == 200 and page.form[0] == f"https://app.test{CALLBACK}"
    return browser, page, page.form[1]


def post(site, browser, fields, headers=(), target=CALLBACK, follow=True):
    """As the provider's page does it: other cookies than those for all sites stay at home."""
    body = fields if isinstance(fields, bytes) else urllib.parse.urlencode(fields).encode()
    response = browser.send(target, "POST", [*NAVIGATION[:3], ("Sec-Fetch-Site", "cross-site"), ("Origin", site.provider.issuer), FORM,
                                             *headers], body,
                            of_another_site=True)
    return browser.follow(response) if follow else response


def assert_refused(site, browser, response, tokens=0):
    assert response.status >= 400 and not response.is_protected, response.raw[:300]
    assert "__Host-postern" not in browser.cookies.jar and site.provider.count("token") == tokens
    assert not browser.get("/").is_protected


def test_a_person_signs_in(posted):
    browser = posted.browser()
    asked = query_of(browser.get("/deep?x=1&y=%2F").location)
    assert asked["response_mode"] == "form_post" and asked["response_type"] == "code"
    response = browser.sign_in("/deep?x=1&y=%2F")
    assert response.is_protected and response.url.endswith("/deep?x=1&y=%2F")
    assert posted.provider.count("token") == 1


def test_the_code_is_in_no_address_but_our_own(posted):
    browser, _, fields = begun(posted)
    first = post(posted, browser, fields, follow=False)
    assert first.status in (200, 302, 303)
    if first.location:
        assert first.status != 307, "RFC 9700, section 4.12"
        assert urllib.parse.urlsplit(urllib.parse.urljoin("https://app.test/", first.location)).netloc == "app.test"
    assert first.header("Cache-Control") == "no-store"
    last = browser.follow(first)
    assert last.is_protected and fields["code"] not in last.url


def test_SES_03_the_session_cookie_stays_lax(posted):
    browser, _, fields = begun(posted)
    post(posted, browser, fields)
    for line in browser.cookies.lines:
        lower = line.lower()
        assert "secure" in lower and "httponly" in lower and "path=/" in lower and "domain=" not in lower, line
        if line.startswith("__Host-postern="):
            assert "samesite=lax" in lower or "samesite=strict" in lower, line
    assert "__Host-postern" not in browser.cookies.for_all_sites
    assert not [name for name in browser.cookies.jar if "state" in name]


def test_FLOW_01_a_callback_that_nobody_began(posted):
    _, _, foreign = begun(posted)
    for fields in ({}, {"code": "x"}, {"code": "x", "state": ""}, {"code": "x", "state": "A" * 22}, foreign,
                   {**foreign, "state": foreign["state"] + "x"},
                   {"state": foreign["state"]}, [("code", "x"), ("state", foreign["state"]), ("state", foreign["state"])],
                   {"code": "x", "state": "A" * 5000},
                   b"state=%00&code=x", b"state=%ff&code=x", b"&&&===", b"\xff\xfe", b"code=x&state=%zz"):
        browser = posted.browser()
        assert_refused(posted, browser, post(posted, browser, fields))
        body = fields if isinstance(fields, bytes) else urllib.parse.urlencode(fields).encode()
        asked = fastcgi.page(CALLBACK, REQUEST_METHOD="POST", CONTENT_TYPE=FORM[1], CONTENT_LENGTH=str(len(body)),
                             HTTP_SEC_FETCH_SITE="cross-site")
        answer = fastcgi.ask(posted.postern.socket, asked, body=body)
        assert not [line for line in answer.all("Set-Cookie") if line.startswith("__Host-postern=")] and posted.provider.count("token") == 0


def test_FLOW_02_a_callback_works_once(posted):
    browser, _, fields = begun(posted)
    before = dict(browser.cookies.jar)
    assert post(posted, browser, fields).is_protected
    session = browser.cookies.jar["__Host-postern"]
    browser.cookies.jar.update(before)
    assert post(posted, browser, fields).status >= 400 and posted.provider.count("token") == 1
    assert browser.cookies.jar["__Host-postern"] == session and browser.get("/").is_protected


def test_FLOW_02_not_even_twice_at_once(posted):
    browser, _, fields = begun(posted)
    posted.provider.delay["token"] = 0.2
    results = []
    threads = [threading.Thread(target=lambda: results.append(post(posted, browser, fields).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert posted.provider.count("token") == 1 and browser.get("/").is_protected
    assert set(results) <= {200, 400}


@pytest.mark.parametrize("change", [[("code", "")], [], [("code", "CODE"), ("code", "CODE")], [("code", "x"), ("code", "CODE")],
                                    [("Code", "CODE")],
                                    [("code", "x" * 5000)], [("code", "CODE"), ("iss", "https://evil.test")],
                                    [("code", "CODE"), ("state", "x")]], ids=str)
def test_FLOW_02_no_code_or_two(posted, change):
    browser, _, fields = begun(posted)
    pairs = [("state", fields["state"]), ("iss", fields["iss"]), *((name, value.replace("CODE", fields["code"])) for name, value in change)]
    response = post(posted, browser, pairs)
    asked = [call["form"]["code"] for call in posted.provider.calls if call["endpoint"] == "token"]
    assert fields["code"] not in asked
    assert_refused(posted, browser, response, tokens=len(asked))


def test_FLOW_03_a_form_meant_for_another_browser(posted):
    posted.provider.person.update(sub="mallory-1", preferred_username="mallory")
    _, _, fields = begun(posted)
    victim = posted.browser()
    victim.get("/")
    assert_refused(posted, victim, post(posted, victim, fields))
    signed_in = posted.signed_in()
    posted.provider.calls.clear()
    _, _, again = begun(posted)
    assert post(posted, signed_in, again).status >= 400 and posted.provider.count("token") == 0
    assert b"mallory" in signed_in.get("/").body, "still the session from before"


def test_FLOW_03_a_victim_who_is_signed_in_stays_who_they_are(posted):
    victim = posted.signed_in()
    posted.provider.person.update(sub="mallory-1", preferred_username="mallory")
    _, _, fields = begun(posted)
    assert post(posted, victim, fields).status >= 400
    assert b"alice" in victim.get("/").body and b"mallory" not in victim.get("/").body


def test_FLOW_05_many_tabs(posted):
    browser = posted.browser()
    pages = [(number, other(browser.get(f"/page/{number}").location).form[1]) for number in range(12)]
    for number, fields in reversed(pages):
        assert post(posted, browser, fields).url.endswith(f"/page/{number}")
        assert len(browser.cookies.header()) < 8 * 1024


@pytest.mark.parametrize("fields", [{"error": "access_denied"},
                                    {"error": "access_denied", "error_description": "<script>alert(1)</script>"},
                                    {"error": "login_required"},
                                    {"error": "server_error", "error_description": "d" * 10_000},
                                    {"error": "access_denied", "code": "CODE"},
                                    {"error": "<script>", "error_uri": "javascript:alert(1)"}, {"error": ""},
                                    {"error": "x", "id_token": "a.b.c", "access_token": "x"}], ids=str)
def test_FLOW_06_the_provider_says_no(posted, fields):
    browser, _, answer = begun(posted)
    fields = {name: value.replace("CODE", answer["code"]) for name, value in fields.items()}
    response = post(posted, browser, {"state": answer["state"], "iss": answer["iss"], **fields})
    assert "<script" not in response.text and "javascript:" not in response.text
    assert_refused(posted, browser, response)


@pytest.mark.parametrize("iss", [None, "https://evil.test", "", "ISSUER/", ["ISSUER", "ISSUER"]], ids=str)
def test_FLOW_the_issuer_of_the_answer(posted, iss):
    browser, _, answer = begun(posted)
    said = [] if iss is None else iss if isinstance(iss, list) else [iss]
    pairs = [("code", answer["code"]), ("state", answer["state"]), *(("iss", one.replace("ISSUER", answer["iss"])) for one in said)]
    assert_refused(posted, browser, post(posted, browser, pairs))


@pytest.mark.parametrize("kind", ["json", "multipart", "text"])
def test_a_body_of_another_kind(posted, kind):
    browser, _, fields = begun(posted)
    content_type, body = {
        "json": ("application/json", json.dumps(fields)),
        "text": ("text/plain", "\r\n".join(f"{name}={value}" for name, value in fields.items())),
        "multipart": ("multipart/form-data; boundary=x", "".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name,
            value in fields.items()) + "--x--\r\n")}[kind]
    headers = [*NAVIGATION[:3], ("Sec-Fetch-Site", "cross-site"), ("Content-Type", content_type)]
    response = browser.follow(browser.send(CALLBACK, "POST", headers, body.encode(), of_another_site=True))
    assert_refused(posted, browser, response)


def test_what_stands_in_the_query_of_a_post_does_not_count(posted):
    browser, _, fields = begun(posted)
    query = urllib.parse.urlencode(fields)
    response = browser.send(f"{CALLBACK}?{query}", "POST", [*NAVIGATION[:3], ("Sec-Fetch-Site", "cross-site"), FORM], b"a=b",
                            of_another_site=True)
    assert_refused(posted, browser, browser.follow(response))


@pytest.mark.parametrize("value", ['"><script>alert(1)</script>', "a\r\nSet-Cookie: x=y", "'onload='x", "&amp;<b>", "\u2028é",
                                   "%0d%0aX: y"], ids=ascii)
def test_RD_02_LEAK_03_hostile_values_on_the_way(posted, value):
    """Whatever carries the answer on to where the Lax cookies are: page or redirect."""
    for name in ("code", "state", "error", "iss", "unknown"):
        browser, _, fields = begun(posted)
        first = post(posted, browser, {**fields, name: value}, follow=False)
        assert "<script" not in first.text and "<b>" not in first.text
        assert b"\r\nSet-Cookie: x=y" not in first.raw and b"\r\nX: y" not in first.raw
        last = browser.follow(first)
        assert name == "unknown" or last.status >= 400
        if last.form or first.form:
            assert "'" not in (first.form or last.form)[0]


def test_FCG_05_a_body_that_is_not_as_long_as_it_says(posted):
    browser, _, fields = begun(posted)
    body = urllib.parse.urlencode(fields).encode()
    for length in ("0", str(len(body) - 1), str(len(body) + 1), "-1", "abc", str(2 ** 64), ""):
        asked = fastcgi.page(CALLBACK, browser.cookies.header(), REQUEST_METHOD="POST", CONTENT_TYPE=FORM[1], CONTENT_LENGTH=length)
        answer = fastcgi.ask(posted.postern.socket, asked, body=body)
        assert answer.status >= 400 and posted.provider.count("token") == 0, length
    assert post(posted, browser, fields).is_protected


def test_FCG_10_a_body_without_end(posted):
    browser = posted.browser()
    for size in (15_000, 60_000, 1_000_000):
        assert post(posted, browser, {"code": "x" * size, "state": "A" * 22}).status >= 400
    assert posted.provider.count("token") == 0


def test_a_provider_that_answers_in_the_query_after_all(posted):
    """Answers are taken once in any case, and only with the state that was sent."""
    browser, _, fields = begun(posted)
    response = browser.get(f"{CALLBACK}?{urllib.parse.urlencode(fields)}")
    last = browser.follow(response)
    assert last.is_protected or last.status >= 400
    tokens = posted.provider.count("token")
    assert tokens <= 1 and post(posted, browser, fields).status >= 400 and posted.provider.count("token") == tokens


def test_without_the_setting_a_form_is_refused(site):
    browser = site.browser()
    callback = browser.callback_url("/")
    path, _, query = callback.partition("?")
    response = browser.send(path, "POST", [*NAVIGATION[:3], ("Sec-Fetch-Site", "cross-site"), FORM], query.encode(), of_another_site=True)
    assert response.status == 405 and site.provider.count("token") == 0
    assert browser.get(callback).status == 302


def test_a_sign_out_and_a_denied_page_are_as_before(posted):
    browser = posted.signed_in()
    assert browser.get("/admin/x").status == 403
    cross = [("Sec-Fetch-Site", "cross-site"), ("Origin", posted.provider.issuer), FORM]
    assert browser.send("/oauth2/sign_out", "POST", cross, b"rd=/", of_another_site=True).status == 200
    assert browser.get("/").is_protected
    assert browser.get("/oauth2/sign_out").status == 302 and not browser.get("/").is_protected


def test_REL_11_a_mode_that_there_is_not(site):
    done = mistakes(site, {"response_mode": "fragment"})
    assert done.returncode == 78 and "response_mode" in done.stderr
