"""Relying parties in the declared state: their tables of the file, read strictly and written back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wstrust_sts import ns
from wstrust_sts import toml_kinds as kinds
from wstrust_sts.addresses import parse_rule
from wstrust_sts.declared_encryption import EncryptionTable, encryption_card, encryption_table
from wstrust_sts.endpoint_section import KEY_TYPES, TOKEN_TYPES
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.relying_parties import (
    OWN_PARTY,
    AppliesToRule,
    ClaimRule,
    ConstantRule,
    GroupRule,
    LifetimeRule,
    NameIdentifierRule,
    ReleaseRule,
    RelyingParty,
)
from wstrust_sts.strict_toml import Fault, Kind, Place, describe, key

NAME_IDENTIFIER_FORMATS: Mapping[str, str] = {
    "unspecified": ns.NAMEID_UNSPECIFIED,
    "emailAddress": ns.NAMEID_EMAIL,
    "X509SubjectName": ns.NAMEID_X509_SUBJECT,
    "persistent": ns.NAMEID_PERSISTENT,
    "transient": ns.NAMEID_TRANSIENT,
    "kerberos": ns.NAMEID_KERBEROS,
    "UPN": ns.NAMEID_UPN,
}
_TOKEN_TYPES: Mapping[str, TokenType] = TOKEN_TYPES | {"sct": TokenType.SCT}
_SECOND, _YEAR = timedelta(seconds=1), timedelta(days=366)
_NAME = kinds.text(limit=256)
_NAMES = kinds.many(_NAME)
_DEFAULT_LIFETIME = LifetimeRule()


def _applies_to() -> Kind[AppliesToRule]:
    """An exact address as text, or `{ prefix = "..." }` for an address and everything below it."""

    def read(value: object, place: Place) -> AppliesToRule:
        prefix = isinstance(value, dict)
        address = value.get("prefix") if isinstance(value, dict) and value.keys() == {"prefix"} else value
        if not isinstance(address, str):
            place.refuse(
                f"must be an address, not {describe(address)}",
                'write "https://..." for exactly this address, or { prefix = "https://..." } for what is below it, too',
            )
        try:
            return AppliesToRule(address=parse_rule(address, prefix=prefix).text, prefix=prefix)
        except ValueError as error:
            place.refuse(f"{describe(address)} cannot be an address: {error}", "write the address in its plain form")

    return Kind('address, or { prefix = "address" }', read)


def _name_identifier_format() -> Kind[str]:
    words = ", ".join(f'"{word}"' for word in NAME_IDENTIFIER_FORMATS)

    def read(value: object, place: Place) -> str:
        written = kinds.text(limit=1024).read(value, place)
        if written not in NAME_IDENTIFIER_FORMATS and ":" not in written:
            place.refuse(f"must be one of {words} or a URI, not {describe(written)}", "choose one of them")
        return NAME_IDENTIFIER_FORMATS.get(written, written)

    return Kind(f"{words.replace(', ', ' or ')} or URI", read)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeTable:
    """How long tokens live."""

    default: timedelta = key(
        kinds.duration(_SECOND, _YEAR), "Without a wish in the request.", default=_DEFAULT_LIFETIME.default
    )
    maximum: timedelta = key(
        kinds.duration(_SECOND, _YEAR), "The longest that a request may ask for.", default=_DEFAULT_LIFETIME.maximum
    )
    on_excess: bool = key(
        kinds.choice({"clip": True, "refuse": False}), "A longer wish is cut, or refused.", default=True, shown='"clip"'
    )

    def faults(self) -> Iterator[Fault]:
        if self.default > self.maximum:
            yield Fault("default", "is longer than maximum", "raise maximum, or shorten default")

    def rule(self) -> LifetimeRule:
        return LifetimeRule(default=self.default, maximum=self.maximum, clip=self.on_excess)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameIdentifierTable:
    """The subject's name in the token."""

    format: str = key(_name_identifier_format(), "Its format.", default=ns.NAMEID_UNSPECIFIED, shown='"unspecified"')
    claim: str | None = key(
        kinds.text(),
        "The claim that holds it. Without: the user name; persistent is pairwise, transient random.",
        default=None,
    )

    def rule(self) -> NameIdentifierRule:
        return NameIdentifierRule(format=self.format, claim=self.claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTable:
    """One statement about the subject: exactly one of release, constant and group."""

    release: str | None = key(kinds.text(), "States the account's claim of this type.", default=None)
    constant: str | None = key(kinds.text(), "States this claim always, with values.", default=None)
    group: str | None = key(
        kinds.text(), 'States the claim named by as for members of this group; "*" for those of any.', default=None
    )
    name: str | None = key(
        kinds.text(), "With release or group: the claim's name in the token.", default=None, name="as"
    )
    values: tuple[str, ...] = key(
        kinds.many(kinds.free_text()),
        "With constant or group: its values. A group without values states the group's name.",
        default=(),
        shown="[]",
    )
    prefix: str = key(kinds.free_text(), 'Put before the group\'s name, like "EXAMPLE\\".', default="", shown='""')
    friendly_name: str | None = key(
        kinds.text(), "What people call the claim, for tokens that say so (layout vmware).", default=None
    )

    def faults(self) -> Iterator[Fault]:
        if sum(name is not None for name in (self.release, self.constant, self.group)) != 1:
            yield Fault("", "must have exactly one of release, constant and group", "keep one of them")
        elif self.constant is not None and (not self.values or self.name is not None):
            yield Fault("constant", "takes values and no as", 'write constant = "name" and values = [...]')
        elif self.release is not None and self.values:
            yield Fault("values", "release states the account's own values", "remove values, or use constant")
        elif self.group is not None and self.name is None:
            yield Fault("as", "is missing", 'name the claim that members of the group get: as = "..."')
        if self.prefix and (self.group is None or self.values):
            yield Fault("prefix", "is for the names of groups", "remove it, or use group without values")

    def rule(self) -> ClaimRule:
        if self.constant is not None:
            return ConstantRule(name=self.constant, values=self.values, friendly_name=self.friendly_name)
        if self.group is not None:
            return GroupRule(
                group=self.group,
                name=self.name or "",
                values=self.values,
                prefix=self.prefix,
                friendly_name=self.friendly_name,
            )
        return ReleaseRule(claim=self.release or "", name=self.name, friendly_name=self.friendly_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingPartyTable:
    """A service that tokens are issued for. Nothing is issued for an address that no relying party covers."""

    realm: str = key(_NAME, "Its realm.", default="default")
    name: str = key(_NAME, "Its name, for operators and logs.", shown='"orders"')
    enabled: bool = key(kinds.flag(), "Whether tokens are issued for it.", default=True)
    applies_to: tuple[AppliesToRule, ...] = key(
        kinds.many(_applies_to(), at_least=1),
        "Its addresses: exact ones as text, { prefix = ... } for an address and all below it.",
        shown='["https://orders.example.com/"]',
    )
    token_types: tuple[TokenType, ...] = key(
        kinds.many(kinds.choice(_TOKEN_TYPES), at_least=1),
        "Token types it takes. sct is a security context, whose key it learns by validating the token.",
        default=tuple(TOKEN_TYPES.values()),
        shown='["saml20", "saml11"]',
    )
    default_token_type: TokenType | None = key(
        kinds.choice(_TOKEN_TYPES), "What it gets when a request names none; without it, the endpoint's.", default=None
    )
    key_types: tuple[KeyType, ...] = key(
        kinds.many(kinds.choice(KEY_TYPES), at_least=1),
        "Keys that its tokens are bound to: none, one shared with the subject (encrypted for it), the subject's own.",
        default=(KeyType.BEARER,),
        shown='["bearer"]',
    )
    default_key_type: KeyType | None = key(
        kinds.choice(KEY_TYPES), "What it gets when a request names none; without it, the endpoint's.", default=None
    )
    client_keys: bool = key(
        kinds.flag(), "Whether a symmetric key may be the client's own choice, without a part of ours.", default=False
    )
    unproved_keys: bool = key(
        kinds.flag(), "Whether a public key may be named that the requestor did not prove to hold.", default=False
    )
    audiences: tuple[str, ...] = key(
        kinds.many(kinds.text()), "Audience of its tokens; without any, the address asked for.", default=(), shown="[]"
    )
    recipient: str | None = key(kinds.text(), "Recipient in SubjectConfirmationData (SAML 2.0).", default=None)
    validators: tuple[str, ...] = key(
        _NAMES,
        "Accounts that may validate its tokens, and get tokens made from them; without any, every authenticated one "
        "may validate, and only a token's subject gets another made from it.",
        default=(),
        shown="[]",
    )
    lifetime: LifetimeTable = key(kinds.table(LifetimeTable), "How long its tokens live.", default=LifetimeTable())
    name_identifier: NameIdentifierTable = key(
        kinds.table(NameIdentifierTable), "How subjects are named to it.", default=NameIdentifierTable()
    )
    encryption: EncryptionTable = key(
        kinds.table(EncryptionTable), "What is encrypted for it, and how.", default=EncryptionTable()
    )
    claims: tuple[ClaimTable, ...] = key(
        kinds.tables(ClaimTable, label=""), "What it is told about subjects.", default=(), name="claim"
    )

    def faults(self) -> Iterator[Fault]:
        if self.name == OWN_PARTY:
            yield Fault("name", f'"{OWN_PARTY}" is the STS itself, which needs no registration', "choose another name")
        if self.default_token_type not in (None, *self.token_types):
            yield Fault("default_token_type", "is not one of token_types", "add it there, or choose another")
        if self.default_key_type not in (None, *self.key_types):
            yield Fault("default_key_type", "is not one of key_types", "add it there, or choose another")
        if KeyType.SYMMETRIC in self.key_types and self.encryption.certificate is None:
            fix = "give it encryption.file or encryption.pem, or take symmetric from key_types"
            yield Fault("key_types", "symmetric needs a certificate to encrypt the key for", fix)

    def relying_party(self) -> RelyingParty:
        return RelyingParty(
            id="",
            realm=self.realm,
            name=self.name,
            enabled=self.enabled,
            applies_to=self.applies_to,
            token_types=self.token_types,
            default_token_type=self.default_token_type,
            key_types=self.key_types,
            default_key_type=self.default_key_type,
            accepts_client_keys=self.client_keys,
            accepts_unproved_keys=self.unproved_keys,
            encryption=self.encryption.rule(),
            audiences=self.audiences,
            recipient=self.recipient,
            validators=frozenset(self.validators),
            lifetime=self.lifetime.rule(),
            name_identifier=self.name_identifier.rule(),
            claim_rules=tuple(claim.rule() for claim in self.claims),
        )


# -- writing -----------------------------------------------------------------------------------------------------------


def relying_party_table(party: RelyingParty) -> dict[str, Any]:
    token_types = {type_: word for word, type_ in _TOKEN_TYPES.items()}
    key_types = {type_: word for word, type_ in KEY_TYPES.items()}
    lifetime = {
        "default": kinds.write_duration(party.lifetime.default),
        "maximum": kinds.write_duration(party.lifetime.maximum),
        "on_excess": "clip" if party.lifetime.clip else "refuse",
    }
    return kinds.filled(
        {
            "realm": party.realm,
            "name": party.name,
            "enabled": party.enabled,
            "applies_to": [{"prefix": rule.address} if rule.prefix else rule.address for rule in party.applies_to],
            "token_types": [token_types[type_] for type_ in party.token_types],
            "default_token_type": token_types[party.default_token_type] if party.default_token_type else None,
            "key_types": [key_types[type_] for type_ in party.key_types],
            "default_key_type": key_types[party.default_key_type] if party.default_key_type else None,
            "client_keys": party.accepts_client_keys or None,
            "unproved_keys": party.accepts_unproved_keys or None,
            "audiences": list(party.audiences),
            "recipient": party.recipient,
            "validators": sorted(party.validators),
            "lifetime": lifetime,
            "name_identifier": _name_identifier_table(party.name_identifier),
            "encryption": encryption_table(party.encryption),
            "claim": [claim_table(rule) for rule in party.claim_rules],
        }
    )


def write_relying_party(party: RelyingParty) -> str:
    """The declared state of this one."""
    import tomli_w

    return tomli_w.dumps({"relying_party": [relying_party_table(party)]}, multiline_strings=False)


def relying_party_card(party: RelyingParty) -> dict[str, Any]:
    """The same for people to read: of its certificate, the fingerprint."""
    return relying_party_table(party) | kinds.filled({"encryption": encryption_card(party.encryption)})


def _name_identifier_table(rule: NameIdentifierRule) -> dict[str, Any]:
    words = {uri: word for word, uri in NAME_IDENTIFIER_FORMATS.items()}
    return kinds.filled({"format": words.get(rule.format, rule.format), "claim": rule.claim})


def claim_table(rule: ClaimRule) -> dict[str, Any]:
    table: dict[str, Any]
    match rule:
        case ReleaseRule():
            table = {"release": rule.claim, "as": rule.name}
        case ConstantRule():
            table = {"constant": rule.name, "values": list(rule.values)}
        case GroupRule():
            table = {"group": rule.group, "values": list(rule.values), "as": rule.name, "prefix": rule.prefix or None}
    return kinds.filled(table | {"friendly_name": rule.friendly_name})
