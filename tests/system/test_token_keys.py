"""`wstrust-sts token` and the keys that tokens are bound to, against a real server process over TLS: what the client
keeps is what the relying party finds in the token.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from lxml import etree

from tests.answering import KEYS, private_key
from tests.certificates import key, self_signed
from tests.holders import RECIPIENT, RECIPIENT_KEY, unwrap
from tests.running import STATE, Prepared, call_token, command, prepare, serving
from wstrust_sts import ns
from wstrust_sts.certificate_names import fingerprint

ENDPOINTS = "".join(
    f'[[endpoint]]\npath = "/{path}/{policy}"\ntrust = "{trust}"\npolicy = "{policy}"\n'
    for path, trust in (("13", "1.3"), ("2005", "2005"))
    for policy in (
        "usernamemixed",
        "certificatemixed",
        "usernamecertificatemixed",
        "certificatetransport",
        "username",
        "certificate",
    )
)
PARTIES = """
[[relying_party]]
name = "keyed"
applies_to = ["urn:keyed"]
key_types = ["bearer", "symmetric", "public"]
client_keys = true
unproved_keys = true
[relying_party.encryption]
file = "rp.der"

[[relying_party]]
name = "strict"
applies_to = ["urn:strict"]
key_types = ["symmetric", "public"]
[relying_party.encryption]
file = "rp.der"
tokens = true
"""
NOW = datetime.now(UTC)
ELLIPTIC = self_signed("bob", begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=400))
BINDINGS = ("usernamemixed", "certificatemixed", "usernamecertificatemixed", "certificatetransport", "username")


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def private_pem(private) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Live:
    """A running STS, what its operator gives to clients, and the relying party's key."""

    prepared: Prepared
    directory: Path

    def ask(self, binding: str, verb: str, *arguments: str | Path, path: str = "13", **environment: str):
        """By a binding, as alice."""
        how: list[str | Path] = ["--binding", binding]
        if binding.startswith("username"):
            how += ["--user", "alice", "--password-file", self.directory / "alice.password"]
        if "certificate" in binding:
            how += ["--certificate", KEYS / "alice.pem", "--key", KEYS / "alice.key"]
        if binding in ("username", "certificate"):
            how += ["--sts-certificate", self.directory / "message.pem"]
        at = f"/{path}/{binding}"
        return call_token(self.prepared, verb, *arguments, *how, path=at, **environment)

    def inspect(self, token: Path, *arguments: str | Path) -> dict:
        shown = command("token", "inspect", str(token), *map(str, arguments), "--json", directory=self.directory)
        return json.loads(shown)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("token-keys")
    (directory / "rp.der").write_bytes(RECIPIENT)
    (directory / "rp.key").write_bytes(private_pem(RECIPIENT_KEY))
    (directory / "bob.pem").write_bytes(pem(ELLIPTIC))
    (directory / "bob.key").write_bytes(private_pem(key("bob")))
    (directory / "alice.password").write_text("clarinet\n")
    prepared = prepare(directory, state=STATE + PARTIES)
    authorities = prepared.directory / "clients.pem"
    authorities.write_bytes((KEYS / "alice.pem").read_bytes() + pem(ELLIPTIC))
    text = prepared.config.read_text().replace("[server]\n", '[server]\nclient_authorities = "clients.pem"\n', 1)
    prepared.config.write_text(text + "\n" + ENDPOINTS)
    for account, certificate in (("alice", KEYS / "alice.pem"), ("bob", directory / "bob.pem")):
        command("certificate", "map", account, str(certificate), "--config", str(prepared.config), directory=directory)
    listed = ("key", "list", "--use", "message", "--pem", "--config", str(prepared.config))
    (directory / "message.pem").write_text(command(*listed, directory=directory))
    with serving(prepared):
        yield Live(prepared, directory)


def secret_in(path: Path) -> bytes:
    block = re.search(r"-----BEGIN SYMMETRIC KEY-----\n(.*)\n-----END", path.read_text())
    return base64.b64decode(block[1], validate=True)


def secret_of(token: Path) -> bytes:
    (encrypted_key,) = etree.parse(token).iter(f"{{{ns.XENC}}}EncryptedKey")
    return unwrap(encrypted_key)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(("path", "trust"), [("13", "1.3"), ("2005", "2005")])
@pytest.mark.parametrize("binding", [*BINDINGS, "certificate"])
def test_client_and_relying_party_share_the_key_of_a_token(live, tmp_path, binding, path, trust, soap):
    token = tmp_path / "token.xml"
    how = ("--trust", trust, "--soap", soap, "--key-type", "symmetric", "--applies-to", "urn:keyed", "--out", token)
    done = live.ask(binding, "request", *how, path=path)
    assert done.returncode == 0, done.stderr
    secret = secret_in(tmp_path / "token.key")
    assert (len(secret), secret) == (32, secret_of(token))
    assert mode_of(token) == mode_of(tmp_path / "token.key") == 0o600
    assert "symmetric" in done.stdout
    assert base64.b64encode(secret).decode() not in done.stdout + done.stderr


@pytest.mark.parametrize("token_type", ["saml11", "saml20"])
@pytest.mark.parametrize("size", [128, 192, 512])
@pytest.mark.parametrize("secret", ["--entropy", "--no-entropy", "--own-secret"])
def test_a_secret_is_made_by_both_sides_by_the_sts_or_by_the_client(live, tmp_path, secret, size, token_type):
    token = tmp_path / "token.xml"
    how = ("--key-type", "symmetric", "--key-size", size, secret, "--token-type", token_type, "--out", token)
    done = live.ask("usernamemixed", "request", *map(str, how), "--applies-to", "urn:keyed")
    assert done.returncode == 0, done.stderr
    assert 8 * len(secret_in(tmp_path / "token.key")) == size
    assert secret_in(tmp_path / "token.key") == secret_of(token)


@pytest.mark.parametrize(("path", "trust"), [("13", "1.3"), ("2005", "2005")])
@pytest.mark.parametrize(
    "binding", ["certificatemixed", "usernamecertificatemixed", "certificatetransport", "certificate"]
)
def test_a_public_key_is_that_of_the_certificate_that_proves_who_asks(live, tmp_path, binding, path, trust):
    token = tmp_path / "token.xml"
    how = ("--trust", trust, "--key-type", "public", "--applies-to", "urn:keyed", "--out", token)
    done = live.ask(binding, "request", *how, path=path)
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate((KEYS / "alice.pem").read_bytes())
    card = live.inspect(token)
    assert card["key_type"] == "public"
    assert card["certificate_sha256"] == fingerprint(certificate.public_bytes(Encoding.DER))
    assert list(tmp_path.iterdir()) == [token]  # the key stays where it is
    assert f"its key in {KEYS / 'alice.key'}." in done.stdout
    renewed = live.ask(binding, "renew", token, "--trust", trust, path=path)
    assert renewed.returncode == 0, renewed.stderr
    assert "public" in renewed.stdout
    cancelled = live.ask(binding, "cancel", token, "--trust", trust, path=path)
    assert cancelled.returncode == 0, cancelled.stderr


def test_a_password_alone_gets_a_token_for_a_new_key_where_nobody_wants_it_proved(live, tmp_path):
    token = tmp_path / "token.xml"
    done = live.ask("usernamemixed", "request", "--key-type", "public", "--applies-to", "urn:keyed", "--out", token)
    assert done.returncode == 0, done.stderr
    assert live.inspect(token)["key"] == "RSA, 2048 bits"
    assert load_pem_private_key((tmp_path / "token.key").read_bytes(), None).key_size == 2048
    refused = live.ask("usernamemixed", "request", "--key-type", "public", "--applies-to", "urn:strict")
    assert refused.returncode == 1
    assert "The STS refused" in refused.stderr


def test_a_key_that_is_named_is_the_one_that_the_token_is_bound_to(live, tmp_path):
    token = tmp_path / "token.xml"
    both = tmp_path / "both.pem"
    both.write_bytes((live.directory / "bob.pem").read_bytes() + (live.directory / "bob.key").read_bytes())
    for file, named in ((live.directory / "bob.key", False), (both, True)):
        how = ("--key-type", "public", "--use-key", file, "--applies-to", "urn:keyed", "--out", token)
        done = live.ask("usernamemixed", "request", *how)
        assert done.returncode == 0, done.stderr
        card = live.inspect(token)
        assert card["key"] == "elliptic, secp256r1"
        assert (card.get("certificate_sha256") == fingerprint(ELLIPTIC)) is named


@pytest.mark.parametrize("binding", ["certificatemixed", "certificatetransport"])
def test_an_elliptic_key_proves_who_asks(live, binding):
    own = ("--certificate", live.directory / "bob.pem", "--key", live.directory / "bob.key", "--binding", binding)
    done = call_token(live.prepared, "request", *own, "--applies-to", "urn:keyed", path=f"/13/{binding}")
    assert done.returncode == 0, done.stderr
    assert "bob" in done.stdout


def test_tls_takes_a_chain_and_a_signature_one_certificate(live, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_bytes((live.directory / "bob.pem").read_bytes() + (KEYS / "sts.pem").read_bytes())
    own = ("--certificate", chain, "--key", live.directory / "bob.key", "--applies-to", "urn:keyed", "--binding")
    by_tls = call_token(live.prepared, "request", *own, "certificatetransport", path="/13/certificatetransport")
    assert by_tls.returncode == 0, by_tls.stderr
    signed = call_token(live.prepared, "request", *own, "certificatemixed", path="/13/certificatemixed")
    assert (signed.returncode, "has 2 certificates" in signed.stderr) == (1, True)


def test_a_key_under_a_password_opens_tls_and_is_not_copied_in_the_clear(live, tmp_path):
    sealed, token = tmp_path / "sealed.key", tmp_path / "token.xml"
    by_password = BestAvailableEncryption(b"drum")
    sealed.write_bytes(private_key("alice").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, by_password))
    own = ("--certificate", KEYS / "alice.pem", "--key", sealed, "--binding", "certificatetransport")
    wish = ("--key-type", "public", "--applies-to", "urn:keyed", "--out", token)
    asked = {"path": "/13/certificatetransport"}
    right = call_token(live.prepared, "request", *own, *wish, **asked, WSTRUST_STS_KEY_PASSWORD="drum")
    assert right.returncode == 0, right.stderr
    assert sorted(tmp_path.iterdir()) == [sealed, token]
    wrong = call_token(live.prepared, "request", *own, *wish, **asked, WSTRUST_STS_KEY_PASSWORD="bass")
    assert "does not open with this password" in wrong.stderr


@pytest.mark.parametrize("token_type", ["saml11", "saml20"])
def test_an_encrypted_token_is_told_as_such_and_opened_with_its_relying_partys_key(live, tmp_path, token_type):
    token = tmp_path / "token.xml"
    how = ("--key-type", "symmetric", "--token-type", token_type, "--applies-to", "urn:strict", "--out", token)
    done = live.ask("certificatemixed", "request", *how)
    assert done.returncode == 0, done.stderr
    assert "encrypted" in done.stdout
    assert "alice@" not in done.stdout
    closed, opened = live.inspect(token), live.inspect(token, "--key", live.directory / "rp.key")
    assert "subject" not in closed
    assert (opened["subject"], opened["key_type"], opened["key_bits"]) == ("alice", "symmetric", 256)
    assert opened["key_sha256"] == fingerprint(secret_in(tmp_path / "token.key"))
    signing = tmp_path / "signing.pem"
    listed = ("key", "list", "--pem", "--config", str(live.prepared.config))
    signing.write_text(command(*listed, directory=tmp_path))
    assert live.inspect(token, "--key", live.directory / "rp.key", "--signed-by", signing)["verified"] is True


def test_what_is_encrypted_does_not_open_with_another_key(live, tmp_path):
    token = tmp_path / "token.xml"
    how = ("--key-type", "symmetric", "--applies-to", "urn:strict", "--out", token)
    assert live.ask("certificatemixed", "request", *how).returncode == 0
    with pytest.raises(AssertionError, match="does not open with the key of --key"):
        live.inspect(token, "--key", KEYS / "alice.key")


def test_how_the_token_is_encrypted_can_be_asked_for_and_refused(live, tmp_path):
    how = ("--key-type", "symmetric", "--applies-to", "urn:strict", "--encryption-algorithm")
    assert live.ask("certificatemixed", "request", *how, "aes256-gcm").returncode == 0
    refused = live.ask("certificatemixed", "request", *how, "aes128-cbc")
    assert (refused.returncode, "The STS refused" in refused.stderr) == (1, True)


def call_by_wsdl(live: Live, policy: str, *arguments: str | Path, path: str = "13"):
    who: tuple[str | Path, ...] = ("--user", "alice", "--password-file", live.directory / "alice.password")
    if "certificate" in policy:
        who = ("--certificate", KEYS / "alice.pem", "--key", KEYS / "alice.key")
    if policy in ("username", "certificate"):
        who = (*who, "--sts-certificate", live.directory / "message.pem")
    wish = ("--applies-to", "urn:keyed", "--wsdl")
    return call_token(live.prepared, "request", *who, *wish, *arguments, path=f"/{path}/{policy}")


@pytest.mark.parametrize("path", ["13", "2005"])
@pytest.mark.parametrize(
    "policy", ["usernamemixed", "certificatemixed", "certificatetransport", "username", "certificate"]
)
def test_the_wsdl_says_how_to_speak_to_an_endpoint(live, policy, path):
    done = call_by_wsdl(live, policy, path=path)
    assert done.returncode == 0, done.stderr
    assert "alice" in done.stdout


def test_what_the_wsdl_says_is_not_said_twice_and_one_that_is_not_there_is_told(live):
    doubled = call_by_wsdl(live, "usernamemixed", "--soap", "1.1")
    assert (doubled.returncode, "leave out --soap" in doubled.stderr) == (2, True)
    missing = call_by_wsdl(live, "nothing")
    assert (missing.returncode, "There is no WSDL" in missing.stderr) == (1, True)


def test_without_a_file_the_key_is_nowhere_and_that_is_said(live):
    done = live.ask("usernamemixed", "request", "--key-type", "symmetric", "--applies-to", "urn:keyed")
    assert done.returncode == 0
    assert "--out FILE keeps both" in done.stdout
    done = live.ask("usernamemixed", "request", "--key-type", "symmetric", "--applies-to", "urn:keyed", "--out", "-")
    assert etree.fromstring(done.stdout).get("ID")
    assert "--out FILE keeps both" in done.stderr


def test_for_programs_the_answer_says_in_which_files_they_are(live, tmp_path):
    how = ("--key-type", "symmetric", "--applies-to", "urn:keyed", "--out", tmp_path / "t.xml", "--json")
    told = json.loads(live.ask("usernamemixed", "request", *how).stdout)
    assert told["key_type"] == "symmetric"
    assert (told["token_file"], told["key_file"]) == (str(tmp_path / "t.xml"), str(tmp_path / "t.key"))
    assert "key_sha256" not in told or told["key_sha256"] is None


WRONG_USE = {
    "a size of no key": (["--key-size", "256"], "--key-size is for --key-type symmetric"),
    "entropy of no key": (["--entropy"], "--entropy is for --key-type symmetric"),
    "a secret of no key": (["--key-type", "public", "--own-secret"], "--own-secret is for"),
    "half an octet": (["--key-type", "symmetric", "--key-size", "129"], "whole octets"),
    "a short key": (["--key-type", "symmetric", "--key-size", "64"], "128<=x<=512"),
    "two kinds of secret": (["--key-type", "symmetric", "--own-secret", "--entropy"], "the whole key"),
    "a public key of a secret": (["--key-type", "symmetric", "--use-key", KEYS / "alice.key"], "--use-key is for"),
    "a token in a key's place": (["--out", "t.key"], "is its key's"),
    "a token to prove what a password does": (["--with-token", KEYS / "alice.pem"], "does not use --with-token"),
}


@pytest.mark.parametrize(("options", "told"), WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use_is_told(live, options, told):
    done = live.ask("usernamemixed", "request", *options)
    assert done.returncode == 2
    assert told in done.stderr
