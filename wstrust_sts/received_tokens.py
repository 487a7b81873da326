"""Credentials and tokens as presented: what a message holds, and nobody believes yet.

Each kind has an `Authenticator` that proves or refuses it. Times are timezone-aware UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wstrust_sts.delegation_rules import AssertedSubject
from wstrust_sts.proof_keys import PublicProof


@dataclass(frozen=True, slots=True)
class UsernamePassword:
    """A UsernameToken as presented (UsernameToken Profile 1.1 section 3). `password` is the text or digest.

    `created_text` is how Created was written, without white space around it: a digest covers the text, not the instant.
    """

    username: str
    password: str = field(repr=False)
    password_type: str
    nonce: bytes | None = None
    created: datetime | None = None
    over_tls: bool = False
    created_text: str = ""
    source: str = ""  # the peer's address


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """An X.509 certificate (DER) whose private key signed the message, or TLS; whose it is has yet to be said."""

    certificate: bytes = field(repr=False)
    source: str = ""  # the peer's address
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)  # DER, that came with it; in any order
    by_tls: bool = False


@dataclass(frozen=True, slots=True)
class PresentedAssertion:
    """A SAML assertion as presented: `element` is its node in the request's tree, opaque above `wire`.

    `root` is the tree the node lives in, so that ids are checked over the whole document. Both die with the request.
    `overdue`: for how long after its end it is still read, for a renewal.
    """

    element: object = field(repr=False)
    root: object = field(repr=False)
    overdue: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class PresentedReference:
    """A SecurityTokenReference to a token by its id: names a token, proves nothing."""

    token_id: str


@dataclass(frozen=True, slots=True)
class PresentedContext:
    """A wsc:SecurityContextToken, or a reference to one: names a key of a security context, and alone proves nothing.

    `proved`: the message was verified with that very key. Only what verified it says so; a target never is.
    """

    identifier: str
    instance: str | None = None
    proved: bool = False


@dataclass(frozen=True, slots=True)
class UnknownToken:
    """A token nobody here can read; it is refused where it is used. `name` is its {namespace}local name."""

    name: str


@dataclass(frozen=True, slots=True)
class EndorsingAssertion:
    """A SAML assertion as presented whose key, as it says itself, signed the message.

    `key` is that key where it is a public one; None: it is the secret that the register has for the id `token_id`.
    """

    assertion: PresentedAssertion
    token_id: str
    key: PublicProof | None = None


ReceivedToken = (
    UsernamePassword
    | PresentedCertificate
    | PresentedAssertion
    | EndorsingAssertion
    | PresentedReference
    | PresentedContext
    | AssertedSubject
    | UnknownToken
)
