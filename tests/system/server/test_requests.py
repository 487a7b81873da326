"""The front: requests and answers by the book of HTTP/1.1."""

import json
import re
import socket
import time

import pytest

from tests.system.server.front import BODY_LIMIT, GET, HOST, POST, parse_head, read_all, read_answer, status_of, told


def test_the_application_gets_the_whole_request(plain):
    answer = plain.send(
        POST.replace(b"/echo", b"/a%2Fb/../c?x=1&y=%20")
        + b"Content-Type: text/xml\r\nX-List: one\r\nx-list:  two \r\nConnection: close\r\n"
        + b"Content-Length: 4\r\n\r\n<a/>"
    )
    request = told(answer)
    assert (request["method"], request["path"], request["query"]) == ("POST", "/a%2Fb/../c", "x=1&y=%20")
    assert request["headers"]["content-type"] == "text/xml"
    assert request["headers"]["x-list"] == "one, two"
    assert (request["body"], request["tls"], request["source"], request["peer"]) == ("<a/>", False, "127.0.0.1", None)


def test_an_answer_says_what_it_must_and_names_no_software(plain):
    with plain.connect() as peer:
        peer.sendall(GET + b"\r\n")
        status, headers, body = read_answer(peer)
    assert status == 200
    assert int(headers.pop("content-length")) == len(body)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers.pop("date"))
    assert headers == {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }


def test_the_application_may_allow_caching(plain):
    _, headers = parse_head(plain.send(b"GET /cached HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")[:-4])
    assert headers["cache-control"] == "max-age=60"


def test_a_connection_serves_many_requests(plain):
    with plain.connect() as peer:
        for number in range(5):
            peer.sendall(POST + b"Content-Length: 1\r\n\r\n" + b"%d" % number)
            assert json.loads(read_answer(peer)[2])["body"] == str(number)


def test_head_has_the_length_and_no_body(plain):
    answer = plain.send(b"HEAD /big?octets=77 HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert parse_head(head)[1]["content-length"] == "77"
    assert body == b""


def test_no_content_has_neither_length_nor_type(plain):
    head, _, body = plain.send(b"GET /empty HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n").partition(b"\r\n\r\n")
    status, headers = parse_head(head)
    assert (status, body) == (204, b"")
    assert not {"content-length", "content-type"} & set(headers)


def test_http_10_gets_an_answer_and_the_connection_closes(plain):
    answer = plain.send(b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert told(answer)["path"] == "/echo"
    assert b"\r\nConnection: close\r\n" in answer


def test_a_plain_client_may_say_that_it_has_no_more_to_send(plain):
    with plain.connect() as peer:
        peer.sendall(b"GET /sleep?seconds=0.1 HTTP/1.1\r\n" + HOST + b"\r\n")
        peer.shutdown(socket.SHUT_WR)
        assert told(read_all(peer))["path"] == "/sleep"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"https://other.example/echo?a", "/echo", "a"),
        (b"HTTP://other.example:81/echo", "/echo", ""),
        (b"http://other.example", "/", ""),
        (b"//evil/echo", "//evil/echo", ""),
        (b"/echo?", "/echo", ""),
    ],
)
def test_targets_in_origin_and_absolute_form_are_understood(plain, target, path, query):
    request = told(plain.send(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"))
    assert (request["path"], request["query"]) == (path, query)


def test_a_chunked_body_is_joined_and_its_trailers_are_dropped(plain):
    chunks = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nHost: evil\r\nX-Trailer: 1\r\n\r\n"
    request = told(plain.send(POST + b"Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks))
    assert request["body"] == "abcde"
    assert request["headers"]["host"] == "sts.example"
    assert "x-trailer" not in request["headers"]


def test_a_request_may_come_octet_by_octet(plain):
    octets = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with plain.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in octets:
            peer.sendall(bytes((octet,)))
        assert told(read_all(peer))["body"] == "abc"


def test_a_body_of_the_largest_size_is_accepted(plain):
    octets = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT + b"x" * BODY_LIMIT
    assert told(plain.send(octets))["body"] == BODY_LIMIT


@pytest.mark.parametrize("framing", [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_expect_100_continue_is_answered_before_the_body_comes(plain, framing):
    with plain.connect() as peer:
        peer.sendall(POST + b"Expect: 100-Continue\r\nConnection: close\r\n" + framing + b"\r\n")
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"abc" if framing.startswith(b"Content") else b"3\r\nabc\r\n0\r\n\r\n")
        assert told(read_all(peer))["body"] == "abc"


def test_a_body_too_long_is_refused_instead_of_continued(plain):
    answer = plain.send(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1))
    assert status_of(answer) == 413


def test_an_empty_line_before_a_request_is_ignored(plain):
    with plain.connect() as peer:
        peer.sendall(b"\r\n" + GET + b"\r\n")
        assert read_answer(peer)[0] == 200
        peer.sendall(b"\r\n")
        time.sleep(0.05)
        peer.sendall(GET + b"\r\n")
        assert read_answer(peer)[0] == 200


def test_a_wish_for_another_protocol_is_ignored(plain):
    answer = plain.send(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00")
    assert told(answer)["path"] == "/echo"
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 11\r\n\r\nhello world", b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"],
)
@pytest.mark.parametrize("octets", [7, 100_000], ids=["bit by bit", "at once"])
def test_a_wish_for_another_protocol_does_not_lose_the_body(plain, octets, body):
    """Java's HttpClient asks for h2c with the first message that it sends over plain HTTP."""
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    message = POST + wish + body
    with plain.connect() as peer:
        for start in range(0, len(message), octets):
            peer.sendall(message[start : start + octets])
            time.sleep(0.002)
        assert told(read_all(peer))["body"] == "hello world"  # and the connection is closed
