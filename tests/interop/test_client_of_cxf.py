"""`wstrust-sts token` as a client of the STS of Apache CXF, with its stock policies and algorithms."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from benchmarks.cxf_sts import CxfSts, prepare_cxf, serving_cxf
from tests.answering import KEYS
from tests.interop.jvm import STORE_PASSWORD, run
from tests.messages import RP

ROOT = Path(__file__).parents[2]
POLICIES = ("usernamemixed", "username", "certificate", "certificatesigned")
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


def ask(cxf: CxfSts, policy: str, *options: str | Path, password: str = "clarinet"):
    """`wstrust-sts token request`, at the endpoint with this policy."""
    sts = ("--url", f"https://localhost:{cxf.port}/sts/{policy}", "--ca", cxf.ca, "--binding", policy)
    if policy != "usernamemixed":
        sts = (*sts, "--sts-certificate", message_certificate(cxf))
    who = ("--user", "alice") if policy.startswith("username") else OWN_KEY
    wish = ("--applies-to", RP, "--token-type", "saml20")
    return subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "token", "request", *map(str, (*sts, *who, *wish, *options))],
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
