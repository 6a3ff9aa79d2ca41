"""Contract doubles of the providers that are presets and no more: each is data, and the ways of its own that it documents."""
import json
import time
import urllib.parse

from .double import OpenIDDouble
from .extensions import form_page, json_answer
from .provider import SHARED_KEY
from .tokens import Key, parts, signed_by, verify

MEMBERS = {"authorize": "authorization_endpoint", "token": "token_endpoint", "jwks": "jwks_uri", "userinfo": "userinfo_endpoint",
           "revoke": "revocation_endpoint", "logout": "end_session_endpoint", "par": "pushed_authorization_request_endpoint"}
METHODS = {"basic": "client_secret_basic", "post": "client_secret_post", "key": "private_key_jwt"}
PROFILE = ("name", "preferred_username", "nickname", "given_name")
CLIENT_KEYS = {kind: Key(kind) for kind in ("ES256", "RS256")}  # those of the client, which a provider knows
TEXTS = (True, "true", 1, "1")  # where truth values are written as texts, in whatever way
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Service(OpenIDDouble):
    """`path` is the issuer's, `places` are its endpoints, with `other:` those that are on another origin. `methods`: the ways that a
    client may show who it is. `scopes`: what people must be asked for, and which claims it brings; `more_scopes` are known, too.
    `in_id_token`: the claims that are there; userinfo has all. `person`, and the `user` and the `groups` that come of it.
    What is not as documented goes to `complaints`."""

    listeners = ("main", "other")
    path, places, methods, metadata, settings = "", {}, ("basic", "post"), {}, {}
    scopes = {"openid": ("sub",), "profile": PROFILE, "email": ("email", "email_verified")}
    more_scopes, in_id_token = (), None
    person = {"sub": "248289761001", "preferred_username": "alice", "name": "Alice", "email": "alice@example.com", "email_verified": True}
    user, groups, extra = "alice", [], {}
    client_key, subject, verified = None, "sub", "email_verified"
    is_openid = has_pkce = repeats_nonce = can_verify = has_refresh_tokens = True
    truths = (True,)  # whatever else says that an address is verified is not believed

    def __init__(self, authority):
        super().__init__(authority)
        self.issuer = self.origin("main") + self.path
        discovery = f"{self.path.rstrip('/')}/\\.well-known/openid-configuration"
        self.routes = [("main", "GET", discovery, "discovery")] if self.is_openid else []
        for endpoint, place in self.places.items():
            listener, path = ("other", place[6:]) if place.startswith("other:") else ("main", place)
            method = "POST" if endpoint in ("token", "revoke", "par") else "GET"
            self.routes.append((listener, method, path.replace(".", "\\."), endpoint))

    def reset(self):
        with self.lock:
            super().reset()
            self.person = json.loads(json.dumps(type(self).person))
            self.complaints, self.asked, self.pushed, self.used = [], [], {}, set()
            self.in_id_token = type(self).in_id_token

    def url(self, endpoint):
        place = self.places[endpoint]
        return self.origin("other") + place[6:] if place.startswith("other:") else self.origin("main") + place

    def set_verified(self, value):
        """As the provider says it of the address; `None`: not at all."""
        self.person = {**self.person, self.verified: value}

    def complain(self, text, error="invalid_request", status=400):
        self.complaints.append(text)
        return json_answer({"error": error, "error_description": text}, status)

    def discovery(self, _):
        document = {"issuer": self.issuer, **{MEMBERS[name]: self.url(name) for name in self.places if name in MEMBERS},
                    "response_types_supported": ["code"], "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "token_endpoint_auth_methods_supported": [METHODS[method] for method in self.methods], **self.metadata}
        return json_answer(document)

    def par(self, call):
        if not self.is_client(call):
            return self.complain(f"par by somebody else: {call['form']}", "invalid_client", 401)
        name = f"urn:ietf:params:oauth:request_uri:{len(self.pushed)}"
        self.pushed[name] = call["form"]
        return json_answer({"request_uri": name, "expires_in": 60}, 201)

    def authorize(self, call):
        query = self.pushed.pop(call["query"].get("request_uri"), call["query"])
        self.asked.append(query)
        asked = set(query.get("scope", "").split())
        faults = [name for name, is_good in (
            ("client_id", query.get("client_id") == self.client), ("response_type", query.get("response_type") == "code"),
            ("scope", set(self.scopes) <= asked <= {*self.scopes, *self.more_scopes}),
            ("nonce", not self.repeats_nonce or ("nonce" in query) == self.is_openid),
            ("code_challenge", not self.has_pkce or query.get("code_challenge_method") == "S256")) if not is_good]
        if faults:
            return self.complain(f"{faults}: {query}")
        return self.answer_to({**query, "scope": query.get("scope", "")})

    def answer_to(self, query, **more):
        status, headers, body = self.send_back(query, person=self.person)
        if query.get("response_mode") != "form_post":
            return status, headers, body
        back = urllib.parse.parse_qsl(urllib.parse.urlsplit(headers["Location"]).query)
        return form_page(query["redirect_uri"], {**dict(back), **more})

    def is_client(self, call):
        """In one way, and that a documented one (RFC 6749, section 2.3)."""
        form, authorization = call["form"], call["headers"].get("Authorization", "")
        used = {name for name, is_used in (("basic", authorization.startswith("Basic ")), ("post", "client_secret" in form),
                                           ("key", "client_assertion" in form)) if is_used}
        if len(used) != 1 or not used <= set(self.methods):
            self.complaints.append(f"the client shows who it is by {used}, not by one of {self.methods}")
            return False
        return self.is_key_of_client(call) if used == {"key"} else super().is_client(call)

    def is_proved(self, call, parameter, kid, expected, longest):
        """Whether the token in this parameter is signed with the client's key, and says what it must."""
        key, token, now = CLIENT_KEYS[self.client_key], self.keep(call["form"].get(parameter, "")), time.time()
        try:
            header, claims = verify(token, [{**key.jwk(), "kid": kid or parts(token)[0].get("kid")}])
            assert header["alg"] == key.kind and (kid is None or header["kid"] == kid), header
            assert expected.items() <= claims.items() and now < claims["exp"] <= now + longest, claims
            assert kid or len(claims["jti"]) >= 16 and claims["jti"] not in self.used, claims
            self.used.add(claims.get("jti"))
            assert call["form"]["client_id"] == self.client and "Authorization" not in call["headers"], "another client, or two ways"
        except (AssertionError, KeyError, ValueError) as error:
            self.complaints.append(f"{parameter}: {error!r}")
            return False
        return True

    def token(self, call):
        if not self.has_pkce and "code_verifier" in call["form"]:
            return self.complain("there is no PKCE, and code_verifier is not expected", "invalid_client", 401)
        status, headers, body = super().token(call)
        if status != 200:
            self.complaints.append(f"token: {status} {body}")
            return status, headers, body
        return json_answer(self.shaped(json.loads(body)))

    def shaped(self, answer):
        """The token answer as this provider makes it."""
        if not self.is_openid:
            del answer["id_token"]
        return answer

    def gives_refresh_token(self, _):
        return self.has_refresh_tokens

    def claims_of(self, found):
        names = {name for scope in found["query"]["scope"].split() for name in self.scopes.get(scope, ())}
        return {name: value for name, value in found["person"].items() if name in {*names, *self.extra} and value is not None}

    def issues(self, found):
        claims = {name: value for name, value in self.claims_of(found).items() if self.in_id_token is None or name in self.in_id_token}
        return {"iss": self.issuer, "sub": found["person"].get("sub"), **claims, **({} if self.repeats_nonce else {"nonce": None})}

    def userinfo(self, call):
        found = self.bearer(call)
        return json_answer(self.profile(found, call)) if found else self.complain("userinfo without a token", "invalid_token", 401)

    def profile(self, found, call):
        return self.claims_of(found)

    def revoke(self, _):
        return json_answer({})


class Keycloak(Service):
    """https://www.keycloak.org/docs/latest/server_admin/#_oidc_token_role_mappings: roles are in the access token alone, unless
    an administrator puts them elsewhere; groups need a mapper. https://www.keycloak.org/securing-apps/oidc-layers: the endpoints."""

    path = "/realms/staff"
    places = {name: f"/realms/staff/protocol/openid-connect/{last}" for name, last in (
        ("authorize", "auth"), ("token", "token"), ("jwks", "certs"), ("userinfo", "userinfo"), ("revoke", "revoke"), ("logout", "logout"),
        ("par", "ext/par/request"))}
    person, extra = {**Service.person, "groups": ["/staff"]}, ("groups",)
    groups = ["/staff", "role:ops", "role:account:view-profile", "role:rp1:editor"]

    def reset(self):
        super().reset()
        self.access_key, self.access_changes = SHARED_KEY, {}

    def shaped(self, answer):
        with self.lock:
            found, now = self.tokens.pop(answer["access_token"]), int(time.time())
            claims = {"iss": self.issuer, "aud": "account", "azp": self.client, "sub": found["person"]["sub"], "typ": "Bearer", "iat": now,
                      "exp": now + 300, "realm_access": {"roles": ["ops"]},
                      "resource_access": {"rp1": {"roles": ["editor"]}, "account": {"roles": ["view-profile"]}}, **self.access_changes}
            answer["access_token"] = self.keep(signed_by(self.access_key, claims, kid=SHARED_KEY.kid))
            self.tokens[answer["access_token"]] = found
        return answer


class Cognito(Service):
    """https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html: `email_verified` is a text there.
    …/logout-endpoint.html: client_id and logout_uri. …/federation-endpoints.html: all but the keys is on the pool's own domain."""

    path = "/us-east-1_EXAMPLE"
    places = {"jwks": "/us-east-1_EXAMPLE/.well-known/jwks.json", "authorize": "other:/oauth2/authorize", "token": "other:/oauth2/token",
              "userinfo": "other:/oauth2/userInfo", "revoke": "other:/oauth2/revoke", "end": "other:/logout"}
    extra, in_id_token = ("cognito:groups", "cognito:username", "username"), ("sub", "cognito:groups", "cognito:username")
    person = {"sub": "a1b2c3d4-5678", "cognito:username": "alice", "username": "alice", "cognito:groups": ["ops", "staff"],
              "email": "alice@example.com", "email_verified": "true"}
    groups, truths = ["ops", "staff"], TEXTS

    def profile(self, found, call):
        return {name: value for name, value in self.claims_of(found).items() if not name.startswith("cognito:")}

    def end(self, call):
        if set(call["query"]) != {"client_id", "logout_uri"}:
            return self.complain(f"logout: {call['query']}")
        return 302, {"Location": call["query"]["logout_uri"]}, b""


class Apple(Service):
    """https://developer.apple.com/documentation/signinwithapplerestapi/request_an_authorization_to_the_sign_in_with_apple_server: with a
    scope the answer is posted. …/accountorganizationaldatasharing/creating-a-client-secret: the secret. …/signinwithapple/
    authenticating-users-with-sign-in-with-apple: `email_verified` is "a string or Boolean value". There is no userinfo."""

    places = {"authorize": "/auth/authorize", "token": "/auth/token", "jwks": "/auth/keys", "revoke": "/auth/revoke"}
    methods, truths, user = ("post",), TEXTS, "alice@example.com"
    scopes = {"openid": ("sub",), "name": (), "email": ("email", "email_verified")}
    person = {"sub": "001234.8a4e6d4f.0934", "email": "alice@example.com", "email_verified": "true"}
    settings = {"client_secret_file": None, "tenant": "TEAM123456", "client_key_id": "ABC123DEFG"}
    client_key = "ES256"

    def answer_to(self, query):
        if query.get("response_mode") != "form_post":
            return self.complain(f"response_mode must be form_post when name or email scope is requested: {query}")
        # What the person is called comes by way of the browser, and is what the browser says.
        return super().answer_to(query, user=json.dumps({"name": {"firstName": "Alice", "lastName": "Doe"}, "email": "admin@example.com"}))

    def is_client(self, call):
        return self.is_proved(call, "client_secret", "ABC123DEFG", {"iss": "TEAM123456", "sub": self.client, "aud": self.issuer}, 15777000)


class LoginGov(Service):
    """https://developers.login.gov/oidc/authorization/, /oidc/token/ (RS256; `aud` is the token endpoint), /oidc/user-info/ (the address
    is there alone), /oidc/logout/ (client_id and post_logout_redirect_uri; id_token_hint is refused:
    app/forms/openid_connect_logout_form.rb of github.com/18F/identity-idp)."""

    places = {"authorize": "/openid_connect/authorize", "token": "/api/openid_connect/token", "jwks": "/api/openid_connect/certs",
              "userinfo": "/api/openid_connect/userinfo", "logout": "/openid_connect/logout"}
    methods, metadata = ("key",), {"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}
    scopes, more_scopes = {"openid": ("sub",), "email": ("email", "email_verified")}, ("profile",)
    person = {"sub": "b2d2d115-1d7e-4579-b9d6-f8e84f4f56ca", "email": "alice@example.com", "email_verified": True}
    user, in_id_token = "alice@example.com", ("sub",)
    settings, client_key, has_refresh_tokens = {"client_secret_file": None}, "RS256", False

    def answer_to(self, query):
        if min(len(query["state"]), len(query["nonce"])) < 22 or query.get("acr_values") != "urn:acr.login.gov:auth-only":
            return self.complain(f"state, nonce or acr_values: {query}")
        return super().answer_to(query)

    def is_key_of_client(self, call):
        return call["form"]["client_assertion_type"] == ASSERTION and self.is_proved(
            call, "client_assertion", None, {"iss": self.client, "sub": self.client, "aud": self.url("token")}, 600)

    def logout(self, call):
        if set(call["query"]) - {"state"} != {"client_id", "post_logout_redirect_uri"} or len(call["query"].get("state", "x" * 22)) < 22:
            return self.complain(f"logout: {sorted(call['query'])}")
        return 302, {"Location": call["query"]["post_logout_redirect_uri"]}, b""


class LinkedIn(Service):
    """https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2, and …/linkedin/shared/
    authentication/authorization-code-flow: the secret is in the body; PKCE is for native apps alone, elsewhere `code_verifier` makes it
    fail (github.com/nextauthjs/next-auth/issues/8831, github.com/teamhanko/hanko/pull/2405). The nonce is not repeated
    (github.com/linkedin-developers/linkedin-api-js-client/issues/34); `email_verified` is a text
    (github.com/logto-io/logto/issues/6843)."""

    path = "/oauth"
    places = {"authorize": "/oauth/v2/authorization", "token": "/oauth/v2/accessToken", "jwks": "/oauth/openid/jwks",
              "userinfo": "other:/v2/userinfo"}
    methods, truths, user, has_pkce, repeats_nonce = ("post",), TEXTS, "alice@example.com", False, False
    person = {"sub": "782bbtaQ", "name": "Alice Doe", "email": "alice@example.com", "email_verified": "true"}


class Slack(Service):
    """https://docs.slack.dev/authentication/sign-in-with-slack, https://docs.slack.dev/reference/methods/openid.connect.token: the claims;
    answers have `ok`, also with status 200 when they are errors. https://slack.com/.well-known/openid-configuration"""

    places = {"authorize": "/openid/connect/authorize", "token": "/api/openid.connect.token", "jwks": "/openid/connect/keys",
              "userinfo": "/api/openid.connect.userInfo"}
    person = {"sub": "U0R7MFMJM", "https://slack.com/user_id": "U0R7MFMJM", "https://slack.com/team_id": "T0RR", "name": "alice",
              "email": "alice@example.com", "email_verified": True}
    user, extra = "alice@example.com", ("https://slack.com/user_id", "https://slack.com/team_id")

    def shaped(self, answer):
        return {"ok": True, **answer}

    def complain(self, text, error="invalid_request", status=400):
        super().complain(text)
        return json_answer({"ok": False, "error": error})

    def profile(self, found, call):
        return {"ok": True, **self.claims_of(found)}


class ADFS(Service):
    """https://learn.microsoft.com/windows-server/identity/ad-fs/development/custom-id-tokens-in-ad-fs: claims beyond the fixed ones come
    with response_mode=form_post and the scope allatclaims. …/ad-fs-openid-connect-oauth-concepts: userinfo has the subject alone.
    https://learn.microsoft.com/openspecs/windows_protocols/ms-oidce: `upn` is optional, `unique_name` is not; nothing says of an address
    that it is verified. One value of a claim is a text, several are a list."""

    path = "/adfs"
    places = {"authorize": "/adfs/oauth2/authorize/", "token": "/adfs/oauth2/token/", "jwks": "/adfs/discovery/keys",
              "userinfo": "/adfs/userinfo", "logout": "/adfs/oauth2/logout"}
    scopes, more_scopes = {"openid": ("sub", "upn", "unique_name"), "email": ("email",)}, ("profile", "allatclaims")
    person = {"sub": "aGVsbG8gd29ybGQ=", "upn": "alice@corp.example", "unique_name": "CORP\\alice", "email": "alice@example.com",
              "group": ["CORP\\ops", "CORP\\staff"]}
    user, groups, can_verify = "alice@corp.example", ["CORP\\ops", "CORP\\staff"], False

    def issues(self, found):
        query, claims = found["query"], super().issues(found)
        has_more = query.get("response_mode") == "form_post" and "allatclaims" in query["scope"].split()
        return {**claims, "group": found["person"].get("group")} if has_more else claims

    def profile(self, found, call):
        return {"sub": found["person"]["sub"]}


class Zitadel(Service):
    """https://zitadel.com/docs/apis/openidoauth/claims: with the code flow, what describes a person is in userinfo alone; roles are the
    names of an object's members. They come where the project has "Assert Roles on Authentication"; the scope
    `urn:zitadel:iam:org:projects:roles` is only for the projects of scopes `…:project:id:ID:aud` (…/scopes#reserved-scopes)."""

    places = {"authorize": "/oauth/v2/authorize", "token": "/oauth/v2/token", "jwks": "/oauth/v2/keys", "userinfo": "/oidc/v1/userinfo",
              "revoke": "/oauth/v2/revoke", "logout": "/oidc/v1/end_session"}
    more_scopes, in_id_token, groups = ("urn:zitadel:iam:org:projects:roles",), ("sub",), ["ops", "staff"]
    extra = ("urn:zitadel:iam:org:project:roles",)
    person = {**Service.person, extra[0]: {"ops": {"69234237810729019": "acme.zitadel.cloud"}, "staff": {"1": "a.test", "2": "b.test"}}}


class Discord(Service):
    """https://discord.com/developers/docs/topics/oauth2, …/resources/user#user-object (`verified` is of the address, and both come with
    the scope email), …/reference#user-agent: it must be there."""

    places = {"authorize": "/oauth2/authorize", "token": "other:/api/oauth2/token", "revoke": "other:/api/oauth2/token/revoke",
              "userinfo": "other:/api/users/@me"}
    scopes = {"identify": ("id", "username", "discriminator", "global_name"), "email": ("email", "verified")}
    person = {"id": "80351110224678912", "username": "alice", "discriminator": "0", "global_name": "Nobody", "email": "alice@example.com",
              "verified": True}
    is_openid, subject, verified = False, "id", "verified"

    def profile(self, found, call):
        if not call["headers"].get("User-Agent"):
            self.complaints.append("there is no User-Agent")
        return self.claims_of(found)


class Bitbucket(Service):
    """https://developer.atlassian.com/cloud/bitbucket/oauth-2 (the client shows who it is with Basic), …/rest/api-group-users (addresses
    have a call and a scope of their own), …/bitbucket-api-changes-gdpr: account_id is the key, a nickname is not unique."""

    places = {"authorize": "/site/oauth2/authorize", "token": "/site/oauth2/access_token", "userinfo": "other:/2.0/user",
              "emails": "other:/2.0/user/emails"}
    methods, is_openid, subject, verified = ("basic",), False, "account_id", "is_confirmed"
    scopes = {"account": ("type", "uuid", "account_id", "display_name", "nickname", "username"), "email": ()}
    person = {"type": "user", "uuid": "{d301aafa-d676-4ee0-88be-962be7417567}", "account_id": "557058:c0b72ad0", "nickname": "root",
              "username": "alice", "display_name": "Alice Doe", "is_confirmed": True}

    def emails(self, call):
        if not self.bearer(call):
            return self.complain("emails without a token", status=401)
        return json_answer({"values": [
            {"type": "email", "email": "private@elsewhere.test", "is_primary": False, "is_confirmed": True},
            {"type": "email", "email": "alice@example.com", "is_primary": True, "is_confirmed": self.person["is_confirmed"]}]})


class Nextcloud(Service):
    """https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/oauth2.html: no scopes. …/developer_manual/client_apis/
    OCS: the head field and the envelope. Anybody may write any address into the own profile."""

    places = {"authorize": "/index.php/apps/oauth2/authorize", "token": "/index.php/apps/oauth2/api/v1/token",
              "userinfo": "/ocs/v2.php/cloud/user"}
    scopes, is_openid, can_verify, subject, groups = {}, False, False, "id", ["admin", "staff"]
    person = {"id": "alice", "email": "alice@example.com", "displayname": "Alice", "groups": ["admin", "staff"], "enabled": True,
              "email_verified": True}  # nothing that it says: nobody believes it

    def profile(self, found, call):
        if call["headers"].get("OCS-APIRequest") != "true" or call["query"].get("format") != "json":
            return {"ocs": {"meta": {"status": "failure", "statuscode": 997}, "data": []}}
        return {"ocs": {"meta": {"status": "ok", "statuscode": 200, "message": "OK"}, "data": found["person"]}}
