"""Revocation as a request meets it: lists in files and on servers, OCSP, and what hard and soft make of silence."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import CA_EXTENSIONS, authority, intermediate, key, leaf, leaf_under, self_signed, subject
from tests.promptness import Stopwatch
from tests.responder import (
    LOOPBACK,
    NOW,
    TIMES,
    access,
    crl,
    drip,
    endless,
    ocsp,
    ocsp_answer,
    points,
    running,
    silent,
    whole,
)
from wstrust_sts.certificates import ExaminedCertificate, Revocation, TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.pki.fetching import Fetcher
from wstrust_sts.pki.validation import PathValidator

CA = authority(**TIMES)
REVOKED = ocsp.OCSPCertStatus.REVOKED
LISTED = {"begins": NOW - timedelta(hours=1), "ends": NOW + timedelta(hours=1)}
HARD, SOFT, OFF = Revocation.HARD, Revocation.SOFT, Revocation.OFF


@pytest.fixture
def served():
    with running() as responder:
        yield responder


class Case:
    """One validator, and its answers."""

    def __init__(self, *, patience: float = 5.0, fetcher: Fetcher | None = None, **anchor) -> None:
        fetcher = fetcher or Fetcher()
        fetcher.deadline = lambda seconds=patience: fetcher._monotonic() + seconds
        self.anchor = TrustAnchor(
            **({"realm": "default", "name": "ca", "certificate": CA, "revocation": HARD, "networks": LOOPBACK} | anchor)
        )
        self.validator = PathValidator(timedelta(minutes=5), fetcher)

    def examine(self, certificate: bytes, *came_along: bytes, now=NOW, others=()) -> ExaminedCertificate:
        return self.validator.examine(
            certificate, anchors=[self.anchor, *others], now=now, unverified_intermediates=came_along
        )

    def accepts(self, certificate: bytes, *came_along: bytes, now=NOW) -> bool:
        """Sound and under the anchor. Every refusal is the one text."""
        try:
            return self.examine(certificate, *came_along, now=now).anchor is not None
        except FailedAuthentication:
            return False


def own(**more) -> bytes:
    return leaf(**({"serial": 7} | TIMES | more))


def test_hard_refuses_where_nobody_tells_soft_accepts_and_off_asks_nobody(served):
    pointed = own(extensions=points(served.url + "/missing.crl"))
    for certificate in (own(), pointed):
        assert not Case(revocation=HARD).accepts(certificate)
        assert Case(revocation=SOFT).accepts(certificate)
    assert served.asked == {"/missing.crl": 2}
    assert Case(revocation=OFF).accepts(pointed)
    assert served.asked == {"/missing.crl": 2}


@pytest.mark.parametrize("failing", [HARD, SOFT])
def test_a_list_in_a_file_revokes_and_is_read_again_when_it_changes(tmp_path: Path, failing):
    file = tmp_path / "ca.crl"
    file.write_bytes(crl(3, **LISTED))
    case = Case(revocation=failing, crls=(str(file),))
    assert case.accepts(own())
    (tmp_path / "new").write_bytes(crl(3, 7, **LISTED))
    (tmp_path / "new").replace(file)
    assert not case.accepts(own())


def test_a_file_that_is_gone_old_or_too_long_says_nothing(tmp_path: Path):
    file = tmp_path / "ca.crl"
    case = Case(crls=(str(file),))
    assert not case.accepts(own())
    file.write_bytes(crl(begins=NOW - timedelta(days=2), ends=NOW - timedelta(days=1)))
    assert not case.accepts(own())
    with file.open("wb") as opened:
        opened.truncate(1 << 30)
    assert not case.accepts(own())
    file.unlink()
    file.mkdir()
    assert not case.accepts(own())


@pytest.mark.parametrize("failing", [HARD, SOFT])
def test_a_list_at_the_certificates_distribution_point_revokes(served, failing):
    url = served.at("/ca.crl", crl(7, **LISTED))
    case = Case(revocation=failing)
    assert not case.accepts(own(extensions=points("ldap:///cn=ca", url)))
    assert case.accepts(own(serial=8, extensions=points(url)))
    assert served.asked == {"/ca.crl": 1}


@pytest.mark.parametrize("failing", [HARD, SOFT])
def test_a_responder_revokes_the_certificates_own_or_the_operators(served, failing):
    own_url, good = served.url + "/ocsp", own(serial=8, extensions=access(ocsp=served.url + "/ocsp"))
    served.at("/ocsp", ocsp_answer(good, CA))
    assert Case(revocation=failing).accepts(good)
    served.at("/ocsp", ocsp_answer(good, CA, status=REVOKED))
    assert not Case(revocation=failing).accepts(good)
    silent_one = own()
    served.at("/ocsp", ocsp_answer(silent_one, CA, status=REVOKED))
    assert not Case(revocation=failing, responder=own_url).accepts(silent_one)


def test_where_the_responder_fails_the_list_is_asked(served):
    url = served.at("/ca.crl", crl(**LISTED))
    certificate = own(extensions=(*points(url), *access(ocsp=served.url + "/none")))
    assert Case().accepts(certificate)
    assert served.asked == {"/none": 1, "/ca.crl": 1}


def test_an_answer_for_another_certificate_forged_or_old_is_silence(served):
    certificate = own(extensions=access(ocsp=served.url + "/ocsp"))
    old = {"begins": NOW - timedelta(days=2), "ends": NOW - timedelta(days=1)}
    forged = {"named": authority("mallory"), "signer": key("mallory", "ec")}
    for answer in (
        ocsp_answer(own(serial=8), CA),
        ocsp_answer(certificate, CA, **forged),
        ocsp_answer(certificate, CA, **old),
        b"<html>",
        b"",
    ):
        served.at("/ocsp", answer)
        assert not Case().accepts(certificate)
        assert Case(revocation=SOFT).accepts(certificate)


@pytest.mark.parametrize("make", [silent, drip, lambda _: endless, lambda _: whole(b"", 302, (("Location", "/x"),))])
def test_whatever_servers_do_a_verdict_comes_in_time(served, make):
    served.at("/ca.crl", make(served))
    served.at("/ocsp", make(served))
    certificate = own(extensions=(*points(served.url + "/ca.crl"), *access(ocsp=served.url + "/ocsp")))
    for failing in (HARD, SOFT):
        watch = Stopwatch()
        assert Case(revocation=failing, patience=0.5).accepts(certificate) is (failing is SOFT)
        assert watch.within(3)


def test_a_private_address_in_a_certificate_is_not_asked(served):
    url = served.at("/ca.crl", crl(**LISTED))
    assert not Case(networks=()).accepts(own(extensions=points(url)))
    assert served.asked == {}


def test_nobody_is_asked_for_a_certificate_that_no_anchor_vouches_for(served):
    asking = (*points(served.url + "/x.crl"), *access(ocsp=served.url + "/ocsp", issuers=served.url + "/ca.der"))
    case = Case(issuers_at=("http://pki.test/",))
    assert not case.accepts(own(issuer_key=key("mallory", "ec"), extensions=asking))
    assert not case.accepts(self_signed("mallory", extensions=asking, **TIMES))
    assert served.asked == {}


def test_an_authority_that_was_revoked_takes_all_below_it_along(tmp_path: Path):
    sub = intermediate("sub", serial=42, **TIMES)
    (tmp_path / "ca.crl").write_bytes(crl(**LISTED))
    (tmp_path / "sub.crl").write_bytes(crl(issuer=subject("sub"), signer=key("sub", "ec"), **LISTED))
    case = Case(crls=(str(tmp_path / "ca.crl"), str(tmp_path / "sub.crl")), intermediates=(sub,))
    below = leaf_under("sub", **TIMES)
    assert case.accepts(below)
    (tmp_path / "ca.crl").write_bytes(crl(42, **LISTED))
    assert not case.accepts(below)


def test_each_authority_needs_a_list_of_its_own_where_it_is_demanded(tmp_path: Path):
    (tmp_path / "ca.crl").write_bytes(crl(**LISTED))
    case = Case(crls=(str(tmp_path / "ca.crl"),), intermediates=(intermediate("sub", **TIMES),))
    assert not case.accepts(leaf_under("sub", **TIMES))


def test_what_was_revoked_under_one_anchor_is_refused_whatever_another_one_says(tmp_path: Path):
    (tmp_path / "ca.crl").write_bytes(crl(7, **LISTED))
    lenient = TrustAnchor(realm="default", name="z-lenient", certificate=CA)
    case = Case(crls=(str(tmp_path / "ca.crl"),))
    with pytest.raises(FailedAuthentication, match="revoked"):
        case.examine(own(), others=[lenient])


def test_the_anchor_itself_is_not_looked_up():
    pinned = self_signed("pinned", **TIMES)
    assert Case(certificate=pinned).accepts(pinned)


def test_a_stale_list_is_fetched_anew_when_its_successor_is_due(served):
    url = served.at("/ca.crl", crl(**LISTED))
    case = Case()
    certificate = own(extensions=points(url))
    assert case.accepts(certificate)
    later = LISTED["ends"] + timedelta(minutes=6)
    assert not case.accepts(certificate, now=later)


@pytest.mark.parametrize("where", ["list", "responder"])
def test_what_was_forged_on_the_way_is_not_kept_in_the_place_of_what_is_good(served, where):
    """Nobody signs what comes by HTTP but the authority: whoever stood between once must not go on being believed."""
    at, good = ("/ca.crl", crl(**LISTED)) if where == "list" else ("/ocsp", b"")
    url = served.at(at, b"forged")
    certificate = own(extensions=points(url) if where == "list" else access(ocsp=url))
    elapsed = [0.0]
    case = Case(fetcher=Fetcher(monotonic=lambda: time.monotonic() + elapsed[0]))
    assert not case.accepts(certificate)
    served.at(at, good or ocsp_answer(certificate, CA))
    assert not case.accepts(certificate)  # and nobody has it asked for with every message
    assert served.asked == {at: 1}
    elapsed[0] = 61.0
    assert case.accepts(certificate)


@pytest.mark.parametrize("where", ["list", "responder"])
def test_what_was_revoked_stays_so_when_all_that_comes_now_is_forged_and_until_somebody_says_otherwise(served, where):
    certificate = own(extensions=points(served.url + "/told") if where == "list" else access(ocsp=served.url + "/told"))

    def tell(*revoked: int) -> bytes:
        status = {"status": REVOKED} if revoked else {}
        return crl(*revoked, **LISTED) if where == "list" else ocsp_answer(certificate, CA, **status)

    elapsed = [0.0]
    case = Case(revocation=SOFT, fetcher=Fetcher(monotonic=lambda: time.monotonic() + elapsed[0]))
    for told, accepted in ((tell(7), False), (b"forged", False), (tell(), True), (b"forged", True)):
        served.at("/told", told)
        assert case.accepts(certificate) is accepted
        elapsed[0] += 601.0


# -- intermediates that certificates name


def test_intermediates_are_fetched_where_the_operator_allows_it(served):
    sub = intermediate("sub", extensions=(*CA_EXTENSIONS, *access(issuers=served.url + "/no")), **TIMES)
    url = served.at("/pki/sub.der", sub)
    certificate = leaf_under("sub", extensions=access(issuers=url), **TIMES)
    assert not Case(revocation=OFF).accepts(certificate)
    for prefix in (
        "http://pki.test/",
        served.url + "/pki/sub",
        served.url + "/other/",
        served.url.replace("http", "https"),
    ):
        assert not Case(revocation=OFF, issuers_at=(prefix,)).accepts(certificate)
    assert served.asked == {}
    assert Case(revocation=OFF, issuers_at=(served.url + "/pki/",)).accepts(certificate)
    assert served.asked == {"/pki/sub.der": 1}
    assert not Case(revocation=OFF, issuers_at=(served.url + "/pki/",), networks=()).accepts(certificate)


def test_intermediates_are_fetched_by_steps_and_what_is_no_certificate_is_passed_over(served):
    deep = intermediate("deep", "sub", extensions=(*CA_EXTENSIONS, *access(issuers=served.url + "/sub")), **TIMES)
    served.at("/sub", intermediate("sub", **TIMES))
    certificate = leaf_under("deep", extensions=access(issuers=served.at("/deep", deep)), **TIMES)
    assert Case(revocation=OFF, issuers_at=(served.url,)).accepts(certificate)
    for octets in (b"", b"\x30\x80" * 1000, CA[:-1], leaf()):
        served.at("/deep", octets)
        assert not Case(revocation=OFF, issuers_at=(served.url,)).accepts(certificate)


def test_intermediates_that_name_each_other_for_ever_end(served):
    def turning(request, body):
        number = int(request.path.rpartition("/")[2])
        extensions = (*CA_EXTENSIONS, *access(issuers=f"{served.url}/{number + 1}"))
        whole(intermediate(f"n{number}", f"n{number + 1}", extensions=extensions, **TIMES))(request, body)

    for number in range(20):
        served.at(f"/{number}", turning)
    certificate = leaf_under("n0", extensions=access(issuers=served.url + "/0"), **TIMES)
    assert not Case(revocation=OFF, issuers_at=(served.url,)).accepts(certificate)
    assert sum(served.asked.values()) <= 4
