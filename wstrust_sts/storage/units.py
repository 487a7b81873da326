"""What the writer stores: rows for the append-only tables, in units that are stored whole or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Executable, Table, and_, bindparam, case, insert, literal_column, or_, update

from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.storage.compiled import Compiled, Transaction
from wstrust_sts.storage.schema import audit_event, issued_token, lockout, replay, security_context_key

Row = Mapping[str, object]


class Cancellation(NamedTuple):
    """The parameters of a cancellation. In order: by token, the earliest first."""

    in_realm: str
    with_id: str
    at: int
    reason: str


class Extension(NamedTuple):
    """The parameters of a context's longer life. In order: as cancellations, with which they are sorted."""

    in_realm: str
    with_id: str
    until: int


class KeyEnd(NamedTuple):
    """The parameters of the end of a context's key. In order: by the key."""

    in_realm: str
    named: str
    with_instance: str
    at: int


class Sighting(NamedTuple):
    """A row of `replay`. Where it has `repeatable_at`, it counts again for those that have the same."""

    realm: str
    digest: bytes
    seen_at: int
    expires_at: int
    repeatable_at: str = ""

    @property
    def key(self) -> tuple[str, bytes]:
        return self.realm, self.digest


class Failure(NamedTuple):
    """One more in a row of `lockout`, whose count begins anew when its last came before `forget_before`."""

    realm: str
    subject: bytes
    source: str
    failed_at: int
    forget_before: int
    expires_at: int
    failures: int = 1  # of a new row
    proved_at: int = 0


class Proof(NamedTuple):
    """A row of `lockout` without failures."""

    realm: str
    subject: bytes
    source: str
    proved_at: int
    expires_at: int
    failures: int = 0
    failed_at: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class Unit:
    """`tokens`, `context_keys` and `events` are rows of `issued_token`, `security_context_key` and `audit_event`.

    `sighting` is of what must not be seen twice: only with one that counts the other rows are written. `done` completes
    when that is durable; for one that does not count it fails with FailedAuthentication.
    """

    tokens: Sequence[Row] = ()
    cancellations: Sequence[Cancellation] = ()
    extensions: Sequence[Extension] = ()
    context_keys: Sequence[Row] = ()
    key_ends: Sequence[KeyEnd] = ()
    events: Sequence[Row] = ()
    failures: Sequence[Failure] = ()
    proofs: Sequence[Proof] = ()
    sighting: Sighting | None = None
    new: bool = False
    done: "Future[None]" = field(default_factory=Future)

    @property
    def counts(self) -> bool:
        """Whether its rows are to be written, once its sighting was looked at."""
        return self.sighting is None or self.new

    def complete(self) -> None:
        """Says that all of it is durable, or that none of it had to be."""
        if self.counts:
            self.done.set_result(None)
        else:
            self.done.set_exception(FailedAuthentication("this very message was here before: a replay"))

    def __post_init__(self) -> None:
        self.done.set_running_or_notify_cancel()  # what is queued will be written, whoever stops waiting for it


def store(transaction: Transaction, units: Sequence[Unit]) -> None:
    """Writes the rows of all units that count. Every writer takes tables and rows in the same order, so that no two
    transactions wait for each other.
    """
    statements = _statements(transaction.dialect)
    _remember(transaction, statements.remember, units)
    units = [unit for unit in units if unit.counts]
    if tokens := [row for unit in units for row in unit.tokens]:
        transaction.execute_many(statements.insert_tokens, tokens)
    _change_tokens(transaction, statements, units)
    if keys := [row for unit in units for row in unit.context_keys]:
        transaction.execute_many(statements.insert_context_keys, keys)
    if key_ends := sorted(end for unit in units for end in unit.key_ends):
        transaction.execute_many(statements.end_context_key, [end._asdict() for end in key_ends])
    if failures := sorted(failure for unit in units for failure in unit.failures):
        transaction.execute_many(statements.tally, [failure._asdict() for failure in failures])
    if proofs := sorted(proof for unit in units for proof in unit.proofs):
        transaction.execute_many(statements.prove, [proof._asdict() for proof in proofs])
    if events := [row for unit in units for row in unit.events]:
        transaction.execute_many(statements.insert_events, events)


def _change_tokens(transaction: Transaction, statements: "_Statements", units: Iterable[Unit]) -> None:
    """Cancels and extends, both in the one order of their rows."""
    changes: list[Cancellation | Extension] = []
    for unit in units:
        changes += [*unit.cancellations, *unit.extensions]
    for kind, run in groupby(sorted(changes, key=lambda change: change[:3]), key=type):
        statement = statements.cancel if kind is Cancellation else statements.extend
        transaction.execute_many(statement, [change._asdict() for change in run])


_INSERT_TOKENS = insert(issued_token)
_INSERT_CONTEXT_KEYS = insert(security_context_key)
_INSERT_EVENTS = insert(audit_event)
_CANCEL = (
    update(issued_token)
    .where(
        issued_token.c.realm == bindparam("in_realm"),
        issued_token.c.token_id == bindparam("with_id"),
        or_(issued_token.c.cancelled_at.is_(None), issued_token.c.cancelled_at > bindparam("at")),  # the earliest stays
    )
    .values(cancelled_at=bindparam("at"), cancel_reason=bindparam("reason"))
)
_EXTEND = (
    update(issued_token)
    .where(
        issued_token.c.realm == bindparam("in_realm"),
        issued_token.c.token_id == bindparam("with_id"),
        issued_token.c.expires_at < bindparam("until"),
    )
    .values(expires_at=bindparam("until"))
)
_END_CONTEXT_KEY = (
    update(security_context_key)
    .where(
        security_context_key.c.realm == bindparam("in_realm"),
        security_context_key.c.identifier == bindparam("named"),
        security_context_key.c.instance == bindparam("with_instance"),
        security_context_key.c.expires_at > bindparam("at"),
    )
    .values(expires_at=bindparam("at"))
)


class _Statements(NamedTuple):
    insert_tokens: Compiled
    cancel: Compiled
    extend: Compiled
    insert_context_keys: Compiled
    end_context_key: Compiled
    tally: Compiled
    prove: Compiled
    remember: Compiled
    insert_events: Compiled


@cache
def _statements(dialect: Dialect) -> _Statements:
    return _Statements(
        insert_tokens=Compiled(_INSERT_TOKENS, dialect),
        cancel=Compiled(_CANCEL, dialect),
        extend=Compiled(_EXTEND, dialect),
        insert_context_keys=Compiled(_INSERT_CONTEXT_KEYS, dialect),
        end_context_key=Compiled(_END_CONTEXT_KEY, dialect),
        tally=Compiled(_tally_statement(dialect.name), dialect),
        prove=Compiled(_prove_statement(dialect.name), dialect),
        remember=Compiled(_remember_statement(dialect.name), dialect),
        insert_events=Compiled(_INSERT_EVENTS, dialect),
    )


def _remember(transaction: Transaction, statement: Compiled, units: Iterable[Unit]) -> None:
    """Sets `new` on the units whose sighting counts: the first, of this group and of what is stored and not expired,
    and the next ones where it is repeatable.
    """
    seen = [(unit.sighting, unit) for unit in units if unit.sighting is not None]
    for sighting, unit in sorted(seen, key=lambda pair: pair[0].key):
        unit.new = transaction.returns_row(statement, sighting._asdict())


def _tally_statement(dialect: str) -> Executable:
    """Inserts the first failure of a row, or counts one more."""
    statement = _upsert(lockout, dialect)
    new = statement.excluded
    counted: Executable = statement.on_conflict_do_update(
        index_elements=_LOCKOUT_KEY,
        set_={
            "failures": case(
                (lockout.c.failed_at <= bindparam("forget_before"), new.failures),
                else_=lockout.c.failures + new.failures,
            ),
            "failed_at": new.failed_at,
            "expires_at": case((lockout.c.expires_at > new.expires_at, lockout.c.expires_at), else_=new.expires_at),
        },
    )
    return counted


def _prove_statement(dialect: str) -> Executable:
    statement = _upsert(lockout, dialect)
    new = statement.excluded
    proved: Executable = statement.on_conflict_do_update(
        index_elements=_LOCKOUT_KEY,
        set_={name: new[name] for name in ("failures", "failed_at", "proved_at", "expires_at")},
    )
    return proved


_LOCKOUT_KEY = [lockout.c.realm, lockout.c.subject, lockout.c.source]


def _upsert(table: Table, dialect: str) -> Any:
    """An INSERT that may say what happens on conflict, in the words of one database."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _remember_statement(dialect: str) -> Executable:
    """Inserts a sighting, or takes over the row of one that had expired when this was seen, or that was repeatable
    where this is; returns whether it did.
    """
    statement = _upsert(replay, dialect)
    seen = statement.excluded
    upsert: Executable = statement.on_conflict_do_update(
        index_elements=[replay.c.realm, replay.c.digest],
        set_={name: seen[name] for name in ("seen_at", "expires_at", "repeatable_at")},
        where=or_(
            replay.c.expires_at <= seen.seen_at,
            and_(seen.repeatable_at != literal_column("''"), replay.c.repeatable_at == seen.repeatable_at),
        ),
    ).returning(replay.c.realm, replay.c.digest)
    return upsert
