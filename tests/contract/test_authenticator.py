"""What every Authenticator promises, run on each implementation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.certificates import authority, leaf, self_signed
from tests.contexts import CONTEXT, Context, establish
from tests.digests import digest_token, sealed
from tests.fakes import NOON, REALM, FakeAccounts, FakeCertificates, FakeReplayCache, FakeStores
from wstrust_sts import ns
from wstrust_sts.authenticators.context import ContextAuthenticator
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.authenticators.x509 import X509Authenticator
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account, Realm
from wstrust_sts.pki.validation import PathValidator
from wstrust_sts.ports import Authenticator
from wstrust_sts.received_tokens import (
    PresentedCertificate,
    PresentedContext,
    PresentedReference,
    ReceivedToken,
    UnknownToken,
    UsernamePassword,
)

BOX = AesGcmSecretBox(b"k" * 32)


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """An authenticator, a credential that proves `account`, ones that prove nothing, and what must stay secret.

    `lock` disables the account in the store that the authenticator reads.
    """

    authenticator: Authenticator
    account: Account
    good: ReceivedToken
    bad: tuple[ReceivedToken, ...]
    secrets: tuple[str, ...]
    lock: Callable[[], None]


def username() -> Implementation:
    password = "clarinet in B flat"
    account = Account(id="a1", realm=REALM.name, name="alice", version=1, password_hash=hash_password(password))
    accounts = FakeAccounts([account])
    good = UsernamePassword("alice", password, ns.PASSWORD_TEXT, over_tls=True)
    return Implementation(
        authenticator=UsernameAuthenticator(accounts, FakeReplayCache(), PasswordChecker(slots=1, queue=0), BOX),
        account=account,
        good=good,
        bad=(
            replace(good, password="wr0ng-p4ssword"),
            replace(good, username="correct horse battery"),
            replace(good, password_type=ns.PASSWORD_DIGEST),
        ),
        secrets=(password, "wr0ng-p4ssword", "correct horse battery", account.password_hash or ""),
        lock=lambda: accounts.put(replace(account, version=2, enabled=False)),
    )


def digest() -> Implementation:
    password = "clarinet in B flat"
    plain = Account(id="a1", realm=REALM.name, name="alice", version=1)
    account = replace(plain, sealed_digest_password=sealed(plain, password, BOX))
    accounts = FakeAccounts([account])
    good = digest_token("alice", password, nonce=b"n" * 16, created=NOON)
    wrong = digest_token("alice", "wr0ng-p4ssword", nonce=b"n" * 16, created=NOON)
    return Implementation(
        authenticator=UsernameAuthenticator(accounts, FakeReplayCache(), PasswordChecker(slots=1, queue=0), BOX),
        account=account,
        good=good,
        bad=(
            wrong,
            replace(good, username="correct horse battery"),
            replace(good, nonce=None),
            replace(good, created=None, created_text=""),
            replace(good, password_type=ns.PASSWORD_TEXT),
        ),
        secrets=(password, good.password, wrong.password, "correct horse battery"),
        lock=lambda: accounts.put(replace(account, version=2, enabled=False)),
    )


def certificate() -> Implementation:
    account = Account(id="a1", realm=REALM.name, name="alice", version=1)
    accounts = FakeAccounts([account])
    own, ca = self_signed("alice"), authority()
    pinned = CertificateMapping(
        realm=REALM.name,
        account="alice",
        name=CertificateName(CertificateField.SHA256, fingerprint(own)),
        certificate=own,
        account_id="a1",
    )
    rule = TrustAnchor(realm=REALM.name, name="ca", certificate=ca, account_from=CertificateField.COMMON_NAME)
    return Implementation(
        authenticator=X509Authenticator(
            accounts, FakeCertificates([rule], [pinned]), PathValidator(timedelta(minutes=5))
        ),
        account=account,
        good=PresentedCertificate(own),
        bad=(
            PresentedCertificate(self_signed("alice", serial=8)),
            PresentedCertificate(leaf("correct horse battery")),
            PresentedCertificate(leaf("alice", ends=NOON - timedelta(hours=1))),
            PresentedCertificate(b"octets"),
        ),
        secrets=("correct horse battery",),
        lock=lambda: accounts.put(replace(account, version=2, enabled=False)),
    )


def context() -> Implementation:
    account = Account(id="id-alice", realm=REALM.name, name="alice", version=1)
    accounts, stores = FakeAccounts([account]), FakeStores()
    ended = Context(identifier="urn:uuid:2", secret=b"violoncello")
    establish(stores)
    establish(stores, ended, expires_at=NOON)
    establish(stores, replace(ended, identifier="urn:uuid:3"), account="nobody")
    establish(stores, replace(ended, identifier="urn:uuid:4"), cancelled_at=NOON)
    good = PresentedContext(CONTEXT.identifier, proved=True)
    return Implementation(
        authenticator=ContextAuthenticator(accounts, stores.security_contexts),
        account=account,
        good=good,
        bad=(
            replace(good, proved=False),
            replace(good, instance="urn:uuid:1"),
            *(replace(good, identifier=f"urn:uuid:{number}") for number in range(1, 5)),
        ),
        secrets=("violoncello", CONTEXT.secret.decode()),
        lock=lambda: accounts.put(replace(account, version=2, enabled=False)),
    )


IMPLEMENTATIONS = [username, digest, certificate, context]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    return request.param()


def test_it_accepts_its_own_credentials_whether_they_are_good_or_bad(implementation: Implementation) -> None:
    for token in (implementation.good, *implementation.bad):
        assert implementation.authenticator.accepts(token) is True


@pytest.mark.parametrize("token", [PresentedReference("_1"), UnknownToken("{urn:x}Y")])
def test_it_does_not_accept_what_nobody_can_verify(implementation: Implementation, token: ReceivedToken) -> None:
    assert implementation.authenticator.accepts(token) is False


def test_a_good_credential_proves_its_account_at_this_instant(implementation: Implementation) -> None:
    authenticated = implementation.authenticator.authenticate(implementation.good, realm=REALM, now=NOON)
    assert authenticated.account == implementation.account
    assert authenticated.instant == NOON


def test_a_bad_credential_is_refused_with_the_one_text(implementation: Implementation) -> None:
    for token in implementation.bad:
        with pytest.raises(FailedAuthentication) as caught:
            implementation.authenticator.authenticate(token, realm=REALM, now=NOON)
        assert (caught.value.namespace, caught.value.code) == ("wsse", "FailedAuthentication")
        assert caught.value.sentence == FailedAuthentication.sentence


def test_no_refusal_tells_even_the_operator_a_secret_or_an_unknown_name(implementation: Implementation) -> None:
    for token in implementation.bad:
        with pytest.raises(FailedAuthentication) as caught:
            implementation.authenticator.authenticate(token, realm=REALM, now=NOON)
        for secret in implementation.secrets:
            assert secret not in repr(caught.value)
            assert secret not in caught.value.detail


def test_a_credential_proves_nothing_in_another_realm(implementation: Implementation) -> None:
    other = Realm(name="other", issuer="https://other.example.test")
    with pytest.raises(FailedAuthentication):
        implementation.authenticator.authenticate(implementation.good, realm=other, now=NOON)


def test_a_lock_acts_at_the_next_request(implementation: Implementation) -> None:
    implementation.authenticator.authenticate(implementation.good, realm=REALM, now=NOON)
    implementation.lock()
    with pytest.raises(FailedAuthentication):
        implementation.authenticator.authenticate(implementation.good, realm=REALM, now=NOON)
