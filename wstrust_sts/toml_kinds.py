"""The sorts of values our TOML files hold: text, numbers, durations, paths, addresses, lists and tables of them."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wstrust_sts.strict_toml import Kind, Place, Refused, describe, read_table

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DURATION = re.compile(r"(?=.)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def text(*, empty: bool = False, limit: int = 2048) -> Kind[str]:
    """Text without control characters and without white space around it."""

    def read(value: object, place: Place) -> str:
        if not isinstance(value, str):
            place.refuse(f"must be text, not {describe(value)}", "put it in quotes")
        if not value and not empty:
            place.refuse("is empty", "give it a value, or remove the key")
        if len(value) > limit:
            place.refuse(f"is longer than {limit} characters", "shorten it")
        if value != value.strip() or any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in value) or not _is_xml(value):
            place.refuse("has white space around it or unprintable characters in it", "remove them")
        return value

    return Kind("text", read)


def free_text(*, limit: int = 16384) -> Kind[str]:
    """Text as it comes, lines and tabs included, that can stand in an XML document; perhaps empty."""

    def read(value: object, place: Place) -> str:
        if not isinstance(value, str):
            place.refuse(f"must be text, not {describe(value)}", "put it in quotes")
        if len(value) > limit:
            place.refuse(f"is longer than {limit} characters", "shorten it")
        if not _is_xml(value) or any(ord(c) < 32 and c not in "\t\n" for c in value):
            place.refuse("has characters that XML cannot hold", "remove them")
        return value

    return Kind("text", read)


def _is_xml(value: str) -> bool:
    """Whether XML 1.0 section 2.2 allows every character from space upwards; what is below is the caller's."""
    return not any(0xD800 <= ord(c) <= 0xDFFF or ord(c) in (0xFFFE, 0xFFFF) for c in value)


def secret_text(*, limit: int = 1024) -> Kind[str]:
    """Text that is never shown in a message."""

    def read(value: object, place: Place) -> str:
        if not isinstance(value, str) or not value or len(value) > limit:
            place.refuse(f"must be text of 1 to {limit} characters", "put it in quotes")
        return value

    return Kind("text", read)


def flag() -> Kind[bool]:
    def read(value: object, place: Place) -> bool:
        if not isinstance(value, bool):
            place.refuse(f"must be true or false, not {describe(value)}", "write true or false, without quotes")
        return value

    return Kind("true or false", read)


def whole(minimum: int, maximum: int) -> Kind[int]:
    def read(value: object, place: Place) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            place.refuse(
                f"must be a whole number from {minimum} to {maximum}, not {describe(value)}",
                f"write a number from {minimum} to {maximum}, without quotes",
            )
        return value

    return Kind(f"whole number, {minimum} to {maximum}", read)


def duration(minimum: timedelta, maximum: timedelta) -> Kind[timedelta]:
    """`"1h30m"`, `"90s"`, `"7d"`, or a whole number of seconds."""
    limits = f"from {write_duration(minimum)} to {write_duration(maximum)}"

    def read(value: object, place: Place) -> timedelta:
        found = _duration_of(value)
        if found is None:
            place.refuse(
                f"must be a duration, not {describe(value)}",
                'write it like "90s", "30m", "1h30m" or "7d", or in seconds',
            )
        if not minimum <= found <= maximum:
            place.refuse(f"must be {limits}, not {write_duration(found)}", f"write a duration {limits}")
        return found

    return Kind(f"duration, {limits.removeprefix('from ')}", read)


def _duration_of(value: object) -> timedelta | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**10:
        return timedelta(seconds=value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def write_duration(value: timedelta) -> str:
    """The shortest spelling that `duration` reads back, in whole seconds."""
    rest = int(value.total_seconds())
    parts = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def filled(written: dict[str, Any]) -> dict[str, Any]:
    """A table to be written, without its empty keys."""
    return {name: value for name, value in written.items() if value is not None and value != [] and value != {}}


def instant() -> Kind[datetime]:
    """A point in time with its offset: a TOML date-time or its text. The result is UTC."""

    def read(value: object, place: Place) -> datetime:
        fix = "write it with its offset: 2027-01-31T12:00:00Z"
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                place.refuse(f"must be a date and time, not {describe(value)}", fix)
        if not isinstance(value, datetime) or value.tzinfo is None:
            place.refuse("must be a date and time with an offset from UTC", fix)
        try:
            return value.astimezone(UTC)
        except OverflowError:
            place.refuse("is out of range", fix)

    return Kind("date and time with offset", read)


def path() -> Kind[Path]:
    """A file name; a relative one starts at the folder of the file that names it."""

    def read(value: object, place: Place) -> Path:
        named = text().read(value, place)
        return place.file.absolute().parent / Path(named).expanduser()

    return Kind("path", read)


def listen_address() -> Kind[tuple[str, int]]:
    """`"host:port"`, with an IPv6 host in brackets."""

    def read(value: object, place: Place) -> tuple[str, int]:
        fix = 'write host:port, like "0.0.0.0:8443", "127.0.0.1:8443" or "[::1]:8443"'
        host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not colon or not bare or (":" in bare and bare == host) or not re.fullmatch(r"[\w.:%-]+", bare, re.ASCII):
            place.refuse(f"must be host:port, not {describe(value)}", fix)
        if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
            place.refuse(f"has no port from 1 to 65535: {describe(value)}", fix)
        return bare, int(port)

    return Kind("host:port", read)


def network() -> Kind[Network]:
    """An IP address, or a network in prefix notation without bits behind its prefix."""

    def read(value: object, place: Place) -> Network:
        try:
            return ipaddress.ip_network(text().read(value, place))
        except ValueError:
            place.refuse(
                f"is not an address or network: {describe(value)}", 'write it like "192.0.2.7" or "10.0.0.0/8"'
            )

    return Kind("address or network", read)


def header_name() -> Kind[str]:
    """The name of an HTTP header field of one's own (RFC 9110 section 5.1); read in lower case."""

    def read(value: object, place: Place) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
            place.refuse(f"is not the name of a header: {describe(value)}", "write letters, digits and dashes")
        return value.lower()

    return Kind("name of a header", read)


def url(*schemes: str, bare: bool = False) -> Kind[str]:
    """An absolute URL of one of `schemes`; `bare` ones have no query, fragment or user, and lose a last slash."""

    def read(value: object, place: Place) -> str:
        written = text().read(value, place)
        fix = f"write an absolute URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        try:
            parts = urlsplit(written)
            _ = parts.port
        except ValueError:
            place.refuse(f"is not a URL: {describe(written)}", fix)
        if parts.scheme not in schemes or not parts.hostname or any(c.isspace() for c in written):
            place.refuse(f"is not a URL of the right kind: {describe(written)}", fix)
        if bare and (parts.query or parts.fragment or parts.username is not None):
            place.refuse("must not have a query, a fragment or a user", "write scheme, host, port and path only")
        return written.rstrip("/") if bare else written

    return Kind("URL", read)


def choice(choices: Mapping[str, T]) -> Kind[T]:
    """One of a few words, each standing for a value."""

    def read(value: object, place: Place) -> T:
        if not isinstance(value, str) or value not in choices:
            words = ", ".join(f'"{word}"' for word in choices)
            place.refuse(f"must be one of {words}, not {describe(value)}", "choose one of them")
        return choices[value]

    return Kind(" or ".join(f'"{word}"' for word in choices), read)


def many(kind: Kind[T], *, at_least: int = 0, at_most: int = 1000) -> Kind[tuple[T, ...]]:
    """A list without doubles."""

    def read(value: object, place: Place) -> tuple[T, ...]:
        if not isinstance(value, list):
            place.refuse(f"must be a list, not {describe(value)}", "put it in square brackets: [ ... ]")
        if not value and at_least == 1:
            place.refuse("must not be empty", "name at least one")
        if not at_least <= len(value) <= at_most:
            place.refuse(f"must have {at_least} to {at_most} items", "add or remove items")
        items: list[T] = []
        sound = True
        for number, item in enumerate(value, start=1):
            try:
                items.append(kind.read(item, place.item(str(number))))
            except Refused:
                sound = False
                continue
            if items[-1] in items[:-1]:
                place.item(str(number)).report("is there twice", "remove one of the two")
                sound = False
        if not sound:
            raise Refused
        return tuple(items)

    return Kind(f"list of {kind.name}", read)


def texts_by_name(value_kind: Kind[str]) -> Kind[tuple[tuple[str, tuple[str, ...]], ...]]:
    """A table of names the operator chooses, each with one value or a list of them; read as pairs, in order."""
    name_kind, values_kind = text(), many(value_kind, at_least=1)

    def read(value: object, place: Place) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if not isinstance(value, dict):
            place.refuse(f"must be a table, not {describe(value)}", f"write it as a section: [{place.path}]")
        pairs: list[tuple[str, tuple[str, ...]]] = []
        sound = True
        for name, item in value.items():
            below = place.at(name)
            try:
                listed = item if isinstance(item, list) else [item]
                pairs.append((name_kind.read(name, below), values_kind.read(listed, below)))
            except Refused:
                sound = False
        if not sound:
            raise Refused
        return tuple(pairs)

    return Kind(f"table of names, each with one value or a list: {value_kind.name}", read)


def table(cls: type[T]) -> Kind[T]:
    """A section of its own."""
    return Kind("table", lambda value, place: read_table(cls, value, place), cls)


def tables(cls: type[T], *, label: str) -> Kind[tuple[T, ...]]:
    """Repeated sections; a message names each by its key `label`, where it has one."""

    def read(value: object, place: Place) -> tuple[T, ...]:
        if not isinstance(value, list):
            place.refuse(f"must be a list of tables, not {describe(value)}", f"write [[{place.path}]]")
        rows: list[T] = []
        sound = True
        for number, row in enumerate(value, start=1):
            named: Any = row.get(label) if isinstance(row, dict) else None
            try:
                rows.append(read_table(cls, row, place.item(f'"{named}"' if isinstance(named, str) else str(number))))
            except Refused:
                sound = False
        if not sound:
            raise Refused
        return tuple(rows)

    return Kind("tables", read, cls)
