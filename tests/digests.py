"""PasswordDigest as clients make it, written from the UsernameToken Profile 1.1 alone."""

import base64
import hashlib
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.model import Account
from wstrust_sts.ports import SecretBox
from wstrust_sts.received_tokens import UsernamePassword
from wstrust_sts.wire.times import write_time


def digest_of(nonce: bytes, created: str, password: str) -> str:
    return base64.b64encode(hashlib.sha1(nonce + created.encode("utf-8") + password.encode("utf-8")).digest()).decode()


def digest_token(name: str, password: str, *, nonce: bytes, created: datetime, **changes) -> UsernamePassword:
    """As the wire layer hands it on, over TLS; `changes` are to its fields."""
    written = write_time(created)
    fields = {
        "username": name,
        "password": digest_of(nonce, written, password),
        "password_type": ns.PASSWORD_DIGEST,
        "nonce": nonce,
        "created": created,
        "created_text": written,
        "over_tls": True,
    }
    return UsernamePassword(**(fields | changes))


def sealed(account: Account, password: str, box: SecretBox) -> bytes:
    """`password` as the store keeps it for an account that allows digests."""
    return box.seal(password.encode(), purpose=account.digest_purpose)
