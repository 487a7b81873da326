"""xs:dateTime in and out."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstrust_sts.wire.times import read_time, write_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("2026-11-23T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2026-11-23T12:00:00.123Z", NOON.replace(microsecond=123_000)),
        ("2026-11-23T12:00:00.1234567Z", NOON.replace(microsecond=123_456)),
        ("2026-11-23T14:00:00+02:00", NOON),
        ("2026-11-22T22:00:00-14:00", NOON),
    ],
)
def test_an_instant_is_read_in_every_form_that_clients_send(text, instant):
    assert read_time(text) == instant
    assert read_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23 12:00:00Z",
        "2026-11-23t12:00:00z",
        " 2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z\n",
        "2026-11-23T12:00Z",
        "2026-11-23T12:00:00.Z",
        "2026-11-23T12:00:00.12345678Z",
        "2026-11-23T12:00:00,5Z",
        "2026-11-23T12:00:00+0200",
        "2026-11-23T24:00:01Z",
        "2026-11-23T12:60:00Z",
        "2026-11-23T12:00:60Z",
        "2026-02-30T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "-2026-11-23T12:00:00Z",
        "12026-11-23T12:00:00Z",
        "2026-11-23T12:00:00+99:00",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-11-23T12:00:00Z",
        "2026-W48-1T12:00:00Z",
        "20261123T120000Z",
    ],
)
def test_anything_else_is_refused_with_value_error(text):
    with pytest.raises(ValueError):
        read_time(text)


def test_an_instant_is_written_with_three_fraction_digits_that_are_cut_and_not_rounded():
    assert write_time(NOON) == "2026-11-23T12:00:00.000Z"
    assert write_time(NOON.replace(microsecond=999_999)) == "2026-11-23T12:00:00.999Z"


def test_equal_instants_are_written_alike():
    here = NOON.astimezone(timezone(timedelta(0), "WET"))
    assert write_time(here) == write_time(NOON)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_is_written_is_read_back_to_the_millisecond(instant):
    assert read_time(write_time(instant)) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@given(st.text(alphabet="0123456789-+:.TZ ", max_size=40))
def test_no_text_whatever_gets_anything_but_an_instant_or_value_error(text):
    with contextlib.suppress(ValueError):
        assert read_time(text).tzinfo is UTC
