"""The register of issued tokens, read by token id."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select

from wstrust_sts.records import TokenRecord
from wstrust_sts.storage.columns import instant, is_storable, microseconds
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import issued_token

_FIND = select(*(column for column in issued_token.c if column.name != "id")).where(
    issued_token.c.realm == bindparam("in_realm"), issued_token.c.token_id == bindparam("with_id")
)

_LAST_EXPIRY = (  # down the index of expiry times, to the first that is of the key
    select(issued_token.c.expires_at)
    .where(
        issued_token.c.expires_at > bindparam("now"),
        issued_token.c.realm == bindparam("in_realm"),
        issued_token.c.key_id == bindparam("by_key"),
        or_(issued_token.c.cancelled_at.is_(None), issued_token.c.cancelled_at > bindparam("now")),
    )
    .order_by(issued_token.c.expires_at.desc())
    .limit(1)
)


class SqlIssuedTokens:
    """`ports.IssuedTokens`. Never cached: a cancellation acts at once, on every node."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, realm: str, token_id: str) -> TokenRecord | None:
        if not is_storable(token_id):
            return None
        with self._database.reading() as connection:
            row = connection.execute(_FIND, {"in_realm": realm, "with_id": token_id}).first()
        if row is None:
            return None
        return TokenRecord(
            realm=row.realm,
            token_id=row.token_id,
            digest=row.digest,
            token_type=row.token_type,
            relying_party=row.relying_party,
            subject=row.subject,
            account=row.account,
            requestor=row.requestor,
            methods=row.methods,
            key_id=row.key_id,
            key_type=row.key_type,
            issued_at=instant(row.issued_at),
            expires_at=instant(row.expires_at),
            renewing_allowed=row.renewing_allowed,
            renewing_after_expiry=row.renewing_after_expiry,
            cancelled_at=None if row.cancelled_at is None else instant(row.cancelled_at),
            cancel_reason=row.cancel_reason,
            correlation_id=row.correlation_id,
            original=row.original,
            key_thumbprint=row.key_thumbprint,
            wrapped_proof_key=row.wrapped_proof_key,
            delegation=row.delegation,
        )

    def last_expiry(self, realm: str, key_id: str, *, now: datetime) -> datetime | None:
        with self._database.reading() as connection:
            parameters = {"now": microseconds(now), "in_realm": realm, "by_key": key_id}
            expires_at = connection.execute(_LAST_EXPIRY, parameters).scalar()
        return None if expires_at is None else instant(expires_at)
