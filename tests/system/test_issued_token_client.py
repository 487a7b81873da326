"""`wstrust-sts token` with a token and its key in the place of a password, against a real server process over TLS."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.answering import KEYS
from tests.certificates import key
from tests.holders import RECIPIENT
from tests.running import STATE, Prepared, call_token, command, prepare, serving

POLICIES = {
    "symmetric": "issuedtokenmixedsymmetricbasic256",
    "public": "issuedtokenmixedasymmetricbasic256",
}
VERSIONS = {"13": "1.3", "2005": "2005"}
ENDPOINTS = "".join(
    f'[[endpoint]]\npath = "/{path}/{policy}"\ntrust = "{trust}"\npolicy = "{policy}"\n'
    for path, trust in VERSIONS.items()
    for policy in ("usernamemixed", "certificatemixed", "usernameissuedtokenmixed", *POLICIES.values())
)
PARTY = """
[[relying_party]]
name = "keyed"
applies_to = ["urn:keyed"]
key_types = ["bearer", "symmetric", "public"]
[relying_party.encryption]
file = "rp.der"
"""


@dataclass(frozen=True)
class Live:
    prepared: Prepared
    directory: Path

    def first(self, key_type: str, out: Path, *more: str | Path, path: str = "13"):
        """A token for the STS itself: by a password, or by the certificate that it is to be bound to."""
        how: tuple[str | Path, ...] = ("--user", "alice", "--password-file", self.directory / "alice.password")
        binding = "usernamemixed"
        if key_type == "public":
            binding, how = "certificatemixed", ("--certificate", KEYS / "alice.pem", "--key", KEYS / "alice.key")
        wish = ("--key-type", key_type, "--applies-to", f"{self.prepared.url}/13/usernamemixed", "--out", out)
        trust = ("--binding", binding, "--trust", VERSIONS[path])
        done = call_token(self.prepared, "request", *trust, *how, *wish, *more, path=f"/{path}/{binding}")
        assert done.returncode == 0, done.stderr
        return done

    def by_token(self, key_type: str, verb: str, *arguments: str | Path, path: str = "13"):
        how = ("--binding", "issuedtokenmixed", "--trust", VERSIONS[path])
        return call_token(self.prepared, verb, *how, *arguments, path=f"/{path}/{POLICIES[key_type]}")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("issued-token-client")
    (directory / "rp.der").write_bytes(RECIPIENT)
    (directory / "alice.password").write_text("clarinet\n")
    prepared = prepare(directory, state=STATE + PARTY)
    prepared.config.write_text(prepared.config.read_text() + "\n" + ENDPOINTS)
    mapped = ("certificate", "map", "alice", str(KEYS / "alice.pem"), "--config", str(prepared.config))
    command(*mapped, directory=directory)
    with serving(prepared):
        yield Live(prepared, directory)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize("token_type", ["saml11", "saml20"])
@pytest.mark.parametrize("key_type", POLICIES)
def test_a_token_with_its_key_gets_others_and_is_renewed_and_cancelled(
    live, tmp_path, key_type, token_type, path, soap
):
    own, kept, got = tmp_path / "own.xml", tmp_path / "own.key", tmp_path / "got.xml"
    live.first(key_type, own, "--token-type", token_type, "--soap", soap, path=path)
    how = ("--proof-key", KEYS / "alice.key" if key_type == "public" else kept, "--soap", soap)
    wish = ("--with-token", own, "--applies-to", "urn:keyed", "--out", got)
    for wanted in ("bearer", "symmetric"):
        done = live.by_token(key_type, "request", *how, *wish, "--key-type", wanted, path=path)
        assert done.returncode == 0, done.stderr
        assert (wanted in done.stdout, "alice" in done.stdout) == (True, True)
    assert live.by_token(key_type, "validate", got, "--with-token", own, *how, path=path).stdout.startswith("valid")
    renewed = live.by_token(key_type, "renew", own, *how, "--out", tmp_path / "renewed.xml", path=path)
    assert renewed.returncode == 0, renewed.stderr
    assert f"its key in {how[1]}." in renewed.stdout
    validated = live.by_token(key_type, "validate", tmp_path / "renewed.xml", *how, path=path)
    assert validated.stdout.startswith("valid"), validated.stderr
    cancelled = live.by_token(key_type, "cancel", tmp_path / "renewed.xml", *how, path=path)
    assert cancelled.returncode == 0, cancelled.stderr
    assert live.by_token(key_type, "validate", tmp_path / "renewed.xml", *how, path=path).returncode == 1


@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize("token_type", ["saml11", "saml20"])
def test_a_token_for_a_relying_party_is_renewed_by_a_password_and_its_secret(live, tmp_path, token_type, path):
    token = tmp_path / "token.xml"
    live.first("symmetric", token, "--token-type", token_type, "--applies-to", "urn:keyed", path=path)
    user = ("--user", "alice", "--password-file", live.directory / "alice.password", "--trust", VERSIONS[path])
    how = ("--binding", "usernameissuedtokenmixed", "--proof-key", tmp_path / "token.key", *user, "--out", token)
    secret = (tmp_path / "token.key").read_bytes()
    for _ in range(2):
        done = call_token(live.prepared, "renew", token, *how, path=f"/{path}/usernameissuedtokenmixed")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "token.key").read_bytes() == secret
    without = call_token(live.prepared, "renew", token, *user, path=f"/{path}/usernamemixed")
    assert (without.returncode, "The STS refused" in without.stderr) == (1, True)


def test_a_token_is_bound_to_the_key_of_the_one_that_proves_who_asks(live, tmp_path):
    own, got = tmp_path / "own.xml", tmp_path / "got.xml"
    live.first("public", own)
    private = KEYS / "alice.key"
    wish = ("--key-type", "public", "--use-key", private, "--applies-to", "urn:keyed", "--out", got)
    done = live.by_token("public", "request", "--with-token", own, "--proof-key", private, *wish)
    assert done.returncode == 0, done.stderr
    assert f"its key in {private}." in done.stdout


@pytest.mark.parametrize("key_type", POLICIES)
def test_another_key_than_the_tokens_gets_nothing(live, tmp_path, key_type):
    own, another = tmp_path / "own.xml", tmp_path / "another.xml"
    live.first(key_type, own)
    live.first("symmetric", another)
    if key_type == "public":
        private = key("another", "rsa-2048").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "another.key").write_bytes(private)
    how = ("--with-token", own, "--proof-key", tmp_path / "another.key", "--applies-to", "urn:keyed")
    done = live.by_token(key_type, "request", *how)
    assert done.returncode == 1
    assert "The STS refused" in done.stderr


@pytest.mark.parametrize(
    ("options", "told"), [([], "needs --with-token"), (["--with-token", KEYS / "alice.pem"], "needs --proof-key")]
)
def test_a_token_without_its_key_is_wrong_use(live, options, told):
    done = live.by_token("symmetric", "request", *options)
    assert done.returncode == 2
    assert told in done.stderr
