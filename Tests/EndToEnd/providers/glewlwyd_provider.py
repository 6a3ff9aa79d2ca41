#!/usr/bin/env python3
"""Glewlwyd, Debian's package, as an OpenID provider with people and clients, for the tests.

    glewlwyd_provider.py --port 8002 --folder DIR --redirect URI --post-logout URI

The issuer is http://127.0.0.1:PORT/api/oidc. People: alice (admins, staff), bob (staff), erin; the password is the
name and "-password". Clients: confidential / confidential-secret, post / post-secret (client_secret_post), public. Its
refresh tokens are good once, its subjects are random, and it gives no ID token at a refresh.
"""
import argparse
import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import requests
from joserfc.jwk import RSAKey

PEOPLE = {"alice": ("Alice Löfgren", ["admins", "staff"]), "bob": ("Bob Builder", ["staff"]),
          "erin": ("Erin Nogroup", [])}
CLIENTS = {"confidential": ("client_secret_basic", "confidential-secret"), "post": ("client_secret_post", "post-secret"),
           "public": ("none", None)}
SCOPES = ["openid", "profile", "email", "groups"]
SCHEMA = "/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"
PAGES = "/usr/share/glewlwyd/webapp"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "application/javascript", ".json": "application/json",
         ".png": "image/png", ".woff2": "font/woff2", ".ico": "image/x-icon"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", required=True, help="for the database, the pages and the configuration")
    parser.add_argument("--redirect", action="append", required=True)
    parser.add_argument("--post-logout", action="append", required=True)
    parser.add_argument("--access-lifetime", type=int, default=3600, help="seconds")
    options = parser.parse_args()
    base = f"http://127.0.0.1:{options.port}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = subprocess.Popen(["glewlwyd", "--config-file", configuration(options, base)])
    try:
        seed(Administrator(base), options, base)
        print(f"issuer {base}/api/oidc", flush=True)
        server.wait()
    finally:
        server.terminate()
        server.wait()


def configuration(options, base):
    database, pages = os.path.join(options.folder, "glewlwyd.db"), os.path.join(options.folder, "webapp")
    if not os.path.exists(SCHEMA):
        sys.exit(f"{SCHEMA} is missing: dpkg leaves documentation out here; reinstall glewlwyd with it")
    with gzip.open(SCHEMA, "rt") as schema, sqlite3.connect(database) as connection:
        connection.executescript(schema.read())
    # It serves no links that lead out of the folder, and Debian's config.json is a folder.
    shutil.copytree(PAGES, pages, symlinks=False, ignore=shutil.ignore_patterns("config.json"),
                    ignore_dangling_symlinks=True)
    with open("/etc/glewlwyd/config-2.7.json/config.json") as file:
        interface = {**json.load(file), "GlewlwydUrl": f"{base}/"}
    with open(os.path.join(pages, "config.json"), "w") as file:
        json.dump(interface, file)
    types = ", ".join(f'{{ extension="{name}" mime_type="{kind}" compress=0 }}' for name, kind in TYPES.items())
    path = os.path.join(options.folder, "glewlwyd.conf")
    with open(path, "w") as file:
        file.write(f'''
port={options.port}
bind_address="127.0.0.1"
external_url="{base}"
login_url="login.html"
api_prefix="api"
static_files_path="{pages}/"
static_files_mime_types = ( {types} )
log_mode="console"
log_level="WARNING"
cookie_domain="127.0.0.1"
cookie_secure=0
session_key="glewlwyd_session"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type="sqlite3" path="{database}" }};
''')
    return path


class Administrator:
    """Sets things up through the programming interface, as an administrator does."""

    def __init__(self, base):
        self.session, self.base = requests.Session(), base
        for _ in range(200):
            try:
                self.session.get(f"{base}/config", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        self.call("POST", "/auth/", {"username": "admin", "password": "password"})

    def call(self, method, path, body=None):
        answer = self.session.request(method, f"{self.base}/api{path}", json=body, timeout=10)
        if answer.status_code != 200:
            sys.exit(f"glewlwyd: {method} {path} answered {answer.status_code} {answer.text[:500]}")
        return answer


def seed(administrator, options, base):
    call = administrator.call
    # Properties that it does not keep unless it is told to.
    for kind, name in (("user", "groups"), ("client", "post_logout_redirect_uris")):
        module = call("GET", f"/mod/{kind}/database").json()
        module["parameters"]["data-format"][name] = {"multiple": True, "read": True, "write": True,
                                                     "profile-read": True, "profile-write": False}
        module["multiple_passwords"] = False
        call("PUT", f"/mod/{kind}/database", module)
        call("PUT", f"/mod/{kind}/database/reset/")
    for scope in SCOPES[1:]:
        call("POST", "/scope/", {"name": scope, "display_name": scope, "description": scope,
                                 "password_required": False, "password_max_age": 0, "scheme": {}})
    for name, (full, groups) in PEOPLE.items():
        call("POST", "/user/", {"username": name, "name": full, "email": f"{name}@example.com", "groups": groups,
                                "password": f"{name}-password", "enabled": True, "scope": SCOPES})
    call("POST", "/mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "order_rank": 0,
                                  "parameters": parameters(options, base)})
    for client, (method, secret) in CLIENTS.items():
        call("POST", "/client/", {
            "client_id": client, "name": client, "enabled": True, "confidential": secret is not None,
            **({"client_secret": secret} if secret else {}), "token_endpoint_auth_method": [method],
            "redirect_uri": options.redirect,
            "post_logout_redirect_uris": options.post_logout, "scope": [],
            "authorization_type": ["code", "refresh_token"]})


def parameters(options, base):
    key = {**RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True), "alg": "RS256", "use": "sig"}
    claim = {"type": "string", "mandatory": False, "on-demand": True}
    return {
        "iss": f"{base}/api/oidc", "subject-type": "public", "jwks-private": json.dumps({"keys": [key]}),
        "jwks-show": True, "jwt-type": "rsa", "jwt-key-size": "256",
        "access-token-duration": options.access_lifetime, "refresh-token-duration": 86400, "code-duration": 600,
        "refresh-token-rolling": True, "refresh-token-one-use": "always", "allow-non-oidc": True,
        "auth-type-code-enabled": True, "auth-type-code-revoke-replayed": True, "auth-type-refresh-enabled": True,
        "auth-type-client-enabled": False, "auth-type-id-token-enabled": True, "auth-type-none-enabled": False,
        "auth-type-token-enabled": False, "auth-type-password-enabled": False, "auth-type-device-enabled": False,
        "auth-type-implicit-enabled": False, "pkce-allowed": True, "pkce-method-plain-allowed": False,
        "pkce-required-public-client": True, "oauth-as-iss-id": True,
        "introspection-revocation-allowed": False, "register-client-allowed": False,
        "session-management-allowed": True, "session-cookie-name": "glewlwyd_oidc",
        "session-cookie-expiration": 86400, "front-channel-logout-allowed": False, "back-channel-logout-allowed": False,
        "name-claim": "on-demand", "name-claim-scope": ["profile"], "email-claim": "on-demand",
        "email-claim-scope": ["email"], "scope-claim": "no",
        "claims": [{**claim, "name": "groups", "user-property": "groups", "scope": ["groups"]},
                   {**claim, "name": "preferred_username", "user-property": "username", "scope": ["profile"]}],
    }


if __name__ == "__main__":
    main()
