"""Which certificates are sound, and which are under an anchor: good ones, and a corpus of ugly ones."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests import certificates as corpus
from tests.certificates import DAY, alternative, authority, key, leaf, purposes, self_signed, subject, usage
from tests.fakes import NOON
from wstrust_sts.certificate_names import MAX_NAMES
from wstrust_sts.certificates import CertificateField, CertificateName, ExaminedCertificate, TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.pki.soundness import MAX_OCTETS, Unsuitable, read_anchor
from wstrust_sts.pki.validation import PathValidator

SKEW = timedelta(minutes=5)
CA = authority()
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0")


def anchor(certificate: bytes = CA, name: str = "ca") -> TrustAnchor:
    return TrustAnchor(realm="default", name=name, certificate=certificate)


def examine(certificate: bytes, *anchors: TrustAnchor, now=NOON) -> ExaminedCertificate:
    return PathValidator(SKEW).examine(certificate, anchors=anchors or (anchor(),), now=now)


def is_anchored(certificate: bytes, *anchors: bytes, now=NOON) -> bool:
    return examine(certificate, *(anchor(each) for each in anchors or (CA,)), now=now).anchor is not None


# -- what is under an anchor


@pytest.mark.parametrize("kind", ["ec", "ec-p384", "rsa-2048", "ed25519"])
def test_what_an_anchor_issued_is_under_it_whatever_the_kinds_of_keys(kind):
    ca = authority("another", kind=kind)
    assert examine(leaf(ca="another", ca_kind=kind), anchor(), anchor(ca, "right")).anchor == anchor(ca, "right")
    assert is_anchored(leaf(kind=kind))


def test_the_anchor_itself_is_under_itself_even_where_it_may_issue_nothing():
    own = self_signed("lonely")
    assert is_anchored(own, own)


def test_a_certificate_of_nobodys_is_sound_and_only_its_fingerprint_may_be_believed():
    examined = examine(self_signed())
    assert examined.anchor is None
    assert [name.field for name in examined.believable()] == [CertificateField.SHA256]


def test_a_look_alike_with_the_same_names_and_serial_and_another_key_is_not_under_the_anchor():
    true = leaf(serial=7)
    alike = leaf(serial=7, key=key("mallory"), ca="mallory's ca")
    first, second = (x509.load_der_x509_certificate(each) for each in (true, alike))
    assert (first.issuer, first.serial_number, first.subject) == (second.issuer, second.serial_number, second.subject)
    assert is_anchored(true)
    assert not is_anchored(alike)


def test_a_self_signed_certificate_with_the_anchors_name_is_not_under_it():
    assert not is_anchored(authority("mallory's ca", extensions=()))
    assert not is_anchored(self_signed("batch", issuer=corpus.CA_NAME))


def test_a_leaf_issues_nothing_even_if_it_is_trusted_itself():
    below = leaf("below", issuer=subject("batch"), issuer_key=key("batch"))
    for extensions in ((), ((x509.BasicConstraints(ca=False, path_length=None), True),)):
        trusted = leaf("batch", extensions=extensions)
        assert not is_anchored(below, CA, trusted)


def test_an_authority_whose_key_usage_is_not_for_certificates_issues_nothing():
    extensions = (corpus.CA_EXTENSIONS[0], (usage(digital_signature=True), True))
    assert not is_anchored(leaf(), authority(extensions=extensions))


def test_an_authority_that_the_anchor_made_is_no_requestor_under_it():
    assert not is_anchored(leaf("sub", extensions=(corpus.CA_EXTENSIONS[0],)))


def test_an_anchor_out_of_its_time_vouches_for_nothing():
    assert not is_anchored(leaf(), authority(ends=NOON - timedelta(minutes=6)))
    assert is_anchored(leaf(), authority(ends=NOON - timedelta(minutes=4)))
    assert not is_anchored(leaf(), authority(begins=NOON + timedelta(minutes=6)))


def test_a_flipped_bit_anywhere_in_a_certificate_takes_it_out_from_under_its_anchor():
    good = leaf(kind="rsa-2048")
    for position in range(0, len(good), 7):
        spoilt = good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]
        try:
            assert not is_anchored(spoilt), position
        except FailedAuthentication:
            continue


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_signature_by_a_broken_hash_vouches_for_nothing(digest):
    own = key("rsa ca", "rsa-2048")
    good = leaf(ca="rsa ca", ca_kind="rsa-2048")
    ca = authority("rsa ca", kind="rsa-2048")
    spoilt = corpus.sign_by_hand(good, digest, own)
    assert x509.load_der_x509_certificate(spoilt).signature_hash_algorithm.name == digest
    assert is_anchored(good, ca)
    assert not is_anchored(spoilt, ca)


def test_the_signature_of_a_broken_hash_is_a_true_one():
    """Or the test above would prove nothing."""
    own = key("rsa ca", "rsa-2048")
    spoilt = x509.load_der_x509_certificate(corpus.sign_by_hand(leaf(ca="rsa ca", ca_kind="rsa-2048"), "sha1", own))
    own.public_key().verify(spoilt.signature, spoilt.tbs_certificate_bytes, PKCS1v15(), hashes.SHA1())


# -- what no requestor may show, whoever vouches for it


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: leaf(ends=NOON - timedelta(minutes=6)), "expired"),
        (lambda: leaf(begins=NOON + timedelta(minutes=6)), "not valid yet"),
        (lambda: leaf(kind="rsa-1024"), "1024 bits"),
        (lambda: leaf(kind="ec-k1"), "curve"),
        (lambda: leaf(kind="ec-p224"), "curve"),
        (lambda: leaf(kind="dsa"), "kind of key"),
        (lambda: leaf(extensions=((usage(key_encipherment=True), True),)), "key usage"),
        (lambda: leaf(extensions=((usage(key_cert_sign=True, crl_sign=True), True),)), "key usage"),
        (lambda: leaf(extensions=purposes(corpus.SERVER)), "extended key usage"),
        (lambda: leaf(extensions=((UNKNOWN, True),)), "1.2.3.4"),
        (lambda: leaf(extensions=alternative(*(x509.DNSName(f"h{n}.test") for n in range(MAX_NAMES)))), "too many"),
        (lambda: leaf(extensions=alternative(corpus.upn("zq"))).replace(b"\x0c\x02zq", b"\x0c\x05zq"), ""),
        (lambda: leaf(extensions=alternative(x509.OtherName(corpus.UPN, b"\x16\x02ab"))), "unreadable"),
        (lambda: leaf(extensions=alternative(x509.DNSName("h" * 3000))), "too long"),
        (lambda: leaf(extensions=((x509.SubjectKeyIdentifier(b"x" * MAX_OCTETS), False),)), "longer than"),
        (lambda: leaf()[:-1], "malformed"),
        (lambda: leaf() + b"\0", "malformed"),
        (lambda: b"", "malformed"),
        (lambda: b"\x30\x80" + b"\x30\x80" * 5000 + b"\0\0", "malformed"),
        (lambda: b"\x30\x84\xff\xff\xff\xff", "malformed"),
        (lambda: leaf().replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030155")), ""),
    ],
)  # fmt: skip
def test_an_ugly_certificate_is_refused_with_the_one_text(made, why):
    certificate = made()
    for anchors in ((), (anchor(),), (anchor(certificate),)):
        with pytest.raises(FailedAuthentication) as refusal:
            PathValidator(SKEW).examine(certificate, anchors=anchors, now=NOON)
        assert why in refusal.value.detail
        assert refusal.value.sentence == FailedAuthentication.sentence


@pytest.mark.parametrize(
    "extensions",
    [
        ((usage(digital_signature=True), True),),
        ((usage(digital_signature=True, key_encipherment=True), True), *purposes(corpus.CLIENT, corpus.SERVER)),
        purposes(corpus.ANY),
        ((UNKNOWN, False),),
    ],
)
def test_what_suits_a_client_is_accepted(extensions):
    assert is_anchored(leaf(extensions=extensions))


def test_clocks_may_disagree_by_the_skew_and_no_more():
    certificate = leaf(begins=NOON, ends=NOON + DAY)
    assert is_anchored(certificate, now=NOON - SKEW)
    assert is_anchored(certificate, now=NOON + DAY + SKEW)
    for now in (NOON - SKEW - timedelta(seconds=1), NOON + DAY + SKEW + timedelta(seconds=1)):
        with pytest.raises(FailedAuthentication):
            examine(certificate, now=now)


# -- anchors


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: b"not a certificate", "malformed"),
        (lambda: authority(kind="rsa-1024"), "1024"),
        (lambda: authority(extensions=(*corpus.CA_EXTENSIONS, (UNKNOWN, True))), "1.2.3.4"),
    ],
)
def test_an_anchor_that_could_not_be_checked_vouches_for_nothing(made, why):
    certificate = made()
    with pytest.raises(Unsuitable, match=why):
        read_anchor(certificate)
    assert not is_anchored(leaf(), certificate)


# -- names


def test_every_name_of_a_certificate_is_told_in_the_form_that_is_compared():
    names = (
        x509.RFC822Name("Batch.Jobs@Example.TEST"),
        x509.DNSName("Jobs.Example.Test"),
        x509.UniformResourceIdentifier("spiffe://Example.test/Batch"),
        corpus.upn("Batch@CORP.example.test"),
        x509.DirectoryName(subject("other")),
    )
    examined = examine(leaf("batch", extensions=alternative(*names)))
    assert [name for name in examined.names if name.field is not CertificateField.SHA256] == [
        CertificateName(CertificateField.SUBJECT, "CN=batch,O=Example,C=DE"),
        CertificateName(CertificateField.COMMON_NAME, "batch"),
        CertificateName(CertificateField.EMAIL, "Batch.Jobs@example.test"),
        CertificateName(CertificateField.DNS, "jobs.example.test"),
        CertificateName(CertificateField.URI, "spiffe://Example.test/Batch"),
        CertificateName(CertificateField.UPN, "batch@corp.example.test"),
    ]
    assert examined.believable() == examined.names


def test_a_subject_with_the_other_ones_text_inside_a_value_is_another_subject():
    forged = subject("batch,O=Example,C=DE")
    values = {name.value for name in examine(leaf("x", subject=forged)).names}
    assert "CN=batch,O=Example,C=DE" not in values
    assert "CN=batch\\,O\\=Example\\,C\\=DE,O=Example,C=DE" in values or any("\\," in value for value in values)


def test_a_subject_is_the_same_however_its_text_is_encoded():
    printable = x509.Name(
        [
            x509.NameAttribute(attribute.oid, attribute.value, x509.name._ASN1Type.PrintableString)
            for attribute in subject("batch")
        ]
    )
    assert printable.public_bytes() != subject("batch").public_bytes()
    texts = [
        [name.value for name in examine(leaf("x", subject=each)).names if name.field is CertificateField.SUBJECT]
        for each in (subject("batch"), printable)
    ]
    assert texts[0] == texts[1]


def test_attributes_that_stand_together_are_compared_in_one_order():
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, "batch"), x509.NameAttribute(NameOID.SERIAL_NUMBER, "42")]
    there, back = (
        examine(leaf("x", subject=x509.Name([x509.RelativeDistinguishedName(each)]))).names[1].value
        for each in (parts, parts[::-1])
    )
    assert there == back
