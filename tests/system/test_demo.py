"""The demo: the whole life of a token against a real server, and the server that it leaves running."""

import contextlib
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import free_port

CHECKOUT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout)


def program(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "wstrust_sts", *arguments, cwd=cwd)


def test_the_demo_tells_the_whole_life_of_a_token_and_leaves_nothing_running(tmp_path):
    done = program("demo", ".demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    story = done.stdout
    for expected in ("SAML 2.0 assertion", "SAML 1.1 assertion", "alice@example.test", "by signxml and by xmlsec"):
        assert expected in story
    assert story.count("verified\n") == 8
    life = [line.split()[-1] for line in story.splitlines() if line.startswith(("  Validate:", "  Cancel:"))]
    assert life == ["valid", "cancelled", "invalid"]
    assert "FailedAuthentication" in story
    identifier = story.partition("correlation id ")[2][:32]
    assert identifier in (tmp_path / ".demo" / "server.log").read_text()
    process = int(story.partition("(process ")[2].partition(",")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with contextlib.closing(sqlite3.connect(tmp_path / ".demo" / "sts.db")) as database:
        database.execute("DELETE FROM signing_key WHERE \"use\" = 'message'")  # as one of an earlier version
        database.commit()
    again = program("demo", ".demo", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    listed = program("key", "list", "--use", "message", "--config", ".demo", cwd=tmp_path)
    assert listed.stdout.count(" active ") == 1


def test_a_demo_whose_server_cannot_start_fails_with_the_reason(tmp_path):
    assert program("init", ".demo", "--demo", cwd=tmp_path).returncode == 0
    (tmp_path / ".demo" / "server.pem").write_text("no certificate")
    done = program("demo", ".demo", cwd=tmp_path)
    assert done.returncode == 1
    assert "server.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_demo_that_is_not_as_it_should_be_fails(tmp_path):
    assert program("init", ".demo", "--demo", cwd=tmp_path).returncode == 0
    assert program("user", "disable", "alice", "--config", ".demo", cwd=tmp_path).returncode == 0
    done = program("demo", ".demo", cwd=tmp_path)
    assert done.returncode == 1
    assert "FailedAuthentication" in done.stderr
    assert "All is well" not in done.stdout


@pytest.fixture(scope="module")
def left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """The folder, the port, and what was printed."""
    directory, port = tmp_path_factory.mktemp("run"), free_port()
    assert program("init", ".demo", "--demo", "--port", str(port), cwd=directory).returncode == 0
    done = program("demo", ".demo", "--leave-running", cwd=directory)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield directory, port, done.stdout
    finally:
        stopped = program("demo", ".demo", "--stop", cwd=directory)
        assert "is stopped" in stopped.stdout, stopped.stderr
        assert "No server" in program("demo", ".demo", "--stop", cwd=directory).stdout


def test_the_command_to_paste_gets_a_token(left_running):
    directory, port, printed = left_running
    assert f"https://localhost:{port}/trust/13/usernamemixed" in printed
    assert ".demo/ca.pem" in printed
    assert "alice, password " in printed
    (line,) = [line for line in printed.splitlines() if " token request " in line]
    _, _, arguments = line.partition(" token request ")
    done = program("token", "request", *shlex.split(arguments), cwd=directory)
    assert done.returncode == 0, done.stderr
    assert "SAML 2.0 assertion" in done.stdout


def test_starting_it_again_uses_the_running_one(left_running):
    directory, _, printed = left_running
    again = program("demo", ".demo", "--leave-running", cwd=directory)
    assert again.returncode == 0
    assert (
        again.stdout.partition("(process ")[2].partition(",")[0] == printed.partition("(process ")[2].partition(",")[0]
    )


def test_the_zeep_example_gets_a_token_in_at_most_fifteen_lines(left_running):
    directory, port, _ = left_running
    example = (CHECKOUT / "examples" / "get_token.py").read_text()
    assert len(example.splitlines()) <= 15
    script = directory / "get_token.py"
    script.write_text(example.replace(":8443/", f":{port}/"))
    done = run(sys.executable, script, cwd=directory)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<")
    assert "https://orders.example.test/" in done.stdout
