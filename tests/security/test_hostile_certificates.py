"""Certificates that somebody else's signature is to pass for: no token comes of them, and no long work either."""

import time
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests import certificates as corpus
from tests.assertions import BOX, PROVIDERS, signing_key
from tests.cases import each
from tests.certificates import alternative, authority, key, leaf, purposes, self_signed, subject, upn, usage
from tests.fakes import (
    NOON,
    REALM,
    FakeAccounts,
    FakeCertificates,
    FakeDelegationRules,
    FakeIssuedTokens,
    FakeJournal,
    FakeKeyring,
    FakeRealms,
    FakeRelyingParties,
    FakeReplayCache,
    FakeSecurityContexts,
)
from tests.harness import RELYING_PARTY
from wstrust_sts import ns
from wstrust_sts.authenticators.x509 import X509Authenticator
from wstrust_sts.certificate_names import canonical, fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName
from wstrust_sts.certificates import TrustAnchor as Anchor
from wstrust_sts.claims.rules import RuleClaimPolicy
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import (
    Account,
    AppliesTo,
    Circumstances,
    Endpoint,
    Operation,
    RequestSecurityToken,
    TokenType,
    TrustVersion,
    VerifiedMessage,
)
from wstrust_sts.pki.validation import PathValidator
from wstrust_sts.received_tokens import PresentedCertificate
from wstrust_sts.registers import Registers
from wstrust_sts.renewal import RenewalTerms
from wstrust_sts.service import SecurityTokenService

CA, PINNED = authority(), self_signed("pinned", serial=7)
NAMES = alternative(upn("alice@corp"), x509.RFC822Name("alice@example.test"))
GOOD = leaf("alice", serial=7, extensions=NAMES)
ALICE = Account(id="id-alice", realm=REALM.name, name="alice", version=1)
PARTY = RELYING_PARTY


class Sts:
    """Alice's by a pinned certificate, by subject, UPN and mailbox under the authority, and by its common-name rule."""

    def __init__(self) -> None:
        self.tokens = FakeIssuedTokens()
        keyring = FakeKeyring()
        keyring.signers[REALM.name] = [signing_key()]
        anchor = Anchor(realm=REALM.name, name="ca", certificate=CA, account_from=CertificateField.COMMON_NAME)
        exact = CertificateName(CertificateField.SHA256, fingerprint(PINNED))
        names = [
            canonical(CertificateField.SUBJECT, "CN=alice,O=Example,C=DE"),
            canonical(CertificateField.UPN, "alice@corp"),
            canonical(CertificateField.EMAIL, "alice@example.test"),
        ]
        mappings = [self._mapping(exact, PINNED), *(self._mapping(name) for name in names)]
        self.authenticator = X509Authenticator(
            FakeAccounts([ALICE]), FakeCertificates([anchor], mappings), PathValidator(timedelta(minutes=5))
        )
        registers = Registers(
            realms=FakeRealms(),
            accounts=FakeAccounts([ALICE]),
            relying_parties=FakeRelyingParties([PARTY]),
            delegation_rules=FakeDelegationRules(),
            issued_tokens=self.tokens,
            contexts=FakeSecurityContexts(self.tokens),
            journal=FakeJournal(self.tokens),
            replay_cache=FakeReplayCache(),
        )
        self._service = SecurityTokenService(
            registers=registers,
            keyring=keyring,
            box=BOX,
            message_window=timedelta(minutes=15),
            renewal=RenewalTerms(),
            authenticators=[self.authenticator],
            providers=list(PROVIDERS.values()),
            claim_sources=[],
            claim_policy=RuleClaimPolicy(),
        )

    @staticmethod
    def _mapping(name: CertificateName, certificate: bytes | None = None) -> CertificateMapping:
        return CertificateMapping(
            realm=REALM.name, account="alice", name=name, certificate=certificate, account_id=ALICE.id
        )

    def issue(self, certificate: bytes, token_type: str = ns.TP11_SAML20):
        request = RequestSecurityToken(
            version=TrustVersion.V13,
            operation=Operation.ISSUE,
            token_type=token_type,
            applies_to=AppliesTo(PARTY.applies_to[0].address),
        )
        proved = (PresentedCertificate(certificate, source="192.0.2.1"),)
        message = VerifiedMessage(credentials=proved, tls=False, created=NOON, signature_digest=b"d" * 32)
        endpoint = Endpoint(path="/trust", version=TrustVersion.V13, policy="certificate")
        at = Circumstances(correlation_id="c0ffee", endpoint=endpoint, now=NOON, source="192.0.2.1")
        return self._service.perform(request, message, at=at)


@pytest.mark.parametrize("certificate", [GOOD, PINNED], ids=["under the authority", "pinned"])
@pytest.mark.parametrize(
    ("token_type", "asked", "path", "method"),
    [
        (TokenType.SAML11, ns.TP11_SAML11, "//@AuthenticationMethod", ns.SAML11_AM_X509),
        (TokenType.SAML20, ns.TP11_SAML20, "//*[local-name()='AuthnContextClassRef']/text()", ns.SAML20_AC_X509),
    ],
)
def test_the_token_of_a_subject_with_a_certificate_names_that_method(certificate, token_type, asked, path, method):
    sts = Sts()
    outcome = sts.issue(certificate, asked)
    assert outcome.fault is None, outcome.fault.detail
    issued = outcome.response.issued
    assert issued.descriptor.token_type is token_type
    assert etree.fromstring(issued.markup).xpath(path) == [method]
    (record,) = sts.tokens.rows.values()
    assert (record.account, record.methods) == ("id-alice", "x509")


MALLORYS = {"issuer_key": key("mallory's ca")}
HOSTILE = {
    "a look-alike of the pinned one": lambda: self_signed(
        "pinned", serial=7, key=key("mallory"), issuer_key=key("mallory")
    ),
    "a look-alike under an authority of the same name": lambda: leaf("alice", serial=7, extensions=NAMES, **MALLORYS),
    "self-signed with the authority's name": lambda: authority("mallory's ca", extensions=NAMES),
    "self-signed, claiming to be issued by the authority": lambda: self_signed(
        "alice", issuer=corpus.CA_NAME, extensions=NAMES
    ),
    "issued by a leaf": lambda: leaf(
        "alice", issuer=subject("alice"), issuer_key=key("alice"), extensions=NAMES, key=key("mallory")
    ),
    "issued by an authority that the authority did not issue": lambda: leaf(
        "alice", issuer=subject("Sub CA"), issuer_key=key("sub"), extensions=NAMES
    ),
    "an authority below the authority": lambda: leaf("alice", extensions=(corpus.CA_EXTENSIONS[0], *NAMES)),
    "expired": lambda: leaf("alice", ends=NOON - timedelta(minutes=6), extensions=NAMES),
    "not yet valid": lambda: leaf("alice", begins=NOON + timedelta(minutes=6), extensions=NAMES),
    "not for signatures": lambda: leaf("alice", extensions=((usage(key_encipherment=True), True), *NAMES)),
    "not for clients": lambda: leaf("alice", extensions=(*purposes(corpus.SERVER), *NAMES)),
    "a weak RSA key": lambda: leaf("alice", kind="rsa-1024", extensions=NAMES),
    "a weak curve": lambda: leaf("alice", kind="ec-p224", extensions=NAMES),
    "a DSA key": lambda: leaf("alice", kind="dsa", extensions=NAMES),
    "huge": lambda: leaf(
        "alice", extensions=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(10**6)), False), *NAMES)
    ),
    "a thousand names": lambda: leaf(
        "alice", extensions=alternative(upn("alice@corp"), *(x509.DNSName(f"{n}.test") for n in range(900)))
    ),
    "another account's name with ours inside": lambda: leaf("alice,O=Example,C=DE"),
    "a longer subject": lambda: leaf("x", subject=subject("alice", (x509.NameOID.COMMON_NAME, "mallory"))),
    "cut off": lambda: GOOD[:-1],
    "with a tail": lambda: GOOD + b"\0",
    "two of them": lambda: GOOD + GOOD,
    "PEM": lambda: x509.load_der_x509_certificate(GOOD).public_bytes(corpus.Encoding.PEM),
    "nothing": lambda: b"",
    "deeply nested": lambda: b"\x30\x80" * 8000 + b"\0\0" * 8000,
    "an endless length": lambda: b"\x30\x88" + b"\xff" * 8,
}  # fmt: skip


@each(HOSTILE, "make")
def test_a_hostile_certificate_gets_no_token_and_the_one_text_in_bounded_time(make):
    sts, certificate = Sts(), make()
    began = time.process_time()
    with pytest.raises(FailedAuthentication) as refusal:
        sts.issue(certificate)
    spent = time.process_time() - began
    assert refusal.value.sentence == FailedAuthentication.sentence
    assert sts.tokens.rows == {}
    assert spent < 0.5


def test_a_signature_with_sha1_by_the_authority_vouches_for_nothing():
    own = key("rsa ca", "rsa-2048")
    ca = authority("rsa ca", kind="rsa-2048")
    true = leaf("alice", ca="rsa ca", ca_kind="rsa-2048")
    forged = corpus.sign_by_hand(true, "sha1", own)
    anchor = Anchor(realm=REALM.name, name="ca", certificate=ca, account_from=CertificateField.COMMON_NAME)
    authenticator = X509Authenticator(
        FakeAccounts([ALICE]), FakeCertificates([anchor]), PathValidator(timedelta(minutes=5))
    )
    proved = authenticator.authenticate(PresentedCertificate(true), realm=REALM, now=NOON)
    assert proved.account == ALICE
    with pytest.raises(FailedAuthentication):
        authenticator.authenticate(PresentedCertificate(forged), realm=REALM, now=NOON)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=0, max_size=8), st.integers(0, 8))
def test_whatever_is_done_to_a_good_certificate_it_is_refused_and_nothing_else_is_raised(position, put, cut):
    spoilt = GOOD[:position] + put + GOOD[position + cut :]
    if spoilt == GOOD:
        return
    with pytest.raises(FailedAuthentication):
        STS.authenticator.authenticate(PresentedCertificate(spoilt), realm=REALM, now=NOON)


STS = Sts()
