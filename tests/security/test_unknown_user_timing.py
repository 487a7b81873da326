"""Nobody learns from the time of a refusal whether an account exists, is locked, or has a password.

In process, with the real hash: cases take turns, so that a noisy machine is noisy for all of them, and medians are
compared; where they differ, anew, as what a refusal takes shows every time and what else the machine has to do does
not. The cache of proved passwords is warm, as it would be for an account in use.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import pytest

from tests.digests import digest_token, sealed
from tests.fakes import NOON, REALM, FakeAccounts, FakeReplayCache
from wstrust_sts import ns
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account
from wstrust_sts.received_tokens import UsernamePassword

pytestmark = pytest.mark.alone

PASSWORD = "clarinet in B flat"
ALICE = Account(id="a1", realm=REALM.name, name="alice", version=1, password_hash=hash_password(PASSWORD))
BOX = AesGcmSecretBox(b"k" * 32)
_DAVE = replace(ALICE, id="d1", name="dave")
DAVE = replace(_DAVE, sealed_digest_password=sealed(_DAVE, PASSWORD, BOX))
ATTEMPTS = 3
TOKEN = UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, over_tls=True)


@pytest.fixture
def authenticator() -> UsernameAuthenticator:
    accounts = FakeAccounts(
        [
            ALICE,
            replace(ALICE, id="l1", name="locked", enabled=False),
            replace(ALICE, id="e1", name="expired", expires_at=NOON),
            replace(ALICE, id="c1", name="certificate-only", password_hash=None),
            DAVE,
            replace(DAVE, id="d2", name="other-key", sealed_digest_password=sealed(DAVE, PASSWORD, BOX)),
        ]
    )
    authenticator = UsernameAuthenticator(accounts, FakeReplayCache(), PasswordChecker(slots=2, queue=8), BOX)
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


def even_times(
    authenticator: UsernameAuthenticator, tokens: Mapping[str, UsernamePassword], *, rounds: int
) -> dict[str, float]:
    """The median times, which are within 15 % or 1 ms of each other, in one of some attempts."""
    seen: list[dict[str, float]] = []
    while len(seen) < ATTEMPTS:
        times = median_times(authenticator, tokens, rounds=rounds)
        quickest, slowest = min(times.values()), max(times.values())
        if slowest - quickest <= max(0.15 * slowest, 0.001):
            return times
        seen.append(times)
    raise AssertionError(seen)


def test_unknown_user_and_wrong_password_take_the_same_time(authenticator: UsernameAuthenticator) -> None:
    tokens = {"wrong": replace(TOKEN, password="oboe"), "unknown": replace(TOKEN, username="mallory", password="oboe")}
    even_times(authenticator, tokens, rounds=200)


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
    even_times(authenticator, tokens, rounds=40)


def test_a_digest_is_refused_in_the_time_of_a_wrong_password_whether_the_account_allows_digests_or_not(
    authenticator: UsernameAuthenticator,
) -> None:
    right = digest_token("dave", PASSWORD, nonce=b"n" * 16, created=NOON)
    authenticator.authenticate(right, realm=REALM, now=NOON)
    wrong = replace(right, password=digest_token("dave", "oboe", nonce=b"n" * 16, created=NOON).password)
    tokens = {
        "wrong text": replace(TOKEN, password="oboe"),
        "unknown": replace(wrong, username="mallory"),
        "allows none": replace(wrong, username="alice"),
        "locked": replace(wrong, username="locked"),
        "wrong digest": wrong,
        "replayed": right,
        "without nonce": replace(right, nonce=None),
        "not base64": replace(right, password="?" * 28),
        "does not open": replace(right, username="other-key"),
    }
    even_times(authenticator, tokens, rounds=40)


def test_an_overlong_password_is_refused_quickly_whoever_it_is_for(authenticator: UsernameAuthenticator) -> None:
    tokens = {
        "wrong": replace(TOKEN, password="x" * 100_000),
        "unknown": replace(TOKEN, username="mallory", password="x" * 100_000),
        "locked": replace(TOKEN, username="locked", password="x" * 100_000),
    }
    times = even_times(authenticator, tokens, rounds=50)
    assert max(times.values()) < 0.005
