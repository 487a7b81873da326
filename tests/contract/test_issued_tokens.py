"""The port IssuedTokens, on every database."""

from datetime import timedelta

import pytest

from tests.fakes import NOON
from wstrust_sts.records import TokenCancelled


def test_a_record_comes_back_as_it_was_written(node, a_token) -> None:
    record = a_token(
        "_ümlaut",
        digest=bytes(range(32)),
        subject="",
        issued_at=NOON + timedelta(microseconds=123_456),
        expires_at=NOON + timedelta(days=36500, microseconds=1),
        renewing_allowed=False,
        renewing_after_expiry=True,
    )
    node.record(record)
    assert node.stores.issued_tokens.find("default", "_ümlaut") == record


def test_a_record_names_the_token_that_it_was_made_from(node, a_token) -> None:
    node.record(a_token("_1"), a_token("_2", original="_1"))
    find = node.stores.issued_tokens.find
    assert (find("default", "_1").original, find("default", "_2").original) == (None, "_1")


def test_a_record_written_as_cancelled_is_cancelled(node, a_token) -> None:
    record = a_token(cancelled_at=NOON, cancel_reason="migrated")
    node.record(record)
    assert node.stores.issued_tokens.find("default", "_1") == record


@pytest.mark.parametrize("token_id", ["_2", "", "_1 ", "_1\x00", "\ud800", "%", "x" * 100_000])
def test_a_token_is_found_by_its_exact_id_or_not_at_all(node, a_token, token_id: str) -> None:
    node.record(a_token("_1"))
    assert node.stores.issued_tokens.find("default", token_id) is None


def test_a_token_belongs_to_its_realm_alone(node, a_token) -> None:
    node.record(a_token("_1"), a_token("_1", realm="other", subject="bob"), a_token("_2"))
    assert node.stores.issued_tokens.find("default", "_1").subject == "alice"
    assert node.stores.issued_tokens.find("other", "_1").subject == "bob"
    assert node.stores.issued_tokens.find("other", "_2") is None


def test_a_cancellation_acts_at_once_on_every_node(node, second_node, a_token) -> None:
    node.record(a_token("_1"))
    assert second_node.stores.issued_tokens.find("default", "_1").cancelled_at is None
    node.record(TokenCancelled(realm="default", token_id="_1", at=NOON, reason="asked"))
    found = second_node.stores.issued_tokens.find("default", "_1")
    assert (found.cancelled_at, found.cancel_reason) == (NOON, "asked")


def test_a_key_is_needed_until_the_last_token_in_force_that_it_signed_expires(node, a_token) -> None:
    hour = timedelta(hours=1)
    node.record(
        a_token("_1", expires_at=NOON + hour),
        a_token("_2", expires_at=NOON + 2 * hour),
        a_token("_3", expires_at=NOON + 3 * hour, cancelled_at=NOON, cancel_reason="by its subject"),
        a_token("_4", expires_at=NOON + 4 * hour, key_id="k2"),
        a_token("_5", expires_at=NOON + 5 * hour, realm="other"),
    )
    last = node.stores.issued_tokens.last_expiry
    assert last("default", "k1", now=NOON) == NOON + 2 * hour
    assert last("default", "k2", now=NOON) == NOON + 4 * hour
    assert last("default", "k1", now=NOON + 2 * hour) is None
    node.record(a_token("_6", expires_at=NOON + 6 * hour, cancelled_at=NOON + hour, cancel_reason="renewed as _7"))
    assert last("default", "k1", now=NOON) == NOON + 6 * hour
    assert last("default", "k1", now=NOON + 2 * hour) is None
    assert last("default", "unknown", now=NOON) is None
