"""What an endpoint's policy is told and what it finds: the seam between the binding and the kinds of protection."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wstrust_sts.model import VerifiedMessage
from wstrust_sts.ports import Decrypter, MessageSigner, VerificationKey
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.wsse import Freshness, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one endpoint asks of one message, and what is at hand to check it. The keys are the endpoint's realm's.

    `pinned` finds the certificates (DER) that the realm knows by an `index_name` (certificates.py), `secret_of` the
    secret that the realm's token with this id is bound to, `own_keys` those that its tokens are signed with, and
    `contexts` a security context by identifier and instance.
    """

    transport: Transport
    now: datetime
    freshness: Freshness
    algorithms: Algorithms
    tolerances: frozenset[str]
    decrypters: Callable[[], Sequence[Decrypter]]
    signer: Callable[[], MessageSigner]
    confirms_signatures: bool = False
    pinned: Callable[[str], Sequence[bytes]] = lambda name: ()
    secret_of: Callable[[str], bytes | None] = lambda token_id: None
    own_keys: Callable[[], Sequence[VerificationKey]] = tuple
    contexts: Callable[[str, str | None], SecurityContext | None] = lambda identifier, instance: None


class Protection(enum.Enum):
    """Which of an endpoint's policies protected a message, and so what it may ask for."""

    WHOLE = "whole"  # its only one: whatever the endpoint offers
    BOOTSTRAP = "bootstrap"  # the establishment of a security context, and nothing else
    CONTEXT = "context"  # everything else
    SHARED_CONTEXT = "shared-context"  # one that a relying party has, too: what is about that context itself
    BOTH = "both"  # the renewal of the context, by whoever proves itself anew


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredMessage:
    """`envelope` is what the protection covers, decrypted; nothing else of the request is read from now on."""

    envelope: Envelope
    proved: VerifiedMessage
    protection: Protection = Protection.WHOLE


class SecurityReader(Protocol):
    """Verifies the protection that one kind of endpoint policy demands."""

    def __call__(self, envelope: Envelope, terms: Terms) -> SecuredMessage: ...
