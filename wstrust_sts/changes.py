"""What becomes of the database's rows: each change told in the words of the declared state, and how it is written."""

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from wstrust_sts.ports import Administration

Write = Callable[[Administration], object]


class Action(enum.Enum):
    """What becomes of one thing; the value is its sign in a listing."""

    CREATE = "+"
    CHANGE = "~"
    KEEP = "="
    REMOVE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a plan. `details` are the differences, in the notation of the file; never a password.

    `give_up`, where there is one, comes before all other writes: it gives up addresses or certificates that move
    elsewhere.
    """

    action: Action
    kind: str  # realm, trust-anchor, account, relying-party, delegation-rule
    realm: str
    name: str
    details: tuple[str, ...] = ()
    write: Write = field(repr=False, compare=False)
    give_up: Write | None = field(repr=False, compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, in the order in which they are shown."""

    changes: tuple[Change, ...]

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

    @property
    def is_empty(self) -> bool:
        return self.count(Action.KEEP) == len(self.changes)

    def carry_out(self, administration: Administration) -> None:
        """Raises Busy; ValueError when an address or a certificate is someone else's. What was done stays done."""
        due = [change for change in self.changes if change.action is not Action.KEEP]
        for change in due:
            if change.action is Action.REMOVE:
                change.write(administration)
        for change in due:
            if change.give_up is not None:
                change.give_up(administration)
        for change in due:
            if change.action is not Action.REMOVE:
                change.write(administration)


class Named(Protocol):
    """A row that a realm has under a name."""

    @property
    def realm(self) -> str: ...
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Row]):
    """How rows of one kind are told and written. `card` is a row in the words of the file."""

    name: str
    card: Callable[[Row], dict[str, Any]]
    put: Callable[[Administration, Row], object]
    delete: Callable[[Administration, str, str], object]

    def removal(self, row: Row) -> Change:
        """It is not declared, and goes."""
        return removal(self.name, row, self.delete)

    def change(self, declared: Row, stored: Row | None, *, give_up: Write | None = None) -> Change:
        """From what is stored, if anything is, to what is declared."""
        action, details = compare(self.card(stored) if stored else None, self.card(declared))
        return Change(
            action=action,
            kind=self.name,
            realm=declared.realm,
            name=declared.name,
            details=details,
            write=lambda administration: self.put(administration, declared),
            give_up=give_up,
        )


def removal(kind: str, row: Named, delete: Callable[[Administration, str, str], object]) -> Change:
    """The row goes; `delete` takes its realm and name."""
    return Change(
        action=Action.REMOVE,
        kind=kind,
        realm=row.realm,
        name=row.name,
        write=lambda administration: delete(administration, row.realm, row.name),
    )


def compare(stored: dict[str, Any] | None, declared: dict[str, Any]) -> tuple[Action, tuple[str, ...]]:
    """What has to become of a row, and its differences; both in the words of the file."""
    if stored is None:
        return Action.CREATE, ()
    before, after = dict(_flatten(stored)), dict(_flatten(declared))
    details = tuple(
        f"{name}: {_show(before.get(name))} -> {_show(after.get(name))}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    )
    return (Action.CHANGE if details else Action.KEEP), details


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _show(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_show(item)}" for name, item in value.items()) + " }"
    return f'"{value}"'
