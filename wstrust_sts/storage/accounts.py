"""Accounts: the row is read at every find, what hangs on it once per version."""

import time
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, select

from wstrust_sts.errors import Busy
from wstrust_sts.model import Account, Claim
from wstrust_sts.storage.columns import instant, is_storable
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import GENERATION, Generation
from wstrust_sts.storage.schema import account, account_claim, account_group, credential

PASSWORD = "password"  # noqa: S105 (the kind of a credential: its verifier is the hash)
DIGEST = "digest"  # its verifier is the sealed password, in base64
_CACHED_ACCOUNTS = 10_000
_ATTEMPTS = 5

_ROW = select(
    account.c.id,
    account.c.name,
    account.c.version,
    account.c.enabled,
    account.c.expires_at,
    GENERATION.scalar_subquery().label("generation"),
).where(account.c.realm == bindparam("realm"))
_FIND = _ROW.where(account.c.name == bindparam("key"))
_FIND_BY_ID = _ROW.where(account.c.id == bindparam("key"))

_ALL = select(account.c.id, account.c.name, account.c.version, account.c.enabled, account.c.expires_at)
_BY_NAME = _ALL.where(account.c.realm == bindparam("realm"), account.c.name == bindparam("name"))
_BY_REALM = _ALL.where(account.c.realm == bindparam("realm")).order_by(account.c.name)

_OWNER: BindParameter[str] = bindparam("account_id")
_VERSION = select(account.c.version).where(account.c.id == _OWNER)
_CREDENTIALS = select(credential.c.kind, credential.c.verifier).where(credential.c.account_id == _OWNER)
_CLAIMS = (
    select(account_claim.c.position, account_claim.c.type, account_claim.c.value)
    .where(account_claim.c.account_id == _OWNER)
    .order_by(account_claim.c.position, account_claim.c.ordinal)
)
_GROUPS = select(account_group.c.name).where(account_group.c.account_id == _OWNER).order_by(account_group.c.position)


@dataclass(frozen=True, slots=True)
class Children:
    """What hangs on an account's row."""

    password_hash: str | None
    sealed_digest_password: bytes | None
    claims: tuple[Claim, ...]
    groups: tuple[str, ...]


class SqlAccounts:
    """`ports.Accounts`. One indexed SELECT for an account whose children are cached."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation
        self._children = lru_cache(maxsize=_CACHED_ACCOUNTS)(self._read_children)

    def find(self, realm: str, name: str) -> Account | None:
        return self._find(_FIND, realm, name)

    def find_by_id(self, realm: str, account_id: str) -> Account | None:
        return self._find(_FIND_BY_ID, realm, account_id)

    def _find(self, statement: Select[Any], realm: str, key: str) -> Account | None:
        if not is_storable(key):
            return None
        for _ in range(_ATTEMPTS):
            asked_at = time.monotonic()
            row = self._database.fetch_one(statement, {"realm": realm, "key": key})
            if row is None:
                return None
            self._generation.seen(row.generation, asked_at=asked_at)
            try:
                return _account(realm, row, self._children(row.id, row.version))
            except _Changed:
                continue
        raise Busy("database: an account changed each time it was read")

    def _read_children(self, account_id: str, version: int) -> Children:
        """The children of exactly this version, though each statement sees what is committed when it runs."""
        with self._database.reading() as connection:
            children = _read_children_of(connection, account_id)
            if connection.execute(_VERSION, {"account_id": account_id}).scalar() != version:
                raise _Changed
        return children


class _Changed(Exception):
    """The account is not of that version any more."""


def read_account(connection: Connection, realm: str, name: str) -> Account | None:
    """In a transaction that locks the account against changes until its end."""
    row = connection.execute(_BY_NAME.with_for_update(), {"realm": realm, "name": name}).first()
    return None if row is None else _account(realm, row, _read_children_of(connection, row.id))


def read_accounts(connection: Connection, realm: str) -> tuple[Account, ...]:
    """All of a realm, by name."""
    rows = connection.execute(_BY_REALM, {"realm": realm}).all()
    return tuple(_account(realm, row, _read_children_of(connection, row.id)) for row in rows)


def _account(realm: str, row: Any, children: Children) -> Account:
    return Account(
        id=row.id,
        realm=realm,
        name=row.name,
        version=row.version,
        enabled=bool(row.enabled),
        expires_at=None if row.expires_at is None else instant(row.expires_at),
        password_hash=children.password_hash,
        sealed_digest_password=children.sealed_digest_password,
        claims=children.claims,
        groups=children.groups,
    )


def _read_children_of(connection: Connection, account_id: str) -> Children:
    owner = {"account_id": account_id}
    verifiers: dict[str, str] = {row.kind: row.verifier for row in connection.execute(_CREDENTIALS, owner)}
    return Children(
        password_hash=verifiers.get(PASSWORD),
        sealed_digest_password=b64decode(verifiers[DIGEST]) if DIGEST in verifiers else None,
        claims=_claims(connection.execute(_CLAIMS, owner).all()),
        groups=tuple(connection.execute(_GROUPS, owner).scalars()),
    )


def _claims(rows: Sequence[Any]) -> tuple[Claim, ...]:
    """From rows in order of position and ordinal."""
    by_position = groupby(rows, key=attrgetter("position", "type"))
    return tuple(Claim(type_, tuple(row.value for row in values)) for (_, type_), values in by_position)
