"""A server process for tests (tests/system/served.py), and peers that speak to it octet by octet."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROGRAM = Path(__file__).parents[1] / "served.py"
PATIENCE = 10.0
HOST = b"Host: sts.example\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
GET = b"GET /echo HTTP/1.1\r\n" + HOST
BODY_LIMIT = 128 * 1024


@dataclass
class Server:
    """A running server, to be stopped by its process id."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path
    tls: bool = False

    def connect(self, *, timeout: float = PATIENCE) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return trusting().wrap_socket(raw) if self.tls else raw

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
            http.client.HTTPSConnection("127.0.0.1", self.port, context=trusting(), timeout=timeout)
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        )
        try:
            yield client
        finally:
            client.close()

    def working(self, count: int) -> bool:
        """Whether the application has begun with so many requests for `/sleep`."""
        begun = begun_file(self.log)
        return begun.exists() and begun.stat().st_size >= count

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def begun_file(log: Path) -> Path:
    """Gets an octet for each request for `/sleep`."""
    return log.with_suffix(".begun")


def trusting() -> ssl.SSLContext:
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
            env=os.environ | {"BEGUN": str(begun_file(log))} | (environment or {}),
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


def until(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


# -- peers that stall --------------------------------------------------------------------------------------------------

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
