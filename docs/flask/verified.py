"""app.py, told who it is by what Postern has signed (docs/assertion.md), and not by whoever reaches its socket."""
from urllib.parse import quote

import jwt
from werkzeug.middleware.proxy_fix import ProxyFix

from app import app

KEYS = jwt.PyJWKClient("https://reports.example.com/oauth2/jwks.json", lifespan=300, timeout=5)


def claims_of(assertion):
    """The claims, all checks made: algorithm, key, signature, issuer, audience, time."""
    return jwt.decode(assertion, KEYS.get_signing_key_from_jwt(assertion), algorithms=["ES256"], audience="reports",
                      issuer="https://reports.example.com", leeway=10, options={"require": ["exp", "iat", "sub"], "strict_aud": True})


class FromAssertion:
    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        try:
            claims = claims_of(environ.get("HTTP_X_AUTH_REQUEST_ASSERTION", ""))
        except jwt.PyJWKClientConnectionError:
            raise  # Postern does not answer: a fault of ours, and nobody's being a stranger
        except jwt.PyJWTError:
            claims = {}
        groups = ",".join(quote(group, safe="") for group in claims.get("groups", ()))
        for name, value in (("REMOTE_USER", claims.get("sub", "")), ("HTTP_X_AUTH_REQUEST_EMAIL", claims.get("email", "")),
                            ("HTTP_X_AUTH_REQUEST_GROUPS", groups)):
            environ[name] = value.encode().decode("latin-1")
        return self.application(environ, start_response)


application = FromAssertion(app.wsgi_app)                                                  # Apache, mod_wsgi
behind_nginx = FromAssertion(ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1))         # nginx, gunicorn
