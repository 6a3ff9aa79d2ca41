"""Apache in depth: CGI and WSGI applications, .htaccess, several virtual hosts, its own errors, processes that die."""
import os
import signal
import time

import pytest

from harness.browser import Browser
from harness.fronts import only, spawned
from harness.servers import wait_until

FRONTS = ["apache-fcgid", "apache-authnz"]
CGI = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nPROTECTED\\n'; tr '\\0' '\\n' < /proc/$$/environ\n"
WSGI = """
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [("PROTECTED\\n" + "\\n".join(f"{name}={value}" for name, value in environ.items())).encode()]
"""


def files(site):
    """A folder of the server's own: CGI, a page, and an .htaccess that leads everything else to the CGI."""
    for folder in ("cgi", "files/dir"):
        os.makedirs(f"{site.folder}/site/{folder}", exist_ok=True)
    write(f"{site.folder}/site/cgi/env.cgi", CGI, 0o755)
    write(f"{site.folder}/site/files/dir/index.html", "PROTECTED index")
    write(f"{site.folder}/site/files/.htaccess",
          "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^app/ front.cgi [L]\n")
    write(f"{site.folder}/site/files/front.cgi", CGI, 0o755)
    write(f"{site.folder}/app.wsgi", WSGI)
    return ""


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def vhost(site):
    """Folders of the server's own, and a WSGI application."""
    return f"""{files(site)}
    </LocationMatch>
    WSGIScriptAlias /wsgi {site.folder}/app.wsgi
    <Directory {site.folder}>
        Require all granted
    </Directory>
    <LocationMatch "^/none$">
"""


@pytest.fixture
def own_site(make_site):
    return make_site(shipped_extra=vhost)


def variables(response):
    assert response.is_protected, f"{response.status}: {response.text[:300]}"
    return dict(line.split("=", 1) for line in response.text.splitlines()[1:] if "=" in line)


FORGED = [("X-Auth-Request-User", "forged"), ("X_Auth_Request_User", "forged"), ("X_AUTH-REQUEST_EMAIL", "forged"),
          ("Remote-User", "forged"), ("Remote_User", "forged"), ("Proxy", "forged"), ("X-Auth-Request-Groups", "forged"),
          ("Variable-REMOTE_USER", "forged"), ("X-Auth-Request-Access-Token", "forged")]


PUNCTUATION = ".!#$%&'*+^`|~_"


def spelled_with(joint):
    """Our names with something else for a hyphen."""
    return [(name.replace("-", joint), "forged") for name in ("X-Auth-Request-User", "X-Auth-Request-Groups", "Remote-User", "X-Forwarded-User")]


def assert_is_alice_alone(response, what):
    """A CGI may take the first or the last of two variables of one name: there is one."""
    if response.status == 400:
        return
    assert response.is_protected, f"{response.status}: {what}"
    lines = response.text.splitlines()
    assert not [line for line in lines if line.endswith("=forged")], what
    names = [line.partition("=")[0] for line in lines]
    assert "HTTP_X_AUTH_REQUEST_USER=alice" in lines and names.count("HTTP_X_AUTH_REQUEST_USER") == names.count("REMOTE_USER") == 1, what
    assert names.count("HTTP_X_AUTH_REQUEST_GROUPS") <= 1, what


@pytest.mark.parametrize("path", ["/cgi/env.cgi", "/files/app/deep?x=1", "/wsgi/x"])
def test_HDR_applications_of_the_server_itself_are_told_who_it_is(own_site, path):
    browser = own_site.signed_in()
    seen = variables(browser.get(path, headers=FORGED))
    assert seen["REMOTE_USER"] == "alice" and seen["HTTP_X_AUTH_REQUEST_USER"] == "alice"
    assert seen["X_AUTH_REQUEST_EMAIL"] == seen["HTTP_X_AUTH_REQUEST_EMAIL"] == "alice@example.com"
    forged = {name for name, value in seen.items() if value == "forged"}
    assert not forged - {"HTTP_VARIABLE_REMOTE_USER"}, forged
    assert "__Host-postern" not in seen.get("HTTP_COOKIE", "")


def test_HDR_03_no_punctuation_gets_through(own_site):
    browser = own_site.signed_in()
    for joint in PUNCTUATION:
        assert_is_alice_alone(browser.get("/cgi/env.cgi", headers=spelled_with(joint)), joint)


@pytest.mark.parametrize("said", ["Require all granted", "Satisfy Any\nRequire all granted", "AuthMerging Or\nRequire all granted",
                                  "FcgidAccessCheckerAuthoritative Off", "AuthType None\nRequire all granted", "SetHandler default-handler"])
def test_PATH_htaccess_opens_nothing(own_site, said):
    write(f"{own_site.folder}/site/files/dir/.htaccess", said + "\n")
    response = own_site.browser().fetch("/files/dir/index.html")
    assert response.status in (401, 500) and not response.is_protected


@only("apache-authnz")
def test_require_user_names_who_may(make_site):
    site = make_site(shipped_extra=vhost)
    protect = f"{site.folder}/postern-protect.conf"
    with open(protect) as file:
        text = file.read()
    assert text.count("Require valid-user\n") == 1
    write(protect, text.replace("Require valid-user\n", "Require user alice\n"))
    site.restart_front()
    assert site.browser().fetch("/cgi/env.cgi").status == 401
    assert variables(site.signed_in().get("/cgi/env.cgi"))["REMOTE_USER"] == "alice"
    write(protect, text.replace("Require valid-user\n", "Require user carol\n"))
    site.restart_front()
    refused = site.browser().sign_in("/cgi/env.cgi")
    assert refused.status >= 400 and not refused.is_protected


def test_PATH_07_trace_shows_nothing(own_site):
    response = own_site.signed_in().send("/", "TRACE", [("Max-Forwards", "0")])
    assert response.status == 405 and b"alice" not in response.raw


def test_PATH_folders_redirects_and_errors_of_the_server_itself_are_checked(own_site):
    nobody = own_site.browser()
    for path in ("/files/dir/", "/files/dir/index.html", "/files/app/x", "/files/front.cgi", "/cgi/env.cgi", "/wsgi/x"):
        assert nobody.fetch(path).status == 401, path
    browser = own_site.signed_in()
    assert browser.get("/files/dir/").text == "PROTECTED index"
    for path, status in (("/files/dir", 301), ("/files/nothing", 404)):
        response = browser.get(path)
        assert response.status == status
        assert not [name for name, _ in response.headers if name.lower().startswith(("variable-", "x-auth"))], path


def test_a_public_page_has_no_user(make_site):
    site = make_site({"rules": [{"paths": ["/files/*"], "public": True}, {"allow": {"everyone": True}}]}, shipped_extra=vhost)
    seen = variables(site.browser().get("/files/app/x", headers=FORGED))
    assert seen.get("REMOTE_USER", "-") == "-"
    assert not {name for name, value in seen.items() if value == "forged"} - {"HTTP_VARIABLE_REMOTE_USER"}


def second_host(site):
    certificate, key = site.authority.issue("two.test")
    return f"""
    </LocationMatch>
</VirtualHost>
<VirtualHost 127.0.0.1:{site.port}>
    ServerName two.test
    SSLEngine on
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
    Include {site.folder}/postern-vhost.conf
    ProxyPass / http://127.0.0.1:{site.backend.port}/
    <LocationMatch "^/(?!oauth2/)">
        Include {site.folder}/postern-protect.conf
"""


def test_rules_are_about_the_virtual_host_that_apache_chose(make_site):
    site = make_site({"rules": [{"hosts": ["two.test"], "public": True}, {"allow": {"everyone": True}}]},
                     shipped_extra=second_host)
    two = Browser(site.port, site.authority.path, host="two.test")
    assert two.fetch("/").is_protected
    one = site.browser()
    assert one.fetch("/").status == 401
    for host in ("two.test.", "two.test:1", "TWO.test@app.test", "evil.test"):
        assert not one.fetch("/", host=host).is_protected or host.startswith("two.test"), host


def fcgid_only(site):
    if site.kind != "apache-fcgid":
        pytest.skip("Apache starts Postern only with mod_fcgid")


def test_a_process_that_dies_is_not_missed(make_site):
    site = make_site()
    fcgid_only(site)
    browser = site.signed_in()
    for _ in range(5):
        for pid in spawned(site):
            if pid != site.postern.pid:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)  # what it was doing may fail, what comes later may not
        begun = time.monotonic()
        statuses = [browser.fetch("/").status for _ in range(3)]
        assert statuses == [200] * 3 and time.monotonic() - begun < 3, statuses


def test_nothing_of_postern_is_left_when_apache_ends(make_site):
    site = make_site()
    fcgid_only(site)
    site.signed_in()
    assert [pid for pid in spawned(site) if pid != site.postern.pid]
    site.front.stop()
    wait_until(lambda: [pid for pid in spawned(site) if pid != site.postern.pid] == [], 6, "the end of what Apache started")


def test_sessions_of_one_process_are_those_of_all(make_site):
    """Apache asks several processes in turn; a session that one ends is over in each at once."""
    site = make_site()
    fcgid_only(site)
    browser = site.signed_in()
    assert all(browser.fetch("/").is_protected for _ in range(20))
    kept = dict(browser.cookies.jar)
    browser.get("/oauth2/sign_out")
    browser.cookies.jar = kept
    assert not any(browser.fetch("/").is_protected for _ in range(20))
