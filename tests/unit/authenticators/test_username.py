import hashlib
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import NOON, REALM, FakeAccounts, FakeReplayCache
from wstrust_sts import ns
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.errors import FailedAuthentication, MessageExpired
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account, AuthenticationMethod, Realm
from wstrust_sts.received_tokens import PresentedReference, ReceivedToken, UnknownToken, UsernamePassword

PASSWORD = "clarinet in B flat"
HASH = hash_password(PASSWORD)
ALICE = Account(id="a1", realm="default", name="alice", version=1, password_hash=HASH)
BOB = replace(ALICE, id="b1", name="bob")
TOKEN = UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, over_tls=True)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
CHECKER = PasswordChecker(slots=2, queue=8)
BOX = AesGcmSecretBox(b"k" * 32)


class Bench:
    """An authenticator over fakes, with five minutes of skew and of window."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts = FakeAccounts(accounts or (ALICE, BOB))
        self.replay = FakeReplayCache()
        self.authenticator = UsernameAuthenticator(self.accounts, self.replay, CHECKER, BOX)

    def authenticate(self, token: ReceivedToken, *, realm: Realm = REALM, now=NOON):
        return self.authenticator.authenticate(token, realm=realm, now=now)

    def refusal(self, token: ReceivedToken, *, now=NOON) -> FailedAuthentication:
        with pytest.raises(FailedAuthentication) as caught:
            self.authenticate(token, now=now)
        return caught.value

    def expired(self, token: ReceivedToken, *, now=NOON) -> None:
        with pytest.raises(MessageExpired):
            self.authenticate(token, now=now)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- what is proved


@pytest.mark.parametrize(
    ("over_tls", "method"),
    [(True, AuthenticationMethod.PASSWORD_OVER_TLS), (False, AuthenticationMethod.PASSWORD)],
)
def test_the_right_password_proves_the_account_now_and_by_the_way_it_came(
    bench: Bench, over_tls: bool, method: AuthenticationMethod
) -> None:
    authenticated = bench.authenticate(replace(TOKEN, over_tls=over_tls))
    assert authenticated.account is ALICE
    assert authenticated.method is method
    assert authenticated.instant == NOON
    assert authenticated.token is None


@pytest.mark.parametrize("token", [PresentedReference("_1"), UnknownToken("{urn:x}Y")])
def test_other_credentials_are_not_accepted(bench: Bench, token: ReceivedToken) -> None:
    assert not bench.authenticator.accepts(token)
    assert bench.refusal(token).detail == "not a UsernameToken"


def test_accepting_reads_nothing(bench: Bench) -> None:
    assert bench.authenticator.accepts(replace(TOKEN, username="mallory", password="x"))
    assert bench.accounts.reads == 0


# -- what is refused


REFUSED = {
    "unknown user": (ALICE, replace(TOKEN, username="mallory"), "unknown user"),
    "no name": (ALICE, replace(TOKEN, username=""), "unknown user"),
    "name in another case": (ALICE, replace(TOKEN, username="Alice"), "unknown user"),
    "name with a space": (ALICE, replace(TOKEN, username="alice "), "unknown user"),
    "account of another realm": (replace(ALICE, realm="other"), TOKEN, "unknown user"),
    "wrong password": (ALICE, replace(TOKEN, password="x"), "account 'alice': wrong password"),
    "disabled": (replace(ALICE, enabled=False), TOKEN, "account 'alice' is disabled"),
    "expired this instant": (replace(ALICE, expires_at=NOON), TOKEN, "account 'alice' has expired"),
    "no password stored": (replace(ALICE, password_hash=None), TOKEN, "account 'alice' has no password"),
    "digest": (
        ALICE,
        replace(TOKEN, password_type=ns.PASSWORD_DIGEST, nonce=b"n" * 16, created=NOON),
        "account 'alice' does not allow digests",
    ),
    "right password called a digest": (
        ALICE,
        replace(TOKEN, password_type=ns.PASSWORD_DIGEST),
        "account 'alice' does not allow digests",
    ),
    "unknown password type": (
        ALICE,
        replace(TOKEN, password_type=ns.PASSWORD_TEXT + " "),
        "account 'alice': an unknown password type",
    ),
}


@pytest.mark.parametrize(("account", "token", "detail"), REFUSED.values(), ids=REFUSED)
def test_every_refusal_has_one_text_for_the_client_and_a_reason_of_its_own_for_the_operator(
    account: Account, token: UsernamePassword, detail: str
) -> None:
    bench = Bench(account)
    refusal = bench.refusal(token)
    assert type(refusal) is FailedAuthentication
    assert refusal.sentence == FailedAuthentication.sentence
    assert refusal.detail == detail
    assert PASSWORD not in refusal.detail
    assert bench.replay.rows == {}


@pytest.mark.parametrize(("account", "token", "detail"), REFUSED.values(), ids=REFUSED)
def test_every_refusal_costs_a_hash_each_time(account: Account, token: UsernamePassword, detail: str) -> None:
    bench = Bench(account)
    for _ in range(2):
        before = time.thread_time()
        bench.refusal(token)
        assert time.thread_time() - before > 0.004


def test_an_account_works_until_the_instant_it_expires() -> None:
    Bench(replace(ALICE, expires_at=NOON + TICK)).authenticate(TOKEN)


def test_the_text_of_a_token_never_shows_its_password() -> None:
    assert PASSWORD not in repr(TOKEN)


# -- changes act at once, though a proved password is remembered


def test_a_lock_acts_at_once_and_the_right_password_does_not_show(bench: Bench) -> None:
    bench.authenticate(TOKEN)
    bench.accounts.put(replace(ALICE, version=2, enabled=False))
    before = time.thread_time()
    assert bench.refusal(TOKEN).detail == "account 'alice' is disabled"
    assert time.thread_time() - before > 0.004


def test_an_account_that_expires_while_its_password_is_remembered_is_refused(bench: Bench) -> None:
    bench.accounts.put(replace(ALICE, expires_at=NOON + MINUTE))
    bench.authenticate(TOKEN)
    before = time.thread_time()
    assert bench.refusal(TOKEN, now=NOON + MINUTE).detail == "account 'alice' has expired"
    assert time.thread_time() - before > 0.004


def test_a_new_password_acts_at_once(bench: Bench) -> None:
    bench.authenticate(TOKEN)
    bench.accounts.put(replace(ALICE, version=2, password_hash=hash_password("oboe")))
    bench.refusal(TOKEN)
    assert bench.authenticate(replace(TOKEN, password="oboe")).account is not None


def test_the_account_is_read_at_every_request(bench: Bench) -> None:
    for _ in range(3):
        bench.authenticate(TOKEN)
    assert bench.accounts.reads == 3


# -- nonces


def with_nonce(nonce: bytes, **changes) -> UsernamePassword:
    return replace(TOKEN, nonce=nonce, **changes)


def test_a_nonce_is_good_once(bench: Bench) -> None:
    token = with_nonce(b"n" * 16)
    bench.authenticate(token)
    assert bench.refusal(token).detail == "account 'alice': the nonce was used before"


def test_a_nonce_under_another_date_is_a_replay(bench: Bench) -> None:
    bench.authenticate(with_nonce(b"n" * 16, created=NOON))
    bench.refusal(with_nonce(b"n" * 16, created=NOON + MINUTE))
    bench.refusal(with_nonce(b"n" * 16))


def test_a_replayed_nonce_reads_like_a_wrong_password(bench: Bench) -> None:
    bench.authenticate(with_nonce(b"n" * 16))
    replayed, wrong = bench.refusal(with_nonce(b"n" * 16)), bench.refusal(replace(TOKEN, password="x"))
    assert (type(replayed), replayed.sentence) == (type(wrong), wrong.sentence)


def test_accounts_and_realms_do_not_share_nonces() -> None:
    other = Realm(name="other", issuer="https://other.example.test")
    bench = Bench(ALICE, BOB, replace(ALICE, realm="other"))
    bench.authenticate(with_nonce(b"n" * 16))
    bench.authenticate(with_nonce(b"n" * 16, username="bob"))
    bench.authenticate(with_nonce(b"n" * 16), realm=other)


def test_nonces_and_account_ids_do_not_run_into_each_other() -> None:
    bench = Bench(ALICE, replace(BOB, id="a1n"))
    bench.authenticate(with_nonce(b"nn"))
    bench.authenticate(with_nonce(b"n", username="bob"))


@pytest.mark.parametrize("changes", [{"password": "x"}, {"username": "mallory"}, {"password": ""}])
def test_who_cannot_log_in_neither_fills_the_memory_nor_uses_up_a_nonce(bench: Bench, changes) -> None:
    for number in range(3):
        bench.refusal(with_nonce(bytes([number]) * 16, **changes))
    assert bench.replay.rows == {}
    bench.authenticate(with_nonce(b"\0" * 16))


def test_what_is_remembered_of_a_nonce_is_a_digest_of_fixed_size(bench: Bench) -> None:
    bench.authenticate(with_nonce(b"n" * 5000))
    ((_, digest),) = bench.replay.rows
    assert len(digest) == 32
    assert digest != hashlib.sha256(b"n" * 5000).digest()


def test_tokens_without_a_nonce_leave_nothing_behind(bench: Bench) -> None:
    bench.authenticate(TOKEN)
    bench.authenticate(TOKEN)
    assert bench.replay.rows == {}


@settings(deadline=None)
@given(
    age=st.integers(min_value=-20 * 60, max_value=20 * 60),
    later=st.integers(min_value=0, max_value=40 * 60),
    skew=st.integers(min_value=0, max_value=10),
    window=st.integers(min_value=1, max_value=10),
)
def test_no_token_with_nonce_and_created_is_ever_accepted_twice(age: int, later: int, skew: int, window: int) -> None:
    authenticator = UsernameAuthenticator(
        FakeAccounts([ALICE]), FakeReplayCache(), CHECKER, BOX, skew=skew * MINUTE, nonce_window=window * MINUTE
    )
    token = with_nonce(b"n" * 16, created=NOON - timedelta(seconds=age))
    accepted = 0
    for now in (NOON, NOON + timedelta(seconds=later)):
        try:
            authenticator.authenticate(token, realm=REALM, now=now)
        except (FailedAuthentication, MessageExpired):
            continue
        accepted += 1
    assert accepted <= 1


# -- Created


@pytest.mark.parametrize("created", [NOON, NOON + 5 * MINUTE, NOON - 10 * MINUTE + TICK])
def test_created_may_be_off_by_window_and_skew(bench: Bench, created) -> None:
    bench.authenticate(replace(TOKEN, created=created))


@pytest.mark.parametrize("created", [NOON + 5 * MINUTE + TICK, NOON - 10 * MINUTE, NOON - timedelta(days=9999)])
def test_a_stale_or_future_created_is_an_expired_message_whoever_it_names(bench: Bench, created) -> None:
    bench.expired(replace(TOKEN, created=created))
    bench.expired(replace(TOKEN, created=created, username="mallory"))
    bench.expired(replace(TOKEN, created=created, password="x"))
    assert bench.accounts.reads == 0
