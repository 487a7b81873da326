"""Making a realm's signing key."""

from collections.abc import Iterable

from wstrust_sts.cli.opening import Deployment, now
from wstrust_sts.records import KeyState, SigningKeyRecord

DEFAULT_ALGORITHM = "rsa-2048"


def active_key(deployment: Deployment, realm: str) -> SigningKeyRecord | None:
    keys = deployment.stores.signing_keys.list(realm)
    return next((key for key in keys if key.state is KeyState.ACTIVE), None)


def add_signing_key(deployment: Deployment, realm: str, *, algorithm: str) -> SigningKeyRecord:
    """A new active key, named by the realm's issuer. Raises ValueError for an unknown algorithm."""
    from wstrust_sts.keys import make_signing_key

    issuer = next(row.issuer for row in deployment.stores.administration.realms() if row.name == realm)
    key = make_signing_key(realm, algorithm=algorithm, name=issuer, now=now(), box=deployment.box)
    deployment.stores.administration.add_signing_key(key)
    return key


def add_missing_keys(deployment: Deployment, realms: Iterable[str]) -> list[str]:
    """Gives each realm that has no active key its first one; returns which."""
    keyless = [realm for realm in realms if active_key(deployment, realm) is None]
    for realm in keyless:
        add_signing_key(deployment, realm, algorithm=DEFAULT_ALGORITHM)
    return keyless
