"""Wrong credentials by user and source, counted for all nodes."""

from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update

from wstrust_sts.records import Standing, Tally
from wstrust_sts.storage.columns import instant, legible, microseconds
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import lockout
from wstrust_sts.storage.units import Failure, Proof, Unit
from wstrust_sts.storage.writer import GroupWriter

_EVERYBODY = b""
_EVERYWHERE = ""

_FIND = select(lockout).where(
    lockout.c.realm == bindparam("in_realm"),
    or_(
        and_(lockout.c.subject == bindparam("of"), lockout.c.source.in_([bindparam("at"), _EVERYWHERE])),
        and_(lockout.c.subject == _EVERYBODY, lockout.c.source == bindparam("at")),
    ),
)
_UNLOCK = (
    update(lockout)
    .where(lockout.c.realm == bindparam("in_realm"), lockout.c.subject == bindparam("of"), lockout.c.failures > 0)
    .values(failures=0, failed_at=0)
)


class SqlLockouts:
    """`ports.Lockouts`. Failures go through the writer's groups, so that a flood of them costs few transactions."""

    def __init__(self, database: Database, writer: GroupWriter) -> None:
        self._database = database
        self._writer = writer

    def find(self, realm: str, subject: bytes, source: str) -> Standing:
        source = legible(source)
        with self._database.reading() as connection:
            rows = connection.execute(_FIND, {"in_realm": realm, "of": subject, "at": source}).all()
        found: dict[tuple[bytes, str], Any] = {(bytes(row.subject), row.source): row for row in rows}
        together = found.get((subject, source))
        return Standing(
            together=_tally(together),
            user=_tally(found.get((subject, _EVERYWHERE))),
            source=_tally(found.get((_EVERYBODY, source))),
            proved_at=instant(together.proved_at) if together is not None and together.proved_at else None,
        )

    def failed(
        self, realm: str, subject: bytes, source: str, *, at_home: bool, now: datetime, keep: timedelta
    ) -> "Future[None]":
        source = legible(source)
        places = [(subject, source)]
        if not at_home:
            places += [(subject, _EVERYWHERE), (_EVERYBODY, source)]
        at, before, until = microseconds(now), microseconds(now - keep), microseconds(now + keep)
        return self._submit(Unit(failures=[Failure(realm, *place, at, before, until) for place in places]))

    def proved(self, realm: str, subject: bytes, source: str, *, now: datetime, keep: timedelta) -> "Future[None]":
        proof = Proof(realm, subject, legible(source), microseconds(now), microseconds(now + keep))
        return self._submit(Unit(proofs=[proof]))

    def unlock(self, realm: str, subject: bytes) -> bool:
        with self._database.writing() as connection:
            return connection.execute(_UNLOCK, {"in_realm": realm, "of": subject}).rowcount > 0

    def _submit(self, unit: Unit) -> "Future[None]":
        self._writer.submit(unit)
        return unit.done


def _tally(row: Any) -> Tally:
    return Tally() if row is None or not row.failures else Tally(row.failures, instant(row.failed_at))
