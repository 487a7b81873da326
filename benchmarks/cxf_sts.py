"""The STS of Apache CXF as a process: its jars, its keys, its policies, `cxf/CxfSts.java` compiled and started."""

import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from tests.interop.jvm import fetch, run
from tests.running import Prepared, free_port

CXF_VERSION = "4.1.5"  # as tests/interop/java/cxf/pom.xml says
HEAP = "512m"
READY = b"CxfSts is ready"
_SOURCE = Path(__file__).parent / "cxf" / "CxfSts.java"
_SEALED = BestAvailableEncryption(b"changeit")
_PATIENCE = 60.0
# On the class path it would announce every endpoint to the local network.
_UNWANTED = "ws-discovery"


@dataclass(frozen=True, slots=True)
class CxfSts:
    """Compiled, with its keys, not yet running."""

    directory: Path
    port: int
    class_path: str
    ca: Path

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def message_certificate(self) -> x509.Certificate:
        """What requests are encrypted for: it has one key for all."""
        stored = (self.directory / "signing.p12").read_bytes()
        _, certificate, _ = pkcs12.load_key_and_certificates(stored, b"changeit")
        assert certificate is not None
        return certificate

    def trust(self, certificate: Path) -> None:
        """From its next start on it takes messages that are signed with this certificate (PEM)."""
        store = ("-keystore", str(self.directory / "clients.p12"), "-storetype", "PKCS12", "-storepass", "changeit")
        run("keytool", "-importcert", "-noprompt", "-alias", certificate.stem, "-file", str(certificate), *store)


def prepare_cxf(directory: Path, *, tls: Prepared, policies: Sequence[Path]) -> CxfSts:
    """In a new `directory`, with the TLS certificate of an STS of ours, and an endpoint for each policy document.

    Needs a JDK of 17 or later and Maven, which fetches the jars.
    """
    directory.mkdir()
    libraries = directory / "libraries"
    fetch("cxf", libraries)
    jars = ":".join(str(path) for path in sorted(libraries.glob("*/lib/*.jar")) if _UNWANTED not in path.name)
    run("javac", "-proc:none", "-d", str(libraries / "classes"), "-cp", jars, str(_SOURCE))
    class_path = f"{libraries / 'classes'}:{jars}"
    certificates = x509.load_pem_x509_certificates((tls.directory / "server.pem").read_bytes())
    key = load_pem_private_key((tls.directory / "server.key").read_bytes(), None)
    _write_store(directory / "tls.p12", key, certificates)
    _write_signing_key(directory / "signing.p12")
    for policy in policies:
        (directory / policy.name).write_bytes(policy.read_bytes())
    return CxfSts(directory, free_port(), class_path, tls.ca)


@contextmanager
def serving_cxf(cxf: CxfSts) -> Iterator["subprocess.Popen[bytes]"]:
    """The server process, answering; stopped by its process id at the end."""
    arguments = ("java", f"-Xmx{HEAP}", "-cp", cxf.class_path, "CxfSts", str(cxf.port), str(cxf.directory))
    with cxf.log.open("wb") as sink:
        server = subprocess.Popen(arguments, stdout=sink, stderr=sink)
    try:
        _wait_until_ready(cxf, server)
        yield server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(20)


def ask_cxf(cxf: CxfSts, path: str, body: bytes, content_type: str) -> bytes:
    """One answer, on a connection of its own."""
    connection = HTTPSConnection("localhost", cxf.port, context=ssl.create_default_context(cafile=cxf.ca), timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        return connection.getresponse().read()
    finally:
        connection.close()


def _wait_until_ready(cxf: CxfSts, server: "subprocess.Popen[bytes]") -> None:
    """It has no address that says so: ready is when the last endpoint is there, which the program tells."""
    until = time.monotonic() + _PATIENCE
    while READY not in cxf.log.read_bytes():
        if server.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"CXF did not start:\n{cxf.log.read_text()[-3000:]}")
        time.sleep(0.01)


def _write_signing_key(store: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signing")])
    now = datetime.now(UTC)
    unsigned = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=1),
    )
    _write_store(store, key, [unsigned.sign(key, SHA256())])


def _write_store(store: Path, key: pkcs12.PKCS12PrivateKeyTypes, certificates: list[x509.Certificate]) -> None:
    """PKCS#12, with the file's name for the key's alias."""
    alias = store.stem.encode()
    store.write_bytes(pkcs12.serialize_key_and_certificates(alias, key, certificates[0], certificates[1:], _SEALED))
