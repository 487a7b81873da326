"""From the state the database has to the declared one: the difference, shown first and then carried out.

`plan` only reads. `Plan.carry_out` writes, one transaction a change, in an order in which no address ever belongs
to two relying parties; doing it twice changes nothing the second time.
"""

import enum
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from wstrust_sts.certificates import CertificateMapping, TrustAnchor
from wstrust_sts.declaration import Declaration, DeclaredAccount, account_table, realm_table
from wstrust_sts.declared_certificates import anchor_card, in_order, mapping_card
from wstrust_sts.declared_delegation import delegation_rule_table
from wstrust_sts.declared_relying_parties import relying_party_card
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.model import Account, Realm
from wstrust_sts.ports import Administration
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.strict_toml import ConfigurationError, Problem

Write = Callable[[Administration], object]


class Passwords(Protocol):
    """How passwords are kept."""

    def hash(self, password: str) -> str:
        """Raises ValueError for what cannot be a password."""
        ...

    def matches(self, password: str, account: Account) -> bool:
        """Whether it already is the account's password."""
        ...


class Action(enum.Enum):
    """What becomes of one thing; the value is its sign in a listing."""

    CREATE = "+"
    CHANGE = "~"
    KEEP = "="
    REMOVE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a plan. `details` are the differences, in the notation of the file; never a password.

    `give_up`, where there is one, comes before all other writes: it gives up addresses or certificates that move
    elsewhere.
    """

    action: Action
    kind: str  # realm, trust-anchor, account, relying-party, delegation-rule
    realm: str
    name: str
    details: tuple[str, ...] = ()
    write: Write = field(repr=False, compare=False)
    give_up: Write | None = field(repr=False, compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, in the order in which they are shown."""

    changes: tuple[Change, ...]

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

    @property
    def is_empty(self) -> bool:
        return self.count(Action.KEEP) == len(self.changes)

    def carry_out(self, administration: Administration) -> None:
        """Raises Busy; ValueError when an address or a certificate is someone else's. What was done stays done."""
        due = [change for change in self.changes if change.action is not Action.KEEP]
        for change in due:
            if change.action is Action.REMOVE:
                change.write(administration)
        for change in due:
            if change.give_up is not None:
                change.give_up(administration)
        for change in due:
            if change.action is not Action.REMOVE:
                change.write(administration)


def plan(
    declaration: Declaration, administration: Administration, passwords: Passwords, *, prune: bool = False
) -> Plan:
    """What has to happen so that the database is as declared.

    With `prune`, trust anchors, accounts, relying parties and delegation rules that are not declared go, in the realms
    that the file declares. A realm is never removed. Raises ConfigurationError for what shows only beside the database.
    """
    realms = {realm.name: realm for realm in administration.realms()}
    _require_known_realms(declaration, realms)
    pruned = frozenset(realm.name for realm in declaration.realms) if prune else frozenset()
    changes = [_realm_change(declared, realms.get(declared.name)) for declared in declaration.realms]
    changes += _trust_anchor_changes(declaration, administration, realms=realms, pruned=pruned)
    changes += _relying_party_changes(declaration, administration, realms=realms, pruned=pruned)
    changes += _account_changes(declaration, administration, passwords, realms=realms, pruned=pruned)
    changes += _delegation_rule_changes(declaration, administration, realms=realms, pruned=pruned)
    return Plan(tuple(changes))


def _require_known_realms(declaration: Declaration, stored: Mapping[str, Realm]) -> None:
    known = {realm.name for realm in declaration.realms} | set(stored)
    rows = [("account", account.realm, account.name) for account in declaration.accounts]
    rows += [("trust_anchor", anchor.realm, anchor.name) for anchor in declaration.trust_anchors]
    rows += [("relying_party", party.realm, party.name) for party in declaration.relying_parties]
    rows += [("delegation_rule", rule.realm, rule.name) for rule in declaration.delegation_rules]
    problems = [
        Problem(
            f'{declaration.file}: {kind}["{name}"].realm',
            f'there is no realm "{realm}"',
            f"declare it with [[realm]], or use one of: {', '.join(sorted(known)) or '(there are none)'}",
        )
        for kind, realm, name in rows
        if realm not in known
    ]
    if problems:
        raise ConfigurationError(problems)


def _realm_change(declared: Realm, stored: Realm | None) -> Change:
    action, details = _compare(realm_table(stored) if stored else None, realm_table(declared))
    return Change(
        action=action,
        kind="realm",
        realm=declared.name,
        name=declared.name,
        details=details,
        write=lambda administration: administration.put_realm(declared),
    )


# -- trust anchors -----------------------------------------------------------------------------------------------------


def _trust_anchor_changes(
    declaration: Declaration, administration: Administration, *, realms: Iterable[str], pruned: frozenset[str]
) -> list[Change]:
    stored = {(row.realm, row.name): row for realm in realms for row in administration.trust_anchors(realm)}
    declared = {(row.realm, row.name): row for row in declaration.trust_anchors}
    _require_known_anchors(declaration, {*declared, *(at for at in stored if at[0] not in pruned)})
    changes = [_trust_anchor_removal(row) for at, row in stored.items() if at not in declared and row.realm in pruned]
    return changes + [_trust_anchor_change(row, stored.get(at)) for at, row in declared.items()]


def _require_known_anchors(declaration: Declaration, known: Collection[tuple[str, str]]) -> None:
    problems = [
        Problem(
            f'{declaration.file}: account["{mapping.account}"].certificate.anchor',
            f'there is no trust anchor "{mapping.anchor}" in realm "{mapping.realm}"',
            "declare it with [[trust_anchor]], or correct the name",
        )
        for account in declaration.accounts
        for mapping in account.certificates
        if mapping.anchor is not None and (mapping.realm, mapping.anchor) not in known
    ]
    if problems:
        raise ConfigurationError(problems)


def _trust_anchor_removal(anchor: TrustAnchor) -> Change:
    return Change(
        action=Action.REMOVE,
        kind="trust-anchor",
        realm=anchor.realm,
        name=anchor.name,
        write=lambda administration: administration.delete_trust_anchor(anchor.realm, anchor.name),
    )


def _trust_anchor_change(declared: TrustAnchor, stored: TrustAnchor | None) -> Change:
    action, details = _compare(anchor_card(stored) if stored else None, anchor_card(declared))
    return Change(
        action=action,
        kind="trust-anchor",
        realm=declared.realm,
        name=declared.name,
        details=details,
        write=lambda administration: administration.put_trust_anchor(declared),
    )


# -- relying parties ---------------------------------------------------------------------------------------------------


def _relying_party_changes(
    declaration: Declaration, administration: Administration, *, realms: Iterable[str], pruned: frozenset[str]
) -> list[Change]:
    stored = {(row.realm, row.name): row for realm in realms for row in administration.relying_parties(realm)}
    declared = {(row.realm, row.name): row for row in declaration.relying_parties}
    others = [row for at, row in stored.items() if at not in declared]
    _require_free_addresses(declaration, [row for row in others if row.realm not in pruned])
    changes = [_relying_party_removal(row) for row in others if row.realm in pruned]
    for at, row in declared.items():
        changes.append(_relying_party_change(row, stored.get(at)))
    return changes


def _require_free_addresses(declaration: Declaration, staying: Iterable[RelyingParty]) -> None:
    owners = {(party.realm, rule): party.name for party in staying for rule in party.applies_to}
    problems = [
        Problem(
            f'{declaration.file}: relying_party["{party.name}"].applies_to',
            f"{rule.address} belongs to {owners[party.realm, rule]} already",
            f"declare {owners[party.realm, rule]} without it, or remove that relying party",
        )
        for party in declaration.relying_parties
        for rule in party.applies_to
        if (party.realm, rule) in owners
    ]
    if problems:
        raise ConfigurationError(problems)


def _relying_party_removal(party: RelyingParty) -> Change:
    return Change(
        action=Action.REMOVE,
        kind="relying-party",
        realm=party.realm,
        name=party.name,
        write=lambda administration: administration.delete_relying_party(party.realm, party.name),
    )


def _relying_party_change(declared: RelyingParty, stored: RelyingParty | None) -> Change:
    action, details = _compare(relying_party_card(stored) if stored else None, relying_party_card(declared))
    yielded: Write | None = None
    if stored is not None and set(stored.applies_to) - set(declared.applies_to):
        kept = replace(stored, applies_to=tuple(rule for rule in stored.applies_to if rule in declared.applies_to))

        def yielded(administration: Administration) -> None:
            administration.put_relying_party(kept)

    return Change(
        action=action,
        kind="relying-party",
        realm=declared.realm,
        name=declared.name,
        details=details,
        write=lambda administration: administration.put_relying_party(declared),
        give_up=yielded,
    )


# -- accounts ----------------------------------------------------------------------------------------------------------


def _account_changes(
    declaration: Declaration,
    administration: Administration,
    passwords: Passwords,
    *,
    realms: Iterable[str],
    pruned: frozenset[str],
) -> list[Change]:
    stored = {(row.realm, row.name): row for realm in realms for row in administration.accounts(realm)}
    mappings = [row for realm in realms for row in administration.certificate_mappings(realm)]
    declared = {(row.realm, row.name) for row in declaration.accounts}
    changes = [_account_removal(row) for at, row in stored.items() if at not in declared and row.realm in pruned]
    problems: list[Problem] = []
    for row in declaration.accounts:
        try:
            _require_password_for_digest(row, stored.get((row.realm, row.name)))
            own = [each for each in mappings if (each.realm, each.account) == (row.realm, row.name)]
            changes.append(_account_change(row, stored.get((row.realm, row.name)), own, passwords))
        except _NoPassword as error:
            where = f'{declaration.file}: account["{row.name}"].password_digest'
            problems.append(Problem(where, str(error), "give the password here, too, or remove password_digest"))
        except ValueError as error:
            where = f'{declaration.file}: account["{row.name}"].password'
            problems.append(Problem(where, str(error), "choose another password"))
    if problems:
        raise ConfigurationError(problems)
    return changes


def _account_removal(account: Account) -> Change:
    return Change(
        action=Action.REMOVE,
        kind="account",
        realm=account.realm,
        name=account.name,
        write=lambda administration: administration.delete_account(account.realm, account.name),
    )


class _NoPassword(Exception):
    """Digests are asked for, and there is nothing to check them with."""


def _require_password_for_digest(declared: DeclaredAccount, stored: Account | None) -> None:
    if declared.allows_digest and declared.password is None and not (stored and stored.allows_digest):
        raise _NoPassword("needs the password: what is stored, if anything, is a hash")


def _account_change(
    declared: DeclaredAccount, stored: Account | None, mappings: Iterable[CertificateMapping], passwords: Passwords
) -> Change:
    """Raises ValueError for a password that cannot be one."""
    before = None if stored is None else account_table(stored) | _certificates(mappings)
    action, details = _compare(before, account_table(declared) | _certificates(declared.certificates))
    password_hash = None
    if declared.password is not None and not (stored and passwords.matches(declared.password, stored)):
        password_hash = passwords.hash(declared.password)
        details = (*details, "password: set")
        action = Action.CHANGE if stored else Action.CREATE
    surplus = [mapping for mapping in mappings if mapping_card(mapping) not in map(mapping_card, declared.certificates)]
    return Change(
        action=action,
        kind="account",
        realm=declared.realm,
        name=declared.name,
        details=details,
        write=lambda administration: _write_account(declared, password_hash, administration),
        give_up=(lambda administration: _delete_mappings(surplus, administration)) if surplus else None,
    )


def _certificates(mappings: Iterable[CertificateMapping]) -> dict[str, Any]:
    return {"certificate": [mapping_card(mapping) for mapping in in_order(mappings)]}


def _write_account(declared: DeclaredAccount, password_hash: str | None, administration: Administration) -> None:
    digest_password = None if declared.allows_digest else b""
    if declared.allows_digest and declared.password is not None:
        digest_password = declared.password.encode()
    administration.put_account(
        declared.realm,
        declared.name,
        enabled=declared.enabled,
        expires_at=declared.expires_at,
        claims=declared.claims,
        groups=declared.groups,
        password_hash=password_hash,
        digest_password=digest_password,
    )
    for mapping in declared.certificates:
        administration.add_certificate_mapping(mapping)


def _delete_mappings(mappings: Iterable[CertificateMapping], administration: Administration) -> None:
    for mapping in mappings:
        administration.delete_certificate_mapping(mapping)


# -- delegation rules --------------------------------------------------------------------------------------------------


def _delegation_rule_changes(
    declaration: Declaration, administration: Administration, *, realms: Iterable[str], pruned: frozenset[str]
) -> list[Change]:
    stored = {(row.realm, row.name): row for realm in realms for row in administration.delegation_rules(realm)}
    declared = {(row.realm, row.name): row for row in declaration.delegation_rules}
    changes = [_delegation_removal(row) for at, row in stored.items() if at not in declared and row.realm in pruned]
    return changes + [_delegation_change(row, stored.get(at)) for at, row in declared.items()]


def _delegation_removal(rule: DelegationRule) -> Change:
    return Change(
        action=Action.REMOVE,
        kind="delegation-rule",
        realm=rule.realm,
        name=rule.name,
        write=lambda administration: administration.delete_delegation_rule(rule.realm, rule.name),
    )


def _delegation_change(declared: DelegationRule, stored: DelegationRule | None) -> Change:
    action, details = _compare(delegation_rule_table(stored) if stored else None, delegation_rule_table(declared))
    return Change(
        action=action,
        kind="delegation-rule",
        realm=declared.realm,
        name=declared.name,
        details=details,
        write=lambda administration: administration.put_delegation_rule(declared),
    )


# -- differences ------------------------------------------------------------------------------------------------------


def _compare(stored: dict[str, Any] | None, declared: dict[str, Any]) -> tuple[Action, tuple[str, ...]]:
    if stored is None:
        return Action.CREATE, ()
    before, after = dict(_flatten(stored)), dict(_flatten(declared))
    details = tuple(
        f"{name}: {_show(before.get(name))} -> {_show(after.get(name))}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    )
    return (Action.CHANGE if details else Action.KEEP), details


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _show(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_show(item)}" for name, item in value.items()) + " }"
    return f'"{value}"'
