#!/usr/bin/env python3
"""What a check costs behind Apache: part of `make bench`.

One Apache (event MPM), the same page behind each contestant, measured in turns. The no-op has the printed configuration, too, and
answers what Postern answers: what is compared is who is asked.

    page                 without any check
    noop-authnz          mod_authnz_fcgi asks a C authorizer that always says yes (noop.c)
    postern-authnz       mod_authnz_fcgi asks Postern, in the printed configuration
    noop-fcgid           mod_fcgid starts the same C authorizer
    postern-fcgid        mod_fcgid starts Postern, in the printed configuration
    mod_auth_openidc     Debian's, with its session in shared memory

Prints a Markdown table and writes .build/bench-apache.json.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "EndToEnd")]
from contestants import Postern, fetch, free_port, read, until, can_connect  # noqa: E402
from harness.browser import Browser  # noqa: E402
from harness.provider import Provider  # noqa: E402

MODULES = ["mpm_event", "authn_core", "authz_core", "authz_host", "authz_user", "alias", "dir", "env", "setenvif", "mime",
           "headers", "proxy", "proxy_fcgi", "authnz_fcgi", "fcgid", "lua", "auth_openidc"]
CONTESTANTS = ["page", "noop-authnz", "postern-authnz", "noop-fcgid", "postern-fcgid", "mod_auth_openidc"]


class Field:
    """Apache with a virtual host for each contestant, and who is asked."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="postern-bench-")
        os.chmod(self.folder, 0o755)
        self.processes = []
        self.ports = {name: free_port() for name in CONTESTANTS}
        self.provider = Provider()

    def __enter__(self):
        self.noop, self.noop_port, self.check_port = self._path("noop"), free_port(), free_port()
        subprocess.run(["cc", "-O2", "-o", self.noop, os.path.join(HERE, "noop.c"), "-lfcgi", "-lpthread"], check=True)
        self.postern = Postern(self.folder, self.options)
        self._listen_on_tcp()
        if os.geteuid() == 0:  # mod_fcgid starts Postern as Apache's user
            for name in (".", *os.listdir(self.folder)):
                shutil.chown(self._path(name), "www-data", "www-data")
        self._spawn([self.noop, str(self.noop_port)])
        self._spawn(["setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups"] * (os.geteuid() == 0)
                    + [self.options.postern, "serve", "--config", self.postern.config])
        until(lambda: can_connect(self.check_port) and can_connect(self.noop_port), "the daemons")
        self._start_apache()
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(15)
        self.provider.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, name, connections, seconds):
        cookies = self._openidc_session() if name == "mod_auth_openidc" else self.postern.cookies
        script = "openidc.lua" if name == "mod_auth_openidc" else "load.lua"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", os.path.join(HERE, script),
                   f"http://127.0.0.1:{self.ports[name]}/page.html", "--", cookies, f"localhost:{self.ports[name]}"]
        return read(subprocess.check_output(command, text=True))

    def prove(self):
        good = {"Cookie": f"__Host-postern={self.postern.first_cookie()}"}
        for name in CONTESTANTS[:-1]:
            answer = fetch(self.ports[name], good)
            assert b" 200 " in answer and b"protected" in answer, (name, answer[:300])
        for name in ("postern-authnz", "postern-fcgid", "mod_auth_openidc"):
            refused = fetch(self.ports[name], {})
            assert b"protected protected" not in refused and b" 200 " not in refused[:20], (name, refused[:200])

    def _listen_on_tcp(self):
        with open(self.postern.config) as file:
            text = file.read()
        with open(self.postern.config, "w") as file:
            file.write(text.replace(f"listen: unix:{self.postern.socket}",
                                    f"listen: [unix:{self.postern.socket}, tcp:127.0.0.1:{self.check_port}]"))

    def _snippet(self, kind, part):
        text = subprocess.check_output([self.options.postern, "snippet", kind, "--part", part, "--config", self.postern.config], text=True)
        return text.replace("/etc/apache2/postern/variables.lua", self._path("variables.lua"))

    def _start_apache(self):
        os.makedirs(self._path("site"))
        os.makedirs(self._path("fcgid"))
        if os.geteuid() == 0:
            shutil.chown(self._path("fcgid"), "www-data")
        with open(self._path("site/page.html"), "w") as page:
            page.write("<p>" + "protected " * 100)
        with open(self._path("variables.lua"), "w") as file:
            file.write(self._snippet("apache-fcgid", "lua"))
        authnz, fcgid = (f"<Location />\n{self._snippet(kind, 'protect')}\n</Location>" for kind in ("apache-authnz", "apache-fcgid"))
        hosts = {
            "page": "", "noop-authnz": authnz.replace("CheckAuthnProvider postern", "CheckAuthnProvider noop"),
            "postern-authnz": authnz, "noop-fcgid": fcgid.replace(self.options.postern, self.noop), "postern-fcgid": fcgid,
            "mod_auth_openidc": self._openidc()}
        modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        vhosts = "".join(f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName bench.test\n"
                         f"UseCanonicalName On\nDocumentRoot {self._path('site')}\n{hosts[name]}\n</VirtualHost>\n"
                         for name, port in self.ports.items())
        with open(self._path("apache.conf"), "w") as file:
            file.write(f"""ServerRoot {self.folder}
PidFile {self._path('apache.pid')}
ErrorLog {self._path('apache.log')}
LogLevel error
ServerName bench.test
{modules}{user}
TypesConfig /etc/mime.types
KeepAlive On
MaxKeepAliveRequests 0
StartServers 8
MaxSpareThreads 400
FcgidIPCDir {self._path('fcgid')}
FcgidProcessTableFile {self._path('fcgid/table')}
FcgidSpawnScoreUpLimit 1000
FcgidCmdOptions {self.noop} MinProcesses 2 MaxProcesses 16 MaxRequestsPerProcess 0 MaxProcessLifeTime 0
AuthnzFcgiDefineProvider authnz noop fcgi://127.0.0.1:{self.noop_port}/
{self._snippet('apache-authnz', 'server')}
{self._snippet('apache-fcgid', 'server')}
<Directory {self._path('site')}>
    Require all granted
</Directory>
{vhosts}""")
        self._spawn(["apache2", "-d", self.folder, "-f", self._path("apache.conf"), "-DFOREGROUND"])
        until(lambda: can_connect(self.ports["page"]), "apache", self._path("apache.log"))

    def _openidc(self):
        return f"""
OIDCProviderMetadataURL {self.provider.issuer}/.well-known/openid-configuration
OIDCClientID rp1
OIDCClientSecret {'s' * 40}
OIDCRedirectURI http://localhost:{self.ports['mod_auth_openidc']}/callback
OIDCCryptoPassphrase {'p' * 40}
OIDCSessionType server-cache
OIDCCacheType shm
OIDCPKCEMethod S256
OIDCSSLValidateServer Off
<Location />
    AuthType openid-connect
    Require valid-user
</Location>
"""

    def _openidc_session(self):
        """Signs in: a session a minute old would be written with each request."""
        browser = Browser(self.ports["mod_auth_openidc"], None, host="localhost", secure=False)
        response = browser.send("/page.html", headers=[("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")],
                                host=f"localhost:{browser.port}")
        response = browser.follow(response)
        assert response.status == 200 and "protected" in response.text, response.raw[:500]
        with open(self._path("openidc.cookies"), "w") as file:
            file.write(browser.cookies.header() + "\n")
        return self._path("openidc.cookies")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _spawn(self, command):
        self.processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postern", default=".build/release/postern")
    parser.add_argument("--seed", default=".build/release/postern-seed")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    options.postern = os.path.realpath(options.postern)
    runs = {name: [] for name in options.contestants}
    with Field(options) as field:
        field.prove()
        for name in options.contestants:
            if name.endswith("fcgid"):  # until it has started as many processes as it will
                field.run(name, 2 * options.connections, options.seconds)
        for _ in range(options.rounds):
            for name in options.contestants:
                runs[name].append(field.run(name, options.connections, options.seconds))
    print(table(runs, options))
    os.makedirs(".build", exist_ok=True)
    with open(".build/bench-apache.json", "w") as file:
        json.dump([{"contestant": name, "connections": options.connections, **middle(runs[name])} for name in options.contestants], file, indent=1)


def middle(runs):
    return {"requests_per_second": statistics.median(run["rate"] for run in runs),
            "p50_ms": statistics.median(run["p50"] for run in runs), "p99_ms": statistics.median(run["p99"] for run in runs)}


def table(runs, options):
    lines = [f"### Apache, {options.connections} connections, medians of {options.rounds} rounds of {options.seconds} s, in turns", "",
             "| contestant | requests/s | of the no-op in the same mode | p50 ms | p99 ms |", "|---|--:|--:|--:|--:|"]
    for name in options.contestants:
        row, noop = middle(runs[name]), name.replace("postern", "noop")
        ratio = (statistics.median(ours["rate"] / theirs["rate"] for ours, theirs in zip(runs[name], runs[noop]))
                 if noop in runs and noop != name else None)
        lines.append(f"| {name} | {row['requests_per_second']:,.0f} | {f'{ratio:.2f}' if ratio else '-'} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
