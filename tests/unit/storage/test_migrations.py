"""The migrations make exactly the schema that the stores use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.storage.engine import UnusableDatabase, parse_url, reading_engine, writing_engine
from wstrust_sts.storage.migrate import HEAD, current, upgrade
from wstrust_sts.storage.schema import metadata
from wstrust_sts.storage.settings import write_settings

ROOT = Path(__file__).parents[3]
SETTINGS_OF_THE_FIRST_REVISION = """{
"token_types": ["saml20", "saml11"], "default_token_type": null, "key_types": ["Bearer"],
"lifetime": {"default": 3600, "maximum": 28800, "clip": true}, "audiences": [], "recipient": null,
"name_identifier": {"format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", "claim": null},
"claim_rules": [], "validators": []}"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sts.db"


@pytest.fixture
def engine(url: str):
    upgrade(url)
    engine = reading_engine(parse_url(url))
    yield engine
    engine.dispose()


def test_the_migrated_schema_is_the_one_in_the_code(engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_keys_and_checks_are_those_in_the_code(engine) -> None:
    found = inspect(engine)
    for table in metadata.sorted_tables:
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [
            column.name for column in table.primary_key
        ]
        assert found.get_pk_constraint(table.name)["name"] == table.primary_key.name
        deletes = {key["name"]: key["options"].get("ondelete") for key in found.get_foreign_keys(table.name)}
        assert deletes == {key.name: key.ondelete for key in table.foreign_key_constraints}
    assert [check["name"] for check in found.get_check_constraints("configuration")] == ["ck_configuration_one_row"]


def test_every_table_names_the_realm_of_its_rows() -> None:
    without = {table.name for table in metadata.sorted_tables if "realm" not in table.c}
    assert without == {"configuration", "realm"}


def test_upgrading_again_changes_nothing(url: str, engine) -> None:
    before = current(engine)
    upgrade(url)
    assert current(engine) == before == HEAD


def test_the_head_in_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "wstrust_sts.storage:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_of_the_first_revision_is_upgraded_with_its_rows(url: str) -> None:
    engine = writing_engine(parse_url(url))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "wstrust_sts.storage:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO replay VALUES ('default', x'00', 1, 2)")
        connection.exec_driver_sql(
            "INSERT INTO issued_token VALUES"
            " ('1', 'default', '_1', x'00', 't', 'rp', 's', 'a', 'r', 'm', 'k', 'b', 1, 2, 1, 0, NULL, NULL, 'c')"
        )
        connection.exec_driver_sql("INSERT INTO realm VALUES ('1', 'default', 'urn:sts', '[]', x'00')")
        connection.exec_driver_sql(
            "INSERT INTO signing_key VALUES ('1', 'default', 'k1', 'active', 'rsa-2048', x'00', x'00', 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO relying_party VALUES ('1', 'default', 'orders', 1, '" + SETTINGS_OF_THE_FIRST_REVISION + "')"
        )
    assert current(engine) == "0001"
    upgrade(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM replay").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM lockout").scalar() == 0
        assert connection.exec_driver_sql("SELECT token_id, original FROM issued_token").one() == ("_1", None)
        assert connection.exec_driver_sql('SELECT key_id, "use" FROM signing_key').all() == [("k1", "token")]
        stored = connection.exec_driver_sql("SELECT settings FROM relying_party").scalar_one()
        defaults = RelyingParty(id="1", realm="default", name="orders", applies_to=())
        assert stored == write_settings(defaults)
    engine.dispose()


def test_a_failed_migration_leaves_nothing_behind(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    path.touch()
    engine = reading_engine(parse_url(url))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE replay (surprise TEXT)")
    with pytest.raises(UnusableDatabase, match="cannot be upgraded"):
        upgrade(url)
    assert inspect(engine).get_table_names() == ["replay"]
    engine.dispose()


def test_a_new_database_file_is_its_owners_alone(url: str, engine) -> None:
    path = url.removeprefix("sqlite:///")
    with engine.connect():
        for file in (path, path + "-wal"):
            assert os.stat(file).st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match=r"nowhere/sts\.db"):
        upgrade(f"sqlite:///{tmp_path}/nowhere/sts.db")


def test_a_file_that_is_no_database_is_refused(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(UnusableDatabase, match="cannot be upgraded"):
        upgrade(url)
    assert path.read_bytes() == b"not a database " * 100


def test_alembic_is_imported_only_to_upgrade() -> None:
    code = (
        "import sys, wstrust_sts.storage.stores, wstrust_sts.storage.janitor, wstrust_sts.storage.migrate;"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
