"""What key a relying party's tokens are bound to when a request does not say."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NEW = {"default_key_type": None}


def upgrade() -> None:
    relying_party = sa.table("relying_party", sa.column("id", sa.Text), sa.column("settings", sa.Text))
    connection = op.get_bind()
    for row in connection.execute(sa.select(relying_party.c.id, relying_party.c.settings)).all():
        settings = json.dumps(json.loads(row.settings) | _NEW, sort_keys=True, ensure_ascii=False)
        connection.execute(relying_party.update().where(relying_party.c.id == row.id).values(settings=settings))
