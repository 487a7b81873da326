"""The front: how it stops, and how its workers end and are replaced."""

import json
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.promptness import Stopwatch
from tests.system.server.front import (
    GET,
    HOST,
    PATIENCE,
    POST,
    STALLED,
    Server,
    read_all,
    read_answer,
    status_of,
    until,
)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_finishes_what_is_under_way(start, workers, number):
    server = start(workers=workers)
    with server.connect() as working, server.connect() as reading, server.connect() as idle:
        idle.sendall(GET + b"\r\n")
        assert read_answer(idle)[0] == 200
        reading.sendall(POST + b"Content-Length: 4\r\n\r\n<a")
        working.sendall(b"GET /sleep?seconds=0.7 HTTP/1.1\r\n" + HOST + b"\r\n")
        until(lambda: server.working(1))
        time.sleep(0.1)  # where there are two workers, the other one reads
        server.process.send_signal(number)
        assert read_all(idle) == b""
        until(lambda: refuses(server))
        reading.sendall(b"/>")
        for peer in (reading, working):
            answer = read_all(peer)
            assert status_of(answer) == 200
            assert b"\r\nConnection: close\r\n" in answer
    assert server.process.wait(PATIENCE) == 0
    assert server.log.read_text() == "closed\n" * workers


def refuses(server: Server) -> bool:
    """Whether nobody accepts: with several workers the listening socket itself lives until the last has gone."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as peer:
            peer.sendall(GET + b"Connection: close\r\n\r\n")
            return not peer.recv(1)
    except OSError:
        return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_is_bounded_whatever_is_under_way(start, workers):
    server = start(workers=workers, stop_seconds=0.5)
    with server.connect() as peer:
        peer.sendall(b"GET /sleep?seconds=60 HTTP/1.1\r\n" + HOST + b"\r\n")
        until(lambda: server.working(1))
        watch = Stopwatch()
        assert server.stop() == 0
        assert watch.within(3)


def test_an_idle_server_stops_at_once_whatever_is_connected(secure, start, credentials):
    server = start(certificate=credentials.certificate, private_key=credentials.private_key)
    with ExitStack() as peers:
        for connect, _ in (STALLED["silent TCP"], STALLED["half a TLS hello"], STALLED["an idle kept connection"]):
            peers.enter_context(connect(server))
        watch = Stopwatch()
        assert server.stop() == 0
        assert watch.within(1.5)


def test_a_worker_that_dies_is_replaced_and_the_others_serve_on(start):
    server = start(workers=2)
    pids = {server.get()["pid"] for _ in range(40)}
    for _ in range(2):
        assert server.send(b"GET /die HTTP/1.1\r\n" + HOST + b"\r\n") == b""
        assert server.get()["path"] == "/echo"
    until(lambda: len({server.get()["pid"] for _ in range(40)} - pids) >= 1)
    assert "ended with status 3" in server.log.read_text()
    assert server.stop() == 0


def test_workers_share_the_connections(start):
    server = start(workers=2)
    until(lambda: len({server.get()["pid"] for _ in range(20)}) == 2)


def test_a_worker_is_replaced_after_its_quota_and_no_request_is_lost(start):
    server = start(workers=2, max_requests=50)
    pids = set()
    with server.client() as client:

        def ask() -> bool:
            client.request("POST", "/echo", body=b"<a/>")
            pids.add(json.loads(client.getresponse().read())["pid"])
            return len(pids) > 3

        until(ask)
    assert server.stop() == 0
    assert "error" not in server.log.read_text()


def test_workers_whose_parent_is_gone_stop(start):
    server = start(workers=2)
    pids = {server.get()["pid"] for _ in range(40)}
    server.process.kill()
    server.process.wait(PATIENCE)
    until(lambda: not any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in pids))


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_worker_that_cannot_open_its_application_ends_the_start(start, tmp_path):
    (tmp_path / "refuse").touch()
    for workers in (1, 2):
        server = start(workers=workers, environment={"REFUSE_TO_OPEN": str(tmp_path / "refuse")})
        assert server.process.wait(PATIENCE) == 1
        assert "the database is not there" in server.log.read_text()


def test_an_address_in_use_and_a_bad_certificate_are_told(start, tmp_path, plain):
    (tmp_path / "bad.pem").write_text("not a certificate")
    for values, reason in (
        ({"port": plain.port}, "cannot listen on 127.0.0.1:"),
        ({"certificate": tmp_path / "bad.pem", "private_key": tmp_path / "bad.pem"}, "TLS certificate"),
    ):
        server = start(**values)
        assert server.process.wait(PATIENCE) == 1
        assert f"CannotStart: {reason}" in server.log.read_text()
