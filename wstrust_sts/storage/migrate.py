"""Bringing a database to the schema that this software needs.

Alembic does it, and is imported only then: a server that starts just compares two revision numbers.
"""

from sqlalchemy import Connection, Engine, column, func, inspect, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from wstrust_sts.storage.engine import create_sqlite_file, parse_url, sqlite_file, writing_engine
from wstrust_sts.storage.failures import UnusableDatabase, describe

HEAD = "0012"  # the newest revision in migrations/versions
_UPGRADE_LOCK = 0x57535453  # an arbitrary number, the same on every node


def current(engine: Engine) -> str | None:
    """The database's revision, None before the first migration."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()


def upgrade(url: str) -> None:
    """Applies every migration that is missing, in one transaction; makes the file of a new SQLite database.

    Several nodes may do so at once. Raises UnusableDatabase.
    """
    address = parse_url(url)
    if path := sqlite_file(address):
        create_sqlite_file(path)
    engine = writing_engine(address)
    try:
        with engine.begin() as connection:
            _apply(connection)
    except SQLAlchemyError as failure:
        shown = address.render_as_string(hide_password=True)
        raise UnusableDatabase(f"The database {shown} cannot be upgraded: {describe(failure)}") from failure
    finally:
        engine.dispose()


def _apply(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # SQLite's transaction is exclusive already
        _begin_alone(connection)
    config = Config()
    config.set_main_option("script_location", "wstrust_sts.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _begin_alone(connection: Connection) -> None:
    """Waits for as long as another node upgrades; then a migration may take its time, but not wait for a table."""
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise UnusableDatabase(f"The database has the encoding {encoding}; make it with ENCODING 'UTF8'.")
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
