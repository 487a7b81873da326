"""The port Journal, on every database: what is durable, what fails alone, and what many threads and processes do."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.contract.held import HeldDatabase
from tests.fakes import NOON
from tests.promptness import Stopwatch
from wstrust_sts.errors import Busy
from wstrust_sts.records import TokenCancelled
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.journal import SqlJournal
from wstrust_sts.storage.schema import audit_event, issued_token
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.stores import open_stores
from wstrust_sts.storage.writer import GroupWriter

ROOT = Path(__file__).parents[2]


def count(node, table) -> int:
    with node.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_entries_are_there_for_others_when_the_future_is_done(node, second_node, a_token, an_event) -> None:
    node.stores.journal.write(a_token(), an_event()).result(timeout=10)
    assert second_node.stores.issued_tokens.find("default", "_1") == a_token()
    assert count(second_node, audit_event) == 1


def test_an_event_is_stored_with_all_it_says(node, an_event) -> None:
    told = {
        "source": "192.0.2.1",
        "requestor": "zoë",
        "relying_party": "payroll",
        "token_id": "_1",
        "operation": "Issue",
        "outcome": "issued",
        "endpoint": "/trust",
        "correlation_id": "c1",
        "realm": "other",
    }
    node.record(an_event(**told, detail={"reasons": ["ä", "\x00"], "count": 1}))
    with node.database.reading() as connection:
        row = connection.execute(select(audit_event)).one()
    assert {name: getattr(row, name) for name in told} == told
    assert row.at == int(NOON.timestamp()) * 1_000_000
    assert json.loads(row.detail) == {"reasons": ["ä", "\x00"], "count": 1}


def test_events_are_ordered_by_their_time(node, an_event) -> None:
    for late in (3, 1, 2):
        node.record(an_event(str(late), at=NOON + timedelta(microseconds=late * 10)))
    with node.database.reading() as connection:
        ordered = connection.execute(select(audit_event.c.correlation_id).order_by(audit_event.c.id)).scalars().all()
    assert ordered == ["1", "2", "3"]


@pytest.mark.parametrize("hostile", ["a\x00b", "a\ud800b", "\udc00", "😀\x00"])
def test_a_name_that_no_database_holds_keeps_its_event_from_nothing(node, an_event, hostile: str) -> None:
    node.record(an_event(requestor=hostile, source=hostile, relying_party=hostile, token_id=hostile))
    with node.database.reading() as connection:
        requestor = connection.execute(select(audit_event.c.requestor)).scalar_one()
    assert "\ufffd" in requestor
    assert "\x00" not in requestor


def test_what_can_be_no_row_is_refused_before_it_is_queued(node, a_token, an_event) -> None:
    with pytest.raises(TypeError):
        node.stores.journal.write(a_token(issued_at=datetime(2026, 1, 1)))  # noqa: DTZ001 (what is refused)
    with pytest.raises(TypeError):
        node.stores.journal.write(an_event(detail={"key": b"octets"}))
    with pytest.raises(ValueError):
        node.stores.journal.write(an_event(detail={"number": float("nan")}))
    assert count(node, audit_event) == 0


def test_the_entries_of_one_call_are_stored_together_or_not_at_all(node, a_token, an_event) -> None:
    node.record(a_token("_1"))
    with pytest.raises(Busy) as refused:
        node.record(a_token("_2"), a_token("_1"), an_event())
    assert "constraint" in refused.value.detail.lower()
    assert "alice" not in refused.value.detail
    assert node.stores.issued_tokens.find("default", "_2") is None
    assert count(node, audit_event) == 0


def test_a_unit_that_cannot_be_stored_fails_alone(node, database_url: str, a_token, an_event) -> None:
    node.record(a_token("_taken"))
    entered, proceed = threading.Event(), threading.Event()
    database = open_database(database_url)
    first = threading.Event()

    def hold_the_first() -> None:
        if not first.is_set():
            first.set()
            entered.set()
            proceed.wait(10)

    writer = GroupWriter(HeldDatabase(database, hold_the_first))
    journal = SqlJournal(writer, Sightings())
    futures = [journal.write(a_token("_first"))]
    entered.wait(10)
    names = ["_a", "_b", "_taken", "_c", "_d", "_taken", "_e"]
    futures += [journal.write(a_token(name), an_event(name)) for name in names]
    proceed.set()
    wait(futures, timeout=30)
    assert [future.exception() is None for future in futures] == [True, True, True, False, True, True, False, True]
    assert all(isinstance(future.exception(), Busy) for future in futures if future.exception())
    assert count(node, issued_token) == 7
    assert count(node, audit_event) == 5
    writer.close()
    database.close()


def test_what_waits_together_is_committed_together(node, database_url: str, a_token) -> None:
    database = open_database(database_url)
    begun = []
    proceed = threading.Event()

    def hold_the_first() -> None:
        begun.append(1)
        if len(begun) == 1:
            proceed.wait(10)

    writer = GroupWriter(HeldDatabase(database, hold_the_first))
    journal = SqlJournal(writer, Sightings())
    futures = [journal.write(a_token("_0"))]
    while not begun:
        threading.Event().wait(0.001)
    futures += [journal.write(a_token(f"_{number}")) for number in range(1, 9)]
    proceed.set()
    for future in futures:
        future.result(timeout=10)
    assert len(begun) == 2
    writer.close()
    database.close()


def test_a_cancellation_happens_once(node, a_token) -> None:
    node.record(a_token("_1"), a_token("_1", realm="other"), a_token("_2"))
    for minute in (1, 2):
        at = NOON + timedelta(minutes=minute)
        node.record(TokenCancelled(realm="default", token_id="_1", at=at, reason=f"minute {minute}"))
    found = node.stores.issued_tokens.find("default", "_1")
    assert (found.cancelled_at, found.cancel_reason) == (NOON + timedelta(minutes=1), "minute 1")
    assert node.stores.issued_tokens.find("other", "_1").cancelled_at is None
    assert node.stores.issued_tokens.find("default", "_2").cancelled_at is None


def test_a_cancellation_that_lies_ahead_gives_way_to_an_earlier_one_alone(node, second_node, a_token) -> None:
    """A renewed token ends after a grace, unless somebody cancels it sooner."""
    node.record(a_token("_1"))
    told = []
    for minute, reason in ((9, "renewed"), (10, "renewed again"), (5, "asked"), (5, "asked again"), (8, "late")):
        at = NOON + timedelta(minutes=minute)
        second_node.record(TokenCancelled(realm="default", token_id="_1", at=at, reason=reason))
        told.append(node.stores.issued_tokens.find("default", "_1").cancel_reason)
    assert told == ["renewed", "renewed", "asked", "asked", "asked"]
    assert node.stores.issued_tokens.find("default", "_1").cancelled_at == NOON + timedelta(minutes=5)


def test_of_cancellations_in_one_transaction_the_earliest_counts(node, a_token) -> None:
    node.record(a_token("_1"))
    node.record(
        *(
            TokenCancelled(realm="default", token_id="_1", at=NOON + timedelta(minutes=minute), reason=str(minute))
            for minute in (7, 3, 5)
        )
    )
    assert node.stores.issued_tokens.find("default", "_1").cancel_reason == "3"


def test_cancelling_what_is_not_there_changes_nothing(node) -> None:
    node.record(TokenCancelled(realm="default", token_id="_nothing", at=NOON, reason=""))
    assert count(node, issued_token) == 0


def test_a_token_may_be_issued_and_cancelled_in_one_call(node, a_token) -> None:
    node.record(TokenCancelled(realm="default", token_id="_1", at=NOON, reason="at once"), a_token("_1"))
    assert node.stores.issued_tokens.find("default", "_1").cancel_reason == "at once"


def test_a_full_queue_is_busy(database_url: str, node, a_token) -> None:
    database = open_database(database_url)
    entered, proceed = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        proceed.wait(10)

    writer = GroupWriter(HeldDatabase(database, hold), queue_limit=3)
    journal = SqlJournal(writer, Sightings())
    futures = [journal.write(a_token("_0"))]
    entered.wait(10)
    futures += [journal.write(a_token(f"_{number}")) for number in range(1, 6)]
    assert [future.done() for future in futures] == [False, False, False, False, True, True]
    assert isinstance(futures[-1].exception(), Busy)
    proceed.set()
    for future in futures[:4]:
        future.result(timeout=10)
    writer.close()
    database.close()


def test_closing_writes_what_is_queued_and_then_refuses(node, a_token) -> None:
    futures = [node.stores.journal.write(a_token(f"_{number}")) for number in range(500)]
    node.stores.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert count(node, issued_token) == 500
    assert isinstance(node.stores.journal.write(a_token("_late")).exception(timeout=1), Busy)
    node.stores.close()


def test_whoever_stops_waiting_does_not_undo_a_write(node, a_token) -> None:
    future = node.stores.journal.write(a_token("_1"))
    assert not future.cancel()
    future.result(timeout=10)


def test_many_threads_write_and_none_is_lost(node, a_token, an_event) -> None:
    failures: list[BaseException] = []

    def issue(thread: int) -> None:
        try:
            for number in range(25):
                name = f"_{thread}-{number}"
                node.record(a_token(name), an_event(name))
                assert node.stores.issued_tokens.find("default", name) is not None
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=issue, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert count(node, issued_token) == count(node, audit_event) == 200


WRITER_PROCESS = """
import sys
from datetime import timedelta
from tests.fakes import NOON
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.records import AuditEvent, TokenCancelled
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.stores import open_stores

stores = open_stores(open_database(sys.argv[1]), AesGcmSecretBox(b"k" * 32))
for number in range(50):
    event = AuditEvent(
        realm="default",
        correlation_id=f"{sys.argv[2]}-{number}",
        at=NOON,
        operation="Issue",
        outcome="issued",
        endpoint="/",
    )
    cancelled = TokenCancelled(realm="default", token_id=f"_{number}", at=NOON, reason=sys.argv[2])
    stores.journal.write(cancelled, event).result(timeout=30)
stores.close()
"""


def test_two_processes_write_to_one_database(node, database_url: str, a_token) -> None:
    node.record(*(a_token(f"_{number}") for number in range(50)))
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER_PROCESS, database_url, name], cwd=ROOT)
        for name in ("first", "second")
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert count(node, audit_event) == 100
    found = [node.stores.issued_tokens.find("default", f"_{number}") for number in range(50)]
    assert all(record.cancelled_at == NOON and record.cancel_reason in {"first", "second"} for record in found)


def test_a_database_that_stays_locked_is_busy(node, database_url: str, a_token, box) -> None:
    impatient = open_database(database_url, patience=0.05)
    stores = open_stores(impatient, box)
    with node.database.writing() as connection:
        connection.execute(issued_token.insert().values(**_row("_1")))  # on PostgreSQL the lock is this row's key
        with pytest.raises(Busy) as refused:
            stores.journal.write(a_token("_1")).result(timeout=10)
    assert refused.value.detail.startswith("database:")
    stores.journal.write(a_token("_2")).result(timeout=10)
    stores.close()
    impatient.close()


def test_what_came_while_the_database_was_locked_is_busy_with_it(node, database_url: str, a_token, box) -> None:
    impatient = open_database(database_url, patience=0.5)
    stores = open_stores(impatient, box)
    with node.database.writing() as connection:
        connection.execute(issued_token.insert().values(**_row("_1")))
        watch = Stopwatch()
        futures = [stores.journal.write(a_token("_1"))]
        time.sleep(0.1)
        futures += [stores.journal.write(a_token(f"_1{number}")) for number in range(5)]
        for future in futures:
            with pytest.raises(Busy):
                future.result(timeout=10)
        assert watch.within(0.9)
    stores.journal.write(a_token("_2")).result(timeout=10)
    stores.close()
    impatient.close()


def _row(token_id: str) -> dict[str, object]:
    texts = ("id", "token_type", "relying_party", "subject", "account", "requestor", "methods", "key_id", "key_type")
    return {
        **dict.fromkeys((*texts, "correlation_id"), "x"),
        "realm": "default",
        "token_id": token_id,
        "digest": b"",
        "issued_at": 0,
        "expires_at": 0,
        "renewing_allowed": True,
        "renewing_after_expiry": False,
    }
