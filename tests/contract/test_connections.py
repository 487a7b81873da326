"""Connections to every database: how many there are, who gets one, and what becomes of those that have failed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, select

from tests.fakes import NOON
from wstrust_sts.storage.compiled import Compiled
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.schema import configuration

_FIND = select(configuration.c.generation).where(configuration.c.id == bindparam("one"))


def test_many_threads_that_read_at_once_leave_connections_for_others(database_url: str) -> None:
    database = open_database(database_url, patience=2, connections=8)
    together = threading.Barrier(16)

    def read(_number: int) -> None:
        together.wait()
        for _ in range(20):
            assert database.fetch_one(_FIND, {"one": 1}).generation == 1

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(read, range(16)))
    with database.reading() as one, database.reading() as two:
        assert one is not two
    database.close()


def test_more_transactions_than_connections_wait_for_their_turn(database_url: str) -> None:
    database = open_database(database_url)
    statement = Compiled(_FIND, database.writers.dialect)

    def transact(_number: int) -> bool:
        with database.transaction() as transaction:
            return transaction.returns_row(statement, {"one": 1})

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(transact, range(40)))
    database.close()


def test_a_statement_that_fails_harms_no_other(node) -> None:
    node.put_account()
    for number in range(3):
        with pytest.raises(KeyError), node.database.transaction():
            raise KeyError
        assert node.stores.accounts.find("default", "alice") is not None
        assert node.stores.replay_cache.remember("default", b"%d" % number, now=NOON, keep=timedelta(minutes=5))
