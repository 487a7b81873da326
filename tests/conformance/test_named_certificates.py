"""A certificate that a message names and does not show: found where it is known (X.509 Token Profile 1.1, 3.2)."""

import pytest
from cryptography import x509

from tests.cases import each, each_of
from tests.messages import Answer, issue
from tests.protected import Party, by_key_identifier, by_thumbprint, draft, look_alike, party, protect, reference
from tests.sealed import SealedSts, unseal
from wstrust_sts import ns


def by_issuer_and_serial(whose: Party) -> str:
    name = (
        f'<ds:X509Data xmlns:ds="{ns.DS}"><ds:X509IssuerSerial><ds:X509IssuerName>CN=Example CA</ds:X509IssuerName>'
        f"<ds:X509SerialNumber>{whose.certificate.serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial>"
        "</ds:X509Data>"
    )
    return reference("", "", inside=name)


def by_ski(whose: Party) -> str:
    identifier = whose.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return by_key_identifier(identifier, ns.X509_SKI)


WAYS = {"thumbprint": by_thumbprint, "key identifier": by_ski, "issuer and serial number": by_issuer_and_serial}
by_every_name = each(WAYS, "name")
policy = each_of(("certificate", "certificatesigned"))


def send(sts: SealedSts, policy: str, named: str, *, signer: Party) -> tuple[Answer, object]:
    """A message that `signer` signed and that names a certificate so."""
    request = draft(policy, issue(), now=sts.clock.now, signer=signer)
    message = protect(request, sign=lambda draft: draft.sign(key_info=named))
    return sts.post(message, path=f"/sealed/13/{policy}"), request


@by_every_name
def test_a_certificate_of_an_account_need_not_be_shown(policy, name):
    sts = SealedSts()
    answer, request = send(sts, policy, name(party("alice")), signer=party("alice"))
    assert answer.status == 200
    body = unseal(answer, request, now=sts.clock.now).opened.envelope.body
    assert [found.text for found in body.iter(f"{{{ns.SAML20}}}NameID")] == ["alice"]


@by_every_name
def test_one_that_nobody_knows_is_not_available(policy, name):
    """Behind encryption that is one fault with all others."""
    answer, _ = send(SealedSts(), policy, name(party("mallory")), signer=party("mallory"))
    assert answer.fault == (ns.WSSE, {"certificate": "FailedCheck"}.get(policy, "SecurityTokenUnavailable"))


@by_every_name
def test_naming_somebody_elses_certificate_is_no_proof_of_its_key(policy, name):
    for signer in (party("bob"), look_alike("alice")):
        answer, _ = send(SealedSts(), policy, name(party("alice")), signer=signer)
        assert answer.fault == (ns.WSSE, "FailedCheck")


@pytest.mark.parametrize("name", [by_ski, by_issuer_and_serial])
def test_a_name_that_two_known_certificates_have_is_nobodys(name):
    sts = SealedSts(pinned={party("alice").der: "alice", look_alike("alice").der: "bob"})
    answer, _ = send(sts, "certificatesigned", name(party("alice")), signer=party("alice"))
    assert answer.fault == (ns.WSSE, "SecurityTokenUnavailable")
    answer, _ = send(sts, "certificatesigned", by_thumbprint(party("alice")), signer=party("alice"))
    assert answer.status == 200
