"""The plug-in tables: what an operator can enable by name. One new file elsewhere, one new line here.

Packages add to the tables by entry points in the groups `wstrust_sts.authenticators`, `wstrust_sts.token_providers`
and `wstrust_sts.claim_sources`; each names a function of one `Parts`. Registered is not enabled: the configuration
says what is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from wstrust_sts.authenticators.context import ContextAuthenticator
from wstrust_sts.authenticators.lockout import Gate
from wstrust_sts.authenticators.passwords import PasswordChecker
from wstrust_sts.authenticators.saml import SamlAuthenticator
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.authenticators.x509 import X509Authenticator
from wstrust_sts.claims.account import AccountClaims
from wstrust_sts.claims.authentication import AuthenticationClaims
from wstrust_sts.claims.network import Network, NetworkClaims
from wstrust_sts.ports import (
    Accounts,
    Authenticator,
    Certificates,
    CertificateValidator,
    ClaimSource,
    Keyring,
    ReplayCache,
    SecretBox,
    SecurityContexts,
    TokenProvider,
)
from wstrust_sts.tokens.saml11 import Saml11Provider
from wstrust_sts.tokens.saml20 import Saml20Provider
from wstrust_sts.tokens.sct import SctProvider
from wstrust_sts.wire.alternatives import read_vmware
from wstrust_sts.wire.asymmetric import read_certificate_in_message, read_certificate_that_signed
from wstrust_sts.wire.issued_token import (
    read_token_with_public_key,
    read_token_with_secret,
    read_username_and_secret_of_token,
)
from wstrust_sts.wire.layouts.adfs import ADFS
from wstrust_sts.wire.layouts.default import DEFAULT, Layout
from wstrust_sts.wire.layouts.vmware import VMWARE
from wstrust_sts.wire.secure_conversation import read_secure_conversation, read_secure_conversation_over_tls
from wstrust_sts.wire.symmetric import read_username_in_message
from wstrust_sts.wire.terms import SecurityReader
from wstrust_sts.wire.transport import (
    read_certificate_of_tls,
    read_endorsing_certificate,
    read_username_and_endorsing_certificate,
    read_username_over_tls,
)

Plugin = TypeVar("Plugin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a plug-in may be built from."""

    accounts: Accounts
    certificates: Certificates
    validator: CertificateValidator
    contexts: SecurityContexts
    replay_cache: ReplayCache
    keyring: Keyring
    passwords: PasswordChecker
    box: SecretBox
    skew: timedelta
    nonce_window: timedelta
    gate: Gate | None  # None: attempts are not held up
    inside_networks: tuple[Network, ...] = ()


class UnknownPlugin(Exception):
    """A name in the configuration that no table and no installed package offers."""


@dataclass(frozen=True, slots=True)
class Table(Generic[Plugin]):
    """One kind of plug-in: ours by name, others' by entry point."""

    kind: str
    builders: Mapping[str, Callable[[Parts], Plugin]]

    def build(self, name: str, parts: Parts) -> Plugin:
        """Raises UnknownPlugin."""
        builder = self.builders.get(name)
        if builder is None:
            found = entry_points(group=f"wstrust_sts.{self.kind}", name=name)
            if len(found) != 1:
                raise UnknownPlugin(
                    f"{self.kind}: {name!r} is offered by {len(found)} packages; known here: "
                    + ", ".join(sorted(self.builders))
                )
            (entry_point,) = found
            builder = entry_point.load()
        return builder(parts)


AUTHENTICATORS: Table[Authenticator] = Table(
    "authenticators",
    {
        "username": lambda parts: UsernameAuthenticator(
            parts.accounts,
            parts.replay_cache,
            parts.passwords,
            parts.box,
            skew=parts.skew,
            nonce_window=parts.nonce_window,
            gate=parts.gate,
        ),
        "x509": lambda parts: X509Authenticator(parts.accounts, parts.certificates, parts.validator, gate=parts.gate),
        "context": lambda parts: ContextAuthenticator(parts.accounts, parts.contexts),
        "saml": lambda parts: SamlAuthenticator(parts.keyring, skew=parts.skew),
    },
)
TOKEN_PROVIDERS: Table[TokenProvider] = Table(
    "token_providers",
    {"saml20": lambda _: Saml20Provider(), "saml11": lambda _: Saml11Provider(), "sct": lambda _: SctProvider()},
)
CLAIM_SOURCES: Table[ClaimSource] = Table(
    "claim_sources",
    {
        "account": lambda _: AccountClaims(),
        "authentication": lambda _: AuthenticationClaims(),
        "network": lambda parts: NetworkClaims(parts.inside_networks),
    },
)

POLICIES: Mapping[str, SecurityReader] = {
    "usernamemixed": read_username_over_tls,
    "username": read_username_in_message,
    "certificate": read_certificate_in_message,
    "certificatesigned": read_certificate_that_signed,
    "certificatemixed": read_endorsing_certificate,
    "certificatetransport": read_certificate_of_tls,
    "usernamecertificatemixed": read_username_and_endorsing_certificate,
    "usernameissuedtokenmixed": read_username_and_secret_of_token,
    "issuedtokenmixedsymmetricbasic256": read_token_with_secret,
    "issuedtokenmixedasymmetricbasic256": read_token_with_public_key,
    "secureconversationmixed": read_secure_conversation_over_tls,
    "secureconversation": read_secure_conversation,
    "vmware": read_vmware,
}
LAYOUTS: Mapping[str, Layout] = {"default": DEFAULT, "adfs": ADFS, "vmware": VMWARE}
TOLERANCES = frozenset(
    {
        *("no-timestamp", "bare-rstr", "no-applies-to"),
        *("repeated-signature", "unsigned-addressing", "use-key-beside"),
    }
)
