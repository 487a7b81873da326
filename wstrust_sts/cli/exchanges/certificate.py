"""The requestor's certificate signs, and the STS's answers (policies `certificate` and `certificatesigned`).

Everybody can encrypt for a certificate and show one that signs: an answer counts if the certificate that signed it is
the STS's, and if it says to which request it is one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from wstrust_sts.cli.exchanges.exchange import Sent, accepted_algorithms, demand_answer, read_octets
from wstrust_sts.cli.exchanges.own_key import OwnKey
from wstrust_sts.errors import SecurityTokenUnavailable
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.certificates import Certificate
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import AsymmetricSeal, Methods, wrap_secret
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xenc import new_key
from wstrust_sts.wire.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInMessage:
    """A `Binding`. Without `methods.encryption` messages are only signed, and TLS hides them (`certificatesigned`)."""

    protects: ClassVar[bool] = True
    key: LocalMessageKey
    sts_certificate: Certificate
    methods: Methods

    @property
    def hides(self) -> bool:
        return bool(self.methods.encryption)

    @property
    def decrypter(self) -> Decrypter:
        return self.key

    def protect(self, message: Unsealed) -> Sent:
        introduction = (
            wrap_secret(new_key(self.methods.encryption), recipient=self.sts_certificate) if self.hides else None
        )
        seal = AsymmetricSeal(
            signer=self.key,
            recipient=self.sts_certificate,
            methods=self.methods,
            sends_certificate=True,
            introduction=introduction,
        )
        octets = seal.protect(message)
        algorithms = accepted_algorithms(self.methods)
        request = open_asymmetric(
            read_octets(octets),
            decrypters=None if introduction is None else [OwnKey(introduction)],
            algorithms=algorithms,
            now=message.now,
            freshness=Freshness(),
        ).protected

        def open_answer(octets: bytes, now: datetime) -> Element:
            return read_answer(
                octets,
                to=request,
                decrypter=self.key if self.hides else None,
                sts_certificate=self.sts_certificate,
                algorithms=algorithms,
                now=now,
            )

        return Sent(octets=octets, readable=request.opened.envelope.root, open_answer=open_answer)


def read_answer(
    octets: bytes,
    *,
    to: ProtectedMessage,
    decrypter: Decrypter | None,
    sts_certificate: Certificate,
    algorithms: Algorithms,
    now: datetime,
) -> Element:
    """The answer's envelope. Without `decrypter` nothing of it may be encrypted; with it, all that hides has to be.

    Raises StsError.
    """
    answer = open_asymmetric(
        read_octets(octets),
        decrypters=None if decrypter is None else [decrypter],
        algorithms=algorithms,
        now=now,
        freshness=Freshness(),
        known=[sts_certificate],
    )
    if answer.signer.der != sts_certificate.der:
        raise SecurityTokenUnavailable("the answer is signed by a certificate that is not the STS's")
    demand_answer(answer.protected, to=to, has_to_say=True)
    return answer.protected.opened.envelope.root
