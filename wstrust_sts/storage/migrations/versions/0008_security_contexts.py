"""The keys of security contexts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_context_key",
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("methods", sa.Text, nullable=False),
        sa.Column("authenticated_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("realm", "identifier", "instance", name="pk_security_context_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_security_context_key_expires_at", "security_context_key", ["expires_at"])
