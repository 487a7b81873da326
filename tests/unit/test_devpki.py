"""The development PKI."""

import datetime as dt
import ipaddress
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from wstrust_sts.devpki import DevelopmentPki, make_development_pki

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
SCRIPT = Path(__file__).parents[2] / "certs" / "make_pki.py"


@pytest.fixture
def pki(tmp_path: Path) -> DevelopmentPki:
    return make_development_pki(tmp_path / "pki", hostnames=["sts.example.test", "192.0.2.7"], now=NOW)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("localhost"),
        x509.DNSName("sts.example.test"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    ],
)
def test_the_server_certificate_verifies_for_loopback_and_for_the_given_names(pki, name):
    store = Store([certificate(pki.ca_certificate)])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(name)
    assert len(verifier.verify(certificate(pki.server_certificate), [])) == 2


def test_the_server_certificate_does_not_verify_for_another_name(pki):
    verifier = PolicyBuilder().store(Store([certificate(pki.ca_certificate)])).time(NOW)
    with pytest.raises(x509.verification.VerificationError):
        verifier.build_server_verifier(x509.DNSName("other.example.test")).verify(
            certificate(pki.server_certificate), []
        )


def test_the_files_serve_tls_under_the_strict_rules_of_a_client(pki):
    """A handshake in memory, with the checks of RFC 5280 that newer Pythons make by default."""
    pki = make_development_pki(pki.server_key.parent, now=dt.datetime.now(dt.UTC), force=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server_certificate, pki.server_key)
    client = ssl.create_default_context(cafile=str(pki.ca_certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(3):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version() == "TLSv1.3"


def test_the_key_belongs_to_the_server_certificate_and_only_its_owner_can_read_it(pki):
    key = load_pem_private_key(pki.server_key.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == certificate(pki.server_certificate).public_key()
    assert stat.S_IMODE(pki.server_key.stat().st_mode) == 0o600


def test_the_key_of_the_ca_is_not_kept(pki):
    assert sorted(path.name for path in pki.server_key.parent.iterdir()) == ["ca.pem", "server.key", "server.pem"]
    key = load_pem_private_key(pki.server_key.read_bytes(), password=None)
    assert key.public_key() != certificate(pki.ca_certificate).public_key()


def test_the_server_certificate_is_no_authority_and_both_say_what_they_are_for(pki):
    server = certificate(pki.server_certificate)
    assert server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    for path in (pki.ca_certificate, pki.server_certificate):
        assert "DEVELOPMENT ONLY" in certificate(path).subject.rfc4514_string()


@pytest.mark.parametrize("present", ["ca.pem", "server.pem", "server.key"])
def test_existing_files_are_never_replaced_unless_forced(tmp_path, present):
    (tmp_path / present).write_text("precious")
    with pytest.raises(FileExistsError, match=present):
        make_development_pki(tmp_path, now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "precious"


def test_force_replaces_all_of_them_and_tightens_the_mode_of_the_key(tmp_path):
    (tmp_path / "server.key").write_text("old")
    (tmp_path / "server.key").chmod(0o644)
    pki = make_development_pki(tmp_path, now=NOW, force=True)
    assert b"PRIVATE KEY" in pki.server_key.read_bytes()
    assert stat.S_IMODE(pki.server_key.stat().st_mode) == 0o600


def test_a_link_in_the_place_of_a_file_is_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    directory = tmp_path / "pki"
    directory.mkdir()
    (directory / "server.key").symlink_to(elsewhere)
    with pytest.raises(FileExistsError):
        make_development_pki(directory, now=NOW)
    make_development_pki(directory, now=NOW, force=True)
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    "name", ["", "a b", "-a.example", "a..b", "exämple.test", "x" * 64, "a.*.b", "host\n", "10.0.0.0/8"]
)
def test_a_name_that_is_no_host_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ValueError, match="neither a DNS name nor an IP address"):
        make_development_pki(tmp_path / "pki", hostnames=[name], now=NOW)
    assert not (tmp_path / "pki").exists()


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_the_script_makes_the_pki_and_says_that_it_is_for_development(tmp_path):
    done = run_script(str(tmp_path), "--name", "sts.example.test")
    assert done.returncode == 0
    assert done.stdout.split() == [str(tmp_path / name) for name in ("ca.pem", "server.pem", "server.key")]
    assert "FOR DEVELOPMENT ONLY" in done.stderr


def test_the_script_refuses_to_overwrite_and_explains_itself(tmp_path):
    (tmp_path / "ca.pem").touch()
    assert run_script(str(tmp_path)).returncode == 1
    assert run_script(str(tmp_path), "--force").returncode == 0
    assert "--force" in run_script("--help").stdout
