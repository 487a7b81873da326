"""Rows given on the command line, read by the same rules as those of the declared state."""

from pathlib import Path
from typing import Any, TypeVar

from wstrust_sts.strict_toml import ConfigurationError, Place, Problem, Refused, read_table

T = TypeVar("T")


def read_row(table: type[T], row: dict[str, Any]) -> T:
    """`row` as one row of the declared state. Raises ConfigurationError with every problem in it."""
    problems: list[Problem] = []
    try:
        return read_table(table, row, Place(Path("command line"), problems))
    except Refused:
        raise ConfigurationError(problems) from None
