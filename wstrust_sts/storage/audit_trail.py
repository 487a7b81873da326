"""The audit trail, read for operators: one operation by its correlation id, or the latest of many."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from wstrust_sts.records import AuditEvent, AuditSelection
from wstrust_sts.storage.columns import instant, is_storable, legible, lowest_row_key, microseconds
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import audit_event


class SqlAuditTrail:
    """`ports.AuditTrail`. Row keys are ordered by time: the primary key serves for `since` and for the newest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_operation(self, correlation_id: str) -> Sequence[AuditEvent]:
        if not is_storable(correlation_id):
            return ()
        return self._read(
            select(audit_event).where(audit_event.c.correlation_id == correlation_id).order_by(audit_event.c.id)
        )

    def latest(self, selection: AuditSelection, *, limit: int | None) -> Sequence[AuditEvent]:
        newest_first = select(audit_event).where(*_conditions(selection)).order_by(audit_event.c.id.desc())
        return self._read(newest_first.limit(limit))[::-1]

    def _read(self, statement: Select[Any]) -> tuple[AuditEvent, ...]:
        with self._database.reading() as connection:
            return tuple(_event(row) for row in connection.execute(statement))


def _conditions(selection: AuditSelection) -> list[ColumnElement[bool]]:
    equal = {
        audit_event.c.realm: selection.realm,
        audit_event.c.operation: selection.operation,
        audit_event.c.requestor: selection.requestor,
        audit_event.c.relying_party: selection.relying_party,
    }
    conditions: list[ColumnElement[bool]] = [column == legible(value) for column, value in equal.items() if value]
    if selection.outcome:
        outcome = audit_event.c.outcome
        conditions.append(
            or_(outcome == selection.outcome, outcome.startswith(f"{selection.outcome} ", autoescape=True))
        )
    if selection.since is not None:
        conditions.append(audit_event.c.id >= lowest_row_key(microseconds(selection.since)))
    return conditions


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        realm=row.realm,
        correlation_id=row.correlation_id,
        at=instant(row.at),
        operation=row.operation,
        outcome=row.outcome,
        endpoint=row.endpoint,
        source=row.source,
        requestor=row.requestor,
        relying_party=row.relying_party,
        token_id=row.token_id,
        detail=json.loads(row.detail),
    )
