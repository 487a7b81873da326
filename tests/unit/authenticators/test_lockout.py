"""Attempts held up after failures: by user and source, the same for users that do not exist, and never for good."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.digests import digest_token, sealed
from tests.fakes import NOON, REALM, FakeAccounts, FakeLockouts, FakeReplayCache
from wstrust_sts import ns
from wstrust_sts.authenticators.lockout import Gate, Limits, place_of, subject_of
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account
from wstrust_sts.received_tokens import UsernamePassword

PASSWORD = "clarinet in B flat"
BOX = AesGcmSecretBox(b"k" * 32)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
FREE = 3
_ALICE = Account(id="a1", realm="default", name="alice", version=1, password_hash=hash_password(PASSWORD))
ALICE = replace(_ALICE, sealed_digest_password=sealed(_ALICE, PASSWORD, BOX))
BOB = replace(_ALICE, id="b1", name="bob")
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class Bench:
    """An authenticator whose gate lets three wrong passwords pass, and holds up for a minute at most."""

    def __init__(self) -> None:
        self.now = NOON
        self.lockouts = FakeLockouts()
        self.accounts = FakeAccounts([ALICE, BOB])
        self.node = self.another_node()

    def another_node(self) -> UsernameAuthenticator:
        gate = Gate(self.lockouts, Limits(free=FREE, longest=MINUTE))
        checker = PasswordChecker(slots=2, queue=8)
        return UsernameAuthenticator(self.accounts, FakeReplayCache(), checker, BOX, gate=gate)

    def try_(self, password: str = PASSWORD, *, user: str = "alice", source: str = HOME, node=None) -> str:
        """`let in`, or the operator's detail."""
        return self.present(UsernamePassword(user, password, ns.PASSWORD_TEXT, over_tls=True, source=source), node)

    def present(self, token: UsernamePassword, node: UsernameAuthenticator | None = None) -> str:
        try:
            (node or self.node).authenticate(token, realm=REALM, now=self.now)
        except FailedAuthentication as refusal:
            return refusal.detail
        return "let in"

    def guess(self, times: int, **how) -> list[str]:
        return [self.try_(f"guess {number}", **how) for number in range(times)]

    def wait(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def bench() -> Bench:
    return Bench()


def held_up(detail: str) -> bool:
    return detail.startswith("held up until ")


# -- delays


@pytest.mark.parametrize("user", ["alice", "mallory"])
def test_after_some_wrong_passwords_the_next_attempt_is_refused_until_a_time_whoever_the_user_is(
    bench: Bench, user: str
) -> None:
    assert not any(map(held_up, bench.guess(FREE, user=user)))
    assert bench.try_(user=user) == (
        "held up until 2026-11-23T12:00:01Z after 3 failures of this user from this source (wstrust-sts user unlock)"
    )


def test_a_held_up_attempt_costs_no_hash_reads_no_account_and_is_not_counted(bench: Bench) -> None:
    bench.guess(FREE)
    tallies, reads = dict(bench.lockouts.tallies), bench.accounts.reads
    before = time.thread_time()
    assert all(map(held_up, bench.guess(20)))
    assert time.thread_time() - before < 0.02
    assert (bench.lockouts.tallies, bench.accounts.reads) == (tallies, reads)


def test_each_further_failure_doubles_the_delay_to_its_longest(bench: Bench) -> None:
    bench.guess(FREE)
    delays = []
    for _ in range(9):
        began = bench.now
        while held_up(bench.try_("another guess")):
            bench.wait(SECOND)
        delays.append((bench.now - began).total_seconds())
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_right_password_waits_its_time_and_is_then_let_in(bench: Bench) -> None:
    bench.guess(FREE)
    assert held_up(bench.try_())
    bench.wait(SECOND)
    assert bench.try_() == "let in"
    assert not any(map(held_up, bench.guess(FREE)))


def test_failures_of_long_ago_do_not_count(bench: Bench) -> None:
    bench.guess(FREE - 1)
    bench.wait(timedelta(hours=1))
    assert not any(map(held_up, bench.guess(FREE)))


def test_all_nodes_count_together(bench: Bench) -> None:
    nodes = [bench.another_node() for _ in range(FREE)]
    for number, node in enumerate(nodes):
        bench.try_(f"guess {number}", node=node)
    assert held_up(bench.try_(node=bench.another_node()))


# -- nobody is locked out by others


def test_failures_from_elsewhere_do_not_hold_up_who_proved_right_from_home(bench: Bench) -> None:
    assert bench.try_() == "let in"
    for source in range(100):
        bench.guess(FREE + 1, source=f"203.0.113.{source}")
    assert held_up(bench.try_(source=ELSEWHERE))
    assert bench.try_() == "let in"
    assert bench.try_(node=bench.another_node()) == "let in"
    bench.wait(29 * DAY)
    for source in range(100):
        bench.guess(FREE + 1, source=f"203.0.113.{source}")
    assert bench.try_(node=bench.another_node()) == "let in"


def test_failures_of_other_users_at_the_same_source_do_not_hold_up_who_proved_right_there(bench: Bench) -> None:
    assert bench.try_() == "let in"
    for number in range(FREE * 10):
        bench.try_("x", user=f"user {number}")
    assert held_up(bench.try_(user="bob"))
    assert bench.try_() == "let in"


def test_a_new_source_waits_no_longer_than_the_longest_delay_after_the_last_guess_from_anywhere(bench: Bench) -> None:
    for source in range(50):
        bench.guess(FREE, source=f"203.0.113.{source}")
    assert held_up(bench.try_(source=ELSEWHERE))
    bench.wait(MINUTE)
    assert bench.try_(source=ELSEWHERE) == "let in"


def test_many_sources_together_are_slowed_down(bench: Bench) -> None:
    outcomes = [bench.try_("guess", source=f"203.0.113.{number}") for number in range(100)]
    assert sum(not held_up(outcome) for outcome in outcomes) == FREE * 5
    assert "of this user from everywhere" in outcomes[-1]


def test_one_source_that_tries_many_users_is_slowed_down(bench: Bench) -> None:
    outcomes = [bench.try_("guess", user=f"user {number}") for number in range(100)]
    assert sum(not held_up(outcome) for outcome in outcomes) == FREE * 10
    assert "from this source" in outcomes[-1]
    assert bench.try_(user="bob", source=ELSEWHERE) == "let in"


def test_an_own_account_does_not_buy_more_guesses_of_others(bench: Bench) -> None:
    outcomes = []
    for number in range(100):
        outcomes.append(bench.try_("guess", user=f"user {number}"))
        assert bench.try_(user="bob") == "let in" or number >= FREE * 10
    assert sum(not held_up(outcome) for outcome in outcomes) == FREE * 10


# -- being remembered


def test_a_user_in_good_standing_costs_no_look_up(bench: Bench) -> None:
    bench.try_()
    reads = bench.lockouts.reads
    for _ in range(5):
        assert bench.try_() == "let in"
    assert bench.lockouts.reads == reads
    bench.wait(5 * MINUTE)
    bench.try_()
    assert bench.lockouts.reads == reads + 1


def test_that_a_user_is_remembered_is_no_way_to_guess_without_end_from_the_same_source(bench: Bench) -> None:
    """Else the right one among a million guesses would be let in, because its verdict is remembered."""
    bench.try_()
    outcomes = bench.guess(20)
    assert sum(not held_up(outcome) for outcome in outcomes) == FREE
    assert held_up(bench.try_())


def test_that_a_password_is_remembered_is_no_way_to_guess_it_from_elsewhere(bench: Bench) -> None:
    bench.try_()
    bench.guess(FREE, source=ELSEWHERE)
    assert held_up(bench.try_(source=ELSEWHERE))


# -- digests


def test_digests_are_counted_and_held_up_like_passwords(bench: Bench) -> None:
    def token(password: str, number: int) -> UsernamePassword:
        made = digest_token("alice", password, nonce=b"nonce %d" % number, created=bench.now)
        return replace(made, source=HOME)

    for number in range(FREE):
        assert not held_up(bench.present(token("guess", number)))
    assert held_up(bench.present(token(PASSWORD, 9)))
    assert held_up(bench.try_())
    bench.wait(SECOND)
    assert bench.present(token(PASSWORD, 10)) == "let in"


# -- what is counted


def test_unlocking_lets_a_user_in_at_once(bench: Bench) -> None:
    bench.guess(FREE)
    assert held_up(bench.try_())
    assert bench.lockouts.unlock("default", subject_of(REALM, "alice"))
    assert bench.try_() == "let in"


def test_no_user_name_is_stored(bench: Bench) -> None:
    for name in ("alice", "correct horse battery", "\ud800", ""):
        bench.try_("x", user=name)
    for _, subject, _ in bench.lockouts.tallies:
        assert len(subject) in (0, 32)
    assert subject_of(REALM, "alice") != subject_of(replace(REALM, pairwise_secret=b"other"), "alice")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("@", "@"),
    ],
)
def test_a_source_is_an_address_or_the_network_of_one_customer(source: str, place: str) -> None:
    assert place_of(source) == place


def test_what_is_known_about_homes_is_bounded(bench: Bench) -> None:
    gate = Gate(bench.lockouts, Limits(free=FREE, longest=MINUTE))
    for number in range(10_050):
        gate.admit(REALM, f"user {number}", HOME, now=NOON).proved()
    assert len(gate._at_home) == 10_000


def test_an_attempt_that_ended_in_busy_is_not_a_failure(bench: Bench) -> None:
    class Away(FakeAccounts):
        def find(self, realm: str, name: str) -> Account | None:
            raise ConnectionError

    away = UsernameAuthenticator(
        Away(),
        FakeReplayCache(),
        PasswordChecker(slots=1, queue=0),
        BOX,
        gate=Gate(bench.lockouts, Limits(free=FREE, longest=MINUTE)),
    )
    token = UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, source=HOME)
    with pytest.raises(ConnectionError):
        away.authenticate(token, realm=REALM, now=datetime(2026, 11, 23, tzinfo=NOON.tzinfo))
    assert bench.lockouts.tallies == {}
