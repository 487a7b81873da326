"""Rows given on the command line, read by the same rules as those of the declared state."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from wstrust_sts.strict_toml import ConfigurationError, Place, Problem, Refused, read_table

T = TypeVar("T")

_COMMAND_LINE = Path("command line")


def read_row(table: type[T], row: dict[str, Any], *, options: Mapping[str, str] | None = None) -> T:
    """`row` as one row of the declared state. Raises ConfigurationError with every problem in it.

    `options`: keys, and what fixes say of them, as they are on the command line: problems are told in its words.
    """
    problems: list[Problem] = []
    try:
        return read_table(table, row, Place(_COMMAND_LINE, problems))
    except Refused:
        raise ConfigurationError([_in_options(problem, options or {}) for problem in problems]) from None


def _in_options(problem: Problem, options: Mapping[str, str]) -> Problem:
    key = problem.where.removeprefix(f"{_COMMAND_LINE}: ")
    name = re.sub(r"\[\d+\]$", "", key)
    if name not in options:
        return problem
    unmistakable = {word: option for word, option in options.items() if "_" in word}
    return Problem(
        f"{_COMMAND_LINE}: {options[name]}", _replaced(problem.what, unmistakable), _replaced(problem.fix, options)
    )


def _replaced(text: str, options: Mapping[str, str]) -> str:
    """The text with options in the place of keys; not in quoted values, nor in longer words."""
    words = "|".join(re.escape(word) for word in sorted(options, key=len, reverse=True)) or r"(?!)"
    return re.sub(rf"(?<![\w.\"])(?:{words})(?![\w.\"])", lambda found: options[found[0]], text)
