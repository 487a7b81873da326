"""Delegation rules, and in the register by which kind of delegation a token was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delegation_rule",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delegation_rule"),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name="fk_delegation_rule_realm"),
        sa.UniqueConstraint("realm", "name", name="uq_delegation_rule_realm_name"),
    )
    op.add_column("issued_token", sa.Column("delegation", sa.Text))
