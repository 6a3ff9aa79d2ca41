#!/usr/bin/env python3
"""Canaille as an OpenID provider in one file, with people and clients, for the tests.

    canaille_provider.py --port 8001 --folder DIR --redirect URI --post-logout URI

The issuer is http://127.0.0.1:PORT. People: alice (admins, staff), bob (staff), erin; the password is the name and
"-password". Clients: confidential / confidential-secret, post / post-secret (client_secret_post), public. Its refresh
tokens end with the access token, and it gives no ID token at a refresh.

With `--relay URL`, where the client's own endpoints answer over plain http, there are clients for its extensions.
"""
import argparse
import datetime
import os

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--folder", required=True, help="for the database")
parser.add_argument("--redirect", action="append", required=True)
parser.add_argument("--post-logout", action="append", required=True)
parser.add_argument("--access-lifetime", type=int, default=3600, help="seconds")
parser.add_argument("--relay", help="where the client's own endpoints answer over plain http")
options = parser.parse_args()

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback only

import canaille  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from joserfc.jwk import RSAKey  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402

PEOPLE = {"alice": ("Alice", "Löfgren"), "bob": ("Bob", "Builder"), "erin": ("Erin", "Nogroup")}
GROUPS = {"admins": ["alice"], "staff": ["alice", "bob"]}
CLIENTS = {"confidential": ("client_secret_basic", "confidential-secret"), "post": ("client_secret_post", "post-secret"),
           "public": ("none", None), "userinfo": ("client_secret_basic", "userinfo-secret"),
           "program": ("client_secret_basic", "program-secret")}
FURTHER = {"userinfo": {"userinfo_signed_response_alg": "RS256"}, "program": {"grant_types": ["client_credentials"]}}
if options.relay:
    keys = {"jwks_uri": f"{options.relay}/oauth2/jwks.json"}
    CLIENTS.update({"key-jwt": ("private_key_jwt", None), "signed": ("client_secret_basic", "signed-secret")})
    FURTHER.update({"key-jwt": keys, "signed": {**keys, "require_signed_request_object": True}})

application = canaille.create_app({
    "SECRET_KEY": os.urandom(32).hex(),
    "SERVER_NAME": f"127.0.0.1:{options.port}", "PREFERRED_URL_SCHEME": "http",
    # Cookies know no ports: the provider and the site may share a host.
    "SESSION_COOKIE_NAME": "canaille_session",
    "OAUTH2_TOKEN_EXPIRES_IN": {kind: options.access_lifetime for kind in ("authorization_code", "refresh_token")},
    # Its store in memory finds too much; the file does not.
    "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{options.folder}/canaille.db", "AUTO_MIGRATE": True},
    "CANAILLE": {"DATABASE": "sql", "NAME": "Canaille", "ENABLE_INTRUDER_LOCKOUT": False},
    "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)],
                      "TRUSTED_DOMAINS": ["127.0.0.1", "app.test"]},
})


def seed(backend):
    people = {}
    for name, (first, last) in PEOPLE.items():
        people[name] = models.User(user_name=name, given_name=first, family_name=last, formatted_name=f"{first} {last}",
                                   display_name=name, emails=[f"{name}@example.com"])
        backend.save(people[name])
        backend.set_user_password(people[name], f"{name}-password")
    for group, members in GROUPS.items():
        backend.save(models.Group(display_name=group, members=[people[name] for name in members]))
    made = {}
    for client, (method, secret) in CLIENTS.items():
        made[client] = models.Client(
            client_id=client, client_name=client, client_secret=secret, token_endpoint_auth_method=method,
            client_id_issued_at=datetime.datetime.now(datetime.timezone.utc), client_uri=options.redirect[0],
            redirect_uris=options.redirect, post_logout_redirect_uris=options.post_logout, response_types=["code"],
            scope=["openid", "profile", "email", "groups"],
            **{"id_token_signed_response_alg": "RS256",  # it would be RS512, which its discovery does not say
               "grant_types": ["authorization_code", "refresh_token"], **FURTHER.get(client, {})})
        backend.save(made[client])
        # Only these may look into the client's tokens.
        made[client].audience = [made[client], *([made["confidential"]] if client == "program" else [])]
        backend.save(made[client])


with application.app_context(), Backend.instance.session():
    seed(Backend.instance)
print(f"issuer http://127.0.0.1:{options.port}", flush=True)
run_simple("127.0.0.1", options.port, application, threaded=True)
