"""Keys and certificates of requestors, in the forms that clients want them in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from tests.interop.jvm import run
from tests.running import Prepared, command

PASSWORD = "changeit"


@dataclass(frozen=True)
class Identity:
    """`key` and `certificate` are PEM files; in `store` (PKCS#12, password PASSWORD) both are under the alias `own`."""

    key: Path
    certificate: Path
    store: Path

    def map_to(self, account: str, sts: Prepared) -> None:
        """`wstrust-sts certificate map`."""
        arguments = ("certificate", "map", account, str(self.certificate), "--config", str(sts.config))
        command(*arguments, directory=sts.directory)

    def trusting(self, certificate: Path, store: Path, *, alias: str = "sts") -> Path:
        """A copy of the store in which `certificate` (PEM) is under the alias."""
        store.write_bytes(self.store.read_bytes())
        of_the_store = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", PASSWORD]
        run("keytool", "-importcert", "-noprompt", "-alias", alias, "-file", str(certificate), *of_the_store)
        return store


def make_identity(name: str, directory: Path) -> Identity:
    """A new key, with a certificate that vouches for itself."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    identity = Identity(directory / "own.key", directory / "own.pem", directory / "own.p12")
    identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    identity.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    sealed = BestAvailableEncryption(PASSWORD.encode())
    identity.store.write_bytes(pkcs12.serialize_key_and_certificates(b"own", key, certificate, None, sealed))
    return identity


def message_certificate(sts: Prepared, file: Path) -> Path:
    """What clients encrypt for: the first certificate of `key list --use message --pem`, into a file."""
    arguments = ("key", "list", "--use", "message", "--pem", "--config", str(sts.config))
    file.write_text(command(*arguments, directory=sts.directory))
    return file
