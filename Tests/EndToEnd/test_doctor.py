"""postern doctor: it finds each fault that is planted, and none where there is none."""
import os
import re
import shutil
import subprocess

import pytest

from harness.fronts import FRONTS as ALL
from harness.fronts import only

FRONTS = list(ALL)
PERSON = ["--user", "postern-doctor", "--email", "doctor@example.com"]


def doctor(site, *more, person=PERSON):
    authority = shutil.copy(site.authority.path, f"{site.folder}/authority.pem")
    os.chmod(authority, 0o644)
    command = [*site.postern.command[:site.postern.command.index("serve")], "doctor", "--config", site.postern.config,
               "--ca-file", authority, *person, *(more or ["--connect", f"127.0.0.1:{site.port}"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=site.postern.environment)
    return done.returncode, done.stdout + done.stderr


def test_where_all_is_well_it_finds_nothing(make_site):
    site = make_site()
    status, said = doctor(site)
    assert status == 0 and "PROBLEM" not in said and said.endswith("nothing is wrong\n"), said
    for good in ("the provider", "the clocks agree", "is answered by Postern", "takes our request", "is refused without a session",
                 "a session opens", "large identity headers", "forged identity headers do not reach"):
        assert f"good: {good}" in said or good in said, said
    assert site.postern.run("sessions", "list").stdout == "", "the doctor's own sessions are over"


def planted(site, location="", check=None, server=""):
    """A server block of somebody's own in front of the same Postern: `location` protects, `check` asks."""
    check = check if check is not None else """
        fastcgi_pass_request_headers off;
        include /etc/nginx/fastcgi_params;
        fastcgi_param HTTP_COOKIE $http_cookie if_not_empty;"""
    return f"""
    server {{
        listen 127.0.0.1:{site.check_port} ssl;
        server_name app.test;
        ssl_certificate {site.certificate[0]}; ssl_certificate_key {site.certificate[1]};
        {server}
        location /oauth2/ {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{site.postern.socket}; }}
        location = /_check {{ internal; {check} fastcgi_pass unix:{site.postern.socket}; }}
        location / {{
            {location or SOUND}
            proxy_pass http://127.0.0.1:{site.backend.port};
        }}
    }}
"""


SOUND = "auth_request /_check; auth_request_set $user $upstream_http_x_auth_request_user; proxy_set_header X-Auth-Request-User $user;"


FAULTS = {
    "return": (dict(location="auth_request /_check; return 200 PROTECTED;"), "check skipped"),
    "rewrite": (dict(location="auth_request /_check; rewrite ^ https://app.test/elsewhere redirect;"), "check skipped"),
    "nobody is asked": (dict(location=" "), "check skipped"),
    "one parameter": (dict(check="fastcgi_param HTTP_COOKIE $http_cookie;", server="include /etc/nginx/fastcgi_params;"),
                      "inherited parameters are lost"),
    "forged headers": (dict(), "identity headers not scrubbed"),
    "no cookie": (dict(check="fastcgi_pass_request_headers off; include /etc/nginx/fastcgi_params;"), "cookie not handed back"),
    "small buffers": (dict(check="include /etc/nginx/fastcgi_params; fastcgi_param POSTERN_HEADER_BYTES 32k;"), "buffers too small"),
}


@only("nginx")
@pytest.mark.parametrize("fault", FAULTS)
def test_it_finds_what_is_wrong_with_an_nginx(make_site, fault):
    changes, expected = FAULTS[fault]
    site = make_site(http=lambda site: planted(site, **changes))
    status, said = doctor(site, "--connect", f"127.0.0.1:{site.check_port}")
    assert status == 1 and "PROBLEM: " in said and expected in said, said


PLANTED = {  # web server, fault: file, pattern, what stands there instead
    ("apache-authnz", "check skipped"): ("postern-protect.conf", r"Require valid-user", "Require all granted"),
    ("apache-fcgid", "check skipped"): ("postern-protect.conf", r"(?m)^FcgidAccessChecker .*$", "Require all granted"),
    ("lighttpd", "check skipped"): ("lighttpd.conf", r'("mod_access", "mod_alias")', r'\1, "mod_proxy"'),
    ("apache-authnz", "identity headers not scrubbed"): ("postern-protect.conf", r"(?m)^RequestHeader unset X.*$", ""),
    ("apache-fcgid", "identity headers not scrubbed"): ("postern-protect.conf", r"(?m)^RequestHeader unset X.*$", ""),
    ("lighttpd", "identity headers not scrubbed"): ("postern-lua.conf", r"(?m)^    if ours.*$", "    if false then"),
}


@only("apache-fcgid", "apache-authnz", "lighttpd")
@pytest.mark.parametrize("fault", ["check skipped", "identity headers not scrubbed"])
def test_it_finds_what_is_wrong_with_the_others(make_site, front, fault):
    site = make_site()
    name, pattern, other = PLANTED[front, fault]
    with open(f"{site.folder}/{name}") as file:
        text = file.read()
    planted_text, count = re.subn(pattern, other, text)
    assert count, "nothing is planted"
    with open(f"{site.folder}/{name}", "w") as file:
        file.write(planted_text)
    site.restart_front()
    status, said = doctor(site)
    assert status == 1 and f"PROBLEM: {fault}" in said, said


@only("nginx")
def test_it_finds_that_the_callback_address_is_wrong(make_site):
    site = make_site()
    site.provider.instead["authorize"] = lambda call: (400, {}, b"unknown redirect_uri")
    status, said = doctor(site)
    assert status == 1 and "wrong callback address" in said and "https://app.test/oauth2/callback" in said, said


@only("nginx")
def test_it_finds_that_http_and_https_do_not_match(make_site):
    site = make_site(secure=False)
    site.postern.write({**site.settings, "public_url": "https://app.test"})
    status, said = doctor(site)
    assert status == 1 and "http and https do not match" in said, said


@only("nginx")
def test_it_finds_trouble_with_provider_and_clock(make_site):
    site = make_site()
    site.provider.stop_listening()
    status, said = doctor(site)
    assert status == 1 and "the provider does not answer" in said, said
    site.provider.listen_again()
    command = site.postern.command
    site.postern.command = ["faketime", "-f", "+2h", *command]
    status, said = doctor(site)
    site.postern.command = command
    assert status == 1 and "clock is 7" in said and "ahead of" in said, said


@only("nginx")
def test_it_says_when_tokens_cannot_be_looked_into(make_site):
    site = make_site({"providers": {"op": {"access_tokens": {"introspection": True, "scopes": ["api"]}}}})
    status, said = doctor(site)
    assert status == 1 and "op publishes no introspection_endpoint" in said and "set providers.op.introspection_endpoint" in said, said


@only("nginx")
def test_its_own_page_is_nobody_elses(make_site):
    site = make_site()
    for cookie in ("postern-doctor=", "postern-doctor=1.AAAA", "postern-doctor=99999999999.AAAAAAAAAAAAAAAAAAAAAA"):
        assert site.browser().send("/oauth2/doctor", headers=[("Cookie", cookie)]).status == 404
