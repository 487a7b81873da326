"""Relying parties: found by an index over their AppliesTo rules, cached by the configuration's generation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, Select, bindparam, select

from wstrust_sts.addresses import Address, candidates, parse_address
from wstrust_sts.errors import RequestFailed
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty, RelyingPartyMatch
from wstrust_sts.storage.columns import is_storable
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.schema import applies_to, relying_party
from wstrust_sts.storage.settings import read_settings

_CACHED = 4096
_T = TypeVar("_T")

_COLUMNS = select(
    relying_party.c.id,
    relying_party.c.realm,
    relying_party.c.name,
    relying_party.c.enabled,
    relying_party.c.settings,
)
_BY_NAME = _COLUMNS.where(relying_party.c.realm == bindparam("realm"), relying_party.c.name == bindparam("name"))
_BY_REALM = _COLUMNS.where(relying_party.c.realm == bindparam("realm")).order_by(relying_party.c.name)
_RULES = (
    select(applies_to.c.origin, applies_to.c.path, applies_to.c.prefix)
    .where(applies_to.c.relying_party_id == bindparam("id"))
    .order_by(applies_to.c.position)
)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was found since the configuration had this generation. Keys: the realm, and the address as written,
    the name or the id."""

    generation: int
    matches: dict[tuple[str, str], RelyingPartyMatch] = field(default_factory=dict)
    by_name: dict[tuple[str, str], RelyingParty] = field(default_factory=dict)
    by_id: dict[tuple[str, str], RelyingParty] = field(default_factory=dict)


class SqlRelyingParties:
    """`ports.RelyingParties`. What is cached is read again once the generation has changed.

    Only what was found is cached: whoever asks for addresses that nobody registered costs a read each,
    and displaces nothing.
    """

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation
        self._snapshot = _Snapshot(-1)

    def find(self, realm: str, address: str) -> RelyingPartyMatch | None:
        """The most specific rule decides: when its relying party is disabled, no other takes its place."""
        snapshot = self._current()
        match = snapshot.matches.get((realm, address))
        if match is None:
            match = self._look_up(snapshot, realm, address)
            if match is not None:
                _keep(snapshot.matches, (realm, address), match)
        return match

    def get(self, realm: str, name: str) -> RelyingParty | None:
        by_name = self._current().by_name
        found = by_name.get((realm, name))
        if found is None and is_storable(name):
            with self._database.reading() as connection:
                found = read_relying_party(connection, realm, name)
            if found is not None:
                _keep(by_name, (realm, name), found)
        return found

    def _current(self) -> _Snapshot:
        # The number is read before the rows, so that cached rows are never older than their number says.
        generation = self._generation.current()
        snapshot = self._snapshot
        if snapshot.generation != generation:
            snapshot = self._snapshot = _Snapshot(generation)
        return snapshot

    def _look_up(self, snapshot: _Snapshot, realm: str, unverified_address: str) -> RelyingPartyMatch | None:
        try:
            address = parse_address(unverified_address)
        except ValueError:
            return None
        covered = self._owner(realm, address)
        if covered is None:
            return None
        row, rule = covered
        party = snapshot.by_id.get((realm, row.id))
        if party is None:
            party = _relying_party(row, self._database.fetch_all(_RULES, {"id": row.id}))
            _keep(snapshot.by_id, (realm, row.id), party)
        return RelyingPartyMatch(party, address.text, rule) if party.enabled else None

    def _owner(self, realm: str, address: Address) -> tuple[Any, AppliesToRule] | None:
        """The row of the relying party whose rule covers `address` first, and that rule."""
        covering = candidates(address)
        paths = list({candidate.path for candidate in covering})
        width = 1 << max(2, (len(paths) - 1).bit_length())
        places = {f"path_{place}": paths[place % len(paths)] for place in range(width)}
        rows = self._database.fetch_all(_covering(width), {"realm": realm, "origin": address.origin, **places})
        owners = {(row.path, bool(row.prefix)): row for row in rows}
        for candidate in covering:
            owner = owners.get((candidate.path, candidate.prefix))
            if owner is not None:
                return owner, AppliesToRule(address=address.origin + candidate.path, prefix=candidate.prefix)
        return None


@cache
def _covering(width: int) -> Select[Any]:
    """The relying parties with a rule of an origin for one of so many paths. Of few widths, so that each is compiled
    once: who asks for fewer paths repeats them.
    """
    places: list[BindParameter[str]] = [bindparam(f"path_{place}") for place in range(width)]
    owned = applies_to.join(relying_party, relying_party.c.id == applies_to.c.relying_party_id)
    return (
        _COLUMNS.add_columns(applies_to.c.path, applies_to.c.prefix)
        .select_from(owned)
        .where(
            applies_to.c.realm == bindparam("realm"),
            relying_party.c.realm == bindparam("realm"),
            applies_to.c.origin == bindparam("origin"),
            applies_to.c.path.in_(places),
        )
    )


def read_relying_party(connection: Connection, realm: str, name: str) -> RelyingParty | None:
    row = connection.execute(_BY_NAME, {"realm": realm, "name": name}).first()
    return None if row is None else _relying_party(row, _rules(connection, row.id))


def read_relying_parties(connection: Connection, realm: str) -> tuple[RelyingParty, ...]:
    """All of a realm, by name."""
    rows = connection.execute(_BY_REALM, {"realm": realm}).all()
    return tuple(_relying_party(row, _rules(connection, row.id)) for row in rows)


def _rules(connection: Connection, party_id: str) -> Sequence[Any]:
    return connection.execute(_RULES, {"id": party_id}).all()


def _relying_party(row: Any, rules: Sequence[Any]) -> RelyingParty:
    """Raises RequestFailed when the stored document is not one that this software wrote."""
    try:
        settings = read_settings(row.settings)
    except ValueError as failure:
        raise RequestFailed(f"the settings of relying party {row.name!r} cannot be read: {failure}") from failure
    return RelyingParty(
        id=row.id,
        realm=row.realm,
        name=row.name,
        applies_to=tuple(AppliesToRule(address=rule.origin + rule.path, prefix=bool(rule.prefix)) for rule in rules),
        enabled=bool(row.enabled),
        token_types=settings.token_types,
        default_token_type=settings.default_token_type,
        key_types=settings.key_types,
        default_key_type=settings.default_key_type,
        lifetime=settings.lifetime,
        name_identifier=settings.name_identifier,
        audiences=settings.audiences,
        recipient=settings.recipient,
        claim_rules=settings.claim_rules,
        validators=settings.validators,
        encryption=settings.encryption,
        accepts_client_keys=settings.accepts_client_keys,
        accepts_unproved_keys=settings.accepts_unproved_keys,
    )


def _keep(cache: dict[tuple[str, str], _T], key: tuple[str, str], value: _T) -> None:
    """Bounded by starting over: so many addresses in use are rare, and reading them again is cheap."""
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value
