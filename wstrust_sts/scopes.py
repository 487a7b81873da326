"""Which relying party a request is about: what AppliesTo means, and what a token's audiences still mean."""

from wstrust_sts.bookkeeping import Asked
from wstrust_sts.context_policy import asks_for_context
from wstrust_sts.errors import InvalidScope, InvalidSecurityToken
from wstrust_sts.model import AppliesTo, VerifiedToken
from wstrust_sts.ports import RelyingParties
from wstrust_sts.reasons import shorten
from wstrust_sts.relying_parties import OWN_PARTY, RelyingParty, RelyingPartyMatch


class Scopes:
    """The registered relying parties, by what requests and tokens say of them. Thread-safe."""

    def __init__(self, relying_parties: RelyingParties) -> None:
        self._relying_parties = relying_parties

    def of_request(self, asked: Asked) -> RelyingPartyMatch:
        """The one that AppliesTo names, or that the endpoint has for requests without it. Raises InvalidScope."""
        request = asked.request
        if request.applies_to is not None:
            return self.at(request.applies_to.address, asked)
        endpoint = asked.at.endpoint
        own = self._relying_parties.get(asked.realm.name, OWN_PARTY) if asks_for_context(request) else None
        if own is not None:
            return RelyingPartyMatch(own, own.audiences[0])
        if "no-applies-to" not in endpoint.tolerances or endpoint.default_relying_party is None:
            raise InvalidScope("no AppliesTo, and the endpoint has no relying party for such requests")
        party = self._relying_parties.get(asked.realm.name, endpoint.default_relying_party)
        if party is None or not party.enabled:
            raise InvalidScope(f"the endpoint's default relying party {endpoint.default_relying_party} does not exist")
        return RelyingPartyMatch(party, party.applies_to[0].address if party.applies_to else party.name)

    def at(self, address: str, asked: Asked) -> RelyingPartyMatch:
        """The one that has this address. Raises InvalidScope."""
        match = self._relying_parties.find(asked.realm.name, address)
        if match is None:
            raise InvalidScope(f"no relying party is registered for {shorten(address)!r}")
        return match

    def other_than(self, asked: Asked, party: RelyingParty) -> RelyingPartyMatch | None:
        """Another relying party than that of the target, if AppliesTo means one."""
        scope = asked.request.applies_to
        match = None if scope is None else self._relying_parties.find(asked.realm.name, scope.address)
        return None if match is None or match.relying_party.name == party.name else match

    def of_original(
        self, asked: Asked, scope: AppliesTo | None, party: RelyingParty, audiences: tuple[str, ...]
    ) -> RelyingPartyMatch:
        """The relying party of a token with these audiences. An AppliesTo must mean the same one, by an audience that
        the token has: a token for another would be one on somebody's behalf, and needs a rule that allows it.
        """
        if scope is None:
            return RelyingPartyMatch(party, audiences[0])
        match = self.at(scope.address, asked)
        if match.relying_party.name != party.name:
            raise InvalidScope(f"AppliesTo {match.address} belongs to {match.relying_party.name}")
        if not set(audiences) & set(party.audiences or (match.address,)):
            raise InvalidScope(f"the token is not for {match.address}")
        return match

    def kept_audiences(self, asked: Asked, verified: VerifiedToken, party: RelyingParty) -> tuple[str, ...]:
        """Those of a token that are its relying party's today; participants get nothing by transformation."""

        def belongs(audience: str) -> bool:
            match = self._relying_parties.find(asked.realm.name, audience)
            return audience in party.audiences or (match is not None and match.relying_party.name == party.name)

        audiences = tuple(audience for audience in verified.audiences if belongs(audience))
        if not party.enabled or not audiences:
            raise InvalidSecurityToken("its relying party is disabled, or has none of its audiences any more")
        return audiences
