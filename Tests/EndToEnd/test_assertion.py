"""Assertions: a signed word of who it is, for applications that verify it, through each web server."""
import itertools
import json
import re
import threading
import time
import warnings

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from harness import fastcgi
from harness.browser import NAVIGATION
from harness.double import lasting_site
from harness.extended import asked_at, extended_site, key_file, published_keys
from harness.fronts import FRONTS, only, spawned
from harness.provider import Provider
from harness.servers import wait_until
from harness.site import told, told_of
from harness.tokens import Key, thumbprint, unb64
from test_apache import vhost
from test_flow import faketime
from test_introspection import looked_up, opaque

HEADER = "X-Auth-Request-Assertion"
CLAIMS = {"name": "name", "level": "job.level", "tenant": {"value": "acme"}, "trial": {"value": False},
          "role": {"groups": {"airflow-admins": "admin", "airflow-ops": "op"}, "default": "viewer"},
          "rank": {"groups": {"airflow-admins": 1}}}
REGISTERED = {"iss", "aud", "sub", "iat", "nbf", "exp", "jti"}


def settings(**changes):
    return {"identity": {"assertion": {"audience": "airflow", **changes}}}


@pytest.fixture(scope="module")
def shared_site(authority, front):
    yield from lasting_site(authority, front, Provider(), settings(claims=CLAIMS))


def assertion_of(response, header=HEADER):
    """The one that the application was handed with this response."""
    values = told_of(response, header)
    assert len(values) == 1, values
    if header != "Authorization":
        return values[0]
    scheme, _, token = values[0].partition(" ")
    assert scheme == "Bearer"
    return token


def verified(site, token, audience="airflow", algorithms=("ES256",)):
    """Header and claims, as an application has them that knows nothing but the address of the keys."""
    keys = KeySet.import_key_set({"keys": published_keys(site)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of RFC 9864, which gives EdDSA new names
        found = jwt.decode(token, keys, algorithms=list(algorithms))
    JWTClaimsRegistry(iss={"essential": True, "value": "https://app.test"}, aud={"essential": True, "value": audience},
                      sub={"essential": True}, exp={"essential": True}).validate(found.claims)
    return found.header, found.claims


def key_of(token):
    return json.loads(jwt_part(token, 0))["kid"]


def jwt_part(token, number):
    return unb64(token.split(".")[number])


def forged(response):
    return [pair for pair in told(response) if "forged" in pair[1]]


# What an application gets


def test_an_application_that_verifies_knows_who_it_is(site):
    site.provider.person.update(groups=["staff", "airflow-ops", "airflow-admins"], name="Alice \"A.\" Löfgren", job={"level": 3})
    before = int(time.time())
    header, claims = verified(site, assertion_of(site.browser().sign_in("/x")))
    assert header == {"alg": "ES256", "typ": "JWT", "kid": thumbprint(published_keys(site)[0])}
    times = {name: claims.pop(name) for name in ("iat", "nbf", "exp")}
    assert before <= times["iat"] == times["nbf"] <= time.time() and times["exp"] == times["iat"] + 300
    assert len(claims.pop("jti")) == 22
    assert claims == {"iss": "https://app.test", "aud": "airflow", "sub": "alice", "email": "alice@example.com", "email_verified": True,
                      "groups": ["staff", "airflow-ops", "airflow-admins"], "name": "Alice \"A.\" Löfgren", "level": 3,
                      "tenant": "acme", "trial": False, "role": "admin", "rank": "1"}


def test_HDR_02_what_is_not_known_is_not_said(site):
    site.provider.person.pop("name", None)
    _, claims = verified(site, assertion_of(site.browser().sign_in("/")))
    assert set(claims) == REGISTERED | {"email", "email_verified", "groups", "tenant", "trial", "role"}
    assert claims["groups"] == [] and claims["role"] == "viewer"


@pytest.mark.parametrize("text", ['x","sub":"root', 'x"],"groups":["airflow-admins', "airflow-admins ", "airflow-admins\\", "bob\r\nX-A: b", "\u2028",
                                  "AIRFLOW-ADMINS", "a,airflow-admins"], ids=ascii)
def test_HDR_07_no_group_or_claim_reads_as_another(site, text):
    site.provider.person.update(groups=[text, "staff"], name=text)
    _, claims = verified(site, assertion_of(site.browser().sign_in("/")))
    assert claims["groups"] == [text, "staff"] and claims["name"] == text
    assert claims["sub"] == "alice" and claims["role"] == "viewer" and "rank" not in claims


def test_HDR_08_many_groups_arrive_whole_or_not_at_all(site):
    for count in (10, 50, 300, 500):
        groups = [f"group-number-{number:04}-of-many" for number in range(count - 1)] + ["airflow-admins-ro"]
        site.provider.person["groups"] = groups
        browser = site.browser()
        response = browser.sign_in("/")
        if not response.is_protected:
            assert count > (50 if site.kind == "nginx" else 10) and response.status == 403, "so few fit"
            assert re.search("identity headers of .* POSTERN_HEADER_BYTES or limits.identity_bytes", site.logs())
            continue
        _, claims = verified(site, assertion_of(response))
        assert claims["groups"] == groups and claims["role"] == "viewer"


def test_on_public_pages_there_is_none(site):
    for browser in (site.browser(), site.signed_in()):
        assert told_of(browser.get("/public/x"), HEADER) in ([], [""])


@only("nginx")
def test_HDR_02_whoever_has_no_name_for_the_application_has_none(make_site):
    site = make_site(settings(claims={"sub": "employee"}))
    response = site.signed_in().get("/", headers=[(HEADER, "forged")])
    assert told_of(response, HEADER) in ([], [""]) and told_of(response, "X-Auth-Request-User") == ["alice"]
    site.provider.person["employee"] = "e-17"
    assert verified(site, assertion_of(site.signed_in().get("/")))[1]["sub"] == "e-17"


@only("nginx")
def test_it_is_for_one_application_and_of_this_issuer(make_site):
    site = make_site(settings(audience="urn:jupyter", algorithm="EdDSA", lifetime="30s", issuer="https://app.test"))
    token = assertion_of(site.signed_in().get("/"))
    header, claims = verified(site, token, "urn:jupyter", ["EdDSA"])
    assert header["alg"] == "EdDSA" and claims["exp"] - claims["iat"] == 30
    with pytest.raises(JoseError):
        verified(site, token, "airflow", ["EdDSA"])
    other = make_site(settings(algorithm="EdDSA"))
    with pytest.raises((JoseError, ValueError)):
        verified(other, token, "urn:jupyter", ["EdDSA"])


@only("nginx")
def test_it_ends_with_the_session(make_site):
    site = make_site({**settings(), "session": {"lifetime": "60s"}})
    _, claims = verified(site, assertion_of(site.signed_in().get("/")))
    assert claims["exp"] - claims["iat"] <= 60


# Keys


def moved(clock):
    """The key file's time stays: what was changed is read anew, and makes all sessions be opened anew."""
    return {**faketime(clock), "NO_FAKE_STAT": "1"}


def test_LEAK_01_the_keys_are_public_and_nothing_else_of_them_is(site):
    response = site.browser().fetch("/oauth2/jwks.json")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    assert response.header("Cache-Control") == "public, max-age=300" and response.all("Set-Cookie") == []
    keys = json.loads(response.body)["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}]
    assert (keys[0]["kty"], keys[0]["crv"], keys[0]["alg"], keys[0]["use"]) == ("EC", "P-256", "ES256", "sig")
    with open(f"{site.folder}/keys") as file:
        assert not [secret for secret in re.findall(r"[A-Za-z0-9_-]{43}", file.read()) if secret in response.text]
    head = site.browser().send("/oauth2/jwks.json", "HEAD")
    assert head.status == 200 and head.body == b"" and head.header("Cache-Control") == "public, max-age=300"
    for method in ("POST", "PUT", "DELETE"):
        refused = site.browser().send("/oauth2/jwks.json", method, body=b"x")
        assert refused.status == 405 and b'"keys"' not in refused.body, method


@only("nginx")
def test_they_stand_beside_those_that_we_sign_in_with(make_site):
    own = Key("ES256")
    site = extended_site(make_site, {"client_secret_file": None, "client_key_file": key_file(own), "client_authentication": "private_key_jwt"},
                         ["assertions"], prepare=lambda provider: provider.__dict__.update(method="private_key_jwt"), **settings())
    keys = published_keys(site)
    assert len(keys) == 2 and thumbprint(own.jwk()) in [key["kid"] for key in keys] and len({key["kid"] for key in keys}) == 2


def rotate(site):
    """A new key in front, and every process has noticed it."""
    told = site.postern.run("key", "rotate").stdout
    time.sleep(1.2)
    return told


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_key_that_need_not_wait_signs_after_the_rotation(make_site, algorithm):
    site = make_site(settings(key_delay="0", algorithm=algorithm))
    alice = site.signed_in()
    old = assertion_of(alice.get("/"))
    assert "2 keys" in rotate(site)
    keys = [key["kid"] for key in published_keys(site)]
    assert len(keys) == 2 and keys[1] == key_of(old)
    new = assertion_of(site.signed_in().get("/"))
    assert key_of(new) == keys[0]
    for token in (old, new, assertion_of(alice.get("/"))):
        assert verified(site, token, algorithms=[algorithm])[1]["sub"] == "alice"
    assert alice.get("/").is_protected


def test_a_new_key_is_published_before_it_signs(make_site):
    site = make_site(settings())
    alice = site.signed_in()
    old = assertion_of(alice.get("/"))
    rotate(site)
    keys = [key["kid"] for key in published_keys(site)]
    assert len(keys) == 2 and keys[1] == key_of(old)
    for browser in (alice, site.signed_in()):
        token = assertion_of(browser.get("/"))
        assert key_of(token) == key_of(old) and verified(site, token)


@only("nginx")  # one process has the moved clock
def test_a_new_key_signs_when_its_time_has_come_and_the_old_one_goes_later(make_site, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    site = make_site(settings(key_delay="1h"), environment=moved(clock))
    browser = site.signed_in()
    old = key_of(assertion_of(browser.get("/")))
    rotate(site)
    new = published_keys(site)[0]["kid"]
    assert new != old
    for offset, signs, published in ((3500, old, [new, old]), (3700, new, [new, old]), (4100, new, [new, old]), (4300, new, [new])):
        clock.write_text(f"+{offset}")
        time.sleep(0.1)
        site.provider.claim_changes = {"iat": int(time.time()) + offset, "exp": int(time.time()) + offset + 300}
        assert key_of(assertion_of(site.signed_in().get("/"))) == signs, offset
        assert [key["kid"] for key in published_keys(site)] == published, offset


@only("nginx")
@pytest.mark.parametrize("more, left", [({}, 2), (settings(), 3)], ids=["without assertions", "with them"])
def test_a_rotation_keeps_the_key_that_still_signs(make_site, more, left):
    site = make_site({"session": {"lifetime": "60s"}, **more})
    now = int(time.time())
    with open(f"{site.folder}/keys", "w") as file:  # one of 100 s ago, which does not sign yet, and the one that does
        file.writelines(f"v1 {now - age} {text * 42}A\n" for age, text in ((100, "B"), (9000, "C")))
    assert site.postern.run("key", "rotate").stdout.endswith(f": {left} keys\n")


def test_a_new_start_has_the_same_keys(make_site):
    site = make_site(settings())
    browser = site.signed_in()
    token, keys = assertion_of(browser.get("/")), published_keys(site)
    site.restart()
    wait_until(lambda: browser.get("/").is_protected, 5, "the new process")
    assert published_keys(site) == keys and key_of(assertion_of(browser.get("/"))) == key_of(token)
    verified(site, token)


# How often it is made


def test_the_same_one_is_handed_out_again_and_again(site):
    browser = site.signed_in()
    tokens = {assertion_of(browser.get(f"/{number}")) for number in range(30)}
    processes = len(spawned(site)) if site.kind == "apache-fcgid" else 1
    assert 1 <= len(tokens) <= processes
    other = site.signed_in()
    assert assertion_of(other.get("/")) not in tokens


def test_all_processes_sign_with_the_same_key(site):
    """mod_fcgid has several."""
    browser = site.signed_in()
    tokens = set()

    def burst():
        threads = [threading.Thread(target=lambda: tokens.add(assertion_of(browser.get("/")))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(tokens) >= (2 if site.kind == "apache-fcgid" else 1)
    wait_until(burst, 20, "an answer of each process")
    assert len({key_of(token) for token in tokens}) == 1 and (len(tokens) == 1 or site.kind == "apache-fcgid")
    for token in tokens:
        verified(site, token)


@only("nginx")
def test_there_is_a_new_one_after_half_of_its_life(make_site, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    site = make_site(settings(lifetime="2m"), environment=moved(clock))
    browser = site.signed_in()

    def at(offset):
        clock.write_text(f"{offset:+}")
        time.sleep(0.1)
        return assertion_of(browser.get("/"))
    first = at(0)
    assert at(50) == first
    second = at(62)
    assert second != first and at(110) == second
    third = at(130)
    assert third not in (first, second)
    back = at(-30)
    assert back not in (first, second, third), "made before the clock was set back"
    moments = [json.loads(jwt_part(token, 1))["iat"] for token in (first, second, third, back)]
    assert moments[3] < moments[0] < moments[1] < moments[2]
    assert at(-20) == back


def test_there_is_a_new_one_in_time(make_site):
    site = make_site(settings(lifetime="30s"))
    browser = site.signed_in()
    ends = time.monotonic() + 18
    tokens = set()
    while time.monotonic() < ends:
        token = assertion_of(browser.get("/"))
        claims = verified(site, token)[1]
        assert claims["exp"] - time.time() > 13, "half of it is left for whoever gets it"
        tokens.add(token)
        time.sleep(0.5)
    processes = len(spawned(site)) if site.kind == "apache-fcgid" else 1
    assert 2 <= len(tokens) <= 2 * processes


@only("nginx")
def test_LEAK_01_nginx_keeps_no_answer_with_one(make_site):
    site = make_site({**settings(), "answer_cache": "20s"})
    browser = site.signed_in()
    assert browser.fetch("/").is_protected
    assert "answer_cache does nothing" in site.postern.run("check").stderr + site.postern.run("check").stdout
    kept = browser.cookies.header()
    browser.get("/oauth2/sign_out")
    headers = [("Cookie", kept), ("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")]
    assert site.browser().send("/", headers=headers, cookies=False).status == 401


# What a client says itself


def spellings(name):
    words = name.split("-")
    for joints in itertools.product("-_", repeat=len(words) - 1):
        spelled = words[0] + "".join(joint + word for joint, word in zip(joints, words[1:]))
        yield from (spelled, spelled.lower(), spelled.upper())


@pytest.mark.parametrize("underscores", ["on", "off"])
@pytest.mark.parametrize("header", [HEADER, "Authorization", "X-Token-Of-Mine"])
def test_HDR_03_no_word_of_a_clients_reaches_the_application(make_site, front, header, underscores):
    if front != "nginx" and underscores == "on":
        pytest.skip("nginx's setting")
    site = make_site(settings(header=header), shipped_extra=f"underscores_in_headers {underscores};" if front == "nginx" else "")
    browser, nobody = site.signed_in(), site.browser()
    real = assertion_of(browser.get("/"), header)
    for name in {*spellings(header), *spellings(HEADER)}:
        for scheme in ("", "Bearer ", "Basic ") if name.lower() == "authorization" else ("",):
            for count in (1, 2):
                lines = [*NAVIGATION, *[(name, f"{scheme}forged")] * count]
                response = browser.send("/", headers=lines)
                if response.status == 400:
                    assert count == 2 and name.lower() == "authorization", "nginx takes one Authorization"
                else:
                    assert forged(response) == [], name
                    assert key_of(assertion_of(response, header)) == key_of(real), name
                public = nobody.send("/public/x", headers=lines)
                assert public.status == 400 or forged(public) == [] and told_of(public, header) in ([], [""]), name
                assert not nobody.send("/", headers=lines).is_protected


@only("nginx")
def test_HDR_01_nothing_at_the_socket_gets_into_the_answer(site):
    browser = site.signed_in()
    names = {f"HTTP_{name.upper().replace('-', '_')}": "forged" for name in (HEADER, "Authorization")}
    for role, field in ((fastcgi.RESPONDER, b"X-Auth-Request-Assertion: "), (fastcgi.AUTHORIZER, b"Variable-X_AUTH_REQUEST_ASSERTION: ")):
        answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", browser.cookies.header(), **names), role=role)
        assert answer.status == 200 and b"forged" not in answer.raw and answer.raw.count(field) == 1
        nobody = fastcgi.ask(site.postern.socket, fastcgi.check("/public/x", **names), role=role)
        assert nobody.status == 200 and field.strip() not in nobody.raw and b"forged" not in nobody.raw
    browser.get("/")


def test_where_its_header_is_another_applications_get_the_clients_authorization(site):
    response = site.signed_in().get("/", headers=[("Authorization", "Basic of-the-application")])
    assert told_of(response, "Authorization") == ["Basic of-the-application"]


# Programs


PERSON = {"email": "bob@example.com", "email_verified": True, "preferred_username": "bob", "groups": ["airflow-ops"]}


@pytest.mark.parametrize("header", [HEADER, "Authorization"])
def test_a_program_with_an_access_token_has_one_too(make_site, header):
    site = extended_site(make_site, {"access_tokens": {"audiences": ["https://api.test"]}}, ["programs", "jwt access tokens"],
                         **settings(header=header, claims=CLAIMS))
    access = site.provider.make_access_token(**PERSON)
    call = lambda token, **more: site.browser().fetch("/", [("Authorization", f"Bearer {token}")], **more)  # noqa: E731
    response = call(access)
    token = assertion_of(response, header)
    _, claims = verified(site, token)
    assert (claims["sub"], claims["email"], claims["role"]) == ("bob", "bob@example.com", "op")
    assert claims["exp"] <= json.loads(jwt_part(access, 1))["exp"]
    if header == "Authorization":
        assert access not in response.text, "the application must not have the program's token"
    assert not call(access[:-4] + "AAAA").is_protected and not call(token).is_protected, "an assertion opens nothing here"
    alice = site.signed_in()
    assert verified(site, assertion_of(alice.fetch("/", [("Authorization", f"Bearer {access}")]), header))[1]["sub"] == "alice"


@only("apache-fcgid", "apache-authnz")
def test_a_program_reaches_what_a_rewrite_inside_apache_leads_to(make_site):
    """Apache asks about a redirect of its own once more: the program's token must still be there, and no assertion in its place."""
    site = looked_up(make_site, shipped_extra=vhost, **settings(header="Authorization"))
    token = opaque(site)
    for path in ("/x", "/files/front.cgi", "/files/app/x", "/files/dir/"):
        response = site.browser().fetch(path, [("Authorization", f"Bearer {token}")])
        assert response.status == 200 and token not in response.text, path
    assert {form["token"] for form in asked_at(site, "introspect")} == {token}


@only("nginx")
def test_LEAK_01_no_provider_is_asked_about_one(make_site):
    site = looked_up(make_site, **settings())
    token = assertion_of(site.signed_in().get("/"))
    assert site.browser().fetch("/", [("Authorization", f"Bearer {token}")]).status == 401
    assert not asked_at(site, "introspect")


# Who else hears of it


def test_LEAK_01_no_log_and_no_browser_ever_sees_one(make_site):
    site = make_site(settings())
    answers = []
    browser = site.browser()
    exchange = browser.exchange
    browser.exchange = lambda *args: answers.append(exchange(*args)) or answers[-1]
    browser.sign_in("/x")
    for target in ("/", "/admin/x", "/internal/x", "/public/x", "/oauth2/userinfo", "/oauth2/auth", "/oauth2/jwks.json", "/oauth2/ready",
                   "/oauth2/denied", "/oauth2/start", "/oauth2/nothing", "/_postern/auth", "/files/nothing"):
        browser.fetch(target)
        browser.get(target)
        if target.startswith("/oauth2/"):  # the application of the tests sends a body with its answer to HEAD
            browser.send(target, "HEAD", headers=NAVIGATION)
    site.postern.run("sessions", "list")
    browser.get("/oauth2/sign_out")
    browser.get("/")
    handed_out = {value for seen in site.backend.seen for name, value in seen["headers"] if name.lower() == HEADER.lower() and value}
    assert handed_out
    for server in reversed(site.servers):
        server.stop()  # and has written what it had to say
    logs = "".join(server.log for server in site.servers)
    for token in handed_out:
        for part in (token, token.split(".")[1], token.split(".")[2]):
            assert part not in logs
            for answer in answers:
                head, _, body = answer.partition(b"\r\n\r\n")
                assert part.encode() not in head, head
                assert part.encode() not in body or b"PROTECTED" in body, "what the application itself shows"
    for answer in answers:
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"variable-" not in head and b"assertion" not in head and b"\r\nauthorization:" not in head
    assert "eyJ" not in logs
