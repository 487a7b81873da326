"""`check` and the TLS certificate: names, chain, use and time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from wstrust_sts.cli.checks.tls import check_tls, covers
from wstrust_sts.config import Config, SecretsSection, ServerSection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Issues certificates; `days` from noon is when its own ends."""

    def __init__(self, text: str, issuer: "Authority | None" = None, days: int = 3000) -> None:
        self.name, self.key = name(text), ec.generate_private_key(ec.SECP256R1())
        self.certificate = (issuer or self).issue(self.name, self.key.public_key(), days=days, authority=True)

    def issue(self, subject, public_key, *, days=300, authority=False, extensions=()):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOON - timedelta(days=30))
            .not_valid_after(NOON + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())


ROOT = Authority("Root")
MIDDLE = Authority("Middle", ROOT)
NAMES = x509.SubjectAlternativeName([x509.DNSName("sts.example.test"), x509.DNSName("*.wild.example.test")])
WHERE_THE_ISSUER_IS = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example.test/m.cer")
        )
    ]
)


class Files:
    """A certificate file and its key, and what check finds of them."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.private_key = directory / "server.pem", directory / "server.key"
        self.key = ec.generate_private_key(ec.SECP256R1())

    def write(self, *issuers, by=MIDDLE, key=None, days=300, extensions=(NAMES,)):
        key = key or self.key
        leaf = by.issue(name("sts"), key.public_key(), days=days, extensions=extensions)
        self.put(leaf, *(issuer.certificate for issuer in issuers))
        self.private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def put(self, *certificates):
        self.certificate.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))

    def found(self, *, listen="0.0.0.0", at=NOON, client_authorities=None):
        server = ServerSection(
            listen=(listen, 443),
            public_url="https://sts.example.test",
            certificate=self.certificate,
            private_key=self.private_key,
            client_authorities=client_authorities,
        )
        config = Config(server=server, secrets=SecretsSection(key_encryption_key_environment="UNUSED"))
        findings = list(check_tls(config, at))
        assert all(finding.problem.fix for finding in findings)
        return [(finding.warning, f"{finding.problem.where}: {finding.problem.what}") for finding in findings]


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_a_certificate_with_its_chain_is_sound(files):
    files.write(MIDDLE, extensions=(NAMES, WHERE_THE_ISSUER_IS))
    assert files.found() == []
    files.write(MIDDLE, ROOT)
    assert files.found() == []


def test_a_missing_intermediate_is_a_warning(files):
    files.write(extensions=(NAMES, WHERE_THE_ISSUER_IS))
    ((warning, what),) = files.found()
    assert warning
    assert "no intermediate certificates" in what


def test_a_chain_in_the_wrong_order_is_a_fault(files):
    files.write(ROOT, MIDDLE)
    ((warning, what),) = files.found()
    assert not warning
    assert "CN=Root in it did not issue the certificate above it" in what


def test_an_expired_intermediate_is_a_fault(files):
    files.write(Authority("Short", ROOT, days=5), by=MIDDLE)
    assert "did not issue" in files.found()[0][1]
    short = Authority("Short", ROOT, days=5)
    files.write(short, by=short)
    assert files.found()[0] == (True, f"{files.certificate}, CN=Short: expires on 2026-11-28")
    assert "expired on 2026-11-28" in files.found(at=NOON + timedelta(days=6))[0][1]


def test_a_certificate_of_tomorrow_points_to_the_clock(files):
    files.write(MIDDLE)
    assert "is not valid before" in files.found(at=NOON - timedelta(days=40))[0][1]


@pytest.mark.parametrize(
    ("listen", "warned"),
    [
        ("0.0.0.0", False),
        ("::", False),
        ("127.0.0.1", False),
        ("localhost", False),
        ("sts.example.test", False),
        ("192.0.2.7", True),
        ("node1.example.test", True),
    ],
)
def test_the_listener_has_to_be_named_when_it_is_an_address_of_its_own(files, listen, warned):
    files.write(MIDDLE)
    found = files.found(listen=listen)
    assert [warning for warning, _ in found] == ([True] if warned else [])
    assert all(f"is not for {listen}" in what for _, what in found)


def test_a_certificate_that_tls_clients_refuse_is_a_fault(files):
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    files.write(MIDDLE, extensions=(NAMES, client))
    assert "is not for TLS servers" in files.found()[0][1]
    files.write(MIDDLE, key=rsa.generate_private_key(65537, 1024))
    assert "has an RSA key of 1024 bits" in files.found()[0][1]
    files.write(MIDDLE, extensions=())
    assert "is not for sts.example.test" in files.found()[0][1]


def test_rubbish_in_either_file_is_a_fault(files):
    files.write(MIDDLE)
    files.private_key.write_text("rubbish")
    files.certificate.write_text("rubbish")
    assert [warning for warning, _ in files.found()] == [False, False]


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("sts.example.test", True),
        ("STS.example.TEST", True),
        ("a.wild.example.test", True),
        ("a.b.wild.example.test", False),
        ("wild.example.test", False),
        ("192.0.2.1", False),
    ],
)
def test_names_cover_hosts_as_tls_clients_see_it(host, covered):
    leaf = MIDDLE.issue(name("sts"), MIDDLE.key.public_key(), extensions=(NAMES,))
    assert covers(leaf, host) is covered


def test_what_client_certificates_may_chain_to_is_readable_and_in_its_time(files, tmp_path):
    files.write(MIDDLE, extensions=(NAMES, WHERE_THE_ISSUER_IS))
    listed = tmp_path / "clients.pem"
    ((warning, what),) = files.found(client_authorities=listed)
    assert not warning
    assert "clients.pem: is not a readable file of PEM certificates" in what
    short = MIDDLE.issue(name("alice"), ec.generate_private_key(ec.SECP256R1()).public_key(), days=10, extensions=())
    listed.write_bytes(ROOT.certificate.public_bytes(Encoding.PEM) + short.public_bytes(Encoding.PEM))
    ((warning, what),) = files.found(client_authorities=listed)
    assert warning
    assert "CN=alice: expires on" in what
