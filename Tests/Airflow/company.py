"""The whole of it: the company's provider, Postern and nginx with a recipe, and Airflow; and how to get there by name."""
import contextlib
import os
import socket
import subprocess
import threading
import unittest.mock

from requests_oauthlib import OAuth2Session

from harness import fastcgi, real
from harness.fronts import FRONTS, write_snippets
from harness.servers import Nginx, Postern, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT_REDIRECT = "http://localhost:9/callback"  # as in company_provider.py: nobody listens there


class Company(real.RealProvider):
    """The provider. `groups("vic", "staff")` changes somebody's groups."""

    def __init__(self, access_lifetime=3600):
        with unittest.mock.patch.object(real, "LAUNCHERS", HERE):
            super().__init__("company_provider", access_lifetime)

    @property
    def unpublished(self):
        """What discovery does not say (django-oauth-toolkit has it in its OAuth2 metadata only)."""
        return {"POSTERN_PROVIDERS_COMPANY_INTROSPECTION_ENDPOINT": f"{self.issuer}/introspect/"}

    def start(self):
        self.options["stdin"] = subprocess.PIPE
        return super().start()

    def groups(self, name, *groups):
        count = self.log.count(f"groups {name}\n")
        self.process.stdin.write(f"{' '.join([name, *groups])}\n".encode())
        self.process.stdin.flush()
        wait_until(lambda: self.log.count(f"groups {name}\n") > count, what=f"{name}'s groups")


class Names:
    """A proxy (CONNECT) for programs that know Airflow by its name only: takes app.test:443 to the site's port."""

    def __init__(self):
        self.site_port = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def environment(self, authority):
        """For programs that make their calls with httpx or requests."""
        return {**{name: self.url for name in ("HTTPS_PROXY", "https_proxy")}, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
                "SSL_CERT_FILE": authority.path, "REQUESTS_CA_BUNDLE": authority.path}

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.tunnel, args=(client,), daemon=True).start()

    def tunnel(self, client):
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(4096)
                if not part:
                    return
                head += part
            if not head.startswith(b"CONNECT app.test:443 ") or not self.site_port:
                client.sendall(b"HTTP/1.1 502 no such name\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.site_port), 10) as server:
                server.settimeout(None)
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pour, args=(server, client), daemon=True)
                back.start()
                pour(client, server)
                back.join()

    def close(self):
        self.listener.close()


def pour(source, target):
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


def nginx_of_recipe(site, _, recipe):
    """A front for Site: nginx.conf and postern.yaml of a recipe (recipe.py), with the snippets that Postern prints for it."""
    site.recipe = recipe(site)
    with open(site.postern.config, "w") as file:
        file.write(site.recipe.text("postern.yaml"))
    checked = site.postern.run("check", check=False)
    assert checked.returncode == 0, checked.stderr
    write_snippets(site, "nginx", ["http", "server", "protect"], {"/var/lib/nginx/": f"{site.folder}/nginx-"})
    return Nginx(site.folder, f"include {site.folder}/postern-http.conf;\n{site.recipe.text('nginx.conf')}")


FRONTS["recipe"] = nginx_of_recipe


def site_of_recipe(make, provider, recipe, secret="airflow-secret"):
    """A site with a recipe: `recipe(site)` gives it. Postern runs, and the provider is not the site's to close."""
    # The provider of the tests speaks http, on loopback, and keeps an endpoint out of its OpenID metadata: said in the
    # environment, so that the file stays as it is.
    site = make(front="recipe", recipe=recipe, start=False, provider=real.Borrowed(provider, provider.issuer, secret),
                environment={"POSTERN_PROVIDERS_COMPANY_INSECURE_HTTP": "true", "POSTERN_LOG_LEVEL": "debug", **getattr(provider, "unpublished", {})})
    with open(f"{site.folder}/secret", "w") as file:
        file.write(secret)
    site.postern.start()
    site.started_pid, site.descriptors = site.postern.pid, site.postern.descriptors()
    site.others.append(provider)
    return site


def token_of(provider, name, scope="openid airflow"):
    """An access token that a script of this person gets with requests-oauthlib (authorization code, PKCE)."""
    session = OAuth2Session("script", redirect_uri=SCRIPT_REDIRECT, scope=scope, pkce="S256")
    with unittest.mock.patch.dict(os.environ, OAUTHLIB_INSECURE_TRANSPORT="1"):  # the provider's http, on loopback
        url, _ = session.authorization_url(provider.endpoint("authorization_endpoint"))
        back = real.Person(provider, name).walk(url)
        return session.fetch_token(provider.endpoint("token_endpoint"), authorization_response=back, include_client_id=True,
                                   timeout=15)["access_token"]


def twin(site, name, keys=None, wrapper=(), changed=(), **settings):
    """One more Postern with the recipe, the same sessions and keys (or `keys`, a file); `changed` is a pair of texts, the second
    in place of the first; `settings` are variables of its environment."""
    environment = {**site.postern.environment, **settings, **({"POSTERN_SESSION_KEY_FILE": keys} if keys else {})}
    other = Postern(site.folder, {}, name=name, environment=environment, wrapper=wrapper)
    text = site.recipe.text("postern.yaml").replace(site.postern.socket, other.socket)
    if changed:
        assert changed[0] in text, changed
        text = text.replace(*changed)
    with open(other.config, "w") as file:
        file.write(text)
    return other.start()


def assertion(postern, browser):
    """What this Postern would tell the application of the browser's session."""
    answer = fastcgi.ask(postern.socket, fastcgi.check("/", browser.cookies.header()))
    assert answer.status == 200, answer.status
    scheme, token = answer.header("Authorization").split(" ")
    assert scheme == "Bearer"
    return token
