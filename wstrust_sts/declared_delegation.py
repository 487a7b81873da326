"""Delegation rules in the declared state: who may act for whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wstrust_sts import toml_kinds
from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.strict_toml import Fault, key

KINDS = {kind.value: kind for kind in DelegationKind}
MAX_DEPTH = 7  # one less than tokens may be made from each other
_NAME = toml_kinds.text(limit=256)
_NAMES = toml_kinds.many(_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRuleTable:
    """Lets actors get tokens about subjects, by ActAs and OnBehalfOf. Without a rule nobody acts for anybody. Accounts
    and relying parties are meant by their names."""

    realm: str = key(_NAME, "Its realm.", default="default")
    name: str = key(_NAME, "Its name, for operators and logs.", shown='"orders-for-staff"')
    actors: tuple[str, ...] = key(_NAMES, "Accounts that may act.", default=(), shown="[]")
    actor_groups: tuple[str, ...] = key(_NAMES, "Groups whose accounts may.", default=(), shown="[]")
    subjects: tuple[str, ...] = key(_NAMES, "Accounts that may be acted for.", default=(), shown="[]")
    subject_groups: tuple[str, ...] = key(_NAMES, "Groups whose accounts may be.", default=(), shown="[]")
    any_subject: bool = key(toml_kinds.flag(), "Whether every account may be.", default=False)
    relying_parties: tuple[str, ...] = key(
        toml_kinds.many(_NAME, at_least=1), "Relying parties that the tokens are for.", shown='["stock"]'
    )
    kinds: tuple[DelegationKind, ...] = key(
        toml_kinds.many(toml_kinds.choice(KINDS), at_least=1),
        'The elements that may ask: "ActAs", whose token tells who acts, and "OnBehalfOf", whose token does not.',
        default=(DelegationKind.ACT_AS,),
        shown='["ActAs"]',
    )
    tokens_for: tuple[str, ...] = key(
        _NAMES,
        "Relying parties whose tokens may be shown as proof of the subject, beside tokens for the STS itself; mostly "
        "the actor's own.",
        default=(),
        shown="[]",
    )
    by_name: bool = key(
        toml_kinds.flag(),
        "Whether the actor may just name the subject, and is believed without a token.",
        default=False,
    )
    depth: int = key(toml_kinds.whole(1, MAX_DEPTH), "How many may act in one chain, this actor included.", default=1)
    claims: tuple[str, ...] | None = key(
        _NAMES,
        "The claim types that the tokens may have, of those that the relying party is told. Without: all of them.",
        default=None,
    )

    def faults(self) -> Iterator[Fault]:
        if not self.actors and not self.actor_groups:
            yield Fault("actors", "are nobody, so that the rule lets nobody act", "give it actors or actor_groups")
        if self.any_subject and (self.subjects or self.subject_groups):
            yield Fault("any_subject", "goes without subjects and subject_groups", "keep one of them")
        if not self.any_subject and not self.subjects and not self.subject_groups:
            fix = "give it subjects or subject_groups, or any_subject = true"
            yield Fault("subjects", "are nobody, so that the rule is about nobody", fix)

    def rule(self) -> DelegationRule:
        return DelegationRule(
            realm=self.realm,
            name=self.name,
            actors=frozenset(self.actors),
            actor_groups=frozenset(self.actor_groups),
            subjects=frozenset(self.subjects),
            subject_groups=frozenset(self.subject_groups),
            any_subject=self.any_subject,
            relying_parties=frozenset(self.relying_parties),
            kinds=frozenset(self.kinds),
            tokens_for=frozenset(self.tokens_for),
            by_name=self.by_name,
            depth=self.depth,
            claims=None if self.claims is None else frozenset(self.claims),
        )


def delegation_rule_table(rule: DelegationRule) -> dict[str, Any]:
    """A rule as a table of the file; what is as it is by default is left out."""
    written = toml_kinds.filled(
        {
            "realm": rule.realm,
            "name": rule.name,
            "actors": sorted(rule.actors),
            "actor_groups": sorted(rule.actor_groups),
            "subjects": sorted(rule.subjects),
            "subject_groups": sorted(rule.subject_groups),
            "any_subject": rule.any_subject or None,
            "relying_parties": sorted(rule.relying_parties),
            "kinds": sorted(kind.value for kind in rule.kinds),
            "tokens_for": sorted(rule.tokens_for),
            "by_name": rule.by_name or None,
            "depth": rule.depth,
        }
    )
    return written if rule.claims is None else written | {"claims": sorted(rule.claims)}
