"""`wstrust-sts audit`: the audit trail, as the database keeps it."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import config_option, now, opened
from wstrust_sts.cli.output import in_one_line
from wstrust_sts.model import Operation
from wstrust_sts.ports import AuditTrail
from wstrust_sts.records import AuditEvent, AuditSelection

_POLL = 1.0  # seconds
_LATE = timedelta(seconds=30)  # an event is stored some time after its request came: this long at most
_AGO = re.compile(r"([1-9][0-9]{0,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WIDTHS = {"at": 20, "operation": 9, "outcome": 28, "requestor": 20, "relying_party": 20, "correlation_id": 32}


@click.group(
    epilog="""\b
Example:
  wstrust-sts audit tail --since 2h --follow
""",
)
def audit() -> None:
    """The audit trail: one event for each operation whose requestor was authenticated.

    Refusals before that are in the server's log only.
    """


def _read_since(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write 90s, 15m, 2h, 7d or a time like 2027-01-31T12:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@audit.command(
    epilog="""\b
Example:
  wstrust-sts audit tail -n 50 --since 2h
  wstrust-sts audit tail --outcome refused --relying-party payroll --follow
  wstrust-sts audit tail --operation Issue --requestor alice --json
Then: wstrust-sts explain CORRELATION-ID
"""
)
@click.option(
    "--operation",
    type=click.Choice([operation.value for operation in Operation], case_sensitive=False),
    default=None,
    help="Only this operation.",
)
@click.option(
    "--outcome",
    default="",
    help="Only this outcome: issued, valid, invalid, transformed, renewed, cancelled, failed, refused, or "
    '"refused InvalidScope".',
)
@click.option("--requestor", default="", help="Only this account's operations.")
@click.option("--relying-party", default="", help="Only operations for this relying party.")
@click.option("--realm", default="", help="Only this realm. [default: all]")
@click.option("--since", callback=_read_since, metavar="WHEN", help="90s, 15m, 2h, 7d ago, or a time (UTC).")
@click.option("-n", "lines", type=click.IntRange(0, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@config_option
def tail(
    config_file: Path,
    operation: str | None,
    outcome: str,
    requestor: str,
    relying_party: str,
    realm: str,
    since: datetime | None,
    lines: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the newest events, the newest last."""
    selection = AuditSelection(
        realm=realm,
        operation=operation or "",
        outcome=outcome,
        requestor=requestor,
        relying_party=relying_party,
        since=since,
    )
    if not as_json:
        click.echo(_line({name: name.replace("_", " ").upper() for name in _WIDTHS}))
    with opened(config_file) as deployment:
        try:
            for events in _batches(deployment.stores.audit_trail, selection, lines=lines, follow=follow):
                for event in events:
                    click.echo(_json_line(event) if as_json else _line(asdict(event)))
        except KeyboardInterrupt:
            return  # how following ends


def _batches(
    trail: AuditTrail, selection: AuditSelection, *, lines: int, follow: bool
) -> Iterator[Sequence[AuditEvent]]:
    """The newest `lines` events, then what comes.

    Events become visible in another order than that of their times, so each look goes back over some time.
    """
    before = _recent(trail, selection) if follow else ()
    newest = trail.latest(selection, limit=lines) if lines else ()
    yield newest
    told = {_name(event) for event in (*before, *newest)}
    while follow:
        time.sleep(_POLL)
        recent = _recent(trail, selection)
        yield [event for event in recent if _name(event) not in told]
        told = {_name(event) for event in recent}


def _recent(trail: AuditTrail, selection: AuditSelection) -> Sequence[AuditEvent]:
    since = now() - _LATE
    return trail.latest(replace(selection, since=max(since, selection.since or since)), limit=None)


def _name(event: AuditEvent) -> tuple[str, str]:
    return event.correlation_id, event.outcome


def _line(event: dict[str, Any]) -> str:
    cells = (in_one_line(event[name]).ljust(width) for name, width in _WIDTHS.items())
    return "  ".join(cells).rstrip()


def _json_line(event: AuditEvent) -> str:
    return json.dumps(event_fields(event), ensure_ascii=False)


def event_fields(event: AuditEvent) -> dict[str, Any]:
    """An event for JSON: its fields by their names."""
    return {**asdict(event), "at": event.at.isoformat()}
