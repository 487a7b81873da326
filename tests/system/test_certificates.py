"""`wstrust-sts certificate`: what an operator says of certificates, as processes and stores see it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import SERVER, authority, leaf, purposes, self_signed
from tests.system.operating import Done, Sts, call
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.cli.check import find_everything
from wstrust_sts.config import load_config

NOW = datetime.now(UTC)
TIMES = {"begins": NOW - timedelta(days=1), "ends": NOW + timedelta(days=400)}
CA, OWN = authority(**TIMES), self_signed("batch", **TIMES)


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@pytest.fixture
def directory(directory: Path) -> Path:
    """With a certificate and an authority that an operator may name."""
    (directory / "own.pem").write_bytes(pem(OWN))
    (directory / "ca.der").write_bytes(CA)
    return directory


@pytest.fixture
def certificate(directory: Path, sts: Sts, monkeypatch: pytest.MonkeyPatch):
    """Runs its commands where these files are."""
    monkeypatch.chdir(directory)

    def run(*arguments: str) -> Done:
        return sts("certificate", *arguments)

    return run


def test_no_certificate_s_name_drives_the_terminal(certificate, directory):
    (directory / "evil.der").write_bytes(authority("\x1b[2J\nstaff is trusted", **TIMES))
    trusted = certificate("trust", "evil", "evil.der")
    assert trusted.status == 0
    assert "\x1b" not in trusted.out
    assert len(trusted.out.splitlines()) == 1
    assert "\x1b" not in certificate("list").out


def test_what_is_mapped_and_trusted_is_listed_and_can_be_taken_back(certificate):
    assert certificate("list", "--json").json() == {"trust_anchors": [], "mappings": []}
    assert certificate("trust", "staff", "ca.der", "--account-from", "upn").status == 0
    assert certificate("map", "alice", "own.pem").status == 0
    assert certificate("map", "alice", "--subject", "CN=alice,O=Example", "--anchor", "staff").status == 0
    assert certificate("map", "alice", "--email", "alice@Example.test").status == 0
    listed = certificate("list", "--json").json()
    (anchor,) = listed["trust_anchors"]
    assert anchor["sha256"] == fingerprint(CA)
    assert (anchor["name"], anchor["account_from"]) == ("staff", "upn")
    assert anchor["subject"] == "CN=Example CA,O=Example,C=DE"
    assert [sorted(mapping) for mapping in listed["mappings"]] == [
        ["account", "email"],
        ["account", "expires", "sha256"],
        ["account", "anchor", "subject"],
    ]
    shown = certificate("list").out
    assert "staff" in shown
    assert "alice@example.test" in shown
    assert certificate("remove", "alice", "--email", "alice@example.test").status == 0
    colons = ":".join(fingerprint(OWN)[at : at + 2].upper() for at in range(0, 64, 2))
    assert certificate("remove", "alice", "--sha256", colons).status == 0
    assert certificate("remove", "alice", "own.pem").status == 1
    assert "1 mapping went with it" in certificate("untrust", "staff").out
    assert certificate("untrust", "staff").status == 1
    assert certificate("list", "--json").json() == {"trust_anchors": [], "mappings": []}


def test_mapping_twice_says_so_and_anothers_certificate_is_refused(certificate):
    assert (
        "was alice already" in (certificate("map", "alice", "own.pem"), certificate("map", "alice", "own.pem"))[1].out
    )
    done = certificate("map", "bob", "own.pem")
    assert (done.status, "alice" in done.err) == (1, True)


def test_a_name_without_a_trusted_authority_is_told_to_count_for_nothing_yet(certificate):
    done = certificate("map", "alice", "--upn", "alice@corp")
    assert done.status == 0
    assert "certificate trust" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["map", "alice"], 2, "exactly one"),
        (["map", "alice", "own.pem", "--dns", "x"], 2, "exactly one"),
        (["map", "alice", "--anchor", "staff"], 2, "exactly one"),
        (["map", "alice", "missing.pem"], 1, "cannot be read"),
        (["map", "alice", "sts.toml"], 1, "cannot be used"),
        (["map", "alice", "server.der"], 1, "extended key usage"),
        (["map", "alice", "own.pem", "--anchor", "staff"], 1, "needs no anchor"),
        (["map", "nobody", "own.pem"], 1, "no account"),
        (["map", "alice", "--subject", "alice"], 1, "distinguished name"),
        (["map", "alice", "--upn", "a@b", "--anchor", "nowhere"], 1, "no trust anchor"),
        (["map", "alice", "own.pem", "--realm", "nowhere"], 1, "no realm"),
        (["remove", "alice", "own.pem", "--sha256", "ab"], 2, "goes alone"),
        (["trust", "staff", "weak.der"], 1, "1024"),
        (["trust", "staff", "ca.der", "--account-from", "subject"], 2, "is not one of"),
        (["trust", "a\x01", "ca.der"], 1, "unprintable"),
    ],
)
def test_what_means_nothing_is_refused_in_words(certificate, directory, arguments, status, what):
    (directory / "weak.der").write_bytes(authority(kind="rsa-1024"))
    (directory / "server.der").write_bytes(leaf(extensions=purposes(SERVER)))
    done = certificate(*arguments)
    assert done.status == status
    assert what in done.err


def test_an_export_carries_them_and_applying_it_changes_nothing(certificate, directory):
    certificate("trust", "staff", "ca.der")
    certificate("map", "alice", "own.pem")
    certificate("map", "alice", "--uri", "urn:alice", "--anchor", "staff")
    assert call("export", "-o", "state.toml").status == 0
    changes = call("apply", "-f", "state.toml", "--prune", "--json").json()["changes"]
    assert {change["action"] for change in changes} == {"keep"}
    certificate("untrust", "staff")
    shown = call("apply", "-f", "state.toml", "--dry-run").out
    assert "+ trust-anchor default/staff" in shown
    assert "~ account default/alice" in shown
    assert certificate("list", "--json").json()["trust_anchors"] == []
    assert call("apply", "-f", "state.toml").status == 0
    assert len(certificate("list", "--json").json()["mappings"]) == 2


def test_check_warns_of_what_is_about_to_expire(certificate, directory):
    soon = self_signed("soon", begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=7))
    (directory / "soon.der").write_bytes(soon)
    certificate("map", "alice", "soon.der")
    certificate("trust", "staff", "ca.der")
    found = call("check", "--json").json()
    told = [warning for warning in found["warnings"] if "certificate" in warning["where"]]
    assert [warning["what"].split()[0] for warning in told] == ["expires"]
    assert "alice" in told[0]["where"]


KINDS = (
    "server.pem",
    "clients.pem: ",
    "active key",
    "next key",
    "retiring key",
    "active message key",
    "next message key",
    "retiring message key",
    "trust anchor staff",
    "trust anchor staff, intermediate 1",
    "of account alice",
    "encryption certificate of relying party default/sealed",
)


@pytest.mark.parametrize("days", [0, 20], ids=["expired", "about to expire"])
def test_check_knows_the_end_of_everything_that_is_held_or_trusted(certificate, directory, days):
    """Each kind of certificate there is, in a deployment that has them all, when all of them end."""
    end = NOW + timedelta(days=3651, hours=1)
    times = {"begins": TIMES["begins"], "ends": end}
    sealed, middle = leaf("rp", kind="rsa-2048", **times), authority("middle", **times)
    (directory / "rp.der").write_bytes(sealed)
    (directory / "own.pem").write_bytes(pem(self_signed("batch", **times)))
    (directory / "ca.der").write_bytes(authority(**times))
    (directory / "middle.pem").write_bytes(pem(middle))
    (directory / "clients.pem").write_bytes(pem(middle))
    (directory / "server.pem").write_bytes(pem(middle))
    config = directory / "sts.toml"
    endpoint = '\n[[endpoint]]\npath = "/trust/13/tls"\ntrust = "1.3"\npolicy = "certificatetransport"\n'
    with_clients = config.read_text().replace("[server]\n", '[server]\nclient_authorities = "clients.pem"\n', 1)
    config.write_text(with_clients + endpoint)
    certificate("trust", "staff", "ca.der", "--intermediates", "middle.pem")
    certificate("map", "alice", "own.pem")
    for use in ("token", "message"):
        assert call("key", "rotate", "--use", use).status == 0
        assert call("key", "create", "--use", use).status == 0
    added = ("sealed", "--applies-to", "urn:sealed", "--encryption-certificate", "rp.der", "--encrypt-tokens")
    assert call("relying-party", "add", *added).status == 0
    found = list(find_everything(load_config(config), end - timedelta(days=days)))
    told = [each.problem.where for each in found if each.problem.what.startswith(("expires on", "expired on"))]
    assert [kind for kind in KINDS if not any(kind in where for where in told)] == []
