"""A real STS under hostile load over TLS: who asks with a remembered password is answered while a crowd does not."""

import json
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from benchmarks.growth import Mix, configure, memory_of, readings
from tests import messages
from tests.promptness import stretch
from tests.running import Prepared, prepare, serving
from tests.system.flooding import PATH, guessing

pytestmark = pytest.mark.alone

QUICK = 0.3  # seconds; of 99 in a hundred answers
CROWD = 2000  # as many as two workers hold by default


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    prepared = prepare(tmp_path_factory.mktemp("load"))
    configure(prepared, workers=2, maximum_requests=0)
    return prepared


@contextmanager
def allowing(files: int) -> Iterator[None]:
    """What is started meanwhile begins with this soft limit on open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def flood(prepared: Prepared, kind: str, *, peers: int, seconds: float) -> Iterator[dict[str, int]]:
    """A crowd in another process; what it was told is there at the end."""
    told: dict[str, int] = {}
    arguments = (kind, prepared.port, prepared.ca, peers, seconds)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.flooding", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(0.7)  # until it is there
        yield told
        output, _ = process.communicate(timeout=seconds + 20)
        assert process.returncode == 0
        told |= json.loads(output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def ask(connection: HTTPSConnection) -> float:
    """How long a token took for someone whose password is remembered."""
    began = time.monotonic()
    octets = guessing("alice", "clarinet")
    connection.request("POST", PATH, octets, {"Content-Type": messages.content_type()})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return time.monotonic() - began


def ask_for(prepared: Prepared, seconds: float) -> list[float]:
    """Answer times, on some connections that are kept and some new ones."""
    times = []
    with ExitStack() as opened:
        kept = [prepared.connect() for _ in range(4)]
        for connection in kept:
            opened.callback(connection.close)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            times += [ask(connection) for connection in kept]
            began = time.monotonic()
            new = prepared.connect()
            ask(new)
            times.append(time.monotonic() - began)
            new.close()
    return sorted(times)


def remember(prepared: Prepared) -> None:
    """Has every worker check alice's password."""
    for _ in range(20):
        connection = prepared.connect()
        ask(connection)
        connection.close()


def percentile_99(times: list[float]) -> float:
    return times[len(times) * 99 // 100]


def quick() -> float:
    """The longest answer time: longer where this machine gives its processors to others, too."""
    return QUICK * stretch()


def memory(pid: int) -> float:
    return memory_of(pid).anonymous


# -- connections


def test_two_thousand_connections_that_ask_nothing_keep_nobody_out(sts: Prepared) -> None:
    """The server starts with too low a limit on open files, and raises it."""
    with allowing(256), serving(sts) as server, allowing(2 * CROWD), ExitStack() as opened:
        remember(sts)
        before, limit = memory(server.pid), quick()
        crowd = [opened.enter_context(idle(sts, greet=number % 10 == 0)) for number in range(CROWD)]
        time.sleep(1.2)  # whoever has waited for less does not give way
        times = ask_for(sts, 2.0)
        assert percentile_99(times) < limit
        assert CROWD * 3 / 4 < sum(is_open(peer) for peer in crowd) < CROWD
        assert memory(server.pid) - before < 160
    assert "give way to new ones" in sts.log.read_text()
    assert "cannot accept" not in sts.log.read_text()


@contextmanager
def idle(prepared: Prepared, *, greet: bool) -> Iterator[socket.socket]:
    """A connection that nothing is said on, or nothing after a hello's first octets."""
    with socket.create_connection(("127.0.0.1", prepared.port), timeout=5) as peer:
        if greet:
            peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40)
        yield peer


def is_open(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return peer.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


# -- floods


def test_a_flood_of_wrong_passwords_is_told_to_come_back_and_holds_up_nobody_else(sts: Prepared) -> None:
    with serving(sts) as server:
        remember(sts)
        before, limit = memory(server.pid), quick()
        with flood(sts, "passwords", peers=160, seconds=3.5) as told:
            times = ask_for(sts, 2.5)
        assert percentile_99(times) < limit
        assert memory(server.pid) - before < 60
        answers = Counter(told)
        assert answers.keys() <= {"500 FailedAuthentication False", "503 RequestFailed True"}
        assert min(answers.values()) > 20
        assert len(answers) == 2
        remember(sts)
        answer = sts.ask("POST", PATH, guessing("alice", "wrong"), Content_Type=messages.content_type())
        assert answer.code == "FailedAuthentication"


def test_a_flood_of_broken_handshakes_holds_up_nobody(sts: Prepared) -> None:
    with serving(sts) as server:
        remember(sts)
        before, limit = memory(server.pid), quick()
        with flood(sts, "handshakes", peers=60, seconds=3.5) as told:
            times = ask_for(sts, 2.5)
        assert percentile_99(times) < limit
        assert told["answered"] > 500
        assert memory(server.pid) - before < 40


# -- growth


def test_thousands_of_requests_of_every_kind_leave_nothing_behind(sts: Prepared) -> None:
    configure(sts, workers=1)  # a process that nobody replaces
    mix = Mix()
    with serving(sts) as server:
        _, warm, *_, last = readings(sts, server.pid, mix, requests=4000, every=2000)
    assert last.memory.anonymous - warm.memory.anonymous < 4
    assert last.memory.anonymous < 80
    assert len(mix.outcomes) >= 6
