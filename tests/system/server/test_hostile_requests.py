"""The front: what is not HTTP by the book, or too much of it, and what nobody may learn of a failure."""

import re
import time

import pytest

from tests.promptness import Stopwatch
from tests.system.server.front import (
    BODY_LIMIT,
    GET,
    HOST,
    POST,
    cut_while_sending,
    parse_head,
    read_all,
    read_answer,
    status_of,
    told,
)

REFUSED = {
    "both lengths": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "both lengths, turned": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "one length twice": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a list of lengths": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "a signed length": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "a negative length": (POST + b"Content-Length: -3\r\n\r\nabc", 400),
    "a hexadecimal length": (POST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "no length": (POST + b"Content-Length: \r\n\r\nabc", 400),
    "an overflowing length": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "a large length": (POST + b"Content-Length: 1000000000000\r\n\r\n", 413),
    "chunks twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks before another coding": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "another coding before chunks": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "another coding": (POST + b"Transfer-Encoding: gzip\r\n\r\nabc", 501),
    "almost chunks": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunks behind a control": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
    "a negative chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", 400),
    "a prefixed chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400),
    "an overflowing chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n\r\n", 400),
    "a chunk longer than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
    "chunks with bare line feeds": (POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", 400),
    "a length in a trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400),
    "a folded header": (POST + b"X-Folded: a\r\n b\r\n\r\n", 400),
    "a header before the first": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "NUL in a name": (POST + b"X\0: a\r\n\r\n", 400),
    "NUL in a value": (POST + b"X: a\0b\r\n\r\n", 400),
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "NULs only": (b"\0" * 1000, 400),
    "a control in a value": (POST + b"X: a\x01b\r\n\r\n", 400),
    "a space before the colon": (POST + b"Content-Length : 3\r\n\r\nabc", 400),
    "a header without a colon": (POST + b"X\r\n\r\n", 400),
    "a header without a name": (POST + b": x\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a bare carriage return": (POST + b"X: a\rb\r\n\r\n", 400),
    "two hosts": (POST + b"Host: other.example\r\n\r\n", 400),
    "two media types": (POST + b"Content-Type: text/xml\r\ncontent-type: text/plain\r\n\r\n", 400),
    "two actions": (POST + b"SOAPAction: a\r\nSOAPAction: b\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "101 headers": (GET + b"".join(b"X-%d: a\r\n" % number for number in range(101)) + b"\r\n", 400),
    "a long header": (GET + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 400),
    "a header that never ends": (GET + b"X: " + b"a" * 200_000, 400),
    "a long target": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a thousand values of one header": (GET + b"X: aaaaaaaaaaaaaa\r\n" * 1000 + b"\r\n", 400),
    "a fragment": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target in UTF-8": (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target with a space": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a slash": (b"GET echo HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another scheme": (b"GET ftp://a/echo HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tunnel": (b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another protocol with a body that is none": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        400,
    ),
    "another protocol with a body that is too long": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1),
        413,
    ),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 400),
    "an unknown method": (b"GETT / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500, 400),
    "a compressed body": (POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415),
    "another expectation": (POST + b"Expect: a-miracle\r\nContent-Length: 3\r\n\r\nabc", 417),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_http_by_the_book_is_refused_and_the_connection_closes(plain, name):
    octets, status = REFUSED[name]
    watch = Stopwatch()
    answer = plain.send(octets)
    assert watch.within(3)
    assert status_of(answer) == status
    head, _, body = answer.partition(b"\r\n\r\n")
    _, headers = parse_head(head)
    assert headers["connection"] == "close"
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert not {"server", "x-powered-by"} & set(headers)
    assert re.fullmatch(rb"[A-Z][A-Za-z0-9/.,; -]+\.\n", body)
    assert not re.search(rb"(?i)python|uvloop|httptools|llhttp|\d\.\d+\.\d", answer)
    assert plain.get()["path"] == "/echo"


def test_a_body_over_the_limit_is_cut_before_it_has_come(plain):
    with plain.connect() as peer:
        peer.sendall(POST + b"Content-Length: %d\r\n\r\n" % (10 * BODY_LIMIT))
        assert read_answer(peer)[0] == 413


def test_a_chunked_body_over_the_limit_is_cut(plain):
    with plain.connect() as peer:
        peer.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 9)
        assert read_answer(peer)[0] == 413


def test_a_client_that_sends_a_megabyte_first_still_reads_its_refusal(secure):
    octets = POST + b"Content-Length: %d\r\n\r\n" % 2**20 + b"x" * 2**20
    with secure.connect() as peer:
        peer.sendall(octets)
        assert read_answer(peer)[0] == 413


def test_chunk_extensions_without_end_are_cut(plain):
    with plain.connect() as peer:
        peer.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n1;")
        assert cut_while_sending(peer, b"a" * 65536, pause=0)
    assert plain.get()["path"] == "/echo"


def test_a_second_request_before_the_answer_is_not_answered_and_the_first_one_is(plain):
    answer = plain.send((GET + b"\r\n") * 1000)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert told(answer)["path"] == "/echo"


def test_a_second_request_while_the_first_is_in_work_is_not_answered(plain):
    with plain.connect() as peer:
        peer.sendall(b"GET /sleep?seconds=0.2 HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.05)
        peer.sendall(GET + b"\r\n")
        answer = read_all(peer)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert told(answer)["path"] == "/sleep"


@pytest.mark.parametrize("garbage", [b"abc", b"\0\0", b"GET / HTTP/9.9\r\n"])
def test_garbage_behind_a_request_closes_the_connection_after_the_answer(plain, garbage):
    answer = plain.send(POST + b"Content-Length: 2\r\n\r\nab" + garbage)
    assert told(answer)["body"] == "ab"
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_failure_of_the_application_tells_nothing(start):
    server = start()
    answer = server.send(b"GET /raise HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    assert status_of(answer) == 500
    assert answer.endswith(b"\r\n\r\nThe request failed.\n")
    assert "ValueError at served.py" in server.log.read_text()
    assert "s3cr3t" not in server.log.read_text()


def test_an_answer_that_would_split_its_head_is_not_sent(plain):
    answer = plain.send(b"GET /header HTTP/1.1\r\n" + HOST + b"\r\n")
    assert status_of(answer) == 500
    assert b"Forged" not in answer
