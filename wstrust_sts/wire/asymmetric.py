"""The asymmetric binding: the requestor's certificate signs, the recipient's encrypts, and back the other way round.

Policy `certificate` (WS-SecurityPolicy 1.2 section 7.5): signed, then the Body and the signature encrypted. The
certificate that verifies the signature is the credential; whose it is and whether to trust it is for its
authenticator to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.errors import InvalidHeaderToken
from wstrust_sts.model import VerifiedMessage
from wstrust_sts.ports import Decrypter, MessageSigner
from wstrust_sts.received_tokens import PresentedCertificate
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.certificates import Certificate
from wstrust_sts.wire.keyinfo import KeyReference
from wstrust_sts.wire.message_signature import MessageKey
from wstrust_sts.wire.opening import open_message
from wstrust_sts.wire.protection import ProtectedMessage, verify_protection
from wstrust_sts.wire.sealing import AsymmetricSeal, Methods
from wstrust_sts.wire.shown_certificate import find_certificate
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import SecuredMessage, Terms
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import Element

_RSA_FOR = {ns.ECDSA_SHA256: ns.RSA_SHA256, ns.ECDSA_SHA384: ns.RSA_SHA384, ns.ECDSA_SHA512: ns.RSA_SHA512}


def read_certificate_in_message(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `certificate`.

    Raises InvalidSecurity, UnsupportedSecurityToken, UnsupportedAlgorithm, FailedCheck, MessageExpired,
    SecurityTokenUnavailable (a certificate that is named and not shown), InvalidHeaderToken (one that is not offered).
    """
    message = _read(envelope, terms, decrypters=terms.decrypters(), addressed=True)
    if not message.signer.is_rsa:
        raise InvalidHeaderToken("nothing can be encrypted for a certificate whose key is not RSA")
    return _secured(message, terms)


def read_certificate_that_signed(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `certificatesigned`: both messages are signed, and TLS hides them.

    Raises as `read_certificate_in_message`.
    """
    addressed = "unsigned-addressing" not in terms.tolerances  # TLS protects them anyway
    return _secured(_read(envelope, terms, decrypters=None, addressed=addressed), terms)


def _read(
    envelope: Envelope, terms: Terms, *, decrypters: Sequence[Decrypter] | None, addressed: bool
) -> "AsymmetricMessage":
    message = open_asymmetric(
        envelope,
        decrypters=decrypters,
        algorithms=terms.algorithms,
        now=terms.now,
        freshness=terms.freshness,
        pinned=terms.pinned,
        addressed=addressed,
    )
    message.protected.demand_nothing_else()
    return message


def _secured(message: "AsymmetricMessage", terms: Terms) -> SecuredMessage:
    return SecuredMessage(
        envelope=message.protected.opened.envelope,
        proved=VerifiedMessage(
            credentials=(
                PresentedCertificate(
                    message.signer.der, source=terms.transport.source, intermediates=message.signer.intermediates
                ),
            ),
            tls=terms.transport.tls,
            created=message.protected.created,
            peer_certificate=terms.transport.peer_certificate,
            seal=message.seal(
                message.protected.opened.keys.decrypter or terms.signer(), confirms=terms.confirms_signatures
            ),
            signature_digest=message.protected.signature.digest_under(message.signer.key_info),
            signature_id=message.protected.signature.id,
            encrypted=bool(message.protected.opened.encryption),
        ),
    )


@dataclass(frozen=True, slots=True)
class AsymmetricMessage:
    """A verified message and the certificate whose key signed it."""

    protected: ProtectedMessage
    signer: Certificate

    def seal(self, own: MessageSigner, *, confirms: bool) -> AsymmetricSeal:
        """What protects the answer: signed by `own`, encrypted for the certificate that signed the request.

        `own` is the key that the request was encrypted for: the client trusts that one, whatever is active by now.
        """
        signature = self.protected.signature
        return AsymmetricSeal(
            signer=own,
            recipient=self.signer,
            methods=Methods(
                signature=_RSA_FOR.get(signature.method, signature.method),  # the STS's message keys are RSA
                digest=signature.digest_method,
                encryption=self.protected.opened.encryption,
            ),
            confirmed=(signature.value,) if confirms else None,
        )


def open_asymmetric(
    envelope: Envelope,
    *,
    decrypters: Sequence[Decrypter] | None,
    algorithms: Algorithms,
    now: datetime,
    freshness: Freshness,
    known: Sequence[Certificate] = (),
    pinned: Callable[[str], Sequence[bytes]] = lambda name: (),
    addressed: bool = True,
) -> AsymmetricMessage:
    """The message, decrypted and verified: with the certificate that it shows, or with the one that it names.

    That is one of the few `known`, or what `pinned` finds by its `index_name`.

    Without `decrypters` nothing of it may be encrypted. `addressed`: its WS-Addressing headers have to be signed.

    Raises as `open_message` and `verify_protection` do, and SecurityTokenUnavailable, InvalidHeaderToken.
    """
    brings = 0 if decrypters is None else 1
    opened = open_message(envelope, decrypters=decrypters or (), algorithms=algorithms, brings=brings)
    used: list[Certificate] = []

    def find_key(name: KeyReference, parts: dict[str, Element]) -> MessageKey:
        used.append(find_certificate(name, parts, opened.ids, known=known, pinned=pinned))
        return used[0]

    protected = verify_protection(
        opened,
        find_key=find_key,
        algorithms=algorithms,
        now=now,
        freshness=freshness,
        hidden=decrypters is not None,
        addressed=addressed,
    )
    return AsymmetricMessage(protected, used[0])
