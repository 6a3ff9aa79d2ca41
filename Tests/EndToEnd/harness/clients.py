"""How a provider finds out which client is calling: secrets, assertions, certificates, proofs of possession."""
import base64
import hashlib
import time
import urllib.parse

from cryptography import x509
from cryptography.x509.oid import NameOID

from .tokens import b64, parts, thumbprint, verify

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """The request is not taken; `error` is what the client is told, the text goes to `complaints`."""

    def __init__(self, error, text, status=400, headers=None):
        super().__init__(text)
        self.error, self.status, self.headers = error, status, headers or {}


class Clients:
    """The clients of a provider. What is expected of the one that calls is in these, all of them set by tests:

    `method`: basic, post, none, private_key_jwt, client_secret_jwt or tls; None takes anybody, unchecked.
    `secret`: of basic, post and client_secret_jwt. `client_keys`: a function that gives the client's JWKs.
    `assertion_audience`: what an assertion is for: the endpoint that is called, or (FAPI 2.0) the issuer.
    `nonces`: by endpoint, the DPoP nonce that a proof must have."""

    def reset_clients(self):
        self.method = None
        self.secret = "client-secret-0123456789"
        self.client_keys = list
        self.assertion_audience = "endpoint"
        self.nonces = {}
        self.seen_jti = set()
        self.complaints = []

    def authenticate(self, call):
        """The client id of the caller, whose authentication is the expected one and no other."""
        form, authorization = call["form"], call["headers"].get("Authorization", "")
        scheme, _, credentials = authorization.partition(" ")
        used = {name for name, is_used in (
            ("basic", scheme == "Basic"), ("post", "client_secret" in form), ("assertion", "client_assertion" in form)) if is_used}
        expected = {"private_key_jwt": {"assertion"}, "client_secret_jwt": {"assertion"}, "basic": {"basic"}, "post": {"post"}}
        if self.method and used != expected.get(self.method, set()):
            raise Refused("invalid_client", f"{call['endpoint']} is called with {used}, not {self.method}", 401)
        if self.method in ("private_key_jwt", "client_secret_jwt"):
            return self.authenticate_assertion(call)
        if scheme == "Basic":
            client, _, secret = base64.b64decode(credentials).decode().partition(":")
            client, secret = urllib.parse.unquote_plus(client), urllib.parse.unquote_plus(secret)
            if self.method and secret != self.secret:
                raise Refused("invalid_client", "another secret", 401)
            return client
        if self.method == "post" and form["client_secret"] != self.secret:
            raise Refused("invalid_client", "another secret", 401)
        if self.method == "tls" and common_name(call["certificate"]) != form.get("client_id"):
            raise Refused("invalid_client", f"{call['endpoint']} is called without the client's certificate", 401)
        if self.method and not form.get("client_id"):
            raise Refused("invalid_client", "client_id is missing", 401)
        return form.get("client_id")

    def authenticate_assertion(self, call):
        """RFC 7523, section 3; the audience is one string."""
        form, audience = call["form"], call["url"] if self.assertion_audience == "endpoint" else self.issuer
        self._keep(form["client_assertion"])
        if form.get("client_assertion_type") != BEARER:
            raise Refused("invalid_client", "client_assertion_type is another", 401)
        secret = self.secret if self.method == "client_secret_jwt" else None
        try:
            header, claims = verify(form["client_assertion"], [] if secret else self.client_keys(), secret)
        except (ValueError, KeyError) as error:
            raise Refused("invalid_client", f"the assertion: {error}", 401) from error
        now, client = time.time(), claims.get("sub")
        faults = [name for name, is_good in (
            ("alg", (header["alg"] == "HS256") == bool(secret)), ("iss", claims.get("iss") == client),
            ("client_id", form.get("client_id", client) == client), ("aud", claims.get("aud") == audience),
            ("exp", now < claims.get("exp", 0) <= now + 600), ("iat", claims.get("iat", now) <= now + 10),
            ("jti", len(claims.get("jti", "")) >= 16 and self.is_new(claims["jti"]))) if not is_good]
        if faults:
            raise Refused("invalid_client", f"the assertion's {faults}: {header} {claims}", 401)
        return client

    def is_new(self, jti):
        with self.lock:
            return jti not in self.seen_jti and not self.seen_jti.add(jti)

    def proof(self, call, access_token=None):
        """The thumbprint of the key that a DPoP proof shows (RFC 9449, section 4.3); None without a proof."""
        proofs = call["handler"].headers.get_all("DPoP") or []
        if not proofs:
            return None
        try:
            assert len(proofs) == 1, "several proofs"
            jwk = parts(proofs[0])[0]["jwk"]
            header, claims = verify(proofs[0], [jwk])
            assert header["typ"] == "dpop+jwt" and header["alg"] in ("ES256", "ES384", "EdDSA", "RS256", "PS256"), header
            assert not {"d", "p", "q", "k"} & set(jwk), "a private key"
            assert claims["htm"] == call["method"], claims
            assert claims["htu"] == call["url"], f"{claims['htu']} is not {call['url']}"
            assert abs(time.time() - claims["iat"]) < 60 and len(claims["jti"]) >= 16, claims
            assert access_token is None or claims.get("ath") == b64(hashlib.sha256(access_token.encode()).digest()), "ath"
            assert self.is_new(claims["jti"]), "a proof was used twice"
        except (AssertionError, ValueError, KeyError) as error:
            raise Refused("invalid_dpop_proof", f"{call['endpoint']}: {error!r}", 400 if access_token is None else 401) from error
        nonce = self.nonces.get(call["endpoint"])
        if nonce and claims.get("nonce") != nonce:
            raise Refused("use_dpop_nonce", "", 400 if access_token is None else 401, {"DPoP-Nonce": nonce})
        return thumbprint(jwk)

    def request_object(self, token, client):
        """The parameters in a signed request object (RFC 9101)."""
        try:
            header, claims = verify(token, self.client_keys())
        except (ValueError, KeyError) as error:
            raise Refused("invalid_request_object", str(error)) from error
        now = time.time()
        if header.get("typ", "oauth-authz-req+jwt") not in ("oauth-authz-req+jwt", "JWT"):
            raise Refused("invalid_request_object", f"typ is {header['typ']}")
        if claims.get("iss") != client or claims.get("client_id") != client or claims.get("aud") not in (self.issuer, [self.issuer]):
            raise Refused("invalid_request_object", f"iss, client_id or aud: {claims}")
        if not now < claims.get("exp", 0) <= now + 3600 or not claims.get("nbf", now) <= now + 10 or "request" in claims:
            raise Refused("invalid_request_object", f"exp, nbf or request: {claims}")
        return {name: value for name, value in claims.items() if name not in ("iss", "aud", "exp", "nbf", "iat", "jti")}


def common_name(certificate):
    if not certificate:
        return None
    return x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def certificate_thumbprint(certificate):
    """`x5t#S256` (RFC 8705, section 3.1)."""
    return b64(hashlib.sha256(certificate).digest()) if certificate else None
