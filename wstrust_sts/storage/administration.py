"""Every change of what is configured in the database: one transaction a call, and no write where nothing changes."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from wstrust_sts.certificates import CertificateMapping, TrustAnchor
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.errors import Busy
from wstrust_sts.model import Account, Claim, Realm
from wstrust_sts.ports import SecretBox
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.storage.account_changes import remove_account, write_account
from wstrust_sts.storage.accounts import read_accounts
from wstrust_sts.storage.certificate_changes import (
    remove_certificate_mapping,
    remove_trust_anchor,
    write_certificate_mapping,
    write_trust_anchor,
)
from wstrust_sts.storage.certificates import read_certificate_mappings, read_trust_anchors
from wstrust_sts.storage.columns import is_storable, microseconds, new_row_key
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.delegation_rules import (
    read_delegation_rules,
    remove_delegation_rule,
    write_delegation_rule,
)
from wstrust_sts.storage.failures import describe
from wstrust_sts.storage.generation import Generation, lock_generation, raise_generation
from wstrust_sts.storage.realms import read_realms, secret_purpose, write_administrators
from wstrust_sts.storage.relying_parties import read_relying_parties
from wstrust_sts.storage.relying_party_changes import remove_relying_party, write_relying_party
from wstrust_sts.storage.schema import realm as realm_table
from wstrust_sts.storage.schema import signing_key

_PAIRWISE_SECRET_OCTETS = 32


class SqlAdministration:
    """`ports.Administration`. Every call may raise Busy; the transaction is then as if it had not begun."""

    def __init__(self, database: Database, generation: Generation, box: SecretBox) -> None:
        self._database = database
        self._generation = generation
        self._box = box

    # -- realms

    def realms(self) -> Sequence[Realm]:
        """By name, without their pairwise secrets: who lists realms has no use for them."""
        with self._database.reading() as connection:
            return read_realms(connection)

    def put_realm(self, realm: Realm) -> None:
        """Raises ValueError for a name that cannot be stored."""
        _require_name(realm.name)
        with self._configuring() as connection:
            stored = next((row for row in read_realms(connection) if row.name == realm.name), None)
            values: dict[str, object] = {
                "issuer": realm.issuer,
                "administrators": write_administrators(realm.administrators),
            }
            if realm.pairwise_secret or stored is None:
                secret = realm.pairwise_secret or secrets.token_bytes(_PAIRWISE_SECRET_OCTETS)
                values["sealed_pairwise_secret"] = self._box.seal(secret, purpose=secret_purpose(realm.name))
            elif realm == stored:
                return
            if stored is None:
                connection.execute(insert(realm_table).values(id=new_row_key(), name=realm.name, **values))
            else:
                connection.execute(update(realm_table).where(realm_table.c.name == realm.name).values(**values))
            raise_generation(connection)

    # -- accounts: read at every use, so that no generation is raised

    def accounts(self, realm: str) -> Sequence[Account]:
        """By name."""
        with self._database.reading() as connection:
            return read_accounts(connection, realm)

    def put_account(
        self,
        realm: str,
        name: str,
        *,
        enabled: bool,
        expires_at: datetime | None,
        claims: Sequence[Claim],
        groups: Sequence[str],
        password_hash: str | None,
        digest_password: bytes | None = None,
    ) -> None:
        """Raises ValueError for an unknown realm, a name that cannot be stored, a claim without values."""
        _require_name(name)
        with self._changing() as connection:
            _require_realm(connection, realm)
            write_account(
                connection,
                realm,
                name,
                enabled=enabled,
                expires_at=expires_at,
                claims=tuple(claims),
                groups=tuple(groups),
                password_hash=password_hash,
                digest_password=digest_password,
                box=self._box,
            )

    def delete_account(self, realm: str, name: str) -> bool:
        with self._changing() as connection:
            return remove_account(connection, realm, name)

    # -- certificates

    def certificate_mappings(self, realm: str) -> Sequence[CertificateMapping]:
        """By account, field and value."""
        with self._database.reading() as connection:
            return read_certificate_mappings(connection, realm)

    def add_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        with self._configuring() as connection:
            added = write_certificate_mapping(connection, mapping)
            if added:
                raise_generation(connection)
            return added

    def delete_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        with self._configuring() as connection:
            removed = remove_certificate_mapping(connection, mapping)
            if removed:
                raise_generation(connection)
            return removed

    def trust_anchors(self, realm: str) -> Sequence[TrustAnchor]:
        """By name."""
        with self._database.reading() as connection:
            return read_trust_anchors(connection, realm)

    def put_trust_anchor(self, anchor: TrustAnchor) -> None:
        """Raises ValueError, too, for a name that cannot be stored."""
        _require_name(anchor.name)
        with self._configuring() as connection:
            _require_realm(connection, anchor.realm)
            if write_trust_anchor(connection, anchor):
                raise_generation(connection)

    def delete_trust_anchor(self, realm: str, name: str) -> bool:
        with self._configuring() as connection:
            removed = remove_trust_anchor(connection, realm, name)
            if removed:
                raise_generation(connection)
            return removed

    # -- relying parties

    def relying_parties(self, realm: str) -> Sequence[RelyingParty]:
        """By name."""
        with self._database.reading() as connection:
            return read_relying_parties(connection, realm)

    def put_relying_party(self, relying_party: RelyingParty) -> None:
        """Raises ValueError, too, for an unknown realm, a name that cannot be stored, an address that is none."""
        _require_name(relying_party.name)
        with self._configuring() as connection:
            _require_realm(connection, relying_party.realm)
            if write_relying_party(connection, relying_party):
                raise_generation(connection)

    def delete_relying_party(self, realm: str, name: str) -> bool:
        with self._configuring() as connection:
            removed = remove_relying_party(connection, realm, name)
            if removed:
                raise_generation(connection)
            return removed

    # -- delegation rules

    def delegation_rules(self, realm: str) -> Sequence[DelegationRule]:
        """By name."""
        with self._database.reading() as connection:
            return read_delegation_rules(connection, realm)

    def put_delegation_rule(self, rule: DelegationRule) -> None:
        """Raises ValueError, too, for a name that cannot be stored."""
        _require_name(rule.name)
        with self._configuring() as connection:
            _require_realm(connection, rule.realm)
            if write_delegation_rule(connection, rule):
                raise_generation(connection)

    def delete_delegation_rule(self, realm: str, name: str) -> bool:
        with self._configuring() as connection:
            removed = remove_delegation_rule(connection, realm, name)
            if removed:
                raise_generation(connection)
            return removed

    # -- keys

    def add_signing_key(self, key: SigningKeyRecord) -> None:
        """Raises ValueError for an unknown realm and for an id that the realm already has."""
        with self._configuring() as connection:
            _require_realm(connection, key.realm)
            if _find_key(connection, key.realm, key.id) is not None:
                raise ValueError(f"Realm {key.realm!r} already has a key {key.id!r}.")
            connection.execute(
                insert(signing_key).values(
                    id=new_row_key(),
                    realm=key.realm,
                    key_id=key.id,
                    use=key.use.value,
                    state=key.state.value,
                    algorithm=key.algorithm,
                    certificate=key.certificate,
                    wrapped_private_key=key.wrapped_private_key,
                    created_at=microseconds(key.created_at),
                )
            )
            raise_generation(connection)

    def set_key_state(self, realm: str, key_id: str, state: KeyState, *, expected: KeyState | None = None) -> bool:
        with self._configuring() as connection:
            stored = _find_key(connection, realm, key_id)
            if stored is None or (expected is not None and stored[1] is not expected):
                return False
            if stored[1] is not state:
                _move_keys(connection, realm, signing_key.c.key_id == key_id, to=state)
                raise_generation(connection)
            return True

    def promote_key(self, realm: str, key_id: str) -> bool:
        with self._configuring() as connection:
            promoted = _find_key(connection, realm, key_id)
            if promoted is None or promoted[1] is not KeyState.NEXT:
                return False
            replaced = and_(signing_key.c.use == promoted[0].value, signing_key.c.state == KeyState.ACTIVE.value)
            _move_keys(connection, realm, replaced, to=KeyState.RETIRING)
            _move_keys(connection, realm, signing_key.c.key_id == key_id, to=KeyState.ACTIVE)
            raise_generation(connection)
            return True

    # -- transactions

    @contextmanager
    def _configuring(self) -> Iterator[Connection]:
        """A change of what nodes cache; one at a time, so that what it checked still holds when it writes."""
        with self._changing() as connection:
            lock_generation(connection)
            yield connection
        self._generation.forget()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        try:
            with self._database.writing() as connection:
                yield connection
        except IntegrityError as failure:  # what can be foreseen was checked: someone else was faster
            raise Busy(describe(failure)) from failure


def _require_name(name: str) -> None:
    if not name or not name.isprintable() or not is_storable(name) or len(name.encode()) > 1024:
        raise ValueError(f"{name!r} is not a name: it has 1 to 1024 octets and no control characters.")


def _require_realm(connection: Connection, name: str) -> None:
    if connection.execute(select(realm_table.c.id).where(realm_table.c.name == name)).first() is None:
        raise ValueError(f"There is no realm {name!r}.")


def _find_key(connection: Connection, realm: str, key_id: str) -> tuple[KeyUse, KeyState] | None:
    key = (signing_key.c.realm == realm, signing_key.c.key_id == key_id)
    row = connection.execute(select(signing_key.c.use, signing_key.c.state).where(*key)).first()
    return None if row is None else (KeyUse(row.use), KeyState(row.state))


def _move_keys(connection: Connection, realm: str, which: ColumnElement[bool], *, to: KeyState) -> None:
    connection.execute(update(signing_key).where(signing_key.c.realm == realm, which).values(state=to.value))
