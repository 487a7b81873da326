"""Values as the database keeps them: times, row keys that are ordered by time, and which text is text."""

import os
import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_62 = (1 << 62) - 1


def microseconds(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly. Raises TypeError for a time without a zone."""
    return (at - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """The reverse of `microseconds`, in UTC."""
    return _EPOCH + stored * _MICROSECOND


def row_key(at: int) -> str:
    """A new key, 32 hexadecimal digits, for a row of the time `at` in microseconds since 1970.

    A UUID of version 7 whose random field begins with the fraction of the millisecond (RFC 9562 sections 5.7
    and 6.2, method 3): 60 bits of time, 62 random bits. Unique, not secret.
    """
    return f"{_time_bits(at) | (int.from_bytes(os.urandom(8)) & _RANDOM_62):032x}"


def new_row_key() -> str:
    """A key for a row of now. The machine's clock will do: no decision rests on when such a row was made."""
    return row_key(time.time_ns() // 1000)


def lowest_row_key(at: int) -> str:
    """Keys of rows before `at` are lower than this, all others are not."""
    return f"{_time_bits(at):032x}"


def is_storable(text: str) -> bool:
    """Whether every database can hold the text: no NUL, no lone surrogates."""
    if text.isascii():
        return "\x00" not in text
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text)


def legible(unverified_text: str) -> str:
    """The text with U+FFFD for what no database holds."""
    if is_storable(unverified_text):
        return unverified_text
    return unverified_text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _time_bits(at: int) -> int:
    milliseconds, rest = divmod(at, 1000)
    return (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _VERSION_7 | (rest * 4096 // 1000) << 64 | _VARIANT
