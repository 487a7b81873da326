"""Opening a database, and what its failures become."""

import sqlite3
from pathlib import Path

import pytest

from wstrust_sts.errors import Busy
from wstrust_sts.storage.database import Database, open_database
from wstrust_sts.storage.engine import parse_url, reading_engine, sqlite_file, writing_engine
from wstrust_sts.storage.failures import UnusableDatabase
from wstrust_sts.storage.migrate import upgrade


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/sts.db"
    upgrade(url)
    return url


@pytest.fixture
def database(url: str):
    database = open_database(url)
    yield database
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sts.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=memory",
        "mysql://localhost/sts",
        "sqlite+aiosqlite:////tmp/x.db",
        "postgresql+asyncpg://localhost/sts",
    ],
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UnusableDatabase):
        parse_url(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_spoken_through_psycopg_3(scheme: str) -> None:
    assert parse_url(f"{scheme}://sts:secret@db/sts").drivername == "postgresql+psycopg"


def test_a_missing_database_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="wstrust-sts db upgrade"):
        open_database(f"sqlite:///{tmp_path}/sts.db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_schema_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sts.db").touch()
    with pytest.raises(UnusableDatabase, match=r"none.*wstrust-sts db upgrade"):
        open_database(f"sqlite:///{tmp_path}/sts.db")


@pytest.mark.parametrize(("revision", "told"), [("0000", "wstrust-sts db upgrade"), ("9999", "newer")])
def test_a_database_of_another_version_says_which(url: str, revision: str, told: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    with pytest.raises(UnusableDatabase, match=f"{revision}.*{told}"):
        open_database(url)


def test_a_file_that_is_no_database_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "sts.db").write_bytes(b"not a database " * 100)
    with pytest.raises(UnusableDatabase):
        open_database(f"sqlite:///{tmp_path}/sts.db")


def test_sqlite_is_durable_and_keeps_its_references(database: Database) -> None:
    for opened in (database.reading(), database.writing()):
        with opened as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_transaction_is_rolled_back_by_an_exception(database: Database) -> None:
    def change_and_fail() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE configuration SET generation = 99")
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT generation FROM configuration").scalar() == 1


def test_a_writer_waits_from_the_start_of_its_transaction_and_then_is_busy(url: str, database: Database) -> None:
    impatient = open_database(url, patience=0.02)
    with database.writing() as connection:
        with pytest.raises(Busy, match="locked"), impatient.writing():
            pytest.fail("two writers at once")
        connection.exec_driver_sql("UPDATE configuration SET generation = 2")
        with impatient.reading() as reader:  # readers never wait
            assert reader.exec_driver_sql("SELECT generation FROM configuration").scalar() == 1
    with impatient.writing():
        pass
    impatient.close()


def test_no_free_connection_is_busy(url: str) -> None:
    address = parse_url(url)
    database = Database(reading_engine(address, patience=0.01), writing_engine(address, patience=0.01))
    held = [database.readers.connect() for _ in range(16)]
    with pytest.raises(Busy), database.reading():
        pytest.fail("a connection too many")
    for connection in held:
        connection.close()
    database.close()


def test_a_busy_answer_tells_no_parameters(database: Database) -> None:
    with pytest.raises(Busy) as refused, database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere WHERE secret = ?", ("clarinet",))
    assert "clarinet" not in refused.value.detail + str(refused.value.__cause__)
    assert "\n" not in refused.value.detail


def test_only_a_sqlite_url_has_a_file() -> None:
    assert sqlite_file(parse_url("sqlite:////tmp/x.db")) == Path("/tmp/x.db")
    assert sqlite_file(parse_url("postgresql://db/sts")) is None
