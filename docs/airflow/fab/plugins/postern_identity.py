"""Airflow 3 behind Postern: who Postern names is who Airflow serves, at every request.

Without this, Airflow goes on with whoever its own cookie `_token` names until that ends. webserver_config.py says which
account it is, and with which roles.
"""
import asyncio

from airflow import settings
from airflow.plugins_manager import AirflowPlugin

NAMED, COOKIE, AUTHORIZATION = b"x-auth-request-user", b"cookie", b"authorization"
SECONDS = 60  # a token serves one request


def token_for(headers):
    """A token of Airflow's own for the person whom the headers name; None for who has no role."""
    from airflow.api_fastapi.app import get_auth_manager  # every part of Airflow reads this file, one has people

    manager = get_auth_manager()
    environ = {f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1") for name, value in headers}
    try:
        with manager.flask_app.app_context():
            user = manager.security_manager.account(environ)
            return user and manager.generate_jwt(user, expiration_time_in_seconds=SECONDS)
    finally:
        settings.Session.remove()


def without_token(cookies):
    return b"; ".join(one for each in cookies.split(b";") if (one := each.strip()) and not one.startswith(b"_token="))


class ServeWhoIsNamed:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        # The other spelling of a name is not the web server's.
        headers = [(name, without_token(value) if name == COOKIE else value) for name, value in scope["headers"] if b"_" not in name]
        for key in ("user", "user_authenticated_via"):  # what Airflow has read from the cookie already
            scope.get("state", {}).pop(key, None)
        if any(name == NAMED for name, _ in headers):
            token = await asyncio.to_thread(token_for, headers)
            if not token:
                await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
                return await send({"type": "http.response.body", "body": b"Airflow has no role for you.\n"})
            headers = [(name, value) for name, value in headers if name != AUTHORIZATION] + [(AUTHORIZATION, b"Bearer " + token.encode())]
        await self.app({**scope, "headers": headers}, receive, send)


class PosternIdentity(AirflowPlugin):
    name = "postern_identity"
    fastapi_root_middlewares = [{"name": "postern_identity", "middleware": ServeWhoIsNamed}]
