"""A Flask application without a line of OAuth: the web server says who it is."""
from urllib.parse import unquote

import requests
from flask import Flask, abort, jsonify, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
login = LoginManager(app)


def told(name):
    """What the web server says. WSGI hands bytes over as Latin-1; they are UTF-8."""
    return request.environ.get(name, "").encode("latin-1").decode()


class Person(UserMixin):
    def __init__(self):
        self.id = told("REMOTE_USER")
        self.email = told("HTTP_X_AUTH_REQUEST_EMAIL")
        self.groups = [unquote(group) for group in told("HTTP_X_AUTH_REQUEST_GROUPS").split(",") if group]
        self.access_token = told("HTTP_X_AUTH_REQUEST_ACCESS_TOKEN")


@login.request_loader
def person(_):
    """In place of user_loader and login_user: asked on every request, so nobody stays who has gone."""
    return Person() if request.environ.get("REMOTE_USER") else None


@app.before_request
def somebody_is_there():
    """A page that the web server forgot to protect is refused here."""
    if not current_user.is_authenticated and request.path != "/health":
        abort(401)


@app.get("/")
def home():
    return render_template_string(HOME, path=request.full_path)


@app.get("/me")
def me():
    return jsonify(user=current_user.id, email=current_user.email, groups=current_user.groups)


@app.get("/admin")
def admin():
    if "admins" not in current_user.groups:
        abort(403)
    return "For admins.\n"


@app.get("/calendar")
def calendar():
    """Calls an API as the person. Postern keeps the token fresh; here it is not stored."""
    answer = requests.get("https://api.example.com/calendar", timeout=10,
                          headers={"Authorization": f"Bearer {current_user.access_token}"})
    return answer.text, answer.status_code


@app.get("/health")
def health():
    return "ok\n"


HOME = """<!doctype html><title>Reports</title>
<p>Signed in as <b id="user">{{ current_user.id }}</b> ({{ current_user.email }}). You asked for {{ path }}.
<p><a href="/oauth2/sign_out">Sign out</a>
"""


class FromNginx:
    """nginx has no REMOTE_USER for an application, only headers. For a socket that nobody but nginx reaches."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        environ["REMOTE_USER"] = environ.get("HTTP_X_AUTH_REQUEST_USER", "")
        return self.application(environ, start_response)


application = app                                                                       # Apache, mod_wsgi
behind_nginx = FromNginx(ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1))          # nginx, gunicorn
