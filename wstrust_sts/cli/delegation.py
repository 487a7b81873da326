"""`wstrust-sts delegation`."""

from pathlib import Path

import click

from wstrust_sts.cli.checks.delegation import missing_of
from wstrust_sts.cli.opening import (
    config_option,
    listing_options,
    named_options,
    opened,
    realm_option,
    remove_named,
    require_realm,
)
from wstrust_sts.cli.output import Refusal, print_json, print_table
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_delegation import KINDS, DelegationRuleTable, delegation_rule_table
from wstrust_sts.delegation_rules import DelegationRule

_OPTIONS = {
    "name": "NAME",
    "actors": "--actor",
    "actor_groups": "--actor-group",
    "subjects": "--subject",
    "subject_groups": "--subject-group",
    "any_subject": "--any-subject",
    "any_subject = true": "--any-subject",
    "relying_parties": "--relying-party",
    "tokens_for": "--tokens-for",
    "depth": "--depth",
    "claims": "--claim",
}
"""Keys of a rule in the declared state, and what fixes say of them, as options."""


@click.group(
    epilog="""\b
Example:
  wstrust-sts delegation add shop-for-staff --actor shop --subject-group staff --relying-party stock --tokens-for shop
  wstrust-sts delegation list
""",
)
def delegation() -> None:
    """Who may act for whom, by ActAs and OnBehalfOf. Without a rule nobody acts for anybody."""


@delegation.command(
    epilog="""\b
Example:
  wstrust-sts delegation add shop-for-staff --actor shop --subject-group staff --relying-party stock --tokens-for shop
  wstrust-sts delegation add batch --actor batch --subject reports --relying-party stock --kind OnBehalfOf --by-name
"""
)
@click.argument("name")
@click.option("--actor", "actors", multiple=True, metavar="ACCOUNT", help="Who may act; repeat for more.")
@click.option(
    "--actor-group", "actor_groups", multiple=True, metavar="GROUP", help="Whose accounts may; repeat for more."
)
@click.option("--subject", "subjects", multiple=True, metavar="ACCOUNT", help="Who may be acted for; repeat for more.")
@click.option(
    "--subject-group", "subject_groups", multiple=True, metavar="GROUP", help="Whose accounts may be; repeat for more."
)
@click.option("--any-subject", is_flag=True, help="Every account may be acted for.")
@click.option(
    "--relying-party",
    "relying_parties",
    multiple=True,
    metavar="NAME",
    help="Which the tokens are for; repeat for more.",
)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="How it may be asked. [default: ActAs]"
)
@click.option(
    "--tokens-for",
    multiple=True,
    metavar="NAME",
    help="Relying party whose tokens prove the subject, mostly the actor's own. [default: only tokens for the STS]",
)
@click.option("--by-name", is_flag=True, help="The actor may just name the subject, and is believed.")
@click.option("--depth", type=int, default=1, show_default=True, help="How many may act in one chain.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="TYPE",
    help="A claim the token may have; repeat for more. [default: all]",
)
@realm_option
@config_option
def add(
    config_file: Path,
    name: str,
    realm: str,
    actors: tuple[str, ...],
    actor_groups: tuple[str, ...],
    subjects: tuple[str, ...],
    subject_groups: tuple[str, ...],
    any_subject: bool,
    relying_parties: tuple[str, ...],
    kinds: tuple[str, ...],
    tokens_for: tuple[str, ...],
    by_name: bool,
    depth: int,
    claims: tuple[str, ...],
) -> None:
    """Let actors get tokens about subjects. Running servers follow at once."""
    row: dict[str, object] = {
        "realm": realm,
        "name": name,
        "actors": list(actors),
        "actor_groups": list(actor_groups),
        "subjects": list(subjects),
        "subject_groups": list(subject_groups),
        "any_subject": any_subject,
        "relying_parties": list(relying_parties),
        "kinds": list(kinds) or ["ActAs"],
        "tokens_for": list(tokens_for),
        "by_name": by_name,
        "depth": depth,
    }
    given = row | ({"claims": list(claims)} if claims else {})
    rule = read_row(DelegationRuleTable, given, options=_OPTIONS).rule()
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        administration = deployment.stores.administration
        if any(stored.name == name for stored in administration.delegation_rules(realm)):
            raise Refusal(f"There is a delegation rule {name!r} already; to replace it: wstrust-sts delegation remove")
        missing = missing_of(
            rule,
            accounts={account.name for account in administration.accounts(realm)},
            relying_parties={party.name for party in administration.relying_parties(realm)},
        )
        administration.put_delegation_rule(rule)
    click.echo(f"Delegation rule {name} is added.")
    for what in missing:
        click.echo(f"There is no {what} yet, so that the rule does nothing for it.", err=True)


@delegation.command("list", epilog="\b\nExample:\n  wstrust-sts delegation list --json\n")
@listing_options
def list_(config_file: Path, realm: str, as_json: bool) -> None:
    """List a realm's delegation rules."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        rules = deployment.stores.administration.delegation_rules(realm)
    if as_json:
        print_json([delegation_rule_table(rule) for rule in rules])
        return
    print_table(
        ["NAME", "ACTORS", "SUBJECTS", "PROVED BY", "FOR", "KINDS", "DEPTH", "CLAIMS"],
        [
            [
                rule.name,
                _named(rule.actors, rule.actor_groups),
                ["any account"] if rule.any_subject else _named(rule.subjects, rule.subject_groups),
                _proofs(rule),
                sorted(rule.relying_parties),
                sorted(kind.value for kind in rule.kinds),
                rule.depth,
                "all" if rule.claims is None else sorted(rule.claims),
            ]
            for rule in rules
        ],
        nothing=f"Nobody acts for anybody in realm {realm}: wstrust-sts delegation add NAME",
    )


def _named(accounts: frozenset[str], groups: frozenset[str]) -> list[str]:
    return [*sorted(accounts), *(f"group {group}" for group in sorted(groups))]


def _proofs(rule: DelegationRule) -> list[str]:
    tokens = [f"token for {name}" for name in ["the STS", *sorted(rule.tokens_for)]]
    return [*tokens, "name alone"] if rule.by_name else tokens


@delegation.command(epilog="\b\nExample:\n  wstrust-sts delegation remove shop-for-staff\n")
@named_options
def remove(config_file: Path, name: str, realm: str) -> None:
    """Remove a delegation rule, at once and on every node. Tokens that were got by it stay until they end."""
    remove_named(
        config_file,
        realm,
        name,
        what="delegation rule",
        look="delegation list",
        delete=lambda administration, realm, name: administration.delete_delegation_rule(realm, name),
    )
