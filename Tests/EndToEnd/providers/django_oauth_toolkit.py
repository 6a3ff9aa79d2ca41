#!/usr/bin/env python3
"""django-oauth-toolkit as an OpenID provider in one file, with people and clients, for the demo and the tests.

    django_oauth_toolkit.py --port 8000 --folder DIR --redirect URI --post-logout URI

The issuer is http://127.0.0.1:PORT/o. People: alice (admins, staff), bob (staff), erin; the password is the name and
"-password". Clients: confidential / confidential-secret, public. Refresh tokens rotate; using one twice ends all.

Without the scope `openid` it is a plain OAuth2 service: /api/profile says whose the access token is. The client program
/ program-secret gets tokens of its own (client credentials).
"""
import argparse
import os
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--folder", required=True, help="for the database")
parser.add_argument("--redirect", action="append", required=True)
parser.add_argument("--post-logout", action="append", required=True)
parser.add_argument("--access-lifetime", type=int, default=3600, help="seconds")
options = parser.parse_args()

import django  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from django.conf import settings  # noqa: E402

key = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
settings.configure(
    DEBUG=False, SECRET_KEY=os.urandom(32).hex(), ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
                           "NAME": os.path.join(options.folder, "provider.db")}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", "django.contrib.admin", "django.contrib.staticfiles", "oauth2_provider"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                   "django.contrib.auth.context_processors.auth",
                                                   "django.contrib.messages.context_processors.messages"]}}],
    STATIC_URL="/static/", LOGIN_URL="/accounts/login/", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # Everybody may know these passwords and secrets: no time is spent on hiding them.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    # Cookies know no ports: the provider and the site share a host here.
    SESSION_COOKIE_NAME="provider_session", CSRF_COOKIE_NAME="provider_csrf",
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": key, "PKCE_REQUIRED": True,
        "SCOPES": {name: name for name in ("openid", "profile", "email", "groups", "reports")},
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator", "ACCESS_TOKEN_EXPIRE_SECONDS": options.access_lifetime,
        "ID_TOKEN_EXPIRE_SECONDS": 3600, "REFRESH_TOKEN_EXPIRE_SECONDS": 86400, "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True, "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False, "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"], "REQUEST_APPROVAL_PROMPT": "auto",
    })
if __name__ == "__main__":
    sys.modules["django_oauth_toolkit"] = sys.modules["__main__"]
django.setup()

from django.contrib.auth.views import LoginView  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.views.generic import ProtectedResourceMetadataView  # noqa: E402

PEOPLE = {"alice": ("Alice", "Löfgren", ["admins", "staff"]), "bob": ("Bob", "Builder", ["staff"]),
          "erin": ("Erin", "Nogroup", [])}


class Validator(OAuth2Validator):
    oidc_claim_scope = {**OAuth2Validator.oidc_claim_scope, "groups": "groups", "preferred_username": "profile"}

    def get_additional_claims(self, request):
        person = request.user
        return {"sub": person.username, "preferred_username": person.username, "name": person.get_full_name(),
                "email": person.email, "email_verified": True,
                "groups": sorted(person.groups.values_list("name", flat=True))}


class Profile(ProtectedResourceMetadataView):
    """What plain OAuth2 services have in place of userinfo: no two call their members alike."""

    def get(self, request):
        person = request.resource_owner
        return JsonResponse({"id": person.pk, "login": person.username, "name": person.get_full_name(),
                             "contact": {"mail": person.email},
                             "memberships": {"groups": sorted(person.groups.values_list("name", flat=True))}})


title = {"site_header": "Demo provider", "site_title": "Demo provider", "title": "Sign in"}
urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/profile", Profile.as_view()),
    path("accounts/login/", LoginView.as_view(template_name="admin/login.html", extra_context=title)),
    path("admin/", __import__("django.contrib.admin").contrib.admin.site.urls),
]


def seed():
    from django.contrib.auth.models import Group, User
    from oauth2_provider.models import get_application_model
    for name, (first, last, groups) in PEOPLE.items():
        person = User.objects.create_user(
            name, f"{name}@example.com", f"{name}-password", first_name=first, last_name=last)
        person.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    for client, kind in (("confidential", "confidential"), ("program", "confidential"), ("public", "public")):
        get_application_model().objects.create(
            client_id=client, name=client, client_type=kind,
            client_secret=f"{client}-secret" if kind == "confidential" else "",
            authorization_grant_type="client-credentials" if client == "program" else "authorization-code",
            algorithm="RS256", skip_authorization=True,
            redirect_uris=" ".join(options.redirect), post_logout_redirect_uris=" ".join(options.post_logout))


def serve():
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", options.port, StaticFilesHandler(get_wsgi_application()), Server)
    print(f"issuer http://127.0.0.1:{options.port}/o", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    seed()
    serve()
