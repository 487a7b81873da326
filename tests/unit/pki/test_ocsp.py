"""What OCSP answers say, and which answers say nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests import certificates as corpus
from tests.certificates import DAY, authority, key, leaf
from tests.responder import AHEAD, NOW, TIMES, ocsp_answer, responder
from wstrust_sts.pki.ocsp import is_revoked_by, write_request
from wstrust_sts.pki.signed import SaysNothing

SKEW = timedelta(minutes=5)
CA, OWN = authority(**TIMES), leaf(serial=7, **TIMES)
REVOKED, UNKNOWN = ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN
FORGED = authority("mallory")  # with the name of the true one
NAME = ocsp.OCSPResponderEncoding.NAME
load = x509.load_der_x509_certificate


def says(octets: bytes, certificate: bytes = OWN, ca: bytes = CA, now=NOW) -> bool:
    return is_revoked_by(octets, load(certificate), load(ca), now=now, skew=SKEW)


def unsigned(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


@pytest.mark.parametrize("kind", ["ec", "rsa-2048"])
@pytest.mark.parametrize("encoding", list(ocsp.OCSPResponderEncoding))
def test_the_issuer_itself_tells_what_was_revoked(kind, encoding):
    ca, own = authority("own ca", kind=kind, **TIMES), leaf(ca="own ca", ca_kind=kind, **TIMES)
    by = {"signer": key("own ca", kind), "encoding": encoding}
    assert says(ocsp_answer(own, ca, status=REVOKED, **by), own, ca)
    assert not says(ocsp_answer(own, ca, **by), own, ca)


@pytest.mark.parametrize("encoding", list(ocsp.OCSPResponderEncoding))
def test_a_responder_with_the_issuers_delegation_tells_it_too(encoding):
    assert says(ocsp_answer(OWN, CA, status=REVOKED, by=responder(), encoding=encoding))
    assert not says(ocsp_answer(OWN, CA, by=responder(), encoding=encoding))


def test_an_answer_counts_in_its_time():
    assert not says(ocsp_answer(OWN, CA, ends=NOW - timedelta(minutes=4)))
    with pytest.raises(SaysNothing, match="good until"):
        says(ocsp_answer(OWN, CA, ends=NOW - timedelta(minutes=6)))
    with pytest.raises(SaysNothing, match="time to come"):
        says(ocsp_answer(OWN, CA, begins=NOW + timedelta(minutes=6)))
    with pytest.raises(SaysNothing, match="time to come"):
        says(ocsp_answer(OWN, CA, begins=NOW - DAY), now=NOW - AHEAD - timedelta(minutes=6))


def test_an_answer_that_does_not_say_when_the_next_one_comes_counts_for_a_short_time():
    made = datetime.now(UTC)  # the machine's time, by which the library dates its answers
    assert not says(ocsp_answer(OWN, CA, begins=made - timedelta(minutes=14), ends=None), now=made)
    with pytest.raises(SaysNothing, match="good until"):
        says(ocsp_answer(OWN, CA, begins=made - timedelta(minutes=16), ends=None), now=made)


def test_what_an_old_answer_names_stays_revoked():
    assert says(ocsp_answer(OWN, CA, status=REVOKED, ends=NOW - timedelta(days=9), begins=NOW - timedelta(days=10)))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: b"", "malformed"),
        (lambda: ocsp_answer(OWN, CA)[:-1], "malformed"),
        (lambda: b"\x30\x80" * 20_000, "malformed"),
        (lambda: b"<html>", "malformed"),
        (lambda: unsigned(ocsp.OCSPResponseStatus.TRY_LATER), "TRY_LATER"),
        (lambda: unsigned(ocsp.OCSPResponseStatus.UNAUTHORIZED), "UNAUTHORIZED"),
        (lambda: ocsp_answer(OWN, CA, status=UNKNOWN), "does not know"),
        (lambda: ocsp_answer(leaf(serial=8), CA), "another certificate"),
        (lambda: ocsp_answer(OWN, authority("other ca"), signer=key("other ca", "ec")), "another certificate"),
        (lambda: ocsp_answer(OWN, CA, named=FORGED, signer=key("mallory", "ec"), encoding=NAME), "signature"),
        (lambda: ocsp_answer(OWN, CA, named=FORGED, signer=key("mallory", "ec")), "signature"),
        (lambda: ocsp_answer(OWN, CA)[:-4] + b"\1\2\3\4", "signature"),
        (lambda: ocsp_answer(OWN, CA, by=responder(purpose=corpus.CLIENT)), "OCSP signing"),
        (lambda: ocsp_answer(OWN, CA, by=responder(purpose=corpus.ANY)), "OCSP signing"),
        (lambda: ocsp_answer(OWN, CA, by=responder(no_check=False)), "OCSPNoCheck"),
        (lambda: ocsp_answer(OWN, CA, by=responder(ends=NOW - timedelta(minutes=6))), "expired"),
        (lambda: ocsp_answer(OWN, CA, by=responder((corpus.usage(key_cert_sign=True), True))), "key usage"),
        (lambda: ocsp_answer(OWN, CA, by=responder(issuer_key=key("mallory", "ec"))), "not by the cert"),
        (lambda: ocsp_answer(OWN, CA, by=responder(issuer=corpus.subject("another"))), "malformed"),
        (lambda: ocsp_answer(OWN, CA, by=leaf("responder"), signer=key("responder", "ec")), "OCSP signing"),
        (lambda: ocsp_answer(OWN, CA, digest=hashes.SHA224()), "hash"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_count_says_nothing(made, why):
    with pytest.raises(SaysNothing, match=why):
        says(made())


def test_a_flipped_bit_anywhere_makes_an_answer_say_nothing():
    """But in what the signature does not cover and nobody reads."""
    good = ocsp_answer(OWN, CA, status=UNKNOWN, by=responder())
    for position in range(0, len(good), 5):
        spoilt = good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]
        with pytest.raises(SaysNothing):
            says(spoilt)


def test_a_request_names_the_certificate_and_carries_nothing_else():
    request = ocsp.load_der_ocsp_request(write_request(load(OWN), load(CA)))
    assert request.serial_number == 7
    assert not list(request.extensions)
