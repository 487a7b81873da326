"""What can be encrypted for a relying party, and the keys that tokens are bound to."""

import json

import sqlalchemy as sa
from alembic import op

from wstrust_sts import ns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NEW = {
    "encryption": {
        "certificate": None,
        "tokens": False,
        "bare": False,
        "algorithm": ns.AES256_GCM,
        "key_transport": "rsa-oaep-mgf1p",
        "key_name": "issuer-serial",
    },
    "accepts_client_keys": False,
    "accepts_unproved_keys": False,
}


def upgrade() -> None:
    op.add_column("issued_token", sa.Column("key_thumbprint", sa.Text))
    op.add_column("issued_token", sa.Column("wrapped_proof_key", sa.LargeBinary))
    relying_party = sa.table("relying_party", sa.column("id", sa.Text), sa.column("settings", sa.Text))
    connection = op.get_bind()
    for row in connection.execute(sa.select(relying_party.c.id, relying_party.c.settings)).all():
        settings = json.dumps(json.loads(row.settings) | _NEW, sort_keys=True, ensure_ascii=False)
        connection.execute(relying_party.update().where(relying_party.c.id == row.id).values(settings=settings))
