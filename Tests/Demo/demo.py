#!/usr/bin/env python3
"""The demo: a provider, nginx, Postern and a page to protect, all on this machine.

    demo.py            starts everything, prints address and account, and stops all of it at Ctrl-C
    demo.py --check    signs in with a real browser, looks at the page, leaves .build/demo.png
"""
import argparse
import contextlib
import html
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
POSTERN = os.path.join(ROOT, ".build", "release", "postern")
PROVIDER = os.path.join(ROOT, "Tests", "EndToEnd", "providers", "django_oauth_toolkit.py")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="unattended, with a headless browser")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Demo() as demo:
        if options.check:
            import browser
            browser.check(demo.address, os.path.join(ROOT, ".build", "demo.png"))
            return
        print(f"""
  Open     {demo.address}
           (the certificate is made for this demo: the browser will warn once)
  Sign in  alice / alice-password     who is an admin, or
           bob / bob-password         who may not see {demo.address}admin/

  Ctrl-C stops all of it.
""", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            demo.wait()


class Demo:
    """Everything that runs. Each server is a child in a process group of its own, ended by its pid."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postern-demo-")
        os.chmod(self.folder, 0o711)  # nginx's workers, which are not root, reach the socket
        self.servers = []
        self.page = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.show_logs()
            self.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind not in (None, KeyboardInterrupt):
            self.show_logs()
        self.stop()

    def start(self):
        site, provider = free_port(8443), free_port(8000)
        self.address = f"https://localhost:{site}/"
        self.start_page()
        self.write("secret", "confidential-secret\n", 0o600)
        group = "listen_group: www-data\n" if os.geteuid() == 0 else ""
        self.write("postern.yaml", group + CONFIGURATION.format(folder=self.folder, site=site, provider=provider))
        self.make_certificate()
        self.spawn("provider", [
            sys.executable, PROVIDER, "--port", str(provider), "--folder", self.folder,
            "--redirect", f"{self.address}oauth2/callback", "--post-logout", f"{self.address}oauth2/sign_out"])
        self.until_answers("provider", f"http://127.0.0.1:{provider}/o/.well-known/openid-configuration")
        config = ["--config", self.path("postern.yaml")]
        for part in ("http", "server", "protect"):
            text = subprocess.check_output([POSTERN, "snippet", "nginx", "--part", part, *config], text=True)
            self.write(f"postern-{part}.conf", text)
        user = "user www-data;\n" if os.geteuid() == 0 else ""
        self.write("nginx.conf", user + NGINX.format(folder=self.folder, site=site, page=self.page.server_port))
        self.spawn("postern", [POSTERN, "serve", *config])
        self.until(lambda: os.path.exists(self.path("postern.sock")), "postern")
        self.spawn("nginx", ["nginx", "-e", self.path("nginx.error.log"), "-p", self.folder, "-c", self.path("nginx.conf")])
        self.until(lambda: can_connect(site), "nginx")

    def start_page(self):
        self.page = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.page.serve_forever, daemon=True).start()

    def make_certificate(self):
        subprocess.run([
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"),
        ], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def spawn(self, name, command):
        log = open(self.path(f"{name}.log"), "wb")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.servers.append((name, process))

    def stop(self):
        for _, process in reversed(self.servers):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for _, process in self.servers:
            try:
                process.wait(6)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        if self.page:
            self.page.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self):
        while True:
            time.sleep(1)
            for name, process in self.servers:
                if process.poll() is not None:
                    raise SystemExit(f"{name} has ended")

    def until(self, condition, name):
        end = time.monotonic() + 30
        while not condition():
            ended = [name for name, process in self.servers if process.poll() is not None]
            if ended or time.monotonic() > end:
                raise SystemExit(f"{', '.join(ended) or name} did not start")
            time.sleep(0.05)

    def until_answers(self, name, url):
        def answers():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(url, timeout=1).status == 200
        self.until(answers, name)

    def show_logs(self):
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                print(f"--- {name}", open(self.path(name), errors="replace").read()[-8000:], sep="\n", file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT, mode), "w") as file:
            file.write(text)


class Page(BaseHTTPRequestHandler):
    """The application: it has no sign-in, and shows what it is told."""

    def do_GET(self):
        names = ("X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups")
        told = "".join(f"<tr><th>{name}<td>{html.escape(self.header(name))}" for name in names)
        body = PAGE.format(path=html.escape(self.path), user=html.escape(self.header(names[0])), told=told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def header(self, name):
        return self.headers.get(name, "-").encode("latin-1").decode("utf-8", "replace")

    def log_message(self, *_):
        pass


def free_port(wanted):
    """The usual port, or any that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
    raise SystemExit("no port is free")


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True


CONFIGURATION = """\
public_url: https://localhost:{site}
listen: unix:{folder}/postern.sock
providers:
  demo:
    kind: oidc
    issuer: http://127.0.0.1:{provider}/o
    insecure_http: true                  # the demo's provider is on this machine
    client_id: confidential
    client_secret_file: {folder}/secret
    scopes: [openid, profile, email, groups]
session:
  store: sqlite:{folder}/sessions.db
  key_file: {folder}/keys
rules:
  - {{ name: admins, paths: [/admin/*], allow: {{ groups: [admins] }} }}
  - {{ name: everybody, allow: {{ domains: [example.com] }} }}
"""

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/postern-http.conf;
    server {{
        listen 127.0.0.1:{site} ssl;
        server_name localhost;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        include {folder}/postern-server.conf;
        location / {{
            include {folder}/postern-protect.conf;
            proxy_pass http://127.0.0.1:{page};
        }}
    }}
}}
"""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A page to protect</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:8vh auto;padding:0 1rem}}
th{{text-align:left;padding-right:1.5rem}}</style>
<h1>Welcome, <span id="user">{user}</span></h1>
<p>This application has no sign-in of its own. It was told about you, and you asked for <code>{path}</code>.</p>
<table>{told}</table>
<p><a href="/admin/">admins only</a> · <a id="sign-out" href="/oauth2/sign_out">sign out</a></p>
"""

if __name__ == "__main__":
    main()
