"""From the state the database has to the declared one: the difference, shown first and then carried out.

`plan` only reads. `Plan.carry_out` writes, one transaction a change, in an order in which no address ever belongs
to two relying parties; doing it twice changes nothing the second time.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from wstrust_sts.certificates import CertificateMapping, TrustAnchor
from wstrust_sts.changes import Action, Change, Kind, Plan, Row, Write, compare, removal
from wstrust_sts.declaration import Declaration, DeclaredAccount, account_table, realm_table
from wstrust_sts.declared_certificates import anchor_card, in_order, mapping_card
from wstrust_sts.declared_delegation import delegation_rule_table
from wstrust_sts.declared_relying_parties import relying_party_card
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.model import Account, Realm
from wstrust_sts.ports import Administration
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.strict_toml import ConfigurationError, Problem


class Passwords(Protocol):
    """How passwords are kept."""

    def hash(self, password: str) -> str:
        """Raises ValueError for what cannot be a password."""
        ...

    def matches(self, password: str, account: Account) -> bool:
        """Whether it already is the account's password."""
        ...


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
    action, details = compare(realm_table(stored) if stored else None, realm_table(declared))
    return Change(
        action=action,
        kind="realm",
        realm=declared.name,
        name=declared.name,
        details=details,
        write=lambda administration: administration.put_realm(declared),
    )


# -- what is put and deleted as a whole --------------------------------------------------------------------------------


_TRUST_ANCHOR: Kind[TrustAnchor] = Kind(
    name="trust-anchor",
    card=anchor_card,
    put=lambda administration, row: administration.put_trust_anchor(row),
    delete=lambda administration, realm, name: administration.delete_trust_anchor(realm, name),
)
_RELYING_PARTY: Kind[RelyingParty] = Kind(
    name="relying-party",
    card=relying_party_card,
    put=lambda administration, row: administration.put_relying_party(row),
    delete=lambda administration, realm, name: administration.delete_relying_party(realm, name),
)
_DELEGATION_RULE: Kind[DelegationRule] = Kind(
    name="delegation-rule",
    card=delegation_rule_table,
    put=lambda administration, row: administration.put_delegation_rule(row),
    delete=lambda administration, realm, name: administration.delete_delegation_rule(realm, name),
)


def _by_name(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row.realm, row.name): row for row in rows}


def _surplus(
    stored: Mapping[tuple[str, str], Row], declared: Collection[tuple[str, str]], pruned: frozenset[str]
) -> Iterator[Row]:
    """What is not declared, in the realms that keep nothing else."""
    return (row for at, row in stored.items() if at not in declared and row.realm in pruned)


# -- trust anchors -----------------------------------------------------------------------------------------------------


def _trust_anchor_changes(
    declaration: Declaration, administration: Administration, *, realms: Iterable[str], pruned: frozenset[str]
) -> list[Change]:
    stored = _by_name(row for realm in realms for row in administration.trust_anchors(realm))
    declared = _by_name(declaration.trust_anchors)
    _require_known_anchors(declaration, {*declared, *(at for at in stored if at[0] not in pruned)})
    changes = [_TRUST_ANCHOR.removal(row) for row in _surplus(stored, declared, pruned)]
    return changes + [_TRUST_ANCHOR.change(row, stored.get(at)) for at, row in declared.items()]


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


# -- relying parties ---------------------------------------------------------------------------------------------------


def _relying_party_changes(
    declaration: Declaration, administration: Administration, *, realms: Iterable[str], pruned: frozenset[str]
) -> list[Change]:
    stored = _by_name(row for realm in realms for row in administration.relying_parties(realm))
    declared = _by_name(declaration.relying_parties)
    others = [row for at, row in stored.items() if at not in declared]
    _require_free_addresses(declaration, [row for row in others if row.realm not in pruned])
    changes = [_RELYING_PARTY.removal(row) for row in others if row.realm in pruned]
    return changes + [_relying_party_change(row, stored.get(at)) for at, row in declared.items()]


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


def _relying_party_change(declared: RelyingParty, stored: RelyingParty | None) -> Change:
    yielded: Write | None = None
    if stored is not None and set(stored.applies_to) - set(declared.applies_to):
        kept = replace(stored, applies_to=tuple(rule for rule in stored.applies_to if rule in declared.applies_to))

        def yielded(administration: Administration) -> None:
            administration.put_relying_party(kept)

    return _RELYING_PARTY.change(declared, stored, give_up=yielded)


# -- accounts ----------------------------------------------------------------------------------------------------------


def _account_changes(
    declaration: Declaration,
    administration: Administration,
    passwords: Passwords,
    *,
    realms: Iterable[str],
    pruned: frozenset[str],
) -> list[Change]:
    stored = _by_name(row for realm in realms for row in administration.accounts(realm))
    mappings = [row for realm in realms for row in administration.certificate_mappings(realm)]
    declared = {(row.realm, row.name) for row in declaration.accounts}
    changes = [removal("account", row, _delete_account) for row in _surplus(stored, declared, pruned)]
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


def _delete_account(administration: Administration, realm: str, name: str) -> None:
    administration.delete_account(realm, name)


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
    action, details = compare(before, account_table(declared) | _certificates(declared.certificates))
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
    stored = _by_name(row for realm in realms for row in administration.delegation_rules(realm))
    declared = _by_name(declaration.delegation_rules)
    changes = [
        _DELEGATION_RULE.removal(row) for at, row in stored.items() if at not in declared and row.realm in pruned
    ]
    return changes + [_DELEGATION_RULE.change(row, stored.get(at)) for at, row in declared.items()]
