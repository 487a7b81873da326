"""One open database: single reads, and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from wstrust_sts.storage.engine import PATIENCE, parse_url, reading_engine, sqlite_file, writing_engine
from wstrust_sts.storage.failures import UnusableDatabase, describe, unavailable_is_busy
from wstrust_sts.storage.migrate import HEAD, current


@dataclass(frozen=True, slots=True)
class Database:
    """Two pools of connections to one database: for single reads, and for transactions. Thread-safe."""

    readers: Engine
    writers: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which every statement stands for itself. Raises Busy."""
        with unavailable_is_busy(), self.readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end and rolled back by any exception. Raises Busy."""
        with unavailable_is_busy(), self.writers.begin() as connection:
            yield connection

    def close(self) -> None:
        self.readers.dispose()
        self.writers.dispose()


def open_database(url: str, *, patience: float = PATIENCE) -> Database:
    """Opens a database that `wstrust-sts db upgrade` has prepared. A path in `url` is absolute.

    `patience`: seconds to wait for a lock or a connection. Raises UnusableDatabase, with what to do about it.
    """
    address = parse_url(url)
    shown = address.render_as_string(hide_password=True)
    path = sqlite_file(address)
    if path is not None and not path.exists():
        raise UnusableDatabase(f"There is no database at {shown}; make it with `wstrust-sts db upgrade`.")
    database = Database(reading_engine(address, patience=patience), writing_engine(address, patience=patience))
    try:
        _require_head(current(database.readers), shown)
    except SQLAlchemyError as failure:
        database.close()
        raise UnusableDatabase(f"The database {shown} cannot be used: {describe(failure)}") from failure
    except UnusableDatabase:
        database.close()
        raise
    return database


def _require_head(found: str | None, shown: str) -> None:
    if found is None or found < HEAD:
        raise UnusableDatabase(
            f"The database {shown} is at revision {found or 'none'} and this software needs {HEAD}; "
            "run `wstrust-sts db upgrade`."
        )
    if found != HEAD:
        raise UnusableDatabase(
            f"The database {shown} is at revision {found}, newer than this software knows ({HEAD}); "
            "install the version of wstrust-sts that upgraded it."
        )
