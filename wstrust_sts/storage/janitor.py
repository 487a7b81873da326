"""Removes what has had its time: expired tokens and keys of contexts, replay and lockout rows, and audit events past
their retention.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

from sqlalchemy import Column, Delete, Integer, bindparam, delete, select, tuple_

from wstrust_sts import log
from wstrust_sts.errors import Busy
from wstrust_sts.ports import Clock
from wstrust_sts.storage.columns import lowest_row_key, microseconds
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import audit_event, issued_token, lockout, replay, security_context_key

TOKEN_GRACE = timedelta(days=1)
BATCH = 500
CLOCK_SKEW = timedelta(minutes=10)  # between nodes: what is over here may not be over there
_PAUSE = 0.02  # seconds between two batches, in which whoever waits to write gets its turn

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows went."""

    tokens: int = 0
    sightings: int = 0
    events: int = 0
    lockouts: int = 0
    context_keys: int = 0


def purge_expired(
    database: Database,
    now: datetime,
    *,
    batch: int = BATCH,
    token_grace: timedelta = TOKEN_GRACE,
    audit_retention: timedelta | None = None,
    pause: Callable[[], bool] = lambda: False,
) -> Purged:
    """Deletes in transactions of at most `batch` rows, so that writers wait for milliseconds at most.

    A token goes `token_grace` after it expired, a sighting, lockout or context's key after `CLOCK_SKEW`, an audit event
    when it is older than `audit_retention` (None: never). `pause` is called after every full batch; when it says True,
    the rest is left for another time. Several nodes may do so at once. Raises Busy.
    """

    def purge(statement: Delete, before: int | str) -> int:
        removed = 0
        while True:
            with database.writing() as connection:
                count = connection.execute(statement, {"before": before, "batch": batch}).rowcount
            removed += count
            if count < batch or pause():
                return removed

    return Purged(
        tokens=purge(_TOKENS, microseconds(now - token_grace)),
        sightings=purge(_SIGHTINGS, microseconds(now - CLOCK_SKEW)),
        lockouts=purge(_LOCKOUTS, microseconds(now - CLOCK_SKEW)),
        context_keys=purge(_CONTEXT_KEYS, microseconds(now - CLOCK_SKEW)),
        events=purge(_EVENTS, lowest_row_key(microseconds(now - audit_retention))) if audit_retention else 0,
    )


class Janitor:
    """Purges from time to time, in a thread of its own. Harmless on several nodes at once.

    The times vary at random, so that nodes started together do not all purge together.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        interval: timedelta = timedelta(minutes=10),
        token_grace: timedelta = TOKEN_GRACE,
        audit_retention: timedelta | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._interval = interval
        self._token_grace = token_grace
        self._audit_retention = audit_retention
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="janitor", daemon=True)

    def start(self) -> None:
        """Once."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the batch at hand is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        share = secrets.SystemRandom().uniform
        delay = share(0.1, 1.0)
        while not self._stopping.wait(delay * self._interval.total_seconds()):
            self._purge()
            delay = share(0.8, 1.2)

    def _purge(self) -> None:
        try:
            purged = purge_expired(
                self._database,
                self._clock(),
                token_grace=self._token_grace,
                audit_retention=self._audit_retention,
                pause=lambda: self._stopping.wait(_PAUSE),
            )
        except Busy as busy:
            _logger.warning("nothing purged, trying again later: %s", busy.detail)
        except Exception:  # noqa: BLE001 (the thread outlives whatever one round meets)
            log.failure("the janitor failed")
        else:
            _logger.debug("purged %d tokens, %d sightings, %d events", purged.tokens, purged.sightings, purged.events)


def _oldest(key: tuple[Column[Any], ...], age: Column[Any]) -> Delete:
    """Deletes `batch` rows whose `age` is before `before`, the oldest first, passing over what others are deleting.

    The age is looked at again when the row goes: a sighting may have been renewed meanwhile.
    """
    expired = age < bindparam("before")
    oldest = select(*key).where(expired).order_by(age).limit(bindparam("batch", type_=Integer))
    return delete(age.table).where(tuple_(*key).in_(oldest.with_for_update(skip_locked=True)), expired)


_TOKENS = _oldest((issued_token.c.id,), issued_token.c.expires_at)
_SIGHTINGS = _oldest((replay.c.realm, replay.c.digest), replay.c.expires_at)
_CONTEXT_KEYS = _oldest(
    tuple(security_context_key.primary_key.columns),
    security_context_key.c.expires_at,
)
_LOCKOUTS = _oldest((lockout.c.realm, lockout.c.subject, lockout.c.source), lockout.c.expires_at)
_EVENTS = _oldest((audit_event.c.id,), audit_event.c.id)
