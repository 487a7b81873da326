"""Certificates in the declared state: read strictly, reconciled, exported; and told of before they expire."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import SERVER, authority, leaf, purposes, self_signed
from tests.fakes import NOON, REALM, FakeStores
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, TrustAnchor
from wstrust_sts.changes import Plan
from wstrust_sts.cli.checks.certificates import check_certificates
from wstrust_sts.declaration import Declaration, read_declaration, write_declaration
from wstrust_sts.model import Account
from wstrust_sts.reconciliation import plan
from wstrust_sts.strict_toml import ConfigurationError

CA, OWN = authority(), self_signed("alice")
HEAD = """
[[trust_anchor]]
name = "staff"
file = "ca.der"
account_from = "upn"

"""
ALICE = """
[[account]]
name = "alice"
[[account.certificate]]
file = "own.pem"
[[account.certificate]]
subject = "CN=alice,O=Example"
anchor = "staff"
"""


class NoPasswords:
    def hash(self, password: str) -> str:
        raise AssertionError("no account here has one")

    def matches(self, password: str, account: Account) -> bool:
        raise AssertionError("no account here has one")


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.der").write_bytes(CA)
    (tmp_path / "own.pem").write_bytes(b"a comment\n" + pem(OWN))
    return tmp_path


def read(folder: Path, text: str) -> Declaration:
    (folder / "state.toml").write_text(text)
    return read_declaration(folder / "state.toml", standard_input=io.StringIO())


def problems(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        apply(read(folder, text), FakeStores())
    assert all(problem.fix for problem in caught.value.problems)
    return "\n".join(f"{problem.where}: {problem.what}" for problem in caught.value.problems)


def planned(declaration: Declaration, stores: FakeStores, *, prune: bool = False) -> Plan:
    return plan(declaration, stores.administration, NoPasswords(), prune=prune)


def apply(declaration: Declaration, stores: FakeStores, *, prune: bool = False) -> Plan:
    found = planned(declaration, stores, prune=prune)
    found.carry_out(stores.administration)
    return found


def owners(stores: FakeStores) -> list[tuple[str, str]]:
    mappings = stores.administration.certificate_mappings(REALM.name)
    return sorted((mapping.account, mapping.name.field.value) for mapping in mappings)


def test_anchors_and_mappings_are_read_into_the_model(folder: Path) -> None:
    declared = read(folder, HEAD + ALICE)
    assert declared.trust_anchors == (
        TrustAnchor(realm="default", name="staff", certificate=CA, account_from=CertificateField.UPN),
    )
    assert declared.accounts[0].certificates == (
        CertificateMapping(
            realm="default",
            account="alice",
            name=CertificateName(CertificateField.SHA256, fingerprint(OWN)),
            certificate=OWN,
        ),
        CertificateMapping(
            realm="default",
            account="alice",
            name=CertificateName(CertificateField.SUBJECT, "CN=alice,O=Example"),
            anchor="staff",
        ),
    )


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ('file = "own.pem"\nsubject = "CN=x"', "exactly one"),
        ('anchor = "staff"', "exactly one"),
        ('file = "own.pem"\nanchor = "staff"', "goes with a name"),
        ('file = "missing.pem"', "cannot be read"),
        ('file = "state.toml"', "cannot be used"),
        ('file = "two.pem"', "not one certificate"),
        ('file = "server.der"', "extended key usage"),
        ('pem = "-----BEGIN CERTIFICATE-----"', "not one certificate"),
        ("pem = 1", "text of a PEM"),
        ('subject = "alice"', "distinguished name"),
        ('email = "alice"', "name@domain"),
        ('sha256 = "ab"', "unknown key"),
        ('upn = "alice@corp"\nanchor = "nowhere"', "no trust anchor"),
    ],
)
def test_what_is_no_certificate_is_a_problem_with_its_fix(folder: Path, written: str, what: str) -> None:
    (folder / "two.pem").write_bytes(pem(OWN) + pem(CA))
    (folder / "server.der").write_bytes(leaf(extensions=purposes(SERVER)))
    assert what in problems(folder, f'{HEAD}[[account]]\nname = "alice"\n[[account.certificate]]\n{written}\n')


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("", "exactly one"),
        ('file = "ca.der"\naccount_from = "subject"', "must be one of"),
        ('file = "weak.der"', "1024"),
        ('file = "ca.der"\n[[trust_anchor]]\nname = "a"\nfile = "ca.der"', "declared twice"),
        ('file = "ca.der"\nrealm = "nowhere"', "no realm"),
    ],
)
def test_an_anchor_that_cannot_be_one_is_a_problem(folder: Path, written: str, what: str) -> None:
    (folder / "weak.der").write_bytes(authority(kind="rsa-1024"))
    assert what in problems(folder, f'[[trust_anchor]]\nname = "a"\n{written}\n')


def test_certificates_of_two_accounts_are_a_problem(folder: Path) -> None:
    assert "belong to both alice and bob" in problems(folder, HEAD + ALICE + ALICE.replace("alice", "bob", 1))


def test_applying_twice_changes_nothing_the_second_time(folder: Path) -> None:
    stores, declared = FakeStores(), read(folder, HEAD + ALICE)
    assert not apply(declared, stores).is_empty
    assert owners(stores) == [("alice", "sha256"), ("alice", "subject")]
    assert planned(declared, stores, prune=True).is_empty


def test_a_plan_shows_fingerprints_and_writes_nothing(folder: Path) -> None:
    stores = FakeStores()
    apply(read(folder, HEAD + ALICE), stores)
    (folder / "ca.der").write_bytes(authority("another"))
    found = planned(read(folder, HEAD + '[[account]]\nname = "alice"\n'), stores)
    shown = "\n".join(detail for change in found.changes for detail in change.details)
    assert f'sha256: "{fingerprint(CA)}" -> "' in shown
    assert f'certificate: [{{ sha256 = "{fingerprint(OWN)}" }}' in shown
    assert len(owners(stores)) == 2


def test_certificates_can_be_exchanged_between_accounts(folder: Path) -> None:
    stores = FakeStores()
    bob = '[[account]]\nname = "bob"\n[[account.certificate]]\nemail = "bob@example.test"\n'
    apply(read(folder, HEAD + ALICE + bob), stores)
    apply(read(folder, HEAD + ALICE.replace("alice", "bob", 1) + bob.replace("bob", "alice", 1)), stores)
    assert owners(stores) == [("alice", "email"), ("bob", "sha256"), ("bob", "subject")]


def test_what_is_not_declared_of_an_account_goes_and_an_anchor_only_by_prune(folder: Path) -> None:
    stores = FakeStores()
    apply(read(folder, HEAD + ALICE), stores)
    less = read(folder, f'[[realm]]\nname = "default"\nissuer = "{REALM.issuer}"\n[[account]]\nname = "alice"\n')
    apply(less, stores)
    assert owners(stores) == []
    assert len(stores.administration.trust_anchors("default")) == 1
    apply(less, stores, prune=True)
    assert stores.administration.trust_anchors("default") == []


def test_applying_an_export_is_a_no_op_and_rebuilds_the_state_elsewhere(folder: Path) -> None:
    stores, elsewhere = FakeStores(), FakeStores()
    apply(read(folder, HEAD + ALICE), stores)
    exported = write_declaration(stores.administration)
    assert planned(read(folder, exported), stores, prune=True).is_empty
    apply(read(folder, exported), elsewhere)
    assert write_declaration(elsewhere.administration) == exported


# -- check -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "told"), [(31, []), (30, ["expires"] * 2), (1, ["expires"] * 2), (0, ["expired"] * 2)]
)
def test_check_warns_of_anchors_and_exact_certificates_thirty_days_before_they_expire(days: int, told: list) -> None:
    ends = NOON + timedelta(days=days)
    own = self_signed("alice", ends=ends, begins=NOON - timedelta(days=400))
    exact = CertificateName(CertificateField.SHA256, fingerprint(own))
    subject = CertificateName(CertificateField.SUBJECT, "CN=alice")
    anchor = TrustAnchor(
        realm="default", name="ca", certificate=authority(ends=ends, begins=NOON - timedelta(days=400))
    )
    mappings = [
        CertificateMapping(realm="default", account="alice", name=exact, certificate=own),
        CertificateMapping(realm="default", account="alice", name=subject),
    ]
    found = list(check_certificates("realm default", [anchor], mappings, NOON))
    assert [finding.problem.what.split()[0] for finding in found] == told
    assert all(finding.warning and finding.problem.fix for finding in found)
