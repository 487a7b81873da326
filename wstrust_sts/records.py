"""What is stored: the rows of the register, of the audit trail and of the signing keys, as plain values.

Times are timezone-aware UTC. A record never holds a token's text or a secret in the clear.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """A row of the token register; never the token's text."""

    realm: str
    token_id: str
    digest: bytes
    token_type: str
    relying_party: str
    subject: str  # the NameID value that went out
    account: str  # the account's id
    requestor: str  # the id of the account that asked
    methods: str
    key_id: str  # that signed it; empty: it is not signed, as a security context is not
    key_type: str
    issued_at: datetime
    expires_at: datetime
    renewing_allowed: bool = True
    renewing_after_expiry: bool = False
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    correlation_id: str = ""
    original: str | None = None  # the id of the token that this one was made from; it is valid only while that one is
    delegation: str | None = None  # a DelegationKind: the requestor asked for it as somebody else, the subject
    key_thumbprint: str | None = None  # SHA-256 of the public key (SubjectPublicKeyInfo) it is bound to, hexadecimal
    wrapped_proof_key: bytes | None = field(default=None, repr=False)  # the secret it is bound to, sealed

    @property
    def proof_key_purpose(self) -> str:
        """What the secret is sealed for: that of no other token opens here."""
        return f"proof-key:{self.realm}:{self.token_id}"

    def is_cancelled(self, now: datetime) -> bool:
        """`cancelled_at` may lie ahead: a renewed token stays in force for a while."""
        return self.cancelled_at is not None and self.cancelled_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCancelled:
    """The durable fact that a token is cancelled from `at` on. Of several, the earliest counts."""

    realm: str
    token_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One operation, whatever its outcome. `outcome` is `issued`, `valid`, `invalid`, `transformed`, `renewed`,
    `cancelled` or a fault code.
    """

    realm: str
    correlation_id: str
    at: datetime
    operation: str
    outcome: str
    endpoint: str
    source: str = ""
    requestor: str = ""
    relying_party: str = ""
    token_id: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """The wrong credentials counted in one place lately, and when the last of them came. None: none came."""

    failures: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one user at one source: the tallies of the two together, of the user from all sources that
    have not proved themselves, and of the source with all users; and when this user last proved right from there.
    """

    together: Tally = Tally()
    user: Tally = Tally()
    source: Tally = Tally()
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen:
    """A message that counts once, by its digest (32 octets): what is written with it is written the first time only.

    Known until `until`; after that it is new again. `repeatable_at` is the path of an endpoint where it may come again
    if it first came there; empty: it may nowhere.
    """

    realm: str
    digest: bytes
    at: datetime
    until: datetime
    repeatable_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextKeyRecord:
    """A key of a security context, sealed. The context itself is in the register, its identifier as the token's id.

    `methods` and `authenticated_at` are those of the authentication that the key stands for.
    """

    realm: str
    identifier: str
    instance: str | None
    methods: str
    authenticated_at: datetime
    created_at: datetime
    expires_at: datetime
    sealed_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRenewed:
    """The durable fact that a context has a new key: that of `instance` ends at `ends_at` at the latest, the context
    itself not before `expires_at`.
    """

    realm: str
    identifier: str
    instance: str | None
    ends_at: datetime
    expires_at: datetime


Entry = TokenRecord | TokenCancelled | ContextKeyRecord | ContextRenewed | AuditEvent | MessageSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSelection:
    """Which audit events; what is empty selects nothing out. `outcome` is a whole one, or the first word of one:
    `refused` stands for every `refused InvalidScope` and the like."""

    realm: str = ""
    operation: str = ""
    outcome: str = ""
    requestor: str = ""
    relying_party: str = ""
    since: datetime | None = None


class KeyUse(enum.Enum):
    """What a realm's key is for. One use never does the work of another: each has keys and a rollover of its own."""

    TOKEN = "token"  # noqa: S105 (signs tokens, for relying parties)
    MESSAGE = "message"  # signs answers and opens messages, for clients of the message-security endpoints


class KeyState(enum.Enum):
    """The life of a key: published before it is used, and honoured after another took its place."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRecord:
    """A key as stored: the private key wrapped by the `SecretBox`, the certificate in DER."""

    id: str
    realm: str
    use: KeyUse
    state: KeyState
    algorithm: str  # rsa-2048, rsa-3072, or, for tokens alone, ec-p256
    certificate: bytes
    wrapped_private_key: bytes = field(repr=False)
    created_at: datetime
