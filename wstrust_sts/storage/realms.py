"""Realms, cached by the configuration's generation."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import Realm
from wstrust_sts.ports import SecretBox
from wstrust_sts.storage.columns import is_storable
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.schema import realm

_COLUMNS = select(realm.c.name, realm.c.issuer, realm.c.administrators, realm.c.sealed_pairwise_secret)
_BY_NAME = _COLUMNS.where(realm.c.name == bindparam("name"))
_ALL = _COLUMNS.order_by(realm.c.name)


class SqlRealms:
    """`ports.Realms`."""

    def __init__(self, database: Database, generation: Generation, box: SecretBox) -> None:
        self._database = database
        self._generation = generation
        self._box = box
        self._snapshot: tuple[int, dict[str, Realm]] = (-1, {})

    def get(self, name: str) -> Realm | None:
        generation = self._generation.current()
        cached_at, cached = self._snapshot
        if cached_at != generation:
            cached = {}
            self._snapshot = (generation, cached)
        found = cached.get(name)
        if found is None and is_storable(name):
            found = self._read(name)
            if found is not None:
                cached[name] = found
        return found

    def _read(self, name: str) -> Realm | None:
        with self._database.reading() as connection:
            row = connection.execute(_BY_NAME, {"name": name}).first()
        if row is None:
            return None
        secret = self._box.open(row.sealed_pairwise_secret, purpose=secret_purpose(name))
        return _realm(row, secret)


def read_realms(connection: Connection) -> tuple[Realm, ...]:
    """All realms by name, without their secrets."""
    return tuple(_realm(row, b"") for row in connection.execute(_ALL))


def secret_purpose(name: str) -> str:
    """What a realm's pairwise secret is sealed for."""
    return f"realm-pairwise-secret:{name}"


def write_administrators(administrators: frozenset[str]) -> str:
    return json.dumps(sorted(administrators), ensure_ascii=False)


def _realm(row: Sequence[Any], secret: bytes) -> Realm:
    name, issuer, administrators, _sealed = row
    names = json.loads(administrators)
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise RequestFailed(f"the administrators of realm {name!r} cannot be read")
    return Realm(name=name, issuer=issuer, administrators=frozenset(names), pairwise_secret=secret)
