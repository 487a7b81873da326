"""`wstrust-sts token` by the message bindings, against a real server process over TLS."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from lxml import etree

from tests.answering import KEYS
from tests.running import Prepared, call_token, command, prepare, serving

ENDPOINTS = """
[[endpoint]]
path = "/13/username"
trust = "1.3"
policy = "username"

[[endpoint]]
path = "/13/confirming"
trust = "1.3"
policy = "username"
signature_confirmation = true

[[endpoint]]
path = "/2005/username"
trust = "2005"
policy = "username"

[[endpoint]]
path = "/13/certificate"
trust = "1.3"
policy = "certificate"

[[endpoint]]
path = "/2005/certificate"
trust = "2005"
policy = "certificate"

[[endpoint]]
path = "/sha1/certificate"
trust = "1.3"
policy = "certificate"
algorithms = "basic256-sha1"

[[endpoint]]
path = "/13/certificatesigned"
trust = "1.3"
policy = "certificatesigned"
"""
ADDRESS = "https://rp.example.test/svc"
ANOTHER = KEYS / "sts.pem"


def own_key(name: str) -> tuple[str | Path, ...]:
    return ("--certificate", KEYS / f"{name}.pem", "--key", KEYS / f"{name}.key")


@dataclass(frozen=True)
class Live:
    """A running STS, and what its operator gives to clients."""

    prepared: Prepared
    message_certificate: Path
    password: Path

    def token(self, verb: str, *arguments: str | Path, path: str = "/13/username", **environment: str):
        """`wstrust-sts token VERB`, at one endpoint."""
        if "--sts-certificate" not in arguments:
            arguments = (*arguments, "--sts-certificate", self.message_certificate)
        return call_token(self.prepared, verb, *arguments, path=path, **environment)

    def by_password(self, verb: str, *arguments: str | Path, path: str = "/13/username"):
        user = ("--binding", "username", "--user", "alice", "--password-file", self.password)
        return self.token(verb, *arguments, *user, path=path)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("message-client")
    prepared = prepare(directory)
    prepared.config.write_text(prepared.config.read_text() + ENDPOINTS)
    certificate, password = directory / "message.pem", directory / "alice.password"
    listed = ("key", "list", "--use", "message", "--pem", "--config", str(prepared.config))
    certificate.write_text(command(*listed, directory=directory))
    password.write_text("clarinet\n")
    mapped = ("certificate", "map", "alice", str(KEYS / "alice.pem"), "--config", str(prepared.config))
    command(*mapped, directory=directory)
    with serving(prepared):
        yield Live(prepared, certificate, password)


def demand_a_whole_life(run, token: Path, how: list[str], *, path: str) -> None:
    """Requested, validated, renewed, validated and cancelled by the same options."""
    done = run("request", "--applies-to", ADDRESS, "--out", token, *how, path=path)
    assert done.returncode == 0, done.stderr
    assert "alice@example.test" in done.stdout
    assert run("validate", token, *how, path=path).stdout.startswith("valid")
    assert run("renew", token, "--out", token, *how, path=path).returncode == 0
    assert run("validate", token, *how, path=path).stdout.startswith("valid")
    assert run("cancel", token, *how, path=path).returncode == 0
    assert run("validate", token, *how, path=path).returncode == 1


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/13/username", []),
        ("/13/username", ["--no-derived-keys", "--mac", "hmac-sha256", "--encryption", "aes128-gcm"]),
        ("/13/username", ["--secure-conversation", "2005", "--digest", "sha512"]),
        ("/13/confirming", ["--encryption", "aes256-gcm"]),
        ("/2005/username", ["--trust", "2005"]),
    ],
)
def test_a_token_is_requested_validated_renewed_and_cancelled_by_a_password(live, tmp_path, soap, path, options):
    demand_a_whole_life(live.by_password, tmp_path / "token.xml", ["--soap", soap, *options], path=path)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/13/certificate", ["--binding", "certificate"]),
        ("/13/certificate", ["--binding", "certificate", "--signature", "rsa-sha512", "--encryption", "aes128-gcm"]),
        ("/2005/certificate", ["--binding", "certificate", "--trust", "2005"]),
        ("/sha1/certificate", ["--binding", "certificate", "--signature", "rsa-sha1", "--digest", "sha1"]),
        ("/13/certificatesigned", ["--binding", "certificatesigned"]),
    ],
)
def test_a_token_is_requested_validated_renewed_and_cancelled_by_a_certificate(live, tmp_path, soap, path, options):
    how = ["--soap", soap, *options, *own_key("alice")]
    demand_a_whole_life(live.token, tmp_path / "token.xml", how, path=path)


def test_what_a_certificate_proved_is_not_carried_on_by_a_password(live, tmp_path):
    token, own = tmp_path / "token.xml", ["--binding", "certificate", *own_key("alice")]
    asked = live.token("request", "--applies-to", ADDRESS, "--out", token, *own, path="/13/certificate")
    assert "X509" in asked.stdout
    kept = live.token("renew", token, *own, path="/13/certificate")
    assert "X509" in kept.stdout
    made = live.by_password("renew", token, path="/13/username")
    assert (made.returncode, "X509" in made.stdout) == (0, False)
    assert "classes:Password" in made.stdout


def test_a_signature_that_the_endpoint_does_not_take_is_told_with_what_to_do(live):
    sha1 = ("--binding", "certificate", "--signature", "rsa-sha1", *own_key("alice"))
    done = live.token("request", "--applies-to", ADDRESS, *sha1, path="/13/certificate")
    assert done.returncode == 1
    assert "the algorithms" in done.stderr


def test_a_sealed_fault_is_told_as_any_other(live, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    user = ("--binding", "username", "--user", "alice", "--password-file", tmp_path / "wrong")
    done = live.token("request", "--applies-to", ADDRESS, *user)
    assert done.returncode == 1
    assert "FailedAuthentication" in done.stderr
    assert "not protected" not in done.stderr
    assert done.stderr.partition("correlation id ")[2][:32] in live.prepared.log.read_text()


def test_a_trace_shows_both_messages_and_neither_password_nor_key(live, tmp_path):
    trace = tmp_path / "trace.xml"
    assert live.by_password("request", "--applies-to", ADDRESS, "--trace", trace).returncode == 0
    assert trace.stat().st_mode & 0o777 == 0o600
    assert "clarinet" not in trace.read_text()
    assert [message.get("direction") for message in etree.parse(trace).getroot()] == ["request", "answer"]


def test_the_wrong_certificate_of_the_sts_is_told_with_what_to_do(live):
    done = live.by_password("request", "--applies-to", ADDRESS, "--sts-certificate", ANOTHER)
    assert done.returncode == 1
    assert "check --sts-certificate" in done.stderr


@pytest.mark.parametrize("binding", ["certificate", "certificatesigned"])
def test_a_certificate_that_nobody_knows_gets_a_fault_and_that_one_is_proven(live, binding):
    own = own_key("myservice")
    done = live.token("request", "--applies-to", ADDRESS, "--binding", binding, *own, path=f"/13/{binding}")
    assert done.returncode == 1
    assert "FailedAuthentication" in done.stderr
    assert "not protected" not in done.stderr


def test_a_key_under_a_password_opens_with_it_alone(live, tmp_path):
    key = tmp_path / "alice.key"
    plain = load_pem_private_key((KEYS / "alice.key").read_bytes(), None)
    sealed = BestAvailableEncryption(b"drum")
    key.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
    asked = ["request", "--applies-to", ADDRESS, "--binding", "certificate", "--certificate", KEYS / "alice.pem"]
    asked += ["--key", key]
    right = live.token(*asked, path="/13/certificate", WSTRUST_STS_KEY_PASSWORD="drum")
    assert right.returncode == 0, right.stderr
    wrong = live.token(*asked, path="/13/certificate", WSTRUST_STS_KEY_PASSWORD="bass")
    assert "does not open with this password" in wrong.stderr


WRONG_USE = {
    "a password without a user": (["--binding", "username"], "needs --user"),
    "a certificate without one": (["--binding", "certificate"], "needs --certificate"),
    "a certificate without its key": (
        ["--binding", "certificate", "--certificate", KEYS / "alice.pem"],
        "needs --key",
    ),
    "a certificate and a password": (["--binding", "certificate", "--user", "alice"], "does not use --user"),
    "protection that TLS does": (["--user", "alice"], "does not use --sts-certificate"),
}


@pytest.mark.parametrize(("options", "told"), WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use_is_told_with_the_option_that_is_missing_or_too_much(live, options, told):
    done = live.token("request", *options)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        (KEYS / "alice.pem", KEYS / "sts.key", "is not the one of the certificate"),
        (KEYS / "alice.key", KEYS / "alice.key", "not a PEM file with a certificate"),
        (KEYS / "alice.pem", KEYS / "alice.pem", "not a PEM file with a private key"),
    ],
)
def test_files_that_do_not_fit_are_told(live, certificate, key, told):
    done = live.token("request", "--binding", "certificate", "--certificate", certificate, "--key", key)
    assert done.returncode == 1
    assert told in done.stderr
