"""How a command finds sts.toml, and what stands behind it: the configuration, the key box, the stores."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from wstrust_sts.cli.output import Refusal, json_option
from wstrust_sts.config import Config, load_config, read_key_encryption_key
from wstrust_sts.ports import Administration, SecretBox
from wstrust_sts.relying_parties import RelyingParty

if TYPE_CHECKING:
    from wstrust_sts.storage.stores import Stores

Function = TypeVar("Function", bound=Callable[..., object])


def now() -> datetime:
    """The time, for commands."""
    return datetime.now(UTC)


def config_option(function: Function) -> Function:
    """--config, resolved to a file that exists."""
    return click.option(
        "--config",
        "config_file",
        metavar="FILE",
        callback=_find_config,
        help="sts.toml. [default: $WSTRUST_STS_CONFIG, else ./sts.toml]",
    )(function)


realm_option = click.option(
    "--realm", default="default", show_default=True, help="The realm, that is, the issuer it belongs to."
)


def named_options(function: Function) -> Function:
    """NAME, --realm and --config: one thing of a realm."""
    return click.argument("name")(realm_option(config_option(function)))


def listing_options(function: Function) -> Function:
    """--realm, --json and --config: all things of a realm."""
    return realm_option(json_option(config_option(function)))


def _find_config(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Path:
    named = value or os.environ.get("WSTRUST_STS_CONFIG")
    path = Path(named or "sts.toml")
    if path.is_dir():
        path = path / "sts.toml"
    if not path.exists():
        source = str(path) if named else "./sts.toml"
        raise Refusal(f"There is no {source}. Name the file with --config, or make one: wstrust-sts init DIR")
    return path


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a command works on."""

    config: Config
    box: SecretBox
    stores: "Stores"


@contextmanager
def opened(config_file: Path) -> Iterator[Deployment]:
    """The deployment of one sts.toml, closed at the end. Raises ConfigurationError, UnusableDatabase."""
    from wstrust_sts.keys import AesGcmSecretBox
    from wstrust_sts.storage.database import open_database
    from wstrust_sts.storage.stores import open_stores

    config = load_config(config_file)
    box = AesGcmSecretBox(read_key_encryption_key(config))
    database = open_database(config.database.url)
    try:
        stores = open_stores(database, box)
        try:
            yield Deployment(config, box, stores)
        finally:
            stores.close()
    finally:
        database.close()


def require_realm(deployment: Deployment, name: str) -> None:
    """Raises Refusal, naming the realms there are."""
    names = sorted(realm.name for realm in deployment.stores.administration.realms())
    if name not in names:
        raise Refusal(f"There is no realm {name!r}; there is: {', '.join(names) or 'none'}")


def not_found(what: str, name: str, *, realm: str, look: str) -> Refusal:
    """The refusal of a name that a realm does not have; `look` is the command that lists those it has."""
    return Refusal(f"There is no {what} {name!r} in realm {realm!r}; see wstrust-sts {look}")


def remove_named(
    config_file: Path,
    realm: str,
    name: str,
    *,
    what: str,
    look: str,
    delete: Callable[[Administration, str, str], bool],
) -> None:
    """Deletes what has this name, at once and on every node, and says so. Raises Refusal as `not_found` tells it."""
    with opened(config_file) as deployment:
        if not delete(deployment.stores.administration, realm, name):
            raise not_found(what, name, realm=realm, look=look)
    click.echo(f"{what.capitalize()} {name} is removed.")


def find_relying_party(deployment: Deployment, realm: str, name: str) -> RelyingParty | None:
    parties = deployment.stores.administration.relying_parties(realm)
    return next((party for party in parties if party.name == name), None)
