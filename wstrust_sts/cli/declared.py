"""`wstrust-sts apply` and `wstrust-sts export`: the database as one declared state."""

import sys
from pathlib import Path

import click

from wstrust_sts.changes import Action, Change, Plan
from wstrust_sts.cli.opening import Deployment, config_option, opened
from wstrust_sts.cli.output import Refusal, in_one_line, json_option, print_json
from wstrust_sts.cli.signing_keys import add_first_keys
from wstrust_sts.declaration import read_declaration, write_declaration
from wstrust_sts.reconciliation import plan
from wstrust_sts.records import KeyUse, SigningKeyRecord


@click.command(
    epilog="""\b
Example:
  wstrust-sts apply -f state.toml --dry-run
  wstrust-sts apply -f state.toml
  wstrust-sts apply -f state.toml < passwords.txt    (for accounts with password_stdin)
"""
)
@click.option(
    "-f", "--file", "file", required=True, type=click.Path(path_type=Path), help="The declared state, in TOML."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Remove what the file's realms have and the file lacks.")
@json_option
@config_option
def apply(config_file: Path, file: Path, dry_run: bool, prune: bool, as_json: bool) -> None:
    """Bring realms, trust anchors, accounts, relying parties and delegation rules to the state that a file declares.

    Applying a file twice changes nothing the second time. Running servers follow without a restart. A new realm
    gets its first keys.
    """
    from wstrust_sts.cli.passwords import Argon2Passwords

    declaration = read_declaration(file, standard_input=sys.stdin)
    with opened(config_file) as deployment:
        administration = deployment.stores.administration
        found = plan(declaration, administration, Argon2Passwords(), prune=prune)
        made = [] if dry_run else _carry_out(found, deployment, [realm.name for realm in declaration.realms])
    _show_plan(found, made, dry_run=dry_run, as_json=as_json)


def _carry_out(found: Plan, deployment: Deployment, realms: list[str]) -> list[SigningKeyRecord]:
    """Returns the first keys that realms got."""
    try:
        found.carry_out(deployment.stores.administration)
    except ValueError as error:
        raise Refusal(f"{error}. What came before is done; apply again.") from None
    return add_first_keys(deployment, realms)


def _show_plan(found: Plan, made: list[SigningKeyRecord], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        changes = [_json_of(change) for change in found.changes]
        keyless = [key.realm for key in made if key.use is KeyUse.TOKEN]
        print_json({"dry_run": dry_run, "changes": changes, "new_keys": keyless})
        return
    for change in found.changes:
        if change.action is not Action.KEEP:
            click.echo(f"{change.action.value} {change.kind} {in_one_line(f'{change.realm}/{change.name}')}")
            for detail in change.details:
                click.echo(f"    {in_one_line(detail)}")
    for key in made:
        click.echo(f"+ key {key.realm} ({key.use.value})")
    counts = ", ".join(
        f"{found.count(action)} {word}{' to be' if dry_run and action is not Action.KEEP else ''}"
        for action, word in _WORDS.items()
    )
    click.echo(f"{'Nothing was changed (dry run): ' if dry_run else ''}{counts}")


_WORDS = {Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed", Action.KEEP: "unchanged"}


def _json_of(change: Change) -> dict[str, object]:
    return {
        "action": change.action.name.lower(),
        "kind": change.kind,
        "realm": change.realm,
        "name": change.name,
        "details": change.details,
    }


@click.command(
    epilog="""\b
Example:
  wstrust-sts export > state.toml
"""
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write. [default: standard output]")
@config_option
def export(config_file: Path, out: Path | None) -> None:
    """Write realms, trust anchors, accounts, relying parties and delegation rules as a file for `apply`.

    Passwords and keys are not in it. Applying it to the same database changes nothing.
    """
    with opened(config_file) as deployment:
        written = write_declaration(deployment.stores.administration)
    if out is None:
        click.echo(written, nl=False)
    else:
        out.write_text(written, encoding="utf-8")
