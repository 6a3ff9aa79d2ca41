"""Providers that others wrote, and a person who signs in there."""
import os
import sys
import tempfile
import urllib.parse

import requests
from bs4 import BeautifulSoup

from .servers import ROOT, Server, free_port, wait_until

CALLBACK, SIGN_OUT = "https://app.test/oauth2/callback", "https://app.test/oauth2/sign_out"
LAUNCHERS = os.path.join(ROOT, "Tests", "EndToEnd", "providers")


class RealProvider(Server):
    """Runs until closed. Access tokens end after `access_lifetime` seconds."""

    def __init__(self, kind, access_lifetime=3600):
        self.kind, self.port = kind, free_port()
        folder = tempfile.mkdtemp(prefix=f"postern-{kind}-")
        super().__init__(kind, folder, [
            sys.executable, os.path.join(LAUNCHERS, f"{kind}.py"), "--port", str(self.port), "--folder", folder,
            "--redirect", CALLBACK, "--post-logout", SIGN_OUT, "--access-lifetime", str(access_lifetime)])
        self.start()
        self.issuer = wait_until(self.said_issuer, 60, f"{kind}'s issuer: {self.log_path}")
        wait_until(self.answers, 30, kind)

    def said_issuer(self):
        assert self.is_running(), f"{self.kind} ended: {self.log[-3000:]}"
        lines = [line for line in self.log.splitlines() if line.startswith("issuer ")]
        return lines[0].split()[1] if lines else None

    def answers(self):
        try:
            return requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).ok
        except requests.ConnectionError:
            return False

    def close(self):
        self.stop()


class Person:
    """Somebody at a browser window of the provider: reads its pages, fills in its forms, presses its buttons."""

    AGREE = ("accept", "allow", "authorize", "yes", "confirm", "continue", "sign in", "log in", "login", "answer")

    def __init__(self, provider, name="alice"):
        self.provider, self.name = provider, name
        self.session = requests.Session()
        self.passwords_typed = 0

    def walk(self, url):
        """From this address of the provider's to the first that is ours, which is given back."""
        is_glewlwyd = self.provider.kind == "glewlwyd_provider"
        if is_glewlwyd:
            url = self.agree_at_glewlwyd(url)
        response = self.session.get(url, allow_redirects=False, timeout=15)
        for _ in range(15):
            if response.is_redirect:
                url = urllib.parse.urljoin(response.url, response.headers["Location"])
                if not url.startswith("http://127.0.0.1"):
                    return url
                if is_glewlwyd and "/login.html?" in url:
                    return self.leave_glewlwyd(url)
                response = self.session.get(url, allow_redirects=False, timeout=15)
            else:
                response = self.submit(response)
        raise AssertionError(f"{self.provider.kind} leads nowhere: {response.status_code} {response.url}")

    # Glewlwyd's pages are a program for browsers; these two do what that program does.

    def agree_at_glewlwyd(self, url):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        if "scope" not in query:
            return url
        if not self.passwords_typed:
            self.type_password_at_glewlwyd()
        self.session.put(f"{self.api}/auth/grant/{query['client_id']}", json={"scope": query["scope"]},
                         timeout=15).raise_for_status()
        return f"{url}&g_continue"

    def type_password_at_glewlwyd(self):
        self.passwords_typed += 1
        account = {"username": self.name, "password": f"{self.name}-password"}
        self.session.post(f"{self.api}/auth/", json=account, timeout=15).raise_for_status()

    def leave_glewlwyd(self, url):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert query["prompt"] == "end_session", url
        for path in (f"/oidc/session/{query['sid']}", "/auth/"):
            self.session.delete(f"{self.api}{path}", timeout=15).raise_for_status()
        assert self.session.get(f"{self.api}/profile_list", timeout=15).status_code == 401
        return query["callback_url"]

    @property
    def api(self):
        return f"http://127.0.0.1:{self.provider.port}/api"

    def submit(self, response):
        """Sends the form of the page as a person would."""
        said = f"{self.provider.kind}: {response.status_code} {response.url} {response.text[:500]}"
        assert response.status_code == 200, said
        forms = BeautifulSoup(response.text, "html.parser").find_all("form")
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
                fields[name] = f"{self.name}-password"
            elif name and kind in ("text", "email"):
                fields[name] = element.get("value") or self.name
            elif name and (kind != "checkbox" or element.has_attr("checked")):
                fields[name] = element.get("value") or ""
        agree = next((button for button in sorted(buttons, reverse=True)), (False, None, ""))
        if agree[1]:
            fields[agree[1]] = agree[2]
        action = urllib.parse.urljoin(response.url, form.get("action") or response.url)
        return self.session.request(form.get("method", "get"), action, data=fields, allow_redirects=False, timeout=15,
                                    headers={"Referer": response.url})
