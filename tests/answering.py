"""An STS that answers over the wire codec alone, well or badly, and keys for both sides of an exchange.

It decides nothing: every request that its policy's reader believes is answered with `body`, in what protects it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication, StsError
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.registry import POLICIES
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.wire.addressing import read_addressing
from wstrust_sts.wire.algorithms import BASIC256_SHA1
from wstrust_sts.wire.soap import ReplyContext, SoapVersion, read_envelope, write_answer, write_fault
from wstrust_sts.wire.terms import Terms
from wstrust_sts.wire.wsse import Freshness, Transport
from wstrust_sts.wire.xml import parse

KEYS = Path(__file__).parent / "vectors" / "recorded" / "cxf" / "keys"
TOKEN = f'<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="_t"><saml2:Issuer>i</saml2:Issuer></saml2:Assertion>'
CORRELATION_ID = "0123456789abcdef"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """Of `sts`, `alice` or `myservice`."""
    return load_pem_private_key((KEYS / f"{name}.key").read_bytes(), None)


@cache
def message_key(name: str) -> LocalMessageKey:
    """The same with its certificate."""
    certificate = x509.load_pem_x509_certificate((KEYS / f"{name}.pem").read_bytes())
    return LocalMessageKey(private_key(name), certificate=certificate.public_bytes(Encoding.DER))


def unchanged(octets: bytes) -> bytes:
    return octets


@dataclass
class AnsweringSts:
    """A `Connection` to an endpoint with `policy`. The requests that came are kept in `received`.

    `refuses`: it answers with a fault. `seals` changes what protects the answer, `tampers` its octets; `age` is how
    long ago the answer was written; `answers` changes what the answer says of its request.
    """

    policy: str
    trust: str = ns.WST13
    key: LocalMessageKey = field(default_factory=lambda: message_key("sts"))
    now: Callable[[], datetime] = lambda: NOON
    url: str = "https://sts.example.test/trust"
    confirms: bool = False
    refuses: StsError | None = None
    age: timedelta = timedelta(0)
    seals: Callable = lambda seal: seal
    answers: Callable = lambda context: context
    tampers: Callable[[bytes], bytes] = unchanged
    content: str | None = None
    contexts: Callable[[str, str | None], SecurityContext | None] = lambda identifier, instance: None
    received: list[bytes] = field(default_factory=list)

    def post(self, message: bytes, headers: dict[str, str], *, hidden: bool) -> tuple[int, bytes]:
        self.received.append(message)
        version = SoapVersion.SOAP11 if headers["Content-Type"].startswith("text/xml") else SoapVersion.SOAP12
        envelope = read_envelope(parse(message), expected=version)
        addressing = read_addressing(envelope.blocks)
        context = ReplyContext(
            version=version,
            trust=self.trust,
            correlation_id=CORRELATION_ID,
            now=self.now() - self.age,
            addressing=addressing,
        )
        try:
            secured = POLICIES[self.policy](envelope, self._terms())
        except StsError as error:
            return 500, self.tampers(write_fault(error, context.unprotected()))
        context = self.answers(context.with_seal(self.seals(secured.proved.seal)))
        if self.refuses is not None:
            return 500, self.tampers(write_fault(self.refuses, context))
        operation = re.search("/RST/(?:SCT/)?([A-Za-z]+)$", addressing.action)[1]
        body = self.content or self._content(operation)
        action = f"{self.trust}/RSTRC/{operation}Final"
        return 200, self.tampers(write_answer(body.encode(), action=action, context=context))

    def _terms(self) -> Terms:
        return Terms(
            transport=Transport(tls=True, peer_certificate=message_key("alice").certificate),
            now=self.now(),
            freshness=Freshness(),
            algorithms=BASIC256_SHA1,
            tolerances=frozenset(),
            decrypters=lambda: [self.key],
            signer=lambda: self.key,
            confirms_signatures=self.confirms,
            contexts=self.contexts,
        )

    def _content(self, operation: str) -> str:
        said = {
            "Issue": f"<t:RequestedSecurityToken>{TOKEN}</t:RequestedSecurityToken>",
            "Renew": f"<t:RequestedSecurityToken>{TOKEN}</t:RequestedSecurityToken>",
            "Validate": f"<t:Status><t:Code>{self.trust}/status/valid</t:Code></t:Status>",
            "Cancel": "<t:RequestedTokenCancelled/>",
        }
        return (
            f'<t:RequestSecurityTokenResponse xmlns:t="{self.trust}">{said[operation]}</t:RequestSecurityTokenResponse>'
        )


def without_addressing(context: ReplyContext) -> ReplyContext:
    return context.with_addressing(None)


def to_another_request(context: ReplyContext) -> ReplyContext:
    return context.with_addressing(replace(context.addressing, message_id="urn:uuid:another"))


REFUSAL = FailedAuthentication("wrong password")
