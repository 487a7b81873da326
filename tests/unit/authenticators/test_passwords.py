import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import NOON
from wstrust_sts.authenticators.passwords import LONGEST_PASSWORD, PasswordChecker, hash_password
from wstrust_sts.errors import Busy, FailedAuthentication
from wstrust_sts.model import Account

PASSWORD = "clarinet in B flat"
HASH = hash_password(PASSWORD)
ALICE = Account(id="a1", realm="default", name="alice", version=1, password_hash=HASH)
# Nobody's password; verifying one against it takes some twenty times as long as usual.
SLOW_HASH = "$argon2id$v=19$m=7168,t=100,p=1${}${}".format(
    base64.b64encode(b"s" * 16).decode().rstrip("="), base64.b64encode(b"h" * 32).decode().rstrip("=")
)
SLOW = replace(ALICE, id="slow", name="slow", password_hash=SLOW_HASH)


@pytest.fixture
def checker() -> PasswordChecker:
    return PasswordChecker(slots=2, queue=8)


def hashes(call: Callable[[], object]) -> bool:
    """Whether `call` costs this thread a password hash (some 15 ms; without one it is far below 1 ms)."""
    before = time.thread_time()
    call()
    return time.thread_time() - before > 0.004


def refusal(checker: PasswordChecker, account: Account, password: str) -> FailedAuthentication:
    with pytest.raises(FailedAuthentication) as caught:
        checker.verify(account, password, now=NOON)
    return caught.value


class HeldHasher(PasswordHasher):
    """Verifies the password `held` only when it is let go, and finds it wrong."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.let_go = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        if password == b"held":
            assert self.let_go.wait(30)
            raise VerifyMismatchError
        return super().verify(hash, password)


@contextmanager
def all_places_taken(checker: PasswordChecker, hasher: HeldHasher, *, by: int) -> Iterator[list[FailedAuthentication]]:
    """Keeps `by` verifications under way, all the places there are; yields the list their refusals end up in."""
    ends: list[FailedAuthentication] = []
    threads = [threading.Thread(target=lambda: ends.append(refusal(checker, ALICE, "held"))) for _ in range(by)]
    for thread in threads:
        thread.start()
    while checker._places._value:  # nothing else shows that a thread waits in the queue
        time.sleep(0.001)
    yield ends
    hasher.let_go.set()
    for thread in threads:
        thread.join()


# -- hash_password


def test_a_hash_is_argon2id_with_five_passes_over_seven_mebibytes_in_one_lane() -> None:
    assert HASH.startswith("$argon2id$v=19$m=7168,t=5,p=1$")


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password(PASSWORD) != HASH


@pytest.mark.parametrize(
    "text",
    ["", "x" * (LONGEST_PASSWORD + 1), "é" * (LONGEST_PASSWORD // 2 + 1), "line\nfeed", "nul\0", "del\x7f", "\ud800x"],
    ids=["empty", "too long", "too long in octets", "line feed", "nul", "delete", "surrogate"],
)
def test_a_text_that_no_message_can_present_is_no_password(text: str) -> None:
    with pytest.raises(ValueError, match="the password") as caught:
        hash_password(text)
    assert not isinstance(caught.value, UnicodeError)
    assert not text or text not in str(caught.value)


# -- verifying


def test_the_right_password_verifies(checker: PasswordChecker) -> None:
    checker.verify(ALICE, PASSWORD, now=NOON)


@pytest.mark.parametrize("password", [PASSWORD + " ", " " + PASSWORD, PASSWORD.upper(), PASSWORD[:-1], "x", "\ud800"])
def test_any_other_text_is_refused(checker: PasswordChecker, password: str) -> None:
    assert refusal(checker, ALICE, password).detail == "account 'alice': wrong password"


def test_the_longest_password_verifies_and_its_last_character_counts(checker: PasswordChecker) -> None:
    longest = "x" * LONGEST_PASSWORD
    account = replace(ALICE, password_hash=hash_password(longest))
    checker.verify(account, longest, now=NOON)
    refusal(checker, account, longest[:-1] + "y")


def test_passwords_are_octets_and_are_not_normalised(checker: PasswordChecker) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    account = replace(ALICE, password_hash=hash_password(composed))
    checker.verify(account, composed, now=NOON)
    refusal(checker, account, decomposed)


@pytest.mark.parametrize(("passes", "memory", "lanes"), [(1, 8, 1), (2, 1024, 2), (3, 512, 1)])
def test_hashes_made_with_other_parameters_verify(
    checker: PasswordChecker, passes: int, memory: int, lanes: int
) -> None:
    foreign = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes).hash(PASSWORD)
    account = replace(ALICE, password_hash=foreign)
    checker.verify(account, PASSWORD, now=NOON)
    refusal(checker, account, "x")


@pytest.mark.parametrize("password", ["", "x" * (LONGEST_PASSWORD + 1), "x" * 1_000_000])
def test_an_empty_or_overlong_password_is_refused_without_a_hash_whoever_it_is_for(
    checker: PasswordChecker, password: str
) -> None:
    def refuse_unknown() -> None:
        with pytest.raises(FailedAuthentication):
            checker.refuse(password, reason="unknown user")

    assert not hashes(lambda: refusal(checker, ALICE, password))
    assert not hashes(refuse_unknown)


def test_an_account_without_a_password_costs_a_hash_and_is_refused(checker: PasswordChecker) -> None:
    nobody = replace(ALICE, password_hash=None)
    assert hashes(lambda: refusal(checker, nobody, PASSWORD))
    assert refusal(checker, nobody, PASSWORD).detail == "account 'alice' has no password"


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$broken", "$argon2id$v=19$m=7168,t=5,p=1$x$y", "$5$é"])
def test_a_stored_hash_that_cannot_be_read_refuses_and_costs_a_hash(checker: PasswordChecker, stored: str) -> None:
    account = replace(ALICE, password_hash=stored)
    assert hashes(lambda: refusal(checker, account, stored or "x"))
    assert refusal(checker, account, "x").detail == "the stored hash of account a1 cannot be read"


def test_a_refusal_without_an_account_costs_a_hash_and_keeps_its_reason(checker: PasswordChecker) -> None:
    def refuse() -> None:
        with pytest.raises(FailedAuthentication) as caught:
            checker.refuse(PASSWORD, reason="unknown user")
        assert caught.value.detail == "unknown user"

    assert hashes(refuse)
    assert hashes(refuse)


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=40))
def test_no_text_that_was_not_set_verifies_and_none_raises_anything_but_a_refusal(text: str) -> None:
    if text == PASSWORD:
        return
    refusal(PasswordChecker(slots=1, queue=0), ALICE, text)


# -- remembered verdicts


def test_a_proved_password_is_not_hashed_again_for_five_minutes(checker: PasswordChecker) -> None:
    assert hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON))
    assert not hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON + timedelta(minutes=4, seconds=59)))
    assert hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON + timedelta(minutes=5)))


def test_using_a_verdict_does_not_prolong_it(checker: PasswordChecker) -> None:
    for minute in range(5):
        checker.verify(ALICE, PASSWORD, now=NOON + timedelta(minutes=minute))
    assert hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON + timedelta(minutes=5)))


def test_a_request_that_began_before_the_verdict_may_use_it(checker: PasswordChecker) -> None:
    checker.verify(ALICE, PASSWORD, now=NOON)
    assert not hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON - timedelta(milliseconds=20)))


def test_a_verdict_from_far_in_the_future_is_not_used(checker: PasswordChecker) -> None:
    checker.verify(ALICE, PASSWORD, now=NOON)
    assert hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON - timedelta(hours=1)))


def test_a_wrong_password_is_never_remembered(checker: PasswordChecker) -> None:
    checker.verify(ALICE, PASSWORD, now=NOON)
    for _ in range(3):
        assert hashes(lambda: refusal(checker, ALICE, "x"))


@pytest.mark.parametrize(
    "other",
    [replace(ALICE, version=2), replace(ALICE, id="a2"), replace(ALICE, password_hash=hash_password(PASSWORD))],
    ids=["version", "id", "hash"],
)
def test_a_verdict_is_for_one_account_in_one_version_with_one_hash(checker: PasswordChecker, other: Account) -> None:
    checker.verify(ALICE, PASSWORD, now=NOON)
    assert hashes(lambda: checker.verify(other, PASSWORD, now=NOON))


def test_digits_moved_between_id_version_and_password_do_not_meet_in_one_verdict(checker: PasswordChecker) -> None:
    first = replace(ALICE, id="a", version=11, password_hash=hash_password("1x"))
    checker.verify(first, "1x", now=NOON)
    refusal(checker, replace(first, version=1), "11x")
    refusal(checker, replace(first, id="a\n11"), "1x" + str(first.password_hash))


def test_remembering_can_be_switched_off() -> None:
    checker = PasswordChecker(slots=1, queue=0, remember_for=timedelta(0))
    for _ in range(2):
        assert hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON))


def test_the_least_recently_used_verdict_leaves_first() -> None:
    checker = PasswordChecker(slots=1, queue=0, remembered=2)
    first, second, third = (replace(ALICE, id=str(number)) for number in range(3))
    checker.verify(first, PASSWORD, now=NOON)
    checker.verify(second, PASSWORD, now=NOON)
    checker.verify(first, PASSWORD, now=NOON)
    checker.verify(third, PASSWORD, now=NOON)
    assert not hashes(lambda: checker.verify(first, PASSWORD, now=NOON))
    assert hashes(lambda: checker.verify(second, PASSWORD, now=NOON))


# -- bounds


def test_beyond_slots_and_queue_the_answer_is_busy_at_once() -> None:
    hasher = HeldHasher()
    checker = PasswordChecker(slots=1, queue=1, hasher=hasher)
    with all_places_taken(checker, hasher, by=2) as ends:
        with pytest.raises(Busy) as caught:
            checker.verify(ALICE, PASSWORD, now=NOON)
        with pytest.raises(Busy):
            checker.refuse("x", reason="unknown user")
        assert not ends
    assert caught.value.status == 503
    assert len(ends) == 2


def test_a_remembered_password_needs_no_slot() -> None:
    hasher = HeldHasher()
    checker = PasswordChecker(slots=1, queue=0, hasher=hasher)
    checker.verify(ALICE, PASSWORD, now=NOON)
    with all_places_taken(checker, hasher, by=1) as ends:
        checker.verify(ALICE, PASSWORD, now=NOON)
        assert not ends


def test_a_slot_is_free_again_after_every_outcome() -> None:
    checker = PasswordChecker(slots=1, queue=0, remember_for=timedelta(0))
    for _ in range(3):
        checker.verify(ALICE, PASSWORD, now=NOON)
        refusal(checker, ALICE, "x")
        refusal(checker, replace(ALICE, password_hash="plain"), "x")
        refusal(checker, ALICE, "")


def test_no_more_hashes_than_slots_run_at_once() -> None:
    checker = PasswordChecker(slots=1, queue=3)
    costs: list[float] = []

    def work() -> None:
        begun = time.thread_time()
        refusal(checker, SLOW, "x")
        costs.append(time.thread_time() - begun)

    threads = [threading.Thread(target=work) for _ in range(2)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.perf_counter() - begun >= 0.95 * sum(costs)


def test_of_many_requests_of_one_account_at_once_one_pays_for_the_hash() -> None:
    checker = PasswordChecker(slots=1, queue=8)
    paid: list[bool] = []

    def work() -> None:
        paid.append(hashes(lambda: checker.verify(ALICE, PASSWORD, now=NOON)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paid.count(True) == 1
    assert len(paid) == 8


@pytest.mark.parametrize(("slots", "queue"), [(0, 8), (-1, 8), (1, -1)])
def test_a_checker_without_a_slot_cannot_be_made(slots: int, queue: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        PasswordChecker(slots=slots, queue=queue)
