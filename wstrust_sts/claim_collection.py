"""What a token will state: found about its subject, released by the rules of every party, and asked for."""

from collections.abc import Sequence

from wstrust_sts.bookkeeping import Asked
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.model import Claim, Decision, Principal
from wstrust_sts.policy import shared_claims
from wstrust_sts.ports import ClaimPolicy, ClaimSource
from wstrust_sts.reasons import explain_unasked, explain_undelegated, explain_unreleased, explain_unshared
from wstrust_sts.relying_parties import RelyingParty, RelyingPartyMatch


class ClaimCollection:
    """The claim sources, and the policy over what they find. Thread-safe."""

    def __init__(self, sources: Sequence[ClaimSource], policy: ClaimPolicy) -> None:
        self._sources = tuple(sources)
        self._policy = policy

    def collect(
        self,
        asked: Asked,
        *,
        subject: Principal,
        match: RelyingPartyMatch,
        participants: Sequence[RelyingPartyMatch],
        rule: DelegationRule | None = None,
    ) -> tuple[Claim, ...]:
        """`rule` is what somebody else than the subject asks by. What was found, and what is withheld and why, goes
        among the findings. Raises InvalidRequest: a mandatory claim is not to be had.
        """
        request, party = asked.request, match.relying_party
        found = self._find(subject, party, asked)
        stated = self._policy.release(subject, party, found)
        others = [
            self._policy.release(subject, other.relying_party, self._find(subject, other.relying_party, asked))
            for other in participants
        ]
        shared = shared_claims([stated, *others])
        delegated = shared if rule is None else _let_out(shared, rule)
        findings = asked.findings
        matched, types = findings.decision.reasons, tuple(claim.type for claim in found)
        withheld = explain_unreleased(found, party) | explain_unshared(stated, shared)
        if rule is not None:
            withheld |= explain_undelegated(shared, delegated, rule.name)
        findings.decision = Decision(reasons=matched, found=types, withheld=withheld)
        claims, kept = self._policy.satisfy(request.claims, delegated)
        if kept:
            unasked = explain_unasked(kept, request, delegated)
            findings.decision = Decision(reasons=matched, found=types, withheld=unasked | withheld)
        return claims

    def _find(self, subject: Principal, party: RelyingParty, asked: Asked) -> list[Claim]:
        wanted = asked.request.claims
        return [claim for source in self._sources for claim in source.claims_for(subject, party, wanted)]


def _let_out(claims: tuple[Claim, ...], rule: DelegationRule) -> tuple[Claim, ...]:
    if rule.claims is None:
        return claims
    return tuple(claim for claim in claims if claim.type in rule.claims)
