"""Whose a certificate is: by itself, by its names under an anchor, by the anchor's rule; and when it is nobody's."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from tests.certificates import alternative, authority, key, leaf, self_signed, upn
from tests.fakes import NOON, REALM, FakeAccounts, FakeCertificates, FakeLockouts
from wstrust_sts.authenticators.lockout import Gate, Limits
from wstrust_sts.authenticators.x509 import X509Authenticator
from wstrust_sts.certificate_names import canonical, fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Account, AuthenticationMethod
from wstrust_sts.pki.validation import PathValidator
from wstrust_sts.received_tokens import PresentedCertificate

CA, OTHER_CA = authority(), authority("other", subject=x509.Name.from_rfc4514_string("CN=Other CA"))
ALICE, BOB = (Account(id=f"id-{name}", realm=REALM.name, name=name, version=1) for name in ("alice", "bob"))
NAMES = alternative(
    x509.RFC822Name("batch@example.test"),
    x509.DNSName("batch.example.test"),
    x509.UniformResourceIdentifier("urn:batch"),
    upn("Alice@CORP"),
)


def anchor(**more) -> TrustAnchor:
    return TrustAnchor(**({"realm": REALM.name, "name": "ca", "certificate": CA} | more))


def mapping(name: CertificateName, account: Account = ALICE, **more) -> CertificateMapping:
    return CertificateMapping(realm=REALM.name, account=account.name, name=name, account_id=account.id, **more)


def pin(certificate: bytes, account: Account = ALICE) -> CertificateMapping:
    return mapping(CertificateName(CertificateField.SHA256, fingerprint(certificate)), account, certificate=certificate)


SUBJECT = canonical(CertificateField.SUBJECT, "CN=batch,O=Example,C=DE")


class World:
    """Alice and Bob, and what a test says of certificates."""

    def __init__(self, *mappings: CertificateMapping, anchors=(), limits: Limits | None = None) -> None:
        self.accounts = FakeAccounts([ALICE, BOB])
        self.certificates = FakeCertificates(anchors, mappings)
        self.lockouts = FakeLockouts()
        gate = None if limits is None else Gate(self.lockouts, limits)
        validator = PathValidator(timedelta(minutes=5))
        self.authenticator = X509Authenticator(self.accounts, self.certificates, validator, gate=gate)

    def whose(self, certificate: bytes, *, now=NOON, realm=REALM) -> str:
        token = PresentedCertificate(certificate, source="192.0.2.7")
        authenticated = self.authenticator.authenticate(token, realm=realm, now=now)
        assert authenticated.method is AuthenticationMethod.X509
        assert authenticated.instant == now
        return authenticated.account.name

    def refusal(self, certificate: bytes, **more) -> str:
        with pytest.raises(FailedAuthentication) as refused:
            self.whose(certificate, **more)
        assert refused.value.sentence == FailedAuthentication.sentence
        return refused.value.detail


def test_a_pinned_certificate_is_its_accounts_without_any_anchor():
    certificate = self_signed()
    assert World(pin(certificate)).whose(certificate) == "alice"


def test_a_look_alike_of_a_pinned_certificate_is_nobodys():
    world = World(pin(self_signed(serial=7)))
    alike = self_signed(serial=7, key=key("mallory"), issuer_key=key("mallory"))
    assert "mapped to no account" in world.refusal(alike)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        (CertificateField.SUBJECT, "CN=batch,O=Example,C=DE"),
        (CertificateField.EMAIL, "batch@EXAMPLE.test"),
        (CertificateField.DNS, "Batch.example.test"),
        (CertificateField.URI, "urn:batch"),
        (CertificateField.UPN, "alice@corp"),
    ],
)
def test_a_name_is_believed_under_an_anchor_and_only_there(field, written):
    names = NAMES
    name = canonical(field, written)
    certificate = leaf(extensions=names)
    assert World(mapping(name), anchors=[anchor()]).whose(certificate) == "alice"
    assert World(mapping(name, anchor="ca"), anchors=[anchor()]).whose(certificate) == "alice"
    assert "no trust anchor" in World(mapping(name)).refusal(certificate)
    for alike in (self_signed(extensions=names), leaf(extensions=names, ca="mallory's ca")):
        assert "no trust anchor" in World(mapping(name), anchors=[anchor()]).refusal(alike)


@pytest.mark.parametrize(
    "written", ["CN=batch", "CN=Batch,O=Example,C=DE", "CN=batch,C=DE,O=Example", "O=Example,C=DE"]
)
def test_a_subject_is_the_whole_name_or_another_one(written):
    name = canonical(CertificateField.SUBJECT, written)
    assert "no account" in World(mapping(name), anchors=[anchor()]).refusal(leaf())


def test_a_mapping_for_one_anchor_says_nothing_of_certificates_under_another():
    other = anchor(name="other", certificate=OTHER_CA)
    certificate = leaf(ca="other", issuer=x509.Name.from_rfc4514_string("CN=Other CA"))
    both = [anchor(), other]
    assert World(mapping(SUBJECT, anchor="other"), anchors=both).whose(certificate) == "alice"
    assert "'other'" in World(mapping(SUBJECT, anchor="ca"), anchors=both).refusal(certificate)


# -- rules


@pytest.mark.parametrize("field", [CertificateField.COMMON_NAME, CertificateField.UPN, CertificateField.DNS])
def test_by_a_rule_a_field_is_the_accounts_name(field):
    certificate = leaf("alice", extensions=alternative(x509.DNSName("alice"), upn("alice")))
    assert World(anchors=[anchor(account_from=field)]).whose(certificate) == "alice"
    assert "no account" in World(anchors=[anchor()]).refusal(certificate)


def test_a_rule_holds_for_the_certificates_of_its_anchor_alone():
    other = anchor(name="other", certificate=OTHER_CA, account_from=CertificateField.COMMON_NAME)
    assert "no account" in World(anchors=[anchor(), other]).refusal(leaf("alice"))
    assert "no trust anchor" in World(anchors=[other]).refusal(self_signed("alice"))


def test_by_a_rule_an_unknown_name_and_another_spelling_are_nobodys():
    world = World(anchors=[anchor(account_from=CertificateField.COMMON_NAME)])
    for name in ("carol", "Alice", "alice ", "id-alice"):
        assert "no account" in world.refusal(leaf(name))


def test_a_certificate_with_two_names_for_the_rule_follows_none():
    extensions = alternative(upn("alice"), upn("nobody"))
    world = World(anchors=[anchor(account_from=CertificateField.UPN)])
    assert "no account" in world.refusal(leaf(extensions=extensions))


# -- several accounts, barred accounts


def test_a_certificate_of_two_accounts_is_nobodys():
    certificate = leaf("bob", extensions=NAMES)
    email = canonical(CertificateField.EMAIL, "batch@example.test")
    subject = canonical(CertificateField.SUBJECT, "CN=bob,O=Example,C=DE")
    rule = anchor(account_from=CertificateField.COMMON_NAME)
    for world in (
        World(mapping(email), mapping(subject, BOB), anchors=[anchor()]),
        World(pin(certificate), mapping(subject, BOB), anchors=[anchor()]),
        World(mapping(email), anchors=[rule]),
        World(pin(certificate), anchors=[rule]),
    ):
        assert "several accounts: 'alice', 'bob'" in world.refusal(certificate)


def test_several_mappings_to_one_account_are_one():
    certificate = leaf("alice", extensions=NAMES)
    email = canonical(CertificateField.EMAIL, "batch@example.test")
    rule = anchor(account_from=CertificateField.COMMON_NAME)
    assert World(pin(certificate), mapping(email), anchors=[rule]).whose(certificate) == "alice"


@pytest.mark.parametrize("change", [{"enabled": False}, {"expires_at": NOON}])
def test_a_barred_account_is_refused_from_the_next_request_on(change):
    certificate = self_signed()
    world = World(pin(certificate))
    assert world.whose(certificate) == "alice"
    world.accounts.put(replace(ALICE, **change))
    assert "'alice'" in world.refusal(certificate)


def test_a_mapping_to_an_account_that_was_made_again_is_nobodys():
    certificate = self_signed()
    world = World(pin(certificate))
    world.accounts.put(replace(ALICE, id="another"))
    assert "no account" in world.refusal(certificate)


def test_a_pinned_certificate_has_its_times_too():
    certificate = self_signed()
    world = World(pin(certificate))
    assert "expired" in world.refusal(certificate, now=NOON + timedelta(days=2))
    assert "not valid yet" in world.refusal(certificate, now=NOON - timedelta(days=2))


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x80" * 9000, b"-----BEGIN CERTIFICATE-----"])
def test_octets_that_are_no_certificate_are_nobodys_even_if_they_are_pinned(octets):
    assert "certificate:" in World(pin(octets)).refusal(octets)


# -- hold-ups


def test_a_source_that_tries_many_certificates_is_held_up_and_no_user_is():
    world = World(limits=Limits(free=1, longest=timedelta(minutes=5)))
    for number in range(10):
        assert "no account" in world.refusal(self_signed(f"guess-{number}"))
    reads = world.accounts.reads
    assert "from this source" in world.refusal(self_signed("one more"))
    assert world.accounts.reads == reads


def test_a_certificate_that_failed_too_often_is_held_up_and_let_in_later():
    certificate = self_signed()
    world = World(limits=Limits(free=2, longest=timedelta(minutes=5)))
    for _ in range(2):
        assert "no account" in world.refusal(certificate)
    world.certificates.rows.append(pin(certificate))
    assert "held up" in world.refusal(certificate)
    assert world.whose(certificate, now=NOON + timedelta(minutes=6)) == "alice"


def test_a_certificate_in_good_standing_asks_nothing_of_the_tallies():
    certificate = self_signed()
    world = World(pin(certificate), limits=Limits(free=2, longest=timedelta(minutes=5)))
    world.whose(certificate)
    reads = world.lockouts.reads
    assert world.whose(certificate, now=NOON + timedelta(seconds=5)) == "alice"
    assert world.lockouts.reads == reads
