"""A contract double of Microsoft Entra ID: OpenID Connect below a tenant, and the groups of Microsoft Graph."""
import secrets
import urllib.parse

from .double import OpenIDDouble
from .provider import json_answer

# Where no other page is named: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
ANY = f"({TENANT}|common|organizations)"
READERS = {"User.Read", "User.Read.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}
OVERAGE = 200  # "the overage limit (150 for SAML tokens, 200 for JWT tokens)"


def group(number):
    """The object id of a group; names are not in tokens."""
    return f"00000000-0000-4000-8000-{number:012x}"


class Entra(OpenIDDouble):
    client = "00001111-aaaa-2222-bbbb-3333cccc4444"
    listeners = ("main", "graph")
    routes = (("main", "GET", f"/{ANY}/v2.0/.well-known/openid-configuration", "discovery"),
              ("main", "GET", f"/{ANY}/oauth2/v2.0/authorize", "authorize"), ("main", "POST", f"/{ANY}/oauth2/v2.0/token", "token"),
              ("main", "GET", f"/{ANY}/discovery/v2.0/keys", "jwks"), ("main", "GET", f"/{ANY}/oauth2/v2.0/logout", "end_session"),
              ("graph", "GET", "/oidc/userinfo", "userinfo"),
              ("graph", "GET", "/v1.0/me/transitiveMemberOf/microsoft.graph.group", "groups"))

    def __init__(self, authority):
        super().__init__(authority)
        self.issuer = f"{self.origin('main')}/{TENANT}/v2.0"

    def reset(self):
        with self.lock:
            super().reset()
            # `sub` is of this person and this client, `oid` of this person in the tenant. There is no email_verified; `email`
            # "isn't guaranteed to be correct and is mutable over time. Never use it for authorization".
            self.person = {"sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
                           "tid": TENANT, "preferred_username": "alice@example.com", "name": "Alice Example", "email": "alice@example.com"}
            self.groups_of_person = [group(1), group(2)]
            self.overage = "sources"  # or "hasgroups", as implicit flows have it
            self.pages = {}

    def discovery(self, call):
        """RFC 9207 is not supported; userinfo is at Microsoft Graph, another origin.
        https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc"""
        tenant = call["match"].group(1)
        origin, root = self.origin("main"), f"{self.origin('main')}/{tenant}"
        # Of all tenants together there is no one issuer: the name of each stands in its tokens.
        issuer = self.issuer if tenant == TENANT else f"{origin}/{{tenantid}}/v2.0"
        return json_answer({
            "issuer": issuer, "authorization_endpoint": f"{root}/oauth2/v2.0/authorize", "token_endpoint": f"{root}/oauth2/v2.0/token",
            "jwks_uri": f"{root}/discovery/v2.0/keys", "userinfo_endpoint": f"{self.origin('graph')}/oidc/userinfo",
            "end_session_endpoint": f"{root}/oauth2/v2.0/logout",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_modes_supported": ["query", "fragment", "form_post"], "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code", "id_token", "code id_token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"], "request_uri_parameter_supported": False,
            "tenant_region_scope": "EU", "cloud_instance_name": urllib.parse.urlsplit(origin).netloc})

    def authorize(self, call):
        query = call["query"]
        if query.get("client_id") != self.client or "openid" not in query.get("scope", "").split():
            return 400, {"Content-Type": "text/html"}, b"AADSTS900144"
        status, headers, body = self.send_back(query, person=self.person)
        return status, {"Location": f"{headers['Location']}&session_state={secrets.token_hex(16)}"}, body

    def issues(self, found):
        scopes, groups = found["query"]["scope"].split(), self.groups_of_person
        person = {name: value for name, value in found["person"].items()
                  if name in ("sub", "tid") or ("email" in scopes if name == "email" else "profile" in scopes)}
        return {"iss": self.issuer, "ver": "2.0", "uti": secrets.token_urlsafe(16), **person, **self.group_claims(groups)}

    def group_claims(self, groups):
        """https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#groups-overage-claim"""
        if len(groups) <= OVERAGE:
            return {"groups": groups} if groups else {}
        if self.overage == "hasgroups":
            return {"hasgroups": True}
        # "The URL returned will be an Azure AD Graph URL (graph.windows.net). Instead of relying on this URL …"
        endpoint = f"https://graph.windows.net/{TENANT}/users/{self.person['oid']}/getMemberObjects"
        return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": endpoint}}}

    def gives_refresh_token(self, found):
        """https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow"""
        return "offline_access" in found["query"]["scope"].split()

    def userinfo(self, call):
        """Less than the ID token says: https://learn.microsoft.com/entra/identity-platform/userinfo"""
        found = self.bearer(call)
        names = ("sub", "name", "email")
        return (json_answer({name: value for name, value in found["person"].items() if name in names}) if found
                else failure(401, "InvalidAuthenticationToken", "Access token is empty."))

    def end_session(self, call):
        back = call["query"].get("post_logout_redirect_uri")
        state = f"?state={urllib.parse.quote(call['query']['state'])}" if "state" in call["query"] else ""
        return (302, {"Location": back + state}, b"") if back else (200, {"Content-Type": "text/html"}, b"You signed out")

    def groups(self, call):
        """100 a page unless `$top` says otherwise, never more than 999. "ConsistencyLevel: eventual" and $count "are required
        when using … OData cast": https://learn.microsoft.com/graph/api/user-list-transitivememberof"""
        query, found = call["query"], self.bearer(call)
        if not found:
            return failure(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if not READERS.intersection(scope.rpartition("/")[2] for scope in found["query"]["scope"].split()):
            return failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        size, start = int(query.get("$top", 100)), 0
        if "$skiptoken" in query:
            size, start = self.pages.get(query["$skiptoken"], (0, 0))
        elif call["headers"].get("ConsistencyLevel") != "eventual" or query.get("$count") != "true" or not 0 < size <= 999:
            return failure(400, "Request_UnsupportedQuery", "Invalid search request.")
        fields = query.get("$select", "id,displayName").split(",")
        entries = [{"@odata.type": "#microsoft.graph.group", "id": one, "displayName": "ops"} for one in self.groups_of_person]
        answer = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#groups", "@odata.count": len(entries),
                  "value": [{name: value for name, value in entry.items() if name in fields} for entry in entries[start:start + size]]}
        # An address as a whole, to be used as it is: https://learn.microsoft.com/graph/paging
        if start + size < len(entries):
            mark = secrets.token_urlsafe(24)
            self.pages[mark] = (size, start + size)
            more = urllib.parse.urlencode({**{name: value for name, value in query.items() if name != "$skiptoken"}, "$skiptoken": mark})
            answer["@odata.nextLink"] = f"{call['url'].partition('?')[0]}?{more}"
        return json_answer(answer)


def failure(status, code, message):
    """https://learn.microsoft.com/graph/errors"""
    return json_answer({"error": {"code": code, "message": message, "innerError": {"request-id": secrets.token_hex(16)}}}, status)
