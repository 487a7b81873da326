"""The front: peers that stall, trickle or do not read, and connections beyond the limits."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.promptness import Stopwatch, promptly
from tests.system.server.front import (
    CROWD,
    GET,
    HOST,
    PATIENCE,
    STALLED,
    Credentials,
    Server,
    cut_while_sending,
    end_server,
    read_all,
    read_answer,
    start_server,
    tcp,
    until,
)


@pytest.fixture(scope="module")
def impatient(directory: Path, credentials: Credentials) -> Iterator[Server]:
    server = start_server(
        directory,
        {
            "certificate": credentials.certificate,
            "private_key": credentials.private_key,
            "handshake_seconds": 1.0,
            "head_seconds": 1.0,
            "body_seconds": 1.0,
            "idle_seconds": 1.0,
            "request_seconds": 2.0,
        },
    )
    yield server
    end_server(server)


@pytest.mark.parametrize("kind", STALLED)
def test_stalled_peers_delay_nobody_and_are_cut(impatient, kind):
    connect, last_words = STALLED[kind]
    with ExitStack() as peers:
        stalled = [peers.enter_context(connect(impatient)) for _ in range(CROWD)]
        for _ in range(5):
            promptly(impatient.get, within=0.3)
        watch = Stopwatch()
        for peer in stalled:
            assert read_all(peer).startswith(last_words)
        assert watch.within(4)


def test_a_head_that_trickles_is_cut_at_the_same_time(impatient):
    with impatient.connect() as peer:
        peer.sendall(GET)
        watch = Stopwatch()
        assert cut_while_sending(peer, b"X: a\r\n", pause=0.1)
        assert watch.within(5)


@pytest.mark.parametrize("kept", [True, False])
def test_a_peer_that_does_not_read_its_answer_is_cut(impatient, kept):
    octets = b"GET /big?octets=30000000 HTTP/1.1\r\n" + HOST + (b"" if kept else b"Connection: close\r\n") + b"\r\n"
    with ExitStack() as peers:
        for _ in range(3):
            peers.enter_context(impatient.connect()).sendall(octets)
        time.sleep(0.3)
        promptly(impatient.get, within=0.3)
        last = peers.enter_context(impatient.connect())
        last.sendall(octets)
        time.sleep(3)
        assert len(read_all(last)) < 30_000_000


def test_a_peer_that_reads_slowly_gets_its_answer(impatient):
    with impatient.connect() as peer:
        peer.sendall(b"GET /big?octets=8000000 HTTP/1.1\r\n" + HOST + b"\r\n")
        length = 0
        for _ in range(10):
            length += len(peer.recv(65536))
            time.sleep(0.05)
        while length < 8_000_000:
            length += len(peer.recv(2**20))
        peer.sendall(GET + b"\r\n")
        while b"/echo" not in peer.recv(65536):
            pass


def test_a_peer_that_asks_on_without_reading_uses_bounded_memory(start):
    server = start(request_seconds=2.0)
    with tcp(server) as peer:
        peer.settimeout(0.5)
        assert cut_while_sending(peer, b"GET /big?octets=100000 HTTP/1.1\r\n" + HOST + b"\r\n", pause=0.002)
    assert resident_megabytes(server.process.pid) < 150


def resident_megabytes(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) // 1024


def test_connections_beyond_the_limit_wait_until_one_ends(start):
    server = start(max_connections=5, head_seconds=30.0)
    with ExitStack() as peers:
        held = [peers.enter_context(tcp(server)) for _ in range(5)]
        time.sleep(0.2)
        with tcp(server) as peer:
            peer.sendall(GET + b"\r\n")
            peer.settimeout(0.3)
            with pytest.raises(TimeoutError):
                peer.recv(1)
            held[0].close()
            peer.settimeout(PATIENCE)
            assert read_answer(peer)[0] == 200


def test_of_too_many_connections_those_that_waited_longest_give_way_and_none_in_work(start, credentials):
    server = start(max_connections=8, certificate=credentials.certificate, private_key=credentials.private_key)
    with ExitStack() as peers:
        working = peers.enter_context(server.connect())
        working.sendall(b"GET /sleep?seconds=2.5 HTTP/1.1\r\n" + HOST + b"\r\n")
        kinds = [STALLED[kind][0] for kind in ("silent TCP", "half a TLS hello", "silent TLS", "half a body")]
        crowd = [peers.enter_context(connect(server)) for connect in (*kinds, tcp, tcp, tcp)]
        time.sleep(1.1)
        for _ in kinds:
            watch = Stopwatch()
            peers.enter_context(server.connect()).sendall(GET)
            assert watch.within(0.3)
        for peer in crowd[:4]:
            assert read_all(peer) == b""
        for peer in crowd[4:]:
            peer.settimeout(0.1)
            with pytest.raises(TimeoutError):
                peer.recv(1)
        assert read_answer(working)[0] == 200
    assert server.log.read_text().count("give way to new ones") == 1


def test_a_server_that_may_open_few_files_takes_fewer_connections_and_says_so(start):
    server = start(files=140, max_connections=1000, other_descriptors=130)
    with ExitStack() as peers:
        for _ in range(30):
            peers.enter_context(tcp(server))
        time.sleep(1.1)
        assert server.get()["path"] == "/echo"
    log = server.log.read_text()
    assert "a process may open 140 files here: 10 connections for each" in log
    assert "cannot accept" not in log
    refused = start(files=130, max_connections=1000, other_descriptors=130)
    assert refused.process.wait(PATIENCE) == 1
    assert "CannotStart: a process may open 130 files here" in refused.log.read_text()


def test_connections_of_one_source_beyond_its_limit_are_closed(start):
    server = start(max_connections_per_source=3)
    with ExitStack() as peers:
        held = [peers.enter_context(tcp(server)) for _ in range(3)]
        time.sleep(0.1)
        with tcp(server) as peer:
            assert read_all(peer) == b""
        held[0].close()
        until(lambda: b"200 OK" in server.send(GET + b"Connection: close\r\n\r\n"))
