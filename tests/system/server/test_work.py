"""The front: threads, room for requests, and answers that wait until they are durable."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.promptness import Stopwatch
from tests.system.server.front import GET, HOST, PATIENCE, read_answer, status_of, until


def concurrently(count: int, action: Callable[[], object]) -> list[object]:
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(action())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_requests_that_block_do_not_hold_up_those_that_do_not(start):
    server = start(threads=24)
    server.get()
    blocked = threading.Thread(target=lambda: concurrently(16, lambda: server.get("/sleep?seconds=0.8")))
    blocked.start()
    until(lambda: server.working(16))
    watch = Stopwatch()
    for _ in range(5):
        server.get()
    quick = watch.within(0.3)
    blocked.join()
    assert quick


def test_a_quiet_server_has_few_threads(start):
    server = start(threads=24)
    for _ in range(20):
        request = server.get()
    assert request["threads"] <= 3


def test_more_requests_than_there_is_room_for_are_told_so_at_once(start):
    server = start(max_in_work=2, threads=2)
    with ExitStack() as peers:
        held = [peers.enter_context(server.connect()) for _ in range(2)]
        for peer in held:
            peer.sendall(b"GET /sleep?seconds=1.5 HTTP/1.1\r\n" + HOST + b"\r\n")
        until(lambda: server.working(2))
        watch = Stopwatch()
        with server.connect() as peer:
            peer.sendall(GET + b"\r\n")
            status, headers, body = read_answer(peer)
            assert (status, headers["retry-after"], body) == (503, "1", b"busy: /echo")
            assert watch.within(0.3)
            for each in held:
                assert read_answer(each)[0] == 200
            peer.sendall(GET + b"\r\n")
            assert read_answer(peer)[0] == 200


def test_an_answer_does_not_leave_before_it_is_durable_and_holds_no_thread(start):
    server = start(threads=1)
    with server.connect() as peer:
        peer.sendall(b"GET /durable?seconds=1.2 HTTP/1.1\r\n" + HOST + b"\r\n")
        started, watch = time.monotonic(), Stopwatch()
        assert server.get()["path"] == "/echo"
        assert watch.within(0.4)
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(PATIENCE)
        assert read_answer(peer)[::2] == (200, b"stored")
        assert time.monotonic() - started > 1.15


@pytest.mark.parametrize(
    ("fail", "body"),
    [("error", b"not stored: OSError"), ("cancel", b"not stored: CancelledError"), ("bare", b"The request failed.\n")],
)
def test_an_answer_that_could_not_be_stored_is_replaced(plain, fail, body):
    answer = plain.send(f"GET /durable?fail={fail} HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n".encode())
    assert status_of(answer) == 500
    assert answer.endswith(b"\r\n\r\n" + body)


def test_a_request_in_work_for_too_long_is_told_so_and_its_late_answer_is_dropped(start):
    server = start(request_seconds=0.4)
    watch = Stopwatch()
    answer = server.send(b"GET /sleep?seconds=1 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert watch.within(2.5)
    assert status_of(answer) == 503
    assert answer.count(b"HTTP/1.1") == 1
    assert server.get()["path"] == "/echo"


def test_a_client_that_goes_away_disturbs_nobody(start):
    server = start()
    for _ in range(10):
        with server.connect() as peer:
            peer.sendall(b"GET /sleep?seconds=0.1 HTTP/1.1\r\n" + HOST + b"\r\n")
    time.sleep(0.3)
    assert server.get()["path"] == "/echo"
    assert server.stop() == 0
    assert server.log.read_text() == "closed\n"
