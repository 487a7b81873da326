"""Writing an account and what hangs on it, in a transaction of the caller's."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from wstrust_sts.model import Account, Claim
from wstrust_sts.storage.accounts import PASSWORD, read_account
from wstrust_sts.storage.columns import microseconds, new_row_key
from wstrust_sts.storage.schema import account, account_claim, account_group, credential


def write_account(
    connection: Connection,
    realm: str,
    name: str,
    *,
    enabled: bool,
    expires_at: datetime | None,
    claims: tuple[Claim, ...],
    groups: tuple[str, ...],
    password_hash: str | None,
) -> None:
    """Creates or replaces by (realm, name); what does not change keeps its version. Raises ValueError."""
    empty = next((claim.type for claim in claims if not claim.values), None)
    if empty is not None:
        raise ValueError(f"The claim {empty!r} has no values.")
    stored = read_account(connection, realm, name)
    wanted = Account(
        id=stored.id if stored else new_row_key(),
        realm=realm,
        name=name,
        version=stored.version if stored else 1,
        enabled=enabled,
        expires_at=expires_at,
        password_hash=stored.password_hash if stored and password_hash is None else password_hash,
        claims=claims,
        groups=groups,
    )
    if stored is None:
        connection.execute(insert(account).values(id=wanted.id, realm=realm, name=name, **_row(wanted)))
    elif wanted == stored:
        return
    else:
        wanted = replace(wanted, version=stored.version + 1)
        connection.execute(update(account).where(account.c.id == wanted.id).values(**_row(wanted)))
    if stored is None or wanted.password_hash != stored.password_hash:
        _write_password(connection, wanted)
    _write_claims(connection, wanted)
    _write_groups(connection, wanted)


def remove_account(connection: Connection, realm: str, name: str) -> bool:
    """With all that hangs on it. False when there is none."""
    removed = connection.execute(delete(account).where(account.c.realm == realm, account.c.name == name))
    return removed.rowcount > 0


def _row(wanted: Account) -> dict[str, object]:
    return {
        "version": wanted.version,
        "enabled": wanted.enabled,
        "expires_at": None if wanted.expires_at is None else microseconds(wanted.expires_at),
    }


def _write_password(connection: Connection, wanted: Account) -> None:
    passwords = (credential.c.account_id == wanted.id, credential.c.kind == PASSWORD)
    connection.execute(delete(credential).where(*passwords))
    if wanted.password_hash is not None:
        connection.execute(
            insert(credential).values(
                id=new_row_key(),
                realm=wanted.realm,
                account_id=wanted.id,
                kind=PASSWORD,
                verifier=wanted.password_hash,
                version=wanted.version,
            )
        )


def _write_claims(connection: Connection, wanted: Account) -> None:
    connection.execute(delete(account_claim).where(account_claim.c.account_id == wanted.id))
    rows = [
        {
            "account_id": wanted.id,
            "realm": wanted.realm,
            "position": position,
            "ordinal": ordinal,
            "type": claim.type,
            "value": value,
        }
        for position, claim in enumerate(wanted.claims)
        for ordinal, value in enumerate(claim.values)
    ]
    if rows:
        connection.execute(insert(account_claim), rows)


def _write_groups(connection: Connection, wanted: Account) -> None:
    connection.execute(delete(account_group).where(account_group.c.account_id == wanted.id))
    rows = [
        {"account_id": wanted.id, "realm": wanted.realm, "position": position, "name": name}
        for position, name in enumerate(wanted.groups)
    ]
    if rows:
        connection.execute(insert(account_group), rows)
