"""`wstrust-sts`: the command line. A command's module is imported when it is called, so that `--help` is quick.

Exit status: 0 done, 1 refused, not found or failed, 2 wrong use.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from wstrust_sts import __version__


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is defined, and its line in the overview."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "init": Entry("init", "init", "Make a new STS: configuration, keys, database, realm."),
    "serve": Entry("serve", "serve", "Run the server."),
    "check": Entry("check", "check", "Find everything that is wrong, each with its fix."),
    "apply": Entry("declared", "apply", "Bring the database to a declared state."),
    "export": Entry("declared", "export", "Write the database's state as a declaration."),
    "user": Entry("user", "user", "Accounts that may ask for tokens."),
    "certificate": Entry("certificate", "certificate", "Whose certificates are whose, and which authorities count."),
    "relying-party": Entry("relying_party", "relying_party", "Services that tokens are issued for."),
    "delegation": Entry("delegation", "delegation", "Who may act for whom."),
    "key": Entry("key", "key", "Keys that sign tokens, and keys that protect messages."),
    "audit": Entry("audit", "audit", "The audit trail."),
    "explain": Entry("explain", "explain", "Why an operation ended as it did."),
    "token": Entry("token", "token", "Ask any STS for tokens, and look into them."),
    "db": Entry("db", "db", "The database's schema."),
    "demo": Entry("demo", "demo", "See the whole life of a token, on this machine."),
}

EPILOG = """\b
Start here:
  wstrust-sts init sts --demo
  wstrust-sts serve --config sts/sts.toml
"""


class Commands(click.Group):
    """A group that knows its commands by name and summary, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(f"wstrust_sts.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wstrust-sts")
def commands() -> None:
    """A WS-Trust security token service.

    Most commands read sts.toml: the one that --config names, else $WSTRUST_STS_CONFIG, else ./sts.toml.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit status. An error is a message, never a traceback."""
    try:
        status = commands.main(args=list(arguments), prog_name="wstrust-sts", standalone_mode=False)
    except click.ClickException as refusal:
        refusal.show()
        return refusal.exit_code
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has enough
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as failure:
        if os.environ.get("WSTRUST_STS_TRACEBACK"):
            raise
        from wstrust_sts.cli.failures import explain

        click.echo(explain(failure), err=True)
        return 1
    return status if isinstance(status, int) else 0


def main() -> None:
    """The program."""
    sys.exit(run(sys.argv[1:]))
