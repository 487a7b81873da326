"""The configuration's generation: one number that changes with everything nodes cache of the configuration."""

import time

from sqlalchemy import Connection, select, update

from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import configuration

GENERATION = select(configuration.c.generation)  # also rides along in other statements, as a scalar subquery
_RAISE = update(configuration).values(generation=configuration.c.generation + 1)


def lock_generation(connection: Connection) -> None:
    """Lets one change of the configuration happen at a time, until the end of the transaction."""
    connection.execute(GENERATION.with_for_update())


def raise_generation(connection: Connection) -> None:
    """Makes every node read its configuration anew, once the transaction is committed."""
    connection.execute(_RAISE)


class Generation:
    """The number as last read by this process, at most `freshness` seconds ago. Thread-safe.

    The number comes along with every account that is read, so that one request, which begins with its account,
    needs no statement of its own for it. `freshness` spans that request and is too short for anyone to notice.
    """

    def __init__(self, database: Database, *, freshness: float = 0.05) -> None:
        self._database = database
        self._freshness = freshness
        self._seen = (0, float("-inf"))

    def current(self) -> int:
        """Raises Busy."""
        seen, until = self._seen
        asked_at = time.monotonic()
        if asked_at < until:
            return seen
        with self._database.reading() as connection:
            number: int = connection.execute(GENERATION).scalar_one()
        self.seen(number, asked_at=asked_at)
        return number

    def seen(self, number: int, *, asked_at: float) -> None:
        """`number` was read by a statement that began at `asked_at` (`time.monotonic`)."""
        self._seen = (number, asked_at + self._freshness)  # one assignment, so that no thread sees half of it

    def forget(self) -> None:
        """This process has changed the configuration: the next who asks reads the number."""
        self._seen = (0, float("-inf"))
