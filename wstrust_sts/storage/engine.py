"""Connections to a database: which kinds are supported, and how each is set up.

SQLite: write-ahead log, every commit synchronised to disk, writers queue from the start of their transaction
(BEGIN IMMEDIATE), so that none fails half-way. PostgreSQL by psycopg 3, with time-outs on locks and statements;
connections that its server ended while they were idle are replaced before anyone uses them.
"""

import math
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import QueuePool

from wstrust_sts.storage.failures import UnusableDatabase

CONNECTIONS = 20  # of one process
_WRITERS = 4
PATIENCE = 5.0  # seconds to wait for a lock, or for the server to take a connection, before the answer is Busy
_QUEUEING = 1.0  # seconds to wait while all connections are in use: so many statements that are slow, and no end


def parse_url(text: str) -> URL:
    """A URL of a supported kind. Raises UnusableDatabase."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise UnusableDatabase("The database URL cannot be read; write sqlite:////path or postgresql://...") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.query:
            raise UnusableDatabase("A SQLite database is a plain file: sqlite:////path/to/file")
        return url
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise UnusableDatabase(f"The database URL begins with {url.drivername}:, not with sqlite: or postgresql:")


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database, None for any other."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def create_sqlite_file(path: Path) -> None:
    """An empty file that only its owner may read (SQLite gives its journal files the same mode).

    An existing file is left alone. Raises UnusableDatabase.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as failure:
        raise UnusableDatabase(f"The database file {path} cannot be made: {failure.strerror}.") from failure


def reading_engine(url: URL, *, patience: float = PATIENCE, connections: int = CONNECTIONS) -> Engine:
    """For single statements: each sees what is committed, and none opens a transaction.

    `connections` are those of the process: its writing engine has four of them.
    """
    return _engine(url, patience=patience, pool_size=connections - _WRITERS, isolation_level="AUTOCOMMIT")


def writing_engine(url: URL, *, patience: float = PATIENCE) -> Engine:
    """For transactions."""
    engine = _engine(url, patience=patience, pool_size=_WRITERS)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _engine(url: URL, *, patience: float, pool_size: int, **options: Any) -> Engine:
    connect_args = _sqlite_arguments(patience) if sqlite_file(url) else _postgresql_arguments(url, patience)
    try:
        engine = create_engine(
            url,
            connect_args=connect_args,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=min(patience, _QUEUEING),
            pool_use_lifo=True,
            hide_parameters=True,  # they are secrets and personal data; an error's text goes to the log
            **options,
        )
    except ModuleNotFoundError as missing:
        raise UnusableDatabase(
            f"The module {missing.name} is missing: pip install 'wstrust-sts[postgresql]'"
        ) from missing
    if sqlite_file(url):
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        event.listen(engine, "checkout", _replace_ended)
    return engine


def has_ended(connection: Any) -> bool:
    """Whether the server has ended a driver's connection that nobody uses at the moment.

    Asking the server costs as much as the statement itself. But it says nothing unasked on an idle connection except
    farewell, or that a setting changed, so that whatever is there to be read is reason enough for a new one.
    """
    number: Callable[[], int] | None = getattr(connection, "fileno", None)
    if number is None:  # SQLite is no server
        return False
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(number(), select.POLLIN)
    return bool(poll.poll(0))


def _replace_ended(connection: Any, _record: object, _proxy: object) -> None:
    if has_ended(connection):
        raise InvalidatePoolError  # the pool opens a new one, and trusts no older one


def _sqlite_arguments(patience: float) -> dict[str, Any]:
    return {"timeout": patience, "check_same_thread": False}


def _postgresql_arguments(url: URL, patience: float) -> dict[str, Any]:
    """What libpq is told unless the URL says otherwise. A server that has vanished is noticed within a minute."""
    milliseconds = math.ceil(patience * 1000)
    defaults = {
        "application_name": "wstrust-sts",
        "connect_timeout": str(max(2, math.ceil(patience))),
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
    }
    options = f"-c lock_timeout={milliseconds} -c statement_timeout={3 * milliseconds}"
    given = url.normalized_query.get("options", ())
    return {
        **{name: value for name, value in defaults.items() if name not in url.query},
        "options": " ".join((options, *given)),  # of a setting given twice, the server takes the last
    }


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
