"""From a subject and a relying party to a signed token: claims, decision, and the provider that writes its type."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wstrust_sts.bookkeeping import Asked
from wstrust_sts.claim_collection import ClaimCollection
from wstrust_sts.delegation import Delegation
from wstrust_sts.errors import BadRequest
from wstrust_sts.model import IssuedToken, Principal, TokenType
from wstrust_sts.policy import IssueQuestion, Original, Renewed, authorize_issue
from wstrust_sts.ports import Keyring, TokenProvider
from wstrust_sts.relying_parties import RelyingPartyMatch


class TokenFactory:
    """Makes every token. Thread-safe. Raises ValueError: two providers for one type of token."""

    def __init__(self, providers: Iterable[TokenProvider], claims: ClaimCollection, keyring: Keyring) -> None:
        self._providers: dict[TokenType, TokenProvider] = {}
        for provider in providers:
            for token_type in provider.token_types:
                if token_type in self._providers:
                    raise ValueError(f"two providers for {token_type.value} tokens; enable one of them")
                self._providers[token_type] = provider
        self._claims = claims
        self._keyring = keyring

    def make(
        self,
        asked: Asked,
        *,
        subject: Principal,
        match: RelyingPartyMatch,
        participants: Sequence[RelyingPartyMatch] = (),
        original: Original | None = None,
        renewed: Renewed | None = None,
        delegation: Delegation | None = None,
    ) -> IssuedToken:
        """A signed token about `subject`: its claims collected, the decision taken, and both among the findings."""
        rule = None if delegation is None else delegation.rule
        if delegation is not None:
            reasons = (*asked.findings.decision.reasons, delegation.reason)
            asked.findings.decision = replace(asked.findings.decision, reasons=reasons)
        claims = self._claims.collect(asked, subject=subject, match=match, participants=participants, rule=rule)
        descriptor = authorize_issue(
            IssueQuestion(
                request=asked.request,
                message=asked.message,
                principal=subject,
                realm=asked.realm,
                endpoint=asked.at.endpoint,
                match=match,
                participants=tuple(participants),
                claims=claims,
                findings=asked.findings.decision,
                now=asked.at.now,
                original=original,
                renewed=renewed,
                delegated=None if delegation is None else delegation.basis,
            )
        )
        provider = self._providers.get(descriptor.token_type)
        if provider is None:
            raise BadRequest(f"{descriptor.token_type.value} tokens, which the configuration does not enable")
        issued = provider.issue(descriptor, self._keyring.signer(asked.realm.name))
        asked.findings.token_id = descriptor.token_id
        asked.findings.decision = descriptor.decision
        return issued
