"""How an anchor's certificates are looked up: intermediates, and whether they were revoked; until now nobody asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trust_anchor", sa.Column("intermediates", sa.Text, nullable=False, server_default="[]"))
    op.add_column("trust_anchor", sa.Column("issuers_at", sa.Text, nullable=False, server_default="[]"))
    op.add_column("trust_anchor", sa.Column("revocation", sa.Text, nullable=False, server_default="off"))
    op.add_column("trust_anchor", sa.Column("crls", sa.Text, nullable=False, server_default="[]"))
    op.add_column("trust_anchor", sa.Column("responder", sa.Text))
    op.add_column("trust_anchor", sa.Column("networks", sa.Text, nullable=False, server_default="[]"))
