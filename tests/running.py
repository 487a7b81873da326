"""A real STS as an operator has it: made with the commands, served over TLS on a free port of 127.0.0.1."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Prepared:
    """An initialised directory: everything but the running process."""

    directory: Path
    port: int

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
        return f"https://localhost:{self.port}"

    def connect(self, *, timeout: float = 10) -> http.client.HTTPSConnection:
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


def command(*arguments: str, directory: Path) -> str:
    """Runs `wstrust-sts`; its output. Raises AssertionError with all of it when the command fails."""
    done = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    if done.returncode:
        raise AssertionError(f"wstrust-sts {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def prepare(directory: Path, *, state: str = STATE) -> Prepared:
    """An STS below `directory` (existing, empty) with accounts and relying parties, not yet running."""
    prepared = Prepared(directory / "sts", free_port())
    command("init", str(prepared.directory), "--demo", "--port", str(prepared.port), directory=directory)
    (directory / "state.toml").write_text(state)
    command("apply", "--config", str(prepared.config), "-f", str(directory / "state.toml"), directory=directory)
    return prepared


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
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )
    try:
        wait_until_ready(prepared, server)
        yield server
    finally:
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
