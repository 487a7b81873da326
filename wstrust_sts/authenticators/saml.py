"""Assertions of our own: the target of a Validate, Renew or Cancel, or the credential whose key signed the message."""

from datetime import datetime, timedelta

from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import Authenticated, AuthenticationMethod, Realm
from wstrust_sts.ports import Keyring
from wstrust_sts.received_tokens import EndorsingAssertion, PresentedAssertion, ReceivedToken
from wstrust_sts.wire.saml import verify_assertion


class SamlAuthenticator:
    """Verifies an assertion that this realm issued. An `Authenticator`.

    It proves that the token is ours, unchanged and within its times, and, of a credential, that its key is the one that
    signed the message. Whether it was cancelled is the register's to say, and whose it is, too: `Authenticated.account`
    is None.
    """

    def __init__(self, keyring: Keyring, skew: timedelta) -> None:
        self._keyring = keyring
        self._skew = skew

    def accepts(self, token: ReceivedToken) -> bool:
        return isinstance(token, PresentedAssertion | EndorsingAssertion)

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """Raises InvalidSecurityToken."""
        presented = token.assertion if isinstance(token, EndorsingAssertion) else token
        if not isinstance(presented, PresentedAssertion):
            raise InvalidSecurityToken("not an assertion")
        verified = verify_assertion(
            presented.element,
            keys=self._keyring.verification_keys(realm.name),
            issuer=realm.issuer,
            now=now,
            skew=self._skew,
            overdue=presented.overdue,
        )
        if isinstance(token, EndorsingAssertion) and (token.token_id, token.key) != (
            verified.token_id,
            verified.public_key,
        ):
            raise InvalidSecurityToken("bound to another key than the one that signed the message")
        return Authenticated(account=None, method=AuthenticationMethod.UNSPECIFIED, instant=now, token=verified)
