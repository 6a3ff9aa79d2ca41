"""Tokens that are given back at a sign-out (RFC 7009), in the background."""
import time

import pytest

from harness.extended import asked_at, extended_site
from harness.servers import wait_until
from harness.site import SECRET
from test_logout import OPEN, is_live, post


def revoking_site(make_site, op=None, **changes):
    site = extended_site(make_site, op, offers=["revocation", "logout"], **OPEN, **changes)
    site.provider.method = "basic"
    return site


def tokens_of(site):
    """The newest refresh token and access token that the provider gave."""
    refresh = [token for token, entry in site.provider.refresh_tokens.items() if entry[0] != "used"][-1]
    return refresh, list(site.provider.grants)[-1]


def test_a_sign_out_gives_the_tokens_back(make_site):
    site = revoking_site(make_site)
    browser = site.signed_in()
    given = tokens_of(site)
    assert browser.get("/oauth2/sign_out").status == 302 and not is_live(browser)
    wait_until(lambda: set(site.provider.revoked) >= set(given), 5, "the revocation of both")
    assert site.provider.complaints == [] and set(site.provider.revoked) == set(given)
    hints = {form["token"]: form.get("token_type_hint") for form in asked_at(site, "revoke")}
    assert hints[given[0]] in (None, "refresh_token") and hints[given[1]] in (None, "access_token")
    assert all(call["method"] == "POST" and not call["query"] for call in site.provider.calls if call["endpoint"] == "revoke")


def test_after_a_refresh_the_newer_tokens_are_given_back(make_site):
    site = revoking_site(make_site)
    site.provider.access_lifetime = 2
    browser = site.signed_in()
    site.provider.access_lifetime = 3600
    time.sleep(2.2)
    assert is_live(browser)
    wait_until(lambda: len(site.provider.grants) > 1, what="the refresh")
    time.sleep(0.3)
    given = tokens_of(site)
    browser.get("/oauth2/sign_out")
    wait_until(lambda: set(site.provider.revoked) >= set(given), 5, "the revocation of both")


def test_unless_that_is_off(make_site):
    site = revoking_site(make_site, {"revoke": False})
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    assert not is_live(browser)
    time.sleep(1)
    assert site.provider.count("revoke") == 0


def test_a_provider_without_the_endpoint_is_asked_nothing(make_site):
    site = extended_site(make_site, offers=["logout"], **OPEN)
    browser = site.signed_in()
    assert browser.get("/oauth2/sign_out").status == 302 and not is_live(browser)
    assert site.provider.count("revoke") == 0


@pytest.mark.parametrize("trouble", [500, 503, 400, 401, 302, "hang", "reset", "huge", "down"])
def test_a_sign_out_does_not_wait_for_a_revocation(make_site, trouble):
    site = revoking_site(make_site, limits={"provider_timeout": "2s"})
    browser, other = site.signed_in(), site.signed_in()

    def answer(call):
        if trouble == "hang":
            time.sleep(6)
            return None
        if trouble == "reset":
            call["handler"].connection.close()
            return None
        return trouble, {"Location": f"{site.provider.issuer}/token"}, b""
    if trouble == "huge":
        site.provider.replace["revoke"] = lambda call, usual: (200, {}, b" " * 8_000_000)
    elif trouble == "down":
        site.provider.stop_listening()
    else:
        site.provider.instead["revoke"] = answer
    tokens = site.provider.count("token")
    started = time.monotonic()
    assert browser.get("/oauth2/sign_out").status in (200, 302)
    assert time.monotonic() - started < 1.5 and not is_live(browser) and is_live(other)
    if trouble != "down":
        wait_until(lambda: site.provider.count("revoke") >= 1, 3, "the call")
    assert site.provider.count("token") == tokens, "a redirect of the revocation endpoint was followed"


@pytest.mark.parametrize("value", ["http://169.254.169.254/", "file:///etc/passwd", "https://[fe80::1]/", "http://evil.test/revoke", "x",
                                   1])
def test_DISC_02_a_revocation_endpoint_elsewhere(make_site, value):
    site = extended_site(make_site, offers=["logout"],
                         prepare=lambda provider: provider.discovery_changes.update(revocation_endpoint=value), **OPEN)
    browser = site.signed_in()
    browser.get("/oauth2/sign_out")
    assert not browser.get("/").is_protected and site.provider.count("revoke") == 0, "it is left out, and nobody is asked"


def test_a_secret_of_a_token_is_not_in_the_log(make_site):
    site = revoking_site(make_site)
    browser = site.signed_in()
    token = site.provider.make_logout_token(sub="alice-1")
    browser.get("/oauth2/sign_out")
    wait_until(lambda: site.provider.count("revoke") >= 2, 5, "revocation")
    post(site, token)
    assert token not in site.postern.log and SECRET not in site.postern.log
