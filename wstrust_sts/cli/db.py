"""`wstrust-sts db`."""

from pathlib import Path

import click

from wstrust_sts.cli.opening import config_option
from wstrust_sts.config import load_config


@click.group(
    epilog="""\b
Example:
  wstrust-sts db upgrade --config /etc/wstrust-sts/sts.toml
""",
)
def db() -> None:
    """The database's schema."""


@db.command(
    epilog="""\b
Example:
  wstrust-sts db upgrade --config /etc/wstrust-sts/sts.toml
""",
    short_help="Bring the schema to this version.",
)
@config_option
def upgrade(config_file: Path) -> None:
    """Bring the database to the schema that this version needs; make it, if there is none.

    Several nodes may do so at the same time. What is up to date stays as it is.
    """
    from wstrust_sts.storage.migrate import HEAD
    from wstrust_sts.storage.migrate import upgrade as upgrade_database

    upgrade_database(load_config(config_file).database.url)
    click.echo(f"The database is at revision {HEAD}.")
