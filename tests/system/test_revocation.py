"""Revocation as an operator sets it and sees it: trust, certificate check, apply and export, check."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import CA_EXTENSIONS, authority, intermediate, leaf, leaf_under, self_signed, subject
from tests.responder import NOW, TIMES, crl, ocsp_answer, points, running
from tests.system.operating import Done, call

CA = authority(begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=400))
LISTED = {"begins": NOW - timedelta(hours=1), "ends": NOW + timedelta(hours=9)}


def pem(*certificates: bytes) -> bytes:
    return b"".join(x509.load_der_x509_certificate(each).public_bytes(Encoding.PEM) for each in certificates)


@pytest.fixture
def directory(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With an authority and its list, from where the commands are run."""
    (directory / "ca.der").write_bytes(CA)
    (directory / "ca.crl").write_bytes(crl(42, **LISTED))
    monkeypatch.setenv("WSTRUST_STS_CONFIG", str(directory / "sts.toml"))
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture(scope="module")
def served():
    with running() as responder:
        yield responder


def certificate(*arguments: str) -> Done:
    return call("certificate", *arguments)


def trust(*more: str) -> Done:
    return certificate("trust", "staff", "ca.der", "--account-from", "common-name", *more)


def warnings(about: str) -> list[str]:
    found = call("check", "--json").json()["warnings"]
    return [warning["what"] for warning in found if about in warning["where"]]


def test_a_certificate_is_explained_step_by_step(directory: Path):
    assert trust("--revocation", "hard", "--crl", "ca.crl").status == 0
    (directory / "alice.der").write_bytes(leaf("alice", serial=7, **TIMES))
    (directory / "revoked.der").write_bytes(leaf("alice", serial=42, **TIMES))
    done = certificate("check", "alice.der", "--json")
    assert done.status == 0
    shown = done.json()
    assert (shown["account"], shown["trust_anchor"], shown["refused"]) == ("alice", "staff", None)
    assert shown["path"] == ["CN=alice,O=Example,C=DE", "CN=Example CA,O=Example,C=DE"]
    assert [(step["step"].split()[0], step["passed"]) for step in shown["steps"]] == [
        ("form,", True),
        ("times", True),
        ("path", True),
        ("CRL", True),
    ]
    assert "It is alice." in certificate("check", "alice.der").out
    refused = certificate("check", "revoked.der")
    assert refused.status == 1
    assert "It is refused: certificate: revoked" in refused.out


def test_what_lacks_to_a_verdict_is_told(directory: Path):
    certificate("trust", "staff", "ca.der", "--revocation", "hard")
    pointed = leaf("alice", extensions=points("http://127.0.0.1:1/ca.crl"), **TIMES)
    (directory / "alice.der").write_bytes(pointed)
    done = certificate("check", "alice.der")
    assert done.status == 1
    assert "not public" in done.out
    (directory / "old.der").write_bytes(leaf("alice", ends=NOW - timedelta(hours=1), begins=NOW - timedelta(days=9)))
    assert "expired" in certificate("check", "old.der").out
    (directory / "strange.der").write_bytes(self_signed("mallory", **TIMES))
    assert "mapped to no account, under no trust anchor" in certificate("check", "strange.der").out
    (directory / "bad.der").write_bytes(b"octets")
    assert "malformed" in certificate("check", "bad.der").out
    assert certificate("check", "nowhere.pem").status == 2


def test_intermediates_come_along_in_a_file_or_are_stored(directory: Path):
    sub = intermediate("sub", **TIMES)
    alice = leaf_under("sub", subject=subject("alice"), **TIMES)
    (directory / "alice.pem").write_bytes(pem(alice))
    (directory / "chain.pem").write_bytes(pem(alice, sub))
    (directory / "sub.pem").write_bytes(pem(sub))
    assert trust().status == 0
    assert certificate("check", "alice.pem").status == 1
    assert certificate("check", "chain.pem").status == 0
    assert trust("--intermediates", "sub.pem").status == 0
    assert certificate("check", "alice.pem").status == 0


def test_settings_are_exported_and_applying_them_changes_nothing(directory: Path):
    (directory / "sub.pem").write_bytes(pem(intermediate("sub", extensions=CA_EXTENSIONS, **TIMES)))
    settings = ("--intermediates", "sub.pem", "--crl", "ca.crl", "--crl", "http://pki.test/ca.crl")
    more = ("--ocsp", "http://ocsp.test/", "--allow-network", "10.1.0.0/16", "--issuers-at", "http://pki.test/aia/")
    assert trust("--revocation", "soft", *settings, *more).status == 0
    (listed,) = certificate("list", "--json").json()["trust_anchors"]
    assert listed["revocation"] == "soft"
    assert listed["crls"] == [str(directory / "ca.crl"), "http://pki.test/ca.crl"]
    assert call("export", "-o", "state.toml").status == 0
    changes = call("apply", "-f", "state.toml", "--prune", "--json").json()["changes"]
    assert {change["action"] for change in changes} == {"keep"}
    state = (directory / "state.toml").read_text()
    (directory / "state.toml").write_text(state.replace('revocation = "soft"', 'revocation = "hard"'))
    assert "soft" in call("apply", "-f", "state.toml", "--dry-run").out
    assert call("apply", "-f", "state.toml").status == 0
    assert certificate("list", "--json").json()["trust_anchors"] == [listed | {"revocation": "hard"}]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--crl", "ca.crl"], "nobody would be asked"),
        (["--revocation", "hard", "--crl", "https://pki.test/ca.crl"], "not an http URL"),
        (["--revocation", "hard", "--ocsp", "ldap://pki.test/"], "not an http URL"),
        (["--allow-network", "10.1.2.3/8"], "not a network"),
        (["--issuers-at", "pki.test"], "not an http URL"),
        (["--intermediates", "sts.toml"], "not certificates"),
        (["--intermediates", "leaf.pem"], "no authority"),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_words(directory: Path, arguments, what):
    (directory / "leaf.pem").write_bytes(pem(leaf(**TIMES)))
    done = trust(*arguments)
    assert done.status == 1
    assert what in done.err


def test_trusting_without_revocation_says_what_that_means(directory: Path):
    assert "--revocation hard" in trust().err
    assert "--revocation" not in trust("--revocation", "soft").err


def test_check_warns_of_lists_and_responders_that_do_not_serve(directory: Path, served):
    url = served.at("/ocsp", ocsp_answer(leaf(serial=1, **TIMES), CA))
    given = ("--revocation", "hard", "--crl", "ca.crl", "--allow-network", "127.0.0.0/8")
    trust(*given, "--ocsp", url)
    assert warnings("staff") == []
    (directory / "ca.crl").write_bytes(crl(begins=NOW - timedelta(days=9), ends=NOW + timedelta(hours=1)))
    assert "only" in warnings("CRL")[0]
    (directory / "ca.crl").write_bytes(crl(begins=NOW - timedelta(days=9), ends=NOW - timedelta(days=1)))
    assert "was good until" in warnings("CRL")[0]
    (directory / "ca.crl").write_bytes(b"octets")
    assert "malformed" in warnings("CRL")[0]
    (directory / "ca.crl").unlink()
    assert "cannot be read" in warnings("CRL")[0]
    served.at("/ocsp", b"<html>")
    assert warnings("responder") == ["what it answers is not OCSP"]
    trust(*given, "--ocsp", served.url + "/gone", "--crl", served.url + "/gone.crl")
    assert ["404" in what for what in warnings("/gone")] == [True, True]


def test_check_warns_of_intermediates_that_are_about_to_expire(directory: Path):
    (directory / "sub.pem").write_bytes(
        pem(intermediate("sub", begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=7)))
    )
    trust("--intermediates", "sub.pem")
    assert warnings("intermediate 1")[0].startswith("expires on")
