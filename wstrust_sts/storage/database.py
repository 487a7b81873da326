"""One open database: single reads, and transactions."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import SQLAlchemyError

from wstrust_sts.storage.compiled import Compiled, DriverConnections, Transaction, Values
from wstrust_sts.storage.engine import CONNECTIONS, PATIENCE, parse_url, reading_engine, sqlite_file, writing_engine
from wstrust_sts.storage.failures import UnusableDatabase, describe, unavailable_is_busy
from wstrust_sts.storage.migrate import HEAD, current


class Database:
    """Two pools of connections to one database: for single reads, and for transactions. Thread-safe."""

    def __init__(self, readers: Engine, writers: Engine) -> None:
        self.readers = readers
        self.writers = writers
        self._reading = DriverConnections(readers)
        self._writing = DriverConnections(writers)
        self._compiled: dict[Select[Any], Compiled] = {}

    def fetch_one(self, statement: Select[Any], values: Values) -> Any:
        """The first row of a SELECT that every request runs (compiled.py), or None. Raises Busy."""
        rows = self.fetch_all(statement, values)
        return rows[0] if rows else None

    def fetch_all(self, statement: Select[Any], values: Values) -> Sequence[Any]:
        """All rows of such a SELECT. Raises Busy."""
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self.readers.dialect)
        return self._reading.fetch_all(compiled, values)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction for compiled statements. Raises Busy."""
        return self._writing.transaction()

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
        self._reading.close()
        self._writing.close()
        self.readers.dispose()
        self.writers.dispose()


def open_database(url: str, *, patience: float = PATIENCE, connections: int = CONNECTIONS) -> Database:
    """Opens a database that `wstrust-sts db upgrade` has prepared. A path in `url` is absolute.

    `patience`: seconds to wait for a lock or a connection. `connections`: how many this process opens at most.
    Raises UnusableDatabase, with what to do about it.
    """
    address = parse_url(url)
    shown = address.render_as_string(hide_password=True)
    path = sqlite_file(address)
    if path is not None and not path.exists():
        raise UnusableDatabase(f"There is no database at {shown}; make it with `wstrust-sts db upgrade`.")
    readers = reading_engine(address, patience=patience, connections=connections)
    database = Database(readers, writing_engine(address, patience=patience))
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
