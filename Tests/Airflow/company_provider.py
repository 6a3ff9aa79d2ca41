#!/usr/bin/env python3
"""The company's provider, for the tests with Airflow: django-oauth-toolkit as the end-to-end tests start it, with people whose
groups are roles of Airflow. Options are those of django_oauth_toolkit.py.

People: ada (admin), otto (op), uma (user), vic (viewer), nina (in a group that nothing is about); the password is the name and
"-password". Clients: airflow / airflow-secret; script, which is public, for programs that a person starts; nightly /
nightly-secret gets tokens of its own. Introspection says the groups of the person, as many providers can.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "EndToEnd", "providers"))

import django_oauth_toolkit as toolkit  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402
from oauth2_provider.views import IntrospectTokenView  # noqa: E402

PEOPLE = {"ada": ("Ada", "Minna", ["airflow-admins", "airflow-viewers", "staff"]), "otto": ("Otto", "Öp", ["airflow-ops"]),
          "uma": ("Uma", "User", ["airflow-users"]), "vic": ("Vic", "Viewer", ["airflow-viewers", "staff"]), "nina": ("Nina", "None", ["staff"])}
SCRIPT_REDIRECT = "http://localhost:9/callback"


class Introspection(IntrospectTokenView):
    """Says the groups of the person, too."""

    def get_token_response(self, token_value=None):
        said = json.loads(IntrospectTokenView.get_token_response(token_value).content)
        person = User.objects.filter(username=said.get("username")).first()
        if person:
            said |= {"sub": person.username, "preferred_username": person.username, "email": person.email, "email_verified": True,
                     "groups": sorted(person.groups.values_list("name", flat=True))}
        return JsonResponse(said)


def seed_clients():
    make = get_application_model().objects.create
    more = {"skip_authorization": True, "algorithm": "RS256"}
    make(client_id="airflow", name="Airflow", client_type="confidential", client_secret="airflow-secret",
         authorization_grant_type="authorization-code", redirect_uris=" ".join(toolkit.options.redirect),
         post_logout_redirect_uris=" ".join(toolkit.options.post_logout), **more)
    make(client_id="script", name="A script", client_type="public", authorization_grant_type="authorization-code",
         redirect_uris=SCRIPT_REDIRECT, **more)
    make(client_id="nightly", name="Nightly", client_type="confidential", client_secret="nightly-secret",
         authorization_grant_type="client-credentials", **more)


def watch_groups():
    """Lines on the standard input, `vic airflow-users staff`, say anew which groups somebody has."""
    for line in sys.stdin:
        name, *groups = line.split()
        User.objects.get(username=name).groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        print(f"groups {name}", flush=True)


if __name__ == "__main__":
    import threading
    toolkit.PEOPLE = PEOPLE
    toolkit.settings.OAUTH2_PROVIDER["SCOPES"] |= {"airflow": "Airflow", "introspection": "introspection"}
    oauth2_settings.reload()
    toolkit.urlpatterns.insert(0, path("o/introspect/", Introspection.as_view()))
    call_command("migrate", verbosity=0)
    toolkit.seed()
    seed_clients()
    threading.Thread(target=watch_groups, daemon=True).start()
    toolkit.serve()
