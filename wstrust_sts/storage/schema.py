"""The tables, as SQLAlchemy Core sees them. The migrations make them; a test keeps the two equal.

Every table but `configuration` (one row for the whole deployment) names the realm its rows belong to.
Row keys come from `columns.row_key`, so that rows are stored in the order in which they came.

Times are integers, microseconds since 1970-01-01 UTC: exact on every database, without a time zone that a session
could change, ordered as time is, and cheap to write. Text is never given a length, because only some databases
enforce one. Documents (settings, details) are JSON in text, written and read by our own strict code.

What is only ever appended (register, audit, replay) has no foreign keys: it outlives what it speaks of.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _realm() -> Column[str]:
    return Column("realm", Text, ForeignKey("realm.name"), nullable=False)


configuration = Table(
    "configuration",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

realm = Table(
    "realm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("administrators", Text, nullable=False),  # a JSON array of account names
    Column("sealed_pairwise_secret", LargeBinary, nullable=False),
    UniqueConstraint("name"),
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("expires_at", BigInteger),
    UniqueConstraint("realm", "name"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # the account's version that brought it
    Index(None, "account_id"),
)

account_claim = Table(
    "account_claim",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # of the claim
    Column("ordinal", Integer, primary_key=True, autoincrement=False),  # of the value in the claim
    _realm(),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
)

account_group = Table(
    "account_group",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _realm(),
    Column("name", Text, nullable=False),
)

trust_anchor = Table(
    "trust_anchor",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("name", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("account_from", Text),  # the field of a certificate that is the account's name
    Column("intermediates", Text, nullable=False, server_default="[]"),  # a JSON array of certificates in Base64
    Column("issuers_at", Text, nullable=False, server_default="[]"),  # this and the next ones: JSON arrays of text
    Column("revocation", Text, nullable=False, server_default="off"),
    Column("crls", Text, nullable=False, server_default="[]"),
    Column("responder", Text),
    Column("networks", Text, nullable=False, server_default="[]"),
    UniqueConstraint("realm", "name"),
)

certificate_mapping = Table(  # an account's certificates: `value` as certificate_names.py writes it
    "certificate_mapping",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("anchor_id", Text, ForeignKey("trust_anchor.id", ondelete="CASCADE")),  # NULL: whatever the anchor
    Column("certificate", LargeBinary),
    Index(None, "account_id"),
    Index(None, "anchor_id"),
    Index("ix_certificate_mapping_name", "realm", "field", "value"),
)

certificate_reference = Table(  # what messages name a mapped certificate by: `name` as wire/certificates.py writes it
    "certificate_reference",
    metadata,
    Column("mapping_id", Text, ForeignKey("certificate_mapping.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    _realm(),
    Index("ix_certificate_reference_name", "realm", "name"),
)

relying_party = Table(
    "relying_party",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("settings", Text, nullable=False),  # settings.py
    UniqueConstraint("realm", "name"),
)

applies_to = Table(  # addresses.Address; the primary key is the index that AppliesTo is found by
    "applies_to",
    metadata,
    Column("realm", Text, ForeignKey("realm.name"), primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("prefix", Boolean, primary_key=True),
    Column("relying_party_id", Text, ForeignKey("relying_party.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Index(None, "relying_party_id"),
)

delegation_rule = Table(
    "delegation_rule",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("name", Text, nullable=False),
    Column("settings", Text, nullable=False),  # delegation_rules.py
    UniqueConstraint("realm", "name"),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Text, primary_key=True),
    _realm(),
    Column("key_id", Text, nullable=False),
    Column("use", Text, nullable=False, server_default="token"),
    Column("state", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("wrapped_private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("realm", "key_id"),
)

issued_token = Table(
    "issued_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("realm", Text, nullable=False),
    Column("token_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("token_type", Text, nullable=False),
    Column("relying_party", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("requestor", Text, nullable=False),
    Column("methods", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("key_type", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("renewing_allowed", Boolean, nullable=False),
    Column("renewing_after_expiry", Boolean, nullable=False),
    Column("cancelled_at", BigInteger),
    Column("cancel_reason", Text),
    Column("correlation_id", Text, nullable=False),
    Column("original", Text),  # the token_id of the one that it was made from
    Column("key_thumbprint", Text),
    Column("wrapped_proof_key", LargeBinary),
    Column("delegation", Text),  # NULL: its subject asked for it
    UniqueConstraint("realm", "token_id"),
    Index(None, "expires_at"),
)

security_context_key = Table(  # the context itself is in the register, its identifier as the token's id
    "security_context_key",
    metadata,
    Column("realm", Text, primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("instance", Text, primary_key=True),  # of the first key: ""
    Column("methods", Text, nullable=False),
    Column("authenticated_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

audit_event = Table(  # its row key begins with the time of the event, so that the key serves for "older than", too
    "audit_event",
    metadata,
    Column("id", Text, primary_key=True),
    Column("realm", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("requestor", Text, nullable=False),
    Column("relying_party", Text, nullable=False),
    Column("token_id", Text, nullable=False),
    Column("detail", Text, nullable=False),  # a JSON object
    Index(None, "correlation_id"),
)

lockout = (
    Table(  # a row counts a user from one source, from all of them (source ""), or a source with all users (subject "")
        "lockout",
        metadata,
        Column("realm", Text, primary_key=True),
        Column(
            "subject", LargeBinary, primary_key=True
        ),  # a keyed digest of the user name: people type passwords there
        Column("source", Text, primary_key=True),
        Column("failures", BigInteger, nullable=False),
        Column("failed_at", BigInteger, nullable=False),
        Column("proved_at", BigInteger, nullable=False),  # 0: never
        Column("expires_at", BigInteger, nullable=False),
        Index(None, "expires_at"),
        sqlite_with_rowid=False,
    )
)

replay = Table(
    "replay",
    metadata,
    Column("realm", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("repeatable_at", Text, nullable=False, server_default=""),  # the path of an endpoint, or empty: nowhere
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)
