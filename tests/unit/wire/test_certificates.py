import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.fakes import NOON
from tests.protected import certify, elliptic, look_alike, party
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidHeaderToken, UnsupportedAlgorithm
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.keyinfo import ByCertificate, ById, ByIssuerSerial, BySubjectKeyIdentifier, ByThumbprint

ALICE = party("alice")


def names(whose):
    read = read_certificate(whose.der)
    return [
        ByThumbprint(hashlib.sha1(whose.der).digest()),
        ByCertificate(whose.der),
        BySubjectKeyIdentifier(read.ski),
        ByIssuerSerial("CN=Example CA", whose.certificate.serial_number),
    ]


def test_a_certificate_is_named_by_thumbprint_key_identifier_issuer_and_itself():
    assert all(read_certificate(ALICE.der).is_named_by(name) for name in names(ALICE))
    assert not any(read_certificate(party("bob").der).is_named_by(name) for name in names(ALICE))
    assert not read_certificate(ALICE.der).is_named_by(ById("alice"))


def test_a_look_alike_shares_the_names_that_it_could_copy_and_none_of_its_octets():
    thumbprint, itself, key_identifier, issuer = names(ALICE)
    other = read_certificate(look_alike("alice").der)
    assert other.is_named_by(key_identifier)
    assert other.is_named_by(issuer)
    assert not other.is_named_by(thumbprint)
    assert not other.is_named_by(itself)


@pytest.mark.parametrize("written", ["CN=Example CA", " cn = example ca", 'CN="Example CA"', "2.5.4.3=Example CA"])
def test_an_issuer_is_known_in_the_spellings_of_various_stacks(written):
    assert read_certificate(ALICE.der).is_named_by(ByIssuerSerial(written, ALICE.certificate.serial_number))


@pytest.mark.parametrize("written", ["", "CN=Example", "CN=Example CA,O=x", "Example CA", "CN=Example CA,"])
def test_another_issuer_is_another(written):
    assert not read_certificate(ALICE.der).is_named_by(ByIssuerSerial(written, ALICE.certificate.serial_number))


@pytest.mark.parametrize("whose", [ALICE, elliptic("carol")], ids=["RSA", "elliptic"])
def test_its_key_verifies_what_the_private_key_signed_and_nothing_else(whose):
    method = ns.RSA_SHA256 if whose is ALICE else ns.ECDSA_SHA256
    signature = whose.sign(b"octets", method)
    read = read_certificate(whose.der)
    read.verify(signature, b"octets", algorithm=method)
    for value, octets in (
        (signature, b"other"),
        (signature[:-1], b"octets"),
        (bytes(len(signature)), b"octets"),
        (b"", b"octets"),
    ):
        with pytest.raises(FailedCheck):
            read.verify(value, octets, algorithm=method)


@pytest.mark.parametrize("method", [ns.HMAC_SHA1, ns.HMAC_SHA256, ns.ECDSA_SHA256, "urn:x", ""])
def test_a_method_of_another_family_is_not_computed(method):
    with pytest.raises(UnsupportedAlgorithm):
        read_certificate(ALICE.der).verify(b"x" * 256, b"octets", algorithm=method)


@pytest.mark.parametrize(
    "key",
    [
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: dsa.generate_private_key(1024),
    ],
    ids=["RSA of 1024 bits", "another curve", "a short curve", "DSA"],
)
def test_a_kind_or_size_of_key_that_is_not_offered_is_refused(key):
    with pytest.raises(InvalidHeaderToken):
        read_certificate(certify(key(), "weak", serial=1).der)


@pytest.mark.parametrize("octets", [b"", b"x", b"\x30\x82\xff\xff", bytes(5000), ALICE.der[:-1], ALICE.der + b"x"])
def test_what_is_no_certificate_is_refused(octets):
    with pytest.raises(InvalidHeaderToken):
        read_certificate(octets)


def test_keys_of_edwards_curves_are_not_offered():
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ed")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(NOON).not_valid_after(NOON + timedelta(days=1))
    with pytest.raises(InvalidHeaderToken):
        read_certificate(built.sign(key, None).public_bytes(Encoding.DER))
