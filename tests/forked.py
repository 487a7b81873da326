"""`wstrust-sts` in a process of its own that need not import everything first: it is forked from one that has.

A command line takes 0.3 s of processor time to import its libraries, and a tenth of that to do its work. The process
that forks is Python's own fork server: it has one thread, has run nothing, and ends with the tests.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from wstrust_sts.cli.main import run

PATIENCE = 60.0  # seconds

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        "tests.forked",
        "wstrust_sts.app",
        "wstrust_sts.cli.failures",
        "wstrust_sts.cli.token",
        "wstrust_sts.cli.exchanges.certificate",
        "wstrust_sts.cli.exchanges.context",
        "wstrust_sts.cli.exchanges.over_tls",
        "wstrust_sts.cli.exchanges.own_key",
        "wstrust_sts.cli.exchanges.username",
    ]
)


def run_forked(arguments: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """What `subprocess.run` would give for the command: without an input, with `environment` beside that of the tests.

    Raises subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryDirectory() as directory:
        outputs = Path(directory, "stdout"), Path(directory, "stderr")
        process = _FORKING.Process(target=_carry_out, args=(arguments, os.environ | dict(environment), *outputs))
        process.start()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, PATIENCE)
        status = process.exitcode
        process.close()
        assert status is not None
        return subprocess.CompletedProcess(arguments, status, *(output.read_text() for output in outputs))


def _carry_out(arguments: list[str], environment: Mapping[str, str], stdout: Path, stderr: Path) -> None:
    """In the new process: ends it."""
    os.environ.clear()
    os.environ.update(environment)
    _redirect(sys.stdout, stdout)
    _redirect(sys.stderr, stderr)
    sys.exit(run(arguments))


def _redirect(stream: IO[str], file: Path) -> None:
    with file.open("wb") as opened:
        os.dup2(opened.fileno(), stream.fileno())
