"""Security contexts (WS-SecureConversation 1.3 and 2005/02): a secret that a requestor and the STS share for a while,
and whose authentication it stands for.
"""

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from wstrust_sts.model import AuthenticationMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """One key of a context. A renewed context keeps its `identifier` and has another `instance`; the first has none.

    `account` is the id of the one that proved itself by `methods` at `instant`; `relying_party` is the name of the one
    that the context is shared with, which may be the STS itself. The key counts from `created` until
    `expires_at`; after a renewal, until the end of the grace. `renewable`: whether there may be such a renewal.
    """

    identifier: str
    instance: str | None
    realm: str
    account: str
    relying_party: str
    methods: tuple[AuthenticationMethod, ...]
    instant: datetime
    created: datetime
    expires_at: datetime
    renewable: bool
    secret: bytes = field(repr=False)


def new_identifier() -> str:
    """The name of a context, or of a further key of one: 128 random bits, which nobody guesses."""
    return uuid.UUID(bytes=secrets.token_bytes(16)).urn


def secret_purpose(realm: str, identifier: str, instance: str | None) -> str:
    """What the secret is sealed for: that of no other key of any context opens here."""
    return f"security-context:{realm}:{identifier}:{instance or ''}"
