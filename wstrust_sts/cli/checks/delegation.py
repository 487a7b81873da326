"""Delegation rules: what they name is there, and who is believed without proof."""

from collections.abc import Collection, Iterator

from wstrust_sts.cli.checks.findings import Finding, warning
from wstrust_sts.delegation_rules import DelegationRule


def check_delegation_rule(
    rule: DelegationRule, *, accounts: Collection[str], relying_parties: Collection[str]
) -> Iterator[Finding]:
    """`accounts` and `relying_parties`: the names of those of its realm."""
    where = f"delegation rule {rule.realm}/{rule.name}"
    for what in missing_of(rule, accounts=accounts, relying_parties=relying_parties):
        yield warning(where, f"there is no {what}", "add it, or correct the rule")
    if rule.by_name and rule.any_subject:
        what = "whoever it lets act gets tokens about every account, without any proof"
        yield warning(where, what, "name the subjects, or let it want tokens")


def missing_of(rule: DelegationRule, *, accounts: Collection[str], relying_parties: Collection[str]) -> list[str]:
    """What the rule names and what is not there."""
    return [
        *(f"account {name!r}" for name in sorted((rule.actors | rule.subjects).difference(accounts))),
        *(
            f"relying party {name!r}"
            for name in sorted((rule.relying_parties | rule.tokens_for).difference(relying_parties))
        ),
    ]
