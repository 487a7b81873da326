"""Apache CXF's STSClient on the endpoints whose messages protect themselves: signed, and encrypted, both ways.

Told nothing but the contract, keys and certificates, CXF signs with RSA-SHA1 on `certificate`: to the letter, every
suite of WS-SecurityPolicy 1.2 does. So it meets that endpoint twice: with `algorithms = "basic256sha256"`, and with the
default algorithms and its own setting for RSA-SHA256.
"""

import json
from dataclasses import dataclass

import pytest
from lxml import etree

from tests.cases import each_of, each_token_type
from tests.interop.cxf import POLICIES, RSA_SHA256, Client, Way, secrets_of, to_endpoint
from tests.interop.endpoints import without_tls
from tests.interop.identity import message_certificate
from tests.interop.jvm import ELSEWHERE, TRUSTS, Refused
from tests.running import Prepared, command, prepare, serving
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

CXF_POLICIES = "http://cxf.apache.org/custom/security-policy"
CUSTOM = "ws-security.custom.alg.suite"
# CXF's own suite; its defaults have RSA-1.5 for key transport, and RSA-SHA1.
SUITE = {
    f"{CUSTOM}.asymmetric.key.encryption.algorithm": ns.RSA_OAEP_MGF1P,
    f"{CUSTOM}.asymmetric.signature": ns.RSA_SHA256,
}
GCM = {
    "AES-256": SUITE | {f"{CUSTOM}.encryption.algorithm": ns.AES256_GCM},
    "AES-128": SUITE
    | {
        f"{CUSTOM}.encryption.algorithm": ns.AES128_GCM,
        f"{CUSTOM}.encryption.derived.key.length": "128",
        f"{CUSTOM}.minimum.symmetric.key.length": "128",
    },
}


@dataclass(frozen=True)
class Setting:
    """An endpoint, and what CXF is told beside its policy."""

    endpoint: str
    options: dict[str, str]

    @property
    def policy(self) -> str:
        return self.endpoint.partition("-")[0]


SETTINGS = {
    "username": Setting("username", {}),
    "certificate as published": Setting("certificate-sha1", {}),
    "certificate with RSA-SHA256": Setting("certificate", RSA_SHA256),
    "certificatesigned with RSA-SHA256": Setting("certificatesigned", RSA_SHA256),
}


@pytest.fixture(scope="session")
def strangers(stranger, certificate_of_the_sts, tmp_path_factory) -> dict[str, str]:
    return secrets_of(
        stranger, stranger.trusting(certificate_of_the_sts, tmp_path_factory.mktemp("stranger") / "s.p12")
    )


setting = each_of(SETTINGS)


@pytest.fixture
def client(cxf, sts, way, setting, alices, request):
    """Makes clients of the setting under test."""

    def make(**options: str) -> Client:
        options = alices | setting.options | options
        return Client(cxf, sts, to_endpoint(way, setting.endpoint), name=request.node.name, **options)

    return make


@pytest.fixture
def simply(cxf, sts, alices, request):
    """A client of 1.3 by its WSDL, of any endpoint."""

    def make(endpoint: str, *, soap: str = "1.2", by_wsdl: bool = True, version: str = "13", **options: str) -> Client:
        way = to_endpoint(Way(TRUSTS[version], soap, by_wsdl=by_wsdl), endpoint)
        return Client(cxf, sts, way, name=request.node.name, **alices | options)

    return make


@each_token_type
def test_a_relying_party_accepts_the_token_and_it_is_valid_until_it_is_cancelled(
    client, cxf, sts, token_type, signing_certificates
):
    identifier, kind, left, _ = client(tokenType=token_type).issue()
    assert kind == token_type
    assert 3500 < int(left) <= 3600
    assert cxf.ask("verify", "token", signing_certificates) == [identifier, "alice", sts.url]
    holder = client()  # with a token type of its own, STSClient's Validate asks for a token of that type
    assert holder.validate() == ["1"]
    assert holder.cancel() == "true"
    with pytest.raises(Refused) as refused:
        holder.validate()
    assert "The token is not valid." in refused.value.text


def test_credentials_that_are_nobodys_are_failed_authentication(client, setting, strangers):
    """The fault is signed and encrypted: CXF takes no other here."""
    wrong = {"password": "trumpet"} if setting.policy == "username" else strangers
    with pytest.raises(Refused) as refused:
        client(**wrong).issue()
    assert refused.value.code == f"{{{ns.WSSE}}}FailedAuthentication"


def test_an_unregistered_address_is_invalid_scope(client, way):
    with pytest.raises(Refused) as refused:
        client().issue(ELSEWHERE)
    assert refused.value.code == f"{{{way.trust.namespace}}}InvalidScope"


@pytest.mark.parametrize("version", TRUSTS)
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_rsa_sha1_is_refused_where_the_operator_does_not_allow_it(simply, version, soap):
    """The signature is encrypted, and what is wrong behind encryption is one fault, whatever it is."""
    with pytest.raises(Refused) as refused:
        simply("certificate", version=version, soap=soap).issue()
    assert refused.value.code == f"{{{ns.WSSE}}}FailedCheck"


@pytest.mark.parametrize("version", TRUSTS)
@pytest.mark.parametrize("endpoint", ["username-confirmed", "certificate-confirmed"])
def test_the_answer_confirms_the_signature_where_the_published_policy_says_so(simply, endpoint, version):
    client = simply(endpoint, version=version)
    client.issue()
    assert client.validate() == ["1"]


@pytest.mark.parametrize("suite", GCM)
@pytest.mark.parametrize("endpoint", ["username", "certificate"])
def test_a_client_that_encrypts_with_aes_gcm_gets_its_answer_in_it(simply, endpoint, suite, tmp_path):
    """The published policy, its suite exchanged for one that is CXF's own: those of WS-SecurityPolicy have no GCM."""
    published = etree.parse(POLICIES / f"{endpoint}.xml")
    (fixed,) = published.iter(f"{{{ns.SP12}}}Basic256Sha256")
    fixed.getparent().replace(fixed, etree.Element(f"{{{CXF_POLICIES}}}CustomAlgorithmSuite"))
    published.write(tmp_path / "policy.xml")
    client = simply(endpoint, by_wsdl=False, policy=str(tmp_path / "policy.xml"), **GCM[suite])
    client.issue()
    assert client.validate() == ["1"]


FORMS = ("RequireThumbprintReference", "RequireKeyIdentifierReference", "RequireIssuerSerialReference")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", ["certificate", "certificatesigned"])
def test_a_client_that_names_its_mapped_certificate_need_not_show_it(simply, endpoint, form, tmp_path):
    """A policy without the WSDL, in which the client's certificate does not go along."""
    published = etree.parse(POLICIES / f"{endpoint}.xml")
    (token, *_) = published.iter(f"{{{ns.SP12}}}X509Token")
    token.set(f"{{{ns.SP12}}}IncludeToken", f"{ns.SP12}/IncludeToken/Never")
    token[0].insert(0, etree.Element(f"{{{ns.SP12}}}{form}"))
    published.write(tmp_path / "policy.xml")
    client = simply(endpoint, by_wsdl=False, policy=str(tmp_path / "policy.xml"), **RSA_SHA256)
    client.issue()
    assert client.validate() == ["1"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Another STS, without TLS."""
    prepared = without_tls(prepare(tmp_path_factory.mktemp("plain")))
    with serving(prepared):
        yield prepared


def test_without_tls_a_client_is_served_until_the_message_key_that_it_knows_is_retired(cxf, plain, alice, tmp_path):
    alice.map_to("alice", plain)
    known = message_certificate(plain, tmp_path / "known.pem")
    options = secrets_of(alice, alice.trusting(known, tmp_path / "known.p12"))
    way = Way(TRUSTS["13"], "1.2", by_wsdl=True)
    clients = [
        Client(cxf, plain, to_endpoint(way, "username"), name="plain username", **options),
        Client(cxf, plain, to_endpoint(way, "certificate"), name="plain certificate", **options | RSA_SHA256),
    ]
    (old,) = json.loads(_key(plain, "list", "--json"))
    _key(plain, "create")
    _key(plain, "rotate")
    for client in clients:
        client.issue()
        assert client.validate() == ["1"]
    _key(plain, "retire", old["id"])
    for client in clients:
        with pytest.raises(Refused) as refused:
            client.issue()
        assert refused.value.code == f"{{{ns.WSSE}}}InvalidSecurity"


def _key(sts: Prepared, verb: str, *arguments: str) -> str:
    return command("key", verb, "--use", "message", *arguments, "--config", str(sts.config), directory=sts.directory)
