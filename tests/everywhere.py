"""Every endpoint there is, and a request to each of them by whoever holds a certificate or says so."""

from dataclasses import dataclass, field

from cryptography import x509

from tests import endorsed, messages, protected
from tests.attack import demand_sound, entrances
from tests.certificates import Key
from tests.fakes import NOON
from tests.harness import CERTIFICATE_ENDPOINTS, ENDPOINTS, SEALED_ENDPOINTS
from tests.messages import Answer
from tests.sealed import SealedSts, in_clear
from wstrust_sts.bindings.http import Request

ROWS = (*ENDPOINTS[:2], *SEALED_ENDPOINTS, *CERTIFICATE_ENDPOINTS)
EVERYWHERE = entrances(ROWS)
CERTIFICATES = frozenset(
    {"certificate", "certificatesigned", "certificatemixed", "certificatetransport", "usernamecertificatemixed"}
)
BY_CERTIFICATE = tuple(entrance for entrance in EVERYWHERE if entrance.policy in CERTIFICATES)


@dataclass(frozen=True)
class Holder(protected.Party):
    """Somebody with a private key, and octets that are to pass for a certificate of his."""

    certificate: x509.Certificate | None = None
    shown: bytes = field(default=b"", repr=False)

    @property
    def der(self) -> bytes:
        return self.shown


def holder(key: Key, shown: bytes) -> Holder:
    return Holder(key, shown=shown)


def everywhere(**how) -> SealedSts:
    return SealedSts(endpoints=ROWS, **how)


def ask(sts: SealedSts, entrance, who: Holder, *wishes: str) -> Answer:
    """An Issue as the endpoint's policy has it, for `wishes`; the answer in clear. Every answer is sound."""
    body = messages.issue(*wishes, trust=entrance.trust)
    draft, peer = None, None
    if entrance in _SEALED:
        draft = protected.draft(
            entrance.policy, body, soap=entrance.soap, action=f"{entrance.trust}/RST/Issue", signer=who
        )
        octets = protected.protect(draft)
    elif entrance.policy.endswith("certificatemixed"):
        password = (messages.username_token(),) if entrance.policy.startswith("username") else ()
        party = endorsed.Party(who.key, who.shown)
        octets = endorsed.request(party, trust=entrance.trust, soap=entrance.soap, body=body, more=password).encode()
    else:
        password = (messages.username_token(),) if entrance.policy == "usernamemixed" else ()
        peer = who.shown if entrance.policy == "certificatetransport" else None
        security = messages.security(messages.timestamp(NOON), *password)
        octets = messages.envelope(body, security, soap=entrance.soap).encode()
    request = Request(
        method="POST",
        path=entrance.path,
        headers={"content-type": messages.content_type(entrance.soap)},
        body=octets,
        source="192.0.2.1",
        peer_certificate=peer,
    )
    answer = sts.request(request)
    if draft is not None:
        answer = in_clear(answer, draft, now=NOON)
    demand_sound(answer)
    return answer


_SEALED = frozenset(entrances(SEALED_ENDPOINTS))
