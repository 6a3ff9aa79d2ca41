"""Identity headers: the application hears what Postern says, and nothing else."""
import itertools
import re
import socket
import threading

import pytest

from harness.browser import NAVIGATION
from harness.fronts import FRONTS
from harness.site import told, told_of

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


def test_HDR_02_no_groups_means_no_groups(site):
    response = site.signed_in().get("/", headers=[("X-Auth-Request-Groups", "forged")])
    assert told_of(response, "X-Auth-Request-Groups") in ([], [""])


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


HOSTILE = ["bob\r\nX-Auth-Request-Groups: admins", "bob\nx", "bob\rx", "bob\0x", "bob\x7fx", "bob\u0085x", "bob\u2028x"]


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
    assert not any(ord(char) < 32 or ord(char) == 127 for char in values[0])


@pytest.mark.parametrize("groups", [["a,admins"], ["admins\\"], [""], ["x", "", "a,admins", "admins\\,"], ["admins;"]])
def test_HDR_07_no_group_reads_as_another(site, groups):
    site.provider.person["groups"] = groups
    values = told_of(site.browser().sign_in("/"), "X-Auth-Request-Groups")
    for separator in ",;":
        assert all("admins" != part.strip().strip("\\") for value in values for part in value.split(separator)), values


def test_HDR_08_many_groups_arrive_whole_or_not_at_all(site):
    groups = [f"group-number-{number:04}-of-many" for number in range(480)] + ["admins-ro"]
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


def test_HDR_09_the_proxy_header_leads_nowhere(site):
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
    from harness.browser import other
    back = other(response.location).location.removeprefix("https://app.test")
    assert browser.get(back, headers=proxy).status == 302
    assert browser.get("/", headers=proxy).is_protected
    sink.close()
    assert connections == [] and site.provider.count("token") == 1


def test_names_beyond_ascii_arrive(site):
    site.provider.person["preferred_username"] = "alice Löfgren 앨리스"
    value = told_of(site.browser().sign_in("/"), "X-Auth-Request-User")[0]
    assert value.encode("latin-1").decode() == "alice Löfgren 앨리스"
