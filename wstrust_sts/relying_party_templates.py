"""Templates of relying parties: what well-known products demand of their tokens, as data in the folder templates/.

A template is a table of the declared state with `${option}` in its texts, and the options with a sentence each. Filling
it in makes an ordinary row: nothing about a relying party tells afterwards that a template was there.
"""

import difflib
import re
import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.strict_toml import ConfigurationError, Fault, Kind, Place, Problem, describe, key, read_table

_SUFFIX = ".toml"


def _pattern() -> Kind[re.Pattern[str]]:
    def read(value: object, place: Place) -> re.Pattern[str]:
        return re.compile(kinds.text().read(value, place), re.ASCII)

    return Kind("regular expression", read)


def _row() -> Kind[dict[str, Any]]:
    def read(value: object, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            place.refuse(f"must be a table, not {describe(value)}", f"write it as a section: [{place.path}]")
        return value

    return Kind("table", read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a template has to be told. Without `default` or `optional` it is mandatory.

    The parts that `pattern` names are placeholders beside the whole.
    """

    name: str = key(kinds.text(), "Its name.")
    meaning: str = key(kinds.text(), "What it is, in a sentence.")
    shown: str | None = key(kinds.text(), "An example.", default=None)
    default: str | None = key(kinds.text(), "What it is unless it is given.", default=None)
    pattern: re.Pattern[str] | None = key(_pattern(), "What it has to look like.", default=None)
    repeat: bool = key(kinds.flag(), "Whether it may be given several times.", default=False)
    optional: bool = key(kinds.flag(), "Whether it may be left out; what names it is left out, too.", default=False)

    def faults(self) -> Iterator[Fault]:
        if self.optional and not self.repeat:
            yield Fault("optional", "is for what may be given several times", "set repeat, or give it a default")

    @property
    def mandatory(self) -> bool:
        return self.default is None and not self.optional

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset({self.name, *(self.pattern.groupindex if self.pattern else ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One file. `row` is a `[[relying_party]]` without a name, not yet filled in."""

    name: str = ""
    summary: str = key(kinds.text(), "What it is for, in a sentence.")
    options: tuple[Option, ...] = key(kinds.tables(Option, label="name"), "Its options.", default=(), name="option")
    row: dict[str, Any] = key(_row(), "The relying party.", name="relying_party")


def template_names() -> tuple[str, ...]:
    files = (resources.files("wstrust_sts") / "templates").iterdir()
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX)))


def read_template(name: str) -> Template:
    """One of `template_names`. Raises KeyError for another name."""
    if name not in template_names():
        raise KeyError(name)
    file = resources.files("wstrust_sts") / "templates" / f"{name}{_SUFFIX}"
    table = read_table(Template, tomllib.loads(file.read_text(encoding="utf-8")), Place(Path(file.name), []))
    return Template(name=name, summary=table.summary, options=table.options, row=table.row)


# -- filling in --------------------------------------------------------------------------------------------------------

_Values = Mapping[str, str]  # by placeholder


def fill_in(template: Template, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The row with the options that are `given`. Values are put into its texts, never read as TOML.

    Raises ConfigurationError with everything that is wrong with them, and what to write instead.
    """
    problems: list[Problem] = []
    known = {option.name: option for option in template.options}
    for name in given.keys() - known.keys():
        problems.append(Problem(f"--set {name}", f"is not an option of {template.name}", _suggest(name, list(known))))
    once: dict[str, str] = {}
    several: dict[frozenset[str], list[_Values]] = {}
    for option in template.options:
        values = _values_of(option, given.get(option.name, ()), problems)
        if option.repeat:
            several[option.placeholders] = values
        else:
            once |= {name: value for each in values for name, value in each.items()}
    if problems:
        raise ConfigurationError(problems)
    filled = _fill(template.row, once, several)
    assert isinstance(filled, dict)
    return filled


def _values_of(option: Option, given: Sequence[str], problems: list[Problem]) -> list[_Values]:
    """What the option's placeholders stand for, once for each time that it is given."""
    where = f"--set {option.name}"
    if not given:
        if option.mandatory:
            example = f"{where}={option.shown or '...'}"
            problems.append(Problem(where, "is missing", f"add {example} ({option.meaning})"))
        return [{option.name: option.default}] if option.default is not None else []
    if len(given) > 1 and not option.repeat:
        problems.append(Problem(where, "is given more than once", "keep one of them"))
    read: list[_Values] = []
    for value in given:
        match = option.pattern.fullmatch(value) if option.pattern else None
        if option.pattern and match is None:
            example = option.shown or option.default or "..."
            fix = f"write it like {example} ({option.meaning})"
            problems.append(Problem(where, f"cannot be {describe(value)}", fix))
        else:
            read.append({option.name: value} | (match.groupdict() if match else {}))
    return read


def _fill(item: object, once: _Values, several: Mapping[frozenset[str], list[_Values]]) -> object:
    """`item` with its placeholders filled in. An item of a list that names an option which may be given several times
    is there once for each.
    """
    match item:
        case str():
            return string.Template(item).substitute(once)
        case dict():
            return {name: _fill(value, once, several) for name, value in item.items()}
        case list():
            return [
                _fill(element, {**once, **values}, several)
                for element in item
                for values in _repeated(element, once, several)
            ]
    return item


def _repeated(element: object, once: _Values, several: Mapping[frozenset[str], list[_Values]]) -> Sequence[_Values]:
    """The values that the element is repeated for; the empty ones, once, where it is not."""
    named = placeholders_in(element) - once.keys()
    once_only: list[_Values] = [{}]
    return next((values for placeholders, values in several.items() if placeholders & named), once_only)


def placeholders_in(item: object) -> set[str]:
    """The names of all placeholders in an item's texts."""
    match item:
        case str():
            return set(string.Template(item).get_identifiers())
        case dict():
            return {name for value in item.values() for name in placeholders_in(value)}
        case list():
            return {name for value in item for name in placeholders_in(value)}
    return set()


def _suggest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    listing = f"its options: {', '.join(known)}"
    return f"did you mean {close[0]}? {listing}" if close else f"remove it; {listing}"
