"""The contestants: one nginx, and behind it whoever is asked."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from harness import fastcgi

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGURATION = """\
public_url: https://bench.test
listen: unix:{folder}/{name}.sock
providers:
  op: {{ kind: oidc, issuer: "{issuer}", insecure_http: true, client_id: bench, client_secret: "{secret}" }}
session:
  store: sqlite:{folder}/{name}.db
  key_file: {folder}/{name}.keys
limits: {{ sessions: 1000000 }}
rules:
  - {{ name: everybody, allow: {{ domains: [example.com] }} }}
"""
NGINX = """\
{user}daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type text/html;
    root {folder}/site;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    keepalive_requests 10000000;
{maps}
    upstream noop {{ server unix:{folder}/noop.sock; keepalive 64; }}
    server {{ listen 127.0.0.1:{nginx}; }}
    server {{
        listen 127.0.0.1:{return204};
        location = /_check {{ internal; return 204; }}
        location / {{ auth_request /_check; }}
    }}
{servers}
}}
"""
CHECKED = """\
    server {{
        listen 127.0.0.1:{port};
        server_name bench.test;
{check}
        location / {{
            auth_request /_postern/auth;
            auth_request_set $user $upstream_http_x_auth_request_user;
            add_header X-User $user;
        }}
    }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postern:
    """The daemon with a database of its own."""

    def __init__(self, folder, options, name="postern", sessions=1, issuer="http://127.0.0.1:9", more=""):
        self.options, self.config = options, os.path.join(folder, f"{name}.yaml")
        self.socket = os.path.join(folder, f"{name}.sock")
        self.cookies = os.path.join(folder, f"{name}.cookies")
        with open(self.config, "w") as file:
            file.write(CONFIGURATION.format(folder=folder, name=name, issuer=issuer, secret="s" * 40) + more)
        with open(self.cookies, "w") as file:
            subprocess.run([options.seed, f"{folder}/{name}.db", f"{folder}/{name}.keys", str(sessions), issuer],
                           stdout=file, check=True)
        self.log = os.path.join(folder, f"{name}.log")
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([self.options.postern, "serve", "--config", self.config], stderr=log)
        return self

    def snippet(self, part):
        return subprocess.check_output(
            [self.options.postern, "snippet", "nginx", "--part", part, "--config", self.config], text=True)

    def first_cookie(self):
        with open(self.cookies) as file:
            return file.readline().strip()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        self.process = None


class Field:
    """Everything that runs; each contestant on a port of its own, with connections kept and not kept."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="postern-bench-")
        os.chmod(self.folder, 0o711)
        self.processes, self.ports, self.pids = [], {}, {}
        self.postern = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def run(self, name, connections, kept, seconds, cookies=None):
        """One load of `wrk`; what it saw, and what the check cost."""
        port = self.ports[(name, kept)]
        pid = self.pids.get(name)
        before = cpu_seconds(pid) if pid else None
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", os.path.join(HERE, "load.lua"),
                   f"http://127.0.0.1:{port}/page.html", "--", cookies or self.postern.cookies]
        seen = read(subprocess.check_output(command, text=True))
        cpu = (cpu_seconds(pid) - before) * 1e6 / seen["requests"] if pid else None
        return {"requests_per_second": seen["rate"], "cpu_us_per_check": cpu,
                "p50_ms": seen["p50"], "p99_ms": seen["p99"]}

    def _start(self):
        noop = self._path("noop")
        subprocess.run(["cc", "-O2", "-o", noop, os.path.join(HERE, "noop.c"), "-lfcgi", "-lpthread"], check=True)
        self.pids["noop"] = self._spawn([noop, self._path("noop.sock")]).pid
        self.postern = Postern(self.folder, self.options, sessions=self.options.sessions).start()
        # What is asked with `kept` "reused" goes through nginx's own cache of answers (answer_cache).
        self.reusing = Postern(self.folder, self.options, "reusing", more="answer_cache: 60s\n")
        self.pids["postern"] = self.postern.process.pid
        until(lambda: can_connect(self.postern.socket), "postern", self.postern.log)
        until(lambda: can_connect(self._path("noop.sock")), "noop")
        if os.geteuid() == 0:  # nginx's workers are not root
            for name in ("postern.sock", "noop.sock"):
                shutil.chown(self._path(name), group="www-data")
        self._start_nginx()
        self._prove()

    def _start_nginx(self):
        os.makedirs(self._path("site"))
        with open(self._path("site/page.html"), "w") as page:
            page.write("<p>" + "protected " * 100)
        for name in ("nginx", "return204", "noop", "postern"):
            self.ports[(name, True)] = free_port()
            self.ports[(name, False)] = free_port() if name in ("noop", "postern") else self.ports[(name, True)]
        for name in ("noop", "postern"):
            self.ports[(name, "reused")] = free_port()
        checks = {True: location(self.postern), False: location(self.postern), "reused": location(self.reusing)}
        servers = "".join(
            CHECKED.format(port=self.ports[(name, kept)], check=adapted(check, name, kept))
            for name in ("noop", "postern") for kept, check in checks.items())
        with open(self._path("nginx.conf"), "w") as file:
            file.write(NGINX.format(
                user="user www-data;\n" if os.geteuid() == 0 else "", folder=self.folder, servers=servers,
                maps=zones(self.reusing.snippet("http").replace(self.reusing.socket, self.postern.socket).replace("keepalive 32", "keepalive 64"), self.folder),
                nginx=self.ports[("nginx", True)], return204=self.ports[("return204", True)]))
        self._spawn(["nginx", "-p", self.folder, "-e", self._path("nginx.log"), "-c", self._path("nginx.conf")])
        until(lambda: can_connect(self.ports[("nginx", True)]), "nginx", self._path("nginx.log"))

    def _prove(self):
        """A check that lets everybody in would be fast."""
        good = {"Cookie": f"__Host-postern={self.postern.first_cookie()}"}
        for (name, kept), port in self.ports.items():
            if kept == "reused":
                continue
            status = fetch(port, good)
            assert b" 200 " in status and b"protected" in status, (name, kept, status[:200])
        for kept in (True, False):
            refused = fetch(self.ports[("postern", kept)], {})
            assert b" 401 " in refused and b"protected" not in refused, refused[:200]
        self._prove_same_words()

    def _prove_same_words(self):
        """What web servers do with an answer is not what is compared: the no-op gives Postern's, byte for byte."""
        cookie = f"__Host-postern={self.postern.first_cookie()}"
        for role, more in ((fastcgi.RESPONDER, {"POSTERN_ALLOW_STATUS": "204"}), (fastcgi.AUTHORIZER, {})):
            question = fastcgi.check("/page.html", cookie, SERVER_NAME="bench.test", **more)
            noop, ours = (fastcgi.ask(path, question, role=role).raw for path in (self._path("noop.sock"), self.postern.socket))
            assert noop == ours, (noop, ours)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _spawn(self, command):
        self.processes.append(subprocess.Popen(command))
        return self.processes[-1]

    def _stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(10)
        if self.postern:
            self.postern.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def location(postern):
    """The check's location that `postern snippet nginx` prints."""
    return re.search(r"^location = /_postern/auth \{.*?^\}", postern.snippet("server"), re.M | re.S).group()


def zones(http, folder):
    """A cache of answers for each contestant: their questions are the same."""
    line = re.search(r"^fastcgi_cache_path .*$", http, re.M).group()
    each = [re.sub(r"fastcgi_cache_path \S+", f"fastcgi_cache_path {folder}/answers-{name}", line).replace(":postern:", f":{name}:")
            .replace("keys_zone=postern:", f"keys_zone={name}:") for name in ("noop", "postern")]
    return http.replace(line, "\n".join(each))


def adapted(check, name, kept):
    """The location that `postern snippet nginx` prints, for this contestant."""
    check = check.replace("fastcgi_pass postern;", f"fastcgi_pass {name};").replace("fastcgi_cache postern;", f"fastcgi_cache {name};")
    if kept:
        return check
    return re.sub(r".*(fastcgi_keep_conn|fastcgi_store|POSTERN_ALLOW_STATUS).*\n", "", check)


def read(report):
    """What wrk's report says."""
    units = {"us": 0.001, "ms": 1, "s": 1000}

    def latency(share):
        number, unit = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)", report, re.M).groups()
        return float(number) * units[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", report)
    assert not bad, report
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", report).group(1)),
            "requests": int(re.search(r"(\d+) requests in", report).group(1)),
            "p50": latency(50), "p99": latency(99)}


def cpu_seconds(pid):
    """User and system time of a process, from the clock that the kernel keeps for it (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid):
    """MiB of memory in use."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def fetch(port, headers, path="/page.html", timeout=15):
    """The bytes of one answer."""
    lines = [f"GET {path} HTTP/1.1", "Host: bench.test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


def can_connect(address):
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        return probe.connect_ex(("127.0.0.1", address) if isinstance(address, int) else address) == 0


def until(condition, what, log=None, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            said = open(log).read() if log and os.path.exists(log) else ""
            raise SystemExit(f"{what} does not start\n{said}")
        time.sleep(0.005)
