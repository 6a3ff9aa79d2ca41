"""Paths, rules and forwarded headers: the decision is about what is really served."""
import json

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION
from conftest import keeping
from harness.fronts import FRONTS, only
from harness.site import Site, told_of


def served(response):
    """The path that the application was asked for."""
    return json.loads(response.body.split(b"\n", 1)[1])["path"]


def allowed(response):
    return response.is_protected


@pytest.mark.parametrize("path", [
    "/public/../admin/", "/public/%2e%2e/admin/", "/public/..%2fadmin/", "/public/.%2e/admin/", "/public//../admin/",
    "/public/%2e%2e%2fadmin", "/public/%252e%252e/admin/", "/public/..;/admin/", "/public/..%5cadmin", "/public/x/../../admin",
    "/public/..%252fadmin", "/public/%c0%ae%c0%ae/admin",
    "/public/%2e%2e;x/admin/", "/public/.%252e/admin", "/public/./../admin/", "/public/..%2f..%2fadmin/", "/public/%2e%2e%5cadmin",
    "/public/..%00/admin", "/public/%u002e%u002e/admin", "/public/x%2f..%2f..%2fadmin", "/public/%e0%80%ae%e0%80%ae/admin", "/public/%f0%80%80%ae%f0%80%80%ae/admin", "/public/..%e0%80%afadmin", "/public/..%f8%80%80%80%afadmin",
    "/public/..#/admin", "/public/..?/admin", "/public%2f..%2fadmin", "/public/..//admin/", "/public/../public/../admin/"])
def test_PATH_01_an_open_path_leads_nowhere_else(site, path):
    for plain in site.ways:
        assert not allowed(site.browser(plain).send(path, headers=NAVIGATION)), path
    assert fastcgi.ask(site.postern.socket, fastcgi.check(path)).status in (401, 403)


@pytest.mark.parametrize("path", [
    "/admin?x=/public/", "/admin?/public/", "/admin%23/public/x", "/admin;/public/", "/admin/%3f/public/", "/admin#/public/x",
    "/admin/?/public/x", "/admin%3f/public/x", "/admin;/public/x",
    "/admin?/public/../../public/", "/admin&/public/x", "/admin%26/public/", "/admin/..;/public/x", "/admin%00/public/x",
    "https://app.test/admin?/public/x", "/admin%0a/public/x", "//public/x/../../admin", "/x/public/y", "/publicx", "/public%3f/x"])
def test_PATH_02_the_open_path_in_another_place(site, path):
    for plain in site.ways:
        assert not allowed(site.browser(plain).send(path, headers=NAVIGATION)), path
    assert fastcgi.ask(site.postern.socket, fastcgi.check(path)).status in (401, 403)


@pytest.mark.parametrize("path", [
    "/admin", "/admin/", "/admin/x", "/%61dmin", "//admin", "/./admin", "/x/../admin", "/admin/.", "/admin;v=1", "/admin%2f",
    "/admin%2fx", "/%61%64min/x", "/admin//x", "/.//admin", "/x/%2e%2e/admin", "/x/..%2fadmin", "/admin%3b", "/;/admin",
    "/%2fadmin", "/admin%00", "/%2561dmin", "/admin\\x", "/admin%5c",
    "/x;y/../admin", "/x/..;/admin", "/%2e/admin", "/.;/admin", "/admin/../admin/", "/public/../admin", "/admin%23x", "/admin%3fx",
    "/x/y/%2e%2e/%2e%2e/admin", "/%2f%2fadmin", "/./%61dmin", "/admin%2f%2e", "/admin;/x", "/;a=b/admin/x", "/admin/;v=1/x",
    "https://app.test/admin", "/%61dmin%2f..%2fadmin",
    "/%e0%81%a1dmin", "/%f0%80%81%a1dmin", "/x%e0%80%af..%e0%80%afadmin"])
def test_PATH_03_the_guarded_path_by_other_names(site, path):
    browser = site.signed_in()
    for plain in site.ways:
        one = site.browser(plain)
        one.cookies = browser.cookies
        response = one.send(path, headers=NAVIGATION)
        assert not allowed(response), path
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(path, browser.cookies.header()))
    assert answer.status in (401, 403), path


@pytest.mark.parametrize("header", ["X-Forwarded-Uri", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL",
                                    "X-Forwarded-Prefix", "X-Forwarded-Method", "X-Original-Method", "X-Forwarded-For",
                                    "X-Forwarded-Path", "X-Forwarded-Host", "X-Original-Host", "X-Auth-Request-Redirect", "X-Real-IP",
                                    "X-HTTP-Method-Override", "Request-Uri", "X-Envoy-Original-Path", "X-Accel-Redirect", "X-Sendfile"])
def test_PATH_04_what_a_header_says_of_the_request_decides_nothing(site, header):
    value = {"X-Forwarded-Method": "GET", "X-Original-Method": "GET", "X-Forwarded-For": "127.0.0.1",
             "X-Real-IP": "127.0.0.1", "X-HTTP-Method-Override": "GET"}.get(header, "/public/x")
    member = site.signed_in()
    for plain in site.ways:
        for cookies in (None, member.cookies):
            browser = site.browser(plain)
            browser.cookies = cookies or browser.cookies
            without, having = browser.fetch("/admin"), browser.fetch("/admin", headers=[(header, value)])
            assert not allowed(having) and (having.status, having.body) == (without.status, without.body)
    name = "HTTP_" + header.upper().replace("-", "_")
    for cookie in (None, member.cookies.header()):
        asked = fastcgi.check("/admin", cookie)
        reference = fastcgi.ask(site.postern.socket, asked)
        assert reference.status == (403 if cookie else 401)
        for names in ([name], [name.removeprefix("HTTP_")], [name, name]):
            pairs = [*asked.items(), *((one, value) for one in names if one not in asked)]
            assert fastcgi.ask(site.postern.socket, pairs).raw == reference.raw, names
            assert fastcgi.ask(site.postern.socket, pairs[::-1]).raw == reference.raw, names


def test_PATH_07_a_rule_is_about_the_real_method(site):
    for plain in site.ways:
        browser = site.browser(plain)
        assert allowed(browser.send("/public/x"))
        for method in ("POST", "get", "HEAD", "OPTIONS", "PUT", "GETX"):
            response = browser.send("/public/x", method=method)
            assert not allowed(response) and response.status != 200, method
        override = [("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method", "GET"), ("X-Method-Override", "GET")]
        assert not allowed(browser.send("/admin", method="POST", headers=override))
        assert not allowed(browser.send("/public/x", method="POST", headers=override))
        preflight = [("Origin", "https://evil.test"), ("Access-Control-Request-Method", "GET")]
        assert not allowed(browser.send("/api", method="OPTIONS", headers=preflight))
    for method in ("get", "HEAD", "OPTIONS", "POST"):
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/public/x", REQUEST_METHOD=method)).status in (401, 403)
        override = {f"HTTP_X_{name}": "GET" for name in ("HTTP_METHOD_OVERRIDE", "HTTP_METHOD", "METHOD_OVERRIDE")}
        for path in ("/public/x", "/public/x?_method=GET", "/admin"):
            asked = fastcgi.check(path, REQUEST_METHOD=method, QUERY_STRING="_method=GET", **override)
            assert fastcgi.ask(site.postern.socket, asked).status in (401, 403)
    for method in ("Get", "GET ", " GET", "GET\0", "GET\r\n", "", "GETT", "G"):
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/public/x", REQUEST_METHOD=method))
        assert answer is None or answer.status >= 400, method


def test_PATH_07_a_preflight_passes_where_it_is_configured_without_identity(make_site):
    site = make_site({"rules": [{"methods": ["OPTIONS"], "public": True}, {"allow": {"everyone": "true"}}]})
    browser = site.signed_in()
    response = browser.send("/api", method="OPTIONS")
    assert response.is_protected and b"alice" not in response.body
    answer = fastcgi.ask(site.postern.socket, fastcgi.check("/api", browser.cookies.header(), REQUEST_METHOD="OPTIONS"))
    assert answer.status == 200 and b"alice" not in answer.raw
    assert not allowed(site.browser().send("/api", method="GET", headers=[("Access-Control-Request-Method", "OPTIONS")]))


@pytest.mark.parametrize("missing", ["REQUEST_METHOD", "REQUEST_URI", "SCRIPT_NAME", "everything"])
def test_PATH_09_parameters_that_the_web_server_lost(site, missing):
    cookie = site.signed_in().cookies.header()
    parameters = {"X": "1"} if missing == "everything" else fastcgi.check("/", cookie, **{missing: None})
    start = len(site.postern.log)
    answer = fastcgi.ask(site.postern.socket, parameters)
    if missing == "SCRIPT_NAME":  # an authorizer's web server sends none: a check like any other
        assert answer.status == 200
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", SCRIPT_NAME=None)).status == 401
        return
    assert answer.status >= 400
    assert site.postern.log[start:].count("the web server's request is incomplete") == 1
    for missing_too in ("REQUEST_METHOD", "REQUEST_URI"):
        lost = fastcgi.check("/", cookie, SCRIPT_NAME=None, **{missing_too: None})
        assert fastcgi.ask(site.postern.socket, lost).status >= 400
        assert fastcgi.ask(site.postern.socket, lost, role=fastcgi.AUTHORIZER).status >= 400


@pytest.mark.parametrize("missing", ["REQUEST_METHOD", "REQUEST_URI"])
def test_PATH_09_an_empty_parameter_is_a_lost_one(site, missing):
    cookie = site.signed_in().cookies.header()
    for role in (fastcgi.RESPONDER, fastcgi.AUTHORIZER):
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie, **{missing: ""}), role=role).status >= 400


@only("nginx")
def test_PATH_09_through_nginx(make_site):
    site = make_site(shipped_extra="""
        location = /_lost { internal; fastcgi_pass postern; fastcgi_param ONE more; }
        location /lost/ { auth_request /_lost; proxy_pass http://127.0.0.1:1; }""")
    browser = site.signed_in()
    before = site.postern.log.count("the web server's request is incomplete")
    assert browser.get("/lost/").status == 500
    assert site.postern.log.count("the web server's request is incomplete") == before + 1
    assert site.is_alive()


def test_rules_by_network_and_host(make_site):
    site = make_site({"rules": [
        {"networks": ["10.0.0.0/8"], "public": True}, {"hosts": ["other.test"], "public": True},
        {"allow": {"everyone": "true"}}], "trusted_proxies": ["127.0.0.2"]})
    ask = lambda **changes: fastcgi.ask(site.postern.socket, fastcgi.check("/", **changes)).status  # noqa: E731
    assert ask() == 401
    assert ask(REMOTE_ADDR="10.1.2.3") == 200
    assert ask(SERVER_NAME="other.test") == 200
    assert ask(HTTP_HOST="other.test") == 401
    assert ask(HTTP_X_FORWARDED_FOR="10.1.2.3") == 401
    assert ask(REMOTE_ADDR="127.0.0.2", HTTP_X_FORWARDED_FOR="10.1.2.3") == 200
    assert ask(REMOTE_ADDR="127.0.0.2", HTTP_X_FORWARDED_FOR="10.1.2.3, 192.0.2.1") == 401


PROXY, INSIDE, OUTSIDE = "127.0.0.1", "10.1.2.3", "192.0.2.1"


@pytest.fixture(scope="module")
def networks(authority, front):
    """Everybody of 10.0.0.0/8 may pass, as the proxy in front says."""
    with keeping() as keep:
        yield keep(Site(authority, {"rules": [{"networks": ["10.0.0.0/8"], "public": True}, {"allow": {"groups": ["nobody"]}}],
                                    "trusted_proxies": [PROXY]}, front=front))


def test_PATH_04_a_network_is_what_the_last_proxy_said(networks):
    names = ("X-Forwarded-For", "X_Forwarded_For", "X.Forwarded.For", "X-Forwarded_For")
    assert networks.browser().fetch("/", [(names[0], INSIDE)]).is_protected
    for headers in [[(names[0], INSIDE), (names[0], OUTSIDE)], [(names[0], f"{INSIDE}, {OUTSIDE}")],
                    *([(name, INSIDE), (names[0], OUTSIDE)] for name in names[1:]), *([(names[0], OUTSIDE), (name, INSIDE)] for name in names[1:])]:
        response = networks.browser().fetch("/", headers)
        assert response.status in (400, 401) and not response.is_protected, (response.raw, headers)


def test_PATH_04_two_words_of_the_proxy_are_none(networks):
    for values in ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE)):
        parameters = [*fastcgi.check("/").items(), *(("HTTP_X_FORWARDED_FOR", value) for value in values)]
        for role in (fastcgi.RESPONDER, fastcgi.AUTHORIZER):
            assert fastcgi.ask(networks.postern.socket, parameters, role=role).status >= 400, values


@pytest.mark.parametrize("protocol", ["h2c", "foo", "websocket, h2c", "h2c, websocket", "TLS/1.0", "websocket/13"])
def test_PATH_no_other_protocol_is_tunnelled(site, protocol):
    """After it nothing would be checked any more."""
    headers = [("Upgrade", protocol), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    for browser, target in ((site.browser(), "/public/x"), (site.signed_in(), "/")):
        assert told_of(browser.fetch(target, headers), "Upgrade") in ([], [""])
