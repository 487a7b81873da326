"""`wstrust-sts token` as a client of the STS of Apache CXF, with its stock policies and algorithms."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from benchmarks.cxf_sts import CxfSts, prepare_cxf, serving_cxf
from tests.answering import KEYS
from tests.interop.jvm import STORE_PASSWORD, run
from tests.messages import RP
from tests.running import command
from wstrust_sts.cli.proof_files import read_proof_key

ROOT = Path(__file__).parents[2]
POLICIES = (
    "usernamemixed",
    "certificatemixed",
    "usernamecertificatemixed",
    "username",
    "certificate",
    "certificatesigned",
    "secureconversationmixed",
    "secureconversation",
)
SIGNED = ("certificatemixed", "usernamecertificatemixed", "certificate", "certificatesigned")
OWN_KEY = ("--certificate", KEYS / "alice.pem", "--key", KEYS / "alice.key")


@pytest.fixture(scope="module")
def cxf(sts, tmp_path_factory):
    policies = [ROOT / "policies" / f"{policy}.xml" for policy in POLICIES]
    prepared = prepare_cxf(tmp_path_factory.mktemp("cxf-sts") / "cxf", tls=sts, policies=policies)
    store = ["-keystore", str(prepared.directory / "clients.p12"), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD]
    run("keytool", "-importcert", "-noprompt", "-alias", "alice", "-file", str(KEYS / "alice.pem"), *store)
    with serving_cxf(prepared):
        yield prepared


def message_certificate(cxf: CxfSts) -> Path:
    signing = (cxf.directory / "signing.p12").read_bytes()
    _, certificate, _ = pkcs12.load_key_and_certificates(signing, STORE_PASSWORD.encode())
    path = cxf.directory / "message.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


def ask(cxf: CxfSts, policy: str, *options: str | Path, password: str = "clarinet", verb: str = "request"):
    """`wstrust-sts token request`, or another verb, at the endpoint with this policy."""
    sts = ("--url", f"https://localhost:{cxf.port}/sts/{policy}", "--ca", cxf.ca, "--binding", policy)
    if not policy.endswith("mixed"):
        sts = (*sts, "--sts-certificate", message_certificate(cxf))
    who = ("--user", "alice") if policy.startswith("username") or policy == "secureconversationmixed" else ()
    who = (*who, *OWN_KEY) if policy in SIGNED or policy == "secureconversation" else who
    wish = ("--applies-to", RP, "--token-type", "saml20") if verb == "request" else ()
    return subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "token", verb, *map(str, (*sts, *who, *wish, *options))],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        ("usernamemixed", ()),
        ("certificatemixed", ("--signature", "rsa-sha1")),
        ("usernamecertificatemixed", ("--signature", "rsa-sha1")),
        ("username", ()),
        ("certificate", ("--signature", "rsa-sha1")),
        ("certificatesigned", ("--signature", "rsa-sha1")),
    ],
)
def test_a_token_of_cxf_is_got_by_every_binding(cxf, policy, options):
    done = ask(cxf, policy, *options)
    assert done.returncode == 0, done.stderr
    assert "SAML 2.0 assertion" in done.stdout
    assert "alice@example.test" in done.stdout


def test_an_algorithm_that_cxf_does_not_take_is_its_fault_and_told_as_unprotected(cxf):
    done = ask(cxf, "certificate")
    assert done.returncode == 1
    assert "SecurityError" in done.stderr
    assert "not protected" in done.stderr


def test_a_wrong_password_gets_nothing_of_cxf(cxf):
    done = ask(cxf, "username", password="trombone")
    assert done.returncode == 1
    assert "The STS refused" in done.stderr


def test_an_answer_of_cxf_by_another_certificate_is_not_believed(cxf):
    done = ask(cxf, "certificatesigned", "--signature", "rsa-sha1", "--sts-certificate", KEYS / "sts.pem")
    assert done.returncode == 1
    assert "--sts-certificate" in done.stderr
    assert "not protected as it must be" in done.stderr


# -- keys --------------------------------------------------------------------------------------------------------------


def inspected(cxf: CxfSts, token: Path) -> dict:
    """With the key that CXF has for the relying party."""
    private, *_ = pkcs12.load_key_and_certificates(
        (cxf.directory / "signing.p12").read_bytes(), STORE_PASSWORD.encode()
    )
    key = token.with_name("service.key")
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shown = command("token", "inspect", str(token), "--key", str(key), "--json", directory=token.parent)
    return json.loads(shown)


@pytest.mark.parametrize(
    ("policy", "token_type"), [("usernamemixed", "saml11"), ("usernamemixed", "saml20"), ("username", "saml20")]
)
def test_client_and_relying_party_share_the_key_of_a_token_of_cxf(cxf, tmp_path, policy, token_type):
    token = tmp_path / "token.xml"
    done = ask(cxf, policy, "--key-type", "symmetric", "--token-type", token_type, "--out", token)
    assert done.returncode == 0, done.stderr
    kept = read_proof_key(tmp_path / "token.key")
    assert inspected(cxf, token)["key_sha256"] == hashlib.sha256(kept.octets).hexdigest()


def test_a_key_that_cxf_makes_alone_is_zeros_and_refused(cxf, tmp_path):
    done = ask(cxf, "usernamemixed", "--key-type", "symmetric", "--no-entropy", "--out", tmp_path / "token.xml")
    assert done.returncode == 1
    assert "nothing but zeros" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_answer_of_cxf_with_one_id_twice_is_not_read_as_a_signed_one(cxf):
    """Each statement of its SAML 1.1 assertion has the same EncryptedKey, with its Id."""
    done = ask(cxf, "username", "--key-type", "symmetric", "--token-type", "saml11")
    assert done.returncode == 1
    assert "an id occurs twice" in done.stderr


@pytest.mark.parametrize("policy", ["certificatemixed", "certificate"])
def test_a_token_of_cxf_is_bound_to_the_certificate_that_proved_who_asks(cxf, tmp_path, policy):
    token = tmp_path / "token.xml"
    done = ask(cxf, policy, "--signature", "rsa-sha1", "--key-type", "public", "--out", token)
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate((KEYS / "alice.pem").read_bytes())
    assert inspected(cxf, token)["certificate_sha256"] == certificate.fingerprint(SHA256()).hex()


def test_a_token_of_cxf_is_bound_to_a_new_key(cxf, tmp_path):
    token = tmp_path / "token.xml"
    done = ask(cxf, "usernamemixed", "--key-type", "public", "--out", token)
    assert done.returncode == 0, done.stderr
    card = inspected(cxf, token)
    assert (card["key_type"], card["key"]) == ("public", "RSA, 2048 bits")


# -- security contexts -------------------------------------------------------------------------------------------------


def test_a_context_of_cxf_is_got_shown_and_validated(cxf, tmp_path):
    context = tmp_path / "context.xml"
    done = ask(cxf, "usernamemixed", "--token-type", "sct", "--out", context)
    assert done.returncode == 0, done.stderr
    assert "security context token" in done.stdout
    assert len(read_proof_key(tmp_path / "context.key").octets) == 32
    valid = ask(cxf, "usernamemixed", context, verb="validate")
    assert (valid.returncode, valid.stdout.split(":")[0]) == (0, "valid"), valid.stderr


def test_a_context_with_cxf_protects_a_request_and_is_cancelled(cxf):
    done = ask(cxf, "secureconversationmixed")
    assert done.returncode == 0, done.stderr
    assert "alice@example.test" in done.stdout
    assert done.stderr.endswith("A security context was established for this, and is cancelled.\n")


def test_an_answer_of_cxf_to_a_cancellation_that_is_not_hidden_confirms_nothing(cxf):
    """It protects its other answers under a context as the policy says."""
    done = ask(cxf, "secureconversation", "--signature", "rsa-sha1")
    assert done.returncode == 0, done.stderr
    assert "alice@example.test" in done.stdout
    assert "that it is cancelled was not confirmed" in done.stderr
    assert "is not encrypted" in done.stderr
