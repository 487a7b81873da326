"""Strict reading of TOML into frozen dataclasses: every key known, typed and documented, all faults reported at once.

A table is a dataclass whose fields are made by `key(kind, meaning)`. The same declaration reads the file, checks it and
writes the reference in `docs/`, so that the three cannot drift apart. A dataclass with a `faults()` method adds checks
across its keys. Reading either yields the whole value or raises `ConfigurationError` with every problem found.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NoReturn, Protocol, TypeVar, cast, runtime_checkable

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where (file and key path), and what to do about it."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n    fix: {self.fix}"


class ConfigurationError(Exception):
    """A file that cannot be used as it stands. `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Refused(Exception):
    """This value is not usable; the problem has been recorded in the place it was read at."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands. `problems` is shared by all places of one reading."""

    file: Path
    problems: list[Problem]
    path: str = ""

    def at(self, name: str) -> "Place":
        """The place of one key below this one."""
        quoted = name if name.replace("-", "").replace("_", "").isalnum() else f'"{name}"'
        return Place(self.file, self.problems, f"{self.path}.{quoted}" if self.path else quoted)

    def item(self, label: str) -> "Place":
        """The place of one item of this list, by its number or its name."""
        return Place(self.file, self.problems, f"{self.path}[{label}]")

    def report(self, what: str, fix: str) -> None:
        where = f"{self.file}: {self.path}" if self.path else str(self.file)
        self.problems.append(Problem(where, what, fix))

    def refuse(self, what: str, fix: str) -> NoReturn:
        self.report(what, fix)
        raise Refused


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How one sort of value is called, read (raising `Refused`), and which table it holds, if it holds one."""

    name: str
    read: Callable[[object, Place], T]
    table: type[Any] | None = None


class _Required:
    """The default of a key that has none."""


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: its spelling in the file, and all that the reference says about it."""

    name: str
    attribute: str
    kind: Kind[Any]
    meaning: str
    default: object
    shown: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that only several keys together show; `key` is the one it is reported at."""

    key: str
    what: str
    fix: str


@runtime_checkable
class Checked(Protocol):
    """A table with checks across its keys; `directory` is where the file is."""

    def faults(self) -> Iterator[Fault]: ...


def key(
    kind: Kind[T],
    meaning: str,
    *,
    default: D | _Required = REQUIRED,
    name: str | None = None,
    shown: str | None = None,
    secret: bool = False,
) -> T | D:
    """A dataclass field that is a key of the file. `shown` replaces the default in the reference."""
    metadata = {"kind": kind, "meaning": meaning, "name": name, "default": default, "shown": shown}
    if isinstance(default, _Required):
        made: object = dataclasses.field(metadata=metadata, repr=not secret)
    else:
        made = dataclasses.field(default=default, metadata=metadata, repr=not secret)
    return cast("T | D", made)


def keys_of(table: type[Any]) -> dict[str, Key]:
    """The keys of a table, by their spelling in the file, in order of declaration."""
    keys = {}
    for item in dataclasses.fields(table):
        if "kind" not in item.metadata:
            continue
        about = item.metadata
        name = about["name"] or item.name
        keys[name] = Key(name, item.name, about["kind"], about["meaning"], about["default"], about["shown"])
    return keys


def read_file(table: type[T], path: Path) -> T:
    """The whole file as one table. Raises ConfigurationError."""
    problems: list[Problem] = []
    place = Place(path, problems)
    try:
        result = read_table(table, _parse(place), place)
    except Refused:
        raise ConfigurationError(problems) from None
    return result


def _parse(place: Place) -> dict[str, Any]:
    try:
        return tomllib.loads(place.file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        place.refuse("there is no such file", "check the path")
    except UnicodeDecodeError:
        place.refuse("is not UTF-8 text", "save the file as UTF-8")
    except OSError as error:
        place.refuse(f"cannot be read ({error.strerror})", "check the path and its permissions")
    except tomllib.TOMLDecodeError as error:
        place.refuse(f"is not TOML: {error}", "correct the syntax at that line")
    except (RecursionError, ValueError):  # limits of Python's own, of which tomllib says nothing
        place.refuse("has a value nested too deep, or a number of too many digits", "no key here takes such a value")


def read_table(table: type[T], value: object, place: Place) -> T:
    """`value` as an instance of the dataclass `table`. Raises Refused after recording every problem."""
    if not isinstance(value, dict):
        place.refuse(f"must be a table, not {describe(value)}", f"write it as a section: [{place.path}]")
    known = keys_of(table)
    before = len(place.problems)
    for name in value:
        if name not in known:
            place.at(name).report("unknown key", _suggestion(name, known))
    arguments: dict[str, object] = {}
    for name, item in known.items():
        if name in value:
            try:
                arguments[item.attribute] = item.kind.read(value[name], place.at(name))
            except Refused:
                continue
        elif isinstance(item.default, _Required):
            place.at(name).report("is missing", f"add it: {name} = {item.shown or '...'} ({item.meaning})")
    if len(place.problems) > before:
        raise Refused
    result = table(**arguments)
    if isinstance(result, Checked):
        for fault in result.faults():
            (place.at(fault.key) if fault.key else place).report(fault.what, fault.fix)
        if len(place.problems) > before:
            raise Refused
    return result


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    listing = "known here: " + ", ".join(known)
    return f'did you mean "{close[0]}"? {listing}' if close else f"remove it; {listing}"


def describe(value: object) -> str:
    """What the file says, for a message; text is quoted and cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= 40 else value[:37] + "..."}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return f"a {type(value).__name__}"
