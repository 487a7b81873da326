"""What only a server does: it restarts, ends sessions, goes away, and is upgraded by several nodes at once."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.fakes import NOON
from tests.postgresql import PostgresqlServer
from tests.promptness import Stopwatch
from wstrust_sts.errors import Busy
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.engine import parse_url, reading_engine
from wstrust_sts.storage.failures import UnusableDatabase
from wstrust_sts.storage.migrate import HEAD, current, upgrade
from wstrust_sts.storage.schema import metadata

KEPT = timedelta(minutes=5)


@pytest.fixture
def database_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    with postgresql_server.database() as url:
        yield url


@pytest.fixture
def empty_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    with postgresql_server.empty_database() as url:
        yield url


@pytest.fixture
def use_all(node, a_token, an_event) -> Callable[[], None]:
    """Uses every way to the database, from several threads, so that several connections are kept. Raises Busy."""
    node.put_account()
    node.record(a_token("_1"))
    numbers = iter(range(1_000_000))

    def read(_number: int) -> None:
        assert node.stores.accounts.find("default", "alice") is not None
        assert node.stores.issued_tokens.find("default", "_1") is not None

    def use() -> None:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(read, range(24)))
        number = next(numbers)
        assert node.stores.replay_cache.remember("default", b"%d" % number, now=NOON, keep=KEPT)
        node.record(a_token(f"_{number}-again"), an_event(f"{number:032}"))
        node.put_account(groups=[f"group-{number}"])

    return use


# -- connections


def test_after_a_restart_the_next_request_works(postgresql_server: PostgresqlServer, use_all) -> None:
    for _ in range(2):
        use_all()
        postgresql_server.stop()
        postgresql_server.start()
    use_all()


def test_sessions_ended_by_an_administrator_are_replaced_unnoticed(postgresql_server, use_all) -> None:
    use_all()
    postgresql_server.end_sessions()
    use_all()


def test_a_server_that_is_away_is_busy_at_once_and_tells_no_password(postgresql_server, node, a_token, use_all) -> None:
    use_all()
    postgresql_server.stop()
    try:
        watch = Stopwatch()
        for attempt in (
            lambda: node.stores.accounts.find("default", "alice"),
            lambda: node.stores.issued_tokens.find("default", "_1"),
            lambda: node.record(a_token("_lost")),
            lambda: node.stores.replay_cache.remember("default", b"lost", now=NOON, keep=KEPT),
            lambda: node.put_account(groups=[]),
            lambda: node.stores.signing_keys.list("default"),
        ):
            for _ in range(2):
                with pytest.raises(Busy) as refused:
                    attempt()
                assert refused.value.detail.startswith("database:")
                assert postgresql_server.password not in refused.value.detail
        assert watch.within(2)
    finally:
        postgresql_server.start()
    use_all()
    assert node.stores.issued_tokens.find("default", "_lost") is None
    assert node.stores.replay_cache.remember("default", b"lost", now=NOON, keep=KEPT)


def test_a_session_that_ends_in_a_transaction_stores_nothing_of_it(postgresql_server, node) -> None:
    def change_and_lose() -> None:
        with node.database.writing() as connection:
            connection.exec_driver_sql("UPDATE configuration SET generation = 99")
            postgresql_server.end_sessions()
            connection.exec_driver_sql("UPDATE configuration SET generation = 100")

    with pytest.raises(Busy):
        change_and_lose()
    with node.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT generation FROM configuration").scalar() < 99


def test_a_row_locked_for_too_long_is_busy(node, database_url: str) -> None:
    impatient = open_database(database_url, patience=0.05)
    with node.database.writing() as connection:
        connection.exec_driver_sql("UPDATE configuration SET generation = generation")
        with pytest.raises(Busy), impatient.writing() as other:
            other.exec_driver_sql("UPDATE configuration SET generation = generation")
    with impatient.writing() as other:
        other.exec_driver_sql("UPDATE configuration SET generation = generation")
    impatient.close()


def test_a_statement_that_takes_too_long_is_busy_and_its_connection_serves_on(database_url: str) -> None:
    impatient = open_database(database_url, patience=0.1)
    for opening in (impatient.reading, impatient.writing):
        watch = Stopwatch()
        with pytest.raises(Busy) as refused, opening() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(20)")
        assert watch.within(5)
        assert "statement timeout" in refused.value.detail
        with opening() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    impatient.close()


def test_with_every_connection_in_use_one_more_statement_is_busy(database_url: str) -> None:
    database = open_database(database_url, connections=6)
    with ExitStack() as opened:
        for _ in range(2):
            opened.enter_context(database.reading())
        began, watch = time.monotonic(), Stopwatch()
        with pytest.raises(Busy), database.reading():
            pytest.fail("there was one more")
        assert time.monotonic() - began > 0.5
        assert watch.within(3)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    database.close()


def test_a_process_opens_no_more_connections_than_it_is_allowed(database_url: str) -> None:
    database = open_database(database_url, connections=6)
    together = threading.Barrier(12)

    def use(_number: int) -> None:
        together.wait()
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.02)")
        with database.writing() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.02)")

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(use, range(12)))
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name = 'wstrust-sts'"
        ).fetchone()
    assert row == (6,)
    database.close()


def test_what_the_url_says_goes_before_the_defaults(database_url: str) -> None:
    database = open_database(f"{database_url}?application_name=mine&options=-c%20statement_timeout%3D7s")
    with database.reading() as connection:
        settings = [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("application_name", "statement_timeout", "lock_timeout")
        ]
    assert settings == ["mine", "7s", "5s"]
    database.close()


# -- opening and upgrading


def test_a_wrong_password_is_unusable_and_not_told(postgresql_server, database_url: str) -> None:
    for url in (database_url.replace(postgresql_server.password, "s3cret"), database_url + "-nowhere"):
        with pytest.raises(UnusableDatabase) as refused:
            open_database(url)
        assert postgresql_server.password not in str(refused.value)
        assert "s3cret" not in str(refused.value)
        with pytest.raises(UnusableDatabase, match="cannot be upgraded"):
            upgrade(url)


def test_an_empty_database_says_what_to_do(empty_url: str) -> None:
    with pytest.raises(UnusableDatabase, match="wstrust-sts db upgrade"):
        open_database(empty_url)


def test_several_nodes_upgrade_at_once(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as nodes:
        list(nodes.map(upgrade, [empty_url] * 3))
    engine = reading_engine(parse_url(empty_url))
    assert current(engine) == HEAD
    engine.dispose()


def test_the_migrated_schema_is_the_one_in_the_code(database_url: str) -> None:
    engine = reading_engine(parse_url(database_url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_failed_migration_leaves_nothing_behind(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE replay (surprise TEXT)")
    with pytest.raises(UnusableDatabase, match="cannot be upgraded"):
        upgrade(empty_url)
    with psycopg.connect(empty_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("replay",)]


def test_a_database_that_cannot_hold_every_name_is_refused(postgresql_server) -> None:
    with postgresql_server.empty_database(encoding="LATIN1") as url, pytest.raises(UnusableDatabase, match="LATIN1"):
        upgrade(url)
