"""The servers of a test: each a child process in a group of its own, ended by its pid, its log kept for a failure."""
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
POSTERN = os.environ.get("POSTERN_BINARY", os.path.join(ROOT, ".build", "release", "postern"))
IS_ROOT = os.geteuid() == 0
WEB_USER = "www-data"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds=10, what="condition"):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come in {seconds} s"
        time.sleep(0.02)
    return found


class Server:
    """A child process and its log."""

    def __init__(self, name, folder, command, environment=None, **options):
        self.name, self.command, self.options = name, command, options
        # Postern takes every POSTERN_ variable for a setting.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POSTERN_")}
        self.environment = {**inherited, **(environment or {})}
        self.log_path = os.path.join(folder, f"{name}.log")
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                            env=self.environment, **self.options)
        return self

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=8):
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(5)
            return None
        finally:
            # Whom it started, and left behind (mod_fcgid's process manager now and then).
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.returncode


class Postern(Server):
    def __init__(self, folder, settings, name="postern", environment=None, wrapper=()):
        self.folder = folder
        self.config = os.path.join(folder, f"{name}.yaml")
        self.socket = os.path.join(folder, f"{name}.sock")
        self.settings = settings
        self.write(settings)
        super().__init__(name, folder, [*wrapper, POSTERN, "serve", "--config", self.config],
                         {"SWIFT_BACKTRACE": "enable=no", **(environment or {})})

    def write(self, settings):
        with open(self.config, "w") as file:
            json.dump(settings, file, indent=1)  # JSON is YAML

    def start(self):
        super().start()
        def ready():
            assert self.is_running(), f"postern ended: {self.log}"
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.socket)
                return True
        wait_until(ready, what="postern's socket")
        return self

    def run(self, *arguments, check=True, config=True, **options):
        """Another command of postern with the same configuration."""
        command = [POSTERN, *arguments, *(["--config", self.config] if config else [])]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=20,
                              env=options.pop("env", self.environment), **options)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self):
        """Bytes of memory."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """Seconds of processor time."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Nginx(Server):
    def __init__(self, folder, http, name="nginx", main=""):
        config = os.path.join(folder, f"{name}.conf")
        user = f"user {WEB_USER};\n" if IS_ROOT else ""
        temporary = "\n".join(f"    {kind}_temp_path {folder}/{name}-{kind};"
                              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(config, "w") as file:
            file.write(f"{user}daemon off;\nworker_processes 1;\n{main}\npid {folder}/{name}.pid;\nerror_log stderr warn;\n"
                       f"events {{ worker_connections 1024; }}\nhttp {{\n    access_log off;\n{temporary}\n{http}\n}}\n")
        super().__init__(name, folder, ["nginx", "-e", "stderr", "-p", folder, "-c", config])


class Backend:
    """The application: says PROTECTED, the path it served and every header field it got."""

    def __init__(self):
        backend = self
        self.seen = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.headers.get("Upgrade", "").lower() == "websocket":
                    return self.upgrade()
                if self.path == "/stream":
                    return self.stream()
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen = {"method": self.command, "path": self.path, "headers": self.headers.items()}
                backend.seen.append(seen)
                body = b"PROTECTED\n" + json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_GET

            def stream(self):
                """Server-sent events without an end."""
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("X-Accel-Buffering", "no")
                self.end_headers()
                self.close_connection = True
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(b"data: PROTECTED\n\n")
                        time.sleep(0.05)

            def upgrade(self):
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.end_headers()
                self.wfile.write(b"PROTECTED echo " + self.rfile.readline())
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def may_connect(folder):
    """nginx's workers, which are not root, must reach the sockets in the folder."""
    os.chmod(folder, 0o755)
    if IS_ROOT:
        pwd.getpwnam(WEB_USER)


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
