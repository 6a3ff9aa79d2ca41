"""Keys and signed tokens as a provider makes and reads them, well-formed or not."""
import base64
import hashlib
import hmac
import json
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
DIGESTS = {"ES256": hashes.SHA256, "ES384": hashes.SHA384, "ES512": hashes.SHA512}
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Key:
    """A signing key with an id: RS256, PS256, ES256, ES384, ES512 or EdDSA."""

    def __init__(self, kind="RS256", kid=None, bits=2048):
        self.kind, self.kid = kind, kid or secrets.token_hex(4)
        if kind in CURVES:
            self.private = ec.generate_private_key(CURVES[kind]())
        elif kind == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)

    def jwk(self):
        return {**public_jwk(self.private.public_key()), "kid": self.kid, "use": "sig", "alg": self.kind}

    def sign(self, data):
        if self.kind == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.kind == "PS256":
            return self.private.sign(data, PSS, hashes.SHA256())
        if self.kind == "EdDSA":
            return self.private.sign(data)
        size = (self.private.curve.key_size + 7) // 8
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(DIGESTS[self.kind]())))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def public_jwk(public):
    """A public key as the members of a JWK (RFC 7517)."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
    numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
    return {"kty": "EC", "crv": {32: "P-256", 48: "P-384", 66: "P-521"}[size], "x": b64(numbers.x.to_bytes(size, "big")),
            "y": b64(numbers.y.to_bytes(size, "big"))}


def _number(number):
    return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def thumbprint(jwk):
    """RFC 7638."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def jwt(header, claims, signer):
    """A token of these parts; `signer` makes the signature of the bytes before it."""
    encode = lambda part: part if isinstance(part, bytes) else json.dumps(part).encode()  # noqa: E731
    signed = f"{b64(encode(header))}.{b64(encode(claims))}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def signed_by(key, claims, typ="JWT", **header):
    """A token as it should be, signed with this key; `None` removes a member of the header or a claim."""
    keep = lambda members: {name: value for name, value in members.items() if value is not None}  # noqa: E731
    return jwt(keep({"alg": key.kind, "kid": key.kid, "typ": typ, **header}), keep(claims), key.sign)


def parts(token):
    """Header and claims, nothing verified."""
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def verify(token, jwks, secret=None):
    """Header and claims of a token that one of these keys (or the shared secret, HS256) has signed; ValueError else."""
    header, claims = parts(token)
    signed, _, signature = token.rpartition(".")
    if header.get("alg") == "HS256" and secret:
        good = hmac.compare_digest(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest(), unb64(signature))
    else:
        named = [jwk for jwk in jwks if header.get("kid") in (None, jwk.get("kid"))]
        good = any(_is_signed(header["alg"], jwk, signed.encode(), unb64(signature)) for jwk in named)
    if not good:
        raise ValueError(f"no key signed this: {header}")
    return header, claims


def _is_signed(algorithm, jwk, data, signature):
    number = lambda name: int.from_bytes(unb64(jwk[name]), "big")  # noqa: E731
    try:
        if algorithm in CURVES and jwk["kty"] == "EC":
            public = ec.EllipticCurvePublicNumbers(number("x"), number("y"), CURVES[algorithm]()).public_key()
            half = len(signature) // 2
            pair = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
            public.verify(pair, data, ec.ECDSA(DIGESTS[algorithm]()))
        elif algorithm in ("EdDSA", "Ed25519") and jwk["kty"] == "OKP":
            ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"])).verify(signature, data)
        elif algorithm in ("RS256", "PS256") and jwk["kty"] == "RSA":
            public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            public.verify(signature, data, PSS if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
        return True
    except (InvalidSignature, ValueError):
        return False
