"""PasswordDigest (UsernameToken Profile 1.1 section 3.1): Base64(SHA-1(nonce + created + password)).

It proves a password without sending it, but only to a server that keeps the password itself; so an account must allow
it, and its password is stored sealed. SHA-1 is the profile's; what it is asked for here, that nobody finds a digest
without the password, it still gives.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode

from wstrust_sts.errors import FailedAuthentication, RequestFailed
from wstrust_sts.model import Account
from wstrust_sts.ports import SecretBox
from wstrust_sts.received_tokens import UsernamePassword


def verify_digest(token: UsernamePassword, account: Account, *, box: SecretBox) -> None:
    """Returns when the token's digest is one of the account's password. Freshness and replay are the caller's.

    Nonce, decoded, and Created, as written, are both required: without them a digest could be sent again for ever.
    Raises FailedAuthentication.
    """
    if account.sealed_digest_password is None:
        raise FailedAuthentication(f"account {account.name!r} does not allow digests")
    if not token.nonce or token.created is None:
        raise FailedAuthentication(f"account {account.name!r}: a digest without Nonce and Created")
    try:
        password = box.open(account.sealed_digest_password, purpose=account.digest_purpose)
    except RequestFailed as failure:  # not to be told: it would show that such an account exists
        raise FailedAuthentication(f"account {account.name!r}: {failure.detail}") from None
    # SHA-1 by the profile; it protects a secret here, not a signature.
    expected = hashlib.sha1(token.nonce + token.created_text.encode() + password, usedforsecurity=False).digest()
    if not hmac.compare_digest(_octets_of(token.password), expected):
        raise FailedAuthentication(f"account {account.name!r}: wrong digest")


def _octets_of(unverified_digest: str) -> bytes:
    """The decoded digest; empty for what is not base64, which no digest is."""
    try:
        return b64decode("".join(unverified_digest.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
