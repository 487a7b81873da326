"""What the janitor removes and what it leaves, on every database."""

import threading
from datetime import timedelta

from sqlalchemy import func, select

from tests.fakes import NOON, FakeClock
from wstrust_sts.errors import Busy
from wstrust_sts.storage.janitor import CLOCK_SKEW, Janitor, Purged, purge_expired
from wstrust_sts.storage.schema import audit_event, issued_token, replay

DAY = timedelta(days=1)


def count(node, table) -> int:
    with node.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_token_goes_a_day_after_it_expired(node, a_token) -> None:
    for hours in (-25, -24, -23, 1):
        node.record(a_token(f"_{hours}", expires_at=NOON + timedelta(hours=hours)))
    assert purge_expired(node.database, NOON) == Purged(tokens=1)
    assert node.stores.issued_tokens.find("default", "_-25") is None
    assert node.stores.issued_tokens.find("default", "_-24") is not None
    assert purge_expired(node.database, NOON, token_grace=timedelta(0)) == Purged(tokens=2)


def test_a_sighting_goes_when_it_is_over_on_every_clock(node) -> None:
    for number, keep in enumerate((timedelta(minutes=1), timedelta(hours=1))):
        assert node.stores.replay_cache.remember("default", bytes([number]) * 32, now=NOON, keep=keep)
    assert purge_expired(node.database, NOON + CLOCK_SKEW) == Purged()
    assert purge_expired(node.database, NOON + CLOCK_SKEW + timedelta(minutes=2)) == Purged(sightings=1)
    assert not node.stores.replay_cache.remember("default", b"\x01" * 32, now=NOON, keep=DAY)


def test_audit_events_stay_unless_a_retention_is_set(node, an_event) -> None:
    for days in (10, 5, 1):
        node.record(an_event(f"{days}", at=NOON - days * DAY))
    assert purge_expired(node.database, NOON) == Purged()
    assert purge_expired(node.database, NOON, audit_retention=5 * DAY) == Purged(events=1)
    with node.database.reading() as connection:
        left = connection.execute(select(audit_event.c.correlation_id).order_by(audit_event.c.id)).scalars().all()
    assert left == ["5", "1"]


def test_rows_go_in_bounded_batches_with_a_pause_after_each_full_one(node, a_token) -> None:
    node.record(*(a_token(f"_{number}", expires_at=NOON - 2 * DAY) for number in range(25)))
    pauses: list[int] = []

    def pause() -> bool:
        pauses.append(count(node, issued_token))
        return False

    assert purge_expired(node.database, NOON, batch=10, pause=pause) == Purged(tokens=25)
    assert pauses == [15, 5]


def test_a_purge_that_is_told_to_stop_leaves_the_rest(node, a_token) -> None:
    node.record(*(a_token(f"_{number}", expires_at=NOON - 2 * DAY) for number in range(25)))
    assert purge_expired(node.database, NOON, batch=10, pause=lambda: True) == Purged(tokens=10)


def test_several_nodes_at_once_remove_everything_once(node, second_node, a_token) -> None:
    node.record(*(a_token(f"_{number}", expires_at=NOON - 2 * DAY) for number in range(300)))
    removed: list[int] = []

    def purge(node_) -> None:
        for _ in range(20):
            try:
                removed.append(purge_expired(node_.database, NOON, batch=7).tokens)
            except Busy:
                continue

    threads = [threading.Thread(target=purge, args=(one,)) for one in (node, second_node)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(removed) == 300
    assert count(node, issued_token) == 0


def test_the_janitor_purges_from_time_to_time_until_it_is_stopped(node, a_token) -> None:
    node.stores.replay_cache.remember("default", b"x" * 32, now=NOON, keep=timedelta(minutes=1))
    clock = FakeClock(NOON + DAY)
    janitor = Janitor(node.database, clock=clock, interval=timedelta(milliseconds=10))
    janitor.start()
    for _ in range(500):
        if count(node, replay) == 0:
            break
        threading.Event().wait(0.01)
    assert count(node, replay) == 0
    janitor.stop()
    node.stores.replay_cache.remember("default", b"y" * 32, now=NOON, keep=timedelta(minutes=1))
    threading.Event().wait(0.05)
    assert count(node, replay) == 1


def test_a_janitor_outlives_what_goes_wrong(node) -> None:
    tries: list[int] = []
    done = threading.Event()

    def clock():
        tries.append(1)
        if len(tries) == 3:
            done.set()
        raise Busy("away") if len(tries) % 2 else RuntimeError("broken")

    janitor = Janitor(node.database, clock=clock, interval=timedelta(milliseconds=5))
    janitor.start()
    assert done.wait(10)
    janitor.stop()


def test_a_janitor_that_never_started_can_be_stopped(node) -> None:
    Janitor(node.database, clock=FakeClock()).stop()
