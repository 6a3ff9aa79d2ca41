"""A whole site: provider, Postern, nginx and an application, and how to look at it."""
import base64
import copy
import json
import os
import re
import shutil
import signal
import tempfile

from .browser import Browser
from .provider import Provider
from .fronts import FRONTS, spawned
from .fronts import start as start_front
from .servers import IS_ROOT, WEB_USER, Backend, Postern, free_port, may_connect, wait_until

SECRET = "client-secret-0123456789"


class Site:
    """`changes` are merged into the configuration. `front` is the web server, with our own configuration, unchanged,
    at `port`. With nginx there is, at `plain_port`, that of people who write their own, in front of the same Postern.
    `shipped_extra`: more lines in the shipped server block, or what makes them of the site."""

    def __init__(self, authority, changes=None, provider=None, secure=True, shipped_extra="", wrapper=(),
                 environment=None, start=True, front="nginx", **more):
        self.folder = tempfile.mkdtemp(prefix="postern-test-")
        may_connect(self.folder)
        self.authority = authority
        self.owns_provider = provider is None
        self.provider = provider or Provider()
        self.backend = Backend()
        self.port, self.plain_port, self.check_port = free_port(), free_port(), free_port()
        self.secure, self.kind = secure, front
        self.certificate = authority.issue("app.test") if secure else None
        self.settings = merged(self.defaults(), changes or {})
        if front == "apache-fcgid" and IS_ROOT:  # one user for all: Apache's
            wrapper = ["setpriv", "--reuid", WEB_USER, "--regid", WEB_USER, "--clear-groups", *wrapper]
        self.postern = Postern(self.folder, self.settings, wrapper=wrapper, environment=environment)
        if front == "apache-fcgid" and IS_ROOT:
            for name in (".", *os.listdir(self.folder)):
                shutil.chown(os.path.join(self.folder, name), WEB_USER, WEB_USER)
        self.servers = [self.postern]
        self.browsers = []
        self.others = []  # servers that are not ours to stop, for the logs
        try:
            if start:
                self.postern.start()
            extra = shipped_extra(self) if callable(shipped_extra) else shipped_extra
            self.front = FRONTS[front](self, extra, **more)
            self.servers.append(self.front)
            start_front(self.front, self.port)
        except BaseException:
            print(self.logs())
            self.close()
            raise
        self.started_pid = self.postern.process.pid if start else None
        self.descriptors = self.postern.descriptors() if start else None

    def defaults(self):
        with open(os.open(os.path.join(self.folder, "secret"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(SECRET + "\n")
        settings = {
            "public_url": "https://app.test" if self.secure else "http://app.test",
            "listen": [f"unix:{self.folder}/postern.sock"],
            "providers": {"op": {
                "kind": "oidc", "issuer": self.provider.issuer, "insecure_http": True, "client_id": "rp1",
                "client_secret_file": f"{self.folder}/secret", "scopes": ["openid", "profile", "email", "groups"]}},
            "session": {"store": f"sqlite:{self.folder}/sessions.db", "key_file": f"{self.folder}/keys"},
            "rules": [
                {"name": "public", "paths": ["/public/*"], "methods": ["GET"], "public": True},
                {"name": "admin", "paths": ["/admin/*"], "allow": {"groups": ["K8S-ADMIN"]}},
                {"name": "secret", "paths": ["/internal/*"], "deny": True},
                {"name": "everybody", "allow": {"domains": ["example.com"]}}],
            "log": {"level": "debug"},
        }
        if self.kind == "apache-authnz":
            settings["listen"].append(f"tcp:127.0.0.1:{self.check_port}")
        if IS_ROOT:
            settings["listen_group"] = WEB_USER
        if not self.secure:
            settings["cookie"] = {"insecure": True}
        return settings

    def restart(self):
        """Postern ends and starts anew, also where the web server started it."""
        self.postern.stop()
        for pid in spawned(self):
            if pid != self.postern.pid:
                os.kill(pid, signal.SIGKILL)
        self.postern.start()

    def restart_front(self):
        self.front.stop()
        start_front(self.front, self.port)

    @property
    def ways(self):
        """Values of `plain` for `browser`: our configuration, and with nginx people's own."""
        return (False, True) if self.kind == "nginx" else (False,)

    def browser(self, plain=False):
        made = Browser(self.plain_port if plain else self.port, self.authority.path, secure=self.secure)
        self.browsers.append(made)
        return made

    def signed_in(self, target="/"):
        browser = self.browser()
        response = browser.sign_in(target)
        assert response.is_protected, f"signing in ended with {response.status}: {response.text[:300]}\n{self.postern.log[-2000:]}"
        return browser

    def is_alive(self):
        """A good session is let in and the process is the one that was started."""
        self.provider.reset()
        return self.signed_in() is not None and self.postern.is_running() and self.postern.pid == self.started_pid

    def secrets(self):
        """Whatever must not be in a log."""
        cookies = {line.split(";")[0].partition("=")[2] for browser in self.browsers for line in browser.cookies.lines}
        with open(f"{self.folder}/keys") as file:
            keys = re.findall(r"[A-Za-z0-9_-]{43}", file.read())
        basic = base64.b64encode(f"rp1:{SECRET}".encode()).decode()
        found = {SECRET, basic, *keys, *cookies, *getattr(self.provider, "every_secret", ())}
        return {secret for secret in found if len(secret) > 12}

    def assert_is_discreet(self, start=0):
        """No secret is in what Postern has logged from this character on, and no trace of a crash."""
        log = self.postern.log[start:] + self.started_by_apache()
        for secret in self.secrets() if os.path.exists(f"{self.folder}/keys") else ():
            assert secret not in log, f"in the log: {secret[:12]}…"
        for trace in ("Fatal error", "Crash", "Sanitizer", "Bearer ", "client_secret="):
            assert trace not in log, trace

    def started_by_apache(self):
        """What the Posterns that Apache started have said: their lines are in Apache's log, whose own begin with a bracket."""
        if self.kind != "apache-fcgid":
            return ""
        return "\n".join(line for line in self.front.log.splitlines() if not line.startswith("[") or " stderr: " in line)

    def assert_ends_well(self):
        """As every run ends: connections given back, a clean exit, nothing said that is secret."""
        if self.started_pid and self.postern.is_running():
            # The connections that nginx and libcurl keep are fewer than this; a leak of one a request is more.
            wait_until(lambda: self.postern.descriptors() <= self.descriptors + 64, 6, "the descriptors' base line")
            assert self.postern.stop() == 0
        self.assert_is_discreet()

    def close(self):
        for server in reversed(self.servers):
            server.stop()
        self.backend.close()
        if self.owns_provider:
            self.provider.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self):
        return "".join(f"\n--- {server.name}\n{server.log[-6000:]}" for server in [*self.servers, *self.others])


def merged(settings, changes):
    """The settings with these changes; `None` removes a key, lists are replaced."""
    result = copy.deepcopy(settings)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def told(response):
    """What the application was told: its header fields, as pairs in lower case."""
    assert response.is_protected, f"{response.status}: {response.text[:500]}"
    seen = json.loads(response.body.split(b"\n", 1)[1])
    return [(name.lower(), value) for name, value in seen["headers"]]


def told_of(response, name):
    """All values of a field under any spelling that a CGI-like application takes for the same."""
    plain = name.lower().replace("-", "_")
    return [value for key, value in told(response) if key.replace("-", "_") == plain]
