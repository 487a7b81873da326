"""What the client says where there is no answer: the reason, and where to look."""

import socket
import ssl
import threading
from contextlib import closing

import pytest

from wstrust_sts.cli.sts_connection import NoAnswer, StsConnection


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


def refusal_of(connection: StsConnection) -> str:
    with pytest.raises(NoAnswer) as refused:
        connection.post(b"<a/>", {}, hidden=True)
    return refused.value.message


def test_where_nothing_listens_the_server_or_the_address_is_named():
    told = refusal_of(StsConnection(url=f"http://127.0.0.1:{free_port()}/trust"))
    assert "nothing listens there. Start the server, or correct --url." in told
    assert "Errno" not in told


def test_a_server_that_hangs_up_on_plain_http_may_want_https():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def hang_up() -> None:
            peer, _ = listener.accept()
            with closing(peer):
                peer.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        told = refusal_of(StsConnection(url=f"http://127.0.0.1:{listener.getsockname()[1]}/trust"))
        thread.join()
    assert told.endswith("If it speaks TLS, write https.")


def test_a_broken_handshake_names_the_certificate_that_was_shown(tmp_path):
    connection = StsConnection(
        url="https://sts.example.test/", certificate=tmp_path / "me.pem", key=tmp_path / "me.key"
    )
    assert "takes --certificate only if" in connection.explain(ssl.SSLEOFError(8, "EOF occurred"))
    assert "--certificate" not in StsConnection(url="https://sts.example.test/").explain(ssl.SSLEOFError(8, "EOF"))
