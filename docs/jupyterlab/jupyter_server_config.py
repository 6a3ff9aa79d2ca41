# ~/.jupyter/jupyter_server_config.py of the account that JupyterLab runs as.
from jupyter_server.auth import IdentityProvider, User
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler
from traitlets import Integer, Unicode


class FromNginx(IdentityProvider):
    """nginx says who it is, having asked Postern. Only good for a socket that nobody but nginx reaches."""

    token = Unicode("")
    login_available = False
    websocket_seconds = Integer(900, config=True, help="The page opens a new one by itself, and that is checked again.")

    def get_user(self, handler):
        users = handler.request.headers.get_list("X-Auth-Request-User")
        if len(users) != 1 or not users[0]:
            handler.current_user = None
            raise HTTPError(401, "the web server did not say who it is")
        if isinstance(handler, WebSocketHandler):
            IOLoop.current().call_later(self.websocket_seconds, handler.close)
        user = users[0].encode("latin-1").decode()
        email = handler.request.headers.get("X-Auth-Request-Email", "").encode("latin-1").decode()
        return User(username=user, display_name=email or user)


c = get_config()  # noqa: F821
c.ServerApp.identity_provider_class = FromNginx
c.ServerApp.allow_unauthenticated_access = False

# Anybody may connect to the socket, by its mode; but its folder is nginx's and this account's alone.
c.ServerApp.sock = "/run/jupyter/jupyter.sock"
c.ServerApp.sock_mode = "0666"

# The name in the browser's address, and no other: allow_remote_access and allow_origin stay as they are, off.
c.ServerApp.local_hostnames = ["jupyter.example.com"]
c.ServerApp.trust_xheaders = True
c.ServerApp.open_browser = False
