"""docs/flask.md: a Flask application without OAuth, under Apache with mod_wsgi and under nginx with gunicorn."""
import base64
import hmac
import json
import os
import re
import subprocess

import pytest

from harness import fastcgi
from harness.fronts import only
from harness.servers import Postern, wait_until
from harness.tokens import Key, b64, jwt

from documented import (ACCOUNT, ALICE, BOB, EVE, GROUP, IDENTITY, IS_ROOT, SOCKET_UPGRADE, Recipe, ask_socket, in_parts, python_of,
                        spellings)


class Flask(Recipe):
    """`server` is apache, nginx, or nginx-assertion: verified.py in place of app.py."""

    name, host = "flask", "reports.example.com"

    def __init__(self, authority, server):
        self.module = "verified" if server == "nginx-assertion" else "app"
        super().__init__(authority, server.split("-")[0])

    def addresses(self):
        known = super().addresses()
        known["apache.conf"] |= {
            "user=reports group=reports": f"user={ACCOUNT} group={GROUP}",
            "/srv/reports/venv": python_of("flask"), "/srv/reports": f"{self.folder}/app"}
        known["nginx.conf"] |= {"/run/reports/app.sock": f"{self.folder}/run/app.sock"}
        return {**known, "gunicorn.conf.py": {"/run/reports/app.sock": f"{self.folder}/run/app.sock"},
                "app.py": {"https://api.example.com/calendar": f"{self.provider.issuer}/userinfo"},
                "verified.py": {f"https://{self.host}/oauth2/jwks.json": f"http://127.0.0.1:{self.plain_port}/oauth2/jwks.json"}}

    @property
    def more_servers(self):
        """Where the application finds Postern's keys, which knows nothing of the test's certificates."""
        return f"server {{ listen 127.0.0.1:{self.plain_port}; server_name {self.host}; include snippets/postern.conf; }}"

    def start_application(self):
        self.copy("app.py", "app")
        if self.server == "apache":
            return None  # Apache starts it
        for file in ("gunicorn.conf.py", "verified.py"):
            self.copy(file, "app")
        return self.served("gunicorn", [f"{python_of('flask')}/bin/gunicorn", "--config", "gunicorn.conf.py", f"{self.module}:behind_nginx"],
                           f"{self.folder}/run/app.sock", cwd=f"{self.folder}/app")


SERVERS = ["apache", "nginx", "nginx-assertion"]


def pytest_generate_tests(metafunc):
    chosen = getattr(metafunc.function, "fronts", SERVERS)
    metafunc.parametrize("lasting_site", [server for server in SERVERS if server in chosen], indirect=True, scope="module")


@pytest.fixture(scope="module")
def lasting_site(request, run):
    return run(Flask, server=request.param)


@pytest.fixture
def site(lasting_site):
    lasting_site.provider.reset()
    return lasting_site


def me(browser, headers=()):
    response = browser.fetch("/me", headers=headers)
    assert response.status == 200, f"{response.status}: {response.text[:300]}"
    return json.loads(response.body)


def test_a_person_comes_back_to_the_page_with_its_query(site):
    site.be(ALICE)
    browser = site.browser()
    response = browser.follow(browser.get("/?from=1&to=%2F%3F&z=a+b"))
    assert response.status == 200 and '<b id="user">alice</b>' in response.text
    assert "You asked for /?from=1&amp;to=%2F%3F&amp;z=a+b." in response.text


def test_the_application_knows_who_it_is(site):
    assert me(site.signed_in(groups=["staff", "a,admins", "Zoë"])) == {
        "user": "alice", "email": "alice@example.com", "groups": ["staff", "a,admins", "Zoë"]}
    name = "alice Löfgren 앨리스"
    assert me(site.signed_in(preferred_username=name)) == {"user": name, "email": "alice@example.com", "groups": []}


def test_the_application_decides_by_group(site):
    assert site.signed_in(groups=["staff"]).get("/admin").status == 403
    assert site.signed_in(groups=["staff", "admins"]).get("/admin").text == "For admins.\n"


@pytest.mark.parametrize("headers", [[("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")], [("X-Requested-With", "XMLHttpRequest")], [("Accept", "application/json")], SOCKET_UPGRADE])
def test_a_program_without_a_session_gets_401(site, headers):
    response = site.browser().send("/me", headers=headers)
    assert response.status == 401 and response.location is None and response.all("Set-Cookie") == []


def test_the_public_page_is_open_and_nothing_else(site):
    nobody = site.browser()
    assert nobody.fetch("/health").text == "ok\n"
    for path in ("/", "/me", "/admin", "/calendar", "/health/", "/health/../me", "/static/x", "/oauth2/../me", "//me"):
        assert nobody.fetch(path).status in (400, 401, 403), path


def test_who_may_not_come_in_does_not(site):
    site.be(EVE)
    browser = site.browser()
    assert browser.follow(browser.get("/")).status == 403
    assert browser.fetch("/me").status in (401, 403)


def test_the_application_calls_an_api_as_the_person(site):
    browser = site.signed_in()
    response = browser.fetch("/calendar", headers=[("X-Auth-Request-Access-Token", "forged"), ("Authorization", "Bearer forged")])
    assert response.status == 200 and json.loads(response.body)["sub"] == "alice-1"
    call = [call for call in site.provider.calls if call["endpoint"] == "userinfo"][-1]
    assert call["headers"]["Authorization"].removeprefix("Bearer ") in site.provider.secrets
    assert response.all("Set-Cookie") == []


def test_the_second_person_on_the_same_browser_is_the_second(site):
    browser = site.browser()
    browser.cookies.jar.update(session="of-the-old-sign-in", remember_token="alice|old")
    site.signed_in(browser=browser)
    assert me(browser)["user"] == "alice"
    assert not {"session", "remember_token"} & set(browser.cookies.jar)
    site.be(BOB)
    assert browser.follow(browser.get("/oauth2/sign_in?rd=/")).status == 200
    assert me(browser) == {"user": "bob", "email": "bob@example.com", "groups": []}


def test_the_link_of_the_page_signs_out_and_an_open_page_hears_401(site):
    browser = site.signed_in()
    kept = dict(browser.cookies.jar)
    link = re.search(r'href="([^"]+)">Sign out', browser.get("/").text)[1]
    page = browser.follow(browser.get(link))
    assert page.status == 200 and "You are signed out" in page.text
    assert browser.fetch("/me").status == 401
    browser.cookies.jar = kept
    assert browser.fetch("/me").status == 401


def test_HDR_01_what_a_client_says_of_itself_is_not_heard(site):
    forged = [(name, "forged") for name in IDENTITY]
    alice = me(site.signed_in(groups=["staff"]))
    assert me(site.signed_in(groups=["staff"]), forged) == me(site.signed_in(groups=["staff"]), forged * 2) == alice
    nobody = site.browser()
    assert nobody.fetch("/me", headers=forged).status == 401
    assert nobody.fetch("/health", headers=forged).text == "ok\n"


def test_HDR_02_no_groups_and_no_address_stay_none(site):
    site.be({"sub": "alice-1", "preferred_username": "alice", "email": "alice@example.com", "email_verified": True})
    browser = site.signed_in()
    forged = [("X-Auth-Request-Groups", "admins"), ("X_Auth_Request_Groups", "admins"), ("Remote-Groups", "admins")]
    assert me(browser, forged)["groups"] == []
    assert browser.get("/admin", headers=forged).status == 403


@pytest.mark.parametrize("name", IDENTITY)
def test_HDR_03_no_spelling_gets_through(site, name):
    browser, nobody = site.signed_in(), site.browser()
    for some in in_parts(spellings(name), 40):
        for value in ("admins", "forged"):
            forged = [(spelled, value) for spelled in some]
            assert me(browser, forged) == {"user": "alice", "email": "alice@example.com", "groups": []}
            assert nobody.fetch("/me", headers=forged).status == 401


def test_PATH_a_client_does_not_name_the_script(site):
    """gunicorn takes these from a Unix socket for what a web server says, and would serve another path than was judged."""
    browser = site.signed_in(groups=["admins"])
    for headers in ([("SCRIPT_NAME", "/health")], [("SCRIPT-NAME", "/health")], [("PATH_INFO", "/admin")], [("Script_Name", "/health")]):
        assert browser.fetch("/health/admin", headers=headers).status == 404, headers
        assert site.browser().fetch("/health", headers=headers).text == "ok\n", headers


@only("nginx", "nginx-assertion")
def test_a_page_that_the_web_server_does_not_protect_is_refused_by_the_application(site):
    path = f"{site.folder}/run/app.sock"
    for target, status in (("/me", 401), ("/", 401), ("/health", 200)):
        assert ask_socket(path, site.host, target, ["X_Auth_Request_User: forged", "Remote-User: forged", "Remote_User: forged"]) == status


@only("nginx")
@pytest.mark.skipif(not IS_ROOT, reason="needs accounts of other names")
def test_HDR_01_nobody_but_the_web_server_reaches_the_socket(site):
    path, forged = f"{site.folder}/run/app.sock", ["X-Auth-Request-User: forged"]
    assert ask_socket(path, site.host, "/me", forged) == 200  # root reaches it: so this is what there is to lose
    assert ask_socket(path, site.host, "/me", forged, account="games") is None


@only("apache")
def test_Apache_asks_once_for_each_request(site):
    start = len(site.postern.log)
    assert site.browser().fetch("/me").status == 401
    said = site.postern.log[start:]
    assert said.count("Access check to access /me failed") == 1 and "AH00125" not in said, said


def test_the_application_has_an_account_of_its_own(site):
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_application(pid, site)]
    assert pids and (not IS_ROOT or {os.stat(f"/proc/{pid}").st_uid for pid in pids} == {65534})


def is_application(pid, site):
    try:
        return os.readlink(f"/proc/{pid}/cwd") == f"{site.folder}/app"
    except OSError:
        return False


# The assertion

def assertion_of(socket, browser):
    answer = fastcgi.ask(socket, fastcgi.check("/", browser.cookies.header(), SERVER_NAME="reports.example.com"))
    return answer.header("X-Auth-Request-Assertion")


def status_with(site, assertion, *more):
    """Of somebody who has got as far as the application's socket."""
    return ask_socket(f"{site.folder}/run/app.sock", site.host, "/me", [f"X-Auth-Request-Assertion: {assertion}", *more])


@only("nginx-assertion")
def test_HDR_01_who_reaches_the_socket_is_nobody_without_an_assertion(site):
    names = [f"{name}: admins" for name in IDENTITY if name != "X-Auth-Request-Assertion"]
    for assertion in ("", "admins", "a.b.c", "..", "Bearer x", "e30.e30.", "\xff"):
        assert status_with(site, assertion, *names) == 401
    assert ask_socket(f"{site.folder}/run/app.sock", site.host, "/me", names) == 401


@only("nginx-assertion")
def test_HDR_a_forged_assertion_is_nobody(site):
    good = assertion_of(site.postern.socket, site.signed_in())
    assert status_with(site, good) == 200
    header, claims, signature = (json.loads(b64decode(part)) if index < 2 else part for index, part in enumerate(good.split(".")))
    head, body = good.split(".")[:2]
    key = Key("ES256", kid=header["kid"])
    jwks = json.loads(site.browser().fetch("/oauth2/jwks.json").body)["keys"][0]
    forged = {
        "no signature": f"{head}.{body}.", "another's": f"{head}.{body}.{signature[::-1]}",
        "alg none": f"{b64_json({**header, 'alg': 'none'})}.{body}.",
        "another person": f"{head}.{b64_json({**claims, 'sub': 'admins'})}.{signature}",
        "another key of that name": jwt(header, claims, key.sign), "a key of no name": jwt({"alg": "ES256"}, claims, key.sign),
        "its own key": jwt({**header, "kid": "mine", "jwk": key.jwk()}, claims, key.sign),
        "a key elsewhere": jwt({**header, "kid": "mine", "jku": f"{site.provider.issuer}/jwks"}, claims, key.sign),
        "the public key as a secret": jwt({**header, "alg": "HS256"}, claims,
                                          lambda data: hmac.digest(jwks["x"].encode(), data, "sha256"))}
    before = site.provider.count("jwks")
    for name, assertion in forged.items():
        assert status_with(site, assertion) == 401, name
    assert site.provider.count("jwks") == before


@only("nginx-assertion")
def test_HDR_an_assertion_for_another_audience_or_of_another_issuer_is_nobody(site):
    browser = site.signed_in()
    with open(site.postern.config) as file:
        text = file.read()
    for there, here in (("audience: reports", "audience: wiki"), ("audience: reports", "audience: reports, issuer: https://wiki.example.com"),
                        ("audience: reports", "audience: reports, lifetime: 4m")):
        other = Postern(site.folder, {}, name="other")  # with the keys and sessions of the site
        with open(other.config, "w") as file:
            file.write(text.replace(there, here).replace("postern.sock", "other.sock"))
        other.start()
        try:
            assert status_with(site, assertion_of(other.socket, browser)) == (200 if "4m" in here else 401), here
        finally:
            other.stop()


@only("nginx-assertion")
def test_HDR_an_old_assertion_is_nobody(site):
    """The application's own check, at other times."""
    good = assertion_of(site.postern.socket, site.signed_in())
    code = "import sys, verified; print(verified.claims_of(sys.argv[1])['sub'])"
    for offset, outcome in (("+4m", "alice\n"), ("+6m", "ExpiredSignatureError")):
        found = subprocess.run(["faketime", "-f", offset, f"{python_of('flask')}/bin/python", "-c", code, good], cwd=f"{site.folder}/app",
                               capture_output=True, text=True, timeout=20)
        assert found.stdout == outcome or not found.stdout and outcome in found.stderr, f"{offset}: {found}"


@only("nginx-assertion")
def test_a_key_is_replaced_and_nobody_notices(site):
    browser = site.signed_in()
    keys = [key["kid"] for key in json.loads(browser.fetch("/oauth2/jwks.json").body)["keys"]]
    site.postern.run("key", "rotate")
    published = wait_until(lambda: [kid for kid in (key["kid"] for key in json.loads(browser.fetch("/oauth2/jwks.json").body)["keys"])
                                    if kid not in keys], what="the new key")
    assert published and me(browser)["user"] == me(site.signed_in())["user"] == "alice"
    assert json.loads(b64decode(assertion_of(site.postern.socket, browser).split(".")[0]))["kid"] in keys  # not yet the new one


def b64decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64_json(value):
    return b64(json.dumps(value).encode())
