"""An OpenID provider that does as it is told: it records every call, and any answer can be replaced."""
import hashlib
import secrets
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .clients import Clients, Refused
from .extensions import Extensions, form_page, json_answer, with_query
from .tokens import Key, b64, jwt

ALICE = {"sub": "alice-1", "preferred_username": "alice", "email": "alice@example.com", "email_verified": True}
ENDPOINTS = {"/.well-known/openid-configuration": "discovery", "/authorize": "authorize", "/token": "token",
             "/jwks": "jwks", "/userinfo": "userinfo", "/end_session": "end_session", "/par": "par", "/revoke": "revoke",
             "/introspect": "introspect"}


SHARED_KEY = Key(kid="main")
PASS = object()


class Provider(Clients, Extensions):
    """`offers` are names of extensions, for good. With a `client_authority` (a PEM file) there is a second port, that of
    mutual TLS. `replace[endpoint]` is a function of (call, usual answer) that gives another answer: (status, headers, body).
    `instead[endpoint]` is one of (call) that is asked before anything happens; PASS leaves it to the usual answer."""

    def __init__(self, certificate=None, host="127.0.0.1", offers=(), client_authority=None):
        self.offers, self.scheme = tuple(offers), "https" if certificate else "http"
        self.lock = threading.Lock()
        self.every_secret = set()  # of the whole run; `secrets` are those since the last reset
        self.server = self._listen(certificate)
        self.port = self.server.server_port
        self.mtls_server = self._listen(certificate, client_authority) if client_authority else None
        self.mtls_port = self.mtls_server and self.mtls_server.server_port
        self.issuer = f"{self.scheme}://{host}:{self.port}"
        self.reset()
        for server in filter(None, (self.server, self.mtls_server)):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _listen(self, certificate, client_authority=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if client_authority:
                context.load_verify_locations(client_authority)
                context.verify_mode = ssl.CERT_OPTIONAL
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

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
            self.reset_clients()
            self.reset_extensions()

    def _keep(self, *secrets):
        self.secrets |= set(secrets)
        self.every_secret |= set(secrets)

    def close(self):
        for server in filter(None, (self.server, self.mtls_server)):
            server.shutdown()
            server.server_close()

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
        try:
            usual = getattr(self, call["endpoint"])(call)
        except Refused as refused:
            usual = self.refusal(call, refused)
        replace = self.replace.get(call["endpoint"])
        return replace(call, usual) if replace else usual

    def refusal(self, call, refused):
        """What is not as it should be is noted in `complaints`."""
        if str(refused):
            self.complaints.append(str(refused))
        headers = dict(refused.headers)
        if refused.status == 401:
            scheme = "DPoP" if "dpop" in refused.error else "Bearer" if call["endpoint"] == "userinfo" else "Basic"
            headers["WWW-Authenticate"] = f'{scheme} error="{refused.error}"'
        status, usual, body = json_answer({"error": refused.error, "error_description": str(refused)}, refused.status)
        return status, {**usual, **headers}, body

    def discovery(self, _):
        document = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo", "end_session_endpoint": f"{self.issuer}/end_session",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True, **self.extended_discovery(), **self.discovery_changes}
        return json_answer({name: value for name, value in document.items() if value is not None})

    def authorize(self, call):
        asked = self.parameters(call)
        code = secrets.token_urlsafe(16)
        with self.lock:
            self.codes[code] = {**asked, "person": dict(self.person), "sign_in": self.sign_in(asked)}
            self._keep(code)
        back = {"code": code, "state": asked.get("state", ""), "iss": self.issuer}
        if asked.get("response_mode") == "form_post":
            return form_page(asked["redirect_uri"], back)
        return 302, {"Location": with_query(asked["redirect_uri"], back)}, b""

    def token(self, call):
        form, client = call["form"], self.authenticate(call)
        if form.get("grant_type") == "client_credentials":
            return self.client_credentials(call, client)
        bound = self.bound_to(call)
        if form.get("grant_type") == "refresh_token":
            return self.refresh(form, bound)
        with self.lock:
            self._keep(form.get("code_verifier", ""))
            code = self.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not code or challenge != code.get("code_challenge") or form.get("redirect_uri") != code["redirect_uri"]:
            return json_answer({"error": "invalid_grant"}, 400)
        sign_in, family = code.get("sign_in", {}), secrets.token_hex(4)
        if self.method and client != code["client_id"] or sign_in.get("jkt") not in (None, bound.get("jkt")):
            raise Refused("invalid_grant", f"the code of {code['client_id']} and {sign_in.get('jkt')}: {client}, {bound}")
        self.sign_ins[family] = sign_in
        return json_answer(self.tokens(code["person"], code.get("nonce"), family, code["client_id"], bound))

    def tokens(self, person, nonce, family, client, bound):
        now = int(time.time())
        sign_in, refresh = self.sign_ins.get(family, {}), secrets.token_urlsafe(24)
        access = self.grant(person, client, sign_in, bound)
        claims = {"iss": self.issuer, "aud": client, "iat": now, "exp": now + 300, "nonce": nonce, **sign_in.get("claims", {}),
                  **person, **self.claim_changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        answer = {"access_token": access, "token_type": "DPoP" if "jkt" in bound else "Bearer", "expires_in": self.access_lifetime,
                  "refresh_token": refresh, "id_token": self.make_id_token(claims)}
        with self.lock:
            self.refresh_tokens[refresh] = (family, person, client)
            self._keep(access, refresh, answer["id_token"])
        return answer

    def refresh(self, form, bound):
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
        return json_answer(self.tokens(found[1], None, found[0], found[2], bound))

    def jwks(self, _):
        return json_answer({"keys": [key.jwk() for key in self.keys]})

    def userinfo(self, call):
        claims = {"sub": self.presented(call).get("sub", self.person.get("sub")), **self.userinfo_claims}
        if self.make_userinfo_token:
            return 200, {"Content-Type": "application/jwt"}, self.make_userinfo_token(claims).encode()
        return json_answer(claims)

    def end_session(self, call):
        query = call["query"]
        back = query.get("post_logout_redirect_uri", self.issuer)
        state = f"?state={urllib.parse.quote(query['state'])}" if "state" in query else ""
        return 302, {"Location": back + state}, b""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self):
        self.respond([])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.respond(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))

    def respond(self, form):
        parts = urllib.parse.urlsplit(self.path)
        endpoint = ENDPOINTS.get(parts.path)
        if not endpoint:
            return self.send(404, {}, b"")
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        certificate = getattr(self.connection, "getpeercert", lambda **_: None)(binary_form=True)
        call = {"endpoint": endpoint, "method": self.command, "form": dict(form), "headers": dict(self.headers),
                "query": dict(query), "pairs": [*query, *form], "handler": self, "time": time.monotonic(),
                "certificate": certificate, "url": f"{self.provider.scheme}://{self.headers['Host']}{parts.path}"}
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
