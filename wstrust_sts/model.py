"""The values that travel between the layers: frozen, slotted, and each proof of a stage.

`ReceivedToken` (presented, not believed) -> `Evidence` (authenticated) -> `Principal` (one subject) ->
`TokenDescriptor` (allowed) -> `IssuedToken` (signed). Times are timezone-aware UTC throughout.
"""

import enum
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.delegation_rules import Delegate, DelegationKind
from wstrust_sts.encryption import NO_ENCRYPTION, EncryptionRule
from wstrust_sts.errors import StsError
from wstrust_sts.proof_keys import OfferedSecret, ProofKey, ProvedKey, PublicProof, UseKey
from wstrust_sts.received_tokens import ReceivedToken


class TrustVersion(enum.Enum):
    """A WS-Trust version, by the namespace of its messages."""

    V2005 = ns.WST05
    V13 = ns.WST13

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace


class Operation(enum.Enum):
    """A WS-Trust binding: the last segment of RequestType and of the action."""

    ISSUE = "Issue"
    VALIDATE = "Validate"
    CANCEL = "Cancel"
    RENEW = "Renew"


class TokenType(enum.Enum):
    """A kind of token this STS can issue, whatever spelling a client asks for it by."""

    SAML11 = "saml11"
    SAML20 = "saml20"
    SCT = "sct"  # a security context (WS-SecureConversation)


class KeyType(enum.Enum):
    BEARER = "Bearer"
    SYMMETRIC = "SymmetricKey"
    PUBLIC = "PublicKey"


class AuthenticationMethod(enum.Enum):
    """How a subject proved itself; each token type writes it in its own vocabulary."""

    PASSWORD = "password"  # noqa: S105 (a name, not a secret)
    PASSWORD_OVER_TLS = "password-over-tls"  # noqa: S105
    PASSWORD_DIGEST = "password-digest"  # noqa: S105
    PASSWORD_DIGEST_OVER_TLS = "password-digest-over-tls"  # noqa: S105
    X509 = "x509"  # a signature
    TLS_CLIENT = "tls-client"
    UNSPECIFIED = "unspecified"


# -- what came in ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMessage:
    """What the protection of one message proved (WS-Security), and what it carried as credentials.

    `seal` protects the answer with the keys that protected the request, opaque above `wire`; None: the transport does.
    `signature_digest` is SHA-256 of the message signature's value, by which a replay is known; `signature_id` is what
    the message calls that signature. `encrypted`: request and answer are hidden by the message's own protection.
    `proved_tokens` are the ids of tokens by whose secrets it is signed, beside its credentials.
    `proved_contexts` are the identifiers of the security contexts whose keys verified it, be they credentials or not.
    """

    credentials: tuple[ReceivedToken, ...]
    tls: bool
    created: datetime | None = None  # of the message Timestamp
    peer_certificate: bytes | None = None  # DER, of the TLS client
    seal: object = field(default=None, repr=False)
    signature_digest: bytes | None = None
    signature_id: str | None = None
    encrypted: bool = False
    proved_keys: tuple[ProvedKey, ...] = ()
    proved_tokens: frozenset[str] = frozenset()
    proved_contexts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AppliesTo:
    """`address` as written (trimmed), `markup` the element's own bytes, echoed as it came (wire row 18).

    `policy` and `addressing` are the namespaces of the element and of its EndpointReference.
    """

    address: str
    markup: bytes = b""
    policy: str = ns.WSP04
    addressing: str = ns.WSA


@dataclass(frozen=True, slots=True)
class RequestedClaim:
    """A claim asked for; without `optional` it is mandatory (WS-Trust 1.3 section 4.1). `values` restrict it."""

    type: str
    optional: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LifetimeWish:
    created: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSecurityToken:
    """One request, whatever face it entered by (WS-Trust 1.3 section 3).

    `token_type` is the text asked for; policy resolves it. `of_context`: an action of WS-SecureConversation asked, and
    the answer has one, too. `unsupported`: what is understood and not offered (DelegateTo, ...); policy refuses it.
    """

    version: TrustVersion
    operation: Operation
    of_context: bool = False
    context: str | None = None
    token_type: str | None = None
    key_type: KeyType | None = None
    key_type_uri: str | None = None  # the spelling asked for
    key_size: int | None = None
    entropy: OfferedSecret | None = None
    computed_key_algorithm: str | None = None
    use_key: UseKey | None = None
    applies_to: AppliesTo | None = None
    participants: tuple[str, ...] = ()  # addresses
    claims: tuple[RequestedClaim, ...] = ()
    lifetime: LifetimeWish | None = None
    issuer: str | None = None
    signature_algorithm: str | None = None
    canonicalization_algorithm: str | None = None
    encryption_algorithm: str | None = None
    renewing_allowed: bool = True
    renewing_after_expiry: bool = False
    target: ReceivedToken | None = None
    on_behalf_of: ReceivedToken | None = None  # at most one of the two
    act_as: ReceivedToken | None = None
    unsupported: tuple[str, ...] = ()


# -- who is asking -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement about a subject: a type (URI or plain name) and its values, in order.

    `friendly_name` is what people call the type, where somebody said so; it decides nothing.
    """

    type: str
    values: tuple[str, ...]
    friendly_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user or service known to a realm. `version` changes with every change of the account or its children.

    `password_hash` is an argon2id PHC string or None (the account cannot log in by password). The password itself is
    kept, sealed by the `SecretBox` for `digest_purpose`, only where the account allows PasswordDigest.
    """

    id: str
    realm: str
    name: str
    version: int
    enabled: bool = True
    expires_at: datetime | None = None
    password_hash: str | None = field(default=None, repr=False)
    claims: tuple[Claim, ...] = ()
    groups: tuple[str, ...] = ()
    sealed_digest_password: bytes | None = field(default=None, repr=False)

    @property
    def allows_digest(self) -> bool:
        return self.sealed_digest_password is not None

    @property
    def digest_purpose(self) -> str:
        """What the password is sealed for: no other account's opens here. Ids hold no colon."""
        return f"account-digest-password:{self.realm}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """What one authenticator proved of one credential. `token` is set when the credential was a token of ours. One
    that we issued ends at `until`, and is `renewable` or not. `further_methods`: those besides `method` of an
    authentication that the credential stands for.
    """

    account: Account | None
    method: AuthenticationMethod
    instant: datetime
    token: "VerifiedToken | None" = None
    until: datetime | None = None
    renewable: bool = True
    further_methods: tuple[AuthenticationMethod, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was authenticated in one request; `service.py` makes one `Principal` of it."""

    authenticated: tuple[Authenticated, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One account and how it proved itself: the requestor, made only from `Evidence`; or, where a token is made from
    another, the subject of that one, made only from a `VerifiedToken` and its row in the register;
    or one that the requestor names, by a `DelegationRule`.

    `token` is the token of ours that it was proved by. No token that it asks for lives beyond `until`, and none that is
    issued to it can be renewed unless it is `renewable`.
    """

    realm: str
    account: Account
    methods: tuple[AuthenticationMethod, ...]
    instant: datetime
    token: "VerifiedToken | None" = None
    until: datetime | None = None
    renewable: bool = True
    source: str = ""  # the address that it asks from itself; empty where it does not

    @property
    def name(self) -> str:
        return self.account.name


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """A token of ours whose signature, issuer, algorithms and times were verified; not yet asked of the register.

    `digest` is SHA-256 over the exclusive canonical form of the whole token, signature included. `audiences`,
    `authentication_instant` and `public_key` (that it is bound to, if it is to one) are what the signed octets say.
    """

    token_id: str
    token_type: TokenType
    issuer: str
    digest: bytes
    audiences: tuple[str, ...]
    authentication_instant: datetime
    expires_at: datetime
    key_id: str
    public_key: PublicProof | None = None


# -- realms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """An issuer: every stored row belongs to one. `administrators` are account names with the right to cancel.

    `pairwise_secret` keys persistent name identifiers, so that two relying parties cannot compare notes.
    """

    name: str
    issuer: str
    administrators: frozenset[str] = frozenset()
    pairwise_secret: bytes = field(default=b"", repr=False)


# -- endpoints ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the endpoint table: what is published there is what is enforced there (wire contract, head)."""

    path: str
    version: TrustVersion
    policy: str = "usernamemixed"
    realm: str = "default"
    layout: str = "default"
    tolerances: frozenset[str] = frozenset()
    default_token_type: TokenType = TokenType.SAML20
    default_key_type: KeyType = KeyType.BEARER
    default_relying_party: str | None = None
    strict_to: bool = False
    algorithms: str = "default"
    tls_required: bool = True
    signature_confirmation: bool = False
    saml11_uri: str = ns.TP11_SAML11  # the spelling of SAML 1.1 where a request names no TokenType
    saml20_prefix: str = "saml2"  # of the assertions that are issued there; empty: the default namespace
    saml20_explicit: bool = False  # these say what is optional, and nothing twice (tokens/saml20.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The circumstances of one operation: which request, where, when, from whom."""

    correlation_id: str
    endpoint: Endpoint
    now: datetime
    source: str = ""


# -- the verdict and what comes of it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NameIdentifier:
    format: str
    value: str
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Lifetime:
    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict's reasons, rule by rule, in order: what `explain` shows and the audit trail keeps.

    Claims by their types: those found about the subject, those that went out, and those that did not, each with why.
    """

    reasons: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDescriptor:
    """The policy's verdict, and all a TokenProvider may know. Only `policy.py` makes one."""

    token_id: str
    token_type: TokenType
    token_type_uri: str  # the spelling asked for, repeated in the answer
    key_type: KeyType
    proof: ProofKey | None = None  # the key that it is bound to; None: a bearer token
    instance: str | None = None  # of a security context's key; the context itself is called `token_id`
    encryption: EncryptionRule = NO_ENCRYPTION  # the relying party's
    issuer: str
    subject: NameIdentifier
    audiences: tuple[str, ...]
    lifetime: Lifetime
    authentication_methods: tuple[AuthenticationMethod, ...]  # each once, the strongest first
    authentication_instant: datetime
    attributes: tuple[Claim, ...] = ()
    recipient: str | None = None
    relying_party: str = ""
    renewing_allowed: bool = True
    renewing_after_expiry: bool = False
    original: str | None = None  # the id of the token that this one is made from
    saml20_prefix: str = "saml2"  # as in Endpoint, and so
    saml20_explicit: bool = False
    delegation: DelegationKind | None = None  # somebody else than the subject asked for it
    delegates: tuple[Delegate, ...] = ()  # who act for the subject, as the token tells it; the first one first
    decision: Decision = Decision()


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token, signed if it says anything: `markup` is its text, to be spliced and never serialised again.

    `digest` as in `VerifiedToken`: of the token itself, also where it goes out encrypted.
    """

    descriptor: TokenDescriptor
    markup: bytes = field(repr=False)
    digest: bytes
    key_id: str


class Status(enum.Enum):
    """The verdict of Validate (WS-Trust 1.3 section 7)."""

    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSecurityTokenResponse:
    """One answer, for every face. Exactly one of `issued`, `status`, `cancelled` is set; but `issued` and `status`
    together when Validate has made a token of another one.
    """

    request: RequestSecurityToken
    issued: IssuedToken | None = None
    status: Status | None = None
    reason: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the service decided; `durable` completes when everything it rests on is stored.

    Exactly one of `response` and `fault` is set. The answer may leave only after `durable` is done without an
    exception; None means that nothing had to be stored.
    """

    response: RequestSecurityTokenResponse | None = None
    fault: StsError | None = None
    durable: "Future[None] | None" = None
    requestor: str = ""
    relying_party: str = ""
    result: str = ""  # `issued`, `valid`, `invalid`, `transformed`, `renewed`, `cancelled`
