"""ID tokens: only the provider's own, for us, for now, in the form that was agreed."""
import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives import hashes, serialization

from harness.provider import Key, Provider, b64, jwt
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


def test_JOSE_02_not_even_when_the_provider_offers_it(make_site):
    """Discovery names the symmetric algorithms and none, and the key set holds the secret as a key."""
    site = make_site()
    site.postern.stop()
    site.provider.discovery_changes = {"id_token_signing_alg_values_supported": ["HS256", "none", "HS512", "RS256"]}
    secret = {"kty": "oct", "k": b64(SECRET.encode()), "kid": "shared"}
    site.provider.replace["jwks"] = lambda call, usual: (200, {}, json.dumps({"keys": [secret, site.provider.keys[0].jwk()]}).encode())
    site.postern.start()
    accepted(site)
    for kid in ("shared", site.provider.keys[0].kid, None):
        refused(site, lambda claims: jwt(header(site, alg="HS256", kid=kid), claims,
                                         lambda data: hmac.new(SECRET.encode(), data, hashlib.sha256).digest()))
        refused(site, lambda claims: jwt(header(site, alg="none", kid=kid), claims, lambda _: b""))


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


def test_JOSE_04_an_issuer_that_ends_with_a_slash(make_site):
    provider = Provider()
    base = provider.issuer
    provider.issuer += "/"
    endpoints = {f"{name}": f"{base}/{path}" for name, path in (
        ("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("jwks_uri", "jwks"), ("userinfo_endpoint", "userinfo"))}
    provider.discovery_changes = endpoints
    site = make_site(provider=provider)
    accepted(site)
    for value in (base, base + "//", base + "/."):
        refused(site, with_claims(site, iss=value))
        provider.reset()
        provider.discovery_changes = endpoints
    provider.close()


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


def test_JOSE_06_numbers_that_no_encoder_writes(site):
    """The claims as text: what a number's own spelling, or the same member twice, could do."""
    now = int(time.time())
    for changed in ('"exp":1e400', '"exp":-1e400', '"exp":Infinity', '"exp":NaN', '"exp":' + "9" * 400, f'"exp":{now + 300}e400', '"exp":0x7fffffff',
                    '"exp":+1', f'"exp":"{now + 300}"', f'"exp":[{now + 300}]', '"exp":1e-400', '"exp":-0', '"exp":9223372036854775807',
                    '"exp":-9223372036854775808', '"exp":1.7976931348623157e308', f'"exp":{{"a":{now}}}', f'"exp":0{now + 300}', '"exp":false'):
        refused(site, raw_claims(site, changed, "exp"))
    for changed in ('"iat":1e400', '"iat":-1e308', '"iat":9223372036854775807', '"iat":-9223372036854775808', '"iat":false', '"iat":"1"'):
        refused(site, raw_claims(site, changed, "iat"))
    for changed in ('"nbf":1e400', '"nbf":9223372036854775807', '"nbf":1e308', '"nbf":true'):
        refused(site, raw_claims(site, changed, "nbf"))
    site.provider.reset()
    for changed in (f'"exp":{now + 300}.999999', f'"exp":{(now + 300) / 1e9!r}e9'):
        site.provider.make_id_token = raw_claims(site, changed, "exp")
        accepted(site)
    assert site.is_alive()


def raw_claims(site, changed, name):
    def make(claims):
        rest = json.dumps({key: value for key, value in claims.items() if key != name})
        return jwt(header(site), f"{rest[:-1]},{changed}}}".encode(), site.provider.keys[0].sign)
    return make


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
    for algorithm in ("ES256", "RS256", "ES512", "EdDSA"):
        refused(site, lambda claims: jwt(header(site, alg=algorithm), claims, wide.sign))
    small = Key("RS256", "small", bits=1024)
    site.provider.keys = [small]
    refused(site, lambda claims: jwt(header(site), claims, small.sign))
    rsa = Key("RS256", "rsa")
    site.provider.keys = [rsa]
    for algorithm in ("ES256", "PS256", "RS512", "RS384"):
        refused(site, lambda claims: jwt(header(site, alg=algorithm), claims, rsa.sign))


# 512 bits, made for this test.
TINY = (0xf46b4d7ced5800d51ddfbb77ba71388e32f9b1894e70badd8971f256e7d062f1, 0xc1fbb9fa4c2506bab54995d7c8f132b2645df18bb56e758e5634e12bfbd57553)


def encoded(data, size):
    """EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 9.2)."""
    ending = DIGEST_INFO + hashlib.sha256(data).digest()
    return b"\0\1" + b"\xff" * (size - len(ending) - 3) + b"\0" + ending


DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def raised(message, exponent, modulus):
    return pow(int.from_bytes(message, "big"), exponent, modulus).to_bytes((modulus.bit_length() + 7) // 8, "big")


def test_JOSE_11_rsa_keys_that_anybody_could_break(site):
    p, q = TINY
    modulus, exponent = p * q, pow(65537, -1, (p - 1) * (q - 1))
    number = lambda value: b64(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))  # noqa: E731
    good = site.provider.keys[0].private.public_key().public_numbers().n
    for members, sign in (
            ({"n": number(modulus), "e": "AQAB"}, lambda data: raised(encoded(data, 64), exponent, modulus)),
            ({"n": b64(bytes(192) + modulus.to_bytes(64, "big")), "e": "AQAB"}, lambda data: raised(encoded(data, 64), exponent, modulus)),
            ({"n": b64(bytes(192) + modulus.to_bytes(64, "big")), "e": "AQAB"}, lambda data: bytes(192) + raised(encoded(data, 64), exponent, modulus)),
            ({"n": number(good), "e": "AQ"}, lambda data: encoded(data, 256)), ({"n": number(good), "e": "AAAB"}, lambda data: encoded(data, 256)),
            ({"n": number(good), "e": "AA"}, lambda data: encoded(data, 256)), ({"n": "AQ", "e": "AQAB"}, lambda _: b"\0"),
            ({"n": "", "e": ""}, lambda _: b""), ({"n": number(2 ** 2048), "e": "AQAB"}, lambda data: encoded(data, 257)),
            ({"n": number(2 ** 16000 + 1), "e": "AQAB"}, lambda _: bytes(2001)), ({"n": number(good), "e": number(2 ** 2000 + 1)}, lambda _: bytes(256))):
        site.provider.reset()
        site.provider.keys = [Key(kid="weak")]
        keys = json.dumps({"keys": [{"kty": "RSA", "kid": "weak", **members}]}).encode()
        site.provider.replace["jwks"] = lambda call, usual: (200, {}, keys)
        refused(site, lambda claims: jwt({"alg": "RS256", "kid": "weak"}, claims, sign))
    assert site.is_alive()


def test_JOSE_11_paddings_altered(site):
    """Each is what the key makes of another message, so that only a lax look at the padding would take it."""
    private = site.provider.keys[0].private.private_numbers()
    modulus = private.public_numbers.n
    ending = lambda data: DIGEST_INFO + hashlib.sha256(data).digest()  # noqa: E731
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"
    shapes = (lambda data: b"\0\1" + b"\xff" * 8 + b"\0" + ending(data) + bytes(256 - 11 - 51),
              lambda data: b"\0\1" + b"\xff" * 201 + b"\0" + ending(data) + b"\0",
              lambda data: b"\0\2" + b"\xff" * 202 + b"\0" + ending(data), lambda data: b"\0\0" + b"\xff" * 202 + b"\0" + ending(data),
              lambda data: b"\0\1" + b"\xff" * 100 + b"\xfe" + b"\xff" * 101 + b"\0" + ending(data),
              lambda data: b"\0\1" + b"\xff" * 202 + b"\1" + ending(data),
              lambda data: b"\0\1" + b"\xff" * 204 + b"\0" + without_null + hashlib.sha256(data).digest(),
              lambda data: b"\0\1" + b"\xff" * 221 + b"\0" + hashlib.sha256(data).digest(),
              lambda data: b"\0\1" + b"\xff" * 193 + b"\0" + DIGEST_INFO[:-2] + b"\x04\x29" + hashlib.sha256(data).digest() + bytes(9))
    for shape in shapes:
        message = shape(b"x")
        assert len(message) == 256
        refused(site, lambda claims: jwt(header(site), claims, lambda data: raised(shape(data), private.d, modulus)))
    site.provider.make_id_token = lambda claims: jwt(header(site), claims, lambda data: raised(encoded(data, 256), private.d, modulus))
    accepted(site)


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
                  lambda claims: jwt(header(site), b"null", key.sign), lambda claims: "", lambda claims: "..", lambda claims: "a.b",
                  lambda claims: jwt(header(site), b'{"a":"' + b"\\u0000" * 8000 + b'"}', key.sign), lambda claims: "." * 60_000,
                  lambda claims: jwt(header(site), many[:50_000].rsplit(b",", 1)[0] + b"}", key.sign),
                  lambda claims: jwt(header(site), json.dumps(claims)[:-1].encode() + b',"x":"\xed\xa0\x80"}', key.sign),
                  lambda claims: jwt(header(site), json.dumps(claims)[:-1].encode() + b',"x":"\xc0\xaf"}', key.sign),
                  lambda claims: jwt(header(site), json.dumps(claims)[:-1].encode() + b',"x":"\\ud800"}', key.sign),
                  lambda claims: jwt(header(site), json.dumps(claims).encode("utf-16"), key.sign),
                  lambda claims: jwt(header(site), b'\xef\xbb\xbf' + json.dumps(claims).encode()[:-1], key.sign)):
        site.provider.make_id_token = token
        browser = site.browser()
        callback = browser.callback_url("/")
        started = time.monotonic()
        assert browser.get(callback).status >= 400 and "__Host-postern" not in browser.cookies.jar
        assert time.monotonic() - started < 1
        assert not browser.get("/").is_protected
    assert site.postern.resident() - before < 64 * 1024 * 1024
    assert site.is_alive()
