"""What the core asks of its plug-ins and stores. Protocols only: narrow, and each with one reason to change."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Protocol

from wstrust_sts.certificates import CertificateMapping, CertificateName, ExaminedCertificate, TrustAnchor
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.model import (
    Account,
    Authenticated,
    Claim,
    IssuedToken,
    Principal,
    Realm,
    RequestedClaim,
    TokenDescriptor,
    TokenType,
)
from wstrust_sts.received_tokens import ReceivedToken
from wstrust_sts.records import AuditEvent, AuditSelection, Entry, KeyState, SigningKeyRecord, Standing, TokenRecord
from wstrust_sts.relying_parties import RelyingParty, RelyingPartyMatch
from wstrust_sts.security_contexts import SecurityContext


class Clock(Protocol):
    """The time, UTC and timezone-aware."""

    def __call__(self) -> datetime: ...


class Authenticator(Protocol):
    """Verifies one kind of credential."""

    def accepts(self, token: ReceivedToken) -> bool:
        """Whether this credential is of my kind. Cheap; verifies nothing."""
        ...

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """What the credential proves.

        Raises FailedAuthentication (a credential), InvalidSecurityToken (a token as target), Busy.
        """
        ...


class TokenProvider(Protocol):
    """Writes and signs tokens of some types."""

    token_types: frozenset[TokenType]

    def issue(self, descriptor: TokenDescriptor, signer: "Signer") -> IssuedToken: ...


class ClaimSource(Protocol):
    """Finds claims about a subject. What may be released is not its business (claims/rules.py)."""

    def claims_for(
        self, subject: Principal, relying_party: RelyingParty, wanted: Sequence[RequestedClaim]
    ) -> Iterable[Claim]: ...


class ClaimPolicy(Protocol):
    """Turns what was found into what one relying party is told, by its rules."""

    def release(self, subject: Principal, relying_party: RelyingParty, found: Sequence[Claim]) -> tuple[Claim, ...]: ...

    def satisfy(
        self, requested: Sequence[RequestedClaim], released: Sequence[Claim]
    ) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
        """What goes out of what was released, and the types withheld. Raises InvalidRequest (a mandatory claim)."""
        ...


class Signer(Protocol):
    """A private key: in memory, in PKCS#11 or behind a KMS. `sign` blocks; it is called in a request's thread."""

    key_id: str
    algorithm: str  # the ds:SignatureMethod URI
    digest_algorithm: str  # the ds:DigestMethod URI
    certificates: tuple[bytes, ...]  # DER, the signing certificate first

    def sign(self, octets: bytes) -> bytes:
        """The signature value as ds:SignatureValue wants it (ECDSA: r || s, RFC 6931 section 2.3.6)."""
        ...


class MessageSigner(Protocol):
    """The private key that protects the STS's answers; RSA."""

    certificate: bytes  # DER

    def sign(self, octets: bytes, *, algorithm: str) -> bytes:
        """The signature value by the ds:SignatureMethod `algorithm`."""
        ...


class Decrypter(MessageSigner, Protocol):
    """A private key that messages to the STS may be encrypted for; it signs the answer to whoever did so."""

    def decrypt(self, ciphertext: bytes, *, digest: str, mask: str) -> bytes | None:
        """The plaintext by RSA-OAEP with the ds:DigestMethod URIs given; None when it does not open."""
        ...


class VerificationKey(Protocol):
    """A public key that tokens of ours may be signed by, now or until they expire."""

    key_id: str
    algorithms: frozenset[str]  # the ds:SignatureMethod URIs it may be used with

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        """Raises FailedCheck. `signature` as in ds:SignatureValue."""
        ...


class CertificateValidator(Protocol):
    """Says whether a certificate is sound and which anchor it is under; whose it is, is not its business."""

    def examine(
        self,
        unverified_certificate: bytes,
        *,
        anchors: Sequence[TrustAnchor],
        now: datetime,
        unverified_intermediates: Sequence[bytes] = (),
    ) -> ExaminedCertificate:
        """Raises FailedAuthentication: malformed, out of its time, not for this use, or with a weak key; revoked, or
        not known not to be where the anchor demands it. Blocks for seconds at most, while others are asked.

        Not to be under any of `anchors` is no error: see `ExaminedCertificate.anchor`.
        """
        ...


class SecretBox(Protocol):
    """Wraps secrets for storage with a key that the database never holds.

    `purpose` is bound to the ciphertext: what was sealed for one purpose does not open for another.
    """

    def seal(self, secret: bytes, *, purpose: str) -> bytes: ...

    def open(self, sealed: bytes, *, purpose: str) -> bytes: ...


# -- stores -----------------------------------------------------------------------------------------------------


class Realms(Protocol):
    def get(self, name: str) -> Realm | None: ...


class Accounts(Protocol):
    def find(self, realm: str, name: str) -> Account | None:
        """The account by its exact name, read now (never cached): a lock or a new password acts at once."""
        ...

    def find_by_id(self, realm: str, account_id: str) -> Account | None:
        """The same by the account's id, which no later account of its name has."""
        ...


class Certificates(Protocol):
    """What a realm knows of the certificates that requestors show."""

    def anchors(self, realm: str) -> Sequence[TrustAnchor]:
        """By name."""
        ...

    def mappings(self, realm: str, names: Sequence[CertificateName]) -> Sequence[CertificateMapping]:
        """Those of any of `names`, whatever their anchor. Found by index, each name for itself."""
        ...

    def pinned(self, realm: str, name: str) -> Sequence[bytes]:
        """The certificates (DER) that are mapped by themselves and that a message may name so. Found by index.

        `name` is an `index_name` of a reference to a certificate (wire/certificates.py).
        """
        ...


class RelyingParties(Protocol):
    def find(self, realm: str, address: str) -> RelyingPartyMatch | None:
        """The enabled relying party that `address` belongs to: exact before prefix, longer prefix first."""
        ...

    def get(self, realm: str, name: str) -> RelyingParty | None: ...


class DelegationRules(Protocol):
    def of_realm(self, realm: str) -> Sequence[DelegationRule]:
        """By name."""
        ...


class SigningKeys(Protocol):
    def list(self, realm: str) -> Sequence[SigningKeyRecord]:
        """All keys of the realm that are not retired, of every use, oldest first."""
        ...

    def generation(self) -> int:
        """The configuration's generation number: changes with every change of keys, realms, relying parties."""
        ...


class IssuedTokens(Protocol):
    def find(self, realm: str, token_id: str) -> TokenRecord | None: ...

    def last_expiry(self, realm: str, key_id: str, *, now: datetime) -> datetime | None:
        """When the last token expires that a key signed and that is neither expired nor cancelled; None: there is none.

        For operators' commands: it looks at every token that is in force.
        """
        ...


class SecurityContexts(Protocol):
    def find(self, realm: str, identifier: str, instance: str | None) -> SecurityContext | None:
        """One key of a context that is not cancelled, read now (never cached); None: there is none.

        It may have expired: that is the caller's to check. `instance` None is the first key.
        """
        ...


class AuditTrail(Protocol):
    """What the journal keeps of operations, for operators."""

    def of_operation(self, correlation_id: str) -> Sequence[AuditEvent]:
        """The events under one correlation id, in the order of their time."""
        ...

    def latest(self, selection: AuditSelection, *, limit: int | None) -> Sequence[AuditEvent]:
        """The newest `limit` selected events (None: all of them), in the order of their time."""
        ...


class Journal(Protocol):
    """Durable writes. All entries of one call commit in one transaction, perhaps together with other calls'."""

    def write(self, *entries: Entry) -> "Future[None]":
        """Completes when the entries are durable, or with Busy when they could not be stored (then none is).

        Of `MessageSeen` there is one at most. Where any node has seen that message before, and it is not repeatable, no
        entry of the call is stored, and the future fails with FailedAuthentication.
        """
        ...


class ReplayCache(Protocol):
    def remember(self, realm: str, digest: bytes, *, now: datetime, keep: timedelta) -> bool:
        """True when `digest` (32 bytes) was not seen before, by any node; durable before it returns."""
        ...

    def knows(self, realm: str, digest: bytes, *, now: datetime, repeatable_at: str = "") -> bool:
        """Whether this node has seen `digest` and has not forgotten it, but for what is repeatable at that endpoint.

        Cheap; says nothing of what others saw.
        """
        ...


class Lockouts(Protocol):
    """Wrong credentials, counted for all nodes. `subject` is 32 octets that stand for a user name, `source` is where a
    request came from and never empty."""

    def find(self, realm: str, subject: bytes, source: str) -> Standing: ...

    def failed(
        self, realm: str, subject: bytes, source: str, *, at_home: bool, now: datetime, keep: timedelta
    ) -> "Future[None]":
        """Counts one wrong credential: of the two together and, unless `at_home`, of each of them, too.

        A tally whose last failure is `keep` ago begins anew. Completes when that is durable, or with Busy.
        """
        ...

    def proved(self, realm: str, subject: bytes, source: str, *, now: datetime, keep: timedelta) -> "Future[None]":
        """Notes that the user proved right from there, for `keep`; what the two together failed is forgotten."""
        ...

    def unlock(self, realm: str, subject: bytes) -> bool:
        """Forgets the failures of a user from everywhere, not what proved right. False when there were none."""
        ...


class Patience(Protocol):
    """How many messages that do not open one source may send: each costs an operation of a private key, or guesses."""

    def admit(self, realm: str, source: str, *, now: datetime) -> None:
        """Before a key is looked for. Raises FailedAuthentication while the source is held up; Busy."""
        ...

    def failed(self, realm: str, source: str, *, now: datetime) -> None:
        """Counts one. That it is not durable yet holds nobody up."""
        ...


class Keyring(Protocol):
    """The keys of a realm by use, as of now; follows the configuration's generation."""

    def signer(self, realm: str) -> Signer:
        """The active token key. Raises RequestFailed when there is none."""
        ...

    def verification_keys(self, realm: str) -> Sequence[VerificationKey]:
        """Keys that tokens of ours may carry: active and retiring token keys."""
        ...

    def message_signer(self, realm: str) -> MessageSigner:
        """The active message key. Raises RequestFailed when there is none."""
        ...

    def decrypters(self, realm: str) -> Sequence[Decrypter]:
        """Message keys that messages may be encrypted for: the active one first, then retiring and next."""
        ...

    def certificates(self, realm: str) -> Sequence[bytes]:
        """The certificates that relying parties need, DER: of the active keys first, then next and retiring ones."""
        ...


class Administration(Protocol):
    """Every change of what is configured in the database. Each call is one transaction and, where nodes cache
    what it changes, raises the configuration's generation. `put_*` creates or replaces by (realm, name)."""

    def realms(self) -> Sequence[Realm]: ...

    def put_realm(self, realm: Realm) -> None:
        """An empty `pairwise_secret` keeps the stored one, or makes one for a new realm."""
        ...

    def accounts(self, realm: str) -> Sequence[Account]: ...

    def put_account(
        self,
        realm: str,
        name: str,
        *,
        enabled: bool,
        expires_at: datetime | None,
        claims: Sequence[Claim],
        groups: Sequence[str],
        password_hash: str | None,
        digest_password: bytes | None = None,
    ) -> None:
        """`password_hash` None keeps the stored one.

        `digest_password` is the password itself, to be sealed, for an account that allows PasswordDigest. None keeps
        the stored one, unless `password_hash` brings another password; empty octets remove it.
        """
        ...

    def delete_account(self, realm: str, name: str) -> bool: ...

    def certificate_mappings(self, realm: str) -> Sequence[CertificateMapping]: ...

    def add_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        """False when the account has it already.

        Raises ValueError when there is no such account or anchor, or the same certificates are another account's.
        """
        ...

    def delete_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        """By account, name and anchor. False when there is none."""
        ...

    def trust_anchors(self, realm: str) -> Sequence[TrustAnchor]: ...

    def put_trust_anchor(self, anchor: TrustAnchor) -> None:
        """Creates or replaces by (realm, name); mappings under it stay. Raises ValueError: no such realm."""
        ...

    def delete_trust_anchor(self, realm: str, name: str) -> bool:
        """With the mappings under it."""
        ...

    def relying_parties(self, realm: str) -> Sequence[RelyingParty]: ...

    def put_relying_party(self, relying_party: RelyingParty) -> None:
        """`id` is ignored. Raises ValueError when one of its rules already belongs to another relying party."""
        ...

    def delete_relying_party(self, realm: str, name: str) -> bool: ...

    def delegation_rules(self, realm: str) -> Sequence[DelegationRule]: ...

    def put_delegation_rule(self, rule: DelegationRule) -> None:
        """Raises ValueError: no such realm."""
        ...

    def delete_delegation_rule(self, realm: str, name: str) -> bool: ...

    def add_signing_key(self, key: SigningKeyRecord) -> None: ...

    def set_key_state(self, realm: str, key_id: str, state: KeyState, *, expected: KeyState | None = None) -> bool:
        """False when the realm has no such key, or not (or no longer) in the `expected` state."""
        ...

    def promote_key(self, realm: str, key_id: str) -> bool:
        """Makes a `next` key the active one of its use and whichever was active a retiring one, in one transaction.

        False when the realm has no such key, or not (or no longer) as `next`.
        """
        ...
