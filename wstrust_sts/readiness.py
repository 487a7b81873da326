"""What keeps an STS from serving its endpoints, found in one way for `/readyz` and for `wstrust-sts check`."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from wstrust_sts.errors import Busy, StsError
from wstrust_sts.ports import Keyring, Realms


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why nothing is issued, at some endpoint or at all.

    `sentence` is a constant that anybody may read; `where`, `what` and `fix` are for operators.
    """

    sentence: str
    where: str
    what: str
    fix: str


def find_obstacles(
    names: Iterable[str], *, realms: Realms, keyring: Keyring, message_realms: Collection[str] = ()
) -> Iterator[Obstacle]:
    """Every obstacle to issuing in the realms `names`, of which `message_realms` have endpoints with message security.

    Where the database is away nothing more can be found.
    """
    try:
        for name in sorted(set(names)):
            yield from _obstacles_of(name, realms, keyring)
            if name in message_realms:
                yield from _message_obstacles_of(name, keyring)
    except Busy as away:
        yield Obstacle("The database cannot be reached.", "database", away.detail, "start it, or correct database.url")


def _obstacles_of(name: str, realms: Realms, keyring: Keyring) -> Iterator[Obstacle]:
    """Raises Busy."""
    try:
        if realms.get(name) is None:
            yield Obstacle(
                "A realm that an endpoint names does not exist; run `wstrust-sts check`.",
                f"realm {name}",
                f'there is no realm "{name}"',
                "correct the endpoint's realm, or declare it: wstrust-sts apply",
            )
            return
        keyring.signer(name)
    except Busy:
        raise
    except StsError as failure:
        yield Obstacle(
            "There is no usable signing key; run `wstrust-sts check`.",
            f"realm {name}",
            failure.detail,
            f"if it has none: wstrust-sts key create --realm {name}; "
            "if it does not open: use the key-encryption key that the database was made with",
        )


def _message_obstacles_of(name: str, keyring: Keyring) -> Iterator[Obstacle]:
    """Raises Busy."""
    try:
        keyring.message_signer(name)
    except Busy:
        raise
    except StsError as failure:
        yield Obstacle(
            "There is no usable message key; run `wstrust-sts check`.",
            f"realm {name}",
            failure.detail,
            f"if it has none: wstrust-sts key create --use message --realm {name}; "
            "if it does not open: use the key-encryption key that the database was made with",
        )
