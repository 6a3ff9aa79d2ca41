"""Endpoints and answers: the web server's location decides, and every answer says its status."""
import pytest

from harness import fastcgi
from harness.browser import NAVIGATION
from harness.fronts import FRONTS


@pytest.mark.parametrize("path", ["/oauth2/ping/../../admin", "/oauth2/static/..%2f..%2fadmin", "/oauth2/ping/..%2f..%2fadmin",
                                  "/oauth2/%2e%2e/admin", "/oauth2/..;/admin", "/oauth2//../admin", "/oauth2/callback/../../admin"])
def test_EPT_01_our_prefix_opens_nothing(site, path):
    for plain in site.ways:
        assert not site.browser(plain).send(path, headers=NAVIGATION).is_protected, path


@pytest.mark.parametrize("location", ["/oauth2/auth", "/_auth", "/_postern/auth", ""])
@pytest.mark.parametrize("uri", ["/oauth2/ping", "/oauth2/callback", "/oauth2/start", "/oauth2/ready", "/oauth2/sign_out",
                                 "/oauth2/userinfo", "/oauth2/ping?/oauth2/ping"])
def test_EPT_01_the_request_line_never_chooses_the_endpoint(site, uri, location):
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(uri, SCRIPT_NAME=location, DOCUMENT_URI=location))
    assert answer.status in (401, 403) and answer.body == b""
    answer = fastcgi.ask(site.postern.socket, fastcgi.check(uri, SCRIPT_NAME="/oauth2/ping"), role=fastcgi.AUTHORIZER)
    assert answer.status in (401, 403)


@pytest.mark.parametrize("agent", ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "", None])
def test_EPT_02_no_user_agent_is_let_in(site, agent):
    headers = [] if agent is None else [("User-Agent", agent)]
    for plain in site.ways:
        for path in ("/", "/admin", "/health", "/ping"):
            assert not site.browser(plain).send(path, headers=headers).is_protected
    assert site.browser().send("/oauth2/ping", headers=headers).status == 200


def test_EPT_04_every_answer_begins_with_a_status(site):
    """`fastcgi.Answer` asserts it of each answer of all tests; here are those that go wrong."""
    def ask(parameters, **options):
        answer = fastcgi.ask(site.postern.socket, parameters, **options)
        assert answer.raw.startswith(b"Status: ") and answer.status >= 400, answer.raw[:100]
        assert answer.header("Cache-Control") == "no-store"
        return answer
    start = {"SCRIPT_NAME": "/oauth2/start", "REQUEST_URI": "/oauth2/start"}
    ask({})
    ask(fastcgi.check("/", REQUEST_URI="x"))
    ask([*fastcgi.check("/").items(), ("REQUEST_URI", "/public/x")])
    ask([*fastcgi.check("/").items(), ("SCRIPT_NAME", "/oauth2/ping")])
    for endpoint in ("callback", "userinfo", "denied", "nothing", "sign_out"):
        ask(fastcgi.check("/", SCRIPT_NAME=f"/oauth2/{endpoint}", REQUEST_METHOD="BREW"))
    site.provider.replace["discovery"] = lambda call, usual: (200, {}, b"{broken")
    ask(fastcgi.check("/oauth2/callback", SCRIPT_NAME="/oauth2/callback", QUERY_STRING="state=%zz"))
    assert start


def test_EPT_04_broken_discovery(make_site):
    site = make_site()
    for body in (b"{broken", b"[]", b"", b"null", b"\xff\xfe", b'{"issuer":1}'):
        site.provider.replace["discovery"] = lambda call, usual, body=body: (200, {}, body)
        site.postern.stop()
        site.postern.start()
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/oauth2/start", SCRIPT_NAME="/oauth2/start"))
        assert answer.status == 503 and answer.raw.startswith(b"Status: 503")
