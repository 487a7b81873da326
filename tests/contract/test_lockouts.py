"""The port Lockouts, on every database."""

import threading
from datetime import timedelta

import pytest

from tests.fakes import NOON
from wstrust_sts.records import Standing, Tally
from wstrust_sts.storage.janitor import CLOCK_SKEW, purge_expired

ALICE, BOB = b"a" * 32, b"b" * 32
HERE, THERE = "192.0.2.1", "198.51.100.7"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def fail(node, subject: bytes = ALICE, source: str = HERE, *, realm: str = "default", at_home=False, now=NOON) -> None:
    node.stores.lockouts.failed(realm, subject, source, at_home=at_home, now=now, keep=HOUR).result(timeout=10)


def prove(node, subject: bytes = ALICE, source: str = HERE, *, now=NOON) -> None:
    node.stores.lockouts.proved("default", subject, source, now=now, keep=30 * 24 * HOUR).result(timeout=10)


def standing(node, subject: bytes = ALICE, source: str = HERE, *, realm: str = "default") -> Standing:
    return node.stores.lockouts.find(realm, subject, source)


def test_whoever_did_nothing_has_no_standing(node) -> None:
    assert standing(node) == Standing()


def test_failures_are_counted_together_by_user_and_by_source_for_every_node(node, second_node) -> None:
    fail(node)
    fail(second_node, now=NOON + MINUTE)
    fail(node, ALICE, THERE)
    fail(node, BOB, HERE, now=NOON + 2 * MINUTE)
    assert standing(second_node) == Standing(
        together=Tally(2, NOON + MINUTE), user=Tally(3, NOON), source=Tally(3, NOON + 2 * MINUTE)
    )
    assert standing(node, BOB, THERE) == Standing(user=Tally(1, NOON + 2 * MINUTE), source=Tally(1, NOON))


def test_failures_at_home_count_against_nobody_else(node) -> None:
    fail(node, at_home=True)
    assert standing(node) == Standing(together=Tally(1, NOON))
    assert standing(node, ALICE, THERE) == standing(node, BOB, HERE) == Standing()


def test_realms_do_not_share_failures(node) -> None:
    fail(node)
    assert standing(node, realm="other") == Standing()


def test_a_tally_begins_anew_when_its_last_failure_is_long_ago(node) -> None:
    for minute in (0, 59, 118):
        fail(node, now=NOON + minute * MINUTE)
    assert standing(node).together == Tally(3, NOON + 118 * MINUTE)
    fail(node, now=NOON + 178 * MINUTE)
    assert standing(node).together == Tally(1, NOON + 178 * MINUTE)


def test_a_proof_forgets_what_the_two_failed_together_and_nothing_else(node, second_node) -> None:
    fail(node)
    prove(second_node, now=NOON + MINUTE)
    assert standing(node) == Standing(user=Tally(1, NOON), source=Tally(1, NOON), proved_at=NOON + MINUTE)
    assert standing(node, ALICE, THERE).proved_at is None
    assert standing(node, BOB, HERE).proved_at is None
    fail(node, at_home=True, now=NOON + 2 * MINUTE)
    assert standing(node).together == Tally(1, NOON + 2 * MINUTE)
    assert standing(node).proved_at == NOON + MINUTE


def test_unlocking_forgets_the_failures_of_one_user_and_no_proof(node, second_node) -> None:
    prove(node)
    fail(node, ALICE, HERE)
    fail(node, ALICE, THERE)
    fail(node, BOB, HERE)
    assert second_node.stores.lockouts.unlock("default", ALICE)
    assert standing(node) == Standing(source=Tally(2, NOON), proved_at=NOON)
    assert standing(node, BOB).together == Tally(1, NOON)
    assert not node.stores.lockouts.unlock("default", ALICE)
    assert not node.stores.lockouts.unlock("other", BOB)


@pytest.mark.parametrize("source", ["\x00", "\ud800", "x" * 10_000, "' OR '1'='1", "2001:db8::/64"])
def test_any_source_can_be_counted(node, source: str) -> None:
    fail(node, source=source)
    assert standing(node, source=source).together == Tally(1, NOON)


def test_no_failure_is_lost_between_nodes_that_count_at_once(node, second_node) -> None:
    def count(node_) -> None:
        pending = [
            node_.stores.lockouts.failed("default", subject, source, at_home=False, now=NOON, keep=HOUR)
            for _ in range(25)
            for subject in (ALICE, BOB)
            for source in (HERE, THERE)
        ]
        for each in pending:
            each.result(timeout=30)

    threads = [threading.Thread(target=count, args=(each,)) for each in (node, second_node, node, second_node)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert standing(node) == Standing(together=Tally(100, NOON), user=Tally(200, NOON), source=Tally(200, NOON))


def test_the_janitor_removes_failures_and_proofs_when_their_time_is_over(node) -> None:
    fail(node)
    prove(node, BOB, THERE)
    assert purge_expired(node.database, NOON + HOUR).lockouts == 0
    assert purge_expired(node.database, NOON + HOUR + CLOCK_SKEW + MINUTE).lockouts == 3
    assert standing(node) == Standing()
    assert standing(node, BOB, THERE).proved_at == NOON
    assert purge_expired(node.database, NOON + 31 * 24 * HOUR).lockouts == 1


def test_a_failure_does_not_shorten_the_life_of_a_proof(node) -> None:
    prove(node)
    fail(node, at_home=True)
    purge_expired(node.database, NOON + 24 * HOUR)
    assert standing(node).proved_at == NOON
