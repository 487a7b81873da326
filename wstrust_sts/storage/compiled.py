"""The few statements of every request: written in Core, compiled once, and executed by the driver itself.

SQLite needs 3 microseconds for the row of an account. Core's way around it costs 45 when it is warm, and more than
100 in a busy process, where it also drives everything else out of the processor's caches.
"""

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Semaphore
from typing import Any

from sqlalchemy import Dialect, Engine, Executable, Select
from sqlalchemy.pool import QueuePool

from wstrust_sts.errors import Busy
from wstrust_sts.storage.engine import has_ended
from wstrust_sts.storage.failures import UNAVAILABLE, describe

Values = Mapping[str, object]


class Compiled:
    """One statement in the words of one database. Every parameter it names must be given; types are the driver's."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        self.text = str(compiled)
        self._order: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        self.row: Any = namedtuple("Row", [str(column.key) for column in columns])  # type: ignore[misc]

    def parameters(self, values: Values) -> Sequence[object] | Values:
        if self._order is None:
            return values
        return [values[name] for name in self._order]


class Transaction:
    """An open transaction on a driver's connection. Raises the driver's own errors."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.dialect = dialect
        self._cursor = connection.cursor()
        if dialect.name == "sqlite":  # where a transaction that begins by reading can fail half-way
            self._cursor.execute("BEGIN IMMEDIATE")

    def execute_many(self, statement: Compiled, rows: Sequence[Values]) -> None:
        self._cursor.executemany(statement.text, [statement.parameters(row) for row in rows])

    def returns_row(self, statement: Compiled, values: Values) -> bool:
        """Whether a statement with RETURNING returns something for these values."""
        self._cursor.execute(statement.text, statement.parameters(values))
        return self._cursor.fetchone() is not None


class DriverConnections:
    """Connections of one engine that are kept between uses, out of its pool's sight. Thread-safe.

    At most half of the pool's, so that those who use the pool itself find one however many threads come here.
    """

    def __init__(self, engine: Engine) -> None:
        pool = engine.pool
        if not isinstance(pool, QueuePool):
            raise TypeError("only a pool of a known size can be shared")
        self._engine = engine
        self._patience = pool.timeout()
        self._permits = Semaphore(max(1, pool.size() // 2))
        driver: Any = engine.dialect.loaded_dbapi
        self._unavailable = (*UNAVAILABLE, driver.OperationalError, driver.InterfaceError)
        self._idle: list[Any] = []  # append and pop are atomic

    def fetch_all(self, statement: Compiled, values: Values) -> Sequence[Any]:
        """The rows, their columns by name; on a connection that commits by itself. Raises Busy."""
        with self._lent() as connection:
            cursor = connection.cursor()
            cursor.execute(statement.text, statement.parameters(values))
            rows = cursor.fetchall()
            cursor.close()
        return [statement.row(*row) for row in rows]

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction, committed at the end and rolled back by any exception. Raises Busy."""
        with self._lent() as connection:
            yield Transaction(connection, self._engine.dialect)
            connection.commit()

    @contextmanager
    def _lent(self) -> Iterator[Any]:
        """A connection; one on which anything has failed is not used again."""
        if not self._permits.acquire(timeout=self._patience):
            raise Busy("database: no connection became free")
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                _discard(connection)
                raise
            self._idle.append(connection)
        except self._unavailable as failure:
            raise Busy(describe(failure)) from failure
        finally:
            self._permits.release()

    def _take(self) -> Any:
        """One that was kept, or a new one. Those that the server has ended meanwhile are thrown away."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._engine.raw_connection()
            if not has_ended(connection.driver_connection):
                return connection
            _discard(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _discard(connection: Any) -> None:
    """Closing is not enough: SQLite keeps a closed connection's transaction while a cursor of it is alive."""
    with suppress(Exception):
        connection.rollback()
    connection.invalidate()
