"""What a revocation list says, and which lists say nothing."""

import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier

from tests import certificates as corpus
from tests.certificates import CA_EXTENSIONS, DAY, authority, intermediate, key, leaf, subject
from tests.fakes import NOON
from tests.responder import HOUR, crl, points
from wstrust_sts.pki.crl import is_revoked_by
from wstrust_sts.pki.signed import SaysNothing

SKEW = timedelta(minutes=5)
CA = authority()
UNREAD = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0")


def says(octets: bytes, certificate: bytes | None = None, ca: bytes = CA, now=NOON) -> bool:
    load = x509.load_der_x509_certificate
    return is_revoked_by(octets, load(certificate or leaf(serial=7)), load(ca), now=now, skew=SKEW)


def scope(**wanted) -> tuple:
    names = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    flags = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"), False
    )
    return ((x509.IssuingDistributionPoint(**(names | flags | wanted)), True),)


def test_a_list_tells_what_was_revoked_and_what_was_not():
    assert says(crl(3, 7, 9))
    assert not says(crl(3, 9))
    pem = x509.load_der_x509_crl(crl(7)).public_bytes(Encoding.PEM)
    assert says(pem)


def test_a_list_counts_in_its_time():
    assert not says(crl(ends=NOON - timedelta(minutes=4)))
    with pytest.raises(SaysNothing, match="good until"):
        says(crl(ends=NOON - timedelta(minutes=6)))
    assert not says(crl(begins=NOON + timedelta(minutes=4)))
    with pytest.raises(SaysNothing, match="time to come"):
        says(crl(begins=NOON + timedelta(minutes=6)))


def test_what_an_old_list_names_stays_revoked():
    assert says(crl(7, begins=NOON - 9 * DAY, ends=NOON - 8 * DAY))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: b"", "malformed"),
        (lambda: crl()[:-1], "malformed"),
        (lambda: CA, "malformed"),
        (lambda: b"\x30\x80" * 100_000, "malformed"),
        (lambda: crl(signer=key("mallory", "ec")), "not signed"),
        (lambda: crl(issuer=subject("another")), "another authority's"),
        (lambda: crl(extensions=scope(indirect_crl=True)), "indirect"),
        (lambda: crl(extensions=scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))), "some reasons"),
        (lambda: crl(extensions=scope(only_contains_ca_certs=True)), "kind of certificate"),
        (lambda: crl(extensions=scope(full_name=[x509.UniformResourceIdentifier("http://a.test/other.crl")])), "point"),
        (lambda: crl(extensions=((x509.DeltaCRLIndicator(1), True),)), "critical"),
        (lambda: crl(extensions=((UNREAD, True),)), "1.2.3.4"),
        (lambda: crl(7).replace(b"\x02\x01\x07", b"\x02\x01\x08"), "not signed"),
    ],
)  # fmt: skip
def test_a_list_that_is_not_for_this_certificate_says_nothing(made, why):
    with pytest.raises(SaysNothing, match=why):
        says(made(), leaf(serial=7, extensions=points("http://a.test/ca.crl")))


def test_a_list_signed_with_a_broken_hash_says_nothing():
    own = key("rsa ca", "rsa-2048")
    ca = authority("rsa ca", kind="rsa-2048")
    good = crl(signer=own)
    assert not says(good, ca=ca)
    with pytest.raises(SaysNothing):
        says(crl(signer=own, digest=hashes.SHA224()), ca=ca)


def test_an_authority_whose_key_is_not_for_lists_makes_none():
    ca = authority(extensions=(CA_EXTENSIONS[0], (corpus.usage(key_cert_sign=True), True)))
    with pytest.raises(SaysNothing, match="key usage"):
        says(crl(), ca=ca)


def test_a_list_is_for_its_kind_and_point_where_it_says_so():
    name = [x509.UniformResourceIdentifier("http://a.test/ca.crl")]
    pointed = leaf(serial=7, extensions=points("http://b.test/x.crl", "http://a.test/ca.crl"))
    assert says(crl(7, extensions=scope(full_name=name, only_contains_user_certs=True)), pointed)
    assert says(crl(7, extensions=scope(only_contains_ca_certs=True)), intermediate("sub", serial=7))
    with pytest.raises(SaysNothing):
        says(crl(7, extensions=scope(only_contains_user_certs=True)), intermediate("sub", serial=7))


def test_a_long_list_is_read_once():
    octets = crl(*range(1000, 21_000), begins=NOON - HOUR)
    says(octets)
    began = time.thread_time()
    for _ in range(5):
        assert not says(octets)
    assert time.thread_time() - began < 1
