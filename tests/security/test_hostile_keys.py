"""Requests for keys that are not theirs, not sound or not affordable: refused, at once, and nothing is kept."""

import base64
import time

import pytest

from tests import messages
from tests.fakes import NOON
from tests.harness import Sts
from tests.holders import HOLDERS, KEYED_PARTY, key_info, rsa_key_value, x509_data
from tests.messages import Answer
from wstrust_sts import ns

SYMMETRIC = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
PUBLIC = f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>"


@pytest.fixture
def sts() -> Sts:
    return Sts(relying_parties=(KEYED_PARTY,))


def refused(sts: Sts, *parts: str) -> Answer:
    began = time.process_time()
    answer = sts.issue(*parts)
    assert time.process_time() - began < 1
    assert answer.status in (413, 500)
    assert sts.stores.issued_tokens.rows == {}
    return answer


def secret(octets: int) -> str:
    written = base64.b64encode(b"x" * octets).decode()
    return f"<t:Entropy><t:BinarySecret>{written}</t:BinarySecret></t:Entropy>"


@pytest.mark.parametrize("octets", [0, 1, 15, 1025, 50_000, 1024 * 1024])
def test_entropy_that_is_empty_short_or_a_megabyte_is_refused(sts, octets):
    answer = refused(sts, SYMMETRIC, secret(octets))
    assert answer.status == 413 if octets > 100_000 else answer.code == "InvalidRequest"


@pytest.mark.parametrize("size", ["-1", "-256", "7", "100", "129", "513", "65536", "9" * 40, "1e3", "٢٥٦", "256 256"])
def test_a_key_size_that_is_negative_odd_huge_or_no_number_is_refused(sts, size):
    assert refused(sts, SYMMETRIC, f"<t:KeySize>{size}</t:KeySize>").code == "InvalidRequest"


@pytest.mark.parametrize("write", [x509_data, lambda der: rsa_key_value((1 << 8191) + 1, 3)])
def test_a_key_of_somebody_elses_or_of_nobody_is_refused(sts, write):
    named = f"<t:UseKey>{key_info(write(HOLDERS['rsa-2048']))}</t:UseKey>"
    assert refused(sts, PUBLIC, named).code == "InvalidRequest"


def test_a_certificate_beside_the_signed_ones_in_the_header_proves_nothing(sts):
    """A BinarySecurityToken that nobody signed with is refused with its header, whatever UseKey says of it."""
    token = f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" ValueType="{ns.X509V3}" u:Id="X">'
    token += base64.b64encode(HOLDERS["ec"]).decode() + "</o:BinarySecurityToken>"
    reference = f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="#X"/></o:SecurityTokenReference>'
    asked = messages.issue(PUBLIC, f"<t:UseKey>{reference}</t:UseKey>")
    protection = messages.security(messages.timestamp(NOON), messages.username_token(), token)
    answer = sts.post(messages.envelope(asked, protection))
    assert answer.fault == (ns.WSSE, "UnsupportedSecurityToken")


def test_no_fault_tells_a_secret_or_what_is_known_of_keys(sts):
    told = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
    entropy = f"<t:Entropy><t:BinarySecret Type='urn:x'>{told}</t:BinarySecret></t:Entropy>"
    answer = refused(sts, SYMMETRIC, entropy)
    assert told.encode() not in answer.body
    assert told not in repr(sts.stores.journal.entries)


def test_the_same_request_twice_gives_two_tokens_with_two_keys(sts):
    first, second = (sts.issue(SYMMETRIC, secret(32)) for _ in range(2))
    path = ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret"
    assert first.text(path) != second.text(path)
    rows = list(sts.stores.issued_tokens.rows.values())
    assert rows[0].wrapped_proof_key != rows[1].wrapped_proof_key
