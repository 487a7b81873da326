"""Certificates, revocation lists and OCSP answers with octets changed at random: refused in words, never otherwise."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509

from tests.certificates import alternative, authority, intermediate, leaf, leaf_under, only_names, subject, upn
from tests.responder import HOUR, NOW, TIMES, crl, ocsp_answer, points, responder
from wstrust_sts.certificates import TrustAnchor
from wstrust_sts.errors import InvalidHeaderToken
from wstrust_sts.pki import crl as lists
from wstrust_sts.pki import ocsp as answers
from wstrust_sts.pki.name_constraints import demand_allowed
from wstrust_sts.pki.signed import SaysNothing
from wstrust_sts.pki.soundness import Unsuitable, extension, read_anchor, read_requestor
from wstrust_sts.pki.validation import PathValidator
from wstrust_sts.wire.certificates import Certificate

ROUNDS = 1500
SKEW = timedelta(minutes=5)
NAMES = (x509.DNSName("x.a.test"), x509.RFC822Name("x@a.test"), x509.UniformResourceIdentifier("http://a.test/"))
TREES = (x509.DNSName("a.test"), x509.RFC822Name("a.test"), x509.UniformResourceIdentifier("a.test"))
CA, OWN = authority(**TIMES), leaf(serial=7, **TIMES)
SUB = intermediate("sub", extensions=only_names(*TREES, x509.DirectoryName(subject("x"))), **TIMES)
BELOW = leaf_under("sub", extensions=(*alternative(*NAMES, upn("a")), *points("http://a.test/x")), **TIMES)
LIST = crl(3, begins=NOW - HOUR, ends=NOW + HOUR)
ANSWER = ocsp_answer(OWN, CA, by=responder())
load = x509.load_der_x509_certificate


def judge(certificate: bytes, *above: bytes, anchor: bytes = CA) -> None:
    trusted = TrustAnchor(realm="default", name="ca", certificate=anchor)
    verdict = PathValidator(SKEW).judge(certificate, above, anchors=[trusted], now=NOW)
    assert verdict.anchor is None


def constrain(authority_: bytes) -> None:
    constraints = extension(read_anchor(authority_), x509.NameConstraints)
    if constraints is not None:
        demand_allowed(read_requestor(BELOW).certificate, constraints)


READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "the requestor's": (BELOW, judge),
    "an intermediate": (SUB, lambda spoilt: judge(BELOW, spoilt)),
    "an anchor": (SUB, lambda spoilt: judge(OWN, anchor=spoilt)),
    "name constraints": (SUB, constrain),
    "a list": (LIST, lambda spoilt: lists.is_revoked_by(spoilt, load(OWN), load(CA), now=NOW, skew=SKEW)),
    "an answer": (ANSWER, lambda spoilt: answers.is_revoked_by(spoilt, load(OWN), load(CA), now=NOW, skew=SKEW)),
    "a message's": (BELOW, Certificate),
}


def spoil(octets: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(octets)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, some = chance.randrange(len(spoilt)), chance.randrange(1, 9)
        match chance.randrange(6):
            case 0:
                del spoilt[at : at + some]
            case 1:
                spoilt[at:at] = chance.randbytes(some)
            case _:
                spoilt[at] = chance.choice((0, 128, 255, spoilt[at] ^ 1, chance.randrange(256)))
    return bytes(spoilt)


@pytest.mark.filterwarnings("ignore")  # the library's, of what it will not read in time to come
@pytest.mark.parametrize("name", READERS)
def test_whatever_is_changed_the_refusal_is_in_words(name):
    octets, read = READERS[name]
    chance = random.Random(name)
    for _ in range(ROUNDS):
        try:
            read(spoil(octets, chance))
        except (Unsuitable, SaysNothing, InvalidHeaderToken):
            continue
