"""Instants on the wire: xs:dateTime read in every form clients send, and written in one."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def read_time(text: str) -> datetime:
    """An xs:dateTime with 0 to 7 fraction digits, in UTC; without a zone it is taken as UTC (WSS 1.1 section 10).

    Raises ValueError.
    """
    if not _DATE_TIME.fullmatch(text):
        raise ValueError("not an xs:dateTime of at most 7 fraction digits")
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside the calendar") from None


@lru_cache(maxsize=64)
def write_time(instant: datetime) -> str:
    """A UTC instant with exactly three fraction digits and Z (wire contract row 18); what is finer is cut.

    One answer writes the same few instants many times.
    """
    return instant.isoformat(timespec="milliseconds")[:23] + "Z"
