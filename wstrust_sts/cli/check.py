"""`wstrust-sts check`: everything that is wrong with a deployment, at once, each with its fix."""

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from wstrust_sts.cli.checks.findings import Finding, fault
from wstrust_sts.cli.opening import config_option, now
from wstrust_sts.cli.output import json_option, print_json, print_table
from wstrust_sts.config import Config, ConfigurationError, load_config, read_key_encryption_key
from wstrust_sts.ports import SecretBox
from wstrust_sts.strict_toml import Problem


@click.command(
    epilog="""\b
Example:
  wstrust-sts check --config /etc/wstrust-sts/sts.toml
  wstrust-sts check --config /etc/wstrust-sts/sts.toml --published
Exit status: 0 nothing is wrong (there may be warnings), 1 something is.
"""
)
@click.option("--published", is_flag=True, help="Also ask the running server, by its public URL, as a client would.")
@click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --published: PEM certificates to trust. [default: the system's]",
)
@json_option
@config_option
@click.pass_context
def check(context: click.Context, config_file: Path, published: bool, ca: Path | None, as_json: bool) -> None:
    """Check the configuration and everything it names: files, TLS certificate, clock, database, keys, relying parties.

    Nothing is changed, and everything that is wrong is told in one run. Run it as the user that the server runs as.
    """
    from wstrust_sts.cli.serve import known_names

    if ca is not None and not published:
        raise click.UsageError("--ca goes with --published")
    config: Config | None = None
    try:
        config = load_config(config_file, known=known_names())
    except ConfigurationError as error:
        findings = [Finding(problem) for problem in error.problems]
    else:
        findings = list(find_everything(config, now()))
        if published:
            findings += _published(config, ca)
    faults = [finding.problem for finding in findings if not finding.warning]
    warnings = [finding.problem for finding in findings if finding.warning]
    if as_json:
        print_json({"faults": [_json_of(p) for p in faults], "warnings": [_json_of(p) for p in warnings]})
    else:
        _tell(config, faults, warnings)
    context.exit(1 if faults else 0)


def _published(config: Config, ca: Path | None) -> Iterator[Finding]:
    from wstrust_sts.cli.checks.published import check_published, fetcher

    return check_published(config, fetcher(ca), now)


def _json_of(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "what": problem.what, "fix": problem.fix}


def _tell(config: Config | None, faults: Sequence[Problem], warnings: Sequence[Problem]) -> None:
    for title, problems in (("FAULT", faults), ("WARNING", warnings)):
        for problem in problems:
            click.echo(f"{title} {problem}")
    if config is not None:
        print_table(
            ["ENDPOINT", "WS-TRUST", "POLICY", "ALGORITHMS", "REALM", "LAYOUT", "TOLERANCES", "TLS"],
            [
                [
                    config.server.public_url + e.path,
                    _TRUST[e.version.name],
                    e.policy,
                    e.algorithms,
                    e.realm,
                    e.layout,
                    sorted(e.tolerances),
                    "required" if e.tls_required else "optional",
                ]
                for e in config.endpoints
            ],
            nothing="no endpoints",
        )
    click.echo(f"{_count(faults, 'fault')}, {_count(warnings, 'warning')}")


def _count(problems: Sequence[Problem], noun: str) -> str:
    return f"{len(problems)} {noun}{'' if len(problems) == 1 else 's'}"


_TRUST = {"V13": "1.3", "V2005": "2005/02"}


def find_everything(config: Config, at: datetime) -> Iterator[Finding]:
    """Every finding. One part that cannot be looked at does not hide the others."""
    from wstrust_sts.cli.checks.clock import check_clock
    from wstrust_sts.cli.checks.files import check_files
    from wstrust_sts.cli.checks.limits import check_limits
    from wstrust_sts.cli.checks.reach import check_reach
    from wstrust_sts.cli.checks.stored import check_stored
    from wstrust_sts.cli.checks.tls import check_tls
    from wstrust_sts.cli.serve import server_settings
    from wstrust_sts.server.descriptors import allowed_descriptors, needed_descriptors

    yield from _libraries()
    yield from check_files(config, _sqlite_file(config))
    yield from check_clock(config, at)
    yield from check_reach(config)
    yield from check_tls(config, at)
    yield from check_limits(config, allowed=allowed_descriptors(), needed=needed_descriptors(server_settings(config)))
    yield from _plugins(config)
    box = yield from _key_encryption_key(config)
    yield from check_stored(config, box, at)


def _libraries() -> Iterator[Finding]:
    from wstrust_sts.wire.native import check_native_libraries

    try:
        check_native_libraries()
    except RuntimeError as error:
        yield fault("Python environment", str(error), "install both from wheels, as it says")


def _sqlite_file(config: Config) -> Path | None:
    """The file that database.url names, None for another kind of database or a URL that cannot be read."""
    from wstrust_sts.storage.engine import parse_url, sqlite_file
    from wstrust_sts.storage.failures import UnusableDatabase

    try:
        return sqlite_file(parse_url(config.database.url))
    except UnusableDatabase:
        return None  # told where the database is opened


def _plugins(config: Config) -> Iterator[Finding]:
    from importlib.metadata import entry_points

    from wstrust_sts import registry

    tables = (
        (registry.AUTHENTICATORS, config.plugins.authenticators),
        (registry.TOKEN_PROVIDERS, config.plugins.token_providers),
        (registry.CLAIM_SOURCES, config.plugins.claim_sources),
    )
    for table, names in tables:
        for name in names:
            if name not in table.builders and len(entry_points(group=f"wstrust_sts.{table.kind}", name=name)) != 1:
                yield fault(
                    f"{config.file}: plugins.{table.kind}",
                    f'"{name}" is offered by no installed package, or by several',
                    f"install its package, or use one of: {', '.join(sorted(table.builders))}",
                )


def _key_encryption_key(config: Config) -> Generator[Finding, None, SecretBox | None]:
    """Finds what is wrong with the key-encryption key; returns its box, None when there is none to be had."""
    from wstrust_sts.keys import AesGcmSecretBox

    try:
        return AesGcmSecretBox(read_key_encryption_key(config))
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding(problem)
        return None
