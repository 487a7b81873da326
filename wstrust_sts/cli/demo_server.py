"""A demo server as a process of its own: started, waited for, and stopped by its process id."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from wstrust_sts.cli.output import Refusal

_READY_SECONDS = 30.0
_STOP_SECONDS = 20.0
_LOG_LINES = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class DemoServer:
    """The server of one demo directory, on one port of 127.0.0.1. `process` is set where this process started it."""

    directory: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}{path}"

    def wait_until_ready(self) -> float:
        """Seconds it took until the server could issue tokens. Raises Refusal with the end of its log."""
        started = time.monotonic()
        while time.monotonic() - started < _READY_SECONDS:
            if self.process.poll() is not None:
                raise Refusal(f"The server ended with status {self.process.returncode}.\n{log_tail(self.directory)}")
            if is_ready(self.directory, self.port):
                return time.monotonic() - started
            time.sleep(0.05)
        raise Refusal(f"The server was not ready after {_READY_SECONDS:.0f} s.\n{log_tail(self.directory)}")

    def stop(self) -> None:
        """Ends the process in good order, or by force when that takes too long."""
        self.process.terminate()
        try:
            self.process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(directory: Path, port: int) -> DemoServer:
    """Starts `serve` for the sts.toml in `directory`; its log is `server.log` there.

    The server is in a session of its own, so that Ctrl-C here does not reach it.
    """
    command = [sys.executable, "-m", "wstrust_sts", "serve", "--config", str(directory / "sts.toml")]
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (our own program, no shell)
            [*command, "--listen", f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return DemoServer(directory, port, process)


def is_ready(directory: Path, port: int) -> bool:
    tls = ssl.create_default_context(cafile=directory / "ca.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def log_tail(directory: Path) -> str:
    lines = (directory / "server.log").read_text("utf-8", "replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:])


# -- a server that was left running ------------------------------------------------------------------------------------


def remember(server: DemoServer) -> None:
    _pid_file(server.directory).write_text(f"{server.process.pid}\n", encoding="ascii")


def running_pid(directory: Path) -> int | None:
    """The process id of this directory's server, if it still runs; another process of that number is not it."""
    try:
        pid = int(_pid_file(directory).read_text("ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(directory / "sts.toml").encode() in command.split(b"\0") else None


def stop_remembered(directory: Path) -> bool:
    """Stops the server that was left running. Returns whether there was one; waits until it has ended."""
    pid = running_pid(directory)
    if pid is None:
        _pid_file(directory).unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    while running_pid(directory) is not None:
        if time.monotonic() > until:
            raise Refusal(f"Process {pid} does not stop.")
        time.sleep(0.05)
    _pid_file(directory).unlink(missing_ok=True)
    return True


def _pid_file(directory: Path) -> Path:
    return directory / "server.pid"
