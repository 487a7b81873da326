"""The front as a process, seen from the network: HTTP by the book, hostile peers, slow peers, life and death."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROGRAM = Path(__file__).parent / "served.py"
PATIENCE = 10.0
HOST = b"Host: sts.example\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
GET = b"GET /echo HTTP/1.1\r\n" + HOST
BODY_LIMIT = 128 * 1024


# -- what the tests run and what they speak ---------------------------------------------------------------------------


@dataclass
class Server:
    """A running server, to be stopped by its process id."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path
    tls: bool = False

    def connect(self, *, timeout: float = PATIENCE) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return _trusting().wrap_socket(raw) if self.tls else raw

    def send(self, octets: bytes) -> bytes:
        """All that comes back until the server closes."""
        with self.connect() as peer:
            peer.sendall(octets)
            return read_all(peer)

    def get(self, target: str = "/echo", *, timeout: float = PATIENCE) -> dict[str, Any]:
        with self.client(timeout=timeout) as client:
            client.request("GET", target)
            return json.loads(client.getresponse().read())

    @contextmanager
    def client(self, *, timeout: float = PATIENCE) -> Iterator[http.client.HTTPConnection]:
        client = (
            http.client.HTTPSConnection("127.0.0.1", self.port, context=_trusting(), timeout=timeout)
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        )
        try:
            yield client
        finally:
            client.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def read_all(peer: socket.socket) -> bytes:
    octets = b""
    try:
        while chunk := peer.recv(65536):
            octets += chunk
    except (ConnectionResetError, ssl.SSLError):
        pass
    return octets


def read_answer(peer: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer from a connection that stays open."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        octets += _some(peer)
    head, _, body = octets.partition(b"\r\n\r\n")
    status, headers = parse_head(head)
    while len(body) < int(headers.get("content-length", "0")):
        body += _some(peer)
    return status, headers, body


def _some(peer: socket.socket) -> bytes:
    chunk = peer.recv(65536)
    assert chunk, "the server closed in the middle of an answer"
    return chunk


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("ascii").split("\r\n")
    assert first.startswith("HTTP/1.1 ")
    pairs = [line.split(": ", 1) for line in lines]
    assert len({name.lower() for name, _ in pairs}) == len(pairs), "a header occurs twice"
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def told(answer: bytes) -> dict[str, Any]:
    assert status_of(answer) == 200, answer[:300]
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@dataclass(frozen=True)
class Credentials:
    certificate: Path
    private_key: Path
    der: bytes


def make_certificate(directory: Path, name: str) -> Credentials:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Credentials(
        directory / f"{name}.pem", directory / f"{name}.key", certificate.public_bytes(serialization.Encoding.DER)
    )


Start = Callable[..., Server]


def start_server(
    directory: Path, values: dict[str, Any], environment: dict[str, str] | None = None, *, files: int | None = None
) -> Server:
    """`files`: how many a process may open at most."""
    settings = {"port": 0, "workers": 1, "linger_seconds": 0.1} | {
        name: str(value) if isinstance(value, Path) else value for name, value in values.items()
    }
    log = directory / f"{time.monotonic_ns()}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*_limited(files), sys.executable, str(PROGRAM), json.dumps(settings)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | (environment or {}),
        )
    assert process.stdout is not None
    first = process.stdout.readline()
    if not first:
        process.wait(PATIENCE)
        return Server(process, 0, log)
    return Server(process, int(first), log, tls="certificate" in settings)


def _limited(files: int | None) -> list[str]:
    return [] if files is None else ["sh", "-c", f'ulimit -n {files} && exec "$0" "$@"']


def end_server(server: Server) -> None:
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait(PATIENCE)
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as servers:

        def begin(environment: dict[str, str] | None = None, *, files: int | None = None, **values: Any) -> Server:
            server = start_server(tmp_path, values, environment, files=files)
            servers.callback(end_server, server)
            return server

        yield begin


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def credentials(directory: Path) -> Credentials:
    return make_certificate(directory, "server")


@pytest.fixture(scope="module")
def plain(directory: Path) -> Iterator[Server]:
    server = start_server(directory, {})
    yield server
    end_server(server)


@pytest.fixture(scope="module")
def secure(directory: Path, credentials: Credentials) -> Iterator[Server]:
    server = start_server(
        directory,
        {
            "certificate": credentials.certificate,
            "private_key": credentials.private_key,
            "client_authorities": make_certificate(directory, "client").certificate,
        },
    )
    yield server
    end_server(server)


# -- requests and answers ---------------------------------------------------------------------------------------------


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


# -- hostile requests -------------------------------------------------------------------------------------------------

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
    started = time.monotonic()
    answer = plain.send(octets)
    assert time.monotonic() - started < 3
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


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_tls_is_told_to_the_application_and_http_11_is_agreed_on(secure):
    context = _trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw,
        context.wrap_socket(raw) as peer,
    ):
        assert peer.selected_alpn_protocol() == "http/1.1"
        assert peer.version() == "TLSv1.3"
        peer.sendall(GET + b"\r\n")
        request = json.loads(read_answer(peer)[2])
    assert (request["tls"], request["peer"]) == (True, None)


def test_tls_12_is_served_with_forward_secrecy(secure):
    context = _trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw,
        context.wrap_socket(raw) as peer,
    ):
        name = peer.cipher()[0]
    assert name.startswith("ECDHE-")
    assert "GCM" in name or "CHACHA20" in name


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-SHA"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_protocols_and_weaker_ciphers_are_refused(secure, version, ciphers):
    context = _trusting()
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(raw)


def test_the_certificate_of_a_client_reaches_the_application(secure, directory):
    context = _trusting()
    context.load_cert_chain(directory / "client.pem", directory / "client.key")
    client = http.client.HTTPSConnection("127.0.0.1", secure.port, context=context, timeout=PATIENCE)
    client.request("GET", "/echo")
    request = json.loads(client.getresponse().read())
    client.close()
    der = ssl.PEM_cert_to_DER_cert((directory / "client.pem").read_text())
    assert request["peer"] == hashlib.sha256(der).hexdigest()


def test_a_client_certificate_of_an_unknown_authority_is_refused(secure, tmp_path):
    stranger = make_certificate(tmp_path, "stranger")
    context = _trusting()
    context.load_cert_chain(stranger.certificate, stranger.private_key)
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw,
        context.wrap_socket(raw) as peer,  # TLS 1.3 tells a client of its refusal when it reads
    ):
        peer.sendall(GET + b"\r\n")
        assert read_all(peer) == b""


def test_plain_http_on_a_tls_port_gets_nothing(secure):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as peer:
        peer.sendall(GET + b"\r\n")
        assert b"HTTP" not in read_all(peer)
    assert secure.get()["tls"] is True


def test_a_hangup_reads_the_certificate_again_and_a_bad_one_changes_nothing(start, tmp_path):
    first, second = make_certificate(tmp_path, "first"), make_certificate(tmp_path, "second")
    live = tmp_path / "live.pem", tmp_path / "live.key"

    def install(certificate: bytes, key: bytes) -> None:
        live[0].write_bytes(certificate)
        live[1].write_bytes(key)

    install(first.certificate.read_bytes(), first.private_key.read_bytes())
    server = start(certificate=live[0], private_key=live[1])
    assert presented(server) == first.der
    install(second.certificate.read_bytes(), first.private_key.read_bytes())
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert presented(server) == first.der
    install(second.certificate.read_bytes(), second.private_key.read_bytes())
    server.process.send_signal(signal.SIGHUP)
    until(lambda: presented(server) == second.der)


def presented(server: Server) -> bytes:
    with server.connect() as peer:
        assert isinstance(peer, ssl.SSLSocket)
        return peer.getpeercert(binary_form=True) or b""


def until(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


# -- work: threads, room, durability ----------------------------------------------------------------------------------


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
    time.sleep(0.2)
    started = time.monotonic()
    for _ in range(5):
        server.get()
    quick = time.monotonic() - started
    blocked.join()
    assert quick < 0.3


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
            peer.sendall(b"GET /sleep?seconds=1 HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.2)
        started = time.monotonic()
        with server.connect() as peer:
            peer.sendall(GET + b"\r\n")
            status, headers, body = read_answer(peer)
            assert (status, headers["retry-after"], body) == (503, "1", b"busy: /echo")
            assert time.monotonic() - started < 0.3
            for each in held:
                assert read_answer(each)[0] == 200
            peer.sendall(GET + b"\r\n")
            assert read_answer(peer)[0] == 200


def test_an_answer_does_not_leave_before_it_is_durable_and_holds_no_thread(start):
    server = start(threads=1)
    with server.connect() as peer:
        peer.sendall(b"GET /durable?seconds=0.6 HTTP/1.1\r\n" + HOST + b"\r\n")
        started = time.monotonic()
        assert server.get()["path"] == "/echo"
        assert time.monotonic() - started < 0.4
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(PATIENCE)
        assert read_answer(peer)[::2] == (200, b"stored")
        assert time.monotonic() - started > 0.55


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
    started = time.monotonic()
    answer = server.send(b"GET /sleep?seconds=1 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert time.monotonic() - started < 2.5
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


# -- slow peers -------------------------------------------------------------------------------------------------------

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40  # the beginning of a TLS hello
CROWD = 40


def tcp(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def half_a_hello(server: Server) -> socket.socket:
    peer = tcp(server)
    peer.sendall(HELLO)
    return peer


def after(octets: bytes) -> Callable[[Server], socket.socket]:
    def connect(server: Server) -> socket.socket:
        peer = server.connect()
        peer.sendall(octets)
        return peer

    return connect


def after_an_answer(server: Server) -> socket.socket:
    peer = server.connect()
    peer.sendall(GET + b"\r\n")
    assert read_answer(peer)[0] == 200
    return peer


STALLED: dict[str, tuple[Callable[[Server], socket.socket], bytes]] = {
    "silent TCP": (tcp, b""),
    "half a TLS hello": (half_a_hello, b""),
    "silent TLS": (after(b""), b""),
    "half a head": (after(GET + b"X-Half: "), b"HTTP/1.1 408 "),
    "half a body": (after(POST + b"Content-Length: 100\r\n\r\n<a"), b"HTTP/1.1 408 "),
    "half a chunk": (after(POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n<a"), b"HTTP/1.1 408 "),
    "an idle kept connection": (after_an_answer, b""),
}


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
            started = time.monotonic()
            impatient.get()
            assert time.monotonic() - started < 0.3
        started = time.monotonic()
        for peer in stalled:
            assert read_all(peer).startswith(last_words)
        assert time.monotonic() - started < 4


def cut_while_sending(peer: socket.socket, octets: bytes, *, pause: float) -> bool:
    """Whether the server stops taking what is sent on and on."""
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            peer.sendall(octets)
            time.sleep(pause)
    except OSError:
        return True
    return False


def test_a_head_that_trickles_is_cut_at_the_same_time(impatient):
    with impatient.connect() as peer:
        peer.sendall(GET)
        started = time.monotonic()
        assert cut_while_sending(peer, b"X: a\r\n", pause=0.1)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("kept", [True, False])
def test_a_peer_that_does_not_read_its_answer_is_cut(impatient, kept):
    octets = b"GET /big?octets=30000000 HTTP/1.1\r\n" + HOST + (b"" if kept else b"Connection: close\r\n") + b"\r\n"
    with ExitStack() as peers:
        for _ in range(3):
            peers.enter_context(impatient.connect()).sendall(octets)
        time.sleep(0.3)
        started = time.monotonic()
        impatient.get()
        assert time.monotonic() - started < 0.3
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
            started = time.monotonic()
            peers.enter_context(server.connect()).sendall(GET)
            assert time.monotonic() - started < 0.3
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


# -- life and death ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_finishes_what_is_under_way(start, workers, number):
    server = start(workers=workers)
    with server.connect() as working, server.connect() as reading, server.connect() as idle:
        idle.sendall(GET + b"\r\n")
        assert read_answer(idle)[0] == 200
        working.sendall(b"GET /sleep?seconds=0.7 HTTP/1.1\r\n" + HOST + b"\r\n")
        reading.sendall(POST + b"Content-Length: 4\r\n\r\n<a")
        time.sleep(0.2)
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
        time.sleep(0.2)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 3


def test_an_idle_server_stops_at_once_whatever_is_connected(secure, start, credentials):
    server = start(certificate=credentials.certificate, private_key=credentials.private_key)
    with ExitStack() as peers:
        for connect, _ in (STALLED["silent TCP"], STALLED["half a TLS hello"], STALLED["an idle kept connection"]):
            peers.enter_context(connect(server))
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 1.5


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
