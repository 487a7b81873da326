"""The first schema. Written out, not taken from `schema.py`: a migration stays what it was when it ran."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _configuration()
    _accounts()
    _relying_parties()
    _signing_keys()
    _register()
    _audit_and_replay()


def _configuration() -> None:
    configuration = op.create_table(
        "configuration",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_configuration_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration")),
    )
    op.bulk_insert(configuration, [{"id": 1, "generation": 1}])
    op.create_table(
        "realm",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("administrators", sa.Text, nullable=False),
        sa.Column("sealed_pairwise_secret", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_realm")),
        sa.UniqueConstraint("name", name=op.f("uq_realm_name")),
    )


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_account_realm")),
        sa.UniqueConstraint("realm", "name", name=op.f("uq_account_realm_name")),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        *_owned_by_account("credential"),
    )
    op.create_index(op.f("ix_credential_account_id"), "credential", ["account_id"])
    op.create_table(
        "account_claim",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "position", "ordinal", name=op.f("pk_account_claim")),
        *_owned_by_account("account_claim"),
    )
    op.create_table(
        "account_group",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "position", name=op.f("pk_account_group")),
        *_owned_by_account("account_group"),
    )


def _owned_by_account(table: str) -> tuple[sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f(f"fk_{table}_realm")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], ondelete="CASCADE", name=op.f(f"fk_{table}_account_id")
        ),
    )


def _relying_parties() -> None:
    op.create_table(
        "relying_party",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relying_party")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_relying_party_realm")),
        sa.UniqueConstraint("realm", "name", name=op.f("uq_relying_party_realm_name")),
    )
    op.create_table(
        "applies_to",
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("prefix", sa.Boolean, nullable=False),
        sa.Column("relying_party_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("realm", "origin", "path", "prefix", name=op.f("pk_applies_to")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_applies_to_realm")),
        sa.ForeignKeyConstraint(
            ["relying_party_id"],
            ["relying_party.id"],
            ondelete="CASCADE",
            name=op.f("fk_applies_to_relying_party_id"),
        ),
    )
    op.create_index(op.f("ix_applies_to_relying_party_id"), "applies_to", ["relying_party_id"])


def _signing_keys() -> None:
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("wrapped_private_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.ForeignKeyConstraint(["realm"], ["realm.name"], name=op.f("fk_signing_key_realm")),
        sa.UniqueConstraint("realm", "key_id", name=op.f("uq_signing_key_realm_key_id")),
    )


def _register() -> None:
    op.create_table(
        "issued_token",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("token_type", sa.Text, nullable=False),
        sa.Column("relying_party", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("requestor", sa.Text, nullable=False),
        sa.Column("methods", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("key_type", sa.Text, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("renewing_allowed", sa.Boolean, nullable=False),
        sa.Column("renewing_after_expiry", sa.Boolean, nullable=False),
        sa.Column("cancelled_at", sa.BigInteger),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issued_token")),
        sa.UniqueConstraint("realm", "token_id", name=op.f("uq_issued_token_realm_token_id")),
    )
    op.create_index(op.f("ix_issued_token_expires_at"), "issued_token", ["expires_at"])


def _audit_and_replay() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("requestor", sa.Text, nullable=False),
        sa.Column("relying_party", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_correlation_id"), "audit_event", ["correlation_id"])
    op.create_table(
        "replay",
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("realm", "digest", name=op.f("pk_replay")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_replay_expires_at"), "replay", ["expires_at"])
