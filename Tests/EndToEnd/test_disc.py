"""Discovery, keys, token and userinfo calls."""
import gzip
import json
import socket
import threading
import time

import pytest

from harness.provider import Key, Provider, jwt
from harness.pki import Authority
from test_flow import faketime


def start(site):
    return site.browser().get("/oauth2/start")


@pytest.mark.parametrize("change", [lambda issuer: issuer + "/", lambda issuer: issuer.replace("127.0.0.1", "localhost"),
                                    lambda issuer: issuer.replace("http", "HTTP"), lambda issuer: "https://evil.test", lambda _: None,
                                    lambda issuer: [issuer]])
def test_DISC_01_another_issuer(make_site, change):
    site = make_site(start=True)
    site.postern.stop()
    site.provider.discovery_changes = {"issuer": change(site.provider.issuer)}
    site.postern.start()
    assert start(site).status == 503
    assert site.provider.count("authorize") == 0


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "authorization_endpoint", "userinfo_endpoint", "end_session_endpoint"])
def test_DISC_02_endpoints_elsewhere(make_site, name):
    site = make_site()
    for value in ("http://127.0.0.1:1/x", "file:///etc/passwd", "gopher://127.0.0.1/", "http://169.254.169.254/latest/meta-data/",
                  "https://169.254.169.254/", "https://[fe80::1]/", "https://metadata.google.internal/", "ftp://127.0.0.1/", "x", 1, "",
                  *METADATA):
        site.postern.stop()
        site.provider.reset()
        site.provider.discovery_changes = {name: value}
        site.postern.start()
        assert start(site).status == 503, value
        assert site.provider.count("token") == 0


# Link-local and metadata addresses as other libraries spell them.
METADATA = ["https://[::ffff:169.254.169.254]/", "https://[fd00:ec2::254]/", "https://op@169.254.169.254/", "https://169.254.169.254./",
            "https://metadata.google.internal./", "https://METADATA.google.internal/", "https://[::169.254.169.254]/",
            "https://169.254.169.254:443/x", "https://[64:ff9b::169.254.169.254]/", "https://100.100.100.200/", "https://[fe80::1%25lo]/"]
# Those that only a resolver knows for what they are.
NUMBERS = ["https://2852039166/", "https://0xa9fea9fe/", "https://0xa9.0xfe.0xa9.0xfe/", "https://0251.0376.0251.0376/", "https://169.254.43518/",
           "https://169.16689662/", "https://1684301000/"]


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_DISC_02_an_address_in_disguise_is_refused_when_connecting(make_site, name):
    site = make_site()
    for value in NUMBERS:
        site.postern.stop()
        site.provider.reset()
        site.provider.discovery_changes = {name: value}
        mark = len(site.postern.log)
        site.postern.start()
        started = time.monotonic()
        browser = site.browser()
        assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar, value
        assert time.monotonic() - started < 2 and "an address that is never asked" in site.postern.log[mark:], (value, site.postern.log[mark:])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
def test_DISC_02_redirects_are_not_followed(make_site, endpoint, status):
    site = make_site()
    target = Provider()
    site.postern.stop()
    site.provider.replace[endpoint] = lambda call, usual: (status, {"Location": f"{target.issuer}/{call['endpoint']}"}, b"")
    site.provider.keys = [Key()]
    site.postern.start()
    browser = site.browser()
    response = browser.get("/")
    if response.status == 302:
        response = browser.follow(response)
    assert response.status >= 400 and "__Host-postern" not in browser.cookies.jar
    assert target.calls == []
    target.close()


def test_DISC_02_a_provider_with_tls_gets_no_call_in_the_open(make_site, authority):
    provider = Provider(authority.issue("127.0.0.1"))
    listener = Provider()
    for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint", "authorization_endpoint", "end_session_endpoint"):
        provider.discovery_changes = {name: f"{listener.issuer}/{name}"}
        site = make_site({"providers": {"op": {"insecure_http": None, "ca_file": authority.path}}}, provider=provider)
        assert start(site).status == 503, name
    assert listener.calls == [] and provider.count("authorize") == 0
    provider.close()
    listener.close()


@pytest.mark.parametrize("manner", ["body", "head", "many keys", "deep", "gzip", "short"])
@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
def test_DISC_02_answers_without_end(make_site, endpoint, manner):
    site = make_site()
    before = site.postern.resident()
    site.postern.stop()
    zeros = gzip.compress(b" " * 64 * 1024 * 1024)
    key = Key().jwk()
    whole = {"many keys": lambda: json.dumps({"keys": [{**key, "kid": str(number)} for number in range(100_000)]}).encode(),
             "deep": lambda: b'{"keys":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "gzip": lambda: zeros}.get(manner, bytes)()

    def answer(call):
        handler = call["handler"]
        try:
            if whole:
                encoding = "Content-Encoding: gzip\r\n" if manner == "gzip" else ""
                handler.wfile.write(f"HTTP/1.1 200 OK\r\n{encoding}Content-Length: {len(whole)}\r\n\r\n".encode() + whole)
            elif manner == "short":
                handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"sub":"alice-1"}')
            else:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if manner == "body" else b""))
                for _ in range(2000):
                    handler.wfile.write(b" " * 65536 if manner == "body" else b"X-A: " + b"x" * 60_000 + b"\r\n")
        except OSError:
            pass
        handler.close_connection = True
        return None
    site.provider.instead[endpoint] = answer
    site.provider.keys = [Key()]
    site.postern.start()
    browser = site.browser()
    started = time.monotonic()
    assert browser.follow(browser.get("/")).status >= 400 and "__Host-postern" not in browser.cookies.jar
    assert time.monotonic() - started < 3 and site.postern.resident() - before < 48 * 1024 * 1024
    assert site.postern.is_running()


def test_DISC_03_a_flood_of_unknown_keys(make_site):
    site = make_site()
    assert site.signed_in()
    before = site.provider.count("jwks")
    usual = site.provider.make_id_token

    def token(claims):
        if claims["preferred_username"] == "alice":
            return usual(claims)
        return jwt({"alg": "RS256", "kid": str(time.monotonic())}, claims, site.provider.keys[0].sign)
    site.provider.make_id_token = token
    waiting = [(browser, browser.callback_url("/")) for browser in (site.browser() for _ in range(5))]
    site.provider.person["preferred_username"] = "flood"
    answers, real = [], []
    end = time.monotonic() + 9.5

    def flood():
        while len(answers) < 1000 and time.monotonic() < end:
            answers.append(site.browser().sign_in("/").status)
    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for browser, callback in waiting:
        time.sleep(0.5)
        real.append((any(thread.is_alive() for thread in threads), browser.get(callback).status))
    for thread in threads:
        thread.join()
    assert set(answers) == {400} and len(answers) > 200
    assert real[0] == (True, 302) and {status for _, status in real} == {302}
    assert site.provider.count("jwks") - before <= 2


def test_DISC_04_keys_rotate(site):
    site.signed_in()
    for _ in range(3):
        site.provider.reset()
        site.provider.keys = [Key()]
        assert site.browser().sign_in("/").is_protected
        assert site.provider.count("jwks") == 1
    browser = site.browser()
    callback = browser.callback_url("/")
    site.provider.keys = [Key("ES256")]
    assert browser.get(callback).status == 302
    odd = [{"kty": "XYZ", "kid": "odd"}, {"kty": "RSA"}, 1, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "use": "enc", "n": "AQ", "e": "AQAB"}]
    site.provider.keys = [Key()]
    keys = odd + [key.jwk() for key in site.provider.keys]
    site.provider.replace["jwks"] = lambda call, usual: (200, {}, json.dumps({"keys": keys}).encode())
    assert site.browser().sign_in("/").is_protected


def test_DISC_04_a_key_that_is_withdrawn(make_site, tmp_path):
    """Believed for ten minutes at most, as documented; the clock of deadlines is moved."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    environment = {name: value for name, value in faketime(clock).items() if name != "DONT_FAKE_MONOTONIC"}
    site = make_site(environment=environment)
    withdrawn, other_key = Key(kid="withdrawn"), Key(kid="other")
    site.provider.keys = [withdrawn, other_key]
    assert site.browser().sign_in("/").is_protected
    site.provider.replace["jwks"] = lambda call, usual: (200, {}, json.dumps({"keys": [other_key.jwk()]}).encode())
    now = int(time.time())
    clock.write_text("+605")
    time.sleep(0.3)
    site.provider.claim_changes = {"iat": now + 600, "exp": now + 1200}
    browser = site.browser()
    assert browser.sign_in("/").status == 400 and "__Host-postern" not in browser.cookies.jar
    site.provider.keys = [other_key]
    assert site.browser().sign_in("/").is_protected


def test_DISC_04_a_key_without_a_name(make_site):
    site = make_site()
    key = Key(kid="main")
    site.provider.keys = [key]
    bare = {name: value for name, value in key.jwk().items() if name not in ("kid", "alg", "use")}
    site.provider.replace["jwks"] = lambda call, usual: (200, {}, json.dumps({"keys": [bare]}).encode())
    site.postern.stop()
    site.postern.start()
    site.provider.make_id_token = lambda claims: jwt({"alg": "RS256"}, claims, key.sign)
    assert site.browser().sign_in("/").is_protected


def tls_site(make_site, authority, certificate, ca=None, host="127.0.0.1"):
    provider = Provider(certificate, host)
    site = make_site({"providers": {"op": {"insecure_http": None, "ca_file": (ca or authority).path}}}, provider=provider)
    return site, provider


def test_DISC_06_a_provider_with_a_good_certificate(make_site, authority):
    site, provider = tls_site(make_site, authority, authority.issue("127.0.0.1"))
    response = site.browser().get("/oauth2/start")
    assert response.status == 302 and response.location.startswith("https://127.0.0.1")
    provider.close()


@pytest.mark.parametrize("fault", ["other name", "expired", "other authority", "self-signed", "not TLS"])
def test_DISC_06_a_provider_with_another(make_site, authority, tmp_path, fault):
    stranger = Authority(str(tmp_path), "stranger")
    certificate = {"other name": authority.issue("elsewhere.test"), "expired": authority.issue("127.0.0.1", -1),
                   "other authority": stranger.issue("127.0.0.1"), "self-signed": stranger.issue_self_signed("127.0.0.1"),
                   "not TLS": None}[fault]
    if certificate:
        site, provider = tls_site(make_site, authority, certificate)
    else:
        provider = Provider()
        provider.issuer = provider.issuer.replace("http:", "https:")
        site = make_site({"providers": {"op": {"insecure_http": None}}}, provider=provider)
    assert site.browser().get("/oauth2/start").status == 503
    assert provider.calls == [] and "provider trouble" in site.postern.log
    provider.close()


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_DISC_06_old_tls(make_site, authority, version):
    import ssl
    import warnings
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        while True:
            try:
                plain = listener.accept()[0]
                plain.settimeout(2)
                seen.append(context.wrap_socket(plain, server_side=True).version())
            except ssl.SSLError:
                continue
            except OSError:
                return
    threading.Thread(target=serve, daemon=True).start()
    site = make_site({"providers": {"op": {"insecure_http": None, "ca_file": authority.path,
                                           "issuer": f"https://127.0.0.1:{listener.getsockname()[1]}"}}})
    assert site.browser().get("/oauth2/start").status == 503
    listener.close()
    assert seen == []


@pytest.mark.parametrize("answer", ["array", "token", "signed", "other", "missing", "number", "near", 401, 403, 500, 503, 204, "broken", "huge", "empty"])
def test_DISC_08_userinfo_never_mixes_people(site, answer):
    bodies = {"array": b'[{"sub":"alice-1"}]', "token": b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZS0xIn0.", "broken": b"{",
              "other": b'{"sub":"mallory","groups":["K8S-ADMIN"]}', "huge": b'{"sub":"alice-1","x":"' + b"x" * 600_000 + b'"}',
              "missing": b'{"groups":["K8S-ADMIN"]}', "number": b'{"sub":1}', "near": b'{"sub":"alice-1 "}', "empty": b"",
              "signed": jwt({"alg": "RS256", "kid": "main"}, {"sub": "mallory"}, site.provider.keys[0].sign).encode()}
    status = answer if isinstance(answer, int) else 200
    site.provider.replace["userinfo"] = lambda call, usual: (status, {"Content-Type": "application/jwt" if answer in ("token", "signed") else "application/json"},
                                                                   bodies.get(answer, b""))
    browser = site.browser()
    assert browser.sign_in("/").status >= 400
    assert "__Host-postern" not in browser.cookies.jar and not browser.get("/").is_protected


def test_DISC_08_userinfo_that_hangs(make_site):
    site = make_site({"limits": {"provider_timeout": "2s"}})
    site.provider.delay["userinfo"] = 6
    browser = site.browser()
    started = time.monotonic()
    assert browser.sign_in("/").status == 503
    assert time.monotonic() - started < 3.5 and "__Host-postern" not in browser.cookies.jar


def test_userinfo_completes_what_the_token_does_not_say(site):
    site.provider.person = {"sub": "alice-1", "preferred_username": "alice"}
    site.provider.userinfo_claims = {"email": "alice@example.com", "email_verified": True, "groups": ["K8S-ADMIN"]}
    browser = site.browser()
    assert browser.sign_in("/admin/").is_protected
    headers = [call["headers"] for call in site.provider.calls if call["endpoint"] == "userinfo"]
    assert headers[0]["Authorization"].startswith("Bearer ")
