"""The front: TLS, the certificates of its clients, and its own when it is replaced."""

import hashlib
import http.client
import json
import signal
import socket
import ssl
import time

import pytest

from tests.system.server.front import (
    GET,
    PATIENCE,
    Server,
    make_certificate,
    read_all,
    read_answer,
    trusting,
    until,
)


def test_tls_is_told_to_the_application_and_http_11_is_agreed_on(secure):
    context = trusting()
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
    context = trusting()
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
    context = trusting()
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(raw)


def test_the_certificate_of_a_client_reaches_the_application(secure, directory):
    context = trusting()
    context.load_cert_chain(directory / "client.pem", directory / "client.key")
    client = http.client.HTTPSConnection("127.0.0.1", secure.port, context=context, timeout=PATIENCE)
    client.request("GET", "/echo")
    request = json.loads(client.getresponse().read())
    client.close()
    der = ssl.PEM_cert_to_DER_cert((directory / "client.pem").read_text())
    assert request["peer"] == hashlib.sha256(der).hexdigest()


def test_a_client_certificate_of_an_unknown_authority_is_refused(secure, tmp_path):
    stranger = make_certificate(tmp_path, "stranger")
    context = trusting()
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
