"""The recipe with FAB's remote user (docs/airflow/fab), running in front of Airflow 3 or 2; and what one sees and may there."""
import contextlib
import json
import os
import re
import sqlite3
import unittest.mock
import urllib.error
import urllib.request

from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from company import Company, site_of_recipe, token_of
from harness.provider import Provider
from harness.real import Person, come_back
from harness.servers import Server
from real_airflow import decoded
from recipe import Recipe, addresses

ROLES = {"ada": "Admin", "otto": "Op", "uma": "User", "vic": "Viewer"}  # the highest of each; ada is in two groups
FULL_NAMES = {"ada": "Ada Minna", "otto": "Otto Öp", "uma": "Uma User", "vic": "Vic Viewer"}
ACCOUNTS = {name: (f"{name}@example.com", FULL_NAMES[name], [ROLES[name]] if name != "ada" else ["Admin", "Viewer"]) for name in ROLES}
JSON = ("Content-Type", "application/json")


class FabRecipe(Recipe):
    """docs/airflow/fab for one version. `edits` are what docs/airflow.md says one may change, by file; `above` are more
    lines above the server block of nginx."""

    def __init__(self, version, moved, edits=None, above=""):
        super().__init__("fab", {**moved, f"nginx-airflow{version}.conf": moved["nginx.conf"]})
        self.version, self.edits, self.above = version, edits or {}, above

    def text(self, file):
        is_nginx = file == "nginx.conf"
        text = super().text(f"nginx-airflow{self.version}.conf" if is_nginx else file)
        for old, new in self.edits.get(file, {}).items():
            assert text.count(old) == 1, f"docs/airflow/fab/{file} has not one {old}"
            text = text.replace(old, new)
        return f"{self.above}\n{text}" if is_nginx else text


class Place:
    """One Airflow, and as many gates in front of it as a test needs: each is a site with nginx and Postern."""

    def __init__(self, version, make_airflow, make_lasting_site, edits=None):
        self.version, self.make_lasting_site, self.edits = version, make_lasting_site, edits or {}
        self.airflow = make_airflow(version)
        self.api = {3: "/api/v2", 2: "/api/v1"}[version]
        recipe = FabRecipe(version, {"nginx.conf": {}, f"airflow{version}.env": self.moved_environment}, self.edits)
        self.airflow.environment |= recipe.environment(f"airflow{version}.env")
        if version == 2:  # on a busy machine its watchdog takes a slow gunicorn for a dead one
            self.airflow.environment["AIRFLOW__WEBSERVER__WEB_SERVER_MASTER_TIMEOUT"] = "0"
        self.airflow.write("webserver_config.py", recipe.text("webserver_config.py"))
        if version == 3:
            self.airflow.write("plugins/postern_identity.py", recipe.text("plugins/postern_identity.py"))
        self.airflow.start_web(*(["--proxy-headers"] if version == 3 else []))

    @property
    def moved_environment(self):
        moved = {"https://airflow.example.com": "https://app.test"}
        if self.version == 3:
            moved["127.0.0.1:8080"] = f"127.0.0.1:{self.airflow.port}"
        return moved

    def gate(self, provider, **more):
        site = site_of_recipe(self.make_lasting_site, provider, lambda site: FabRecipe(
            self.version, addresses(site, self.airflow, provider), **{"edits": self.edits, **more}))
        site.others = [other for other in site.others if isinstance(other, Server)]  # those with a log
        return site

    # What Airflow shows

    def shown(self, browser):
        """Whose name Airflow has in its menu, as its page gets it."""
        if self.version == 3:
            response = browser.fetch("/ui/auth/me")
            assert response.status == 200, (response.status, response.text[:500])
            return decoded(response.body)["username"]
        response = browser.get("/home")
        assert response.status == 200, (response.status, response.text[:500])
        return re.search(r'class="navbar-user-icon" title="([^"]*)"', response.text).group(1)

    def name_of(self, name):
        """How that menu has somebody: version 3 by the account, version 2 by first and last name."""
        return name if self.version == 3 else FULL_NAMES[name]

    def may(self, browser, headers=()):
        """The role, as calls of the REST API show it."""
        done = [self.can(browser, deed, headers) for deed in ("read", "run", "change", "govern")]
        roles = {(True, True, True, True): "Admin", (True, True, True, False): "Op", (True, True, False, False): "User",
                 (True, False, False, False): "Viewer", (False, False, False, False): None}
        return roles[tuple(done)]

    def can(self, browser, deed, headers=()):
        response = self.call(browser, deed, headers)
        assert response.status in (200, 201, 401, 403, 409), (deed, response.status, response.text[:500])
        return response.status in (200, 201, 409)  # 409: it is there already

    def call(self, browser, deed, headers=()):
        run = {"logical_date": None} if self.version == 3 else {}
        method, target, body = {
            "read": ("GET", f"{self.api}/dags", None), "run": ("POST", f"{self.api}/dags/hello/dagRuns", run),
            "change": ("POST", f"{self.api}/variables", {"key": "colour", "value": "green"}),
            "govern": ("GET", "/auth/fab/v1/users", None)}[deed]
        if body is None:
            return browser.fetch(target, headers)
        return browser.fetch(target, [JSON, *headers], method=method, body=json.dumps(body).encode())

    def accounts(self):
        """Airflow's own accounts: by name, the e-mail address, the full name and the roles."""
        with contextlib.closing(sqlite3.connect(f"file:{self.airflow.home}/airflow.db?mode=ro", uri=True, timeout=20)) as database:
            rows = database.execute(
                "select u.username, u.email, trim(u.first_name || ' ' || u.last_name), r.name from ab_user u"
                " left join ab_user_role ur on ur.user_id = u.id left join ab_role r on r.id = ur.role_id order by 4").fetchall()
        found = {}
        for name, email, full, role in rows:
            found.setdefault(name, (email, full, []))[2].append(role)
        return found

    def execute(self, statement):
        """Changes Airflow's database."""
        with contextlib.closing(sqlite3.connect(f"{self.airflow.home}/airflow.db", timeout=20)) as database, database:
            database.execute(statement)

    def directly(self, target, method="GET", body=None, **headers):
        """A call of Airflow itself, as if it came through a gate (which nobody but the web server may do)."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.airflow.port}{target}", method=method, data=body, headers={
            name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with _opener.open(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays)


def enter(site, provider, name, target="/", browser=None):
    """Somebody signs in, from the page they asked for and back to it: the browser, the page, and the person."""
    person, browser = Person(provider, name), browser or site.browser()
    first = browser.get(target)
    assert first.status == 302 and first.location.startswith(provider.base), (first.status, first.location, first.text[:300])
    return browser, come_back(browser, provider, person, first.location), person


def token_of_program(provider, scope="airflow"):
    """The access token that requests-oauthlib gets for a program that speaks for itself."""
    with unittest.mock.patch.dict(os.environ, OAUTHLIB_INSECURE_TRANSPORT="1"):
        session = OAuth2Session(client=BackendApplicationClient("nightly", scope=scope.split()))
        return session.fetch_token(provider.endpoint("token_endpoint"), auth=("nightly", "nightly-secret"), timeout=15)["access_token"]


__all__ = ["Company", "Place", "Provider", "enter", "token_of", "token_of_program"]
