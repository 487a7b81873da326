"""WCF of Mono with message security, in the algorithms of WCF's Basic256: both messages signed and encrypted.

Mono's has nothing for a credential over TLS alone; see docs/clients.md.
"""

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from lxml import etree

from tests.cases import each_token_type
from tests.interop.identity import PASSWORD, Identity
from tests.interop.jvm import TRUSTS, Probe, Refused, run, verify
from tests.messages import cancel, issue, validate
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication

pytestmark = pytest.mark.client("WCF of Mono", version="6.8.0.105")

SOURCE = Path(__file__).parent / "mono" / "WcfProbe.cs"
LIBRARIES = (
    *("System.ServiceModel", "System.IdentityModel"),
    *("System.IdentityModel.Selectors", "System.Runtime.Serialization"),
)
each_security = pytest.mark.parametrize("security", ["username", "certificate"])
each_trust = pytest.mark.parametrize("trust", TRUSTS)


@pytest.fixture(scope="module")
def wcf(sts, alice, certificate_of_the_sts, tmp_path_factory):
    directory = tmp_path_factory.mktemp("mono")
    program, store = directory / "probe.exe", directory / "alice.p12"
    run("mcs", f"-out:{program}", *(f"-r:{library}" for library in LIBRARIES), str(SOURCE))
    store.write_bytes(seal(alice))
    tls = sts.directory / "server.pem"
    command = ["mono", str(program), str(certificate_of_the_sts), str(tls), str(store), PASSWORD]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Probe(process)
    finally:
        process.communicate(timeout=20)


def seal(identity: Identity) -> bytes:
    """Key and certificate as Mono reads them, which is as PKCS #12 was once."""
    key = load_pem_private_key(identity.key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    builder = PrivateFormat.PKCS12.encryption_builder().key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
    sealed = builder.hmac_hash(SHA1()).build(PASSWORD.encode())
    return serialize_key_and_certificates(b"own", key, certificate, None, sealed)


@pytest.fixture
def ask(sts, wcf, security, trust):
    """Sends what is in Body; what is in that of the answer."""

    def send(operation: str, body: str, *, password: str = "clarinet") -> etree._Element:
        address = f"{sts.url}/trust/{trust}/{security}-basic256"
        action = f"{TRUSTS[trust].namespace}/RST/{operation}"
        octets = base64.b64encode(body.encode()).decode()
        (answer,) = wcf.ask("ask", address, security, trust, action, "alice", password, octets)
        return etree.fromstring(base64.b64decode(answer))

    return send


@each_token_type
@each_trust
@each_security
def test_a_token_is_issued_validated_and_cancelled(ask, trust, token_type):
    namespace = TRUSTS[trust].namespace
    answer = ask("Issue", issue(trust=namespace, token_type=token_type))
    (token,) = answer.find(f".//{{{namespace}}}RequestedSecurityToken")
    markup = etree.tostring(token, encoding="unicode")
    assert "alice" in etree.tostring(verify(markup, token_type), encoding="unicode")
    before = ask("Validate", validate(markup, trust=namespace))
    ask("Cancel", cancel(markup, trust=namespace))
    after = ask("Validate", validate(markup, trust=namespace))
    codes = [answer.findtext(f".//{{{namespace}}}Code") for answer in (before, after)]
    assert codes == [f"{namespace}/status/valid", f"{namespace}/status/invalid"]


@pytest.mark.parametrize("security", ["username"])
@each_trust
def test_a_wrong_password_is_told_by_a_fault_that_it_can_read(ask, trust):
    with pytest.raises(Refused, match=FailedAuthentication.sentence) as refused:
        ask("Issue", issue(trust=TRUSTS[trust].namespace), password="another")
    assert refused.value.code == f"{{{ns.WSSE}}}FailedAuthentication"
