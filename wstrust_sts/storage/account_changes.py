"""Writing an account and what hangs on it, in a transaction of the caller's."""

from base64 import b64encode
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from wstrust_sts.model import Account, Claim
from wstrust_sts.ports import SecretBox
from wstrust_sts.storage.accounts import DIGEST, PASSWORD, read_account
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
    digest_password: bytes | None,
    box: SecretBox,
) -> None:
    """Creates or replaces by (realm, name); what does not change keeps its version. Raises ValueError.

    The two forms of the password as in `ports.Administration`; `box` seals the one that can be recovered.
    """
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
    wanted = replace(wanted, sealed_digest_password=_seal(digest_password, wanted, stored, box))
    if stored is None:
        connection.execute(insert(account).values(id=wanted.id, realm=realm, name=name, **_row(wanted)))
    elif wanted == stored:
        return
    else:
        wanted = replace(wanted, version=stored.version + 1)
        connection.execute(update(account).where(account.c.id == wanted.id).values(**_row(wanted)))
    if stored is None or wanted.password_hash != stored.password_hash:
        _write_credential(connection, wanted, PASSWORD, wanted.password_hash)
    if stored is None or wanted.sealed_digest_password != stored.sealed_digest_password:
        sealed = wanted.sealed_digest_password
        _write_credential(connection, wanted, DIGEST, None if sealed is None else b64encode(sealed).decode())
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


def _seal(digest_password: bytes | None, wanted: Account, stored: Account | None, box: SecretBox) -> bytes | None:
    """What becomes of the recoverable password. One that was replaced must not live on in digests."""
    if digest_password:
        return box.seal(digest_password, purpose=wanted.digest_purpose)
    if digest_password is None and stored is not None and wanted.password_hash == stored.password_hash:
        return stored.sealed_digest_password
    return None


def _write_credential(connection: Connection, wanted: Account, kind: str, verifier: str | None) -> None:
    """Replaces the account's credential of one kind, or removes it."""
    connection.execute(delete(credential).where(credential.c.account_id == wanted.id, credential.c.kind == kind))
    if verifier is not None:
        connection.execute(
            insert(credential).values(
                id=new_row_key(),
                realm=wanted.realm,
                account_id=wanted.id,
                kind=kind,
                verifier=verifier,
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
