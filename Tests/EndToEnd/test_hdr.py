"""Identity headers: the application hears what Postern says, and nothing else."""
import itertools
import json
import re
import socket
import threading

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION, other
from harness.fronts import FRONTS, only
from harness.site import Site, told, told_of

IDENTITY = ["X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
            "X-Auth-Request-Access-Token", "X-Auth-Request-Assertion", "Remote-User", "Remote-Email", "Remote-Name",
            "Remote-Groups"]


def forged(response):
    return [pair for pair in told(response) if "forged" in pair[1]]


def test_HDR_01_what_a_client_sends_under_our_names_is_gone(site):
    browser = site.signed_in()
    response = browser.get("/", headers=[(name, "forged") for name in IDENTITY])
    assert forged(response) == []
    assert told_of(response, "X-Auth-Request-User") == ["alice"]
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    public = site.browser().get("/public/x", headers=[(name, "forged") for name in IDENTITY])
    assert forged(public) == []


def test_HDR_01_the_same_with_all_headers_on_and_with_claims(make_site):
    site = make_site({"identity": {"remote_headers": True, "access_token": True, "headers": {"X-Department": "department"}}})
    site.provider.person.update(name="Alice A.", department="it", groups=["staff"])
    browser = site.signed_in()
    names = [*IDENTITY, "X-Department"]
    for count in (1, 2):
        response = browser.get("/", headers=[(name, "forged") for name in names] * count)
        assert forged(response) == []
        for name, value in {"X-Auth-Request-User": "alice", "X-Auth-Request-Email": "alice@example.com", "X-Auth-Request-Groups": "staff",
                            "X-Auth-Request-Preferred-Username": "alice", "Remote-User": "alice", "Remote-Email": "alice@example.com",
                            "Remote-Groups": "staff", "X-Department": "it"}.items():
            assert told_of(response, name) == [value], name
        assert told_of(response, "X-Auth-Request-Access-Token")[0] in site.provider.secrets
    del site.provider.person["department"], site.provider.person["groups"]
    response = site.signed_in().get("/", headers=[(name, "forged") for name in names])
    assert forged(response) == [] and told_of(response, "X-Department") in ([], [""])
    assert forged(site.browser().get("/public/x", headers=[(name, "forged") for name in names])) == []


@only("nginx")
def test_HDR_01_through_an_nginx_of_ones_own_and_direct(site):
    browser = site.signed_in()
    plain = site.browser(plain=True)
    plain.cookies = browser.cookies
    response = plain.get("/", headers=[(name, "forged") for name in IDENTITY[:3]])
    assert forged(response) == [] and told_of(response, "X-Auth-Request-User") == ["alice"]
    names = {f"HTTP_{name.upper().replace('-', '_')}": "forged" for name in IDENTITY} | {"REMOTE_USER": "forged", "AUTH_USER": "forged"}
    for role in (fastcgi.RESPONDER, fastcgi.AUTHORIZER):
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header(), **names), role=role)
        assert answer.status == 200 and b"forged" not in answer.raw and answer.raw.count(b": alice\r\n") >= 1
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/", **names), role=role).status == 401


@pytest.mark.parametrize("groups", ["REMOVED", [], [""], None])
def test_HDR_02_no_groups_means_no_groups(site, groups):
    if groups != "REMOVED":
        site.provider.person["groups"] = groups
    browser = site.signed_in()
    for plain in site.ways:
        one = site.browser(plain)
        one.cookies = browser.cookies
        response = one.get("/", headers=[("X-Auth-Request-Groups", "forged")])
        assert told_of(response, "X-Auth-Request-Groups") in ([], [""])
        assert not one.get("/admin/x", headers=[("X-Auth-Request-Groups", "K8S-ADMIN")]).is_protected


@pytest.mark.parametrize("underscores", ["on", "off"])
def test_HDR_03_no_spelling_gets_through(make_site, front, underscores):
    site = make_site(shipped_extra=f"underscores_in_headers {underscores};" if front == "nginx" else "")
    browser = site.signed_in()
    for name in IDENTITY:
        words = name.split("-")
        for joints in itertools.product("-_", repeat=len(words) - 1):
            spelled = words[0] + "".join(joint + word for joint, word in zip(joints, words[1:]))
            for variant in (spelled, spelled.lower(), spelled.upper()):
                response = browser.send("/", headers=[*NAVIGATION, (variant, "forged"), (variant, "forged2")])
                assert forged(response) == [], variant
                assert told_of(response, "X-Auth-Request-User") == ["alice"], variant


def test_HDR_01_connection_takes_none_of_ours_out(site):
    """A proxy drops the fields that Connection names (RFC 9110, section 7.6.1)."""
    site.provider.person["groups"] = ["staff"]
    names = {"X-Auth-Request-User": "alice", "X-Auth-Request-Email": "alice@example.com", "X-Auth-Request-Groups": "staff"}
    for value in (", ".join(names), f"close, {', '.join(names)}", f"close,{','.join(names).lower()}", f"Upgrade, {','.join(names)}"):
        response = site.signed_in().get("/", headers=[("Connection", value)])
        for name, said in names.items():
            assert told_of(response, name) == [said], value


HOSTILE = ["bob\r\nX-Auth-Request-Groups: admins", "bob\nx", "bob\rx", "bob\0x", "bob\x7fx", "bob\u0085x", "bob\u2028x", "bob\u2029x",
           "bob\x1b[31m", "bob\x9b31m", "\r\n\r\nbob", "bob\n"]


def assert_one_line(value):
    """What the application reads holds nothing that any reader takes for the end of a line."""
    text = value.encode("latin-1").decode()
    assert len(text.splitlines()) == 1 and not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text), ascii(text)


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text) for text in HOSTILE])
@pytest.mark.parametrize("claim", ["preferred_username", "email"])
def test_HDR_05_a_name_with_a_control_character_signs_nobody_in(site, claim, text):
    site.provider.person[claim] = text
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.status == 403 and not response.is_protected
    assert "__Host-postern" not in browser.cookies.jar
    assert not browser.get("/").is_protected


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text) for text in HOSTILE])
def test_HDR_05_a_group_with_a_control_character_is_one_line(site, text):
    site.provider.person["groups"] = [text]
    response = site.browser().sign_in("/")
    values = told_of(response, "X-Auth-Request-Groups")
    assert len(values) == 1 and "admins" not in values[0].split(",")
    assert_one_line(values[0])


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text) for text in HOSTILE])
@pytest.mark.parametrize("claim", ["title", "titles", "preferred_username", "access_token"])
def test_HDR_05_any_other_claim_with_a_control_character_is_one_line(hostile_site, claim, text):
    site = hostile_site
    site.provider.reset()
    site.provider.person["sub"] = "bob"
    if claim == "access_token":
        site.provider.replace["token"] = lambda call, usual: (200, {}, json.dumps({**json.loads(usual[2]), "access_token": text}).encode())
    else:
        site.provider.person[claim] = [text] if claim == "titles" else text
    site.provider.person["groups"] = ["K8S-OTHER"]
    browser = site.browser()
    response = browser.sign_in("/")
    if not response.is_protected:
        assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar
        return
    assert told_of(response, "X-Auth-Request-Groups") == ["K8S-OTHER"]
    for name in ("X-Title", "X-Titles", "X-Auth-Request-Preferred-Username", "X-Auth-Request-Access-Token"):
        for value in told_of(response, name):
            if value:
                assert_one_line(value)
    for role in (fastcgi.RESPONDER, fastcgi.AUTHORIZER):
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header()), role=role)
        assert answer.status == 200 and not any(
            line.split(b":")[0].lower().endswith(b"groups") and b"admins" in line for line in answer.raw.split(b"\r\n"))


@pytest.fixture(scope="module")
def hostile_site(authority, front):
    """The user name is the e-mail address here, so that the other claims may be anything."""
    site = Site(authority, {"providers": {"op": {"claims": {"username": "email"}}},
                            "identity": {"access_token": True, "headers": {"X-Title": "title", "X-Titles": "titles"}}},
                front=front)
    yield site
    site.close()


@pytest.mark.parametrize("groups", [["a,admins"], ["admins\\"], [""], ["x", "", "a,admins", "admins\\,"], ["admins;"],
                                    ["a\tadmins"], ["a%2cadmins"], ["a\uff0cadmins"], ["a", "\\", "admins,"], [" admins\\"], [[["admins"]], "x"],
                                    ["a\" ,\"admins"]])
def test_HDR_07_no_group_reads_as_another(site, groups):
    site.provider.person["groups"] = groups
    values = told_of(site.browser().sign_in("/"), "X-Auth-Request-Groups")
    for separator in ",;":
        assert all("admins" != part.strip().strip("\\") for value in values for part in value.split(separator)), values


def test_HDR_08_many_groups_arrive_whole_or_not_at_all(site):
    groups = [f"group-number-{number:04}-of-many" for number in range(499)] + ["admins-ro"]
    site.provider.person["groups"] = groups
    assert len(",".join(groups)) > 12 * 1024
    browser = site.browser()
    response = browser.sign_in("/")
    if site.kind == "nginx":
        assert told_of(response, "X-Auth-Request-Groups") == [",".join(groups)]
        plain = site.browser(plain=True)
        plain.cookies = browser.cookies
        response = plain.get("/")
    assert response.status == 403 and not response.is_protected
    assert re.search("identity headers of .* POSTERN_HEADER_BYTES or limits.identity_bytes", site.logs())


def test_HDR_09_the_proxy_header_leads_nowhere(site, make_site):
    connections = []
    sink = socket.create_server(("127.0.0.1", 0))
    port = sink.getsockname()[1]

    def accept():
        while True:
            try:
                connections.append(sink.accept()[1])
            except OSError:
                return
    threading.Thread(target=accept, daemon=True).start()
    proxy = [("Proxy", f"http://127.0.0.1:{port}")]
    browser = site.browser()
    response = browser.get("/oauth2/start", headers=proxy)
    back = other(response.location).location.removeprefix("https://app.test")
    assert browser.get(back, headers=proxy).status == 302
    assert browser.get("/", headers=proxy).is_protected
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header(), HTTP_PROXY=f"http://127.0.0.1:{port}")).status == 200
    assert site.provider.count("token") == 1
    of_the_process = make_site(environment={name: f"http://127.0.0.1:{port}" for name in (
        "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")})
    assert of_the_process.signed_in() and of_the_process.provider.count("token") == 1
    sink.close()
    assert connections == []


def test_names_beyond_ascii_arrive(site):
    site.provider.person["preferred_username"] = "alice Löfgren 앨리스"
    value = told_of(site.browser().sign_in("/"), "X-Auth-Request-User")[0]
    assert value.encode("latin-1").decode() == "alice Löfgren 앨리스"
