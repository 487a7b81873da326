"""The UsernameToken with a password or its digest (UsernameToken Profile 1.1): it proves an account of the realm.

Every refusal of a credential is FailedAuthentication, with one text and after one amount of work, whether the user is
unknown, the password wrong or the account locked; only the operator's detail tells them apart. An unknown name
never enters that detail: people type passwords into the wrong field.
"""

import hashlib
from datetime import datetime, timedelta

from wstrust_sts import ns
from wstrust_sts.authenticators.digests import verify_digest
from wstrust_sts.authenticators.lockout import Gate
from wstrust_sts.authenticators.passwords import PasswordChecker
from wstrust_sts.errors import FailedAuthentication, MessageExpired
from wstrust_sts.model import Account, Authenticated, AuthenticationMethod, Realm
from wstrust_sts.ports import Accounts, ReplayCache, SecretBox
from wstrust_sts.received_tokens import ReceivedToken, UsernamePassword


class UsernameAuthenticator:
    """Verifies PasswordText, and PasswordDigest for accounts that allow it. Whatever else is a wrong password.

    `nonce_window` is how long after its Created a token is accepted, with `skew` more on either side for clocks that
    disagree (the profile's section 3 recommends five minutes). A nonce is remembered for as long as the youngest
    acceptable Created could live; a token with neither Nonce nor Created is protected from replay by its message.
    Without a `gate`, credentials may be tried without end.
    """

    def __init__(
        self,
        accounts: Accounts,
        replay: ReplayCache,
        checker: PasswordChecker,
        box: SecretBox,
        *,
        skew: timedelta = timedelta(minutes=5),
        nonce_window: timedelta = timedelta(minutes=5),
        gate: Gate | None = None,
    ) -> None:
        self._accounts = accounts
        self._replay = replay
        self._checker = checker
        self._box = box
        self._skew = skew
        self._nonce_window = nonce_window
        self._gate = gate

    def accepts(self, token: ReceivedToken) -> bool:
        return isinstance(token, UsernamePassword)

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """The account of `realm` that the token names, whose password it proves.

        Raises FailedAuthentication; MessageExpired for a stale or future Created, before any account is looked at;
        Busy.
        """
        if not isinstance(token, UsernamePassword):
            raise FailedAuthentication("not a UsernameToken")
        self._check_freshness(token, now=now)
        attempt = None if self._gate is None else self._gate.admit(realm, token.username, token.source, now=now)
        try:
            account = self._proven_account(token, realm=realm, now=now)
            self._spend_nonce(token, account, now=now)
        except FailedAuthentication:
            if attempt is not None:
                attempt.failed()
            raise
        if attempt is not None:
            attempt.proved()
        return Authenticated(account=account, method=_METHODS[token.password_type, token.over_tls], instant=now)

    def _check_freshness(self, token: UsernamePassword, *, now: datetime) -> None:
        if token.created is None:
            return
        if token.created > now + self._skew:
            raise MessageExpired("the UsernameToken was created in the future")
        if token.created <= now - self._nonce_window - self._skew:
            raise MessageExpired("the UsernameToken was created too long ago")

    def _proven_account(self, token: UsernamePassword, *, realm: Realm, now: datetime) -> Account:
        account = self._accounts.find(realm.name, token.username)
        # A barred account's password is never compared: right or wrong, it must not show, in the time either.
        if account is None:
            self._checker.refuse(token.password, reason="unknown user")
        if not account.enabled:
            self._checker.refuse(token.password, reason=f"account {account.name!r} is disabled")
        if account.expires_at is not None and account.expires_at <= now:
            self._checker.refuse(token.password, reason=f"account {account.name!r} has expired")
        if token.password_type == ns.PASSWORD_TEXT:
            self._checker.verify(account, token.password, now=now)
            return account
        if token.password_type != ns.PASSWORD_DIGEST:
            self._checker.refuse(token.password, reason=f"account {account.name!r}: an unknown password type")
        # A wrong digest costs the hash that any other refusal costs, though checking it took none.
        try:
            verify_digest(token, account, box=self._box)
        except FailedAuthentication as failure:
            self._checker.refuse(token.password, reason=failure.detail)
        return account

    def _spend_nonce(self, token: UsernamePassword, account: Account, *, now: datetime) -> None:
        """Refuses a nonce that the account has used before.

        It is remembered only once the password is proved, and per account: nobody else can fill the memory or use
        up a nonce that is not theirs. Created is left out: the same nonce under a new date is a replay, too.
        """
        if token.nonce is None:
            return
        owner = account.id.encode()
        digest = hashlib.sha256(b"UsernameToken nonce %d:%b%b" % (len(owner), owner, token.nonce)).digest()
        keep = self._nonce_window + 2 * self._skew
        if self._replay.remember(account.realm, digest, now=now, keep=keep):
            return
        reason = f"account {account.name!r}: the nonce was used before"
        if token.password_type == ns.PASSWORD_TEXT:
            raise FailedAuthentication(reason)
        # Who replays a digest need not know the password, and must not learn from the time that it was right.
        self._checker.refuse(token.password, reason=reason)


_METHODS = {
    (ns.PASSWORD_TEXT, False): AuthenticationMethod.PASSWORD,
    (ns.PASSWORD_TEXT, True): AuthenticationMethod.PASSWORD_OVER_TLS,
    (ns.PASSWORD_DIGEST, False): AuthenticationMethod.PASSWORD_DIGEST,
    (ns.PASSWORD_DIGEST, True): AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS,
}
