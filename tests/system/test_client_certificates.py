"""What TLS says of a client's certificate: real handshakes with the listener's own context.

Python's TLS verifies a certificate against a file, or does not ask for one: a handshake cannot leave it to the
application whether to trust it. So the file names everything that is acceptable, pinned certificates themselves too.
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import CA_EXTENSIONS, Key, Wanted, key, purposes, subject
from tests.certificates import SERVER as FOR_SERVERS
from wstrust_sts.server.settings import ServerSettings
from wstrust_sts.server.tls import tls_context

NOW = datetime.now(UTC)
LIFE = {"begins": NOW - timedelta(days=2), "ends": NOW + timedelta(days=2)}


def certify(name: str, *, by: str | None = None, own: Key | None = None, **more) -> bytes:
    """A certificate for `name`'s key, by the authority `by` or by itself."""
    issuer = by or name
    made = {"subject": subject(name), "key": own or key(name), "issuer": subject(issuer), "issuer_key": key(issuer)}
    return Wanted(**(made | LIFE | more)).made()


ROOT = certify("tls-root", extensions=CA_EXTENSIONS)
MIDDLE = certify("tls-middle", by="tls-root", extensions=CA_EXTENSIONS)
CLIENTS = {
    "pinned": certify("tls-pinned"),
    "of the root": certify("tls-of-root", by="tls-root"),
    "of the middle": certify("tls-of-middle", by="tls-middle"),
    "expired": certify("tls-expired", by="tls-root", ends=NOW - timedelta(days=1)),
    "for servers": certify("tls-server", by="tls-root", extensions=purposes(FOR_SERVERS)),
    "impostor": certify("tls-root", own=key("tls-impostor"), issuer_key=key("tls-impostor")),
}
KEYS = {
    "pinned": "tls-pinned",
    "of the root": "tls-of-root",
    "of the middle": "tls-of-middle",
    "expired": "tls-expired",
    "for servers": "tls-server",
    "impostor": "tls-impostor",
}


def pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)


@pytest.fixture
def listener(tmp_path: Path):
    """Makes the listener's context; `listed` is what client_authorities hold, None for no such file."""
    certificate, private_key = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_text(pem(certify("tls-listener")))
    private_key.write_bytes(key("tls-listener").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def make(listed: list[bytes] | None) -> ssl.SSLContext:
        authorities = tmp_path / "clients.pem"
        authorities.write_text("".join(map(pem, listed or [])))
        settings = ServerSettings(
            certificate=certificate,
            private_key=private_key,
            client_authorities=None if listed is None else authorities,
        )
        context = tls_context(settings)
        assert context is not None
        return context

    return make


@pytest.fixture
def client(tmp_path: Path):
    """Makes a client's context that shows one of CLIENTS, or nothing."""

    def make(name: str | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        if name is not None:
            file = tmp_path / "client.pem"
            private = key(KEYS[name]).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write_text(pem(CLIENTS[name]) + private.decode())
            context.load_cert_chain(file)
        return context

    return make


def shake(listener: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None):
    """(the certificate that the listener saw, the client's session). Raises SSLError as the listener does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, session=session)
    ours = listener.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ours.write(b"x")
    assert theirs.read(1) == b"x"
    assert session is None or theirs.session_reused
    return ours.getpeercert(binary_form=True), theirs.session


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        ([CLIENTS["pinned"]], "pinned"),
        ([ROOT], "of the root"),
        ([MIDDLE], "of the middle"),  # its own authority is not there
        ([CLIENTS["of the root"]], "of the root"),  # pinned, though an authority issued it
        ([ROOT, CLIENTS["pinned"]], "pinned"),
    ],
)
def test_a_certificate_that_is_listed_or_chains_to_one_is_seen(listener, client, version, listed, shown):
    seen, _ = shake(listener(listed), client(shown, version))
    assert seen == CLIENTS[shown]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        ([ROOT], "pinned"),
        ([CLIENTS["pinned"]], "of the root"),
        ([ROOT], "of the middle"),  # the client did not send the middle
        ([ROOT], "expired"),
        ([ROOT], "for servers"),
        ([ROOT], "impostor"),  # the authority's names, and another key
    ],
)
def test_any_other_certificate_ends_the_handshake(listener, client, version, listed, shown):
    with pytest.raises(ssl.SSLError):
        shake(listener(listed), client(shown, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_may_have_no_certificate(listener, client, version):
    assert shake(listener([ROOT]), client(None, version))[0] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_listener_without_client_authorities_asks_nobody(listener, client, version):
    assert shake(listener(None), client("pinned", version))[0] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_has_the_certificate_of_the_first(listener, client, version):
    ours, theirs = listener([CLIENTS["pinned"]]), client("pinned", version)
    _, session = shake(ours, theirs)
    seen, _ = shake(ours, theirs, session)
    assert seen == CLIENTS["pinned"]
