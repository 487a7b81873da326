"""Delegation rules: read by realm, cached by the configuration's generation, and written each as one document.

    {"actors": [...], "actor_groups": [...], "subjects": [...], "subject_groups": [...], "any_subject": false,
     "relying_parties": [...], "kinds": ["ActAs", "OnBehalfOf"], "tokens_for": [...], "by_name": false,
     "depth": 1, "claims": [...] or null}

Every key is there and no other; a change of this shape comes with a migration of the stored documents.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.errors import RequestFailed
from wstrust_sts.storage.columns import new_row_key
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.schema import delegation_rule

_BY_REALM = (
    select(delegation_rule.c.realm, delegation_rule.c.name, delegation_rule.c.settings)
    .where(delegation_rule.c.realm == bindparam("in_realm"))
    .order_by(delegation_rule.c.name)
)
_SETS = ("actors", "actor_groups", "subjects", "subject_groups", "relying_parties", "tokens_for")
_FLAGS = ("any_subject", "by_name")
_KEYS = frozenset(each.name for each in fields(DelegationRule)) - {"realm", "name"}


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was read since the configuration had this generation, by realm."""

    generation: int
    rules: dict[str, tuple[DelegationRule, ...]] = field(default_factory=dict)


class SqlDelegationRules:
    """`ports.DelegationRules`. What is cached is read again once the generation has changed."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation
        self._snapshot = _Snapshot(-1)

    def of_realm(self, realm: str) -> Sequence[DelegationRule]:
        # The number is read before the rows, so that cached rows are never older than their number says.
        generation = self._generation.current()
        snapshot = self._snapshot
        if snapshot.generation != generation:
            snapshot = self._snapshot = _Snapshot(generation)
        found = snapshot.rules.get(realm)
        if found is None:
            with self._database.reading() as connection:
                found = snapshot.rules[realm] = read_delegation_rules(connection, realm)
        return found


def read_delegation_rules(connection: Connection, realm: str) -> tuple[DelegationRule, ...]:
    """All of a realm, by name. Raises RequestFailed for a document that this software did not write."""
    return tuple(_rule(row) for row in connection.execute(_BY_REALM, {"in_realm": realm}))


def write_delegation_rule(connection: Connection, wanted: DelegationRule) -> bool:
    """Creates or replaces by (realm, name); False when it already is as wanted."""
    stored = next((rule for rule in read_delegation_rules(connection, wanted.realm) if rule.name == wanted.name), None)
    if stored == wanted:
        return False
    settings = _document(wanted)
    if stored is None:
        row = {"id": new_row_key(), "realm": wanted.realm, "name": wanted.name, "settings": settings}
        connection.execute(insert(delegation_rule).values(**row))
    else:
        named = (delegation_rule.c.realm == wanted.realm, delegation_rule.c.name == wanted.name)
        connection.execute(update(delegation_rule).where(*named).values(settings=settings))
    return True


def remove_delegation_rule(connection: Connection, realm: str, name: str) -> bool:
    """False when there is none."""
    named = (delegation_rule.c.realm == realm, delegation_rule.c.name == name)
    return connection.execute(delete(delegation_rule).where(*named)).rowcount > 0


def _document(rule: DelegationRule) -> str:
    document: dict[str, object] = {name: sorted(getattr(rule, name)) for name in _SETS}
    document |= {name: getattr(rule, name) for name in _FLAGS}
    document |= {
        "kinds": sorted(kind.value for kind in rule.kinds),
        "depth": rule.depth,
        "claims": None if rule.claims is None else sorted(rule.claims),
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def _rule(row: Any) -> DelegationRule:
    try:
        return _read(row.realm, row.name, json.loads(row.settings))
    except (ValueError, TypeError) as failure:
        raise RequestFailed(f"the delegation rule {row.name!r} cannot be read: {failure}") from failure


def _read(realm: str, name: str, document: Any) -> DelegationRule:
    if not isinstance(document, dict) or document.keys() != _KEYS:
        raise ValueError("an object without exactly the keys " + ", ".join(sorted(_KEYS)))
    if type(document["depth"]) is not int or any(type(document[flag]) is not bool for flag in _FLAGS):
        raise ValueError("a depth that is no number, or a flag that is none")
    claims = document["claims"]
    return DelegationRule(
        realm=realm,
        name=name,
        actors=_texts(document["actors"]),
        actor_groups=_texts(document["actor_groups"]),
        subjects=_texts(document["subjects"]),
        subject_groups=_texts(document["subject_groups"]),
        any_subject=document["any_subject"],
        relying_parties=_texts(document["relying_parties"]),
        tokens_for=_texts(document["tokens_for"]),
        by_name=document["by_name"],
        kinds=frozenset(DelegationKind(kind) for kind in _texts(document["kinds"])),
        depth=document["depth"],
        claims=None if claims is None else _texts(claims),
    )


def _texts(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("something that is not an array of text")
    return frozenset(value)
