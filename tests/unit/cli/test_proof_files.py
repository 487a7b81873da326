"""Files of keys that tokens are bound to: as they are written and read back, and what is no such file."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.answering import KEYS
from tests.certificates import key, leaf
from wstrust_sts.cli.key_wishes import SecretKey
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.proof_files import own_key, read_own_key_file, read_proof_key, write_proof_key

BEGIN, END = "-----BEGIN SYMMETRIC KEY-----\n", "\n-----END SYMMETRIC KEY-----\n"


def pem(private) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


HELD = [
    SecretKey(b"k" * 16),
    SecretKey(bytes(range(64))),
    own_key(key("proof", "rsa-2048")),
    own_key(key("proof", "ec"), certificate=leaf("proof")),
]


@pytest.mark.parametrize("held", HELD)
def test_a_key_is_read_as_it_was_written_and_for_its_owner_alone(held, tmp_path):
    path = tmp_path / "token.key"
    path.write_text("old")
    path.chmod(0o644)
    write_proof_key(path, held)
    assert path.stat().st_mode & 0o777 == 0o600
    read = read_proof_key(path)
    assert type(read) is type(held)
    if isinstance(held, SecretKey):
        assert read == held
    else:
        assert read.proof == held.proof
        assert pem(read.private) == pem(held.private)


@pytest.mark.parametrize(
    "written",
    [
        "",
        f"{BEGIN}{END}",
        f"{BEGIN}a2tra2s={END}",
        f"{BEGIN}a2tr?2tra2tra2tra2tra2tra2s={END}",
        f"{BEGIN}{'a2tr' * 22}{END}",
        f"{BEGIN}a2tra2tra2tra2tra2tra2s={END}{BEGIN}a2tra2tra2tra2tra2tra2s={END}",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_key_is_told_with_its_file_and_without_its_content(written, tmp_path):
    path = tmp_path / "token.key"
    path.write_text(written)
    with pytest.raises(Refusal, match=r"token\.key") as refused:
        read_proof_key(path)
    assert "a2tr" not in refused.value.message


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(Refusal, match="cannot be read"):
        read_proof_key(tmp_path / "missing.key")


@pytest.mark.parametrize("kind", ["ed25519", "dsa", "ec-k1", "rsa-1024"])
def test_a_kind_of_key_that_no_token_is_bound_to_is_told(kind, tmp_path):
    path = tmp_path / "own.key"
    path.write_bytes(pem(key("proof", kind)))
    with pytest.raises(Refusal, match=r"own\.key"):
        read_own_key_file(path)


def test_a_certificate_of_another_key_is_refused(tmp_path):
    path = tmp_path / "own.pem"
    other = x509.load_der_x509_certificate(leaf("another")).public_bytes(Encoding.PEM)
    path.write_bytes((KEYS / "alice.key").read_bytes() + other)
    with pytest.raises(Refusal, match="is not of the key in it"):
        read_own_key_file(path)
    path.write_bytes((KEYS / "alice.key").read_bytes() + b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    with pytest.raises(Refusal, match="cannot be read"):
        read_own_key_file(path)
