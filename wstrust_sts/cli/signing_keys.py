"""Making a realm's signing keys, and what there is to know of them."""

from collections.abc import Iterable
from datetime import datetime

from wstrust_sts.cli.opening import Deployment, now
from wstrust_sts.records import KeyState, SigningKeyRecord

DEFAULT_ALGORITHM = "rsa-2048"


def active_key(deployment: Deployment, realm: str) -> SigningKeyRecord | None:
    return key_in_state(deployment, realm, KeyState.ACTIVE)


def key_in_state(deployment: Deployment, realm: str, state: KeyState) -> SigningKeyRecord | None:
    """The oldest key of the realm in that state."""
    return next((key for key in deployment.stores.signing_keys.list(realm) if key.state is state), None)


def needed_until(deployment: Deployment, key: SigningKeyRecord) -> datetime | None:
    """When the last token in force that the key signed expires; None: there is none."""
    return deployment.stores.issued_tokens.last_expiry(key.realm, key.id, now=now())


def add_signing_key(
    deployment: Deployment, realm: str, *, algorithm: str, state: KeyState = KeyState.ACTIVE
) -> SigningKeyRecord:
    """A new key, named by the realm's issuer. Raises ValueError for an unknown algorithm."""
    from wstrust_sts.keys import make_signing_key

    issuer = next(row.issuer for row in deployment.stores.administration.realms() if row.name == realm)
    key = make_signing_key(realm, algorithm=algorithm, name=issuer, now=now(), box=deployment.box, state=state)
    deployment.stores.administration.add_signing_key(key)
    return key


def add_missing_keys(deployment: Deployment, realms: Iterable[str]) -> list[str]:
    """Gives each realm that has no active key its first one; returns which."""
    keyless = [realm for realm in realms if active_key(deployment, realm) is None]
    for realm in keyless:
        add_signing_key(deployment, realm, algorithm=DEFAULT_ALGORITHM)
    return keyless
