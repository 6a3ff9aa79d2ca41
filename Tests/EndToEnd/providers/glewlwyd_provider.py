#!/usr/bin/env python3
"""Glewlwyd, Debian's package, as an OpenID provider with people and clients, for the tests.

    glewlwyd_provider.py --port 8002 --folder DIR --redirect URI --post-logout URI

The issuer is http://127.0.0.1:PORT/api/oidc. People: alice (admins, staff), bob (staff), erin; the password is the
name and "-password". Clients: confidential / confidential-secret, post / post-secret (client_secret_post), public. Its
refresh tokens are good once, its subjects are random, and it gives no ID token at a refresh.

Beside it there are the issuers http://127.0.0.1:PORT/api/pushed, which takes nothing but pushed requests; /api/nonces,
which demands new nonces of DPoP proofs; /api/plain, which does not say who it is in its answers (posted, its `iss` is
encoded once too often); and /api/fapi, which signs with ES256, as FAPI 2.0 wants. With `--relay URL`, where the client's
own endpoints answer over plain http, there are clients for each extension. With `--tls CERTIFICATE KEY AUTHORITY` it
speaks https, and its client tls shows a certificate for tls.test of that authority.
"""
import argparse
import gzip
import json
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import time

import requests
from joserfc.jwk import ECKey, RSAKey

PEOPLE = {"alice": ("Alice Löfgren", ["admins", "staff"]), "bob": ("Bob Builder", ["staff"]),
          "erin": ("Erin Nogroup", [])}
CLIENTS = {"confidential": ("client_secret_basic", "confidential-secret"), "post": ("client_secret_post", "post-secret"),
           "public": ("none", None)}
PROGRAM = {"authorization_type": ["client_credentials"], "scope": ["reports"]}
SCOPES = ["openid", "profile", "email", "groups"]
PLUGINS = {"oidc": {}, "pushed": {"oauth-par-required": True},
           "nonces": {"oauth-par-allowed": False, "oauth-dpop-nonce-mandatory": True, "oauth-dpop-nonce-counter": 1},
           "plain": {"oauth-par-allowed": False, "oauth-as-iss-id": False}, "fapi": {"oauth-par-required": True}}
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
    parser.add_argument("--relay", help="where the client's own endpoints answer over plain http")
    parser.add_argument("--front-channel", help="the client's front-channel logout")
    parser.add_argument("--tls", nargs=3, help="files of a certificate, its key, and the authority of clients")
    options = parser.parse_args()
    base = f"{'https' if options.tls else 'http'}://127.0.0.1:{options.port}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = subprocess.Popen(["glewlwyd", "--config-file", configuration(options, base)])
    try:
        seed(Administrator(base, options.tls and options.tls[2]), options, base)
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
        connection.execute("PRAGMA journal_mode = WAL")  # a test that looks into it must not make its writing fail
    # It serves no links that lead out of the folder, and Debian's config.json is a folder.
    shutil.copytree(PAGES, pages, symlinks=False, ignore=shutil.ignore_patterns("config.json"),
                    ignore_dangling_symlinks=True)
    with open("/etc/glewlwyd/config-2.7.json/config.json") as file:
        interface = {**json.load(file), "GlewlwydUrl": f"{base}/"}
    with open(os.path.join(pages, "config.json"), "w") as file:
        json.dump(interface, file)
    types = ", ".join(f'{{ extension="{name}" mime_type="{kind}" compress=0 }}' for name, kind in TYPES.items())
    tls = ('use_secure_connection=true\nsecure_connection_pem_file="{}"\nsecure_connection_key_file="{}"\n'
           'secure_connection_ca_file="{}"\n'.format(*options.tls) if options.tls else "")
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
{tls}
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


class OlderTLS(requests.adapters.HTTPAdapter):
    """TLS 1.2: Python offers to authenticate after a handshake of 1.3, and GnuTLS then takes the offer amiss."""

    def __init__(self, authority):
        self.context = ssl.create_default_context(cafile=authority)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, ssl_context=self.context, **options)


class Administrator:
    """Sets things up through the programming interface, as an administrator does."""

    def __init__(self, base, authority):
        self.session, self.base = requests.Session(), base
        if authority:
            self.session.mount("https://", OlderTLS(authority))
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
    for kind, name, multiple in (("user", "groups", True), ("client", "post_logout_redirect_uris", True),
                                 ("client", "dpop_bound_access_tokens", False)):
        module = call("GET", f"/mod/{kind}/database").json()
        module["parameters"]["data-format"][name] = {"multiple": multiple, "read": True, "write": True,
                                                     "profile-read": True, "profile-write": False}
        module["multiple_passwords"] = False
        call("PUT", f"/mod/{kind}/database", module)
        call("PUT", f"/mod/{kind}/database/reset/")
    for scope in [*SCOPES[1:], "reports"]:
        call("POST", "/scope/", {"name": scope, "display_name": scope, "description": scope,
                                 "password_required": False, "password_max_age": 0, "scheme": {}})
    for name, (full, groups) in PEOPLE.items():
        call("POST", "/user/", {"username": name, "name": full, "email": f"{name}@example.com", "groups": groups,
                                "password": f"{name}-password", "enabled": True, "scope": SCOPES})
    for name, changes in PLUGINS.items():
        call("POST", "/mod/plugin/", {"module": "oidc", "name": name, "display_name": name, "order_rank": 0,
                                      "parameters": {**parameters(options, base, name), **changes}})
    for client, (method, secret, more) in clients(options).items():
        call("POST", "/client/", {
            "client_id": client, "name": client, "enabled": True, "confidential": method != "none",
            **({"client_secret": secret} if secret else {}), "token_endpoint_auth_method": [method],
            "redirect_uri": options.redirect,
            "post_logout_redirect_uris": options.post_logout, "scope": [],
            "authorization_type": ["code", "refresh_token", "client_credentials"], **more})


def clients(options):
    """Name to method of authentication, secret and further properties."""
    found = {name: (method, secret, {}) for name, (method, secret) in CLIENTS.items()}
    found["secret-jwt"] = "client_secret_jwt", "secret-jwt-secret-of-32-characters", {}
    found["bound"] = "client_secret_basic", "bound-secret", {"dpop_bound_access_tokens": "1"}
    found["program"] = "client_secret_basic", "program-secret", PROGRAM
    if options.tls:
        found["tls"] = "tls_client_auth", None, {"tls_client_auth_san_dns": "tls.test"}
    if options.relay:
        keys = {"jwks_uri": f"{options.relay}/oauth2/jwks.json"}
        found["key-jwt"] = "private_key_jwt", None, keys
        found["signed"] = "client_secret_basic", "signed-secret", {**keys, "request_object_signing_alg": "ES256"}
        found["back"] = "client_secret_basic", "back-secret", {
            "backchannel_logout_uri": f"{options.relay}/oauth2/backchannel_logout", "backchannel_logout_session_required": "1"}
        found["front"] = "client_secret_basic", "front-secret", {
            "frontchannel_logout_uri": options.front_channel, "frontchannel_logout_session_required": "1"}
    return found


def parameters(options, base, name):
    is_fapi = name == "fapi"
    key = ECKey.generate_key("P-256", auto_kid=True) if is_fapi else RSAKey.generate_key(2048, auto_kid=True)
    key = {**key.as_dict(private=True), "alg": "ES256" if is_fapi else "RS256", "use": "sig"}
    claim = {"type": "string", "mandatory": False, "on-demand": True}
    return {
        "iss": f"{base}/api/{name}", "subject-type": "public", "jwks-private": json.dumps({"keys": [key]}),
        "jwks-show": True, "jwt-type": "ecdsa" if is_fapi else "rsa", "jwt-key-size": "256",
        "access-token-duration": options.access_lifetime, "refresh-token-duration": 86400, "code-duration": 600,
        "refresh-token-rolling": True, "refresh-token-one-use": "always", "allow-non-oidc": True,
        "auth-type-code-enabled": True, "auth-type-code-revoke-replayed": True, "auth-type-refresh-enabled": True,
        "auth-type-client-enabled": True, "auth-type-id-token-enabled": True, "auth-type-none-enabled": False,
        "auth-type-token-enabled": False, "auth-type-password-enabled": False, "auth-type-device-enabled": False,
        "auth-type-implicit-enabled": False, "pkce-allowed": True, "pkce-method-plain-allowed": False,
        "pkce-required-public-client": True, "oauth-as-iss-id": True,
        "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
        "register-client-allowed": False,
        "session-management-allowed": True, "session-cookie-name": f"glewlwyd_{name}",
        "session-cookie-expiration": 86400, "front-channel-logout-allowed": True, "back-channel-logout-allowed": True,
        "request-parameter-allow": True, "request-maximum-exp": 3600, "client-jwks-parameter": "jwks",
        "client-jwks_uri-parameter": "jwks_uri", "client-pubkey-parameter": "pubkey",
        "oauth-par-allowed": True, "oauth-par-required": False, "oauth-par-duration": 90,
        "oauth-par-request_uri-prefix": "urn:ietf:params:oauth:request_uri:",
        "oauth-dpop-allowed": True, "oauth-dpop-iat-duration": 60, "oauth-dpop-nonce-mandatory": False,
        "oauth-dpop-nonce-counter": 5, "oauth-dpop-dpop_bound_access_tokens-property": "dpop_bound_access_tokens",
        "client-cert-source": "TLS" if options.tls else "none", "client-cert-use-endpoint-aliases": bool(options.tls),
        "resource-allowed": True, "resource-scope": {"openid": ["https://app.test"], "reports": ["https://app.test"]},
        "name-claim": "on-demand", "name-claim-scope": ["profile"], "email-claim": "on-demand",
        "email-claim-scope": ["email"], "scope-claim": "no",
        "claims": [{**claim, "name": "groups", "user-property": "groups", "scope": ["groups"]},
                   {**claim, "name": "preferred_username", "user-property": "username", "scope": ["profile"]}],
    }


if __name__ == "__main__":
    main()
