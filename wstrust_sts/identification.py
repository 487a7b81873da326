"""Who is asking: one Principal of all that a message's credentials prove, and of nothing else."""

from collections.abc import Sequence
from datetime import timedelta

from wstrust_sts.errors import (
    FailedAuthentication,
    InvalidHeaderToken,
    InvalidSecurity,
    InvalidSecurityToken,
    UnsupportedSecurityToken,
)
from wstrust_sts.model import Authenticated, Circumstances, Evidence, Principal, Realm, VerifiedMessage
from wstrust_sts.ports import Authenticator, ReplayCache
from wstrust_sts.received_tokens import EndorsingAssertion, ReceivedToken
from wstrust_sts.records import MessageSeen
from wstrust_sts.token_credentials import TokenCredentials


class Identification:
    """The one door for every credential and every presented token. Thread-safe.

    `message_window`: for how long a signed message is fresh, and so its replay has to be known.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        replay_cache: ReplayCache,
        message_window: timedelta,
        tokens: TokenCredentials,
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._replay_cache = replay_cache
        self._message_window = message_window
        self._tokens = tokens

    def identify(self, message: VerifiedMessage, realm: Realm, at: Circumstances) -> Principal:
        """One Principal of all that the message's credentials prove. Raises on none, or on a contradiction."""
        evidence = Evidence(tuple(proof for token in message.credentials for proof in self._prove(token, realm, at)))
        accounts = {proof.account.id: proof.account for proof in evidence.authenticated if proof.account is not None}
        if len(accounts) != 1 or any(proof.account is None for proof in evidence.authenticated):
            raise InvalidSecurity("the credentials do not prove exactly one account")
        (account,) = accounts.values()
        token = next((proof.token for proof in evidence.authenticated if proof.token is not None), None)
        return Principal(
            realm=realm.name,
            account=account,
            methods=tuple(
                method for proof in evidence.authenticated for method in (proof.method, *proof.further_methods)
            ),
            instant=min(proof.instant for proof in evidence.authenticated),
            token=token,
            until=min((proof.until for proof in evidence.authenticated if proof.until is not None), default=None),
            renewable=all(proof.renewable for proof in evidence.authenticated),
            source=at.source,
        )

    def _prove(self, token: ReceivedToken, realm: Realm, at: Circumstances) -> Sequence[Authenticated]:
        """What one credential proves. A token of ours is one only where its key signed the message.

        Raises InvalidHeaderToken, and what an authenticator does.
        """
        if not isinstance(token, EndorsingAssertion):
            return (self.authenticate(token, realm, at),)
        try:
            proof = self.authenticate(token, realm, at)
            if proof.token is None:
                raise InvalidSecurityToken("not a token of ours")
            return self._tokens.authenticate(proof.token, realm=realm, now=at.now)
        except InvalidSecurityToken as refusal:
            raise InvalidHeaderToken(f"as a credential: {refusal.detail}") from None

    def sighting_of(self, message: VerifiedMessage, realm: Realm, at: Circumstances) -> tuple[MessageSeen, ...]:
        """What is stored with all that comes of a signed message, since it counts once; nothing for another message.

        Only who is authenticated gets this far, and so fills the cache. Where the endpoint tolerates it, a message may
        come again that came first to that endpoint itself. Raises FailedAuthentication: the replay of what this node
        has seen; what another node has seen is refused when this is stored.
        """
        digest = message.signature_digest
        if digest is None:
            return ()
        place = at.endpoint.path if "repeated-signature" in at.endpoint.tolerances else ""
        if self._replay_cache.knows(realm.name, digest, now=at.now, repeatable_at=place):
            raise FailedAuthentication("this very message was here before: a replay")
        until = at.now + self._message_window
        return (MessageSeen(realm=realm.name, digest=digest, at=at.now, until=until, repeatable_at=place),)

    def authenticate(self, token: ReceivedToken, realm: Realm, at: Circumstances) -> Authenticated:
        """The one door for every presented token: exactly one authenticator accepts it, and its word is final."""
        accepting = [authenticator for authenticator in self._authenticators if authenticator.accepts(token)]
        if not accepting:
            raise UnsupportedSecurityToken(f"no authenticator for {type(token).__name__}")
        if len(accepting) > 1:
            raise InvalidHeaderToken(f"{len(accepting)} authenticators for {type(token).__name__}; enable one of them")
        return accepting[0].authenticate(token, realm=realm, now=at.now)
