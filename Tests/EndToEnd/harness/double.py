"""The base of the doubles of providers' APIs: they record every call, and a test can put another answer in place of any."""
import base64
import hashlib
import re
import secrets
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .provider import PASS, SHARED_KEY, b64, json_answer, jwt
from .site import SECRET, Site


class Double:
    """`calls`, `replace`, `instead` and `delay` are those of `provider.Provider`. `routes` are of (listener, method,
    pattern of the whole path, endpoint). Each listener is an origin of its own, as providers have them: `main`, where
    people go, in the open, the others with a certificate of this authority."""

    client, secret = "rp1", SECRET
    listeners = ("main",)
    routes = ()

    def __init__(self, authority):
        self.lock = threading.RLock()
        self.every_secret = set()
        self.certificate, self.ca_file = authority.issue("127.0.0.1"), authority.path
        self.servers = {name: self._listen(name) for name in self.listeners}
        self.issuer = self.origin("main")
        self.reset()

    def reset(self):
        with self.lock:
            self.calls, self.replace, self.instead, self.delay = [], {}, {}, {}
            self.codes, self.tokens = {}, {}

    def origin(self, listener):
        return f"{'http' if listener == 'main' else 'https'}://127.0.0.1:{self.servers[listener].server_port}"

    def close(self):
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def count(self, *endpoints):
        return len(self.calls_of(*endpoints))

    def calls_of(self, *endpoints):
        with self.lock:
            return [call for call in self.calls if call["endpoint"] in endpoints]

    def keep(self, secret):
        self.every_secret.add(secret)
        return secret

    def answer(self, call):
        time.sleep(self.delay.get(call["endpoint"], 0))
        instead = self.instead.get(call["endpoint"])
        if instead and (answer := instead(call)) is not PASS:
            return answer
        usual = getattr(self, call["endpoint"])(call)
        replace = self.replace.get(call["endpoint"])
        return replace(call, usual) if replace else usual

    # The authorization code: for one redirect URI, one client, one verifier, once

    def send_back(self, query, **more):
        """A person who is signed in and has agreed goes back with a code."""
        code = self.keep(secrets.token_urlsafe(16))
        with self.lock:
            self.codes[code] = {"query": query, **more}
        back = {"code": code, **({"state": query["state"]} if "state" in query else {})}
        return 302, {"Location": f"{query['redirect_uri']}?{urllib.parse.urlencode(back)}"}, b""

    def redeem(self, form):
        """What the code was given for; `None` when it is not good, or is brought by somebody else (RFC 7636, section 4.6)."""
        verifier = self.keep(form.get("code_verifier", ""))
        with self.lock:
            found = self.codes.pop(form.get("code"), None)
        if not found or form.get("redirect_uri") != found["query"]["redirect_uri"]:
            return None
        challenge = found["query"].get("code_challenge")
        is_proven = challenge is None or challenge == b64(hashlib.sha256(verifier.encode()).digest())
        return found if is_proven else None

    def bearer(self, call):
        """What the token of this call stands for."""
        scheme, _, token = call["headers"].get("Authorization", "").partition(" ")
        return self.tokens.get(token) if scheme.lower() == "bearer" else None

    def _listen(self, name):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": self, "listener": name}))
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # whoever asked has gone
        if name != "main":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


class Recorder(Double):
    """Whoever listens where nobody should ask."""

    listeners = ("main", "other")


class OpenIDDouble(Double):
    """What the providers with ID tokens share. `issues(found)` are the ID token's claims of such a code or session."""

    def reset(self):
        with self.lock:
            super().reset()
            self.claim_changes = {}
            self.refresh_tokens = {}
            self.access_lifetime = 3600
            self.make_id_token = lambda claims: jwt({"alg": "RS256", "kid": SHARED_KEY.kid, "typ": "JWT"}, claims, SHARED_KEY.sign)

    def jwks(self, _):
        return json_answer({"keys": [SHARED_KEY.jwk()]})

    def is_client(self, call):
        form, authorization = call["form"], call["headers"].get("Authorization", "")
        return (form.get("client_id"), form.get("client_secret")) == (self.client, self.secret) or authorization == basic(
            self.client, self.secret)

    def token(self, call):
        form = call["form"]
        if not self.is_client(call):
            return json_answer({"error": "invalid_client", "error_description": "Unauthorized"}, 401)
        is_refresh = form.get("grant_type") == "refresh_token"
        with self.lock:
            found = self.refresh_tokens.get(form.get("refresh_token")) if is_refresh else self.redeem(form)
        if not found:
            return json_answer({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
        now = int(time.time())
        access, nonce = self.keep(secrets.token_urlsafe(24)), {} if is_refresh else {"nonce": found["query"].get("nonce")}
        claims = {"aud": self.client, "iat": now, "exp": now + 3600, **nonce, **self.issues(found), **self.claim_changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        answer = {"access_token": access, "expires_in": self.access_lifetime, "scope": found["query"]["scope"],
                  "token_type": "Bearer", "id_token": self.keep(self.make_id_token(claims))}
        if not is_refresh and self.gives_refresh_token(found):
            answer["refresh_token"] = self.keep(secrets.token_urlsafe(24))
        with self.lock:
            self.tokens[access] = found
            if "refresh_token" in answer:
                self.refresh_tokens[answer["refresh_token"]] = found
        return json_answer(answer)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def lasting_site(authority, front, double, changes):
    """A site for all tests of a file: the body of a fixture that takes the place of `shared_site`."""
    from conftest import keeping

    with keeping() as keep:
        yield keep(Site(authority, changes, provider=double, front=front))
    double.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    double = listener = None

    def respond(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urllib.parse.urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        form = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True) if kind.startswith("application/x-www-form") else ()
        for listener, method, pattern, endpoint in self.double.routes:
            match = re.fullmatch(pattern, parts.path)
            if match and (listener, method) == (self.listener, self.command):
                call = {"endpoint": endpoint, "method": method, "path": parts.path, "match": match, "body": body, "form": dict(form),
                        "query": dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)), "headers": self.headers,
                        "url": f"{self.double.origin(listener)}{self.path}", "handler": self, "time": time.monotonic()}
                with self.double.lock:
                    self.double.calls.append(call)
                answer = self.double.answer(call)
                return self.send(*answer) if answer else None
        with self.double.lock:
            self.double.calls.append({"endpoint": "unknown", "method": self.command, "path": parts.path, "headers": self.headers})
        self.send(404, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Not Found</title>")

    do_GET = do_POST = do_DELETE = respond

    def send(self, status, headers, body):
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass
