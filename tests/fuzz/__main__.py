"""`python -m tests.fuzz`: fuzzes for some minutes, tells how far it got, and writes down what it finds."""

import secrets
import sys
import time
from pathlib import Path

import click

from tests.fuzz.campaign import Campaign, Finding, Series, examine
from tests.fuzz.targets import BY_NAME, target_of

_SHOWN = 4096  # octets of an input


@click.command(context_settings={"max_content_width": 110})
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=10, show_default=True, help="How long.")
@click.option("--seed", type=int, help="Chance's number, of an earlier run; a new one if not given.")
@click.option(
    "--target",
    "names",
    multiple=True,
    type=click.Choice(sorted(BY_NAME)),
    help="Only this one; may be given more than once.",
)
@click.option(
    "--findings",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("fuzz-findings"),
    show_default=True,
    help="Where findings are written to.",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run this one input, a finding or a vector, and nothing else.",
)
def main(minutes: float, seed: int | None, names: tuple[str, ...], folder: Path, replay: Path | None) -> None:
    """Change good messages at random, guided by the lines that they reach, and hold every answer against the rules.

    Ends with 1 when something was found. A process that dies or hangs leaves the input behind that it was at, in the
    folder of findings, as TARGET.running.bin. An input that goes into tests/vectors/fuzz is run by the tests for good.
    """
    if replay is not None:
        sys.exit(_replay(replay))
    seed = secrets.randbelow(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    began = time.monotonic()
    series = Series([BY_NAME[name] for name in names or BY_NAME], seed=seed, folder=folder, found=_tell)
    series.run(minutes * 60, progress=lambda: click.echo(_progress(series.campaigns, time.monotonic() - began)))
    series.close()
    for campaign in series.campaigns:
        click.echo(_summary(campaign))
    click.echo(_progress(series.campaigns, time.monotonic() - began))
    sys.exit(any(campaign.findings for campaign in series.campaigns))


def _replay(path: Path) -> int:
    finding = examine(target_of(path), path.read_bytes())
    click.echo("nothing wrong" if finding is None else finding.traceback)
    return int(finding is not None)


def _tell(finding: Finding, path: Path) -> None:
    shown = repr(finding.octets[:_SHOWN]) + (" ..." if len(finding.octets) > _SHOWN else "")
    click.echo(f"FOUND by {finding.target}: {finding.what}\n  {len(finding.octets)} octets: {shown}")
    click.echo(f"  {sys.executable} -m tests.fuzz --replay {path}")


def _progress(campaigns: list[Campaign], seconds: float) -> str:
    executions = sum(campaign.executions for campaign in campaigns)
    lines = len(frozenset().union(*(campaign.coverage.lines for campaign in campaigns)))
    found = sum(len(campaign.findings) for campaign in campaigns)
    return f"{seconds:5.0f} s  {executions} executions  {executions / seconds:.0f}/s  {lines} lines  {found} found"


def _summary(campaign: Campaign) -> str:
    commonest = ", ".join(f"{name} {count}" for name, count in campaign.outcomes.most_common(6))
    return (
        f"{campaign.target.name:14}{campaign.executions:8} executions{len(campaign.coverage):6} lines"
        f"{len(campaign.findings):3} found  {commonest}"
    )


if __name__ == "__main__":
    main()
