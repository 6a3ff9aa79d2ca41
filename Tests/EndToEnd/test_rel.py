"""Outages, resources and the life of the process."""
import glob
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

import pytest

from harness import fastcgi
from harness.servers import ROOT, Server, wait_until


class Load:
    """Checks in the background: how each was answered, and how long it took."""

    def __init__(self, site, cookie, per_second=200):
        self.site, self.cookie, self.pause = site, cookie, 1 / per_second
        self.answers, self.times = [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        while not self.stopping.wait(self.pause):
            started = time.monotonic()
            try:
                answer = fastcgi.ask(self.site.postern.socket, fastcgi.check("/", self.cookie))
                self.answers.append(answer.status if answer else None)
            except OSError:
                self.answers.append(None)
            self.times.append(time.monotonic() - started)

    def p99(self):
        return statistics.quantiles(self.times, n=100)[98]


def test_REL_01_a_provider_that_is_not_there(make_site):
    site = make_site(start=False)
    site.provider.stop_listening()
    site.postern.start()
    browser = site.browser()
    page = browser.get("/")
    assert page.status == 503 and "The sign-in service does not answer" in page.text and page.header("Retry-After") == "5"
    site.provider.listen_again()
    wait_until(lambda: site.browser().get("/oauth2/start").status == 302, 5, "recovery")
    browser = site.signed_in()
    site.provider.stop_listening()
    site.postern.stop()
    site.postern.start()
    assert browser.get("/").is_protected
    assert site.browser().get("/").status == 503
    site.provider.listen_again()
    wait_until(lambda: site.browser().sign_in("/").is_protected, 5, "recovery")
    assert site.postern.log.count('"provider trouble"') <= 3


@pytest.mark.parametrize("manner", ["hangs", "drips"])
def test_REL_02_sign_ins_that_wait_starve_no_check(make_site, manner):
    site = make_site({"limits": {"provider_timeout": "4s"}})
    cookie = site.signed_in().cookies.header()
    callbacks = []
    for _ in range(20):
        browser = site.browser()
        callbacks.append((browser, browser.callback_url("/")))

    def token(call):
        if manner == "drips":
            handler = call["handler"]
            try:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                for _ in range(40):
                    handler.wfile.write(b" ")
                    handler.wfile.flush()
                    time.sleep(0.2)
            except OSError:
                pass
        else:
            time.sleep(8)
        return None
    site.provider.instead["token"] = token
    results = []

    def finish(browser, callback):
        started = time.monotonic()
        results.append((browser.get(callback).status, time.monotonic() - started))
    threads = [threading.Thread(target=finish, args=pair) for pair in callbacks]
    with Load(site, cookie) as load:
        time.sleep(0.3)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [status for status, _ in results] == [503] * 20 and max(took for _, took in results) < 6
    assert set(load.answers) == {200} and load.p99() < 0.05, load.p99()


def test_REL_02_all_calls_of_a_sign_in_together_end_in_time(make_site):
    """With the limit as it is by default: one call is slow, the next one hangs."""
    site = make_site()
    site.provider.delay.update(token=6, userinfo=20)
    browser = site.browser()
    callback = browser.callback_url("/")
    started = time.monotonic()
    assert browser.get(callback).status == 503 and 9 < time.monotonic() - started < 10.5


def test_REL_02_a_provider_that_hangs_from_the_start(make_site):
    site = make_site({"limits": {"provider_timeout": "3s"}})
    cookie = site.signed_in().cookies.header()
    site.postern.stop()
    site.provider.delay["discovery"] = 30
    site.postern.start()
    results = []

    def begin():
        started = time.monotonic()
        results.append((site.browser().get("/oauth2/start").status, time.monotonic() - started))
    threads = [threading.Thread(target=begin) for _ in range(20)]
    with Load(site, cookie) as load:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [status for status, _ in results] == [503] * 20 and max(took for _, took in results) < 5
    assert set(load.answers) == {200} and load.p99() < 0.05, load.p99()
    site.provider.delay.clear()
    wait_until(lambda: site.browser().get("/oauth2/start").status == 302, 8, "recovery")


def test_REL_03_a_store_that_is_gone(make_site):
    site = make_site()
    browser = site.signed_in()
    cookie = browser.cookies.header()
    hidden = f"{site.folder}/hidden"
    os.mkdir(hidden)

    def move(source, target):
        for name in os.listdir(source):
            if name.startswith("sessions.db"):
                os.rename(f"{source}/{name}", f"{target}/{name}")
    ask = lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie))  # noqa: E731
    assert ask().status == 200
    move(site.folder, hidden)
    time.sleep(1.6)
    started = time.monotonic()
    answer = ask()
    assert answer.status == 503 and answer.header("Set-Cookie") is None and time.monotonic() - started < 1
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/public/x", cookie)).status == 200
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/")).status == 401
    assert browser.get("/").status == 500 and "__Host-postern" in browser.cookies.jar
    assert browser.get("/oauth2/ready").status == 503 and browser.get("/oauth2/ping").status == 200
    assert site.browser().sign_in("/").status == 503
    move(hidden, site.folder)
    wait_until(lambda: ask().status == 200, 1, "recovery")
    assert "the session store does not answer" in site.postern.log
    wait_until(lambda: "the session store answers again" in site.postern.log, 1, "the line in the log")
    assert browser.get("/").is_protected


def test_REL_03_a_store_that_somebody_locks(make_site):
    site = make_site()
    cookie = site.signed_in().cookies.header()
    other = sqlite3.connect(f"{site.folder}/sessions.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
    browser = site.browser()
    callback = browser.callback_url("/")
    started = time.monotonic()
    assert browser.get(callback).status == 503 and time.monotonic() - started < 1
    started = time.monotonic()
    answer = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/sign_out", cookie))
    assert answer.status == 503 and answer.all("Set-Cookie") == [] and time.monotonic() - started < 1
    with Load(site, cookie) as load:
        time.sleep(1)
    assert set(load.answers) == {200}
    other.execute("ROLLBACK")
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
    assert site.signed_in()


def test_REL_03_another_process_that_holds_the_store_and_is_frozen(make_site, tmp_path):
    """Frozen with the file locked whole; its lock goes with it."""
    site = make_site()
    browser = site.signed_in()
    cookie = browser.cookies.header()
    script = tmp_path / "holder.py"
    script.write_text("import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('BEGIN EXCLUSIVE')\n"
                      "c.execute('UPDATE sessions SET seen = seen')\nprint('held', flush=True)\ntime.sleep(60)\n")
    holder = subprocess.Popen([sys.executable, str(script), f"{site.folder}/sessions.db"], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        started = time.monotonic()
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie))
        assert answer.status in (200, 503) and answer.all("Set-Cookie") == [] and time.monotonic() - started < 1
        assert fastcgi.ask(site.postern.socket, fastcgi.check("/")).status == 401
    holder.kill()
    holder.wait()
    holder.stdout.close()
    wait_until(lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200, 1, "recovery")
    assert browser.get("/").is_protected and site.signed_in()


def test_REL_03_another_file_in_the_place_of_the_store(make_site):
    site = make_site()
    browser = site.signed_in()
    cookie = browser.cookies.header()
    for content in (b"", b"x" * 8192):
        for path in glob.glob(f"{site.folder}/sessions.db*"):
            os.rename(path, path + ".kept")
        with open(f"{site.folder}/sessions.db", "wb") as file:
            file.write(content)
        time.sleep(1.6)
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie))
        assert answer.status == 503 and answer.all("Set-Cookie") == [], content
        assert site.browser().sign_in("/").status == 503
        for path in glob.glob(f"{site.folder}/sessions.db*.kept"):
            os.rename(path, path.removesuffix(".kept"))
        wait_until(lambda: fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200, 1, "recovery")


def test_REL_03_a_store_that_is_broken(make_site):
    site = make_site()
    cookie = site.signed_in().cookies.header()
    site.postern.stop()
    with open(f"{site.folder}/sessions.db", "r+b") as file:
        file.write(b"\xff" * 4096)
    Server.start(site.postern)
    site.postern.process.wait(5)
    assert site.postern.process.returncode == 1 and "session.store" in site.postern.log
    assert cookie not in site.postern.log


def test_REL_05_killed_and_started_again(make_site):
    site = make_site()
    browser = site.signed_in()
    cookie = browser.cookies.header()
    nobody = []
    stop = threading.Event()

    def knock():
        while not stop.is_set():
            nobody.append(site.browser().fetch("/").is_protected)
    thread = threading.Thread(target=knock)
    with Load(site, cookie, 500):
        thread.start()
        time.sleep(0.5)
        for _ in range(3):
            site.postern.stop(signal.SIGKILL)
            started = time.monotonic()
            site.postern.start()
            assert time.monotonic() - started < 2
            assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
        stop.set()
        thread.join()
    assert browser.get("/").is_protected and not any(nobody) and len(nobody) > 5


def test_REL_05_the_unit_starts_it_again_however_often(make_site):
    """systemd gives up after five starts in ten seconds unless it is told not to."""
    with open(os.path.join(ROOT, "docs", "systemd", "postern.service")) as file:
        lines = file.read().splitlines()
    assert "Restart=always" in lines and "RestartSec=200ms" in lines
    assert "StartLimitIntervalSec=0" in lines


def test_REL_05_a_second_postern_does_not_take_the_socket(make_site):
    site = make_site()
    done = subprocess.run(site.postern.command, capture_output=True, text=True, timeout=5, env=site.postern.environment)
    assert done.returncode == 1 and "listen" in done.stderr
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/")).status == 401


@pytest.mark.parametrize("load", ["idle", "loaded", "twice"])
def test_REL_06_the_end_is_orderly(make_site, load):
    site = make_site()
    browser = site.signed_in()
    waiting = site.browser()
    callback = waiting.callback_url("/")
    site.provider.delay["token"] = 1.5
    results = []
    thread = threading.Thread(target=lambda: results.append(waiting.get(callback).status))
    kept = fastcgi.Connection(site.postern.socket)
    kept.send(fastcgi.request(fastcgi.check("/", browser.cookies.header()), keep=True))
    assert kept.answer().status == 200
    if load != "idle":
        thread.start()
        time.sleep(0.4)
    started = time.monotonic()
    os.kill(site.postern.pid, signal.SIGTERM)
    if load == "twice":
        time.sleep(0.1)
        os.kill(site.postern.pid, signal.SIGTERM)
    site.postern.process.wait(5)
    assert time.monotonic() - started < 5 and site.postern.process.returncode == 0
    assert not os.path.exists(site.postern.socket)
    if load != "idle":
        thread.join()
        assert results == [302]


def test_REL_06_checks_in_flight_are_answered(make_site):
    """Eight peers ask without a pause; each answer that was begun is whole, and 200."""
    site = make_site()
    cookie = site.signed_in().cookies.header()
    data = fastcgi.request(fastcgi.check("/", cookie), keep=True)
    counts, odd = [], []

    def ask():
        connection = fastcgi.Connection(site.postern.socket, 5)
        count = 0
        while True:
            try:
                answer = connection.send(data).answer()
            except OSError:
                break
            if answer is None:
                break
            count += 1
            if answer.status != 200:
                odd.append(answer.raw)
        if connection.rest:
            odd.append(connection.rest)
        counts.append(count)
        connection.close()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    started = time.monotonic()
    os.kill(site.postern.pid, signal.SIGTERM)
    site.postern.process.wait(5)
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 5 and site.postern.process.returncode == 0
    assert odd == [] and all(count > 10 for count in counts)


def test_REL_08_out_of_descriptors(make_site):
    site = make_site(wrapper=["prlimit", "--nofile=160:160"])
    cookie = site.signed_in().cookies.header()
    before = site.postern.descriptors()
    peers = []
    end = time.monotonic() + 10
    cpu = site.postern.cpu()
    while time.monotonic() < end:
        try:
            while len(peers) < 300:
                connection = fastcgi.Connection(site.postern.socket, 1)
                connection.send(fastcgi.begin())
                peers.append(connection)
        except OSError:
            pass
        time.sleep(0.2)
    assert site.postern.cpu() - cpu < 3, "a busy loop"
    for connection in peers:
        connection.close()
    time.sleep(1)
    results = []
    threads = [threading.Thread(target=lambda: results.append(fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status))
               for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 50
    wait_until(lambda: site.postern.descriptors() <= before + 3, 6, "descriptors")
    assert site.signed_in()


def test_REL_11_the_socket_is_not_for_everybody(site):
    mode = os.stat(site.postern.socket).st_mode & 0o777
    assert mode == 0o660
    assert os.stat(f"{site.folder}/keys").st_mode & 0o777 == 0o600
    assert os.stat(f"{site.folder}/sessions.db").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change, message", [
    ({"prefixx": "/x"}, "did you mean prefix?"), ({"session": {"lifetme": "1h"}}, "did you mean session.lifetime?"),
    ({"public_url": "http://app.test"}, "not https"), ({"listen": "tcp:0.0.0.0:9000"}, "insecure_listen"),
    ({"listen": "tcp:[::]:9000"}, "insecure_listen"), ({"listen": "tcp:192.0.2.1:9000"}, "insecure_listen"), ({"listen": "tcp:0:9000"}, "listen"),
    ({"listen": "tcp::9000"}, "listen"), ({"listen": "unix:relative"}, "listen"), ({"public_url": "https://app.test/x?y"}, "public_url"),
    ({"public_url": "https://u:p@app.test"}, "public_url"), ({"providers": {"op": {"client_secrett": "hunter2hunter2"}}}, "client_secret"),
    ({"providers": {"op": {"client_secret_file": "/"}}}, "/"), ({"session": {"lifetime": "-1h"}}, "lifetime"),
    ({"session": {"lifetime": "99999999999999999999h"}}, "lifetime"), ({"prefix": "oauth2"}, "prefix"),
    ({"rules": []}, "rules"), ({"rules": None}, "rules is missing"), ({"session": {"store": "redis://x"}}, "not available yet"),
    ({"session": {"store": "cookie"}}, "not available yet"), ({"providers": {"op": {"client_secret_file": "/nonexistent"}}}, "/nonexistent"),
    ({"providers": {"op": {"issuer": "http://op.test", "insecure_http": None}}}, "not https")])
def test_REL_11_a_bad_configuration_does_not_start(make_site, change, message):
    from harness.site import SECRET, merged
    site = make_site()
    site.postern.write(merged(site.settings, change))
    for command in ("check", "serve"):
        done = site.postern.run(command, check=False)
        assert done.returncode == 78 and message in done.stderr and SECRET not in done.stderr + done.stdout
        assert "hunter2" not in done.stderr + done.stdout
        assert done.stderr.startswith(site.postern.config + ":")


def test_REL_11_secrets_that_others_can_read(make_site):
    site = make_site()
    os.chmod(f"{site.folder}/secret", 0o644)
    done = site.postern.run("serve", check=False)
    assert done.returncode == 78 and "chmod" in done.stderr
    os.chmod(f"{site.folder}/secret", 0o600)
    os.chmod(f"{site.folder}/keys", 0o644)
    done = site.postern.run("serve", check=False)
    assert done.returncode == 1 and "chmod 600" in done.stderr
    os.chmod(f"{site.folder}/keys", 0o600)
    with open(f"{site.folder}/keys") as file:
        keys = file.read()
    for content in ("", "x", keys[:20], "A" * 43 + "\n", "\0" * 100, keys[:-5]):
        site.postern.stop()
        with open(f"{site.folder}/keys", "w") as file:
            file.write(content)
        done = site.postern.run("serve", check=False)
        assert done.returncode == 1 and "keys" in done.stderr and keys.split()[-1][:16] not in done.stderr, content
    with open(f"{site.folder}/keys", "w") as file:
        file.write(keys)
    with open(f"{site.folder}/secret", "w") as file:
        file.write("\n")
    assert "empty" in site.postern.run("check", check=False).stderr


def test_every_mistake_at_once_in_the_order_of_the_file(make_site, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("public_url: app.test\nsesion: {}\nproviders:\n  op:\n    kind: saml\n    client_id: x\nrules:\n  - allow: {gruops: [a]}\n"
                    "  - {paths: [x], public: true}\nlog:\n  level: loud\n  format: text\n")
    site = make_site()
    done = subprocess.run([site.postern.command[0], "check", "--config", str(path)], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    places = [tuple(map(int, line[len(str(path)) + 1:].split(":")[:2])) for line in lines]
    assert done.returncode == 78 and places == sorted(places)
    assert {place[0] for place in places} >= {1, 2, 4, 5, 8, 9, 11}, done.stderr


def test_a_start_is_quick_and_small(make_site):
    site = make_site()
    site.postern.stop()
    site.postern.start()
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/")).status == 401
    assert site.postern.resident() < 60 * 1024 * 1024
