"""ID tokens: only the provider's own, for us, for now, in the form that was agreed."""
import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives import hashes, serialization

from harness.provider import Key, b64, jwt
from harness.site import SECRET


def refused(site, make):
    """`make` of the usual claims gives the token; nobody is signed in with it."""
    site.provider.make_id_token = make
    browser = site.browser()
    started = time.monotonic()
    response = browser.sign_in("/")
    assert response.status >= 400 and not response.is_protected, response.raw[:500]
    assert "__Host-postern" not in browser.cookies.jar
    assert not browser.get("/").is_protected
    assert time.monotonic() - started < 3


def accepted(site):
    browser = site.browser()
    response = browser.sign_in("/")
    assert response.is_protected, response.text[:300]
    return browser


def header(site, **changes):
    key = site.provider.keys[0]
    return {name: value for name, value in {"alg": key.kind, "kid": key.kid, **changes}.items() if value is not None}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, "", 1, ["RS256"], "RS256 ", "rs256"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_JOSE_01_no_algorithm_is_none(site, algorithm, is_signed):
    head = header(site, alg=algorithm)
    key = site.provider.keys[0]
    refused(site, lambda claims: jwt(head, claims, key.sign if is_signed else lambda _: b""))
    if not is_signed:
        refused(site, lambda claims: jwt(head, claims, lambda _: b"")[:-1])


def public_forms(key):
    public = key.private.public_key()
    encode = serialization.Encoding
    for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1):
        pem = public.public_bytes(encode.PEM, form)
        yield from (pem, pem.rstrip(b"\n"), public.public_bytes(encode.DER, form))
    numbers = public.public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    yield from (modulus, b64(modulus).encode(), json.dumps(key.jwk()).encode())
    yield SECRET.encode()
    yield b""


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_JOSE_02_a_public_key_is_no_shared_secret(site, algorithm):
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    for secret in public_forms(site.provider.keys[0]):
        refused(site, lambda claims: jwt(header(site, alg=algorithm), claims,
                                         lambda data: hmac.new(secret, data, digest).digest()))


def with_claims(site, **changes):
    usual = site.provider.make_id_token

    def make(claims):
        claims = {**claims, **changes}
        return usual({name: value for name, value in claims.items() if value != "REMOVED"})
    return make


def test_JOSE_04_the_issuer(site):
    issuer = site.provider.issuer
    for value in ("https://evil.test", issuer + "1", issuer + "/", issuer.upper(), issuer.replace("http:", "https:"), "REMOVED",
                  [issuer], None, "", issuer.replace("127.0.0.1", "localhost"), issuer + "\u0301"):
        refused(site, with_claims(site, iss=value))
        site.provider.reset()


def test_JOSE_05_the_audience(site):
    for changes in ({"aud": "rp2"}, {"aud": "rp10"}, {"aud": "rp"}, {"aud": "REMOVED"}, {"aud": []}, {"aud": ["rp2"]}, {"aud": 1},
                    {"aud": ["rp1", "other"]}, {"aud": ["rp1", "other"], "azp": "other"}, {"aud": "rp1", "azp": "other"},
                    {"aud": None}, {"aud": [["rp1"]]}, {"aud": {"rp1": 1}}, {"aud": "RP1"}, {"aud": "rp1 "}):
        refused(site, with_claims(site, **changes))
        site.provider.reset()
    for changes in ({"aud": "rp1"}, {"aud": ["rp1"]}, {"aud": ["rp1", "other"], "azp": "rp1"}):
        site.provider.make_id_token = with_claims(site, **changes)
        accepted(site)
        site.provider.reset()


def test_JOSE_06_the_times(site):
    now = int(time.time())
    for changes in ({"exp": now - 360}, {"exp": "REMOVED"}, {"exp": "1700000000"}, {"exp": str(now + 300)}, {"exp": True},
                    {"exp": -1}, {"exp": 2 ** 63}, {"exp": 2 ** 64}, {"exp": 1e300}, {"iat": "REMOVED"}, {"iat": now + 3600},
                    {"nbf": now + 3600}, {"exp": None}, {"exp": []}, {"iat": True}, {"iat": "x"}, {"nbf": "x"}, {"exp": -1e300},
                    {"iat": 1e300}, {"iat": -(2 ** 63)}, {"iat": 2 ** 64}, {"exp": 1e18}):
        refused(site, with_claims(site, **changes))
        site.provider.reset()
    for changes in ({"exp": now + 300.5}, {"iat": now - 0.5}, {"nbf": now - 10}, {"exp": float(now + 300)}):
        site.provider.make_id_token = with_claims(site, **changes)
        accepted(site)
        site.provider.reset()
    assert site.is_alive()


def test_JOSE_07_the_nonce(site):
    earlier = []
    usual = site.provider.make_id_token
    site.provider.make_id_token = lambda claims: earlier.append(claims["nonce"]) or usual(claims)
    accepted(site)
    site.provider.reset()
    for value in ("REMOVED", "wrong", "", [earlier[0]], earlier[0], None, 1):
        refused(site, with_claims(site, nonce=value))
        refused(site, with_claims(site, nonce=value, nonce_supported=False))
        site.provider.reset()


def test_JOSE_09_the_subject_and_the_access_token(site):
    for value in ("REMOVED", "", 1, "x" * 1000, None, ["alice-1"], "alice\u0000", "älice"):
        refused(site, with_claims(site, sub=value))
        site.provider.reset()
    for value in ("wrong", "", b64(hashlib.sha256(b"other").digest()[:16]), 1, []):
        refused(site, with_claims(site, at_hash=value))
        site.provider.reset()
    for claims in ({"sub": "other"}, {"sub": None}, {"sub": ["alice-1"]}):
        site.provider.replace["userinfo"] = lambda call, usual, claims=claims: (200, {}, json.dumps(claims).encode())
        browser = site.browser()
        assert browser.sign_in("/").status >= 400 and "__Host-postern" not in browser.cookies.jar
        site.provider.reset()


def test_JOSE_09_a_right_hash_of_the_access_token_is_taken(site):
    def token(call, usual):
        answer = json.loads(usual[2])
        payload = json.loads(base64.urlsafe_b64decode(answer["id_token"].split(".")[1] + "=="))
        payload["at_hash"] = b64(hashlib.sha256(answer["access_token"].encode()).digest()[:16])
        answer["id_token"] = site.provider.make_id_token(payload)
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
    site.provider.replace["token"] = token
    accepted(site)


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_JOSE_11_signatures_of_another_shape(site):
    key = Key("ES256", "elliptic")
    site.provider.keys = [key]
    good = lambda data: key.sign(data)  # noqa: E731
    from cryptography.hazmat.primitives.asymmetric import ec
    for sign in (lambda _: bytes(64), lambda _: ORDER.to_bytes(32, "big") * 2, lambda data: good(data)[:-1],
                 lambda data: good(data) + b"\0", lambda data: key.private.sign(data, ec.ECDSA(hashes.SHA256())), lambda _: b"",
                 lambda data: ORDER.to_bytes(32, "big") + good(data)[32:], lambda data: bytes(32) + good(data)[32:],
                 lambda data: good(data[:-1] + b"X")):
        site.provider.keys = [key]
        refused(site, lambda claims: jwt(header(site), claims, sign))
    site.provider.reset()
    site.provider.keys = [key]
    accepted(site)


def test_JOSE_11_keys_of_another_kind(site):
    wide = Key("ES384", "wide")
    site.provider.keys = [wide]
    refused(site, lambda claims: jwt(header(site, alg="ES256"), claims, wide.sign))
    small = Key("RS256", "small", bits=1024)
    site.provider.keys = [small]
    refused(site, lambda claims: jwt(header(site), claims, small.sign))


def test_JOSE_11_other_paddings(site):
    key = site.provider.keys[0]
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for sign in (lambda data: key.private.sign(data, pss, hashes.SHA256()),
                 lambda data: key.private.sign(data, padding.PKCS1v15(), hashes.SHA1()),
                 lambda data: key.private.sign(data, padding.PKCS1v15(), hashes.SHA512()),
                 lambda data: key.sign(data) + b"\0", lambda data: b"\0" + key.sign(data), lambda data: key.sign(data)[:-1],
                 lambda data: bytes(256), lambda data: b"\xff" * 256):
        refused(site, lambda claims: jwt(header(site), claims, sign))
    refused(site, lambda claims: site_token(site, claims) + "=")
    refused(site, lambda claims: site_token(site, claims) + ".x")
    refused(site, lambda claims: " " + site_token(site, claims))
    accepted_after_reset(site)


def site_token(site, claims):
    return jwt(header(site), claims, site.provider.keys[0].sign)


def accepted_after_reset(site):
    site.provider.reset()
    accepted(site)


@pytest.mark.parametrize("changes", [{"kid": "unknown"}, {"kid": 1}, {"crit": ["exp"]}, {"crit": []}, {"kid": ""}])
def test_JOSE_headers_that_must_not_be_taken(site, changes):
    refused(site, lambda claims: jwt(header(site, **changes), claims, site.provider.keys[0].sign))


def test_JOSE_a_key_in_the_token_is_not_used(site):
    mine = Key(kid="mine")
    refused(site, lambda claims: jwt(header(site, kid="mine", jwk=mine.jwk(), jku="https://evil.test/keys"), claims, mine.sign))


def test_JOSE_15_huge_and_broken_tokens(site):
    key = site.provider.keys[0]
    before = site.postern.resident()
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    many = json.dumps({f"c{number}": number for number in range(100_000)}).encode()
    for token in (lambda claims: "A" * 1024 * 1024, lambda claims: "." * 1_000_000, lambda claims: jwt(header(site), deep, key.sign),
                  lambda claims: jwt(header(site), many, key.sign), lambda claims: jwt(header(site), b'{"sub":"\xff\xfe"}', key.sign),
                  lambda claims: jwt(header(site), b"[" * 5000, key.sign), lambda claims: jwt(b"[" * 5000, claims, key.sign),
                  lambda claims: jwt(header(site), b'{"a":' * 5000 + b"1" + b"}" * 5000, key.sign),
                  lambda claims: jwt(header(site), b"null", key.sign), lambda claims: "", lambda claims: "..", lambda claims: "a.b"):
        refused(site, token)
    assert site.postern.resident() - before < 64 * 1024 * 1024
    assert site.is_alive()
