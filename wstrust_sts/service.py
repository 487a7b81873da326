"""SecurityTokenService: issue, validate, renew and cancel, whatever face a request entered by.

The phases every operation shares (authenticate, find the relying party, decide, record, audit) are joined here, so
that no plug-in can forget one. No XML, no SQL and no plug-in is known to this module.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from wstrust_sts.bookkeeping import Asked, Findings, entries_of, event_of
from wstrust_sts.claim_collection import ClaimCollection
from wstrust_sts.context_operations import ContextOperations
from wstrust_sts.delegation import DelegatedSubjects
from wstrust_sts.errors import RequestFailed, StsError
from wstrust_sts.identification import Identification
from wstrust_sts.model import (
    Circumstances,
    Decision,
    Operation,
    Outcome,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    VerifiedMessage,
)
from wstrust_sts.policy import demand_supported
from wstrust_sts.ports import Authenticator, ClaimPolicy, ClaimSource, Keyring, SecretBox, TokenProvider
from wstrust_sts.reasons import describe_match
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.registered_tokens import RegisteredTokens
from wstrust_sts.registers import Registers
from wstrust_sts.renewal import RenewalTerms
from wstrust_sts.scopes import Scopes
from wstrust_sts.token_credentials import TokenCredentials
from wstrust_sts.token_factory import TokenFactory
from wstrust_sts.token_operations import TokenOperations
from wstrust_sts.verdicts import Verdict


class SecurityTokenService:
    """The engine behind every face. Thread-safe: it holds its plug-ins and no state of a request."""

    def __init__(
        self,
        *,
        registers: Registers,
        keyring: Keyring,
        authenticators: Sequence[Authenticator],
        providers: Sequence[TokenProvider],
        claim_sources: Sequence[ClaimSource],
        claim_policy: ClaimPolicy,
        message_window: timedelta,
        renewal: RenewalTerms,
        box: SecretBox,
    ) -> None:
        """`message_window`: for how long a signed message is fresh, and so its replay has to be known.

        `box` seals the keys that tokens are bound to.
        """
        self._realms = registers.realms
        self._journal = registers.journal
        self._keyring = keyring
        self._box = box
        credentials = TokenCredentials(
            issued_tokens=registers.issued_tokens, accounts=registers.accounts, keyring=keyring, own=renewal.own
        )
        self._identification = Identification(authenticators, registers.replay_cache, message_window, credentials)
        self._scopes = Scopes(registers.relying_parties)
        self._factory = TokenFactory(providers, ClaimCollection(claim_sources, claim_policy), keyring)
        tokens = RegisteredTokens(registers.issued_tokens, self._identification)
        self._delegated = DelegatedSubjects(
            rules=registers.delegation_rules,
            issued_tokens=registers.issued_tokens,
            accounts=registers.accounts,
            relying_parties=registers.relying_parties,
            keyring=keyring,
            own=renewal.own,
            recorded=tokens.shown,
        )
        scopes, factory, delegated = self._scopes, self._factory, self._delegated
        self._on_tokens: Mapping[Operation, Callable[[Asked], Verdict]] = {
            Operation.ISSUE: self._issue,
            **TokenOperations(
                registers=registers,
                tokens=tokens,
                scopes=scopes,
                factory=factory,
                delegated=delegated,
                keyring=keyring,
                renewal=renewal,
                box=box,
            ).by_name,
        }
        self._on_contexts = ContextOperations(
            registers=registers, scopes=scopes, factory=factory, renewal=renewal, box=box
        ).by_name

    def perform(self, request: RequestSecurityToken, message: VerifiedMessage, *, at: Circumstances) -> Outcome:
        """Carries out `request` for whoever `message` proves to be asking.

        Raises StsError for a refusal before authentication, which is not stored; every later refusal comes back
        as an `Outcome` with its audit event on the way to the database.
        """
        realm = self._realms.get(at.endpoint.realm)
        if realm is None:
            raise RequestFailed(f"the realm {at.endpoint.realm} does not exist; create it with `wstrust-sts apply`")
        principal = self._identification.identify(message, realm, at)
        seen = self._identification.sighting_of(message, realm, at)
        asked = Asked(request, message, principal, realm, at, Findings())
        try:
            demand_supported(
                request, issuer=realm.issuer, signature_algorithm=self._keyring.signer(realm.name).algorithm
            )
            operations = self._on_contexts if isinstance(request.target, PresentedContext) else self._on_tokens
            verdict = operations[request.operation](asked)
        except StsError as refusal:
            event = event_of(asked, outcome=f"refused {refusal.code}", refused=refusal.detail)
            return Outcome(
                fault=refusal,
                durable=self._journal.write(*seen, event),
                requestor=principal.name,
                relying_party=asked.findings.relying_party,
            )
        except Exception:
            self._journal.write(*seen, event_of(asked, outcome="failed", refused="an unexpected failure"))
            raise
        return Outcome(
            response=verdict.response,
            durable=self._journal.write(*seen, *verdict.entries, event_of(asked, outcome=verdict.outcome)),
            requestor=principal.name,
            relying_party=asked.findings.relying_party,
            result=verdict.outcome,
        )

    def _issue(self, asked: Asked) -> Verdict:
        request = asked.request
        match = self._scopes.of_request(asked)
        asked.findings.relying_party = match.relying_party.name
        asked.findings.decision = Decision(reasons=(describe_match(request, match),))
        participants = tuple(self._scopes.at(address, asked) for address in request.participants)
        delegation = self._delegated.settle(asked, (match, *participants))
        subject = asked.principal if delegation is None else delegation.subject
        issued = self._factory.make(
            asked, subject=subject, match=match, participants=participants, delegation=delegation
        )
        return Verdict(
            response=RequestSecurityTokenResponse(request=request, issued=issued),
            outcome="issued",
            entries=entries_of(issued, subject=subject, asked=asked, box=self._box),
        )
