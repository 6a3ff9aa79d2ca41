"""A contract double of GitHub: OAuth on github.com, the REST API on api.github.com or, on an Enterprise Server, below /api/v3."""
import json
import secrets
import time
import urllib.parse

from .double import Double, basic
from .provider import json_answer

# Where no other page is named: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
# PKCE: https://github.blog/changelog/2025-07-14-pkce-support-for-oauth-and-github-app-authentication
DOCUMENTATION = "https://docs.github.com/rest"
VERSIONS = ("2022-11-28", "2026-03-10")
API = (("GET", "/user", "user"), ("GET", "/user/emails", "emails"), ("GET", "/user/orgs", "orgs"), ("GET", "/user/teams", "teams"),
       ("DELETE", "/applications/([^/]+)/token", "delete_token"))


class GitHub(Double):
    listeners = ("main", "api")
    routes = (("main", "GET", "/login/oauth/authorize", "authorize"), ("main", "POST", "/login/oauth/access_token", "token"),
              *((listener, method, prefix + path, endpoint) for listener, prefix in (("api", ""), ("main", "/api/v3"))
                for method, path, endpoint in API))

    def reset(self):
        with self.lock:
            super().reset()
            # A name can change and be taken by somebody else, the number cannot; `email` is null unless it is shown to
            # all: https://docs.github.com/en/rest/users/users#get-the-authenticated-user
            self.person = {"login": "octocat", "id": 583231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "site_admin": False,
                           "name": "The Octocat", "email": None, "two_factor_authentication": True}
            self.emails_of_person = [address("private@elsewhere.test"), address("octocat@example.com", primary=True, visibility="private"),
                                     address("octocat@corp.test", verified=False)]
            self.orgs_of_person, self.teams_of_person = ["acme"], [("acme", "ops")]
            self.granted = None  # a set of scopes, when people have taken some away
            self.is_app = False  # a GitHub App with tokens that expire, in place of an OAuth app
            self.access_lifetime = 8 * 3600
            self.refresh_tokens = {}

    # OAuth

    def authorize(self, call):
        query = call["query"]
        if query.get("client_id") != self.client:
            return 404, {}, b""
        return self.send_back(query, person=self.person)

    def token(self, call):
        form = call["form"]
        # In the body, and nowhere else is documented.
        if (form.get("client_id"), form.get("client_secret")) != (self.client, self.secret):
            answer = error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        elif form.get("grant_type") == "refresh_token":
            answer = self.refreshed(form)
        elif found := self.redeem(form):
            asked = set(found["query"].get("scope", "").replace(",", " ").split())
            # "Users can edit their scopes, effectively granting your application less access than you originally requested":
            # https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
            answer = self.new_token(found["person"], asked if self.granted is None else asked & self.granted)
        else:
            answer = error("bad_verification_code", "The code passed is incorrect or expired.")
        # Errors come with status 200, too, and everything is form-encoded unless JSON is asked for:
        # https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
        if "application/json" in call["headers"].get("Accept", ""):
            return json_answer(answer)
        return 200, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, urllib.parse.urlencode(answer).encode()

    def new_token(self, person, scopes):
        """OAuth apps' tokens do not end. Those of GitHub Apps have permissions instead of scopes, and end after 8 hours:
        https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens"""
        access = self.keep(("ghu_" if self.is_app else "gho_") + secrets.token_hex(18))
        answer = {"access_token": access, "scope": "" if self.is_app else ",".join(sorted(scopes)), "token_type": "bearer"}
        token = {"person": person, "scopes": scopes, "ends": float("inf")}
        if self.is_app:
            refresh = self.keep("ghr_" + secrets.token_hex(38))
            answer |= {"expires_in": self.access_lifetime, "refresh_token": refresh, "refresh_token_expires_in": 15897600}
            token["ends"] = time.monotonic() + self.access_lifetime
            self.refresh_tokens[refresh] = access
        self.tokens[access] = token
        return answer

    def refreshed(self, form):
        """Once used, neither the refresh token nor the access token beside it works any more (same page)."""
        with self.lock:
            old = self.tokens.pop(self.refresh_tokens.pop(form.get("refresh_token"), None), None)
            return (self.new_token(old["person"], old["scopes"]) if old
                    else error("bad_refresh_token", "The refresh token passed is incorrect or expired."))

    def revoke_all(self):
        """People, owners and GitHub itself can take tokens back at any time:
        https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation"""
        with self.lock:
            self.tokens.clear()
            self.refresh_tokens.clear()

    # The REST API: https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api

    def answer(self, call):
        if call["path"].startswith("/login/"):
            return super().answer(call)
        # "Requests with no User-Agent header will be rejected", with 403
        if not call["headers"].get("User-Agent"):
            return 403, {"Content-Type": "text/html"}, b"Request forbidden by administrative rules."
        # https://docs.github.com/en/rest/about-the-rest-api/api-versions
        if call["headers"].get("X-GitHub-Api-Version", VERSIONS[0]) not in VERSIONS:
            return failure(410, "This API version is no longer supported")
        if call["endpoint"] != "delete_token":
            call["token"] = self.bearer(call)
            # https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
            if not call["token"] or call["token"]["ends"] < time.monotonic():
                return failure(401, "Bad credentials")
        return super().answer(call)

    def user(self, call):
        return json_answer(call["token"]["person"])

    def emails(self, call):
        """https://docs.github.com/en/rest/users/emails#list-email-addresses-for-the-authenticated-user"""
        return self.page(call, self.emails_of_person) if self.may(call, "user", "user:email") else failure(404, "Not Found")

    def orgs(self, call):
        """https://docs.github.com/en/rest/orgs/orgs#list-organizations-for-the-authenticated-user"""
        if not self.may(call, "user", "read:org", "write:org", "admin:org"):
            return failure(403, "You need at least read:org scope or user scope to list your organizations.")
        return self.page(call, self.orgs_of_person, organization)

    def teams(self, call):
        """https://docs.github.com/en/rest/teams/teams#list-teams-for-the-authenticated-user"""
        if not self.may(call, "user", "repo", "read:org", "write:org", "admin:org"):
            return failure(403, "Must have admin rights or read:org scope to list teams.")
        return self.page(call, self.teams_of_person, lambda team: {
            **described(f"https://api.github.com/teams/{team[1]}", "members", "repositories"), "id": sum(team[1].encode()),
            "name": team[1].upper(), "slug": team[1], "privacy": "closed", "permission": "pull", "members_count": 3, "repos_count": 10,
            "organization": {**organization(team[0]), "name": "ops", "type": "Organization"},
            "parent": {**described("https://api.github.com/teams/9", "members", "repositories"), "id": 9, "slug": "parents"}})

    def may(self, call, *scopes):
        """Which scopes are needed is documented; what is said without them (403, and 404 for addresses) is only known."""
        return self.is_app or call["token"]["scopes"].intersection(scopes)

    def page(self, call, entries, made=lambda entry: entry):
        """30 a page unless `per_page` says otherwise, never more than 100, and no `link` where all fit on one:
        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api"""
        size, number = min(int(call["query"].get("per_page", 30)), 100), int(call["query"].get("page", 1))
        status, headers, body = json_answer([made(entry) for entry in entries[(number - 1) * size:number * size]])
        last = max(1, -(-len(entries) // size))
        relations = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        shown = {name: to for name, to in relations.items()
                 if 1 <= to <= last and (name in ("prev", "next") or (number < last if name == "last" else number > 1))}
        address = call["url"].partition("?")[0]
        links = (f'<{address}?{urllib.parse.urlencode({**call["query"], "page": to})}>; rel="{name}"' for name, to in shown.items())
        return status, {**headers, **({"Link": ", ".join(links)} if shown else {})}, body

    def delete_token(self, call):
        """https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-token"""
        if call["headers"].get("Authorization") != basic(self.client, self.secret) or call["match"].group(1) != self.client:
            return failure(404, "Not Found")
        try:
            token = json.loads(call["body"])["access_token"]
        except (ValueError, KeyError, TypeError):
            return failure(422, "Validation Failed")
        with self.lock:
            if self.tokens.pop(token, None) is None:
                return failure(422, "Validation Failed")
        return 204, {}, b""


def address(email, primary=False, verified=True, visibility=None):
    return {"email": email, "primary": primary, "verified": verified, "visibility": visibility}


def organization(login):
    return {**described(f"https://api.github.com/orgs/{login}", "repos", "events", "hooks", "issues", "members", "public_members",
                        "avatar"),
            "login": login, "id": sum(login.encode())}


def described(url, *links):
    """What stands in every entry and nobody asks for: a hundred teams are more than 256 KiB."""
    return {"node_id": "MDQ6VGVhbTE=", "url": url, "html_url": url, "description": "Those who look after everything. " * 12,
            **{f"{link}_url": f"{url}/{link}{{/member}}" for link in links}, "created_at": "2017-07-14T16:53:42Z",
            "updated_at": "2017-08-17T12:37:15Z"}


def error(name, description):
    return {"error": name, "error_description": description, "error_uri": f"/apps/oauth-apps/maintaining-oauth-apps/#{name}"}


def failure(status, message):
    return json_answer({"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}, status)
