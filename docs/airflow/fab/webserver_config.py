"""Airflow 2 and 3 behind Postern: who Postern names is who Airflow serves, with the roles of their groups.

At every request: another person on the same browser, an old cookie of Airflow's or a lost group count from the next
one. Airflow 3 needs plugins/postern_identity.py besides, because only its sign-in pages come through here.
"""
from contextlib import suppress
from urllib.parse import unquote

from flask import abort, current_app, make_response, request, session
from flask_appbuilder.const import AUTH_REMOTE_USER
from flask_login import current_user, login_user, logout_user

from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride

# The provider's group -> Airflow's roles. Postern's rules let in the same groups.
AUTH_ROLES_MAPPING = {
    "airflow-admins": ["Admin"],
    "airflow-ops": ["Op"],
    "airflow-users": ["User"],
    "airflow-viewers": ["Viewer"],
}
# The roles of those who are in none of these groups. Empty: they are refused.
ROLES_OF_OTHERS = []

AUTH_TYPE = AUTH_REMOTE_USER
AUTH_REMOTE_USER_ENV_VAR = "HTTP_X_AUTH_REQUEST_USER"
AUTH_USER_REGISTRATION = True
AUTH_ROLES_SYNC_AT_LOGIN = True


def told(environ, what):
    """An identity header, as UTF-8; WSGI hands its bytes over as Latin-1."""
    return environ.get(f"HTTP_X_AUTH_REQUEST_{what}", "").encode("latin-1").decode("utf-8", "replace")


def roles_of(groups):
    """The names of Airflow's roles. Postern writes a comma inside a group as `%2C`."""
    config = current_app.config
    of_groups = [config["AUTH_ROLES_MAPPING"].get(unquote(group), []) for group in groups.split(",")]
    return {role for roles in of_groups for role in roles} or set(config["ROLES_OF_OTHERS"])


def has(user):
    return {role.name for role in user.roles}


class SecurityManager(FabAirflowSecurityManagerOverride):
    def account(self, environ):
        """The account of the person whom the headers name, made as they say; None for who may not have one."""
        name, roles = told(environ, "USER"), roles_of(told(environ, "GROUPS"))
        if not name or not roles:
            return None
        user = self.find_user(username=name) or self.register(name, roles)
        # Airflow finds "Alice" for "alice": those are two persons, and the second is nobody.
        if not user or user.username != name or not user.is_active:
            return None
        words = "".join(char if char.isprintable() else " " for char in unquote(told(environ, "NAME"))).split()
        first, last = " ".join(words[:1]), " ".join(words[1:])
        described = {"first_name": first[:64] or name[:64], "last_name": last[:64]}
        email = told(environ, "EMAIL")
        if email and email != user.email and not self.find_user(email=email):
            described["email"] = email
        if has(user) != roles:
            described["roles"] = self.roles_named(roles)
        changes = {key: value for key, value in described.items() if getattr(user, key) != value}
        for key, value in changes.items():
            setattr(user, key, value)
        if changes and not self.update_user(user):  # several requests at once: another one did it
            user = self.find_user(username=name)
        return user if user and has(user) == roles else None

    def register(self, name, roles):
        if self.auth_user_registration:
            with suppress(Exception):  # here, too
                self.add_user(name, name[:64], "", f"{name}@email.notfound", self.roles_named(roles))
        return self.find_user(username=name)

    def roles_named(self, names):
        return [role for name in sorted(names) if (role := self.find_role(name))]

    def auth_user_remote_user(self, _):
        return self.account(request.environ)


SECURITY_MANAGER_CLASS = SecurityManager


@current_app.before_request
def serve_who_is_named():
    if (request.endpoint or "").endswith("static"):
        return
    user = current_app.appbuilder.sm.account(request.environ)
    if current_user.is_authenticated and (user is None or current_user.get_id() != user.get_id()):
        logout_user()
        for key in session.keys() - {"_permanent"}:
            del session[key]
    if user is not None and not current_user.is_authenticated:
        login_user(user)
    if user is None and request.path != "/health":
        abort(make_response(("Airflow has no role for you.\n", 403, {"Content-Type": "text/plain"})))
