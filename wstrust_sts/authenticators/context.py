"""Security contexts as credentials: whoever signs with a context's key is whoever established the context."""

from datetime import datetime

from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Authenticated, AuthenticationMethod, Realm
from wstrust_sts.ports import Accounts, SecurityContexts
from wstrust_sts.received_tokens import PresentedContext, ReceivedToken


class ContextAuthenticator:
    """Says whose a proved context is. An `Authenticator`.

    The context stands for the authentication by which it was established, with its methods and instant, and no longer
    than the account may be used: that is read anew each time. As of a token, nothing that is got by it lives beyond it.
    """

    def __init__(self, accounts: Accounts, contexts: SecurityContexts) -> None:
        self._accounts = accounts
        self._contexts = contexts

    def accepts(self, token: ReceivedToken) -> bool:
        return isinstance(token, PresentedContext)

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """Raises FailedAuthentication."""
        if not isinstance(token, PresentedContext) or not token.proved:
            raise FailedAuthentication("a security context whose key did not verify the message")
        context = self._contexts.find(realm.name, token.identifier, token.instance)
        if context is None or context.expires_at <= now:
            raise FailedAuthentication("the security context has ended since its key verified the message")
        account = self._accounts.find_by_id(realm.name, context.account)
        if account is None:
            raise FailedAuthentication("the account of the security context does not exist any more")
        if not account.enabled:
            raise FailedAuthentication(f"account {account.name!r} is disabled")
        if account.expires_at is not None and account.expires_at <= now:
            raise FailedAuthentication(f"account {account.name!r} has expired")
        method, *further = context.methods or (AuthenticationMethod.UNSPECIFIED,)
        return Authenticated(
            account=account,
            method=method,
            instant=context.instant,
            until=context.expires_at,
            renewable=context.renewable,
            further_methods=tuple(further),
        )
