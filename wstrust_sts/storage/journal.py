"""The journal: the register of issued tokens, their cancellations and the audit trail, written in groups."""

import json
from concurrent.futures import Future

from wstrust_sts.records import (
    AuditEvent,
    ContextKeyRecord,
    ContextRenewed,
    Entry,
    MessageSeen,
    TokenCancelled,
    TokenRecord,
)
from wstrust_sts.storage.columns import legible, microseconds, row_key
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.units import Cancellation, Extension, KeyEnd, Row, Sighting, Unit
from wstrust_sts.storage.writer import GroupWriter

_to_json = json.JSONEncoder(allow_nan=False).encode


class SqlJournal:
    """`ports.Journal`."""

    def __init__(self, writer: GroupWriter, lately: Sightings) -> None:
        self._writer = writer
        self._lately = lately

    def write(self, *entries: Entry) -> "Future[None]":
        """Raises TypeError or ValueError for entries that can be no row: a time without zone, a detail not JSON."""
        tokens: list[Row] = []
        cancellations: list[Cancellation] = []
        extensions: list[Extension] = []
        context_keys: list[Row] = []
        key_ends: list[KeyEnd] = []
        events: list[Row] = []
        sighting: Sighting | None = None
        for entry in entries:
            match entry:
                case TokenRecord():
                    tokens.append(_token_row(entry))
                case AuditEvent():
                    events.append(_event_row(entry))
                case TokenCancelled(realm=realm, token_id=token_id, at=at, reason=reason):
                    cancellations.append(Cancellation(realm, token_id, microseconds(at), reason))
                case ContextKeyRecord():
                    context_keys.append(_context_key_row(entry))
                case ContextRenewed(realm=realm, identifier=identifier, instance=instance):
                    extensions.append(Extension(realm, identifier, microseconds(entry.expires_at)))
                    key_ends.append(KeyEnd(realm, identifier, instance or "", microseconds(entry.ends_at)))
                case MessageSeen(realm=realm, digest=digest, at=at, until=until, repeatable_at=endpoint):
                    sighting = Sighting(realm, digest, microseconds(at), microseconds(until), endpoint)
        unit = Unit(
            tokens=tokens,
            cancellations=cancellations,
            extensions=extensions,
            context_keys=context_keys,
            key_ends=key_ends,
            events=events,
            sighting=sighting,
        )
        if sighting is not None:
            self._lately.note(unit, sighting)
        self._writer.submit(unit)
        return unit.done


def _token_row(record: TokenRecord) -> Row:
    issued_at = microseconds(record.issued_at)
    return {
        "id": row_key(issued_at),
        "realm": record.realm,
        "token_id": record.token_id,
        "digest": record.digest,
        "token_type": record.token_type,
        "relying_party": record.relying_party,
        "subject": record.subject,
        "account": record.account,
        "requestor": record.requestor,
        "methods": record.methods,
        "key_id": record.key_id,
        "key_type": record.key_type,
        "issued_at": issued_at,
        "expires_at": microseconds(record.expires_at),
        "renewing_allowed": record.renewing_allowed,
        "renewing_after_expiry": record.renewing_after_expiry,
        "cancelled_at": None if record.cancelled_at is None else microseconds(record.cancelled_at),
        "cancel_reason": record.cancel_reason,
        "correlation_id": record.correlation_id,
        "original": record.original,
        "key_thumbprint": record.key_thumbprint,
        "wrapped_proof_key": record.wrapped_proof_key,
        "delegation": record.delegation,
    }


def _context_key_row(key: ContextKeyRecord) -> Row:
    return {
        "realm": key.realm,
        "identifier": key.identifier,
        "instance": key.instance or "",
        "methods": key.methods,
        "authenticated_at": microseconds(key.authenticated_at),
        "created_at": microseconds(key.created_at),
        "expires_at": microseconds(key.expires_at),
        "sealed_secret": key.sealed_secret,
    }


def _event_row(event: AuditEvent) -> Row:
    """Names in an event may be what an attacker sent; they are made storable, so that none keeps its event out."""
    at = microseconds(event.at)
    return {
        "id": row_key(at),
        "realm": event.realm,
        "correlation_id": event.correlation_id,
        "at": at,
        "operation": event.operation,
        "outcome": event.outcome,
        "endpoint": event.endpoint,
        "source": legible(event.source),
        "requestor": legible(event.requestor),
        "relying_party": legible(event.relying_party),
        "token_id": legible(event.token_id),
        "detail": _to_json(dict(event.detail)),
    }
