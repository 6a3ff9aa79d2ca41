"""What a provider offers beyond a plain sign-in: pushed and signed requests, programs, revocation, introspection, logout."""
import html
import json
import secrets
import time
import urllib.parse

from .clients import Refused, certificate_thumbprint
from .tokens import signed_by

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# What discovery says of each extension; a path is one of the provider's own addresses.
OFFERS = {
    "par": {"pushed_authorization_request_endpoint": "/par"},
    "required par": {"pushed_authorization_request_endpoint": "/par", "require_pushed_authorization_requests": True},
    "revocation": {"revocation_endpoint": "/revoke"},
    "introspection": {"introspection_endpoint": "/introspect"},
    "dpop": {"dpop_signing_alg_values_supported": ["ES256", "EdDSA"]},
    "assertions": {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"],
                   "token_endpoint_auth_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "PS256", "RS256", "HS256"]},
    "tls": {"token_endpoint_auth_methods_supported": ["tls_client_auth", "self_signed_tls_client_auth"],
            "tls_client_certificate_bound_access_tokens": True},
    "form_post": {"response_modes_supported": ["query", "form_post"]},
    "jar": {"request_parameter_supported": True, "request_object_signing_alg_values_supported": ["ES256", "EdDSA", "PS256", "RS256"]},
    "signed userinfo": {"userinfo_signing_alg_values_supported": ["RS256", "ES256"]},
    "logout": {"backchannel_logout_supported": True, "backchannel_logout_session_supported": True,
               "frontchannel_logout_supported": True, "frontchannel_logout_session_supported": True},
    "step-up": {"acr_values_supported": ["bronze", "gold"]},
    "programs": {"grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"]},
    "jwt access tokens": {},
}


class Extensions:
    """`offers`: names of OFFERS. The rest is set by tests:

    `authenticated_at`, `acr`: the session that a person has at the provider already. `ignores_step_up`: it answers
    acr_values and max_age with that session. `audience`: of access tokens, where the client asks for no resource.
    `make_userinfo_token`: of claims, for a userinfo answer that is signed."""

    def reset_extensions(self):
        self.requires_pushed = "required par" in self.offers
        self.requires_request_object = False
        self.authenticated_at, self.acr, self.ignores_step_up = None, None, False
        self.audience = "https://api.test"
        self.make_userinfo_token = None
        self.pushed, self.grants, self.sign_ins = {}, {}, {}
        self.revoked, self.sids = [], []

    def extended_discovery(self):
        members = {}
        for offer in self.offers:
            for name, value in OFFERS[offer].items():
                if isinstance(value, list) and name in members:
                    value = members[name] + value
                members[name] = self.issuer + value if isinstance(value, str) else value
        if self.mtls_port:
            origin = f"https://127.0.0.1:{self.mtls_port}"
            members["mtls_endpoint_aliases"] = {
                "token_endpoint": f"{origin}/token", "userinfo_endpoint": f"{origin}/userinfo", "revocation_endpoint": f"{origin}/revoke",
                "introspection_endpoint": f"{origin}/introspect", "pushed_authorization_request_endpoint": f"{origin}/par"}
        return members

    # Authorization requests that do not come as a plain query

    def par(self, call):
        """RFC 9126."""
        client, form = self.authenticate(call), call["form"]
        is_shown = call["headers"].get("Authorization") or {"client_secret", "client_assertion"} & set(form) or call["certificate"]
        if not is_shown:
            raise Refused("invalid_client", "a pushed request without client authentication", 401)
        if "request_uri" in form or form.get("client_id", client) != client:
            raise Refused("invalid_request", "a pushed request with request_uri, or of another client")
        jkt = self.proof(call)
        parameters = self.signed_or_plain(form, client, call["pairs"])
        if jkt and parameters.setdefault("dpop_jkt", jkt) != jkt:
            raise Refused("invalid_dpop_proof", "dpop_jkt is another key's")
        uri = "urn:ietf:params:oauth:request_uri:" + secrets.token_urlsafe(24)
        self.pushed[uri] = {"client": client, "parameters": parameters, "end": time.monotonic() + 60}
        return json_answer({"request_uri": uri, "expires_in": 60}, 201)

    def parameters(self, call):
        """The authorization request's, however they came. A pushed request is good for one use (RFC 9126, section 7.3)."""
        query = call["query"]
        if "request_uri" not in query:
            if self.requires_pushed:
                raise Refused("invalid_request", "an authorization request that was not pushed")
            return self.signed_or_plain(query, query.get("client_id"), call["pairs"])
        with self.lock:
            pushed = self.pushed.get(query["request_uri"])
            if not pushed or pushed["client"] != query.get("client_id") or time.monotonic() > pushed["end"]:
                raise Refused("invalid_request_uri", "a request_uri that is unknown, too old or another client's")
            if pushed.setdefault("used", False):
                raise Refused("invalid_request_uri", "a request_uri was used twice")
            pushed["used"] = True
        if set(query) != {"client_id", "request_uri"}:
            raise Refused("invalid_request", f"parameters besides a pushed request: {sorted(query)}")
        return pushed["parameters"]

    def signed_or_plain(self, given, client, pairs):
        if "request" in given:
            return self.request_object(given["request"], client)
        if self.requires_request_object:
            raise Refused("invalid_request", "an authorization request that is not signed")
        return {**given, "resource": [value for name, value in pairs if name == "resource"]}

    def sign_in(self, asked):
        """The person's session at the provider: how and when authenticated, after what the request asks for."""
        now = int(time.time())
        old = self.authenticated_at if self.authenticated_at is not None else now
        acr = self.acr
        if not self.ignores_step_up:
            wanted = asked.get("acr_values", "").split()
            acr = acr if acr in wanted or not wanted else wanted[0]
            if acr != self.acr or asked.get("prompt") == "login" or now - old > int(asked.get("max_age", 10 ** 9)):
                old = now
        self.sids.append(secrets.token_urlsafe(12))
        is_said = "auth_time" if self.authenticated_at or {"max_age", "acr_values"} & set(asked) else None
        claims = {"acr": acr, is_said: old, "sid": self.sids[-1] if "logout" in self.offers else None}
        resource = asked.get("resource", [])
        return {"claims": {name: value for name, value in claims.items() if name and value is not None},
                "jkt": asked.get("dpop_jkt"), "resource": [resource] if isinstance(resource, str) else resource,
                "scope": asked.get("scope", "")}

    # Access tokens

    def bound_to(self, call):
        """What the access tokens of this call are bound to: a key, a certificate, or nothing."""
        jkt, x5t = self.proof(call), certificate_thumbprint(call["certificate"])
        return {name: value for name, value in (("jkt", jkt), ("x5t#S256", x5t)) if value}

    def grant(self, person, client, sign_in, bound):
        """A new access token, and what it stands for."""
        now = int(time.time())
        claims = {"client_id": client, "scope": sign_in.get("scope", ""), "aud": sign_in.get("resource") or self.audience,
                  "cnf": bound or None, "iat": now, "exp": now + self.access_lifetime, **person}
        is_jwt = "jwt access tokens" in self.offers
        token = self.make_access_token(**claims) if is_jwt else secrets.token_urlsafe(24)
        self._keep(token)
        with self.lock:
            self.grants[token] = {"claims": claims, "is_active": True}
        return token

    def make_access_token(self, key=None, typ="at+jwt", header=None, **changes):
        """A JWT access token (RFC 9068) of alice, for a program; each claim can be another, or None for not at all."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "alice-1", "aud": self.audience, "client_id": "program", "iat": now, "exp": now + 300,
                  "jti": secrets.token_hex(8), "scope": "api", **changes}
        token = signed_by(key or self.keys[0], claims, typ, **(header or {}))
        self._keep(token)
        return token

    def client_credentials(self, call, client):
        """RFC 6749, section 4.4: the program itself."""
        if not client:
            raise Refused("invalid_client", "", 401)
        bound = self.bound_to(call)
        resource = [value for name, value in call["pairs"] if name == "resource"]
        token = self.grant({"sub": client}, client, {"resource": resource, "scope": call["form"].get("scope", "")}, bound)
        return json_answer({"access_token": token, "token_type": "DPoP" if "jkt" in bound else "Bearer",
                                 "expires_in": self.access_lifetime})

    def presented(self, call):
        """The grant of the access token that was sent in the header, as it is bound."""
        scheme, _, token = call["headers"].get("Authorization", "").partition(" ")
        found = self.grants.get(token, {"claims": {}, "is_active": True})
        bound = found["claims"].get("cnf") or {}
        if not found["is_active"] or scheme.lower() != ("dpop" if "jkt" in bound else "bearer"):
            raise Refused("invalid_token", f"a token that is over, or by {scheme}: {bound}", 401)
        if "jkt" in bound and self.proof(call, token) != bound["jkt"]:
            raise Refused("invalid_dpop_proof", "another key", 401)
        if "x5t#S256" in bound and certificate_thumbprint(call["certificate"]) != bound["x5t#S256"]:
            raise Refused("invalid_token", "another certificate", 401)
        return found["claims"]

    def revoke(self, call):
        """RFC 7009."""
        client, token = self.authenticate(call), call["form"].get("token", "")
        with self.lock:
            self.revoked.append(token)
            if token in self.grants and self.grants[token]["claims"]["client_id"] == client:
                self.grants[token]["is_active"] = False
            self.refresh_tokens.pop(token, None)
        return 200, {}, b""

    def introspect(self, call):
        """RFC 7662."""
        self.authenticate(call)
        found = self.grants.get(call["form"].get("token"))
        if not found or not found["is_active"] or found["claims"]["exp"] < time.time():
            return json_answer({"active": False})
        claims = {"active": True, "iss": self.issuer, "token_type": "Bearer", "username": found["claims"].get("preferred_username"),
                  **found["claims"]}
        return json_answer({name: value for name, value in claims.items() if value is not None})

    # Logout

    def make_logout_token(self, key=None, typ="logout+jwt", header=None, **changes):
        """OpenID Connect Back-Channel Logout 1.0, section 2.4; each claim can be another, or None for not at all."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "rp1", "iat": now, "exp": now + 120, "jti": secrets.token_hex(8),
                  "events": {LOGOUT_EVENT: {}}, **changes}
        return signed_by(key or self.keys[0], claims, typ, **(header or {}))


def json_answer(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def form_page(address, fields):
    """OAuth 2.0 Form Post Response Mode."""
    inputs = "".join(f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in fields.items())
    body = (f'<!doctype html><html><body onload="document.forms[0].submit()"><form method="post" action="{html.escape(address)}">'
            f"{inputs}</form></body></html>")
    return 200, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}, body.encode()


def with_query(address, parameters):
    return f"{address}{'&' if '?' in address else '?'}{urllib.parse.urlencode(parameters)}"
