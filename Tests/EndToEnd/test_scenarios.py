"""What people and programs do, through each web server and the configuration that we ship for it."""
import json
import re
import threading
import time

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION
from harness.fronts import FRONTS, only
from harness.servers import wait_until
from harness.site import told, told_of


def test_a_person_signs_in_and_the_application_is_told_who_it_is(site):
    browser = site.browser()
    response = browser.sign_in("/")
    assert told_of(response, "X-Auth-Request-User") == ["alice"]
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert told_of(response, "X-Auth-Request-Groups") == []


def test_a_deep_link_survives_with_its_query(site):
    response = site.browser().sign_in("/a/b?x=1&y=%2F%3F&z=a+b")
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/a/b?x=1&y=%2F%3F&z=a+b"


def test_the_session_outlives_a_restart_of_postern_and_of_the_web_server(make_site):
    site = make_site()
    browser = site.signed_in()
    site.restart()
    assert browser.get("/").is_protected
    site.restart_front()
    assert browser.get("/").is_protected


@pytest.mark.parametrize("headers", [
    [("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")], [("Accept", "application/json")],
    [("X-Requested-With", "XMLHttpRequest")], [("Accept", "text/html"), ("Sec-Fetch-Mode", "no-cors")],
    [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")],
])
def test_a_program_gets_401_and_no_cookie(site, headers):
    response = site.browser().send("/api/things", headers=headers)
    assert response.status == 401
    assert response.all("Set-Cookie") == [] and response.location is None


def refreshes(site):
    with site.provider.lock:
        return sum(call["form"].get("grant_type") == "refresh_token" for call in site.provider.calls
                   if call["endpoint"] == "token")


def test_a_session_is_refreshed_once_whoever_asks(make_site):
    site = make_site()
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(browser.fetch("/").is_protected)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 20 and refreshes(site) == 1
    assert browser.get("/").is_protected and refreshes(site) == 1


def test_while_the_provider_is_down_sessions_go_on_and_a_sign_in_is_a_page(make_site):
    site = make_site()
    browser = site.signed_in()
    site.provider.stop_listening()
    site.restart()
    assert browser.get("/").is_protected
    page = site.browser().get("/deep")
    assert page.status == 503 and "The sign-in service does not answer" in page.text
    assert site.browser().fetch("/deep").status == 401
    site.provider.listen_again()
    wait_until(lambda: site.browser().get("/deep").status == 302, 5, "recovery")
    assert browser.get("/").is_protected


def test_nothing_of_the_check_reaches_the_browser(make_site):
    site = make_site({"identity": {"access_token": True, "remote_headers": True}})
    browser = site.signed_in()
    assert told_of(browser.get("/"), "X-Auth-Request-Access-Token") and told_of(browser.get("/"), "Remote-User") == ["alice"]
    tokens = site.provider.secrets
    for response in (browser.get("/"), browser.get("/oauth2/auth"), browser.get("/oauth2/userinfo"), browser.get("/admin/x"),
                     browser.get("/internal/x"), browser.fetch("/internal/x"), site.browser().get("/"),
                     site.browser().fetch("/"), browser.get("/oauth2/nothing"), browser.get("/oauth2/")):
        names = [name.lower() for name, _ in response.headers]
        assert not [name for name in names if name.startswith(("variable-", "x-auth-request", "remote-"))], response.url
        assert not [token for token in tokens if token and token.encode() in response.raw.split(b"PROTECTED")[0]], response.url


def test_signing_out_ends_the_session_here_and_at_the_provider(site):
    browser = site.signed_in()
    old = dict(browser.cookies.jar)
    response = browser.get("/oauth2/sign_out")
    assert response.location.startswith(f"{site.provider.issuer}/end_session?id_token_hint=")
    page = browser.follow(response)
    assert page.status == 200 and "You are signed out" in page.text
    assert "__Host-postern" not in browser.cookies.jar
    browser.cookies.jar = old
    wait_until(lambda: not browser.get("/").is_protected, 1, "the end of the session in every process")


def test_signing_out_returns_to_where_it_was_asked_to(site):
    browser = site.signed_in()
    response = browser.follow(browser.get("/oauth2/sign_out?rd=/public/bye%3Fa=1"))
    assert response.is_protected and response.url.endswith("/public/bye?a=1")


def test_somebody_without_the_group_is_refused_with_a_page(site):
    site.provider.person["groups"] = ["staff"]
    browser = site.signed_in()
    response = browser.get("/admin/x")
    assert response.status == 403 and "You may not see this" in response.text and "alice" in response.text
    assert browser.fetch("/admin/x").status == 403


def test_a_member_of_the_group_gets_in(site):
    site.provider.person["groups"] = ["K8S-ADMIN"]
    assert told_of(site.signed_in().get("/admin/x"), "X-Auth-Request-Groups") == ["K8S-ADMIN"]


def test_denied_and_public_paths(site):
    browser = site.signed_in()
    assert browser.get("/internal/x").status == 403
    public = site.browser().get("/public/x")
    assert public.is_protected and told_of(public, "X-Auth-Request-User") == []


def test_pages_speak_korean(site):
    page = site.browser().get("/oauth2/callback", headers=[("Accept-Language", "ko-KR,ko;q=0.9,en;q=0.5")])
    assert '<html lang="ko">' in page.text and "로그인을 마칠 수 없습니다" in page.text


def test_the_other_endpoints(site):
    browser = site.browser()
    assert browser.get("/oauth2/ping").status == 200
    assert browser.get("/oauth2/ready").status == 200
    assert browser.get("/oauth2/nothing").status == 404
    assert browser.fetch("/oauth2/userinfo").status == 401
    browser = site.signed_in()
    response = browser.fetch("/oauth2/userinfo")
    assert json.loads(response.body)["user"] == "alice" and "token" not in response.text
    assert response.header("Cache-Control") == "no-store"


def test_a_web_socket_passes_with_a_session_and_not_without(site):
    def upgrade(browser):
        lines = [f"GET /socket HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nCookie: {browser.cookies.header()}\r\n\r\nhello\n"]
        return browser.exchange("".join(lines).encode())
    assert b"101 " in upgrade(site.signed_in())
    assert upgrade(site.browser()).startswith(b"HTTP/1.1 401")


def test_the_application_never_sees_cookies_of_ours(site):
    browser = site.signed_in()
    value = browser.cookies.jar["__Host-postern"]
    ours = f"__Host-postern={value}"
    state = "__Host-postern-state-AAAA=x"
    for line in (ours, f"a=1; {ours}", f"{ours}; b=2", f"a=1; {ours}; b=2", f"a=1; {state}; {ours}; {state}; b=2; {state}",
                 f"a=1; {ours}; m=1; {state}; n=2; __Host-postern-attempts=0.1; b=2", f"{ours};b=2"):
        response = browser.send("/", headers=[*NAVIGATION, ("Cookie", line)], cookies=False)
        cookie = dict(told(response)).get("cookie", "")
        assert "postern" not in cookie.lower(), line
        kept = re.findall(r"\b[abmn]=\d", line)
        assert re.findall(r"\b[abmn]=\d", cookie) == kept, line


@only("nginx")
def test_nginx_keeps_its_connections_and_stores_nothing(site):
    browser = site.signed_in()
    inodes = set()
    for _ in range(5):
        assert browser.get("/").is_protected
        with open("/proc/net/unix") as file:
            inodes.add(tuple(sorted(line.split()[6] for line in file if line.rstrip().endswith(site.postern.socket))))
    assert len(inodes) == 1, "every check made a new connection"
    assert "mkdir" not in site.front.log


def test_the_check_answers_200_unless_the_web_server_asks_for_204(site):
    browser = site.signed_in()
    cookie = browser.cookies.header()
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie, POSTERN_ALLOW_STATUS="204")).status == 204
    answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie, SCRIPT_NAME=None), role=fastcgi.AUTHORIZER)
    assert answer.status == 200 and answer.header("Variable-REMOTE_USER") == "alice"
    assert answer.header("X-Auth-Request-User") is None and answer.header("Location") is None


def test_two_posterns_share_sessions_sign_outs_and_refreshes(make_site):
    site = make_site()
    second = twin(site, "second")
    browser = site.signed_in()
    cookie = browser.cookies.header()
    assert fastcgi.ask(second.socket, fastcgi.check("/", cookie)).status == 200
    browser.get("/oauth2/sign_out")
    time.sleep(1)
    assert fastcgi.ask(second.socket, fastcgi.check("/", cookie)).status == 401


def twin(site, name):
    """One more Postern on the same store and keys."""
    from harness.servers import Postern
    from harness.site import merged
    settings = merged(site.settings, {"listen": f"unix:{site.folder}/{name}.sock"})
    other = Postern(site.folder, settings, name=name)
    site.servers.append(other)
    return other.start()


def test_sessions_are_listed_and_ended_from_the_command_line(make_site):
    site = make_site()
    browser = site.signed_in()
    listed = site.postern.run("sessions", "list").stdout.splitlines()
    assert len(listed) == 1 and '"alice"' in listed[0]
    assert site.postern.run("sessions", "end", "--user", "bob", check=False).returncode == 1
    assert site.postern.run("sessions", "end", "--id", listed[0].split("\t")[0]).stdout == "ended: 1\n"
    time.sleep(1)
    assert not browser.get("/").is_protected
    assert site.postern.run("sessions", "list").stdout == ""


def test_keys_rotate_while_sessions_go_on(make_site):
    site = make_site()
    browser = site.signed_in()
    assert "2 keys" in site.postern.run("key", "rotate").stdout
    time.sleep(0.7)
    assert browser.get("/").is_protected
    assert site.signed_in().get("/").is_protected
    site.postern.stop()
    site.postern.start()
    assert browser.get("/").is_protected


def test_explain_names_the_rule_and_the_reason(site):
    told = site.postern.run("explain", "--user", "bob", "--email", "bob@example.com", "--url", "https://app.test/admin/x",
                            check=False)
    assert told.returncode == 1
    assert "decision: denied, because the condition of rule admin is not met" in told.stdout
    told = site.postern.run("explain", "--url", "https://app.test/public/x")
    assert "decision: public by rule public" in told.stdout
