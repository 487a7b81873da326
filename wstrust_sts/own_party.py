"""The STS as a relying party of itself: a token, or a security context, may be asked for the STS that issues it.

Such a token is what its holder later shows to this STS, as the credential of a request or as a security context. It
needs no registration. Its AppliesTo is one of the STS's own addresses; an enabled relying party that was registered for
such an address goes first, as for every other address.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wstrust_sts.addresses import canonical
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import KeyType, Realm, TokenType
from wstrust_sts.ports import Keyring, Realms, RelyingParties
from wstrust_sts.relying_parties import OWN_PARTY, AppliesToRule, RelyingParty, RelyingPartyMatch


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """What the STS is called. `everywhere` is the public URL, `of_realms` are the endpoints' URLs by realm; canonical.

    A realm's issuer name is an address of it, too.
    """

    everywhere: frozenset[str] = frozenset()
    of_realms: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, public_url: str, endpoints: Iterable[tuple[str, str]]) -> "OwnAddresses":
        """`endpoints`: the realm and the path of each."""
        url = public_url.rstrip("/")
        of_realms: dict[str, frozenset[str]] = {}
        for realm, path in endpoints:
            of_realms[realm] = of_realms.get(realm, frozenset()) | {canonical(url + path)}
        return cls(frozenset({canonical(url)}), of_realms)

    def include(self, unverified_address: str, realm: Realm) -> bool:
        """Whether the address means this STS, as the issuer `realm`."""
        address = canonical(unverified_address)
        return (
            address in self.everywhere
            or address in self.of_realms.get(realm.name, ())
            or address == canonical(realm.issuer)
        )


class RelyingPartiesAndOwn:
    """The registered relying parties, and behind them the STS itself, under a name that no other has. A
    `RelyingParties`.
    """

    def __init__(
        self, registered: RelyingParties, *, realms: Realms, keyring: Keyring, addresses: OwnAddresses
    ) -> None:
        self._registered = registered
        self._realms = realms
        self._keyring = keyring
        self._addresses = addresses

    def find(self, realm: str, address: str) -> RelyingPartyMatch | None:
        match = self._registered.find(realm, address)
        if match is not None:
            return match
        issuer = self._realms.get(realm)
        if issuer is None or not self._addresses.include(address, issuer):
            return None
        asked = canonical(address)
        return RelyingPartyMatch(self._own(issuer, asked), asked, AppliesToRule(address=asked))

    def get(self, realm: str, name: str) -> RelyingParty | None:
        if name != OWN_PARTY:
            return self._registered.get(realm, name)
        issuer = self._realms.get(realm)
        return None if issuer is None else self._own(issuer)

    def _own(self, realm: Realm, *addresses: str) -> RelyingParty:
        """A secret that its tokens are bound to is encrypted for the active message key, and without one there is none.

        Nothing is told about subjects: the STS finds their claims when it needs them.
        """
        return RelyingParty(
            id=OWN_PARTY,
            realm=realm.name,
            name=OWN_PARTY,
            applies_to=(),
            token_types=tuple(TokenType),
            key_types=tuple(KeyType),
            audiences=tuple(dict.fromkeys((realm.issuer, *addresses))),
            encryption=EncryptionRule(certificate=self._message_certificate(realm)),
        )

    def _message_certificate(self, realm: Realm) -> bytes | None:
        try:
            return self._keyring.message_signer(realm.name).certificate
        except RequestFailed:
            return None
