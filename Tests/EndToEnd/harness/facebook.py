"""A contract double of Facebook Login: the dialog on www.facebook.com, everything else in the Graph API."""
import hashlib
import hmac
import re
import secrets
import time

from .double import Double
from .provider import json_answer

# Where no other page is named: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
VERSION = r"/(v\d+\.\d+)"
NOT_AUTHORIZED = "Error validating access token: The user has not authorized application."


class Facebook(Double):
    client = "138483919580948"
    listeners = ("main", "graph")
    routes = (("main", "GET", VERSION + "/dialog/oauth", "authorize"), ("graph", "GET", VERSION + "/oauth/access_token", "token"),
              ("graph", "POST", VERSION + "/oauth/access_token", "token"), ("graph", "GET", VERSION + "/debug_token", "debug_token"),
              ("graph", "GET", VERSION + "/me", "me"), ("graph", "DELETE", VERSION + r"/(\w+)/permissions", "permissions"))

    def reset(self):
        with self.lock:
            super().reset()
            # Ids are of this person for this app, in digits and as text. There is no e-mail address where the account
            # has none, the person did not agree, or did not verify it; nothing says which, and no flag that it is theirs:
            # https://developers.facebook.com/docs/graph-api/reference/user
            self.person = {"id": "10158345678901234", "name": "Anna Example", "first_name": "Anna", "last_name": "Example",
                           "email": "anna@example.com"}
            self.granted = None  # a set of permissions, when the person has unticked some
            self.requires_proof = False  # the app's setting "Require App Secret"
            # https://developers.facebook.com/docs/graph-api/changelog/versions
            self.versions = {f"v{number}.0" for number in range(20, 27)}
            self.access_lifetime = 60 * 24 * 3600

    def authorize(self, call):
        query = call["query"]
        if query.get("client_id") != self.client:
            return 400, {"Content-Type": "text/html"}, b"Invalid App ID"
        asked = set(query.get("scope", "public_profile").replace(",", " ").split())
        status, headers, body = self.send_back(query, scopes=asked if self.granted is None else asked & self.granted)
        # Documented nowhere and seen by everybody: https://www.codegenes.net/blog/facebook-callback-appends-to-return-url
        return status, {"Location": headers["Location"] + "#_=_"}, body

    def answer(self, call):
        version = call["match"].group(1)
        if call["endpoint"] != "authorize" and version not in self.versions:
            return failure(f"Unknown path components: /{version}", "OAuthException", 2500)
        if call["endpoint"] in ("me", "debug_token", "permissions"):
            # Bearer, as every OAuth 2.0 resource; or the parameter that the documentation's examples use.
            scheme, _, sent = call["headers"].get("Authorization", "").partition(" ")
            call["sent"] = sent if scheme in ("Bearer", "OAuth") else call["query"].get("access_token", "")
            if refusal := self.refuse_proof(call) or self.refuse_token(call):
                return refusal
        return super().answer(call)

    def refuse_proof(self, call):
        """https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof"""
        proof = call["query"].get("appsecret_proof")
        if proof is None and self.requires_proof:
            return failure("API calls from the server require an appsecret_proof argument", "GraphMethodException", 100)
        if proof is not None and proof != hmac.new(self.secret.encode(), call["sent"].encode(), hashlib.sha256).hexdigest():
            return failure("Invalid appsecret_proof provided in the API argument", "GraphMethodException", 100)

    def refuse_token(self, call):
        """https://developers.facebook.com/docs/graph-api/guides/error-handling; the status, which is not documented, is 400:
        https://github.com/snarfed/bridgy/issues/59, https://github.com/MrSwitch/hello.js/issues/548"""
        # https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens
        call["is_app"] = call["sent"] == f"{self.client}|{self.secret}"
        call["token"] = self.tokens.get(call["sent"])
        if call["is_app"]:
            return None
        if not call["token"]:
            return failure("Invalid OAuth access token - Cannot parse access token", "OAuthException", 190)
        if call["token"]["error"]:
            return failure(NOT_AUTHORIZED, "OAuthException", 190, 458)

    def token(self, call):
        form = {**call["query"], **call["form"]}
        if form.get("client_id") != self.client:
            return failure("Error validating application. Cannot get application info due to a system error.", "OAuthException", 101)
        if form.get("client_secret") != self.secret:
            return failure("Error validating client secret.", "OAuthException", 1)
        found = self.redeem(form)
        # `error` is an object, unlike that of RFC 6749.
        if not found:
            return failure("This authorization code has been used.", "OAuthException", 100, 36009)
        return json_answer({"access_token": self.new_token(found["scopes"]), "token_type": "bearer", "expires_in": self.access_lifetime})

    def new_token(self, scopes, app=None):
        token = self.keep("EAAB" + secrets.token_hex(40))
        self.tokens[token] = {"scopes": set(scopes) | {"public_profile"}, "person": self.person, "app": app or self.client, "error": None}
        return token

    def revoke_all(self):
        with self.lock:
            for token in self.tokens.values():
                token["error"] = {"code": 190, "message": NOT_AUTHORIZED, "subcode": 458}

    def debug_token(self, call):
        """https://developers.facebook.com/docs/graph-api/reference/debug_token"""
        asked = self.tokens.get(call["query"].get("input_token"))
        if not call["is_app"]:
            return failure("(#100) You must provide an app access token, or a user access token that is an owner or developer of the "
                           "app", "OAuthException", 100)
        if not asked:
            data = {"error": {"code": 190, "message": "Invalid OAuth access token."}, "is_valid": False, "scopes": []}
            return json_answer({"data": data})
        now = int(time.time())
        data = {"app_id": asked["app"], "type": "USER", "application": "Postern", "data_access_expires_at": now + 7776000,
                "expires_at": now + self.access_lifetime, "is_valid": asked["error"] is None, "issued_at": now,
                "scopes": sorted(asked["scopes"]), "user_id": asked["person"]["id"],
                **({"error": asked["error"]} if asked["error"] else {})}
        return json_answer({"data": data})

    def me(self, call):
        """Only the id and name unless `fields` asks for more: https://developers.facebook.com/docs/graph-api/overview#fields"""
        if not call["token"]:
            return failure("An active access token must be used to query information about the current user.", "OAuthException", 2500)
        fields = {"id", *call["query"].get("fields", "name").split(",")}
        fields -= set() if "email" in call["token"]["scopes"] else {"email"}
        return json_answer({name: value for name, value in self.person.items() if name in fields})

    def permissions(self, call):
        """Takes the app off the person's account: https://developers.facebook.com/docs/facebook-login/guides/permissions/request-revoke"""
        person = (call["token"] or {}).get("person")
        if call["match"].group(2) not in ("me" if person else "", (person or self.person)["id"]):
            return failure("Unsupported delete request.", "GraphMethodException", 100, 33)
        self.revoke_all()
        return json_answer({"success": True})


def failure(message, kind, code, subcode=None):
    more = {} if subcode is None else {"error_subcode": subcode}
    status, headers, body = json_answer({"error": {"message": message, "type": kind, "code": code, **more,
                                                   "fbtrace_id": secrets.token_urlsafe(8)}}, 400)
    challenge = {"WWW-Authenticate": f'OAuth "Facebook Platform" "invalid_token" "{re.sub(chr(34), "", message)}"'} if code == 190 else {}
    return status, {**headers, **challenge}, body
