"""nginx in depth: groups asked for by a location, internal redirects, several hosts, sub-paths, streams, reused answers."""
import json
import os
import re
import socket
import time

import pytest

from harness import fastcgi
from harness.browser import Browser
from harness.site import told_of


def location(site, name, body, path=""):
    """A protected location, as an operator would write it."""
    return (f"location {name} {{ {body} include {site.folder}/postern-protect.conf; "
            f"proxy_pass http://127.0.0.1:{site.backend.port}{path}; }}")


def with_locations(make_site, *locations, changes=None):
    return make_site(changes, shipped_extra=lambda site: "\n".join(each(site) for each in locations))


def path_of(response):
    return json.loads(response.body.split(b"\n", 1)[1])["path"]


def test_a_location_may_ask_for_groups_besides_the_rules(make_site):
    site = with_locations(make_site, lambda site: location(site, "/team/", "set $postern_allowed_groups staff,ops;"))
    assert not site.browser().get("/team/x").is_protected
    outsider = site.signed_in()
    assert outsider.get("/").is_protected and outsider.get("/team/x").status == 403
    site.provider.person["groups"] = ["ops"]
    assert site.signed_in().get("/team/x").is_protected
    site.provider.person["groups"] = ["ops-ro", "Ops"]
    assert site.signed_in().get("/team/x").status == 403


def test_a_demand_that_is_not_understood_lets_nobody_in(site):
    cookie = site.signed_in().cookies.header()
    for query, status in (("allowed_groups=staff", 403), ("allowed_grops=staff", 500), ("allowed_groups=%", 500), ("", 200)):
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie, QUERY_STRING=query)).status == status, query


def test_a_demand_counts_behind_the_empty_query_of_debians_parameters(make_site):
    """In a configuration of one's own: `include fastcgi_params` sends an empty QUERY_STRING first."""
    site = make_site(shipped_extra=lambda site: f"""
        location = /_ops {{
            internal; include /etc/nginx/fastcgi_params; fastcgi_param QUERY_STRING allowed_groups=ops;
            fastcgi_pass_request_body off; fastcgi_pass unix:{site.postern.socket};
        }}
        location /ops/ {{ auth_request /_ops; proxy_pass http://127.0.0.1:{site.backend.port}; }}""")
    assert site.signed_in().fetch("/ops/x").status == 403
    site.provider.person["groups"] = ["ops"]
    assert site.signed_in().fetch("/ops/x").is_protected
    cookie = site.signed_in().cookies.header()
    twice = [*fastcgi.check("/", cookie, QUERY_STRING="allowed_groups=ops").items(), ("QUERY_STRING", "allowed_groups=staff")]
    assert fastcgi.ask(site.postern.socket, twice).status == 500


def test_internal_redirects_and_error_pages_are_checked_too(make_site):
    def files(site):
        os.makedirs(f"{site.folder}/files/static", exist_ok=True)
        with open(f"{site.folder}/files/static/here.txt", "w") as file:
            file.write("PROTECTED file")
        return (f"location /static/ {{ root {site.folder}/files; include {site.folder}/postern-protect.conf; "
                f"try_files $uri /fallback$uri; }}"
                + location(site, "/fallback/", "set $postern_allowed_groups ops;")
                + location(site, "/missing/", "proxy_intercept_errors on; error_page 404 = /fallback/404;"))
    site = with_locations(make_site, files)
    nobody = site.browser()
    assert not nobody.fetch("/static/here.txt").is_protected and not nobody.fetch("/static/x").is_protected
    assert not nobody.fetch("/fallback/x").is_protected
    browser = site.signed_in()
    assert browser.fetch("/static/here.txt").is_protected
    assert browser.fetch("/static/not-there.txt").status == 403, "the location it leads to asks for a group"
    site.provider.person["groups"] = ["ops"]
    member = site.signed_in()
    assert path_of(member.fetch("/static/not-there.txt")) == "/fallback/static/not-there.txt"


def test_an_application_below_a_path_gets_its_own_paths(make_site):
    site = with_locations(make_site, lambda site: location(site, "/grafana/", "", "/"))
    response = site.signed_in("/grafana/d/1?x=%2F").get("/grafana/d/1?x=%2F")
    assert path_of(response) == "/d/1?x=%2F" and told_of(response, "X-Auth-Request-User") == ["alice"]


def two_hosts(site):
    """One more server block; the rest of the shipped one becomes its own."""
    certificate, key = site.authority.issue("two.app.test")
    return f"""{location(site, "/", "")}
    }}
    server {{
        listen 127.0.0.1:{site.port} ssl;
        server_name two.app.test;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        include {site.folder}/postern-server.conf;"""


def test_several_hosts_sign_in_at_public_url_and_have_rules_of_their_own(make_site):
    site = with_locations(make_site, two_hosts, changes={
        "return_hosts": [".app.test"], "cookie": {"domain": "app.test"},
        "rules": [{"hosts": ["two.app.test"], "paths": ["/admin/*"], "deny": True}, {"allow": {"everyone": True}}]})
    two = Browser(site.port, site.authority.path, host="two.app.test")
    one = site.browser()
    one.cookies = two.cookies  # of one domain
    start = two.get("/deep?x=1")
    assert start.status == 302 and start.location.startswith("https://app.test/oauth2/start?rd=https%3A%2F%2Ftwo.app.test%2Fdeep")
    landed = one.follow(one.get(start.location.removeprefix("https://app.test")), until=lambda url: "two.app.test" in url)
    assert landed.location == "https://two.app.test/deep?x=1"
    assert "__Secure-postern" in two.cookies.jar
    assert two.get("/deep?x=1").is_protected and one.get("/admin/x").is_protected
    assert two.get("/admin/x").status == 403


def test_a_stream_ends_when_nginx_is_told_to_end_old_connections(make_site):
    site = make_site(main="worker_shutdown_timeout 1s;")
    browser = site.signed_in()
    context = browser.context
    with socket.create_connection(("127.0.0.1", site.port)) as plain, \
            context.wrap_socket(plain, server_hostname="app.test") as stream:
        stream.sendall(f"GET /stream HTTP/1.1\r\nHost: app.test\r\nCookie: {browser.cookies.header()}\r\n\r\n".encode())
        stream.settimeout(10)
        seen = b""
        while seen.count(b"data: PROTECTED") < 3:
            seen += stream.recv(65536)
        os.kill(site.front.pid, 1)
        begun = time.monotonic()
        while stream.recv(65536):
            assert time.monotonic() - begun < 8, "the stream goes on"
    browser.get("/oauth2/sign_out")
    assert not browser.fetch("/stream").is_protected


@pytest.fixture
def reusing(make_site):
    return make_site({"answer_cache": "4s"})



def test_nginx_reuses_answers_as_long_as_postern_says_and_no_longer(reusing):
    browser = reusing.signed_in()
    assert browser.fetch("/").is_protected
    reusing.postern.stop()
    response = browser.fetch("/")
    assert response.is_protected and told_of(response, "X-Auth-Request-User") == ["alice"]
    time.sleep(4.5)
    assert browser.fetch("/").status == 500
    reusing.postern.start()
    assert browser.fetch("/").is_protected


def test_what_the_rest_of_the_server_says_about_its_own_pages_does_not_count(make_site):
    """As many sites have it for PHP: it would keep answers that Postern says are not to be kept."""
    site = make_site({"answer_cache": "4s", "rules": [{"paths": ["/public/*"], "public": True}, {"allow": {"everyone": "true"}}],
                      "identity": {"access_token": True}},
                     http=lambda site: "fastcgi_cache_valid any 60m; fastcgi_ignore_headers Cache-Control Expires Set-Cookie;")
    browser = site.signed_in()
    assert browser.fetch("/").is_protected and browser.fetch("/public/x").is_protected
    assert site.browser().fetch("/").status == 401
    site.postern.stop()
    assert [one.fetch(path).status for one in (browser, site.browser()) for path in ("/", "/public/x")] == [500] * 4


def test_no_two_visitors_share_an_answer(reusing):
    alice = reusing.signed_in()
    assert alice.fetch("/").is_protected
    reusing.provider.person.update(sub="bob", preferred_username="bob", email="bob@example.com")
    bob = reusing.signed_in()
    for _ in range(3):
        assert told_of(alice.fetch("/"), "X-Auth-Request-User") == ["alice"]
        assert told_of(bob.fetch("/"), "X-Auth-Request-User") == ["bob"]
        assert not reusing.browser().fetch("/").is_protected
    cookie = alice.cookies.header()
    for odd in (cookie[:-1], cookie + "x", f"x=1\n{cookie[:-1]}", cookie.replace("__Host-postern=", "__Host-postern=x")):
        headers = [("Cookie", odd.replace("\n", "; ")), ("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")]
        assert not reusing.browser().send("/", headers=headers, cookies=False).is_protected, odd


def test_a_reused_answer_is_for_the_same_question_only(reusing):
    browser = reusing.signed_in()
    assert browser.fetch("/").is_protected and browser.fetch("/x|y").is_protected
    assert browser.fetch("/admin/x").status == 403 and browser.fetch("/internal/x").status == 403
    cookie = browser.cookies.header()
    for target, line in (("/admin/x", f" {cookie}"), ("/admin/x", f"\t{cookie}"), ("/admin", f"/x {cookie}")):
        headers = [("Cookie", line), ("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")]
        assert not browser.send(target, headers=headers, cookies=False).is_protected
    assert browser.send("/public/x", "POST", headers=[("Sec-Fetch-Mode", "cors")]).status == 200, "the rule for everybody"
    assert reusing.browser().send("/public/x", "POST", headers=[("Sec-Fetch-Mode", "cors")]).status == 401


def test_a_session_that_ends_is_refused_when_the_answer_is_too_old(reusing):
    browser = reusing.signed_in()
    assert browser.fetch("/").is_protected
    kept = dict(browser.cookies.jar)
    browser.get("/oauth2/sign_out")
    browser.cookies.jar = kept
    time.sleep(4.5)
    assert not browser.fetch("/").is_protected


def test_refusals_are_never_reused(reusing):
    browser = reusing.browser()
    assert browser.fetch("/").status == 401
    signed_in = reusing.signed_in()
    reusing.provider.person["groups"] = ["K8S-ADMIN"]
    assert signed_in.fetch("/admin/x").status == 403
    files = [name for _, _, names in os.walk(f"{reusing.folder}/nginx-postern-answers") for name in names]
    held = [open(os.path.join(folder, name), "rb").read() for folder, _, names in
            os.walk(f"{reusing.folder}/nginx-postern-answers") for name in names]
    assert files and all(re.search(rb"Status: 200", text) for text in held)
    assert not any(b"/admin/x" in text for text in held)
