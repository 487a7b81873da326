"""Trust anchors, and whose certificates are whose."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trust_anchor",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("account_from", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_anchor")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_trust_anchor_realm")),
        sa.UniqueConstraint("realm", "name", name=op.f("uq_trust_anchor_realm_name")),
    )
    op.create_table(
        "certificate_mapping",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("anchor_id", sa.Text),
        sa.Column("certificate", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_mapping")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_certificate_mapping_realm")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_certificate_mapping_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["anchor_id"], ["trust_anchor.id"], name=op.f("fk_certificate_mapping_anchor_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_certificate_mapping_account_id"), "certificate_mapping", ["account_id"])
    op.create_index(op.f("ix_certificate_mapping_anchor_id"), "certificate_mapping", ["anchor_id"])
    op.create_index("ix_certificate_mapping_name", "certificate_mapping", ["realm", "field", "value"])
    op.create_table(
        "certificate_reference",
        sa.Column("mapping_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("mapping_id", "name", name=op.f("pk_certificate_reference")),
        sa.ForeignKeyConstraint(
            ["mapping_id"],
            ["certificate_mapping.id"],
            name=op.f("fk_certificate_reference_mapping_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_certificate_reference_realm")),
    )
    op.create_index("ix_certificate_reference_name", "certificate_reference", ["realm", "name"])
