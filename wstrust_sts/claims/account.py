"""Claims that an account carries itself."""

from collections.abc import Iterable, Sequence

from wstrust_sts import ns
from wstrust_sts.model import Claim, Principal, RequestedClaim
from wstrust_sts.relying_parties import RelyingParty


class AccountClaims:
    """A ClaimSource: the account's claims as stored, and its name as the name claim where it has none.

    Groups are no claims: they become some only by a GroupRule, which reads them from the principal, so that releasing
    a role claim never releases the groups with it.
    """

    def claims_for(
        self, subject: Principal, relying_party: RelyingParty, wanted: Sequence[RequestedClaim]
    ) -> Iterable[Claim]:
        claims = subject.account.claims
        if any(claim.type == ns.CLAIM_NAME for claim in claims):
            return claims
        return (Claim(ns.CLAIM_NAME, (subject.name,)), *claims)
