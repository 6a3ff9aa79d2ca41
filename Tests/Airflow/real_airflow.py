"""A real Airflow, version 3 or 2: its parts as processes, a database that is made once and copied, the files of a recipe."""
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from harness.servers import ROOT, Server, free_port, wait_until

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
HEALTH = {3: "/api/v2/monitor/health", 2: "/health"}
DAG = {3: """\
from datetime import datetime
from airflow.sdk import dag, task
""", 2: """\
from datetime import datetime
from airflow.decorators import dag, task
"""}
HELLO = """

@dag(schedule=None, start_date=datetime(2024, 1, 1), catchup=False)
def hello():
    @task
    def say():
        print("hello from the task")

    say()


hello()
"""


def virtual_environment(version):
    """Where `make test-airflow` installs it; AIRFLOW3_VENV and AIRFLOW2_VENV name others."""
    return os.environ.get(f"AIRFLOW{version}_VENV", os.path.join(ROOT, ".build", f"airflow{version}"))


class Airflow:
    """`environment` is that of every part, `files` are texts by their name in AIRFLOW_HOME. The web part listens at
    `port` of loopback (version 3 at `execution_port` too, for tasks, once that part is started)."""

    def __init__(self, version, environment=None, files=None):
        self.version, self.bin = version, os.path.join(virtual_environment(version), "bin")
        self.home = tempfile.mkdtemp(prefix=f"postern-airflow{version}-")
        self.port, self.execution_port = free_port(), free_port()
        self.environment = {**self.defaults(), **(environment or {})}
        self.parts = {}
        self.write("dags/hello.py", DAG[version] + HELLO)
        for name, text in (files or {}).items():
            self.write(name, text)
        shutil.copy(migrated(version), os.path.join(self.home, "airflow.db"))

    def defaults(self):
        """What no recipe is about: places, ports, no examples, nothing sent to anybody, quick turns."""
        section = "API" if self.version == 3 else "WEBSERVER"
        return {
            "AIRFLOW_HOME": self.home, "PATH": f"{self.bin}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore",
            "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": f"{self.home}/dags", "AIRFLOW__CORE__PLUGINS_FOLDER": f"{self.home}/plugins",
            "AIRFLOW__CORE__PARALLELISM": "2", "AIRFLOW__CORE__EXECUTOR": "LocalExecutor" if self.version == 3 else "SequentialExecutor",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{self.home}/logs",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            f"AIRFLOW__{section}__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
        }

    def write(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def start(self, part, *arguments, name=None, port=None, environment=None):
        """One part: `api-server`, `webserver`, `scheduler`, `dag-processor`. With a `port` it is a server, and awaited."""
        name = name or part
        where = ("--host" if self.version == 3 else "--hostname", "127.0.0.1", "--port", str(port)) if port else ()
        server = Server(name, self.home, [f"{self.bin}/airflow", part, *where, *arguments], {**self.environment, **(environment or {})})
        self.parts[name] = server.start()
        return server

    def start_web(self, *arguments, **more):
        """The part for people, awaited until it answers."""
        started = time.monotonic()
        part = "api-server" if self.version == 3 else "webserver"
        server = self.start(part, "--workers", "1", *arguments, port=self.port, **more)
        self.await_answer(server)
        self.seconds_to_answer = time.monotonic() - started
        return server

    def start_tasks(self, **more):
        """What runs DAGs."""
        for part in ("scheduler", "dag-processor") if self.version == 3 else ("scheduler",):
            self.start(part, **more)

    def await_answer(self, server, path=None, port=None, seconds=240):
        url = f"http://127.0.0.1:{port or self.port}{self.base_path}{path or HEALTH[self.version]}"

        def answers():
            assert server.is_running(), f"{server.name} ended: {server.log[-4000:]}"
            with contextlib.suppress(OSError, urllib.error.HTTPError), urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        wait_until(answers, seconds, f"an answer of {server.name}: {server.log_path}")

    @property
    def base_path(self):
        """The path of the address that people use, if it is not the root."""
        base = self.environment.get("AIRFLOW__API__BASE_URL" if self.version == 3 else "AIRFLOW__WEBSERVER__BASE_URL", "")
        return "/".join(["", *base.split("/")[3:]]).rstrip("/")

    def command(self, *arguments, check=True):
        """One of Airflow's own commands, with its own rights on the database."""
        return subprocess.run([f"{self.bin}/airflow", *arguments], env=self.whole_environment(), check=check, capture_output=True,
                              text=True, timeout=120)

    def whole_environment(self):
        return {**{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}, **self.environment}

    def stop(self, *names):
        names = names or list(self.parts)
        for name in names:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.parts[name].pid, signal.SIGTERM)  # all at once: some take their time
        for name in names:
            self.parts.pop(name).stop(seconds=5)

    def close(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def logs(self):
        return "".join(f"\n--- airflow {self.version}: {name}\n{server.log[-6000:]}" for name, server in self.parts.items())


def migrated(version):
    """The path of a database that `airflow db migrate` made, FAB's tables among it: once for each list of packages."""
    folder = os.path.join(ROOT, ".build", "airflow-databases")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(os.path.dirname(__file__), f"requirements-airflow{version}.txt"), "rb") as file:
        path = os.path.join(folder, f"{version}-{hashlib.sha256(file.read()).hexdigest()[:16]}.db")
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _migrate(version, path)
    return path


def _migrate(version, path):
    home = tempfile.mkdtemp(prefix="postern-airflow-migrate-")
    try:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__AUTH_MANAGER": FAB,
                       "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db"}
        program = os.path.join(virtual_environment(version), "bin", "airflow")
        subprocess.run([program, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=300)
        shutil.move(os.path.join(home, "airflow.db"), path)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def decoded(text):
    """JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
