"""Signatures of messages by keys that prove nobody: public, weak, doubled, or named in another way.

As in test_hostile_signatures.py, each case is a good request but for one step.
"""

import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attack import attack_of, target_of
from tests.cases import each
from tests.protected import (
    Draft,
    Form,
    b64,
    by_key_identifier,
    by_thumbprint,
    certify,
    elliptic,
    look_alike,
    party,
    protect,
    reference,
)
from tests.sealed import ONE_OF_EACH, UNBELIEVED, SealedAttack, SealedSts
from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedAuthentication,
    FailedCheck,
    InvalidHeaderToken,
    SecurityTokenUnavailable,
)

Step = Callable[[Draft], object]

target = target_of(SealedSts)
once = attack_of(SealedAttack, ONE_OF_EACH)


def signing(**how) -> Step:
    return lambda draft: draft.sign(**how)


def hmac_with(key: bytes) -> Callable[[bytes, str], bytes]:
    return lambda octets, method: hmac.digest(key, octets, "sha1" if method == ns.HMAC_SHA1 else "sha256")


def key_info(name: str) -> bytes:
    return party(name).key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("method", [ns.HMAC_SHA1, ns.HMAC_SHA256])
@pytest.mark.parametrize("whose", ["alice", "sts"])
def test_an_hmac_keyed_with_what_is_public_is_refused(once: SealedAttack, method: str, whose: str) -> None:
    for key in (key_info(whose), party(whose).der, b""):
        names = {
            "thumbprint": lambda draft: by_thumbprint(party(whose)),
            "certificate": lambda draft: Draft.name_certificate(draft),
            "X509Data": lambda draft: (
                f"<ds:X509Data><ds:X509Certificate>{b64(party(whose).der)}</ds:X509Certificate></ds:X509Data>"
            ),
        }
        for name in names.values():
            once.unbelieved(
                once.sealed(
                    sign=lambda draft, name=name, key=key: draft.sign(
                        form=Form(method=method), sign=hmac_with(key), key_info=name(draft)
                    )
                ),
                *UNBELIEVED,
                SecurityTokenUnavailable,
            )


def test_the_secret_of_the_message_is_no_certificate(once: SealedAttack) -> None:
    """Whoever makes the EncryptedKey knows it: an HMAC by it says nothing of who is asking."""
    if once.entrance.policy != "certificate":
        return
    for name in (reference("#EK", ns.ENCRYPTED_KEY), by_key_identifier(b"x" * 20, ns.ENCRYPTED_KEY_SHA1)):

        def sign(draft: Draft, name: str = name) -> None:
            draft.sign(form=Form(method=ns.HMAC_SHA1), sign=hmac_with(draft.secret), key_info=name)

        once.unbelieved(once.sealed(sign=sign), FailedCheck)


def test_a_certificate_is_no_secret_of_the_message(once: SealedAttack) -> None:
    """A message of the symmetric binding that somebody signs with a private key."""
    if not once.symmetric:
        return

    def sign(draft: Draft) -> None:
        name = draft.name_certificate()
        draft.sign(form=Form(method=ns.RSA_SHA256), sign=party("alice").sign, key_info=name)

    once.unbelieved(once.sealed(sign=sign), FailedCheck)


def key_value(name: str) -> str:
    numbers = party(name).key.public_key().public_numbers()
    modulus = b64(numbers.n.to_bytes(256, "big"))
    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )


KEY_INFOS: dict[str, Callable[[Draft], str]] = {
    "a bare KeyValue": lambda draft: key_value("alice"),
    "a key's name": lambda draft: "<ds:KeyName>alice</ds:KeyName>",
    "nothing": lambda draft: "",
    "two names": lambda draft: draft.name_certificate() + by_thumbprint(party("alice")),
    "a retrieval method": lambda draft: '<ds:RetrievalMethod URI="file:///etc/passwd"/>',
    "a file": lambda draft: reference("file:///etc/passwd", ns.X509V3),
    "a URL": lambda draft: reference("http://127.0.0.1:9/", ns.X509V3),
    "the signature itself": lambda draft: reference("#SIG", ns.X509V3),
    "the Body": lambda draft: reference("#Body", ns.X509V3),
    "the Timestamp": lambda draft: reference("#_0", ns.X509V3),
    "nothing in the message": lambda draft: reference("#nothing", ns.X509V3),
    "a reference to itself": lambda draft: reference("#KI", ns.X509V3).replace(" xmlns", ' Id="KI" xmlns', 1),
    "a thumbprint of nobody": lambda draft: by_key_identifier(b"x" * 20, ns.THUMBPRINT_SHA1),
    "the STS's thumbprint": lambda draft: by_thumbprint(party("sts")),
    "a SAML assertion": lambda draft: reference(
        "", "", inside=f'<o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">_x</o:KeyIdentifier>'
    ),
    "an embedded token": lambda draft: reference("", "", inside="<o:Embedded/>"),
    "a serial number that is none": lambda draft: (
        "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=alice</ds:X509IssuerName><ds:X509SerialNumber>-1"
        "</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
    ),
    "a certificate that is none": lambda draft: (
        "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>"
    ),
}


@each(KEY_INFOS)
def test_a_key_that_is_named_otherwise_is_refused(once: SealedAttack, case: Callable[[Draft], str]) -> None:

    def sign(draft: Draft) -> None:
        draft.sign(key_info=case(draft), sign=None if draft.symmetric else draft.signer.sign)

    once.unbelieved(once.sealed(sign=sign), *UNBELIEVED, SecurityTokenUnavailable, InvalidHeaderToken)


def test_a_look_alike_certificate_proves_nobody(once: SealedAttack) -> None:
    """Same names, serial number and key identifier, another key: it signs well, and is nobody's."""
    if once.symmetric:
        return
    attacker = look_alike("alice")
    assert attacker.certificate.serial_number == party("alice").certificate.serial_number
    draft = once.draft(signer=attacker)

    once.refused(protect(draft), FailedAuthentication)
    assert once.came_sealed


def test_a_certificate_with_a_signature_by_another_key_is_refused(once: SealedAttack) -> None:
    if once.symmetric:
        return
    once.unbelieved(once.sealed(sign=signing(sign=look_alike("alice").sign)), FailedCheck)


def test_a_second_certificate_in_the_message_is_refused(once: SealedAttack) -> None:
    """The signature's, and the one that somebody would like to be."""
    if once.symmetric:
        return

    def sign(draft: Draft) -> None:
        draft.signer = look_alike("alice")
        draft.sign()
        draft.signer, draft.bst = party("alice"), "X509-other"
        draft.name_certificate()

    once.unbelieved(once.sealed(sign=sign))


def test_an_elliptic_key_signs_where_nothing_is_hidden_for_it(once: SealedAttack) -> None:
    """Nobody's certificate here, but its signature is read; where the answer must be encrypted it cannot be."""

    if once.symmetric:
        return
    draft = once.draft(signer=elliptic("carol"))
    message = protect(draft, sign=signing(form=Form(method=ns.ECDSA_SHA256)))
    if once.entrance.policy == "certificate":
        once.refused(message, InvalidHeaderToken)
    else:
        once.refused(message, FailedAuthentication)


def test_a_key_of_1024_bits_is_refused(once: SealedAttack) -> None:

    if once.symmetric:
        return
    weak = certify(rsa.generate_private_key(public_exponent=65537, key_size=1024), "alice", serial=5)
    once.unbelieved(protect(once.draft(signer=weak)), FailedCheck, InvalidHeaderToken)
