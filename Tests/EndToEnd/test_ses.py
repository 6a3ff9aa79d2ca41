"""Sessions and their cookies."""
import os
import random
import re
import threading
import time

import pytest

from harness import fastcgi
from harness.browser import NAVIGATION
from harness.site import told_of
from test_flow import faketime

NAME = "__Host-postern"


def check(site, cookie, **options):
    return fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie), **options)


def test_SES_01_a_planted_cookie_is_worth_nothing(site):
    attacker = site.signed_in()
    planted = attacker.cookies.jar[NAME]
    for value in (planted, "x" * 87, "planted"):
        victim = site.browser()
        victim.cookies.jar[NAME] = value
        response = victim.follow(victim.get("/oauth2/start"))
        assert response.is_protected and victim.cookies.jar[NAME] != value
        assert check(site, f"{NAME}={value}").status == 401


def test_SES_02_no_value_but_the_true_one(site):
    value = site.signed_in().cookies.jar[NAME]
    reference = check(site, f"{NAME}=x").raw
    assert check(site, f"{NAME}={value}").status == 200
    changed = []
    generator = random.Random(2)
    for _ in range(256):
        place, bit = generator.randrange(len(value)), generator.randrange(8)
        changed.append((value[:place] + chr(ord(value[place]) ^ (1 << bit)) + value[place + 1:]).encode("latin-1"))
    changed = [one for one in changed if not set(b";\0") & set(one)]
    assert len(changed) > 240
    changed += [value[:length] for length in range(len(value))]
    changed += [value + extra for extra in ("A", "=", "==", "%00", "AAAA", value)]
    changed += ["", "A" * 87, "-" * 87, "_" * 4000, value.swapcase(), value[::-1]]
    connection = fastcgi.Connection(site.postern.socket)
    for other in changed:
        other = other if isinstance(other, bytes) else other.encode()
        assert other != value.encode()
        answer = connection.send(fastcgi.request(fastcgi.check("/", NAME.encode() + b"=" + other), keep=True)).answer()
        assert answer.raw == reference, other
    connection.close()
    assert check(site, f"{NAME}={value}").status == 200
    heads = set()
    for other in (*changed[:8], *changed[-60:]):
        other = other if isinstance(other, bytes) else other.encode()
        if not set(other) & {*range(32), 127}:
            response = site.browser().fetch("/", headers=[("Cookie", NAME.encode() + b"=" + other)])
            heads.add((response.status, response.body, tuple(pair for pair in response.headers if pair[0] != "Date")))
    assert len(heads) == 1 and heads.pop()[0] == 401
    assert site.is_alive()


def test_SES_03_what_our_cookies_look_like(site):
    browser = site.signed_in("/x")
    browser.get("/oauth2/sign_out")
    lines = browser.cookies.lines
    assert len(lines) >= 4
    for line in lines:
        name, _, attributes = line.partition(";")
        flags = {part.strip().lower() for part in attributes.split(";")}
        assert name.startswith("__Host-postern"), line
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags and not any(flag.startswith("domain") for flag in flags)
        assert len(line) < 4096


def test_SES_03_less_than_lax_is_refused_or_said_aloud(make_site):
    site = make_site({"cookie": {"same_site": "none"}})
    assert "same_site" in site.postern.log


def test_SES_03_over_http_only_when_asked_for(make_site):
    site = make_site(secure=False)
    browser = site.signed_in()
    assert "postern" in browser.cookies.jar and "cookie.insecure is on" in site.postern.log
    assert not any("__Host-" in line for line in browser.cookies.lines)


def test_SES_06_decorated_names_are_not_the_cookie(site):
    value = site.signed_in().cookies.jar[NAME]
    good = f"{NAME}={value}"
    for line in (f'{NAME}="{value}"', f"={good}", f"\u2000{good}", f"\u00a0{good}", f"a=b; \u2000{good}", f"a=b;\u00a0{good}", f"\ufeff{good}", f"=; ={good}",
                 f"={NAME}={value}", f"a; ={good}", f"\x0b{good}", f"a=b;\t{good}", f"a=b;  {good}", f"__host-postern={value}", f"__HOST-postern={value}",
                 f"{NAME};{value}", f"{NAME}=={value}", f"{NAME}={value}=", f'"{good}"', f"a=\"; {NAME[:-1]}={value}\"", f"__Host-{NAME}={value}",
                 f"__Secure-postern={value}", f"postern={value}", f"{NAME.lower()}={value}", f"{NAME.upper()}={value}",
                 f"{NAME} ={value}", f"{NAME}= {value}", f"x{good}", f"$Version=1,{good}", f"{NAME}%3D{value}", f"a=b,{good}",
                 f"{NAME}={value} ", f"\t{good}"):
        assert check(site, line.encode()).status == 401, line
        assert check(site, line.encode("utf-8").replace(b"\xc2\xa0", b"\xa0")).status == 401, line
        if not set(line.encode()) & {*range(32), 127} and line == line.strip(" "):
            response = site.browser().fetch("/", headers=[("Cookie", line.encode())])
            assert response.status == 401 and not response.is_protected, line
    for line in (good, f"$Version=1; {good}", f"a=b; {good}; c=d", f"{NAME}=x; {good}", f"{good}; {NAME}=x", f"a=b;{good}", f"; {good};"):
        assert check(site, line).status == 200, line
    parameters = [*fastcgi.check("/").items(), ("HTTP_COOKIE", "a=b"), ("HTTP_COOKIE", good)]
    assert fastcgi.ask(site.postern.socket, parameters).status == 200
    for plain in (False, True):
        for lines in (["a=b", good], [good, "a=b"], [f"{NAME}=x", good], [good, f"{NAME}=x"], [f"{NAME}=x; {good}"], [f"$Version=1; {good}"]):
            response = site.browser(plain).send("/", headers=[*NAVIGATION, *(("Cookie", line) for line in lines)], cookies=False)
            assert response.is_protected, lines
    for _ in range(20):
        assert check(site, f"{NAME}=x; {good}; {NAME}=y").status == 200


def test_SES_08_many_claims_make_no_large_cookie(site):
    site.provider.person.update({f"claim{number}": "x" * 100 for number in range(200)})
    browser = site.signed_in()
    assert len(browser.cookies.header()) < 200


def test_SES_09_the_absolute_and_the_idle_limit(make_site, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    site = make_site({"session": {"lifetime": "60s", "idle_timeout": "20s"}}, environment=faketime(clock))
    browser = site.signed_in()
    for offset in (10, 25, 40, 55):
        clock.write_text(f"+{offset}")
        time.sleep(0.05)
        assert browser.get("/").is_protected, offset
    clock.write_text("+61")
    time.sleep(0.05)
    assert not browser.get("/").is_protected
    clock.write_text("+0")
    browser = site.signed_in()
    clock.write_text("+19")
    time.sleep(0.05)
    assert browser.get("/").is_protected
    clock.write_text("+40")
    time.sleep(0.05)
    assert not browser.get("/").is_protected


def test_SES_09_nothing_in_a_cookie_can_be_moved(site):
    first, second = site.signed_in().cookies.jar[NAME], site.signed_in().cookies.jar[NAME]
    for one in (first[:22] + second[22:], first[:65] + second[65:], second[:22] + first[22:65] + second[65:], first[22:] + first[:22]):
        assert check(site, f"{NAME}={one}").status == 401


def test_SES_11_a_wall_clock_that_jumps(make_site, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    site = make_site({"session": {"lifetime": "12h"}}, environment=faketime(clock))
    browser = site.signed_in()
    for offset, is_good in ((-7200, True), (7200, True), (0, True), (-60, True), (60, True), (13 * 3600, False), (30 * 365 * 86400, False)):
        clock.write_text(f"{offset:+}")
        time.sleep(0.4)
        assert browser.get("/").is_protected == is_good, offset
        assert site.postern.is_running()


def test_SES_13_nobody_gets_anybody_elses_answer(site):
    count = int(os.environ.get("POSTERN_SOAK", 20_000))
    cookies = {"alice": site.signed_in().cookies.header()}
    site.provider.person.update(sub="bob-1", preferred_username="bob", email="bob@example.com")
    cookies["bob"] = site.signed_in().cookies.header()
    cookies[None] = None
    wrong = []

    def client(number):
        generator = random.Random(number)
        connection = fastcgi.Connection(site.postern.socket)
        for _ in range(count // 32):
            who = generator.choice(list(cookies))
            answer = connection.send(fastcgi.request(fastcgi.check(f"/{number}", cookies[who]), keep=True)).answer()
            if (answer.status, answer.header("X-Auth-Request-User")) != ((200, who) if who else (401, None)):
                wrong.append((who, answer.raw))
        connection.close()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_SES_13_nor_through_nginx(site):
    cookies = {"alice": site.signed_in().cookies, None: site.browser().cookies}
    site.provider.person.update(sub="bob-1", preferred_username="bob", email="bob@example.com")
    cookies["bob"] = site.signed_in().cookies
    wrong = []

    def client(number):
        generator = random.Random(number)
        for turn in range(60):
            who = generator.choice(list(cookies))
            browser = site.browser(plain=turn % 2 == 1)
            browser.cookies = cookies[who]
            response = browser.fetch(f"/{number}/{turn}")
            seen = told_of(response, "X-Auth-Request-User") if response.is_protected else None
            if (response.status, seen) != ((200, [who]) if who else (401, None)):
                wrong.append((who, response.raw))
    threads = [threading.Thread(target=client, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_stolen_database_opens_nothing(site):
    browser = site.signed_in()
    value = browser.cookies.jar[NAME]
    contents = b""
    import glob
    for path in glob.glob(f"{site.folder}/sessions.db*"):
        with open(path, "rb") as file:
            contents += file.read()
    assert value.encode() not in contents and value[22:65].encode() not in contents
    for secret in (b"alice@example.com", b"alice", *[token.encode() for token in site.provider.secrets]):
        assert secret not in contents
    assert re.fullmatch(r"[A-Za-z0-9_-]{87}", value)
    assert told_of(browser.get("/"), "X-Auth-Request-User") == ["alice"]
