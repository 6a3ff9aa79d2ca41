"""A contract double of Google: OpenID Connect as accounts.google.com speaks it, and the Cloud Identity API."""
import re
import secrets
import urllib.parse

from .double import OpenIDDouble
from .provider import json_answer

# Where no other page is named: https://developers.google.com/identity/openid-connect/reference
GROUPS_SCOPE = "https://www.googleapis.com/auth/cloud-identity.groups.readonly"
STRING = r"'((?:[^'\\]|\\.)*)'"  # CEL: https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
QUERY = re.compile(rf"\s*member_key_id\s*==\s*{STRING}\s*&&\s*{STRING}\s+in\s+labels\s*")


class Google(OpenIDDouble):
    listeners = ("main", "googleapis", "cloudidentity")
    routes = (("main", "GET", "/.well-known/openid-configuration", "discovery"), ("main", "GET", "/o/oauth2/v2/auth", "authorize"),
              ("googleapis", "POST", "/token", "token"), ("googleapis", "POST", "/revoke", "revoke"),
              ("googleapis", "GET", "/oauth2/v3/certs", "jwks"), ("googleapis", "GET", "/v1/userinfo", "userinfo"),
              ("cloudidentity", "GET", "/v1/groups/-/memberships:searchTransitiveGroups", "search_groups"))

    def reset(self):
        with self.lock:
            super().reset()
            # `hd` is there for accounts of an organization only, and "the absence of this claim indicates that the account
            # does not belong to a Google hosted domain":
            # https://developers.google.com/identity/openid-connect/openid-connect
            self.person = {"sub": "110169484474386276334", "email": "alice@example.com", "email_verified": True, "hd": "example.com",
                           "name": "Alice Example", "given_name": "Alice", "family_name": "Example"}
            self.groups = ["ops@example.com", "all@example.com"]
            self.granted = None  # a set of scopes, when people have unticked some
            self.is_api_enabled = self.is_premium = True
            self.issuer_without_scheme = False
            self.consented = set()
            self.places = {}  # of the page tokens

    def discovery(self, _):
        """There is no end_session_endpoint, and what programs ask is on other origins."""
        root = self.origin("googleapis")
        return json_answer({
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/o/oauth2/v2/auth", "token_endpoint": f"{root}/token",
            "userinfo_endpoint": f"{root}/v1/userinfo", "revocation_endpoint": f"{root}/revoke",
            "jwks_uri": f"{root}/oauth2/v3/certs", "response_types_supported": ["code", "token", "id_token", "code token", "none"],
            "response_modes_supported": ["query", "fragment", "form_post"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["plain", "S256"], "authorization_response_iss_parameter_supported": True,
            "grant_types_supported": ["authorization_code", "refresh_token"]})

    def authorize(self, call):
        query = call["query"]
        if query.get("client_id") != self.client or "openid" not in query.get("scope", "").split():
            return 400, {"Content-Type": "text/html"}, b"Error 400: invalid_request"
        asked = set(query["scope"].split())
        # People agree to each scope beyond signing in by itself:
        # https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions
        scopes = asked if self.granted is None else asked & (self.granted | {"openid", "email", "profile"})
        status, headers, body = self.send_back({**query, "scope": " ".join(sorted(scopes))}, person=self.person)
        more = urllib.parse.urlencode({"iss": self.issuer, "scope": " ".join(sorted(scopes)), "authuser": "0", "prompt": "consent"})
        return status, {"Location": f"{headers['Location']}&{more}"}, body

    def issues(self, found):
        """"The modern value is https://accounts.google.com; however, accounts.google.com is also returned for legacy …"""
        issuer = "accounts.google.com" if self.issuer_without_scheme else self.issuer
        scopes = found["query"]["scope"].split()
        claims = {"sub", "hd", *(("email", "email_verified") if "email" in scopes else ()),
                  *(("name", "given_name", "family_name", "picture") if "profile" in scopes else ())}
        return {"iss": issuer, "azp": self.client, **{name: value for name, value in found["person"].items() if name in claims}}

    def gives_refresh_token(self, found):
        """Only for `offline`, and then only when people are asked: the first time, or with prompt=consent.
        https://developers.google.com/identity/protocols/oauth2/web-server#offline"""
        is_asked = found["person"]["sub"] not in self.consented or "consent" in found["query"].get("prompt", "").split()
        self.consented.add(found["person"]["sub"])
        return found["query"].get("access_type") == "offline" and is_asked

    def userinfo(self, call):
        found = self.bearer(call)
        if not found:
            return json_answer({"error": "invalid_request", "error_description": "Invalid Credentials"}, 401)
        return json_answer(found["person"])

    def revoke(self, call):
        """Either token will do, and the other goes with it:
        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke"""
        with self.lock:
            token = call["form"].get("token")
            found = self.tokens.get(token) or self.refresh_tokens.get(token)
            if not found:
                return json_answer({"error": "invalid_token", "error_description": "Token expired or revoked"}, 400)
            self.revoke_all(found)
        return json_answer({})

    def revoke_all(self, found=None):
        with self.lock:
            for kept in (self.tokens, self.refresh_tokens):
                for token in [token for token, one in kept.items() if found in (None, one)]:
                    del kept[token]

    def search_groups(self, call):
        """https://docs.cloud.google.com/identity/docs/reference/rest/v1/groups.memberships/searchTransitiveGroups"""
        found, query = self.bearer(call), call["query"]
        if not found:
            return failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if not self.is_api_enabled:
            return failure(403, "PERMISSION_DENIED", "Cloud Identity API has not been used in project 1 before or it is disabled.",
                           "SERVICE_DISABLED")
        if GROUPS_SCOPE not in found["query"]["scope"].split():
            return failure(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
        # "Only available to Google Workspace Enterprise Standard, Enterprise Plus, and Enterprise for Education; and Cloud
        # Identity Premium accounts."
        if not self.is_premium:
            return failure(403, "PERMISSION_DENIED", "Error(4001): Permission denied for resource groups/-.")
        # "MUST include member specification AND label(s)"
        match = QUERY.fullmatch(query.get("query", ""))
        if not match or match.group(2) != "cloudidentity.googleapis.com/groups.discussion_forum":
            return failure(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        if re.sub(r"\\(.)", r"\1", match.group(1)) != found["person"]["email"]:
            return failure(403, "PERMISSION_DENIED", "Error(4001): Permission denied for resource groups/-.")
        size, start = min(int(query.get("pageSize", 200)), 1000), self.places.get(query.get("pageToken"), 0)
        answer = {"memberships": [relation(number, group) for number, group in enumerate(self.groups)][start:start + size]}
        if start + size < len(self.groups):
            answer["nextPageToken"] = secrets.token_urlsafe(24) + "="
            self.places[answer["nextPageToken"]] = start + size
        return json_answer({name: value for name, value in answer.items() if value})  # empty lists are left out


def relation(number, group):
    """A GroupRelation; `roles` only where the membership is direct."""
    return {"group": f"groups/{number:015x}", "groupKey": {"id": group}, "displayName": "ops", "relationType": "DIRECT",
            "roles": [{"role": "MEMBER"}], "labels": {"cloudidentity.googleapis.com/groups.discussion_forum": ""}}


def failure(status, name, message, reason=None):
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}] if reason else []
    return json_answer({"error": {"code": status, "message": message, "status": name, **({"details": details} if details else {})}}, status)
