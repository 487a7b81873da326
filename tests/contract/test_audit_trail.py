"""The port AuditTrail, on every database and on the fake."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fakes import NOON, FakeAuditTrail, FakeJournal
from wstrust_sts.ports import AuditTrail
from wstrust_sts.records import AuditEvent, AuditSelection

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["stored", "fake"])
def trail_of(request: pytest.FixtureRequest, node) -> Callable[..., AuditTrail]:
    """Makes a trail of events."""

    def stored(*events: AuditEvent) -> AuditTrail:
        node.record(*events)
        return node.stores.audit_trail

    def fake(*events: AuditEvent) -> AuditTrail:
        journal = FakeJournal()
        journal.write(*events)
        return FakeAuditTrail(journal)

    return stored if request.param == "stored" else fake


def ids(events) -> list[str]:
    return [event.correlation_id for event in events]


def test_events_come_back_as_they_were_written(trail_of, an_event) -> None:
    event = an_event(
        "c1",
        source="192.0.2.1",
        requestor="zoë",
        relying_party="payroll",
        token_id="_1",
        detail={"reasons": ["ä", "\x00"], "withheld": {"urn:x": "why"}},
    )
    trail = trail_of(event, an_event("c2"))
    assert list(trail.of_operation("c1")) == [event]
    assert list(trail.of_operation("c3")) == []
    assert list(trail.of_operation("c1\x00")) == []


def test_the_newest_come_in_the_order_of_their_time(trail_of, an_event) -> None:
    trail = trail_of(*(an_event(str(late), at=NOON + late * SECOND) for late in (3, 1, 4, 2)))
    assert ids(trail.latest(AuditSelection(), limit=3)) == ["2", "3", "4"]
    assert ids(trail.latest(AuditSelection(), limit=None)) == ["1", "2", "3", "4"]
    assert ids(trail.latest(AuditSelection(since=NOON + 3 * SECOND), limit=9)) == ["3", "4"]


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"operation": "Validate"}, ["2"]),
        ({"outcome": "issued"}, ["1"]),
        ({"outcome": "refused"}, ["3", "4"]),
        ({"outcome": "refused InvalidScope"}, ["3"]),
        ({"outcome": "ref"}, []),
        ({"outcome": "%"}, []),
        ({"requestor": "bob"}, ["2", "4"]),
        ({"requestor": "bob", "operation": "Issue"}, ["4"]),
        ({"requestor": "bob\x00"}, []),
        ({"relying_party": "payroll"}, ["1", "2"]),
        ({"realm": "other"}, ["4"]),
    ],
    ids=str,
)
def test_a_selection_names_what_must_be_equal(trail_of, an_event, selection, selected) -> None:
    trail = trail_of(
        an_event("1", requestor="alice", relying_party="payroll"),
        an_event(
            "2", operation="Validate", outcome="valid", requestor="bob", relying_party="payroll", at=NOON + SECOND
        ),
        an_event("3", outcome="refused InvalidScope", requestor="alice", at=NOON + 2 * SECOND),
        an_event("4", outcome="refused BadRequest", requestor="bob", realm="other", at=NOON + 3 * SECOND),
    )
    assert ids(trail.latest(AuditSelection(**selection), limit=10)) == selected
