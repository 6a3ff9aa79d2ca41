"""Sign-in, refresh and sign-out with providers that others wrote."""
import concurrent.futures
import json
import time

import pytest

from harness.real import Person, RealProvider, sign_in, site_of
from harness.site import told_of

KINDS = ["django_oauth_toolkit", "glewlwyd_provider", "canaille_provider", "lemonldap_provider"]
ACCESS_LIFETIME = 6  # seconds


@pytest.fixture(scope="module", params=KINDS)
def provider(request):
    provider = RealProvider(request.param, ACCESS_LIFETIME)
    yield provider
    provider.close()


@pytest.fixture
def site_for(provider, make_site):
    """Makes a site whose Postern is this client of the provider."""
    return lambda *client, **more: site_of(make_site, provider, *client, **more)


def test_a_person_signs_in_and_the_application_is_told_who_it_is(provider, site_for):
    site = site_for()
    _, response, _ = sign_in(site, provider, "/deep/link?x=1&y=%2F")
    assert json.loads(response.body.split(b"\n", 1)[1])["path"] == "/deep/link?x=1&y=%2F"
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert set(told_of(response, "X-Auth-Request-Groups")[0].split(",")) == {"admins", "staff"}
    assert told_of(response, "X-Auth-Request-User") == ["alice"]


def test_rules_by_group_hold(provider, site_for):
    site = site_for()
    alice, response, _ = sign_in(site, provider, "/admin/")
    assert response.is_protected
    erin, response, _ = sign_in(site, provider, person=Person(provider, "erin"))
    assert response.is_protected and told_of(response, "X-Auth-Request-Groups") == []
    assert erin.get("/admin/").status == 403


@pytest.mark.parametrize("client", [("post", "post-secret"), ("public", None)])
def test_other_kinds_of_clients_sign_in(provider, site_for, client):
    name, secret = client
    if provider.kind == "django_oauth_toolkit" and secret:  # its confidential clients may do both
        name, secret = "confidential", "confidential-secret"
    site = site_for(name, secret, client_authentication="post" if secret else "none")
    _, response, _ = sign_in(site, provider)
    assert response.is_protected


def test_a_wrong_client_secret_is_a_page_for_people_and_a_line_for_the_operator(provider, site_for):
    site = site_for("confidential", "not-the-secret", pushed_authorization="never")  # else it is found out before
    _, response, _ = sign_in(site, provider)
    assert response.status == 400 and not response.is_protected
    # Glewlwyd says unauthorized_client.
    assert "_client" in site.postern.log and "not-the-secret" not in site.postern.log


def test_REF_a_busy_session_outlives_its_access_tokens_by_far(provider, site_for):
    """The providers turn refresh tokens over, and two of them end the session when an old one comes again."""
    site = site_for(scopes=["openid", "profile", "email", "groups"])
    browser, response, _ = sign_in(site, provider)
    assert response.is_protected
    end = time.monotonic() + 3 * ACCESS_LIFETIME
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        while time.monotonic() < end:
            answers = list(pool.map(lambda number: browser.send(f"/tab{number}").status, range(8)))
            assert answers == [200] * 8, f"{answers}\n{site.postern.log[-3000:]}"
            time.sleep(0.25)
    refreshes = [line for line in site.postern.log.splitlines() if "session refresh" in line]
    assert len([line for line in refreshes if "renewed" in line]) >= 3, refreshes
    assert all("renewed" in line for line in refreshes), refreshes


def test_OUT_signing_out_here_signs_out_there(provider, site_for):
    site = site_for()
    browser, response, person = sign_in(site, provider)
    assert response.is_protected
    old = dict(browser.cookies.jar)
    response = browser.get("/oauth2/sign_out")
    assert response.location.startswith(f"http://127.0.0.1:{provider.port}/") and "id_token_hint=" in response.location
    back = person.walk(response.location)
    assert back.startswith("https://app.test/oauth2/sign_out"), back
    assert "You are signed out" in browser.follow(browser.visit(back)).text
    browser.cookies.jar = old
    assert not browser.get("/").is_protected
    # The provider asks for the password again.
    browser.cookies.jar, person.passwords_typed = {}, 0
    _, response, person = sign_in(site, provider, browser=browser, person=person)
    assert response.is_protected and person.passwords_typed == 1
