"""The words in which an operation is told to operators: what was asked, whose rule matched, why a claim stays here.

They go into the `Decision` and the audit trail, never to a client. What a client chose is cut and counted, so that
no request makes its audit event large; claims are told by their types, never by their values.
"""

import re
from collections.abc import Sequence

from wstrust_sts.delegation_rules import AssertedSubject, DelegationKind, DelegationRule
from wstrust_sts.model import Claim, Principal, RequestSecurityToken
from wstrust_sts.received_tokens import PresentedContext, PresentedReference
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import ReleaseRule, RelyingParty, RelyingPartyMatch

_LENGTH = 256  # characters of a text that a client chose
_COUNT = 32  # items of a list that a client chose
_USER_INFORMATION = re.compile(r"//[^/]*@")  # of a URL, where some people put a password


def shorten(unverified_text: str) -> str:
    """A text that a client chose, as operators are shown it: without a URL's user information, and cut."""
    return _USER_INFORMATION.sub("//", unverified_text)[:_LENGTH]


def describe_request(request: RequestSecurityToken) -> dict[str, object]:
    """What was asked for, without what was left to this STS; JSON."""
    asked: dict[str, object] = {}
    if request.applies_to is not None:
        asked["applies_to"] = shorten(request.applies_to.address)
    if request.participants:
        asked["participants"] = [shorten(address) for address in request.participants[:_COUNT]]
    if request.token_type is not None:
        asked["token_type"] = shorten(request.token_type)
    if request.key_type_uri is not None:
        asked["key_type"] = shorten(request.key_type_uri)
    if request.claims:
        asked["claims"] = [
            f"{shorten(claim.type)}{' (optional)' if claim.optional else ''}" for claim in request.claims[:_COUNT]
        ]
    if request.lifetime is not None and request.lifetime.expires is not None:
        asked["expires"] = request.lifetime.expires.isoformat()
    if isinstance(request.target, PresentedReference):
        asked["target"] = f"the token with the id {shorten(request.target.token_id)}"
    elif isinstance(request.target, PresentedContext):
        asked["target"] = f"the security context {shorten(request.target.identifier)}"
    elif request.target is not None:
        asked["target"] = type(request.target).__name__
    for name, shown in (("act_as", request.act_as), ("on_behalf_of", request.on_behalf_of)):
        if isinstance(shown, AssertedSubject):
            asked[name] = f"{shorten(shown.username)}, by name"
        elif shown is not None:
            asked[name] = type(shown).__name__
    return asked


def describe_match(request: RequestSecurityToken, match: RelyingPartyMatch) -> str:
    """Which relying party a request is for, and by which of its rules."""
    name, rule = match.relying_party.name, match.rule
    if request.applies_to is None:
        return f"no AppliesTo; the endpoint's relying party is {name}"
    if rule is None:
        return f"AppliesTo {match.address} belongs to {name}"
    return (
        f"AppliesTo {match.address} belongs to {name} by its rule {rule.address}{' and below' if rule.prefix else ''}"
    )


def describe_original(original: TokenRecord, subject: Principal, right: str) -> str:
    """What a token is made from by transformation, and for whom."""
    methods = ", ".join(method.value for method in subject.methods)
    return (
        f"made {right} from the valid token {original.token_id}, for which {subject.name} proved itself by {methods}"
        f" at {subject.instant.isoformat()}"
    )


def describe_delegation(
    actor: Principal, subject: Principal, *, kind: DelegationKind, rule: DelegationRule, original: str | None
) -> str:
    """Who acts for whom, by which rule, and what that rests on."""
    acts = "acts as" if kind is DelegationKind.ACT_AS else "asks on behalf of"
    whence = "named without proof" if original is None else f"by the valid token {original}, for which that account"
    if original is not None:
        methods = ", ".join(method.value for method in subject.methods)
        whence = f"{whence} proved itself by {methods} at {subject.instant.isoformat()}"
    return f"{actor.name} {acts} {subject.name}, {whence}, by the delegation rule {rule.name}"


def describe_renewal(renewed: TokenRecord, subject: Principal, *, anew: bool) -> str:
    """What a token takes the place of, and on what its word of the subject's authentication rests."""
    methods = ", ".join(method.value for method in subject.methods)
    whence = "proved itself now" if anew else "proved itself for that one"
    return f"renews the token {renewed.token_id}; {subject.name} {whence} by {methods} at {subject.instant.isoformat()}"


def explain_unreleased(found: Sequence[Claim], relying_party: RelyingParty) -> dict[str, str]:
    """The types that were found and that no rule of the relying party releases, each with that reason."""
    ruled = {rule.claim for rule in relying_party.claim_rules if isinstance(rule, ReleaseRule)}
    return {claim.type: f"no rule of {relying_party.name} releases it" for claim in found if claim.type not in ruled}


def explain_unshared(stated: Sequence[Claim], shared: Sequence[Claim]) -> dict[str, str]:
    """The types that the rules of the relying party state and that another participant is not told."""
    if shared is stated:
        return {}
    kept = {claim.type for claim in shared}
    return {claim.type: "another participant is not told it" for claim in stated if claim.type not in kept}


def explain_undelegated(stated: Sequence[Claim], kept: Sequence[Claim], rule: str) -> dict[str, str]:
    """The types that the relying party would be told, and that the delegation rule `rule` keeps back."""
    types = {claim.type for claim in kept}
    return {
        claim.type: f"the delegation rule {rule} does not let it out" for claim in stated if claim.type not in types
    }


def explain_unasked(withheld: Sequence[str], request: RequestSecurityToken, shared: Sequence[Claim]) -> dict[str, str]:
    """The types that a request's Claims leave out, or name in vain: `withheld` is what the claim policy said."""
    asked = {claim.type for claim in request.claims}
    stated = {claim.type for claim in shared}
    return {
        shorten(name): (
            "not asked for"
            if name not in asked
            else "it has none of the values asked for"
            if name in stated
            else "asked for, and nothing states it"
        )
        for name in withheld[:_COUNT]
    }
