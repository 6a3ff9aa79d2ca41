"""An OpenID provider that does as it is told: it records every call, and any answer can be replaced."""
import base64
import hashlib
import json
import secrets
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ALICE = {"sub": "alice-1", "preferred_username": "alice", "email": "alice@example.com", "email_verified": True}
ENDPOINTS = {"/.well-known/openid-configuration": "discovery", "/authorize": "authorize", "/token": "token",
             "/jwks": "jwks", "/userinfo": "userinfo", "/end_session": "end_session"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A signing key with an id."""

    def __init__(self, kind="RS256", kid=None, bits=2048):
        self.kind, self.kid = kind, kid or secrets.token_hex(4)
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}
        self.private = (ec.generate_private_key(curves[kind]()) if kind in curves
                        else rsa.generate_private_key(65537, bits))

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        if self.kind == "RS256":
            members = {"kty": "RSA", "n": self._number(numbers.n), "e": self._number(numbers.e)}
        else:
            size = self.private.curve.key_size // 8
            members = {"kty": "EC", "crv": {32: "P-256", 48: "P-384"}[size], "x": b64(numbers.x.to_bytes(size, "big")),
                       "y": b64(numbers.y.to_bytes(size, "big"))}
        return {**members, "kid": self.kid, "use": "sig", "alg": self.kind}

    def sign(self, data):
        if self.kind == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        size = self.private.curve.key_size // 8
        digest = {32: hashes.SHA256, 48: hashes.SHA384}[size]()
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    @staticmethod
    def _number(number):
        return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


SHARED_KEY = Key(kid="main")


def jwt(header, claims, signer):
    """A token of these parts; `signer` makes the signature of the bytes before it."""
    encode = lambda part: part if isinstance(part, bytes) else json.dumps(part).encode()  # noqa: E731
    signed = f"{b64(encode(header))}.{b64(encode(claims))}"
    return f"{signed}.{b64(signer(signed.encode()))}"


PASS = object()


class Provider:
    """`replace[endpoint]` is a function of (call, usual answer) that gives another answer: (status, headers, body).
    `instead[endpoint]` is one of (call) that is asked before anything happens; PASS leaves it to the usual answer."""

    def __init__(self, certificate=None, host="127.0.0.1"):
        handler = type("Handler", (_Handler,), {"provider": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        self.issuer = f"{scheme}://{host}:{self.port}"
        self.lock = threading.Lock()
        self.every_secret = set()  # of the whole run; `secrets` are those since the last reset
        self.reset()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self):
        with self.lock:
            self.calls = []
            self.person = dict(ALICE)
            self.userinfo_claims = {}
            self.keys = [SHARED_KEY]
            self.replace, self.instead = {}, {}
            self.discovery_changes = {}
            self.make_id_token = lambda claims: jwt(
                {"alg": self.keys[0].kind, "kid": self.keys[0].kid, "typ": "JWT"}, claims, self.keys[0].sign)
            self.claim_changes = {}
            self.access_lifetime = 3600
            self.delay = {}
            self.rotates = True
            self.codes, self.refresh_tokens, self.dead_families = {}, {}, set()
            self.secrets = set()

    def _keep(self, *secrets):
        self.secrets |= set(secrets)
        self.every_secret |= set(secrets)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def stop_listening(self):
        """The provider is down: connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def listen_again(self):
        handler = self.server.RequestHandlerClass
        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def count(self, endpoint):
        with self.lock:
            return sum(call["endpoint"] == endpoint for call in self.calls)

    # Usual answers

    def answer(self, call):
        time.sleep(self.delay.get(call["endpoint"], 0))
        instead = self.instead.get(call["endpoint"])
        if instead and (answer := instead(call)) is not PASS:
            return answer
        usual = getattr(self, call["endpoint"])(call)
        replace = self.replace.get(call["endpoint"])
        return replace(call, usual) if replace else usual

    def discovery(self, _):
        document = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo", "end_session_endpoint": f"{self.issuer}/end_session",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True, **self.discovery_changes}
        return json_answer({name: value for name, value in document.items() if value is not None})

    def authorize(self, call):
        query = call["query"]
        code = secrets.token_urlsafe(16)
        with self.lock:
            self.codes[code] = {**query, "person": dict(self.person)}
            self._keep(code)
        back = {"code": code, "state": query.get("state", ""), "iss": self.issuer}
        return 302, {"Location": f"{query['redirect_uri']}?{urllib.parse.urlencode(back)}"}, b""

    def token(self, call):
        form = call["form"]
        if form.get("grant_type") == "refresh_token":
            return self.refresh(form)
        with self.lock:
            self._keep(form.get("code_verifier", ""))
            code = self.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not code or challenge != code.get("code_challenge") or form.get("redirect_uri") != code["redirect_uri"]:
            return json_answer({"error": "invalid_grant"}, 400)
        return json_answer(self.tokens(code["person"], code.get("nonce"), secrets.token_hex(4), code["client_id"]))

    def tokens(self, person, nonce, family, client):
        now = int(time.time())
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        claims = {"iss": self.issuer, "aud": client, "iat": now, "exp": now + 300, "nonce": nonce, **person,
                  **self.claim_changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": self.access_lifetime,
                  "refresh_token": refresh, "id_token": self.make_id_token(claims)}
        with self.lock:
            self.refresh_tokens[refresh] = (family, person, client)
            self._keep(access, refresh, answer["id_token"])
        return answer

    def refresh(self, form):
        with self.lock:
            found = self.refresh_tokens.get(form.get("refresh_token"))
            if found and self.rotates and found[0] == "used":
                self.dead_families.add(found[1])
                found = None
            if found and found[0] in self.dead_families:
                found = None
            if found and self.rotates:
                self.refresh_tokens[form["refresh_token"]] = ("used", found[0])
        if not found:
            return json_answer({"error": "invalid_grant"}, 400)
        return json_answer(self.tokens(found[1], None, found[0], found[2]))

    def jwks(self, _):
        return json_answer({"keys": [key.jwk() for key in self.keys]})

    def userinfo(self, _):
        return json_answer({"sub": self.person.get("sub"), **self.userinfo_claims})

    def end_session(self, call):
        query = call["query"]
        back = query.get("post_logout_redirect_uri", self.issuer)
        state = f"?state={urllib.parse.quote(query['state'])}" if "state" in query else ""
        return 302, {"Location": back + state}, b""


def json_answer(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self):
        self.respond({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.respond(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)))

    def respond(self, form):
        parts = urllib.parse.urlsplit(self.path)
        endpoint = ENDPOINTS.get(parts.path)
        if not endpoint:
            return self.send(404, {}, b"")
        call = {"endpoint": endpoint, "method": self.command, "form": form, "headers": dict(self.headers),
                "query": dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)), "handler": self,
                "time": time.monotonic()}
        with self.provider.lock:
            self.provider.calls.append(call)
        answer = self.provider.answer(call)
        if answer:
            self.send(*answer)

    def send(self, status, headers, body):
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass
