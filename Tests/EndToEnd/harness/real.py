"""Providers that others wrote, a person who signs in there, and how they reach the site's own endpoints."""
import collections
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import unittest.mock
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from bs4 import BeautifulSoup
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from providers.glewlwyd_provider import OlderTLS

from .browser import Browser
from .servers import ROOT, Server, free_port, may_connect, wait_until

CALLBACK, SIGN_OUT = "https://app.test/oauth2/callback", "https://app.test/oauth2/sign_out"
LAUNCHERS = os.path.join(ROOT, "Tests", "EndToEnd", "providers")
Posted = collections.namedtuple("Posted", "url fields page")  # a form that a page of the provider sends to us


class RealProvider(Server):
    """Runs until closed. Access tokens end after `access_lifetime` seconds; `more` are options of its launcher. With an
    `authority` (Glewlwyd only) it speaks https, and takes certificates of that authority from clients."""

    def __init__(self, kind, access_lifetime=3600, *more, authority=None):
        self.kind, self.port, self.authority = kind, free_port(), authority
        self.base = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"
        self.http = self.new_session()
        if authority:
            more += ("--tls", *authority.issue("127.0.0.1"), authority.path)
        self.folder = tempfile.mkdtemp(prefix=f"postern-{kind}-")
        may_connect(self.folder)
        super().__init__(kind, self.folder, [
            sys.executable, os.path.join(LAUNCHERS, f"{kind}.py"), "--port", str(self.port), "--folder", self.folder,
            "--redirect", CALLBACK, "--post-logout", SIGN_OUT, "--access-lifetime", str(access_lifetime), *more])
        self.start()
        try:
            self.issuer = wait_until(self.said_issuer, 60, f"{kind}'s issuer: {self.log_path}")
            wait_until(self.answers, 30, kind)
        except BaseException:
            self.close()
            raise

    def new_session(self):
        session = requests.Session()
        if self.authority:
            session.mount("https://", OlderTLS(self.authority.path))
        return session

    def said_issuer(self):
        assert self.is_running(), f"{self.kind} ended: {self.log[-3000:]}"
        lines = [line for line in self.log.splitlines() if line.startswith("issuer ")]
        return lines[0].split()[1] if lines else None

    def answers(self):
        try:
            return self.http.get(f"{self.issuer}/.well-known/openid-configuration", timeout=15).ok
        except requests.RequestException:
            return False

    def endpoint(self, name, issuer=None):
        """An address that the provider publishes; django-oauth-toolkit has some of them in its OAuth2 metadata only."""
        documents = (self.http.get(f"{issuer or self.issuer}/.well-known/{kind}", timeout=15)
                     for kind in ("openid-configuration", "oauth-authorization-server"))
        return next(address for document in documents if (address := document.json().get(name)))

    def ask(self, query, *values):
        """Rows of the provider's own database."""
        name = next(name for name in os.listdir(self.folder) if name.endswith(".db"))
        with sqlite3.connect(f"file:{self.folder}/{name}?mode=ro", uri=True, timeout=20) as connection:
            return connection.execute(query, values).fetchall()

    def introspect(self, token, client="confidential", secret="confidential-secret", issuer=None):
        """What the provider says of a token."""
        answer = self.http.post(self.endpoint("introspection_endpoint", issuer), auth=(client, secret), data={"token": token}, timeout=15)
        answer.raise_for_status()
        return answer.json()

    @property
    def log(self):
        return super().log if os.path.exists(self.log_path) else "gone with its folder"

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Relay:
    """Providers know nothing of app.test and its certificate: they call this address, which passes the call on to the
    web server of `site`, and remembers it."""

    def __init__(self):
        relay, self.site, self.calls = self, None, []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kept = [(name, self.headers[name]) for name in ("Content-Type", "Accept") if name in self.headers]
                answer = Browser(relay.site.port, relay.site.authority.path).send(self.path, self.command, kept, body)
                relay.calls.append((self.command, self.path, body, answer.status))
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.header("Content-Type") or "text/plain")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def called(self, path):
        """Bodies and statuses of the calls of this path."""
        return [(body, status) for _, target, body, status in list(self.calls) if target.split("?")[0] == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Person:
    """Somebody at a browser window of the provider: reads its pages, fills in its forms, presses its buttons. `frames`
    are the addresses of others that its pages had in frames."""

    AGREE = ("accept", "allow", "authorize", "yes", "confirm", "continue", "sign in", "log in", "login", "answer")

    def __init__(self, provider, name="alice"):
        self.provider, self.name = provider, name
        # LemonLDAP::NG's demonstration accounts have their name for a password.
        self.password = name if provider.kind == "lemonldap_provider" else f"{name}-password"
        self.session = provider.new_session()
        self.passwords_typed = 0
        self.frames = []

    def walk(self, url):
        """From this address of the provider's to the first that is ours, which is given back."""
        response = self.get(url)
        for _ in range(20):
            if response.is_redirect:
                url = urllib.parse.urljoin(response.url, response.headers["Location"])
                if "/login.html?" in url:
                    url = self.do_as_glewlwyds_page(url)
                if not is_theirs(url):
                    return url
                response = self.get(url)
            else:
                response = self.submit(response)
                if isinstance(response, (str, Posted)):
                    return response
        raise AssertionError(f"{self.provider.kind} leads nowhere: {response.status_code} {response.url}")

    def get(self, url):
        return self.session.get(url, allow_redirects=False, timeout=15)

    # Glewlwyd's pages are a program for browsers; these do what that program does.

    def do_as_glewlwyds_page(self, url):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        if query.get("prompt") == "end_session":
            return self.leave_glewlwyd(query)
        if not self.passwords_typed:
            self.type_password_at_glewlwyd()
        self.session.put(f"{self.api}/auth/grant/{query['client_id']}", json={"scope": query["scope"]},
                         timeout=15).raise_for_status()
        return f"{query['callback_url']}&g_continue"

    def type_password_at_glewlwyd(self):
        self.passwords_typed += 1
        account = {"username": self.name, "password": self.password}
        self.session.post(f"{self.api}/auth/", json=account, timeout=15).raise_for_status()

    def leave_glewlwyd(self, query):
        session = f"{self.api}/{query['plugin']}/session/{query['sid']}"
        found = self.session.get(f"{session}/{query['client_id']}", timeout=15).json()
        for client in found.get("client", ()):
            sid = f"&sid={found['sid']}" if client["frontchannel_logout_session_required"] else ""
            self.frames.append(f"{client['frontchannel_logout_uri']}?iss={found['iss']}{sid}")
        for url in (session, f"{self.api}/auth/"):
            self.session.delete(url, timeout=15).raise_for_status()
        assert self.session.get(f"{self.api}/profile_list", timeout=15).status_code == 401
        return query["callback_url"]

    @property
    def api(self):
        return f"{self.provider.base}/api"

    def submit(self, response):
        """Sends the form of the page as a person would; gives a form that is for us back instead."""
        said = f"{self.provider.kind}: {response.status_code} {response.url} {response.text[:500]}"
        assert response.status_code == 200, said
        page = BeautifulSoup(response.text, "html.parser")
        self.frames += [frame["src"] for frame in page.find_all("iframe") if not is_theirs(frame["src"])]
        forms = page.find_all("form")
        assert forms, said
        form = next((form for form in forms if form.find(type="password")), forms[-1])
        fields, buttons = {}, []
        for element in form.find_all(["input", "button"]):
            name, kind = element.get("name"), element.get("type", "submit" if element.name == "button" else "text")
            if kind in ("submit", "button"):
                words = f"{name} {element.get('value')} {element.get_text(' ')}".lower()
                buttons.append((any(word in words for word in self.AGREE), name, element.get("value") or ""))
            elif kind == "password":
                self.passwords_typed += 1
                fields[name] = self.password
            elif name and kind in ("text", "email"):
                fields[name] = element.get("value") or self.name
            elif name and (kind != "checkbox" or element.has_attr("checked")):
                fields[name] = element.get("value") or ""
        agree = next((button for button in sorted(buttons, reverse=True)), (False, None, ""))
        if agree[1]:
            fields[agree[1]] = agree[2]
        action, method = urllib.parse.urljoin(response.url, form.get("action") or response.url), form.get("method", "get").lower()
        if not is_theirs(action):
            return Posted(action, fields, response.url) if method == "post" else action
        return self.session.request(method, action, data=fields, allow_redirects=False, timeout=15,
                                    headers={"Referer": response.url})


class Program:
    """A program with an access token: given, or got with requests-oauthlib for the client program."""

    def __init__(self, site, provider=None, token=None, scope="reports", issuer=None, **more):
        self.site, self.token = site, token
        if provider:
            client = OAuth2Session(client=BackendApplicationClient("program", scope=scope.split()))
            with unittest.mock.patch.dict(os.environ, OAUTHLIB_INSECURE_TRANSPORT="1"):  # the provider's http, on loopback
                self.token = client.fetch_token(provider.endpoint("token_endpoint", issuer), timeout=15,
                                                auth=("program", "program-secret"), **more)["access_token"]
        # Of a token without a time it does not say itself that it has ended.
        self.session = OAuth2Session("program", token={"access_token": self.token, "token_type": "Bearer"})
        self.session.mount("https://", _Local(site.port))
        self.session.headers["Host"] = "app.test"

    def get(self, target, **options):
        return self.session.get(f"https://app.test{target}", verify=self.site.authority.path, timeout=15,
                                allow_redirects=False, **options)


class _Local(requests.adapters.HTTPAdapter):
    """Takes https://app.test to the site's port."""

    def __init__(self, port):
        self.port = port
        super().__init__()

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.poolmanager.connection_from_host(
            "127.0.0.1", self.port, "https",
            pool_kwargs={"ca_certs": verify, "cert_reqs": "CERT_REQUIRED", "server_hostname": "app.test", "assert_hostname": "app.test"})


def is_theirs(url):
    return url.startswith(("http://127.0.0.1:", "https://127.0.0.1:"))


class Borrowed:
    """The provider, for a site that must not close it."""

    def __init__(self, provider, issuer, secret):
        self.issuer = issuer
        self.every_secret = {secret} if secret else set()


RULES = [{"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["admins"]}}, {"name": "rest", "allow": {"everyone": True}}]


def site_of(make_site, provider, client="confidential", secret="confidential-secret", issuer=None, changes=None, **more):
    """A site whose Postern is this client of the provider; `more` are keys of the provider in its configuration."""
    trust = {"insecure_http": None, "ca_file": provider.authority.path} if provider.authority else {}
    settings = {"client_id": client, **trust, **({} if secret else {"client_secret_file": None}), **more}
    site = make_site({"providers": {"op": settings}, "rules": RULES, **(changes or {})},
                     provider=Borrowed(provider, issuer or provider.issuer, secret), start=False)
    with open(f"{site.folder}/secret", "w") as file:
        file.write(secret or "no secret of this client")
    site.postern.start()
    site.started_pid, site.descriptors = site.postern.pid, site.postern.descriptors()
    site.others.append(provider)
    return site


def sign_in(site, provider, target="/", browser=None, person=None):
    """The browser, the page at the end, and the person, who goes on with the windows that they have."""
    browser, person = browser or site.browser(), person or Person(provider)
    first = browser.get(target)
    assert first.status == 302 and first.location.startswith(f"{provider.base}/"), f"{first.status} {first.location} {first.text}"
    return browser, come_back(browser, provider, person, first.location), person


def come_back(browser, provider, person, location):
    """From the provider's address to the page at the end."""
    if provider.kind == "canaille_provider":
        time.sleep(1)  # it gives the same token twice within a second, and then stumbles over it
    back = person.walk(location)
    if isinstance(back, Posted):
        assert back.url == CALLBACK, back
        return browser.follow(browser.post(*back))
    assert back.startswith(f"{CALLBACK}?"), back
    return browser.follow(browser.visit(back))
