"""The operator's commands, run in this process, and a demo STS that some of them are clients of."""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wstrust_sts.cli.main import run

EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


@dataclass(frozen=True)
class Done:
    """What a command left: its status, and what it wrote."""

    status: int
    out: str
    err: str

    def json(self):
        assert self.status == 0, self.err
        return json.loads(self.out)


Sts = Callable[..., Done]
"""Runs a command for one STS."""


def call(*arguments: str | Path, stdin: str = "") -> Done:
    out, err, earlier = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run([str(argument) for argument in arguments])
    finally:
        sys.stdin = earlier
    assert "Traceback" not in err.getvalue()
    return Done(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Live:
    """A running demo STS, and the options that a client of it needs."""

    directory: Path
    port: int

    def options(self, *, user: str = "alice", trust: str = "1.3") -> list[str | Path]:
        path = "13" if trust == "1.3" else "2005"
        return [
            "--url", f"https://localhost:{self.port}/trust/{path}/usernamemixed", "--trust", trust,
            "--ca", self.directory / "ca.pem", "--user", user, "--password-file", self.directory / f"{user}.password",
        ]  # fmt: skip


def faults(done: Done) -> list[str]:
    """What `check --json` found; every fault tells how to mend it."""
    assert done.status == (1 if json.loads(done.out)["faults"] else 0)
    assert all(fault["fix"] for fault in json.loads(done.out)["faults"])
    return [f"{fault['where']}: {fault['what']}" for fault in json.loads(done.out)["faults"]]
