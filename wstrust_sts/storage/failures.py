"""What becomes of a database's failures: whatever is away, locked or overloaded is Busy."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from wstrust_sts.errors import Busy

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)


class UnusableDatabase(Exception):
    """The database cannot be used as it is. The message is for the operator: what is wrong, and what to do."""


@contextmanager
def unavailable_is_busy() -> Iterator[None]:
    """Turns the errors of an unavailable database into Busy, with the cause in its detail."""
    try:
        yield
    except UNAVAILABLE as failure:
        raise Busy(describe(failure)) from failure


def describe(failure: BaseException) -> str:
    """A failure in one line for the log, without the statement and its parameters."""
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    return f"database: {type(cause).__name__}: {cause}".splitlines()[0]
