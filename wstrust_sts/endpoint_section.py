"""The `[[endpoint]]` sections of sts.toml, and what they may name: WS-Trust versions, policies, tokens, keys."""

from collections.abc import Iterator
from dataclasses import dataclass

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.layout_defaults import defaults_of
from wstrust_sts.model import Endpoint, KeyType, TokenType, TrustVersion
from wstrust_sts.strict_toml import Fault, key

TRUST_VERSIONS = {"1.3": TrustVersion.V13, "2005": TrustVersion.V2005}
HIDDEN_POLICIES = frozenset(
    {"username", "certificate", "secureconversation"}
)  # messages are encrypted, whatever carries them
CLIENT_CERTIFICATE_POLICIES = frozenset({"certificatetransport"})  # TLS, or a proxy, says who the client is
ISSUED_TOKEN_POLICIES = frozenset(
    {"issuedtokenmixedsymmetricbasic256", "issuedtokenmixedasymmetricbasic256", "usernameissuedtokenmixed"}
)
ENDORSED_POLICIES = ISSUED_TOKEN_POLICIES | {
    "certificatemixed",
    "usernamecertificatemixed",
    "secureconversationmixed",
    "vmware",
}  # a signature inside of TLS
SIGNED_POLICIES = HIDDEN_POLICIES | {"certificatesigned"}  # and signed, for which the STS needs a message key
TOKEN_TYPES = {"saml20": TokenType.SAML20, "saml11": TokenType.SAML11}
KEY_TYPES = {"bearer": KeyType.BEARER, "symmetric": KeyType.SYMMETRIC, "public": KeyType.PUBLIC}

_PREFIXES = {"none": "", "saml": "saml", "saml2": "saml2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSection:
    """One address of the STS. Without any, there are /trust/13/usernamemixed and /trust/2005/usernamemixed."""

    path: str = key(kinds.text(), "Path of the address.", shown='"/trust/13/usernamemixed"')
    trust: TrustVersion = key(kinds.choice(TRUST_VERSIONS), "WS-Trust version.", shown='"1.3"')
    policy: str = key(kinds.text(), "What must be presented; the published policy.", default="usernamemixed")
    realm: str = key(kinds.text(), "Realm whose accounts and relying parties are served.", default="default")
    layout: str = key(
        kinds.text(),
        "How answers are written: default for standards-minded stacks, adfs in the text of AD FS and vmware in that of "
        "vCenter Single Sign-On, for their clients.",
        default="default",
    )
    tolerances: tuple[str, ...] = key(
        kinds.many(kinds.text()), "Named relaxations for clients that need them.", default=(), shown="[]"
    )
    default_token_type: TokenType | None = key(
        kinds.choice(TOKEN_TYPES),
        "Token type when neither request nor relying party names one: saml20; with the layout adfs saml11.",
        default=None,
        shown='"saml20"',
    )
    default_key_type: KeyType = key(
        kinds.choice(KEY_TYPES),
        "What a token is bound to when neither request nor relying party says: nothing, a secret shared with the "
        "relying party, the requestor's public key. Which of them it may be is the relying party's.",
        default=KeyType.BEARER,
        shown='"bearer"',
    )
    saml20_prefix: str | None = key(
        kinds.choice(_PREFIXES),
        "Prefix of the elements of SAML 2.0 assertions, for clients that match text: saml2; with the layout adfs none, "
        "which is the default namespace.",
        default=None,
        shown='"saml2"',
    )
    default_relying_party: str | None = key(
        kinds.text(), "Relying party for requests without AppliesTo (tolerance no-applies-to).", default=None
    )
    strict_to: bool = key(
        kinds.flag(), "Refuse messages whose wsa:To is not this endpoint's public address.", default=False
    )

    algorithms: str = key(
        kinds.text(),
        "Signature algorithms of protected messages: default refuses SHA-1; basic256sha256 accepts the RSA-SHA1 "
        "signatures of stock clients (CXF); basic256-sha1 accepts SHA-1 digests too (WCF).",
        default="default",
    )
    without_tls: bool = key(
        kinds.flag(),
        "Serve messages that protect themselves without TLS, too (policies username, certificate and "
        "secureconversation).",
        default=False,
    )
    signature_confirmation: bool = key(
        kinds.flag(),
        "Answers confirm the request's signature (policies username, certificate, certificatesigned and "
        "secureconversation).",
        default=False,
    )

    def faults(self) -> Iterator[Fault]:
        segments = self.path.split("/")[1:]
        if not self.path.startswith("/") or not all(_is_segment(segment) for segment in segments):
            yield Fault(
                "path",
                f'is not a path an endpoint can have: "{self.path}"',
                "write letters, digits, dots, dashes and underscores between slashes: /trust/13/usernamemixed",
            )
        if self.path.endswith("/mex"):
            yield Fault("path", "is where metadata is asked for", "give the endpoint another last name")
        if ("no-applies-to" in self.tolerances) != (self.default_relying_party is not None):
            yield Fault(
                "default_relying_party",
                'default_relying_party and the tolerance "no-applies-to" need each other',
                "set both, or remove the one that is there",
            )
        if "repeated-signature" in self.tolerances and self.policy not in ENDORSED_POLICIES:
            yield Fault(
                "tolerances",
                f'"repeated-signature" is for endorsing signatures, and the policy "{self.policy}" has none',
                "remove it",
            )
        for name, policy in {"unsigned-addressing": "certificatesigned", "use-key-beside": "vmware"}.items():
            if name in self.tolerances and self.policy != policy:
                fault = f'"{name}" is for the policy "{policy}", and this is "{self.policy}"'
                yield Fault("tolerances", fault, "remove it")
        if "no-timestamp" in self.tolerances and self.policy in ENDORSED_POLICIES:
            yield Fault(
                "tolerances", '"no-timestamp" leaves the policy\'s endorsing signature nothing to cover', "remove it"
            )
        for name, policies in (("without_tls", HIDDEN_POLICIES), ("signature_confirmation", SIGNED_POLICIES)):
            if getattr(self, name) and self.policy not in policies:
                yield Fault(
                    name,
                    f'is for messages that protect themselves, and under the policy "{self.policy}" they do not',
                    f"remove it, or set policy to one of: {', '.join(sorted(policies))}",
                )

    def endpoint(self) -> Endpoint:
        defaults = defaults_of(self.layout)
        return Endpoint(
            path=self.path,
            version=self.trust,
            policy=self.policy,
            realm=self.realm,
            layout=self.layout,
            tolerances=frozenset(self.tolerances),
            default_token_type=self.default_token_type or defaults.token_type,
            default_key_type=self.default_key_type,
            default_relying_party=self.default_relying_party,
            strict_to=self.strict_to,
            algorithms=self.algorithms,
            tls_required=not self.without_tls,
            signature_confirmation=self.signature_confirmation,
            saml11_uri=defaults.saml11_uri,
            saml20_prefix=defaults.saml20_prefix if self.saml20_prefix is None else self.saml20_prefix,
            saml20_explicit=defaults.saml20_explicit,
        )


def _is_segment(segment: str) -> bool:
    allowed = segment.isascii() and segment.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return allowed and segment not in (".", "..")
