"""Keys as stored; what is made of them, and when they are read again, is the key ring's business."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord
from wstrust_sts.storage.columns import instant
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.schema import signing_key

_LIST = (
    select(
        signing_key.c.key_id,
        signing_key.c.use,
        signing_key.c.state,
        signing_key.c.algorithm,
        signing_key.c.certificate,
        signing_key.c.wrapped_private_key,
        signing_key.c.created_at,
    )
    .where(signing_key.c.realm == bindparam("realm"), signing_key.c.state != KeyState.RETIRED.value)
    .order_by(signing_key.c.created_at, signing_key.c.id)
)


class SqlSigningKeys:
    """`ports.SigningKeys`."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def list(self, realm: str) -> Sequence[SigningKeyRecord]:
        with self._database.reading() as connection:
            rows = connection.execute(_LIST, {"realm": realm}).all()
        return tuple(
            SigningKeyRecord(
                id=row.key_id,
                realm=realm,
                use=KeyUse(row.use),
                state=KeyState(row.state),
                algorithm=row.algorithm,
                certificate=row.certificate,
                wrapped_private_key=row.wrapped_private_key,
                created_at=instant(row.created_at),
            )
            for row in rows
        )

    def generation(self) -> int:
        return self._generation.current()
