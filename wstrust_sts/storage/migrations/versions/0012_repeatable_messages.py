"""At which endpoint, if at any, a message that was seen may come again."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("replay", sa.Column("repeatable_at", sa.Text, nullable=False, server_default=""))
