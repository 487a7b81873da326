"""A signed message counts once: what comes of it is stored with the sighting of it, by whichever node was first."""

import hashlib
import threading
from concurrent.futures import wait
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.fakes import NOON
from wstrust_sts.errors import Busy, FailedAuthentication
from wstrust_sts.records import MessageSeen
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.schema import audit_event, issued_token, replay
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.stores import open_stores
from wstrust_sts.storage.units import Sighting, Unit

KEEP = timedelta(minutes=10)


def seen(message: str = "message", *, at=NOON, realm: str = "default", repeatable_at: str = "") -> MessageSeen:
    digest = hashlib.sha256(message.encode()).digest()
    return MessageSeen(realm=realm, digest=digest, at=at, until=at + KEEP, repeatable_at=repeatable_at)


def rows(node) -> tuple[int, int]:
    with node.database.reading() as connection:
        tokens, events = (select(func.count()).select_from(table) for table in (issued_token, audit_event))
        return connection.execute(tokens).scalar_one(), connection.execute(events).scalar_one()


def test_what_comes_of_a_message_is_stored_the_first_time_only(node, second_node, a_token, an_event) -> None:
    node.record(seen(), a_token("_1"), an_event())
    for other in (node, second_node):
        replay = other.stores.journal.write(seen(), a_token("_2"), an_event())
        with pytest.raises(FailedAuthentication):
            replay.result(timeout=10)
    assert rows(node) == (1, 1)
    second_node.record(seen("another"), a_token("_2"), an_event())
    assert rows(node) == (2, 2)


@pytest.mark.parametrize("first", ["", "/one", "/other"])
def test_a_message_counts_again_where_it_is_repeatable_and_came_first(node, second_node, a_token, first: str) -> None:
    node.record(seen(repeatable_at=first), a_token("_0"))
    stored = 1
    for which in (node, second_node):
        for again in ("", "/one", "/other"):
            counts = again == first != ""
            written = which.stores.journal.write(seen(repeatable_at=again), a_token(f"_{stored}"))
            assert isinstance(written.exception(timeout=10), type(None) if counts else FailedAuthentication)
            stored += counts
            knows = node.stores.replay_cache.knows("default", seen().digest, now=NOON, repeatable_at=again)
            assert knows != counts
    assert rows(node) == (stored, 0)


def test_a_repeatable_message_counts_as_often_as_it_comes_at_once(node, second_node, a_token) -> None:
    """Within one group of the writer, and of two nodes: as the client sends them that needs it."""
    futures = [
        which.stores.journal.write(seen(repeatable_at=place), a_token(f"_{name}-{number}"))
        for number, place in enumerate(("/one", "/one", "", "/one"))
        for name, which in (("first", node), ("second", second_node))
    ]
    wait(futures, timeout=10)
    kinds = [type(future.exception()) for future in futures]
    assert kinds == [type(None)] * 4 + [FailedAuthentication] * 2 + [type(None)] * 2


def test_the_journal_and_the_replay_cache_know_the_same(node, second_node, a_token) -> None:
    cache = node.stores.replay_cache
    node.record(seen(), a_token())
    assert not cache.remember("default", seen().digest, now=NOON, keep=KEEP)
    assert cache.remember("default", seen("another").digest, now=NOON, keep=KEEP)
    with pytest.raises(FailedAuthentication):
        second_node.record(seen("another"), a_token("_2"))


def test_a_node_knows_at_once_what_it_has_stored_itself(node, second_node, a_token) -> None:
    def knows(which, *, at=NOON, realm: str = "default") -> bool:
        return which.stores.replay_cache.knows(realm, seen().digest, now=at)

    assert not knows(node)
    node.record(seen(), a_token())
    assert knows(node)
    assert knows(node, at=NOON + KEEP - timedelta(microseconds=1))
    assert not knows(node, at=NOON + KEEP)
    assert not knows(node, realm="other")
    assert not knows(second_node)


def test_a_message_that_could_not_be_stored_may_come_again(node, database_url: str, box, a_token) -> None:
    impatient = open_database(database_url, patience=0.05)
    stores = open_stores(impatient, box)
    with node.database.writers.connect() as connection, connection.begin() as unfinished:
        row = {"realm": "default", "digest": seen().digest, "seen_at": 0, "expires_at": 2**60}
        connection.execute(replay.insert().values(row))
        with pytest.raises(Busy):
            stores.journal.write(seen(), a_token("_1")).result(timeout=10)
        unfinished.rollback()
    stores.journal.write(seen(), a_token("_1")).result(timeout=10)
    assert rows(node) == (1, 0)
    stores.close()
    impatient.close()


def test_of_many_at_once_exactly_one_counts(node, second_node, a_token, an_event) -> None:
    futures = []
    lock = threading.Lock()

    def race(which, runner: int) -> None:
        for message in range(20):
            future = which.stores.journal.write(seen(str(message)), a_token(f"_{runner}-{message}"), an_event())
            with lock:
                futures.append(future)

    racers = [threading.Thread(target=race, args=(one, number)) for number, one in enumerate((node, second_node) * 4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    wait(futures, timeout=60)
    assert sum(future.exception() is None for future in futures) == 20
    assert all(isinstance(future.exception(), FailedAuthentication) for future in futures if future.exception())
    assert rows(node) == (20, 20)


def test_a_unit_that_fails_beside_it_changes_nothing_for_a_message(node, a_token) -> None:
    """A token id that is taken makes the writer try the halves of its group: nothing is a replay of itself."""
    node.record(a_token("_taken"))
    journal = node.stores.journal
    futures = [journal.write(seen(name), a_token(name)) for name in ("_a", "_taken", "_b", "_c")]
    wait(futures, timeout=10)
    assert [type(future.exception()) for future in futures] == [type(None), Busy, type(None), type(None)]
    node.record(seen("_taken"), a_token("_d"))


def test_only_the_latest_sightings_are_kept_in_memory() -> None:
    sightings = Sightings(limit=3)
    for number in (1, 2, 3, 1, 4):
        unit, sighting = Unit(), Sighting("default", bytes([number]), 0, 10)
        sightings.note(unit, sighting)
        unit.complete()
    assert [sightings.has("default", bytes([number]), at=0) for number in (1, 2, 3, 4)] == [True, False, True, True]
