"""Times and keys as the database keeps them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstrust_sts.storage.columns import instant, is_storable, legible, lowest_row_key, microseconds, row_key

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds it)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_stored_exactly(at: datetime) -> None:
    assert instant(microseconds(at)) == at


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    at = datetime(2026, 11, 23, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert instant(microseconds(at)) == at
    assert instant(microseconds(at)).tzinfo is UTC


def test_a_time_without_a_zone_is_no_time() -> None:
    with pytest.raises(TypeError):
        microseconds(datetime(2026, 11, 23))  # noqa: DTZ001 (what is refused)


@given(INSTANTS, INSTANTS)
def test_row_keys_are_ordered_as_their_times(one: datetime, other: datetime) -> None:
    early, late = sorted((microseconds(one), microseconds(other)))
    if early < late:
        assert row_key(early) < lowest_row_key(late) <= row_key(late)
    assert lowest_row_key(early) <= row_key(early)


def test_row_keys_are_uuids_of_version_7_and_never_the_same() -> None:
    keys = {row_key(1_700_000_000_000_000) for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 32 and key[12] == "7" and key[16] in "89ab" for key in keys)


@given(st.text(st.characters(exclude_categories=())))
def test_legible_text_can_be_stored_and_storable_text_stays(text: str) -> None:
    assert is_storable(legible(text))
    legible(text).encode()
    if is_storable(text):
        assert legible(text) == text
