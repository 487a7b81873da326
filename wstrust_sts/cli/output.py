"""What commands print: tables and cards for people, JSON for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class Refusal(click.ClickException):
    """Refused or not found: exit status 1."""


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]], *, nothing: str) -> None:
    """Columns under their titles; `nothing` is what there is to say without rows."""
    if not rows:
        click.echo(nothing)
        return
    written = [list(titles), *([in_one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in written) for column in range(len(titles))]
    for row in written:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_card(fields: Mapping[str, object]) -> None:
    """One thing: a line for each field, and for each item of a field that has several."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        lines = [in_one_line(item) for item in value] if isinstance(value, (list, tuple)) else [in_one_line(value)]
        for number, line in enumerate(lines or ["-"]):
            click.echo(f"  {(name if number == 0 else '').ljust(width)}  {line}".rstrip())


def in_one_line(value: object) -> str:
    """A value that cannot break a line or drive a terminal: what cannot be printed is written as an escape."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(in_one_line(item) for item in value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def show_one(fields: Mapping[str, Any], *, as_json: bool, title: Callable[[], str] | None = None) -> None:
    """One thing, in the form that was asked for."""
    if as_json:
        print_json(fields)
        return
    if title is not None:
        click.echo(title())
    print_card(fields)
