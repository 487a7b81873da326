"""A PostgreSQL server of the tests' own: made in a new directory, on a free port of 127.0.0.1, gone when they are.

It is Debian's package with its default settings, and asks for a password like a real one. Where nothing is measured,
commits are not synchronised with the disk, which only a machine that loses its power would notice: copying and dropping
a database takes a fifth of the time. Tests get databases of their own, each a copy of one that was migrated once.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg

from tests.running import free_port
from wstrust_sts.storage.migrate import upgrade

_PATIENCE = 30.0
_TEMPLATE = "migrated"


@cache
def programs() -> Path | None:
    """The directory of the newest PostgreSQL server that is installed, None without one."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None


@dataclass(slots=True)
class PostgresqlServer:
    """`start` and `stop` as often as a test likes: port, password and databases stay."""

    directory: Path
    port: int
    synchronised: bool = False
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def pid(self) -> int:
        """Of the running server, whose sessions are its children."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://sts:{self.password}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """The empty cluster, and the migrated database that others are copied from."""
        password_file = self.directory / "password"
        password_file.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.directory, password_file):
                shutil.chown(path, "postgres", "postgres")
        self._run(
            "initdb",
            *("--pgdata", str(self.directory / "data"), "--username=sts", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        self.start()
        self._administer(f"CREATE DATABASE {_TEMPLATE}")
        upgrade(self.url(_TEMPLATE))

    def start(self) -> None:
        """Returns when it takes connections."""
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [
                    *(str(_programs() / "postgres"), "-D", str(self.directory / "data"), "-p", str(self.port)),
                    *("-h", "127.0.0.1", "-k", "", "-c", "max_connections=200"),
                    *("-c", f"fsync={'on' if self.synchronised else 'off'}"),
                ],
                cwd=self.directory,
                stdout=sink,
                stderr=sink,
                **_as_postgres(),
            )
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"PostgreSQL did not start:\n{self.log.read_text()}") from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """At once, ending every session in an orderly way (a "fast" shutdown)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE)
            self._process = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Every process stopped in its tracks, as on a machine whose disk does not answer."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        processes = [self._process.pid, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a migrated database of its own; dropped at the end, whoever still uses it."""
        with self._database(f"TEMPLATE {_TEMPLATE}") as url:
            yield url

    @contextmanager
    def empty_database(self, *, encoding: str = "UTF8") -> Iterator[str]:
        """The same, before any migration."""
        with self._database(f"TEMPLATE template0 ENCODING {encoding} LOCALE 'C'") as url:
            yield url

    @contextmanager
    def _database(self, like: str) -> Iterator[str]:
        name = f"test_{secrets.token_hex(8)}"
        self._administer(f"CREATE DATABASE {name} {like}")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def end_sessions(self) -> None:
        """Ends every session of every client, as an administrator or a failing network does, and waits until they
        are gone.
        """
        self._administer(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(_programs() / program), *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            **_as_postgres(),
        )
        if done.returncode:
            raise AssertionError(f"{program}: status {done.returncode}\n{done.stdout}{done.stderr}")


def _programs() -> Path:
    found = programs()
    assert found is not None, "there is no PostgreSQL server here: apt-get install postgresql"
    return found


def _as_postgres() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def running_postgresql(*, synchronised: bool = False) -> Iterator[PostgresqlServer]:
    """A server, ready, with nothing in it; stopped by its process id at the end, and its directory removed.

    `synchronised`: a commit is on the disk when it is answered.
    """
    directory = Path(tempfile.mkdtemp(prefix="wstrust-sts-postgresql-"))
    server = PostgresqlServer(directory, free_port(), synchronised)
    try:
        server.initialise()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)
