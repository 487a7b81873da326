"""What a proved security context stands for: the authentication by which it was established, and no more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contexts import CONTEXT, establish
from tests.fakes import NOON, REALM, FakeAccounts, FakeStores
from wstrust_sts.authenticators.context import ContextAuthenticator
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Account, AuthenticationMethod
from wstrust_sts.received_tokens import PresentedContext

ALICE = Account(id="id-alice", realm=REALM.name, name="alice", version=1)
PROVED = PresentedContext(CONTEXT.identifier, proved=True)
MINUTE = timedelta(minutes=1)


def authenticate(stores: FakeStores, account: Account = ALICE, *, now=NOON):
    return ContextAuthenticator(FakeAccounts([account]), stores.security_contexts).authenticate(
        PROVED, realm=REALM, now=now
    )


@pytest.fixture
def stores() -> FakeStores:
    stores = FakeStores()
    establish(stores)
    return stores


def test_it_says_when_and_by_what_its_subject_proved_itself_then(stores):
    ((place, key),) = stores.security_contexts.rows.items()
    stores.security_contexts.rows[place] = replace(key, methods="x509 password-over-tls")
    proof = authenticate(stores, now=NOON + 30 * MINUTE)
    assert proof.instant == NOON
    assert (proof.method, *proof.further_methods) == (
        AuthenticationMethod.X509,
        AuthenticationMethod.PASSWORD_OVER_TLS,
    )


def test_it_counts_until_its_end_and_not_at_it(stores):
    assert authenticate(stores, now=NOON + 60 * MINUTE - timedelta(microseconds=1)).account is ALICE
    with pytest.raises(FailedAuthentication):
        authenticate(stores, now=NOON + 60 * MINUTE)


def test_an_account_that_expired_since_is_refused(stores):
    with pytest.raises(FailedAuthentication):
        authenticate(stores, replace(ALICE, expires_at=NOON))


def test_an_account_of_the_same_name_that_came_later_is_another_one(stores):
    with pytest.raises(FailedAuthentication):
        authenticate(stores, replace(ALICE, id="id-alice-2"))
