"""A real STS as an operator has it: made with the commands, served over TLS on a free port of 127.0.0.1."""

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.forked import run_forked
from tests.messages import Answer

STATE = """
[[account]]
name = "alice"
password = "clarinet"
groups = ["players"]
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" = ["alice@example.test"]
department = ["music", "brass"]

[[account]]
name = "bob"
password = "trombone"

[[relying_party]]
name = "rp"
applies_to = ["https://rp.example.test/svc"]
[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
[[relying_party.claim]]
release = "department"
[[relying_party.claim]]
group = "players"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
"""


DATABASE_VARIABLE = "STS_DATABASE_URL"


@dataclass(frozen=True)
class Prepared:
    """An initialised directory: everything but the running process."""

    directory: Path
    port: int
    database_url: str | None = None  # a file in the directory without it
    scheme: str = "https"

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.database_url is None else {DATABASE_VARIABLE: self.database_url}

    @property
    def config(self) -> Path:
        return self.directory / "sts.toml"

    @property
    def ca(self) -> Path:
        return next(path for path in self.directory.rglob("ca.pem"))

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def connect(self, *, timeout: float = 10) -> http.client.HTTPConnection:
        if self.scheme == "http":
            return http.client.HTTPConnection("localhost", self.port, timeout=timeout)
        tls = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection("localhost", self.port, context=tls, timeout=timeout)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own. Header names with underscores for dashes."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read(), fields.get("content-type", ""), fields)
        finally:
            connection.close()


def command(*arguments: str, directory: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs `wstrust-sts`; its output. Raises AssertionError with all of it when the command fails."""
    done = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | dict(environment or {}),
    )
    if done.returncode:
        raise AssertionError(f"wstrust-sts {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def call_token(
    prepared: Prepared, verb: str, *arguments: str | Path, path: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """`wstrust-sts token VERB`, at one endpoint of a running STS."""
    sts = ("--url", f"{prepared.url}{path}", "--ca", prepared.ca)
    return run_forked(["token", verb, *map(str, (*arguments, *sts))], environment)


def prepare(
    directory: Path, *, state: str = STATE, database_url: str | None = None, profile: str = "standard"
) -> Prepared:
    """An STS below `directory` (existing, empty) with accounts and relying parties, not yet running.

    `database_url` is of an empty PostgreSQL database.
    """
    prepared = Prepared(directory / "sts", free_port(), database_url)
    database = () if database_url is None else ("--database-url-from", DATABASE_VARIABLE)
    arguments = (
        "init",
        str(prepared.directory),
        "--demo",
        "--port",
        str(prepared.port),
        "--profile",
        profile,
        *database,
    )
    command(*arguments, directory=directory, environment=prepared.environment)
    change(prepared, state)
    return prepared


def change(prepared: Prepared, state: str) -> None:
    """`wstrust-sts apply`."""
    file = prepared.directory.parent / "state.toml"
    file.write_text(state)
    arguments = ("apply", "--config", str(prepared.config), "-f", str(file))
    command(*arguments, directory=file.parent, environment=prepared.environment)


def another_node(prepared: Prepared, directory: Path) -> Prepared:
    """A copy of an STS in `directory` (not existing) for another port: the same keys, the same PostgreSQL database."""
    shutil.copytree(prepared.directory, directory)
    other = replace(prepared, directory=directory, port=free_port())
    text = other.config.read_text()
    other.config.write_text(text.replace(f'listen = "127.0.0.1:{prepared.port}"', f'listen = "127.0.0.1:{other.port}"'))
    return other


def set_workers(prepared: Prepared, workers: int) -> None:
    """How many processes the server will have."""
    lines = prepared.config.read_text().splitlines()
    lines = [line for line in lines if not line.startswith("workers = ")]
    lines.insert(lines.index("[server]") + 1, f"workers = {workers}")
    prepared.config.write_text("\n".join(lines) + "\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(prepared: Prepared) -> Iterator["subprocess.Popen[bytes]"]:
    """The server process, ready; stopped by its process id at the end."""
    with prepared.log.open("ab") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "wstrust_sts", "serve", "--config", str(prepared.config)],
            cwd=prepared.directory,
            stdout=sink,
            stderr=sink,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | prepared.environment,
        )
    try:
        wait_until_ready(prepared, server)
        yield server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(20)


def wait_until_ready(prepared: Prepared, server: "subprocess.Popen[bytes]", *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if server.poll() is not None:
            raise AssertionError(f"the server ended with status {server.returncode}:\n{prepared.log.read_text()}")
        try:
            if prepared.ask("GET", "/readyz").status == 200:
                return
        except OSError:
            time.sleep(0.01)
    raise AssertionError(f"the server did not become ready:\n{prepared.log.read_text()}")
