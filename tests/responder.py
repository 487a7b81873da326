"""Revocation lists and OCSP answers, made anew for each run, and a server on 127.0.0.1 that gives them.

The library that makes OCSP answers dates them by the clock of the machine: they are of NOW, all else is of NOON.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.certificates import CA_NAME, DAY, Key, Wanted, key, subject
from tests.fakes import NOON

HOUR = timedelta(hours=1)
# The tests' time is ahead of the machine's, so that an answer made minutes after this line is not of a time to come.
AHEAD = timedelta(minutes=30)
NOW = datetime.now(UTC).replace(microsecond=0) + AHEAD
TIMES = {"begins": NOW - DAY, "ends": NOW + DAY}
LOOPBACK = ("127.0.0.0/8",)
Give = Callable[[BaseHTTPRequestHandler, bytes], None]  # the request and its body


def crl(
    *serials: int,
    signer: Key | None = None,
    issuer: x509.Name = CA_NAME,
    begins: datetime = NOON - HOUR,
    ends: datetime = NOON + DAY,
    extensions: tuple = (),
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """A list of `serials`, by `authority()` unless another signer is told."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(begins).next_update(ends)
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begins)
        builder = builder.add_revoked_certificate(revoked.build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer or key("ca", "ec"), digest or hashes.SHA256()).public_bytes(Encoding.DER)


def responder(*more: tuple, purpose=ExtendedKeyUsageOID.OCSP_SIGNING, no_check: bool = True, **wanted) -> bytes:
    """The certificate of a responder to which `authority()` has delegated."""
    extensions = [(x509.ExtendedKeyUsage([purpose]), False), *more]
    if no_check:
        extensions.append((x509.OCSPNoCheck(), False))
    made = {
        "subject": subject("responder"),
        "key": key("responder", "ec"),
        "issuer": CA_NAME,
        "issuer_key": key("ca", "ec"),
    } | TIMES
    return Wanted(**(made | {"extensions": tuple(extensions)} | wanted)).made()


def ocsp_answer(
    certificate: bytes,
    issuer: bytes,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    begins: datetime = NOW - HOUR,
    ends: datetime | None = NOW + HOUR,
    signer: Key | None = None,
    by: bytes | None = None,
    named: bytes | None = None,
    encoding: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.HASH,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """By the issuer itself, or by the responder whose certificate is `by`; or in the name of `named`."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    load = x509.load_der_x509_certificate
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=load(certificate),
            issuer=load(issuer),
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=begins,
            next_update=ends,
            revocation_time=NOW - DAY if revoked else None,
            revocation_reason=None,
        )
        .responder_id(encoding, load(named or by or issuer))
    )
    if by is not None:
        builder = builder.certificates([load(by)])
    own = signer or key("ca" if by is None else "responder", "ec")
    return builder.sign(own, digest or hashes.SHA256()).public_bytes(Encoding.DER)


def points(*urls: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """A certificate's CRL distribution points, one for each URL."""
    made = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    return ((x509.CRLDistributionPoints(made), False),)


def access(*, ocsp: str | None = None, issuers: str | None = None) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """A certificate's authority information access."""
    named = ((AuthorityInformationAccessOID.OCSP, ocsp), (AuthorityInformationAccessOID.CA_ISSUERS, issuers))
    made = [x509.AccessDescription(oid, x509.UniformResourceIdentifier(url)) for oid, url in named if url is not None]
    return ((x509.AuthorityInformationAccess(made), False),)


class Responder:
    """What it gives by path; `asked` counts requests by path."""

    def __init__(self) -> None:
        self.gives: dict[str, Give] = {}
        self.asked: dict[str, int] = {}
        self.stopping = threading.Event()
        self.url = ""

    def at(self, path: str, give: Give | bytes) -> str:
        """The URL at which `give` is to be had from now on."""
        self.gives[path] = whole(give) if isinstance(give, bytes) else give
        return self.url + path


def whole(octets: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Give:
    def give(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(octets)))
        request.end_headers()
        request.wfile.write(octets)

    return give


def endless(request: BaseHTTPRequestHandler, _: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"\0" * 65536)


def cut_short(request: BaseHTTPRequestHandler, _: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"half")


@contextmanager
def running() -> Iterator[Responder]:
    served = Responder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            served.asked[path] = served.asked.get(path, 0) + 1
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with suppress(OSError):
                served.gives.get(path, whole(b"", 404))(self, body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        served.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def drip(served: Responder, octets: bytes = b"\0" * 10_000) -> Give:
    """One octet every 50 ms, headers too."""

    def give(request: BaseHTTPRequestHandler, _: bytes) -> None:
        for octet in b"HTTP/1.1 200 OK\r\nX: " + octets:
            if served.stopping.is_set():
                return
            request.wfile.write(bytes([octet]))
            request.wfile.flush()
            time.sleep(0.05)

    return give


def silent(served: Responder) -> Give:
    def give(request: BaseHTTPRequestHandler, _: bytes) -> None:
        served.stopping.wait(60)

    return give
