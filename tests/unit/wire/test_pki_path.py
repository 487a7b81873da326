"""Certificates that come with those above them: X509PKIPathv1."""

import pytest

from tests.certificates import authority, intermediate, leaf, sequence
from tests.fakes import NOON
from tests.protected import Draft, draft, party, path_token, protect, reference
from wstrust_sts import ns
from wstrust_sts.errors import InvalidHeaderToken, StsError
from wstrust_sts.wire.algorithms import BASIC256_SHA1
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.pki_path import MAX_CERTIFICATES, MAX_OCTETS, read_pki_path
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import parse

CA, SUB, OWN = authority(), intermediate("sub"), leaf()


def test_a_path_is_taken_apart_into_its_certificates():
    assert read_pki_path(sequence(CA, SUB, OWN)) == (CA, SUB, OWN)
    assert read_pki_path(sequence(OWN)) == (OWN,)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        sequence(),
        sequence(OWN) + b"\0",
        sequence(OWN)[:-1],
        sequence(OWN, b"\0"),
        sequence(OWN[:-1]),
        sequence(*[b"\x30\0"] * (MAX_CERTIFICATES + 1)),
        b"\x30",
        b"\x30\x80\0\0",
        b"\x30\x81",
        b"\x30\x81\x02\x30\0",
        b"\x30\x84\0\0\0\2\x30\0",
        b"\x30\xff" + b"\xff" * 200,
        b"\x31\x02\x30\0",
        b"\x30\x80" * 10_000,
    ],
)
def test_what_is_no_path_is_refused(octets):
    with pytest.raises(InvalidHeaderToken):
        read_pki_path(octets)


def opened(path: bytes):
    """What is read of a message whose signature names a token with this path."""

    def sign(message: Draft) -> None:
        message.security.insert(0, path_token(message.bst, path))
        message.sign(key_info=reference(f"#{message.bst}", ns.X509_PKI_PATH))

    octets = protect(draft("certificatesigned", "<x/>", now=NOON, soap="1.2", action="urn:action"), sign=sign)
    envelope = read_envelope(parse(octets), expected=SoapVersion.SOAP12)
    return open_asymmetric(envelope, decrypters=None, now=NOON, freshness=Freshness(), algorithms=BASIC256_SHA1)


def test_a_message_is_verified_with_the_last_certificate_and_brings_the_others_along():
    signer = opened(sequence(CA, SUB, party("alice").der)).signer
    assert signer.der == party("alice").der
    assert signer.intermediates == (CA, SUB)


@pytest.mark.parametrize(
    "path",
    [
        sequence(party("alice").der, SUB),
        sequence(party("bob").der),
        party("alice").der,
        sequence(party("alice").der) + b"\0",
        sequence(b"\x30" * (MAX_OCTETS + 1)),
    ],
    ids=["first", "another's", "bare", "more behind", "huge"],
)
def test_a_path_whose_last_certificate_did_not_sign_is_refused(path):
    with pytest.raises(StsError):
        opened(path)
