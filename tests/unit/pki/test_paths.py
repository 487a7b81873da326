"""What is under an anchor by way of intermediates, and what is not; in bounded time."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from tests import certificates as corpus
from tests.certificates import CA_EXTENSIONS, DAY, authority, intermediate, key, leaf, leaf_under, path_length, subject
from tests.fakes import NOON
from wstrust_sts.certificates import TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.pki.paths import MAX_CERTIFICATES, find_paths
from wstrust_sts.pki.validation import MAX_INTERMEDIATES, PathValidator

CA = authority()
SUB = intermediate("sub")
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0")
POLICY = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.2.3.4.5"), None)])


def found_under(
    certificate: bytes, *came_along: bytes, ca: bytes = CA, stored: tuple[bytes, ...] = (), now=NOON
) -> bool:
    anchor = TrustAnchor(realm="default", name="ca", certificate=ca, intermediates=stored)
    validator = PathValidator(timedelta(minutes=5))
    examined = validator.examine(certificate, anchors=[anchor], now=now, unverified_intermediates=came_along)
    return examined.anchor is not None


def test_a_path_is_built_from_what_came_along_and_from_what_is_stored():
    assert found_under(leaf_under("sub"), SUB)
    assert found_under(leaf_under("sub"), stored=(SUB,))
    assert not found_under(leaf_under("sub"))
    deep = intermediate("deep", "sub")
    assert found_under(leaf_under("deep"), deep, stored=(SUB,))
    assert found_under(leaf_under("deep"), leaf(), b"octets", SUB, deep)


@pytest.mark.parametrize(
    "made",
    [
        lambda: intermediate("sub", extensions=()),
        lambda: intermediate("sub", extensions=((x509.BasicConstraints(ca=False, path_length=None), True),)),
        lambda: intermediate("sub", extensions=(CA_EXTENSIONS[0], (corpus.usage(crl_sign=True), True))),
        lambda: intermediate("sub", extensions=(*CA_EXTENSIONS, *corpus.purposes(corpus.SERVER))),
        lambda: intermediate("sub", extensions=(*CA_EXTENSIONS, (UNKNOWN, True))),
        lambda: intermediate("sub", ends=NOON - timedelta(minutes=6)),
        lambda: intermediate("sub", begins=NOON + timedelta(minutes=6), ends=NOON + DAY),
        lambda: intermediate("sub", issuer_key=key("mallory", "ec")),
        lambda: intermediate("sub", key=key("mallory", "ec")),
        lambda: intermediate("sub", subject=subject("another")),
        lambda: intermediate("sub", extensions=(*CA_EXTENSIONS, (x509.PolicyConstraints(0, None), True))),
    ],
    ids=["no constraints", "a leaf", "no signer", "servers only", "unknown", "old", "early", "forged", "rekeyed",
         "named", "policies demanded"],
)  # fmt: skip
def test_an_intermediate_that_may_not_issue_makes_no_path(made):
    assert not found_under(leaf_under("sub"), made())


def test_a_leaf_is_no_intermediate():
    below = leaf("below", issuer=subject("batch"), issuer_key=key("batch", "ec"))
    assert not found_under(below, leaf("batch"))


def test_uses_that_an_intermediate_is_for_and_policies_that_nobody_demands_are_accepted():
    extensions = (*CA_EXTENSIONS, *corpus.purposes(corpus.CLIENT), (POLICY, True))
    assert found_under(leaf_under("sub"), intermediate("sub", extensions=extensions))


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_an_intermediate_that_was_signed_with_a_broken_hash_makes_no_path(digest):
    own = key("rsa ca", "rsa-2048")
    ca = authority("rsa ca", kind="rsa-2048")
    good = intermediate("sub", issuer_key=own)
    assert found_under(leaf_under("sub"), good, ca=ca)
    assert not found_under(leaf_under("sub"), corpus.sign_by_hand(good, digest, own), ca=ca)


def test_a_weak_key_in_the_middle_makes_no_path():
    weak = intermediate("sub", key=key("weak", "rsa-1024"))
    assert not found_under(leaf_under("sub", issuer_key=key("weak", "rsa-1024")), weak)


@pytest.mark.parametrize(
    ("allowed", "intermediates", "holds"), [(0, 0, True), (0, 1, False), (1, 1, True), (1, 2, False)]
)
def test_a_path_is_no_longer_than_its_authorities_allow(allowed, intermediates, holds):
    names = ["ca", *(f"level {n}" for n in range(intermediates))]
    chain = [intermediate(name, above) for above, name in pairwise(names)]
    certificate = leaf_under(names[-1]) if intermediates else leaf()
    assert found_under(certificate, *chain, ca=authority(extensions=path_length(allowed))) is holds


def test_an_intermediates_own_limit_holds_too():
    chain = [intermediate("sub", extensions=path_length(0)), intermediate("deep", "sub")]
    assert found_under(leaf_under("sub"), chain[0])
    assert not found_under(leaf_under("deep"), *chain)


def test_self_issued_certificates_are_not_counted():
    """RFC 5280 section 6.1: an authority that changes its key issues one to itself."""
    rolled = intermediate("next", subject=corpus.CA_NAME)
    below = leaf("batch", issuer_key=key("next", "ec"))
    assert found_under(below, rolled, ca=authority(extensions=path_length(0)))


def test_a_path_has_no_more_certificates_than_the_limit():
    names = ["ca", *(f"level {n}" for n in range(MAX_CERTIFICATES))]
    chain = [intermediate(name, above) for above, name in pairwise(names)]
    assert found_under(leaf_under(names[MAX_CERTIFICATES - 2]), *chain)
    assert not found_under(leaf_under(names[MAX_CERTIFICATES - 1]), *chain)


def test_authorities_that_signed_each_other_in_loops_are_gone_through_in_bounded_time():
    circle = [f"x{n}" for n in range(8)]
    crossed = tuple(intermediate(a, b, serial=n) for a in circle for b in circle if a != b for n in (1, 2))
    began = time.thread_time()
    assert not find_paths(leaf_under("x0"), CA, intermediates=crossed).paths
    assert time.thread_time() - began < 2
    assert find_paths(leaf_under("x0"), CA, intermediates=(intermediate("x0"), *crossed)).paths


def test_one_authority_with_several_certificates_is_passed_once():
    twice = tuple(intermediate("sub", serial=n) for n in (1, 2, 3))
    assert len(find_paths(leaf_under("sub"), CA, intermediates=twice).paths) == 3
    assert all(len(path) == 3 for path in find_paths(leaf_under("sub"), CA, intermediates=twice).paths)


def test_of_several_paths_the_one_that_is_in_its_time_counts():
    old = intermediate("sub", serial=2, ends=NOON - DAY / 2)
    assert found_under(leaf_under("sub"), old, SUB)


def test_more_intermediates_than_a_message_may_carry_are_refused():
    with pytest.raises(FailedAuthentication, match="came with it"):
        found_under(leaf_under("sub"), *[SUB] * (MAX_INTERMEDIATES + 1))


@pytest.mark.parametrize("octets", [b"", b"\x30\x80" * 4000, SUB[:-1], SUB * 20, b"\x30\x84\xff\xff\xff\xff"])
def test_a_malformed_or_huge_intermediate_is_passed_over(octets):
    assert not found_under(leaf_under("sub"), octets)
    assert found_under(leaf_under("sub"), octets, SUB)
