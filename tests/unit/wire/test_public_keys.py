"""Public keys as requests and tokens name them; what is no sound key is refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests.certificates import key, leaf
from tests.holders import HOLDERS, key_info_of, key_value, public_proof, rsa_key_value, x509_data
from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import VerifiedMessage
from wstrust_sts.proof_keys import ProvedKey
from wstrust_sts.received_tokens import PresentedCertificate
from wstrust_sts.wire.public_keys import proved_keys_of, read_public_key, write_public_key

MODULUS = key("holder rsa-2048", "rsa-2048").public_key().public_numbers().n
each_holder = pytest.mark.parametrize("kind", HOLDERS)


def read(markup: str):
    return read_public_key(etree.fromstring(markup))


def ec_key_value(curve: str, point: bytes) -> str:
    return (
        f'<d:KeyValue xmlns:d="{ns.DS}"><e:ECKeyValue xmlns:e="{ns.DS11}"><e:NamedCurve URI="{curve}"/>'
        f"<e:PublicKey>{base64.b64encode(point).decode()}</e:PublicKey></e:ECKeyValue></d:KeyValue>"
    )


def point_of(kind: str) -> bytes:
    return key(f"point {kind}", kind).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


P256, P384 = "urn:oid:1.2.840.10045.3.1.7", "urn:oid:1.3.132.0.34"


@each_holder
def test_a_key_is_the_same_by_value_and_by_certificate(kind):
    assert read(x509_data(HOLDERS[kind])) == public_proof(kind)
    assert read(key_value(HOLDERS[kind])) == public_proof(kind, certified=False)


@each_holder
@pytest.mark.parametrize("certified", [True, False])
def test_what_is_written_is_canonical_and_read_back(kind, certified):
    proof = public_proof(kind, certified=certified)
    markup = f'<ds:KeyInfo xmlns:ds="{ns.DS}">{write_public_key(proof)}</ds:KeyInfo>'
    element = etree.fromstring(markup)
    assert etree.tostring(element, method="c14n", exclusive=True).decode() == markup
    assert read_public_key(element[0]) == proof


def test_line_ends_and_a_leading_zero_are_nothing():
    octets = base64.encodebytes(b"\0" + MODULUS.to_bytes(256)).decode()
    markup = rsa_key_value(MODULUS, 65537)
    plain = base64.b64encode(MODULUS.to_bytes(256)).decode()
    assert read(markup.replace(plain, octets)) == public_proof("rsa-2048", certified=False)


@pytest.mark.parametrize(
    "markup",
    [
        rsa_key_value(key("short", "rsa-1024").public_key().public_numbers().n, 65537),
        rsa_key_value(1 << 2047, 65537),
        rsa_key_value((1 << 8200) + 1, 65537),
        rsa_key_value(MODULUS, 1),
        rsa_key_value(MODULUS, 0),
        rsa_key_value(MODULUS, 2),
        rsa_key_value(MODULUS, (1 << 33) + 1),
        rsa_key_value(MODULUS, (1 << 100) + 1),
        rsa_key_value(0, 3),
        ec_key_value(P256, b"\4" + b"\1" * 64),
        ec_key_value(P256, b"\0"),
        ec_key_value(P256, b""),
        ec_key_value(P384, point_of("ec")),
        ec_key_value("urn:oid:1.3.132.0.33", point_of("ec-p224")),
        ec_key_value("urn:oid:1.3.132.0.10", point_of("ec-k1")),
        ec_key_value("", point_of("ec")),
        x509_data(leaf("weak", kind="rsa-1024")),
        x509_data(leaf("modern", kind="ed25519")),
        x509_data(b""),
        x509_data(HOLDERS["ec"])[: -len("</d:X509Data>")] + x509_data(HOLDERS["ec"]) + "</d:X509Data>",
        f'<d:KeyValue xmlns:d="{ns.DS}"/>',
        f'<d:KeyValue xmlns:d="{ns.DS}"><d:DSAKeyValue/></d:KeyValue>',
        f'<d:KeyValue xmlns:d="{ns.DS}"><d:RSAKeyValue><d:Modulus>AQAB</d:Modulus></d:RSAKeyValue></d:KeyValue>',
        f'<d:X509Data xmlns:d="{ns.DS}"><d:X509SubjectName>CN=a</d:X509SubjectName></d:X509Data>',
        f'<d:KeyName xmlns:d="{ns.DS}">a</d:KeyName>',
    ],
)
def test_what_is_no_sound_key_is_refused(markup):
    with pytest.raises(InvalidRequest):
        read(markup)


def test_a_compressed_point_is_the_same_point():
    public_key = key("holder ec", "ec").public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    compressed = public_key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert read(ec_key_value(P256, compressed)) == public_proof("ec", certified=False)


class TestProvedKeys:
    SIGNED, SHOWN = HOLDERS["rsa-2048"], HOLDERS["ec"]

    def proved(self, *signed: bytes, peer: bytes | None = None):
        return proved_keys_of(
            VerifiedMessage(
                credentials=tuple(PresentedCertificate(der) for der in signed),
                tls=True,
                signature_id="sig",
                peer_certificate=peer,
            )
        )

    def test_a_signature_and_a_tls_certificate_each_prove_their_own(self):
        signed, shown = public_proof("rsa-2048"), public_proof("ec")
        assert self.proved() == ()
        assert self.proved(self.SIGNED) == (ProvedKey(signed, "sig"),)
        assert self.proved(peer=self.SHOWN) == (ProvedKey(shown),)
        assert self.proved(self.SIGNED, peer=self.SHOWN) == (ProvedKey(signed, "sig"), ProvedKey(shown))
        assert self.proved(self.SIGNED, peer=self.SIGNED) == (ProvedKey(signed, "sig"),)

    @pytest.mark.parametrize("peer", [leaf("modern", kind="ed25519"), leaf("weak", kind="rsa-1024"), b"x"])
    def test_a_tls_certificate_with_a_key_that_is_not_offered_proves_none(self, peer):
        assert self.proved(peer=peer) == ()

    def test_key_infos_are_compared_octet_by_octet(self):
        assert public_proof("ec").key_info == key_info_of(self.SHOWN)
