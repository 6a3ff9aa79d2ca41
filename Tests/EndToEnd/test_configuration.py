"""What an operator gets wrong: every mistake at once, said where it stands, and no start."""
import os
import subprocess

import pytest

from harness.servers import POSTERN
from harness.site import told_of

RIGHT = """\
public_url: https://app.test
listen: unix:{folder}/x.sock
providers:
  op: {{ issuer: https://login.test, client_id: rp1, client_secret_file: {folder}/secret }}
session: {{ store: "sqlite:{folder}/sessions.db", key_file: {folder}/keys }}
rules: [{{ allow: {{ everyone: true }} }}]
"""


@pytest.fixture
def postern(tmp_path):
    """Runs a command with this configuration; gives its code and what it said."""
    def run(text, *command, mode=0o600, secret="hunter2hunter2\n", environment=None):
        (tmp_path / "secret").write_text(secret)
        (tmp_path / "secret").chmod(mode)
        (tmp_path / "postern.yaml").write_text(text.format(folder=tmp_path))
        # Postern takes every POSTERN_ variable for a setting.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POSTERN_")}
        done = subprocess.run([POSTERN, *command, "--config", str(tmp_path / "postern.yaml")], capture_output=True,
                              text=True, timeout=10, env={**inherited, **(environment or {})})
        said = done.stdout + done.stderr
        assert "hunter2" not in said
        return done.returncode, said.replace(str(tmp_path), "T")
    return run


def test_the_configuration_of_these_tests_is_right(postern):
    assert postern(RIGHT, "check") == (0, "T/postern.yaml: good\n")


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("change, message", [
    (("public_url:", "public_ur:"), "T/postern.yaml:1:1: unknown key public_ur; did you mean public_url?"),
    (("https://app.test", "http://app.test"), "T/postern.yaml:1:13: public_url is not https"),
    (("https://login.test", "http://login.test"), "T/postern.yaml:4:17: providers.op.issuer is not https"),
    (("unix:{folder}/x.sock", "tcp:0.0.0.0:9000"), "T/postern.yaml:2:9: listen is open to other machines"),
    (("/secret", "/nothing"), "T/postern.yaml:4:73: T/nothing cannot be read"),
    (("client_id: rp1, ", ""), "T/postern.yaml:4:3: providers.op.client_id is missing"),
    (("everyone: true", "group: [a]"), "T/postern.yaml:6:20: unknown key group; did you mean groups?"),
    (("session:", "session: {{ store: memory }}\nsession:"), "T/postern.yaml:5:1: a key stands twice in this section, session"),
    (("rules: [{{ allow: {{ everyone: true }} }}]", ""), "T/postern.yaml:1:1: rules is missing"),
])
def test_REL_11_a_mistake_prevents_the_start_and_is_found_where_it_stands(postern, command, change, message):
    code, said = postern(RIGHT.replace(*change), command)
    assert code == 78
    assert message in said


@pytest.mark.parametrize("options, message", [
    ({"mode": 0o644}, "T/secret: everybody can read it; `chmod o-r T/secret`"), ({"secret": "\n"}, "T/secret is empty"),
    ({"environment": {"POSTERN_SESSION_STOER": "hunter2"}}, "environment:POSTERN_SESSION_STOER: no such setting"),
])
def test_REL_11_secrets_and_the_environment(postern, options, message):
    code, said = postern(RIGHT, "check", **options)
    assert code == 78
    assert message in said


def test_REL_11_a_short_secret_is_a_warning(postern):
    code, said = postern(RIGHT, "check", secret="short\n")
    assert code == 0
    assert "T/postern.yaml:4:73: warning: providers.op.client_secret is shorter than 8 characters" in said


def test_REL_11_a_secret_in_a_file_that_everybody_reads(postern, tmp_path):
    """The secret stands in the configuration itself."""
    text = RIGHT.replace("client_secret_file: {folder}/secret", "client_secret: hunter2hunter2")
    assert postern(text, "check")[0] == 0
    (tmp_path / "postern.yaml").chmod(0o644)
    code, said = postern(text, "check")
    assert "hunter2" not in said and "postern.yaml" in said and "everybody can read it" in said


def test_what_is_in_force_is_shown_without_secrets(postern):
    code, said = postern(RIGHT, "check", "--print", environment={"POSTERN_SESSION_LIFETIME": "1h"})
    assert code == 0
    assert "session.lifetime: 1h  # environment:POSTERN_SESSION_LIFETIME\n" in said
    assert "providers.op.client_secret_file: T/secret  # T/postern.yaml:4:73\n" in said


def test_commands_make_no_files_that_postern_could_not_use(postern, tmp_path):
    code, said = postern(RIGHT, "sessions", "list")
    assert code == 1
    assert "is not there" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["postern.yaml", "secret"]


def test_nobody_reads_the_answer_of_the_check_from_outside(make_site):
    site = make_site({"identity": {"access_token": True}})
    browser = site.signed_in()
    assert told_of(browser.get("/"), "X-Auth-Request-Access-Token") != []
    response = browser.fetch("/oauth2/auth")
    assert response.status == 404
    assert b"Access-Token" not in response.raw
    assert not browser.fetch("/_postern/auth").is_protected
