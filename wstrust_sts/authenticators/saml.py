"""Assertions of our own as credentials: the target of a Validate, Renew or Cancel, and later a token for a token."""

from datetime import datetime, timedelta

from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import Authenticated, AuthenticationMethod, PresentedAssertion, Realm, ReceivedToken
from wstrust_sts.ports import Keyring
from wstrust_sts.wire.saml import verify_assertion


class SamlAuthenticator:
    """Verifies an assertion that this realm issued. An `Authenticator`.

    It proves that the token is ours, unchanged and within its times; whether it was cancelled is the
    register's to say, and whose it is, too: `Authenticated.account` is None.
    """

    def __init__(self, keyring: Keyring, skew: timedelta) -> None:
        self._keyring = keyring
        self._skew = skew

    def accepts(self, token: ReceivedToken) -> bool:
        return isinstance(token, PresentedAssertion)

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """Raises InvalidSecurityToken."""
        if not isinstance(token, PresentedAssertion):
            raise InvalidSecurityToken("not an assertion")
        verified = verify_assertion(
            token.element,
            keys=self._keyring.verification_keys(realm.name),
            issuer=realm.issuer,
            now=now,
            skew=self._skew,
            overdue=token.overdue,
        )
        return Authenticated(account=None, method=AuthenticationMethod.UNSPECIFIED, instant=now, token=verified)
