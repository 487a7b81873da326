"""How often one token can be renewed, on every database: counted by all nodes together."""

import threading
from datetime import timedelta

from tests.fakes import NOON
from wstrust_sts.errors import UnableToRenew
from wstrust_sts.records import TokenRecord
from wstrust_sts.renewal import RenewalTerms, take_turn

TERMS = RenewalTerms()


def takes(node, record: TokenRecord, *, terms: RenewalTerms = TERMS, later: timedelta = timedelta(0)) -> bool:
    try:
        take_turn(record, node.stores.replay_cache, terms=terms, now=NOON + later)
    except UnableToRenew:
        return False
    return True


def test_one_token_is_renewed_three_times_and_another_is_none_of_it(node, second_node, a_token) -> None:
    first, other = a_token("_1", digest=b"1" * 32), a_token("_2", digest=b"2" * 32)
    assert [takes(where, first) for where in (node, second_node, node, second_node, node)] == [True] * 3 + [False] * 2
    assert takes(second_node, other)


def test_without_a_grace_it_is_renewed_once(node, second_node, a_token) -> None:
    terms = RenewalTerms(grace=timedelta(0))
    assert [takes(where, a_token(), terms=terms) for where in (node, second_node)] == [True, False]


def test_the_turns_are_remembered_until_the_grace_is_over_for_every_clock(node, a_token) -> None:
    for _ in range(3):
        assert takes(node, a_token())
    assert not takes(node, a_token(), later=TERMS.grace + timedelta(minutes=4))


def test_of_many_renewals_at_once_on_two_nodes_three_succeed(node, second_node, a_token) -> None:
    record, won = a_token(), []
    start = threading.Barrier(8)

    def race(where) -> None:
        start.wait()
        won.append(takes(where, record))

    threads = [threading.Thread(target=race, args=(where,)) for where in (node, second_node) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True] * 3
