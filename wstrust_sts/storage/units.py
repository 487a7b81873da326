"""What the writer stores: rows for the append-only tables, in units that are stored whole or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Executable, bindparam, insert, update

from wstrust_sts.storage.compiled import Compiled, Transaction
from wstrust_sts.storage.schema import audit_event, issued_token, replay

Row = Mapping[str, object]


class Cancellation(NamedTuple):
    """The parameters of a cancellation. In order: by token, the earliest first."""

    in_realm: str
    with_id: str
    at: int
    reason: str


class Sighting(NamedTuple):
    """A row of `replay`."""

    realm: str
    digest: bytes
    seen_at: int
    expires_at: int


@dataclass(slots=True, eq=False, kw_only=True)
class Unit:
    """`tokens` and `events` are rows of `issued_token` and `audit_event`.

    `done` completes when the rows are durable; by then `new` says whether the sighting was the first one.
    """

    tokens: Sequence[Row] = ()
    cancellations: Sequence[Cancellation] = ()
    events: Sequence[Row] = ()
    sighting: Sighting | None = None
    new: bool = False
    done: "Future[None]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.done.set_running_or_notify_cancel()  # what is queued will be written, whoever stops waiting for it


def store(transaction: Transaction, units: Sequence[Unit]) -> None:
    """Writes the rows of all units. Every writer takes tables and rows in the same order, so that no two
    transactions wait for each other.
    """
    statements = _statements(transaction.dialect)
    if tokens := [row for unit in units for row in unit.tokens]:
        transaction.execute_many(statements.insert_tokens, tokens)
    if cancellations := sorted(cancellation for unit in units for cancellation in unit.cancellations):
        transaction.execute_many(statements.cancel, [cancellation._asdict() for cancellation in cancellations])
    _remember(transaction, statements.remember, units)
    if events := [row for unit in units for row in unit.events]:
        transaction.execute_many(statements.insert_events, events)


_INSERT_TOKENS = insert(issued_token)
_INSERT_EVENTS = insert(audit_event)
_CANCEL = (
    update(issued_token)
    .where(
        issued_token.c.realm == bindparam("in_realm"),
        issued_token.c.token_id == bindparam("with_id"),
        issued_token.c.cancelled_at.is_(None),  # the first cancellation stays
    )
    .values(cancelled_at=bindparam("at"), cancel_reason=bindparam("reason"))
)


class _Statements(NamedTuple):
    insert_tokens: Compiled
    cancel: Compiled
    remember: Compiled
    insert_events: Compiled


@cache
def _statements(dialect: Dialect) -> _Statements:
    return _Statements(
        insert_tokens=Compiled(_INSERT_TOKENS, dialect),
        cancel=Compiled(_CANCEL, dialect),
        remember=Compiled(_remember_statement(dialect.name), dialect),
        insert_events=Compiled(_INSERT_EVENTS, dialect),
    )


def _remember(transaction: Transaction, statement: Compiled, units: Iterable[Unit]) -> None:
    """Sets `new` on the units whose sighting is the first: of this group, and of what is stored and not expired."""
    first: dict[tuple[str, bytes], tuple[Sighting, Unit]] = {}
    for unit in units:
        unit.new = False
        if unit.sighting is not None:
            first.setdefault((unit.sighting.realm, unit.sighting.digest), (unit.sighting, unit))
    for key in sorted(first):
        sighting, unit = first[key]
        unit.new = transaction.returns_row(statement, sighting._asdict())


def _remember_statement(dialect: str) -> Executable:
    """Inserts sightings, or takes over rows that had expired when this one was seen; returns which it did."""
    statement: Any
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        statement = sqlite.insert(replay)
    else:
        from sqlalchemy.dialects import postgresql

        statement = postgresql.insert(replay)
    seen = statement.excluded
    upsert: Executable = statement.on_conflict_do_update(
        index_elements=[replay.c.realm, replay.c.digest],
        set_={"seen_at": seen.seen_at, "expires_at": seen.expires_at},
        where=replay.c.expires_at <= seen.seen_at,
    ).returning(replay.c.realm, replay.c.digest)
    return upsert
