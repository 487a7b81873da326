"""What a token of ours proves as a credential: the account that it is about, as that proved itself when it was issued.

The register has the last word here, as everywhere: the token in it, unchanged, in force with all that it was made from,
bound to the key that was proved, for this STS, and of an account that may still have tokens. A secret proves something
only where nobody but the account and this STS knows it: that of a relying party's token is for that one to check.
"""

import hmac
from datetime import datetime

from wstrust_sts.bookkeeping import secret_of, thumbprint_of
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.lineage import trace_lineage
from wstrust_sts.model import Authenticated, AuthenticationMethod, KeyType, Realm, VerifiedToken
from wstrust_sts.own_party import OwnAddresses
from wstrust_sts.ports import Accounts, IssuedTokens, Keyring, SecretBox
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import OWN_PARTY
from wstrust_sts.token_policy import demand_in_force, demand_usable


class TokenSecrets:
    """The secrets that tokens are bound to, by the register."""

    def __init__(self, issued_tokens: IssuedTokens, box: SecretBox) -> None:
        self._issued_tokens = issued_tokens
        self._box = box

    def find(self, realm: str, unverified_id: str) -> bytes | None:
        """None: there is no such token, or it is bound to none. It may have ended."""
        record = self._issued_tokens.find(realm, unverified_id)
        return None if record is None else secret_of(record, self._box)


class TokenCredentials:
    """Turns a verified token, whose key the requestor proved, into what that proves of the requestor."""

    def __init__(self, *, issued_tokens: IssuedTokens, accounts: Accounts, keyring: Keyring, own: OwnAddresses) -> None:
        self._issued_tokens = issued_tokens
        self._accounts = accounts
        self._keyring = keyring
        self._own = own

    def authenticate(self, token: VerifiedToken, *, realm: Realm, now: datetime) -> tuple[Authenticated, ...]:
        """One proof for each method by which the account proved itself, at the instant of that: a token shown is no
        new authentication. Raises InvalidSecurityToken.
        """
        record = self._recorded(token, realm)
        if record.requestor != record.account:
            raise InvalidSecurityToken("a token that somebody else was issued than its subject")
        if not any(self._own.include(audience, realm) for audience in token.audiences):
            raise InvalidSecurityToken("a token for somebody else than this STS")
        keys = [key.key_id for key in self._keyring.verification_keys(realm.name)]
        demand_in_force(trace_lineage(record, self._issued_tokens), key_ids=keys, now=now)
        account = demand_usable(self._accounts.find_by_id(record.realm, record.account), now=now)
        return tuple(
            Authenticated(
                account=account,
                method=AuthenticationMethod(method),
                instant=token.authentication_instant,
                token=token,
                until=token.expires_at,
                renewable=record.renewing_allowed,
            )
            for method in record.methods.split()
        )

    def _recorded(self, token: VerifiedToken, realm: Realm) -> TokenRecord:
        record = self._issued_tokens.find(realm.name, token.token_id)
        if record is None or not hmac.compare_digest(record.digest, token.digest):
            raise InvalidSecurityToken("not a token of the register")
        match KeyType(record.key_type):
            case KeyType.SYMMETRIC if token.public_key is None:
                if record.relying_party != OWN_PARTY:  # as of a security context (secure_conversation.py)
                    raise InvalidSecurityToken("bound to a secret that a relying party knows, too")
                return record
            case KeyType.PUBLIC if token.public_key is not None:
                if thumbprint_of(token.public_key) == record.key_thumbprint:
                    return record
        raise InvalidSecurityToken("a token that is not bound to the key that was proved")
