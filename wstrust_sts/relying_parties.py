"""Services that tokens are issued for, and the rules by which they are."""

from dataclasses import dataclass
from datetime import timedelta

from wstrust_sts import ns
from wstrust_sts.encryption import NO_ENCRYPTION, EncryptionRule
from wstrust_sts.model import KeyType, TokenType

OWN_PARTY = "this-sts"  # the name of the STS as a relying party of itself (own_party.py); no other has it


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliesToRule:
    """One pattern of a relying party. `address` is canonical; with `prefix` it covers the paths below it, too."""

    address: str
    prefix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeRule:
    """`on_excess`: what becomes of a wish longer than `maximum`."""

    default: timedelta = timedelta(hours=1)
    maximum: timedelta = timedelta(hours=8)
    clip: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NameIdentifierRule:
    """The subject's name for one relying party: a format URI, and the claim that holds the value.

    Without `claim`: persistent is pairwise, transient is random, every other format is the account's name.
    """

    format: str = ns.NAMEID_UNSPECIFIED
    claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRule:
    """Releases the account's claim `claim`, as `name` (default: its own type).

    `friendly_name`, here and below: what people call the claim, for tokens that say so.
    """

    claim: str
    name: str | None = None
    friendly_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRule:
    """Always states `name` with `values`."""

    name: str
    values: tuple[str, ...]
    friendly_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """States `name` with `values` when the account is in `group`; `*` is any group.

    Without `values`: the group's name, behind `prefix`.
    """

    group: str
    name: str
    values: tuple[str, ...] = ()
    prefix: str = ""
    friendly_name: str | None = None


ClaimRule = ReleaseRule | ConstantRule | GroupRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """A service that tokens are issued for. Empty `validators`: any authenticated requestor may validate.

    `audiences`: what Audience says; empty means the AppliesTo address that was asked for. `accepts_client_keys`: a
    symmetric key may be the client's own; `accepts_unproved_keys`: a public one need not be proved.
    """

    id: str
    realm: str
    name: str
    applies_to: tuple[AppliesToRule, ...]
    enabled: bool = True
    token_types: tuple[TokenType, ...] = (TokenType.SAML20, TokenType.SAML11)
    default_token_type: TokenType | None = None  # None: the endpoint's
    key_types: tuple[KeyType, ...] = (KeyType.BEARER,)
    default_key_type: KeyType | None = None  # None: the endpoint's
    lifetime: LifetimeRule = LifetimeRule()
    name_identifier: NameIdentifierRule = NameIdentifierRule()
    audiences: tuple[str, ...] = ()
    recipient: str | None = None
    claim_rules: tuple[ClaimRule, ...] = ()
    validators: frozenset[str] = frozenset()
    encryption: EncryptionRule = NO_ENCRYPTION
    accepts_client_keys: bool = False
    accepts_unproved_keys: bool = False


@dataclass(frozen=True, slots=True)
class RelyingPartyMatch:
    """The relying party an address belongs to, that address in canonical form, and the rule that covers it.

    Without `rule` it was not an address that found the relying party.
    """

    relying_party: RelyingParty
    address: str
    rule: AppliesToRule | None = None
