"""The port ReplayCache, on every database."""

import hashlib
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.held import HeldDatabase
from tests.fakes import NOON
from wstrust_sts.errors import Busy
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.replay_cache import SqlReplayCache
from wstrust_sts.storage.schema import replay
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.stores import open_stores
from wstrust_sts.storage.writer import GroupWriter

ROOT = Path(__file__).parents[2]
KEEP = timedelta(minutes=10)


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def test_a_digest_is_new_once(node, second_node) -> None:
    assert node.stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    assert not node.stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    assert not second_node.stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    assert second_node.stores.replay_cache.remember("default", digest(2), now=NOON, keep=KEEP)


def test_a_digest_is_remembered_per_realm(node) -> None:
    assert node.stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    assert node.stores.replay_cache.remember("other", digest(1), now=NOON, keep=KEEP)
    assert not node.stores.replay_cache.remember("other", digest(1), now=NOON, keep=KEEP)


def test_a_digest_is_new_again_when_its_time_is_over_and_then_kept_anew(node) -> None:
    remember = node.stores.replay_cache.remember
    assert remember("default", digest(1), now=NOON, keep=KEEP)
    assert not remember("default", digest(1), now=NOON + KEEP - timedelta(microseconds=1), keep=KEEP)
    assert remember("default", digest(1), now=NOON + KEEP, keep=KEEP)
    assert not remember("default", digest(1), now=NOON + KEEP + timedelta(minutes=1), keep=KEEP)


def test_a_refused_replay_does_not_prolong_the_first_sighting(node) -> None:
    remember = node.stores.replay_cache.remember
    assert remember("default", digest(1), now=NOON, keep=KEEP)
    assert not remember("default", digest(1), now=NOON + timedelta(minutes=9), keep=KEEP)
    assert remember("default", digest(1), now=NOON + KEEP, keep=KEEP)


def test_of_many_threads_exactly_one_is_first(node, second_node) -> None:
    firsts: list[int] = []

    def race(node_) -> None:
        for number in range(20):
            if node_.stores.replay_cache.remember("default", digest(number), now=NOON, keep=KEEP):
                firsts.append(number)

    threads = [threading.Thread(target=race, args=(one,)) for one in (node, second_node) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(firsts) == list(range(20))


RACER = """
import hashlib, sys
from datetime import timedelta
from tests.fakes import NOON
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.schema import replay
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.stores import open_stores

stores = open_stores(open_database(sys.argv[1]), AesGcmSecretBox(b"k" * 32))
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    digest = hashlib.sha256(str(number).encode()).digest()
    if stores.replay_cache.remember("default", digest, now=NOON, keep=timedelta(minutes=10)):
        print(number)
stores.close()
"""


def test_of_two_processes_exactly_one_is_first(node, database_url: str) -> None:
    command = [sys.executable, "-c", RACER, database_url]
    racers = [
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    firsts = [number for racer in racers for number in racer.communicate(timeout=60)[0].split()]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(map(int, firsts)) == list(range(100))


def test_of_a_group_the_first_in_line_is_new(database_url: str, node) -> None:
    database = open_database(database_url)
    entered, proceed = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        proceed.wait(10)

    writer = GroupWriter(HeldDatabase(database, hold))
    cache = SqlReplayCache(writer, Sightings())
    verdicts: list[bool] = []

    def remember(number: int) -> None:
        verdicts.append(cache.remember("default", digest(number), now=NOON, keep=KEEP))

    threads = [threading.Thread(target=remember, args=(number,)) for number in (0, 7, 7, 7, 7)]
    threads[0].start()
    entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    proceed.set()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == [False, False, False, True, True]
    writer.close()
    database.close()


def test_a_database_that_stays_locked_is_busy_and_never_new(node, database_url: str, box) -> None:
    impatient = open_database(database_url, patience=0.05)
    stores = open_stores(impatient, box)
    holder = open_database(database_url)
    with holder.writing() as connection:
        connection.execute(replay.insert().values(realm="default", digest=digest(1), seen_at=0, expires_at=2**60))
        with pytest.raises(Busy):
            stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    assert not stores.replay_cache.remember("default", digest(1), now=NOON, keep=KEEP)
    for opened in (stores, impatient, holder):
        opened.close()
