"""Nobody learns from the time of a refusal whether an account exists, is locked, or has a password.

In process, with the real hash: cases take turns, so that a noisy machine is noisy for all of them, and medians are
compared. The cache of proved passwords is warm, as it would be for an account in use.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import pytest

from tests.fakes import NOON, REALM, FakeAccounts, FakeReplayCache
from wstrust_sts import ns
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Account, UsernamePassword

PASSWORD = "clarinet in B flat"
ALICE = Account(id="a1", realm=REALM.name, name="alice", version=1, password_hash=hash_password(PASSWORD))
TOKEN = UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, over_tls=True)


@pytest.fixture
def authenticator() -> UsernameAuthenticator:
    accounts = FakeAccounts(
        [
            ALICE,
            replace(ALICE, id="l1", name="locked", enabled=False),
            replace(ALICE, id="e1", name="expired", expires_at=NOON),
            replace(ALICE, id="c1", name="certificate-only", password_hash=None),
        ]
    )
    authenticator = UsernameAuthenticator(accounts, FakeReplayCache(), PasswordChecker(slots=2, queue=8))
    authenticator.authenticate(TOKEN, realm=REALM, now=NOON)
    return authenticator


def median_times(
    authenticator: UsernameAuthenticator, tokens: Mapping[str, UsernamePassword], *, rounds: int
) -> dict[str, float]:
    """The median time of a refusal in seconds, by the name of its token."""
    times: dict[str, list[float]] = {name: [] for name in tokens}
    for _ in range(rounds):
        for name, token in tokens.items():
            begun = time.perf_counter()
            with pytest.raises(FailedAuthentication):
                authenticator.authenticate(token, realm=REALM, now=NOON)
            times[name].append(time.perf_counter() - begun)
    return {name: median(measured) for name, measured in times.items()}


def assert_even(times: Mapping[str, float]) -> None:
    """Within 15 % or 1 ms of each other."""
    quickest, slowest = min(times.values()), max(times.values())
    assert slowest - quickest <= max(0.15 * slowest, 0.001), times


def test_unknown_user_and_wrong_password_take_the_same_time(authenticator: UsernameAuthenticator) -> None:
    tokens = {"wrong": replace(TOKEN, password="oboe"), "unknown": replace(TOKEN, username="mallory", password="oboe")}
    assert_even(median_times(authenticator, tokens, rounds=200))


def test_locked_expired_and_passwordless_accounts_and_digests_take_that_time_too(
    authenticator: UsernameAuthenticator,
) -> None:
    tokens = {
        "wrong": replace(TOKEN, password="oboe"),
        "unknown, with a password in use": replace(TOKEN, username="mallory"),
        "locked, right password": replace(TOKEN, username="locked"),
        "locked, wrong password": replace(TOKEN, username="locked", password="oboe"),
        "expired, right password": replace(TOKEN, username="expired"),
        "no password": replace(TOKEN, username="certificate-only"),
        "digest": replace(TOKEN, password_type=ns.PASSWORD_DIGEST),
    }
    assert_even(median_times(authenticator, tokens, rounds=40))


def test_an_overlong_password_is_refused_quickly_whoever_it_is_for(authenticator: UsernameAuthenticator) -> None:
    tokens = {
        "wrong": replace(TOKEN, password="x" * 100_000),
        "unknown": replace(TOKEN, username="mallory", password="x" * 100_000),
        "locked": replace(TOKEN, username="locked", password="x" * 100_000),
    }
    times = median_times(authenticator, tokens, rounds=50)
    assert_even(times)
    assert max(times.values()) < 0.005
