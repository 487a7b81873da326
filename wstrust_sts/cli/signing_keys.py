"""Making a realm's keys, and what there is to know of them."""

from collections.abc import Iterable
from datetime import datetime

from wstrust_sts.cli.opening import Deployment, now
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord

DEFAULT_ALGORITHM = "rsa-2048"


def active_key(deployment: Deployment, realm: str, use: KeyUse) -> SigningKeyRecord | None:
    return key_in_state(deployment, realm, use, KeyState.ACTIVE)


def keys_of(deployment: Deployment, realm: str, use: KeyUse) -> list[SigningKeyRecord]:
    """Those of one use that are not retired, oldest first."""
    return [key for key in deployment.stores.signing_keys.list(realm) if key.use is use]


def key_in_state(deployment: Deployment, realm: str, use: KeyUse, state: KeyState) -> SigningKeyRecord | None:
    """The oldest key of the realm and the use in that state."""
    return next((key for key in keys_of(deployment, realm, use) if key.state is state), None)


def needed_until(deployment: Deployment, key: SigningKeyRecord) -> datetime | None:
    """When the last token in force that the key signed expires; None: there is none, or it signs no tokens."""
    if key.use is not KeyUse.TOKEN:
        return None
    return deployment.stores.issued_tokens.last_expiry(key.realm, key.id, now=now())


def add_key(
    deployment: Deployment, realm: str, use: KeyUse, *, algorithm: str, state: KeyState = KeyState.ACTIVE
) -> SigningKeyRecord:
    """A new key, named by the realm's issuer. Raises ValueError for an algorithm that is none of this use."""
    from wstrust_sts.keys import make_signing_key

    issuer = next(row.issuer for row in deployment.stores.administration.realms() if row.name == realm)
    key = make_signing_key(realm, algorithm=algorithm, name=issuer, now=now(), box=deployment.box, use=use, state=state)
    deployment.stores.administration.add_signing_key(key)
    return key


def add_first_keys(deployment: Deployment, realms: Iterable[str]) -> list[SigningKeyRecord]:
    """Gives each realm that cannot sign tokens its first key of every use; returns them."""
    keyless = [realm for realm in realms if active_key(deployment, realm, KeyUse.TOKEN) is None]
    return [key for realm in keyless for key in add_missing_keys(deployment, realm)]


def add_missing_keys(deployment: Deployment, realm: str) -> list[SigningKeyRecord]:
    """Gives the realm a key of every use of which it has no active one; returns them."""
    missing = [use for use in KeyUse if active_key(deployment, realm, use) is None]
    return [add_key(deployment, realm, use, algorithm=DEFAULT_ALGORITHM) for use in missing]
