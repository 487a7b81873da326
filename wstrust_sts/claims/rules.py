"""What of the claims found one relying party is told: by its rules first, then by what was asked for.

Claim types and group names are compared exactly, character by character.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import Claim, Principal, RequestedClaim
from wstrust_sts.relying_parties import ClaimRule, ConstantRule, GroupRule, ReleaseRule, RelyingParty

ANY_GROUP = "*"


class RuleClaimPolicy:
    """A ClaimPolicy: nothing leaves without a rule of the relying party that names it."""

    def release(self, subject: Principal, relying_party: RelyingParty, found: Sequence[Claim]) -> tuple[Claim, ...]:
        """The outgoing claims, in the order in which the rules first state them.

        Rules that state the same name add to one claim; a value is stated once. A claim without values is not stated.
        """
        stated: dict[str, dict[str, None]] = {}  # name -> its values: dicts, because they keep the order
        friendly: dict[str, str] = {}
        for rule in relying_party.claim_rules:
            name, values = _state(rule, subject.account.groups, found)
            if values:
                stated.setdefault(name, {}).update(dict.fromkeys(values))
            if rule.friendly_name is not None:
                friendly.setdefault(name, rule.friendly_name)
        return tuple(Claim(name, tuple(values), friendly.get(name)) for name, values in stated.items())

    @staticmethod
    def satisfy(
        requested: Sequence[RequestedClaim], released: Sequence[Claim]
    ) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
        """Applies the Claims of a request to what the rules release: `(claims, withheld)`.

        `released` states each type once. Without a request all of it goes out. With one, only what it names, in the
        rules' order, and of a claim asked for with values only those values. Requests for one type add up: mandatory
        if one of them is, and restricted only if all of them are. `withheld` are the types asked for or released
        that do not go out.

        Raises InvalidRequest when a mandatory claim, or a value of one, cannot go out: the whole request is refused
        (WS-Trust 1.3 section 4.1).
        """
        wishes: dict[str, _Wish] = {}
        for request in requested:
            wishes.setdefault(request.type, _Wish()).add(request)
        if not wishes:
            return tuple(released), ()
        available = {claim.type: claim.values for claim in released}
        for name, wish in wishes.items():
            wish.check(name, available.get(name, ()))
        claims = tuple(
            replace(claim, values=values)
            for claim in released
            if claim.type in wishes and (values := wishes[claim.type].choose(claim.values))
        )
        told = {claim.type for claim in claims}
        return claims, tuple(name for name in {**wishes, **available} if name not in told)


def _state(rule: ClaimRule, groups: Sequence[str], found: Sequence[Claim]) -> tuple[str, Sequence[str]]:
    """What one rule says: a name and its values, none where the rule does not apply."""
    match rule:
        case ReleaseRule():
            values = [value for claim in found if claim.type == rule.claim for value in claim.values]
            return rule.claim if rule.name is None else rule.name, values
        case ConstantRule():
            return rule.name, rule.values
        case GroupRule():
            matching = groups if rule.group == ANY_GROUP else [group for group in groups if group == rule.group]
            return rule.name, (rule.values or [rule.prefix + group for group in matching]) if matching else ()


@dataclass(slots=True)
class _Wish:
    """What one request says about one claim type, all its mentions together."""

    mandatory: bool = False
    restricted: bool = True
    accepted: set[str] = field(default_factory=set)
    required: dict[str, None] = field(default_factory=dict)

    def add(self, request: RequestedClaim) -> None:
        self.restricted = self.restricted and bool(request.values)
        self.accepted.update(request.values)
        if not request.optional:
            self.mandatory = True
            self.required.update(dict.fromkeys(request.values))

    def check(self, name: str, values: Sequence[str]) -> None:
        if self.mandatory and not values:
            raise InvalidRequest(f"the mandatory claim {name!r} is unknown or not released to this relying party")
        if not self.required.keys() <= set(values):
            raise InvalidRequest(f"the mandatory claim {name!r} does not have a value that was asked for")

    def choose(self, values: Sequence[str]) -> tuple[str, ...]:
        return tuple(value for value in values if not self.restricted or value in self.accepted)
