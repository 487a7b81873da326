"""A database that a test can hold just before a transaction of the group writer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from wstrust_sts.storage.compiled import Transaction
from wstrust_sts.storage.database import Database


class HeldDatabase:
    """Calls `before` in front of every transaction."""

    def __init__(self, database: Database, before: Callable[[], None]) -> None:
        self._database = database
        self._before = before

    def transaction(self) -> AbstractContextManager[Transaction]:
        self._before()
        return self._database.transaction()
