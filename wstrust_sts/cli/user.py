"""`wstrust-sts user`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import (
    Deployment,
    config_option,
    listing_options,
    named_options,
    not_found,
    opened,
    realm_option,
    remove_named,
    require_realm,
)
from wstrust_sts.cli.output import Refusal, print_json, print_table, show_one
from wstrust_sts.cli.passwords import (
    Argon2Passwords,
    allow_digest_option,
    obtain_password,
    password_file_option,
)
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declaration import AccountTable
from wstrust_sts.model import Account
from wstrust_sts.octet_values import is_guid


@click.group(
    epilog="""\b
Example:
  wstrust-sts user add alice --group staff
  wstrust-sts user list
""",
)
def user() -> None:
    """Accounts: people and services that may ask for tokens."""


@user.command(
    epilog="""\b
Example:
  wstrust-sts user add alice --group staff \\
      --claim http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress=alice@example.com
  wstrust-sts user add batch --password-file batch.password --expires 2027-12-31T00:00:00Z
"""
)
@click.argument("name")
@password_file_option
@click.option("--no-password", is_flag=True, help="Make an account that cannot log in by password.")
@allow_digest_option
@click.option("--claim", "claims", multiple=True, metavar="TYPE=VALUE", help="A claim; repeat for more.")
@click.option(
    "--claim-guid",
    "guids",
    multiple=True,
    metavar="TYPE=GUID",
    help="A claim that holds a GUID's octets in Base64, like the ImmutableID of Microsoft Entra.",
)
@click.option("--group", "groups", multiple=True, help="A group or role; repeat for more.")
@click.option("--expires", metavar="TIME", help="From when on it may not log in, like 2027-12-31T00:00:00Z.")
@click.option("--disabled", is_flag=True, help="It may not log in yet.")
@realm_option
@config_option
def add(
    config_file: Path,
    name: str,
    realm: str,
    password_file: str | None,
    no_password: bool,
    allow_digest: bool,
    claims: tuple[str, ...],
    guids: tuple[str, ...],
    groups: tuple[str, ...],
    expires: str | None,
    disabled: bool,
) -> None:
    """Add an account. The password comes from a file, standard input or a prompt, never from an argument."""
    if no_password and allow_digest:
        raise click.UsageError("--allow-digest needs a password; remove --no-password.")
    row: dict[str, Any] = {"realm": realm, "name": name, "enabled": not disabled, "groups": list(groups)}
    row["claims"] = _claims_of(claims, guids)
    if expires is not None:
        row["expires"] = expires
    table = read_row(AccountTable, row, options={"name": "NAME", "expires": "--expires", "groups": "--group"})
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        if _find(deployment, realm, name) is not None:
            raise Refusal(
                f"There is an account {name!r} already; to change it: wstrust-sts user set-password, or apply"
            )
        password = None if no_password else obtain_password(password_file, confirm=True)
        declared = table.account(password)
        deployment.stores.administration.put_account(
            realm,
            name,
            enabled=declared.enabled,
            expires_at=declared.expires_at,
            claims=declared.claims,
            groups=declared.groups,
            password_hash=None if password is None else Argon2Passwords().hash(password),
            digest_password=password.encode() if password is not None and allow_digest else None,
        )
    click.echo(f"Account {name} is added.")


def _claims_of(texts: tuple[str, ...], guids: tuple[str, ...]) -> dict[str, list[Any]]:
    """TYPE=VALUE, split at the first =; `apply` sets claims whose type has one."""
    claims: dict[str, list[Any]] = {}
    for option, written in (("--claim", texts), ("--claim-guid", guids)):
        for item in written:
            type_, separator, value = item.partition("=")
            if not separator or not type_:
                raise click.BadParameter(f"{item!r} is not TYPE=VALUE", param_hint=option)
            if option == "--claim-guid" and not is_guid(value):
                what = f"{value!r} is not a GUID like 00112233-4455-6677-8899-aabbccddeeff"
                raise click.BadParameter(what, param_hint=option)
            claims.setdefault(type_, []).append(value if option == "--claim" else {"guid": value})
    return claims


@user.command("list", epilog="\b\nExample:\n  wstrust-sts user list --json\n")
@listing_options
def list_(config_file: Path, realm: str, as_json: bool) -> None:
    """List a realm's accounts."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        accounts = sorted(deployment.stores.administration.accounts(realm), key=lambda row: row.name)
    if as_json:
        print_json([_card(account) for account in accounts])
        return
    print_table(
        ["NAME", "ENABLED", "PASSWORD", "EXPIRES", "GROUPS"],
        [[a.name, a.enabled, a.password_hash is not None, a.expires_at, list(a.groups)] for a in accounts],
        nothing=f"Realm {realm} has no accounts: wstrust-sts user add NAME",
    )


@user.command(epilog="\b\nExample:\n  wstrust-sts user show alice\n")
@click.argument("name")
@listing_options
def show(config_file: Path, name: str, realm: str, as_json: bool) -> None:
    """Show one account with its claims. The password is not shown to anybody."""
    with opened(config_file) as deployment:
        account = _existing(deployment, realm, name)
    card = _card(account)
    if not as_json:
        card["claims"] = [f"{claim.type} = {', '.join(claim.values)}" for claim in account.claims]
    show_one(card, as_json=as_json)


@user.command(
    "set-password",
    epilog="\b\nExample:\n  wstrust-sts user set-password alice\n  pwgen 20 1 | wstrust-sts user set-password batch\n",
)
@click.argument("name")
@password_file_option
@allow_digest_option
@realm_option
@config_option
def set_password(config_file: Path, name: str, realm: str, password_file: str | None, allow_digest: bool) -> None:
    """Set an account's password. The old one stops working at once, on every node.

    Without --allow-digest the account may not present digests any more, even if it could before.
    """
    with opened(config_file) as deployment:
        account = _existing(deployment, realm, name)
        password = obtain_password(password_file, confirm=True)
        account = replace(account, password_hash=Argon2Passwords().hash(password))
        _put(deployment, account, digest_password=password.encode() if allow_digest else b"")
    click.echo(f"Account {name} has a new password.")


@user.command(epilog="\b\nExample:\n  wstrust-sts user disable alice\n")
@named_options
def disable(config_file: Path, name: str, realm: str) -> None:
    """Lock an account, at once and on every node. Tokens it has stay valid until they expire or are cancelled."""
    _set_enabled(config_file, realm, name, enabled=False)


@user.command(epilog="\b\nExample:\n  wstrust-sts user enable alice\n")
@named_options
def enable(config_file: Path, name: str, realm: str) -> None:
    """Unlock an account."""
    _set_enabled(config_file, realm, name, enabled=True)


@user.command(epilog="\b\nExample:\n  wstrust-sts user unlock alice\n")
@named_options
def unlock(config_file: Path, name: str, realm: str) -> None:
    """Forget the wrong passwords of a user, so that attempts are not held up any more.

    Those of a source that tried many users pass by themselves, within `authentication.lockout_longest_delay`.
    """
    from wstrust_sts.authenticators.lockout import subject_of

    with opened(config_file) as deployment:
        _existing(deployment, realm, name)
        found = deployment.stores.realms.get(realm)
        held = found is not None and deployment.stores.lockouts.unlock(realm, subject_of(found, name))
    click.echo(f"Account {name} is unlocked." if held else f"Account {name} had no wrong passwords lately.")


@user.command(epilog="\b\nExample:\n  wstrust-sts user remove alice\n")
@named_options
def remove(config_file: Path, name: str, realm: str) -> None:
    """Remove an account with its claims and password."""
    remove_named(
        config_file,
        realm,
        name,
        what="account",
        look="user list",
        delete=lambda administration, realm, name: administration.delete_account(realm, name),
    )


def _set_enabled(config_file: Path, realm: str, name: str, *, enabled: bool) -> None:
    with opened(config_file) as deployment:
        account = _existing(deployment, realm, name)
        if account.enabled is not enabled:
            _put(deployment, replace(account, enabled=enabled, password_hash=None))
    click.echo(f"Account {name} is {'enabled' if enabled else 'disabled'}.")


def _put(deployment: Deployment, account: Account, *, digest_password: bytes | None = None) -> None:
    """Stores the account; a `password_hash` of None keeps the stored one, both forms as in `Administration`."""
    deployment.stores.administration.put_account(
        account.realm,
        account.name,
        enabled=account.enabled,
        expires_at=account.expires_at,
        claims=account.claims,
        groups=account.groups,
        password_hash=account.password_hash,
        digest_password=digest_password,
    )


def _find(deployment: Deployment, realm: str, name: str) -> Account | None:
    return deployment.stores.accounts.find(realm, name)


def _existing(deployment: Deployment, realm: str, name: str) -> Account:
    require_realm(deployment, realm)
    account = _find(deployment, realm, name)
    if account is None:
        raise not_found("account", name, realm=realm, look="user list")
    return account


def _card(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "realm": account.realm,
        "enabled": account.enabled,
        "password": account.password_hash is not None,
        "password_digest": account.allows_digest,
        "expires": account.expires_at,
        "groups": list(account.groups),
        "claims": {claim.type: list(claim.values) for claim in account.claims},
    }
