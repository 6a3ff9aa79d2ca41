"""lighttpd in depth: CGI applications, folders, the order of modules."""
import os

import pytest

from test_apache import CGI, FORGED, PUNCTUATION, assert_is_alice_alone, spelled_with, variables, write

FRONTS = ["lighttpd"]


def files(site):
    os.makedirs(f"{site.folder}/site/cgi", exist_ok=True)
    os.makedirs(f"{site.folder}/site/files/dir", exist_ok=True)
    write(f"{site.folder}/site/cgi/env.cgi", CGI, 0o755)
    write(f"{site.folder}/site/files/dir/index.html", "PROTECTED index")
    return 'index-file.names = ("index.html")'


@pytest.fixture
def own_site(make_site):
    return make_site(shipped_extra=files)


def test_HDR_a_cgi_is_told_who_it_is(own_site):
    seen = variables(own_site.signed_in().get("/cgi/env.cgi", headers=FORGED))
    assert seen["REMOTE_USER"] == seen["HTTP_X_AUTH_REQUEST_USER"] == seen["X_AUTH_REQUEST_USER"] == "alice"
    assert not {name for name, value in seen.items() if value == "forged"} - {"HTTP_VARIABLE_REMOTE_USER", "HTTP_PROXY"}
    assert "__Host-postern" not in seen.get("HTTP_COOKIE", "")


def test_HDR_03_no_punctuation_gets_through(own_site):
    browser = own_site.signed_in()
    for joint in PUNCTUATION:
        assert_is_alice_alone(browser.get("/cgi/env.cgi", headers=spelled_with(joint)), joint)


def test_PATH_folders_are_checked(own_site):
    for path in ("/files/dir/", "/files/dir/index.html", "/cgi/env.cgi", "/files/../cgi/env.cgi", "/oauth2/../files/dir/",
                 "/oauth2/..%2ffiles/dir/", "//files/dir/", "/%66iles/dir/"):
        assert own_site.browser().fetch(path).status in (401, 403), path
    assert own_site.signed_in().get("/files/dir/").text == "PROTECTED index"


def test_a_person_who_may_not_is_shown_a_page_by_the_check_itself(own_site):
    response = own_site.signed_in().get("/internal/x")
    assert response.status == 403 and "You may not see this" in response.text and "alice" in response.text
