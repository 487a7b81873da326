"""The declared state: one TOML file of all that is configured in the database, read strictly and written back.

`read_declaration` is for `apply`, `write_declaration` for `export`; applying what was exported changes nothing. What
the database must become is worked out in reconciliation.py. Passwords are read and never written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.certificates import CertificateMapping, TrustAnchor
from wstrust_sts.declared_certificates import (
    CertificateTable,
    TrustAnchorTable,
    anchor_table,
    in_order,
    mapping_table,
    owned_twice,
)
from wstrust_sts.declared_delegation import DelegationRuleTable, delegation_rule_table
from wstrust_sts.declared_relying_parties import RelyingPartyTable, relying_party_table
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.model import Account, Claim, Realm
from wstrust_sts.octet_values import claim_value
from wstrust_sts.ports import Administration
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty
from wstrust_sts.strict_toml import ConfigurationError, Fault, Place, Problem, key, read_file

_NAME = kinds.text(limit=256)
_NAMES = kinds.many(_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAccount:
    """An account as it should be. `password` None leaves the stored one alone."""

    realm: str
    name: str
    enabled: bool = True
    expires_at: datetime | None = None
    claims: tuple[Claim, ...] = ()
    groups: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    allows_digest: bool = False
    certificates: tuple[CertificateMapping, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a file declares. `file` is where, for messages."""

    file: Path
    realms: tuple[Realm, ...] = ()
    trust_anchors: tuple[TrustAnchor, ...] = ()
    accounts: tuple[DeclaredAccount, ...] = ()
    relying_parties: tuple[RelyingParty, ...] = ()
    delegation_rules: tuple[DelegationRule, ...] = ()


# -- the tables of the file ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmTable:
    """An issuer. `init` makes the realm "default"."""

    name: str = key(_NAME, "Name of the realm.", shown='"default"')
    issuer: str = key(
        kinds.text(limit=1024),
        "Issuer of its tokens; relying parties trust it by this name.",
        shown='"https://sts.example.com"',
    )
    administrators: tuple[str, ...] = key(
        _NAMES, "Accounts that may cancel everybody's tokens.", default=(), shown="[]"
    )

    def realm(self) -> Realm:
        return Realm(name=self.name, issuer=self.issuer, administrators=frozenset(self.administrators))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTable:
    """A user or service that may ask for tokens. At most one source of a password; without any it stays as it is."""

    realm: str = key(_NAME, "Its realm.", default="default")
    name: str = key(_NAME, "User name, exactly as it is presented.", shown='"alice"')
    password: str | None = key(kinds.secret_text(), "The password itself.", default=None, secret=True)
    password_file: Path | None = key(kinds.path(), "File whose first line is the password.", default=None)
    password_stdin: bool = key(
        kinds.flag(), "The password is the next line of standard input, in the order of this file.", default=False
    )
    password_digest: bool = key(
        kinds.flag(),
        "Whether it may present its password as a digest, too; the password is then kept so that it can be recovered.",
        default=False,
    )
    enabled: bool = key(kinds.flag(), "Whether it may authenticate.", default=True)
    expires: datetime | None = key(kinds.instant(), "From when on it may not any more.", default=None)
    groups: tuple[str, ...] = key(_NAMES, "Groups and roles it has.", default=(), shown="[]")
    claims: tuple[tuple[str, tuple[str, ...]], ...] = key(
        kinds.texts_by_name(claim_value()),
        "What is known about it, by claim type. Octets are kept in Base64; a GUID's as Active Directory orders them.",
        default=(),
        shown="{}",
    )
    certificates: tuple[CertificateTable, ...] = key(
        kinds.tables(CertificateTable, label=""), "Its certificates.", default=(), name="certificate"
    )

    def faults(self) -> Iterator[Fault]:
        if (self.password is not None) + (self.password_file is not None) + self.password_stdin > 1:
            yield Fault("password", "more than one source of the password", "keep one of the password keys")

    def account(self, password: str | None) -> DeclaredAccount:
        return DeclaredAccount(
            realm=self.realm,
            name=self.name,
            enabled=self.enabled,
            expires_at=self.expires,
            claims=tuple(Claim(type_, values) for type_, values in self.claims),
            groups=self.groups,
            password=password,
            allows_digest=self.password_digest,
            certificates=tuple(dict.fromkeys(table.mapping(self.realm, self.name) for table in self.certificates)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationFile:
    """The whole file."""

    realms: tuple[RealmTable, ...] = key(kinds.tables(RealmTable, label="name"), "Issuers.", default=(), name="realm")
    trust_anchors: tuple[TrustAnchorTable, ...] = key(
        kinds.tables(TrustAnchorTable, label="name"), "Whose certificates count.", default=(), name="trust_anchor"
    )
    accounts: tuple[AccountTable, ...] = key(
        kinds.tables(AccountTable, label="name"), "Who may ask for tokens.", default=(), name="account"
    )
    relying_parties: tuple[RelyingPartyTable, ...] = key(
        kinds.tables(RelyingPartyTable, label="name"), "Who tokens are for.", default=(), name="relying_party"
    )
    delegation_rules: tuple[DelegationRuleTable, ...] = key(
        kinds.tables(DelegationRuleTable, label="name"), "Who may act for whom.", default=(), name="delegation_rule"
    )

    def faults(self) -> Iterator[Fault]:
        yield from _doubled("realm", [realm.name for realm in self.realms])
        yield from _doubled("trust_anchor", [f"{anchor.realm}/{anchor.name}" for anchor in self.trust_anchors])
        yield from _doubled("account", [f"{account.realm}/{account.name}" for account in self.accounts])
        yield from _doubled("relying_party", [f"{party.realm}/{party.name}" for party in self.relying_parties])
        yield from _doubled("delegation_rule", [f"{rule.realm}/{rule.name}" for rule in self.delegation_rules])
        yield from owned_twice([row for account in self.accounts for row in account.account(None).certificates])
        owners: dict[tuple[str, AppliesToRule], str] = {}
        for party in self.relying_parties:
            for rule in party.applies_to:
                owner = owners.setdefault((party.realm, rule), party.name)
                if owner != party.name:
                    yield Fault(
                        "relying_party",
                        f"{rule.address} belongs to both {owner} and {party.name}",
                        "remove one of the two",
                    )


def _doubled(name: str, keys: Sequence[str]) -> Iterator[Fault]:
    for doubled in sorted({item for item in keys if keys.count(item) > 1}):
        yield Fault(name, f"{doubled} is declared twice", "merge the two, or give one another name")


# -- reading -----------------------------------------------------------------------------------------------------------


def read_declaration(path: Path, *, standard_input: TextIO) -> Declaration:
    """What `path` declares. Raises ConfigurationError. Reads `standard_input` only where an account asks for it."""
    tables = read_file(DeclarationFile, path)
    problems: list[Problem] = []
    accounts = []
    for table in tables.accounts:
        place = Place(path, problems, f'account["{table.name}"]')
        accounts.append(table.account(_read_password(table, place, standard_input)))
    if problems:
        raise ConfigurationError(problems)
    return Declaration(
        file=path,
        realms=tuple(table.realm() for table in tables.realms),
        trust_anchors=tuple(table.anchor() for table in tables.trust_anchors),
        accounts=tuple(accounts),
        relying_parties=tuple(table.relying_party() for table in tables.relying_parties),
        delegation_rules=tuple(table.rule() for table in tables.delegation_rules),
    )


def _read_password(table: AccountTable, place: Place, standard_input: TextIO) -> str | None:
    if table.password is not None:
        return table.password
    if table.password_stdin:
        line = standard_input.readline().rstrip("\r\n")
        if not line:
            place.at("password_stdin").report(
                "standard input has no line for it", "pass one line for each such account"
            )
        return line
    if table.password_file is None:
        return None
    try:
        line = table.password_file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        place.at("password_file").report(f"{table.password_file} cannot be read", "check the path and its permissions")
        return None
    if not line:
        place.at("password_file").report(f"{table.password_file} has no first line", "put the password there")
    return line


# -- writing -----------------------------------------------------------------------------------------------------------

_HEADER = """\
# The declared state of a wstrust-sts database, for `wstrust-sts apply -f`.
# Passwords and keys are not in it: applying it leaves those that are stored as they are.

"""


def write_declaration(administration: Administration) -> str:
    """The state of the database in the form that `read_declaration` reads."""
    import tomli_w

    realms = sorted(administration.realms(), key=lambda realm: realm.name)
    accounts = [account for realm in realms for account in administration.accounts(realm.name)]
    parties = [party for realm in realms for party in administration.relying_parties(realm.name)]
    anchors = [anchor for realm in realms for anchor in administration.trust_anchors(realm.name)]
    rules = [rule for realm in realms for rule in administration.delegation_rules(realm.name)]
    mappings = [mapping for realm in realms for mapping in administration.certificate_mappings(realm.name)]
    document = {
        "realm": [realm_table(realm) for realm in realms],
        "trust_anchor": [anchor_table(row) for row in sorted(anchors, key=lambda row: (row.realm, row.name))],
        "account": [
            account_table(row) | _certificates(row, mappings)
            for row in sorted(accounts, key=lambda row: (row.realm, row.name))
        ],
        "relying_party": [relying_party_table(row) for row in sorted(parties, key=lambda row: (row.realm, row.name))],
        "delegation_rule": [delegation_rule_table(row) for row in sorted(rules, key=lambda row: (row.realm, row.name))],
    }
    return _HEADER + tomli_w.dumps({name: rows for name, rows in document.items() if rows}, multiline_strings=False)


def realm_table(realm: Realm) -> dict[str, Any]:
    """A realm as a table of the file; what is empty is left out, here and below."""
    return kinds.filled({"name": realm.name, "issuer": realm.issuer, "administrators": sorted(realm.administrators)})


def account_table(account: Account | DeclaredAccount) -> dict[str, Any]:
    return kinds.filled(
        {
            "realm": account.realm,
            "name": account.name,
            "password_digest": account.allows_digest or None,
            "enabled": account.enabled,
            "expires": account.expires_at,
            "groups": list(account.groups),
            "claims": {claim.type: _one_or_list(claim.values) for claim in account.claims},
        }
    )


def _certificates(account: Account, mappings: Iterable[CertificateMapping]) -> dict[str, Any]:
    own = [row for row in mappings if (row.realm, row.account) == (account.realm, account.name)]
    return kinds.filled({"certificate": [mapping_table(row) for row in in_order(own)]})


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
