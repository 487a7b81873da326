"""The stores that the service reads and writes."""

from dataclasses import dataclass

from wstrust_sts.ports import (
    Accounts,
    DelegationRules,
    IssuedTokens,
    Journal,
    Realms,
    RelyingParties,
    ReplayCache,
    SecurityContexts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """What is known of realms, people, relying parties and tokens, on every node the same. Thread-safe, all of them."""

    realms: Realms
    accounts: Accounts
    relying_parties: RelyingParties
    delegation_rules: DelegationRules
    issued_tokens: IssuedTokens
    contexts: SecurityContexts
    journal: Journal
    replay_cache: ReplayCache
