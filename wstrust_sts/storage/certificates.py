"""Trust anchors and certificate mappings: found by index, cached by the configuration's generation."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, select, tuple_

from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, Revocation, TrustAnchor
from wstrust_sts.storage.columns import is_storable
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.schema import account, certificate_mapping, certificate_reference, trust_anchor

_CACHED = 4096
_to_json = json.JSONEncoder(ensure_ascii=False).encode

_ANCHORS = select(trust_anchor).where(trust_anchor.c.realm == bindparam("realm")).order_by(trust_anchor.c.name)
_MAPPINGS = (
    select(
        certificate_mapping.c.realm,
        certificate_mapping.c.account_id,
        certificate_mapping.c.field,
        certificate_mapping.c.value,
        certificate_mapping.c.certificate,
        account.c.name.label("account"),
        trust_anchor.c.name.label("anchor"),
    )
    .join(account, account.c.id == certificate_mapping.c.account_id)
    .join(trust_anchor, trust_anchor.c.id == certificate_mapping.c.anchor_id, isouter=True)
    .where(certificate_mapping.c.realm == bindparam("realm"))
    .order_by(account.c.name, certificate_mapping.c.field, certificate_mapping.c.value, trust_anchor.c.name)
)
_BY_NAMES = _MAPPINGS.where(
    tuple_(certificate_mapping.c.field, certificate_mapping.c.value).in_(bindparam("names", expanding=True))
)

_PINNED = (
    select(certificate_mapping.c.certificate)
    .join(certificate_reference, certificate_reference.c.mapping_id == certificate_mapping.c.id)
    .where(certificate_reference.c.realm == bindparam("realm"), certificate_reference.c.name == bindparam("name"))
    .distinct()
)

Names = tuple[CertificateName, ...]
Asked = TypeVar("Asked")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was found since the configuration had this generation, by realm, and by realm and names."""

    generation: int
    anchors: dict[str, tuple[TrustAnchor, ...]] = field(default_factory=dict)
    mappings: dict[tuple[str, Names], tuple[CertificateMapping, ...]] = field(default_factory=dict)
    pinned: dict[tuple[str, str], tuple[bytes, ...]] = field(default_factory=dict)


class SqlCertificates:
    """`ports.Certificates`. What is cached is read again once the generation has changed.

    Mappings and certificates are cached where there are some: whoever shows or names certificates that are nobody's
    costs a read each, and displaces nothing.
    """

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation
        self._snapshot = _Snapshot(-1)

    def anchors(self, realm: str) -> Sequence[TrustAnchor]:
        anchors = self._current().anchors
        found = anchors.get(realm)
        if found is None:
            with self._database.reading() as connection:
                found = anchors[realm] = read_trust_anchors(connection, realm)
        return found

    def mappings(self, realm: str, names: Sequence[CertificateName]) -> Sequence[CertificateMapping]:
        mappings = self._current().mappings
        asked = realm, tuple(name for name in names if is_storable(name.value))
        found = mappings.get(asked)
        if found is None:
            with self._database.reading() as connection:
                found = read_mappings_of(connection, realm, asked[1])
            if found:
                _keep(mappings, asked, found)
        return found

    def pinned(self, realm: str, name: str) -> Sequence[bytes]:
        pinned = self._current().pinned
        found = pinned.get((realm, name))
        if found is None:
            with self._database.reading() as connection:
                rows = connection.execute(_PINNED, {"realm": realm, "name": name})
                found = tuple(row.certificate for row in rows)
            if found:
                _keep(pinned, (realm, name), found)
        return found

    def _current(self) -> _Snapshot:
        # The number is read before the rows, so that cached rows are never older than their number says.
        generation = self._generation.current()
        snapshot = self._snapshot
        if snapshot.generation != generation:
            snapshot = self._snapshot = _Snapshot(generation)
        return snapshot


def _keep(cache: dict[Asked, Found], asked: Asked, found: Found) -> None:
    if len(cache) >= _CACHED:  # so many in use are rare, and reading them again is cheap
        cache.clear()
    cache[asked] = found


def read_trust_anchors(connection: Connection, realm: str) -> tuple[TrustAnchor, ...]:
    """All of a realm, by name."""
    return tuple(_anchor(row) for row in connection.execute(_ANCHORS, {"realm": realm}))


def anchor_values(anchor: TrustAnchor) -> dict[str, object]:
    """The columns of its row but id, realm and name."""
    return {
        "certificate": anchor.certificate,
        "account_from": None if anchor.account_from is None else anchor.account_from.value,
        "intermediates": _to_json([b64encode(each).decode() for each in anchor.intermediates]),
        "issuers_at": _to_json(anchor.issuers_at),
        "revocation": anchor.revocation.value,
        "crls": _to_json(anchor.crls),
        "responder": anchor.responder,
        "networks": _to_json(anchor.networks),
    }


def _anchor(row: Any) -> TrustAnchor:
    return TrustAnchor(
        realm=row.realm,
        name=row.name,
        certificate=row.certificate,
        account_from=None if row.account_from is None else CertificateField(row.account_from),
        intermediates=tuple(b64decode(each, validate=True) for each in json.loads(row.intermediates)),
        issuers_at=tuple(json.loads(row.issuers_at)),
        revocation=Revocation(row.revocation),
        crls=tuple(json.loads(row.crls)),
        responder=row.responder,
        networks=tuple(json.loads(row.networks)),
    )


def read_certificate_mappings(connection: Connection, realm: str) -> tuple[CertificateMapping, ...]:
    """All of a realm, by account, field and value."""
    return tuple(_mapping(row) for row in connection.execute(_MAPPINGS, {"realm": realm}))


def read_mappings_of(connection: Connection, realm: str, names: Names) -> tuple[CertificateMapping, ...]:
    """Those of any of `names`."""
    if not names:
        return ()
    pairs = [(name.field.value, name.value) for name in names]
    return tuple(_mapping(row) for row in connection.execute(_BY_NAMES, {"realm": realm, "names": pairs}))


def _mapping(row: Any) -> CertificateMapping:
    return CertificateMapping(
        realm=row.realm,
        account=row.account,
        name=CertificateName(CertificateField(row.field), row.value),
        anchor=row.anchor,
        certificate=row.certificate,
        account_id=row.account_id,
    )
