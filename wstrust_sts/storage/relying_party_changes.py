"""Writing a relying party and its AppliesTo rules, in a transaction that no other change of them runs beside."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from wstrust_sts.addresses import Address, parse_rule
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty
from wstrust_sts.storage.columns import new_row_key
from wstrust_sts.storage.relying_parties import read_relying_party
from wstrust_sts.storage.schema import applies_to, relying_party
from wstrust_sts.storage.settings import write_settings

_Rule = tuple[Address, bool]  # and whether it is a prefix


def write_relying_party(connection: Connection, wanted: RelyingParty) -> bool:
    """Creates or replaces by (realm, name); False when it already is as wanted. Raises ValueError.

    Rules are stored in canonical form, each once.
    """
    rules = list(
        dict.fromkeys((parse_rule(rule.address, prefix=rule.prefix), rule.prefix) for rule in wanted.applies_to)
    )
    stored = read_relying_party(connection, wanted.realm, wanted.name)
    wanted = replace(
        wanted,
        id=stored.id if stored else new_row_key(),
        applies_to=tuple(AppliesToRule(address=address.text, prefix=prefix) for address, prefix in rules),
    )
    if wanted == stored:
        return False
    row = {"enabled": wanted.enabled, "settings": write_settings(wanted)}
    if stored is None:
        connection.execute(insert(relying_party).values(id=wanted.id, realm=wanted.realm, name=wanted.name, **row))
    else:
        connection.execute(update(relying_party).where(relying_party.c.id == wanted.id).values(**row))
        connection.execute(delete(applies_to).where(applies_to.c.relying_party_id == wanted.id))
    _require_free(connection, wanted.realm, rules)
    _write_rules(connection, wanted, rules)
    return True


def remove_relying_party(connection: Connection, realm: str, name: str) -> bool:
    """With its rules. False when there is none."""
    party = (relying_party.c.realm == realm, relying_party.c.name == name)
    return connection.execute(delete(relying_party).where(*party)).rowcount > 0


def _require_free(connection: Connection, realm: str, rules: Sequence[_Rule]) -> None:
    for address, prefix in rules:
        owner = connection.execute(
            select(relying_party.c.name)
            .join(applies_to, applies_to.c.relying_party_id == relying_party.c.id)
            .where(
                applies_to.c.realm == realm,
                applies_to.c.origin == address.origin,
                applies_to.c.path == address.path,
                applies_to.c.prefix == prefix,
            )
        ).scalar()
        if owner is not None:
            raise ValueError(f"The address {address.text} already belongs to relying party {owner!r}.")


def _write_rules(connection: Connection, wanted: RelyingParty, rules: Sequence[_Rule]) -> None:
    rows = [
        {
            "realm": wanted.realm,
            "origin": address.origin,
            "path": address.path,
            "prefix": prefix,
            "relying_party_id": wanted.id,
            "position": position,
        }
        for position, (address, prefix) in enumerate(rules)
    ]
    if rows:
        connection.execute(insert(applies_to), rows)
