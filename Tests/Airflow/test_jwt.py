"""Airflow 3 with no code in it: Postern's signed assertion is the token that Airflow expects (docs/airflow/jwt)."""
import contextlib
import glob
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from company import Company, assertion, site_of_recipe, token_of, twin
from harness import fastcgi
from harness.browser import NAVIGATION
from harness.real import Person, Program, come_back, sign_in
from harness.servers import ROOT, wait_until
from harness.tokens import Key, b64, jwt, parts, signed_by, unb64
from jwt_place import Place
from real_airflow import decoded

PEOPLE = {"ada": "admin", "otto": "op", "uma": "user", "vic": "viewer"}
JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def place(authority, make_airflow, make_lasting_site):
    place = Place(authority, make_airflow, make_lasting_site)
    yield place
    place.close()


@pytest.fixture(scope="module")
def browsers(place):
    """A signed-in browser for each of the people who have a role."""
    return {name: place.enter(name)[0] for name in PEOPLE}


def me(browser):
    """Whom Airflow takes the browser for."""
    response = browser.fetch("/ui/auth/me")
    return decoded(response.body)["username"] if response.status == 200 else response.status


def call(browser, method, target, **body):
    return browser.send(target, method, [JSON, ("Accept", "application/json")], json.dumps(body).encode() if body else b"").status


# Who gets in, and as what

def test_everybody_with_a_role_gets_in_under_their_name(place):
    for name in PEOPLE:
        browser, page = place.enter(name)
        assert page.status == 200 and "<title>Airflow</title>" in page.text
        assert decoded(browser.fetch("/ui/auth/me").body) == {"id": name, "username": name}
        assert not {"_token", "session"} & set(browser.cookies.jar), "Airflow keeps who it is in a cookie"


@pytest.mark.parametrize("name, may", [("vic", "read"), ("uma", "read run"), ("otto", "read run keep"), ("ada", "read run keep")])
def test_groups_are_roles(place, browsers, name, may):
    browser = browsers[name]
    calls = {"read": [("GET", "/api/v2/dags", {}), ("GET", "/api/v2/pools", {})],
             "run": [("PATCH", "/api/v2/dags/hello", {"is_paused": False})],
             "keep": [("GET", "/api/v2/variables", {}), ("GET", "/api/v2/connections", {}),
                      ("POST", "/api/v2/variables", {"key": f"of-{name}", "value": "1"}),
                      ("POST", "/api/v2/pools", {"name": f"of-{name}", "slots": 1, "description": "", "include_deferred": False})]}
    start_dags(place)
    for kind, wanted in calls.items():
        statuses = [call(browser, method, target, **body) for method, target, body in wanted]
        assert all(status in (200, 201) if kind in may else status == 403 for status in statuses), (kind, statuses)


def test_one_with_all_groups_has_the_first_role_of_the_list(place, browsers):
    """ada is a viewer, too."""
    assert parts(assertion(place.site.postern, browsers["ada"]))[1]["role"] == "admin"


def start_dags(place):
    """What runs DAGs, once, until Airflow knows the DAG."""
    if "scheduler" not in place.airflow.parts:
        place.airflow.start_tasks()
    browser, _ = place.enter("ada")
    wait_until(lambda: browser.fetch("/api/v2/dags/hello").status == 200, 90, "the DAG")


def test_a_dag_runs_and_airflow_knows_who_triggered_it(place, browsers):
    start_dags(place)
    assert call(browsers["vic"], "POST", "/api/v2/dags/hello/dagRuns", logical_date=None) == 403
    response = browsers["uma"].send("/api/v2/dags/hello/dagRuns", "POST", [JSON], b'{"logical_date": null}')
    run = decoded(response.body)
    assert response.status == 200 and run["triggering_user_name"] == "uma", response.text
    address = f"/api/v2/dags/hello/dagRuns/{urllib.parse.quote(run['dag_run_id'])}"
    state = wait_until(lambda: (state := decoded(browsers["vic"].fetch(address).body)["state"]) in ("success", "failed") and state,
                       120, "the end of the run")
    assert state == "success", place.airflow.logs()
    logs = browsers["vic"].fetch(f"{address}/taskInstances/say/logs/1")
    assert logs.status == 200 and "hello from the task" in logs.text


def test_somebody_without_any_of_the_groups_is_refused_with_a_page(place):
    before = place.airflow.parts["api-server"].log
    browser, page = place.enter("nina", "/dags/hello")
    assert page.status == 403 and "You may not see this" in page.text and "nina" in page.text
    assert browser.fetch("/ui/auth/me").status == 403 and browser.fetch("/api/v2/dags").status == 403
    # Airflow was never asked.
    assert "path=/ui/auth/me" not in place.airflow.parts["api-server"].log[len(before):]


def test_everybody_who_signs_in_gets_in_where_the_rules_say_so(place, make_lasting_site):
    """The variant of docs/airflow.md: a default role, and a rule for everyone."""
    def everybody(site):
        shutil.copy(f"{place.site.folder}/keys", f"{site.folder}/keys")  # so that the same Airflow believes it
        recipe = place.recipe(site)
        recipe.moved["postern.yaml"] |= {
            "allow: { groups: [airflow-admins, airflow-ops, airflow-users, airflow-viewers] }": "allow: { everyone: true }",
            "          airflow-viewers: viewer\n": "          airflow-viewers: viewer\n        default: viewer\n"}
        return recipe
    site = site_of_recipe(make_lasting_site, place.provider, everybody)
    browser, page, _ = sign_in(site, place.provider, person=Person(place.provider, "nina"))
    assert page.status == 200 and me(browser) == "nina"
    assert call(browser, "GET", "/api/v2/dags") == 200 and call(browser, "GET", "/api/v2/variables") == 403


# Without a session, and with one that ends

@pytest.mark.parametrize("method, target", [
    ("GET", "/ui/auth/me"), ("GET", "/ui/config"), ("GET", "/api/v2/dags"), ("GET", "/api/v2/version"), ("POST", "/api/v2/dags/hello/dagRuns"),
    ("GET", "/ui/grid/runs/hello"), ("GET", "/%61pi/v2/dags")])
def test_without_a_session_programs_and_the_page_get_401_and_no_redirect(place, method, target):
    fetch = [("Accept", "application/json"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]
    for headers in (fetch, [("Accept", "*/*"), ("User-Agent", "curl/7.88.1")], [], [("Authorization", "Bearer made-up")]):
        response = place.site.browser().send(target, method, headers)
        assert response.status == 401 and response.location is None, headers
        assert response.header("WWW-Authenticate").startswith("Bearer")


def test_a_deep_link_survives_the_sign_in(place):
    target = "/dags/hello/runs/manual__2026-01-01T00:00:00+00:00?tab=details&search=a%26b%2Fc"
    _, page = place.enter("vic", target)
    assert page.status == 200 and page.url == f"https://app.test{target}"


def test_an_expired_session_in_an_open_tab_recovers(place):
    browser, _ = place.enter("uma")
    person = Person(place.provider, "uma")
    assert me(browser) == "uma"
    place.site.postern.run("sessions", "end", "--user", "uma")
    wait_until(lambda: me(browser) == 401, 3, "the end of the session")
    # What the page does when it is told 401.
    response = browser.get(f"/api/v2/auth/login?next={urllib.parse.quote('/dags/hello?tab=a&b=1', safe='')}")
    assert response.status == 302 and response.location.startswith("/oauth2/sign_in?rd="), response.location
    page = come_back(browser, place.provider, person, browser.get(response.location).location)
    assert page.status == 200 and page.url == "https://app.test/dags/hello?tab=a&b=1" and me(browser) == "uma"


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test", "https:evil.test", "javascript:alert(1)"])
def test_RD_airflows_own_return_address_leads_nowhere_else(place, target):
    browser = place.site.browser()
    response = browser.get(f"/api/v2/auth/login?next={urllib.parse.quote(target, safe='')}")
    page = come_back(browser, place.provider, Person(place.provider, "vic"), browser.get(response.location).location)
    assert page.url.startswith("https://app.test/") and page.status == 200, page.url


def test_where_airflow_does_not_take_the_assertion_there_is_a_page_and_no_loop(place):
    """Another audience in one of the two configurations, say: Airflow's page then goes to sign in, again and again."""
    browser, person = place.site.browser(), Person(place.provider, "vic")
    for _ in range(12):
        response = browser.get(browser.get("/api/v2/auth/login?next=%2Fdags").location)
        if response.status != 302:
            break
        come_back(browser, place.provider, person, response.location)
    assert response.status == 409 and "the application asks again" in response.text


@pytest.mark.parametrize("role, status", [("", 403), ("viewers", 500)])
def test_a_role_that_airflow_does_not_know_opens_nothing(place, browsers, role, status):
    """None at all, and a misspelt one: Airflow says so in its own ways."""
    line = "          airflow-viewers: viewer\n"
    with running_twin(place.site, f"role-{role}", changed=(line, line.replace("viewer\n", f"{role}\n") if role else "")) as other:
        token = assertion(other, browsers["vic"])
    assert parts(token)[1].get("role", "") == role
    assert place.with_token(token, "/api/v2/dags")[0] == status


# What is open, and what is shut

def test_the_health_endpoint_is_open_and_nothing_else_is(place):
    browser = place.site.browser()
    response = browser.fetch("/api/v2/monitor/health", [("Authorization", "Bearer forged"), ("Cookie", "_token=forged")])
    assert response.status == 200 and decoded(response.body)["metadatabase"]["status"] == "healthy"
    for target in ("/api/v2/monitor/healthy", "/api/v2/monitor/health/../../dags", "/api/v2/monitor/health/x", "/api/v2/monitor"):
        assert browser.fetch(target).status == 401, target


@pytest.mark.parametrize("target", ["/execution/health", "/execution", "/execution/", "/x/../execution/health", "/%65xecution/health",
                                    "//execution/health", "/execution/task-instances/x/run"])
def test_the_door_of_the_tasks_is_not_reached_from_outside(place, browsers, target):
    assert place.ask("/execution/health", place.airflow.execution_port)[0] == 200
    for browser in (place.site.browser(), browsers["ada"]):
        assert browser.fetch(target).status == 403, target


def test_HDR_an_assertion_opens_nothing_at_the_door_of_the_tasks(place, browsers):
    token = assertion(place.site.postern, browsers["ada"])
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        status, _ = place.ask("/execution/variables/of-ada", place.airflow.execution_port, **headers)
        assert status in (401, 403), status


@pytest.mark.parametrize("method, target", [
    ("GET", "/auth/login"), ("GET", "/auth/"), ("GET", "/auth"), ("POST", "/auth/token"), ("GET", "/auth/token"), ("GET", "/auth/token/login"),
    ("POST", "/auth/token/cli"), ("POST", "/ui/auth/token")])
def test_airflow_has_no_form_accounts_or_tokens_of_its_own(place, browsers, method, target):
    """A token of Airflow's would last for a day, and outlive the role it was made with."""
    for browser in (place.site.browser(), browsers["ada"]):
        assert browser.send(target, method, [*NAVIGATION, JSON], b'{"username": "admin", "password": "admin", "token_type": "api"}').status == 403


# Programs

@pytest.mark.parametrize("name", ["uma", "vic"])
def test_a_script_of_a_person_acts_as_that_person(place, name):
    program = Program(place.site, token=token_of(place.provider, name, "openid airflow"))
    assert program.get("/ui/auth/me").json() == {"id": name, "username": name}
    assert program.get("/api/v2/dags").status_code == 200
    answer = program.session.patch("https://app.test/api/v2/dags/hello", json={"is_paused": False}, verify=place.site.authority.path, timeout=20)
    assert answer.status_code == (200 if name == "uma" else 403) and program.get("/api/v2/variables").status_code == 403


def test_tokens_that_are_not_for_airflow_are_refused(place):
    assert Program(place.site, token=token_of(place.provider, "ada", "openid")).get("/ui/auth/me").status_code == 403
    made_up = Program(place.site, token="made-up").get("/api/v2/dags")
    assert made_up.status_code == 401 and made_up.headers["WWW-Authenticate"].startswith("Bearer")
    assert Program(place.site, token=token_of(place.provider, "nina")).get("/api/v2/dags").status_code == 403


def test_airflowctl_acts_as_the_person_whose_token_it_has(place, tmp_path):
    start_dags(place)

    def airflowctl(name, *arguments):
        token = {"AIRFLOW_CLI_TOKEN": token_of(place.provider, name)} if name else {}
        program = os.path.join(ROOT, ".build", "airflowctl", "bin", "airflowctl")
        return subprocess.run([program, *arguments], env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path),
                                                          **place.outside, **token}, capture_output=True, text=True, timeout=120)
    said = airflowctl("uma", "auth", "login", "--api-url", "https://app.test", "--skip-keyring")
    assert said.returncode == 0, said.stdout + said.stderr
    said = airflowctl("vic", "dags", "list", "-o", "json")
    assert said.returncode == 0 and '"hello"' in said.stdout, said.stdout + said.stderr
    said = airflowctl("vic", "dags", "trigger", "hello")
    assert said.returncode != 0 or "Forbidden" in said.stdout + said.stderr, said.stdout + said.stderr
    said = airflowctl("uma", "dags", "trigger", "hello", "-o", "json")
    assert said.returncode == 0 and '"uma"' in said.stdout, said.stdout + said.stderr


# Signing out

def test_OUT_airflows_own_sign_out_ends_the_session_and_that_of_the_provider(place):
    browser, _, person = sign_in(place.site, place.provider, person=Person(place.provider, "uma"))
    old = dict(browser.cookies.jar)
    browser.cookies.jar |= {"_token": "left", "session": "left"}
    response = browser.get("/api/v2/auth/logout", headers=[("Sec-Fetch-Site", "same-origin")])
    response = browser.get(response.location)
    assert not {"_token", "session"} & set(browser.cookies.jar)
    assert "id_token_hint=" in response.location
    assert "You are signed out" in browser.follow(browser.visit(person.walk(response.location))).text
    browser.cookies.jar = old
    assert me(browser) == 401
    person.passwords_typed = 0
    sign_in(place.site, place.provider, person=person)
    assert person.passwords_typed == 1, "the provider still knew who it was"


def test_OUT_01_a_page_elsewhere_cannot_sign_anybody_out(place):
    browser, _ = place.enter("uma")
    # Browsers keep saying cross-site along the redirects of a request that another site began.
    cross = [("Accept", "*/*"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]
    response = browser.send("/api/v2/auth/logout", headers=cross)
    browser.send(response.location, headers=cross)
    assert me(browser) == "uma"


def test_OUT_another_person_on_the_same_browser_is_never_the_first(place):
    browser, _ = place.enter("ada")
    left = assertion(place.site.postern, browser)
    assert me(browser) == "ada"
    browser.get("/oauth2/sign_out")
    # Whatever the first left behind: what Airflow itself would take for a session, were it the only thing it is shown.
    assert place.ask(Cookie=f"_token={left}")[1] == {"id": "ada", "username": "ada"}
    browser.cookies.jar |= {"_token": left}
    assert me(browser) == 401
    browser, _ = place.enter("vic", browser=browser)
    assert "_token" not in browser.cookies.jar
    for _ in range(3):
        browser.cookies.jar |= {"_token": left}
        assert me(browser) == "vic" and call(browser, "GET", "/api/v2/variables") == 403


# Attacks

def forged(place, token, key):
    """Tokens that say of vic's genuine one that it is the administrator's, by name."""
    header, claims = parts(token)
    claims = {**claims, "role": "admin", "sub": "ada"}
    jwk = next(jwk for jwk in decoded(place.site.browser().get("/oauth2/jwks.json").body)["keys"] if jwk["kid"] == header["kid"])
    point = b"\x04" + unb64(jwk["x"]) + unb64(jwk["y"])
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def mac(secret, digest=hashlib.sha256):
        return lambda data: hmac.new(secret, data, digest).digest()
    own = place.airflow.environment["AIRFLOW__API_AUTH__JWT_SECRET"].encode()
    yield "signed by another key", signed_by(key, claims)
    yield "signed by another key that calls itself ours", signed_by(key, claims, kid=header["kid"])
    yield "its key in the header", signed_by(key, claims, jwk={**key.jwk(), "kid": key.kid}, kid=header["kid"])
    yield "its keys at an address", signed_by(key, claims, jku="https://evil.test/jwks.json", kid=header["kid"])
    yield "no key id", signed_by(key, claims, kid=None)
    yield "RS256", signed_by(Key("RS256"), claims, kid=header["kid"])
    for algorithm in ("none", "None", "NONE"):
        yield algorithm, jwt({**header, "alg": algorithm}, claims, lambda _: b"")
    for what, secret in (("the public key's PEM", pem), ("its point", point), ("its JWK", json.dumps(jwk).encode()), ("nothing", b"")):
        yield f"HS256 with {what}", jwt({**header, "alg": "HS256"}, claims, mac(secret))
    yield "Airflow's own secret", jwt({"alg": "HS512", "typ": "JWT", "kid": "not-used"}, claims, mac(own, hashlib.sha512))
    yield "Airflow's own secret under our key id", jwt({**header, "alg": "HS512"}, claims, mac(own, hashlib.sha512))
    signature = token.rpartition(".")[2]
    yield "another's signature", f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}.{signature}"
    yield "no signature", f"{token.rpartition('.')[0]}."
    yield "a signature of zeros (CVE-2022-21449)", jwt(header, claims, lambda _: bytes(64))


def test_HDR_a_forged_assertion_never_becomes_a_user(place, browsers):
    token = assertion(place.site.postern, browsers["vic"])
    assert place.with_token(token) == (200, {"id": "vic", "username": "vic"})
    for what, bad in forged(place, token, Key("ES256")):
        status, said = place.with_token(bad)
        assert status in (401, 403), f"{what}: {status} {said}"
        assert place.ask(Cookie=f"_token={bad}")[0] in (401, 403), f"{what}, as a cookie"
        assert place.site.browser().fetch("/ui/auth/me", [("Authorization", f"Bearer {bad}")]).status == 401, f"{what}, through nginx"
        assert decoded(browsers["vic"].fetch("/ui/auth/me", [("Authorization", f"Bearer {bad}")]).body)["username"] == "vic", what


def test_HDR_01_identity_headers_of_a_client_are_nothing(place, browsers):
    stolen = assertion(place.site.postern, browsers["ada"])  # genuine, and good
    names = ["X-Auth-Request-Assertion", "X_Auth_Request_Assertion", "x-auth-request-assertion", "X-Auth_Request-Assertion"]
    names += ["X-Auth-Request-User", "X_Auth_Request_User", "Remote-User", "REMOTE_USER", "X-Forwarded-User", "X-Remote-User"]
    for name in names:
        for value in (stolen, f"Bearer {stolen}", "ada"):
            assert place.ask(**{name: value})[0] == 401, name
            assert me_with(browsers["vic"], [(name, value)]) == "vic", name
            assert me_with(place.site.browser(), [(name, value)]) == 401, name
    for name in ("Authorization", "authorization", "AUTHORIZATION"):
        assert me_with(browsers["vic"], [(name, f"Bearer {stolen}")]) == "vic"
        assert me_with(place.site.browser(), [(name, f"Bearer {stolen}")]) == 401, "an assertion is no access token"
    assert me_with(browsers["vic"], [("Authorization", f"Bearer {stolen}")] * 2) in ("vic", 400)
    assert me_with(browsers["vic"], [("Authorization", "Basic YWRhOmFkYQ==")]) == "vic"


def me_with(browser, headers):
    response = browser.fetch("/ui/auth/me", headers)
    return decoded(response.body)["username"] if response.status == 200 else response.status


@contextlib.contextmanager
def running_twin(site, *arguments, **options):
    other = twin(site, *arguments, **options)
    try:
        yield other
    finally:
        other.stop()


@pytest.mark.parametrize("what, refused, options", [
    ("the same", None, {}),
    ("another audience", "Invalid JWT token", {"POSTERN_IDENTITY_ASSERTION_AUDIENCE": "grafana"}),
    ("another issuer", "Invalid JWT token", {"POSTERN_IDENTITY_ASSERTION_ISSUER": "https://other.test"}),
    ("five seconds late", None, {"wrapper": ["faketime", "-f", "-305s"]}),
    ("expired", "Token Expired", {"wrapper": ["faketime", "-f", "-400s"]}),
    ("not good yet", "Invalid JWT token", {"wrapper": ["faketime", "-f", "+100s"]}),
    ("another algorithm", "Invalid JWT token", {"POSTERN_IDENTITY_ASSERTION_ALGORITHM": "EdDSA"})])
def test_HDR_a_genuine_assertion_for_another_place_or_time_is_refused(place, browsers, what, refused, options):
    """Made by another Postern with the same keys and sessions."""
    with running_twin(place.site, f"twin-{what.replace(' ', '-')}", **options) as other:
        token = assertion(other, browsers["ada"])
    status, said = place.with_token(token)
    assert (status, said) == (200, {"id": "ada", "username": "ada"}) if not refused else (status in (401, 403) and said["detail"] == refused), said


def test_HDR_a_role_ends_with_the_group(place, make_lasting_site):
    """Within the access token's lifetime, in which Postern asks the provider again; not an assertion's lifetime later."""
    lifetime = 6
    provider = Company(access_lifetime=lifetime)
    try:
        def recipe(site):
            shutil.copy(f"{place.site.folder}/keys", f"{site.folder}/keys")  # so that the same Airflow believes it
            found = place.recipe(site)
            found.moved["postern.yaml"]["https://login.example.com"] = provider.issuer
            return found
        site = site_of_recipe(make_lasting_site, provider, recipe)
        browser, _, _ = sign_in(site, provider, person=Person(provider, "otto"))

        def keeps():
            return call(browser, "GET", "/api/v2/variables")
        assert keeps() == 200
        provider.groups("otto", "airflow-viewers")
        started = time.monotonic()
        wait_until(lambda: keeps() == 403, lifetime + 6, "the end of the role")
        print(f"the role ended after {time.monotonic() - started:.1f} s")
        assert me(browser) == "otto" and call(browser, "GET", "/api/v2/dags") == 200
        provider.groups("otto", "staff")
        wait_until(lambda: me(browser) == 403, lifetime + 6, "the end of the membership")
        assert "You may not see this" in browser.get("/").text
    finally:
        provider.close()


# Keys: the last, because Airflow is started anew

def test_airflow_reads_the_keys_once_an_hour_and_the_recipe_waits_longer(place):
    """What Airflow remembers is written in its source; what the recipe waits, in the recipe."""
    [source] = glob.glob(f"{place.airflow.bin}/../lib/python*/site-packages/airflow/api_fastapi/auth/tokens.py")
    with open(source) as file:
        interval, retry = re.findall(r"refresh_(?:retry_)?interval_secs: int = (\d+)", file.read())
    assert "key_delay: 2h" in place.site.recipe.text("postern.yaml") and int(interval) + 60 * int(retry) < 7200


def test_HDR_an_old_key_that_was_rotated_out_is_refused(place):
    site, keys = place.site, f"{place.site.folder}/keys"
    stolen = f"{site.folder}/stolen-keys"
    shutil.copy(keys, stolen)
    browser, _ = place.enter("ada")
    old_id = parts(assertion(site.postern, browser))[0]["kid"]

    def published():
        return [jwk["kid"] for jwk in decoded(site.browser().get("/oauth2/jwks.json").body)["keys"]]

    def grow_older(seconds):
        """As if so much time had gone by since the keys were made."""
        with open(keys) as file:
            lines = [line.split(" ") for line in file.read().splitlines()]
        site.postern.stop()
        with open(keys, "w") as file:
            file.write("".join(f"{version} {int(created) - seconds} {secret}\n" for version, created, secret in lines))
        site.postern.start()
        return place.enter("ada")[0]
    assert published() == [old_id]
    site.postern.run("key", "rotate")
    wait_until(lambda: len(published()) == 2, 5, "the new key")
    new_id = next(kid for kid in published() if kid != old_id)
    browser = place.enter("ada")[0]
    assert parts(assertion(site.postern, browser))[0]["kid"] == old_id and me(browser) == "ada", "it signs before Airflow knows it"
    browser = grow_older(7200)
    assert parts(assertion(site.postern, browser))[0]["kid"] == new_id
    # This Airflow read the keys before: in an hour it would read them anew, here it is told nothing.
    assert me(browser) == 403
    browser = grow_older(700)
    assert published() == [new_id]
    place.airflow.stop("api-server")
    place.start_web()
    assert me(browser) == "ada"
    with running_twin(site, "thief", keys=stolen) as thief:
        token = thief_token(place, thief)
    assert parts(token)[0]["kid"] == old_id
    assert place.with_token(token) == (403, {"detail": "Invalid JWT token"})
    # What docs/airflow.md says to do about stolen keys.
    site.postern.stop()
    os.remove(keys)
    site.postern.start()
    assert me(browser) == 401 and not {old_id, new_id} & set(published())


def thief_token(place, thief):
    """What the stolen keys make of a session of their own: a sign-in at the thief's Postern with a token of ada's."""
    answer = fastcgi.ask(thief.socket, fastcgi.check("/", HTTP_AUTHORIZATION=f"Bearer {token_of(place.provider, 'ada')}"))
    return answer.header("Authorization").removeprefix("Bearer ")
