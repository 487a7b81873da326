"""An STS whose endpoints protect messages (policies `username`, `certificate`, `certificatesigned` and
`secureconversation`), and a client of it, who has established a security context where it needs one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lxml import etree

from tests import messages, protected
from tests.attack import Attack, entrances, in_both_layouts
from tests.contexts import establish
from tests.fakes import REALM, FakeKeyring
from tests.harness import ENDPOINTS, SEALED_ENDPOINTS, Sts, opened_key, signing_key
from tests.messages import Answer
from tests.protected import Draft, draft, party, protect
from wstrust_sts.config import EndpointSection
from wstrust_sts.errors import (
    FailedCheck,
    InvalidSecurity,
    StsError,
    UnsupportedAlgorithm,
    UnsupportedSecurityToken,
)
from wstrust_sts.keys import LocalMessageKey, PublicVerificationKey
from wstrust_sts.wire.algorithms import BASIC256_SHA1
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.contexts import ContextSecret
from wstrust_sts.wire.keyinfo import ByContext
from wstrust_sts.wire.opening import OpenedMessage, SharedSecret
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.wsse import TIMESTAMP, Freshness
from wstrust_sts.wire.xml import parse

SEALED_ROWS = in_both_layouts(SEALED_ENDPOINTS)
SEALED_ENTRANCES = entrances(SEALED_ROWS)
# One of each policy, for what neither version has a part in.
ONE_OF_EACH = [row for row in SEALED_ENTRANCES if row.soap == "1.2" and "13" in row.path]
# Where messages are hidden, too.
HIDING = [row for row in ONE_OF_EACH if row.policy != "certificatesigned"]
SYMMETRIC = [row for row in SEALED_ENTRANCES if row.policy in protected.SYMMETRIC]
PASSWORD = [row for row in SYMMETRIC if row.policy == "username"]
UNBELIEVED = (FailedCheck, InvalidSecurity, UnsupportedAlgorithm, UnsupportedSecurityToken)


@dataclass
class SealedSts(Sts):
    """`pinned` are certificates in DER, with their accounts' names; `message_keys` the STS's, the active first."""

    endpoints: tuple[EndpointSection, ...] = (*ENDPOINTS, *SEALED_ROWS)
    pinned: Mapping[bytes, str] | None = None
    message_keys: Sequence[LocalMessageKey] = ()

    def __post_init__(self) -> None:
        key, box = signing_key(self.algorithm)
        keyring = FakeKeyring()
        keyring.signers[REALM.name] = [opened_key(key, box=box)]
        keyring.verifiers[REALM.name] = [PublicVerificationKey.of_certificate(key.certificate, key_id=key.id)]
        own = LocalMessageKey(party("sts").key, certificate=party("sts").der)
        keyring.message_keys[REALM.name] = list(self.message_keys) or [own]
        self.keyring = keyring
        super().__post_init__()
        pinned = {party(name).der: name for name in ("alice", "bob")} if self.pinned is None else self.pinned
        for certificate, name in pinned.items():
            self.map_certificate(certificate, name)
        establish(self.stores, now=self.clock.now)


# -- a client ------------------------------------------------------------------------------------------------------


def unseal(answer: Answer, request: Draft, *, now: datetime) -> ProtectedMessage:
    """The answer, decrypted and verified with the keys of the request."""
    envelope = read_envelope(parse(answer.body), expected=_version(answer))
    terms = {"algorithms": BASIC256_SHA1, "now": now, "freshness": Freshness()}
    if request.symmetric:
        return open_symmetric(envelope, decrypters=(), known=(shared_with(request),), **terms).protected
    own = LocalMessageKey(request.signer.key, certificate=request.signer.der)
    decrypters = None if request.policy == "certificatesigned" else (own,)
    known = (read_certificate(request.recipient.der),)
    return open_asymmetric(envelope, decrypters=decrypters, known=known, **terms).protected


def shared_with(request: Draft) -> SharedSecret | ContextSecret:
    """The secret that the answer is to be protected with."""
    if request.policy == "secureconversation":
        context = request.context
        return ContextSecret(context.secret, ByContext(context.namespace, context.identifier, context.instance))
    return SharedSecret(request.secret, hashlib.sha1(request.wrapped).digest())


def _version(answer: Answer) -> SoapVersion:
    return SoapVersion.SOAP11 if answer.content_type.startswith("text/xml") else SoapVersion.SOAP12


def is_sealed(answer: Answer) -> bool:
    if answer.content_type.startswith("text/plain"):
        return False
    return answer.find(".//o:Security/ds:Signature") is not None or answer.find(".//e:EncryptedData") is not None


def in_clear(answer: Answer, request: Draft, *, now: datetime) -> Answer:
    """The answer as it was before it was sealed, where it was."""
    if not is_sealed(answer):
        return answer
    opened: OpenedMessage = unseal(answer, request, now=now).opened
    for part in list(opened.header):
        if part.tag != TIMESTAMP:
            opened.header.remove(part)
    return replace(answer, body=etree.tostring(opened.envelope.root))


class SealedAttack(Attack):
    """An attacker at an entrance where messages protect themselves. What is sent is good but for some steps."""

    last: Draft

    @property
    def symmetric(self) -> bool:
        """Whether a secret that both sides know signs the messages here."""
        return self.entrance.policy in protected.SYMMETRIC

    def draft(self, body: str | None = None, **how) -> Draft:
        """A good request in clear. Answers are read with the keys of the last one."""
        body = self.rst() if body is None else body
        how = {"now": self.now, "soap": self.entrance.soap, "action": f"{self.trust}/RST/Issue"} | how
        self.last = draft(self.entrance.policy, body, **how)
        return self.last

    def sealed(self, body: str | None = None, **steps) -> bytes:
        """A good protected message, but for the `steps` that are done otherwise."""
        return protect(self.draft(body), **steps)

    def understood(self, answer: Answer) -> Answer:
        self.came_sealed = is_sealed(answer)
        return in_clear(answer, self.last, now=self.now) if self.came_sealed else answer

    def security(self, *parts: str) -> str:
        return messages.security(*(parts or (self.timestamp(),)))

    def demand_service(self) -> None:
        self.issued(self.sealed())
        assert self.came_sealed

    def unbelieved(self, message: bytes | str, *expected: type[StsError]) -> None:
        """Refused before the protection is verified: in clear, and nothing was issued or remembered."""
        stores = self.target.sts.stores
        before = len(stores.issued_tokens.rows), len(stores.replay_cache.rows)
        self.refused(message, *(expected or UNBELIEVED))
        assert not self.came_sealed
        assert (len(stores.issued_tokens.rows), len(stores.replay_cache.rows)) == before
