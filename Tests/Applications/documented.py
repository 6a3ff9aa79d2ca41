"""A site whose files are those of docs/NAME, as people copy them. Only addresses differ: each recipe has a table of them."""
import grp
import os
import pwd
import shutil
import socket
import subprocess

from harness.browser import Browser
from harness.fronts import FRONTS, Apache, own, write_snippets
from harness.provider import Provider
from harness.servers import IS_ROOT, ROOT, WEB_USER, Nginx, Server, wait_until
from harness.site import SECRET, Site

ALICE = {"sub": "alice-1", "preferred_username": "alice", "email": "alice@example.com", "email_verified": True}
BOB = {"sub": "bob-1", "preferred_username": "bob", "email": "bob@example.com", "email_verified": True}
EVE = {"sub": "eve-1", "preferred_username": "eve", "email": "eve@example.org", "email_verified": True}

# The account of the application, and the folder of its socket: its own and the web server's, nobody else's.
ACCOUNT, GROUP = ("nobody", "nogroup") if IS_ROOT else (pwd.getpwuid(os.geteuid())[0], grp.getgrgid(os.getegid())[0])
WEB_GROUP = WEB_USER if IS_ROOT else GROUP
AS_ACCOUNT = ["setpriv", "--reuid", ACCOUNT, "--regid", GROUP, "--clear-groups"] if IS_ROOT else []
AS_WEB_SERVER = ["setpriv", "--reuid", WEB_USER, "--regid", WEB_USER, "--clear-groups"] if IS_ROOT else []


def python_of(name):
    """The folder of a virtual environment that `make` has filled."""
    folder = os.path.join(ROOT, ".build", name)
    assert os.path.exists(f"{folder}/ready"), f"{folder} is not there: make test-applications"
    return folder


class Recipe(Site):
    """`name` is the folder below docs/. `addresses` gives for each file what is another address here; `start_application`
    gives the application's server."""

    name = host = None
    more_servers = ""  # of nginx

    def __init__(self, authority, server="nginx"):
        self.server = server
        FRONTS["recipe"] = lambda site, _: site.start_front()
        super().__init__(authority, start=False, front="recipe", provider=Provider(), wrapper=AS_WEB_SERVER if server == "apache" else ())
        self.owns_provider = True

    def defaults(self):
        """Nothing of Site's own: the configuration is the recipe's."""
        open(f"{self.folder}/postern.log", "w").close()
        with open(os.open(f"{self.folder}/secret", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(SECRET + "\n")
        return {}

    # What differs from a real installation

    def addresses(self):
        certificate, key = self.authority.issue(self.host)
        tls = {f"/etc/ssl/{self.host}.pem": certificate, f"/etc/ssl/{self.host}.key": key}
        return {
            "postern.yaml": {
                "unix:/run/postern/postern.sock": f"unix:{self.folder}/postern.sock",
                "listen_group: www-data": f"listen_group: {WEB_GROUP}",
                "issuer: https://login.example.com": f"issuer: {self.provider.issuer}\n    insecure_http: true",
                "/etc/postern/client.secret": f"{self.folder}/secret",
                "/var/lib/postern/": f"{self.folder}/"},
            "nginx.conf": {"listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl", **tls},
            "apache.conf": {"<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.port}>", **tls}}

    def copy(self, file, *folders):
        """The file of the recipe in these folders of the site, addresses replaced. Each must be in it."""
        with open(os.path.join(ROOT, "docs", self.name, file)) as source:
            text = source.read()
        for there, here in self.addresses().get(file, {}).items():
            assert there in text, f"docs/{self.name}/{file} does not have {there}"
            text = text.replace(there, here)
        path = os.path.join(self.folder, *folders, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as target:
            target.write(text)
        return path

    # Starting

    def start_front(self):
        """Everything but the web server, which is given back."""
        self.copy("postern.yaml")
        os.makedirs(f"{self.folder}/run")
        give(f"{self.folder}/run", ACCOUNT, WEB_GROUP, 0o750)
        application = self.start_application()
        if application:
            self.servers.append(application)
        return self.nginx() if self.server == "nginx" else self.apache()

    def nginx(self):
        self.postern.start()
        for part, path in (("http", "conf.d/postern.conf"), ("server", "snippets/postern.conf"), ("protect", "snippets/postern-protect.conf")):
            self.write_snippet("nginx", part, path)
        self.copy("nginx.conf", "sites")
        # The strictest of nginx's own settings for whoever forges headers: underscores are let through.
        return Nginx(self.folder, f"include conf.d/*.conf; include sites/*.conf; underscores_in_headers on; {self.more_servers}")

    def apache(self):
        """Postern is Apache's here: its log is Apache's, and so is its account."""
        for part, path in (("server", "conf/postern.conf"), ("vhost", "postern/vhost.conf"), ("protect", "postern/protect.conf"),
                           ("lua", "postern/variables.lua")):
            self.write_snippet("apache-fcgid", part, path)
        config = self.copy("apache.conf", "sites")
        own(f"{self.folder}/fcgid")
        for path in (self.folder, f"{self.folder}/secret"):
            give(path, WEB_USER if IS_ROOT else ACCOUNT, WEB_GROUP)
        self.servers.remove(self.postern)
        front = Apache(self, ["fcgid", "lua"], "", server=f"FcgidIPCDir {self.folder}/fcgid\n"
                       f"FcgidProcessTableFile {self.folder}/fcgid/table\nInclude conf/postern.conf\nInclude {config}\n")
        self.postern.log_path = front.log_path
        return front

    def write_snippet(self, kind, part, path):
        write_snippets(self, kind, [part], {"/etc/apache2/": f"{self.folder}/"})
        os.makedirs(os.path.dirname(f"{self.folder}/{path}"), exist_ok=True)
        shutil.move(f"{self.folder}/postern-{part}.conf", f"{self.folder}/{path}")

    def start_application(self):
        return None

    def served(self, name, command, path, **options):
        """A server of the application's account that listens on this socket in the end."""
        server = Server(name, self.folder, [*AS_ACCOUNT, *command], **options).start()

        def listens():
            assert server.is_running(), f"{name} ended: {server.log}"
            with socket.socket(socket.AF_UNIX) as probe:
                return os.path.exists(path) and probe.connect_ex(path) == 0
        wait_until(listens, 40, f"{name}: {server.log_path}")
        return server

    # Using

    def be(self, person, **claims):
        """Whom the provider takes the visitor for."""
        self.provider.person = {**person, **claims}

    def browser(self):
        made = Browser(self.port, self.authority.path, host=self.host)
        self.browsers.append(made)
        return made

    def signed_in(self, target="/", person=ALICE, browser=None, **claims):
        self.be(person, **claims)
        browser = browser or self.browser()
        response = browser.follow(browser.get(target))
        assert response.status == 200, f"{response.status}: {response.text[:300]}\n{self.logs()}"
        return browser


def give(path, account, group, mode=None):
    if IS_ROOT:
        shutil.chown(path, account, group)
    if mode:
        os.chmod(path, mode)


def spellings(name):
    """A header field's name as it can be written: hyphens or underscores, large or small."""
    found = [""]
    for index, word in enumerate(name.split("-")):
        found = [f"{begun}{joint}{word}" for begun in found for joint in (("",) if index == 0 else ("-", "_"))]
    return [variant for spelled in found for variant in (spelled, spelled.lower(), spelled.upper())]


IDENTITY = ["X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
            "X-Auth-Request-Access-Token", "X-Auth-Request-Assertion", "Remote-User", "Remote-Email", "Remote-Groups"]
SOCKET_UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
                  ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]


def in_parts(items, size):
    return [items[index:index + size] for index in range(0, len(items), size)]


def ask_socket(path, host, target, headers=(), account=None):
    """The status that the application gives to whom connects to its socket; None where the account may not."""
    code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect(sys.argv[1])\n"
            "except PermissionError: sys.exit('may not')\ns.sendall(sys.argv[2].encode())\nprint(s.recv(99).decode())")
    request = "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""])
    command = ["setpriv", "--reuid", account, "--regid", account, "--clear-groups"] if account else []
    found = subprocess.run([*command, "/usr/bin/python3", "-c", code, path, request], capture_output=True, text=True, timeout=10)
    assert not found.returncode or "may not" in found.stderr, found.stderr
    return None if found.returncode else int(found.stdout.split()[1])
