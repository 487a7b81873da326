"""zeep, unmodified, against a running STS: everything it does comes from `?wsdl`."""

import pytest
import requests
import zeep
from lxml import etree
from signxml import XMLVerifier
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from tests.holders import HOLDERS, RECIPIENT, key_info, unwrap, x509_data
from tests.interop.zeep_ports import TOKEN_TYPES, VERSIONS, code_of
from tests.messages import RP
from tests.protected import p_sha1
from tests.running import command
from wstrust_sts import ns

pytestmark = pytest.mark.client("zeep", version=zeep.__version__)


class Client:
    """A zeep client of one endpoint by one port."""

    def __init__(self, sts, version: str, soap: str, *, user: str = "alice", password: str = "clarinet"):
        self.trust = VERSIONS[version]
        session = requests.Session()
        session.trust_env = False  # else a CA bundle of the environment would take the place of ours
        session.verify = str(sts.ca)
        self.zeep = zeep.Client(
            f"{sts.url}/trust/{version}/usernamemixed?wsdl",
            transport=Transport(session=session),
            wsse=UsernameTokenWithTimestamp(user, password),
        )
        (service,) = self.zeep.wsdl.services.values()
        self.service = self.zeep.bind(service.name, next(p for p in service.ports if soap.replace(".", "") in p))

    def issue(self, token_type: str = ns.TP11_SAML20, address: str = RP, **more):
        return self.response(token_type, address, **more).RequestedSecurityToken._value_1

    def response(self, token_type: str = ns.TP11_SAML20, address: str = RP, **more):
        answer = self.service.Issue(
            TokenType=token_type,
            RequestType=f"{self.trust}/Issue",
            AppliesTo={"EndpointReference": {"Address": address}},
            **more,
        )
        return answer.RequestSecurityTokenResponse[0] if self.trust == ns.WST13 else answer

    def validate(self, assertion) -> str:
        answer = self.service.Validate(
            TokenType=f"{self.trust}/RSTR/Status",
            RequestType=f"{self.trust}/Validate",
            ValidateTarget={"_value_1": assertion},
        )
        return answer.Status.Code.removeprefix(f"{self.trust}/status/")

    def renew(self, assertion):
        answer = self.service.Renew(RequestType=f"{self.trust}/Renew", RenewTarget={"_value_1": assertion})
        return answer.RequestedSecurityToken._value_1

    def cancel(self, assertion) -> None:
        self.service.Cancel(RequestType=f"{self.trust}/Cancel", CancelTarget={"_value_1": assertion})


class UsernameTokenWithTimestamp(UsernameToken):
    """zeep's own plug-in takes a Timestamp; one per message."""

    def apply(self, envelope, headers):
        from datetime import UTC, datetime, timedelta

        from zeep.wsse import utils

        now = datetime.now(UTC)
        self.timestamp_token = utils.WSU.Timestamp(
            utils.WSU.Created(now.strftime("%Y-%m-%dT%H:%M:%SZ")),
            utils.WSU.Expires((now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")),
        )
        return super().apply(envelope, headers)


@pytest.fixture
def client(sts, versions):
    return Client(sts, *versions)


@pytest.mark.parametrize("token_type", TOKEN_TYPES, ids=["saml20", "saml11"])
def test_issue_validate_renew_cancel(client, token_type):
    assertion = client.issue(token_type)
    tag, _ = TOKEN_TYPES[token_type]
    assert assertion.tag == tag
    assert client.validate(assertion) == "valid"
    renewed = client.renew(assertion)
    assert renewed.tag == tag
    client.cancel(assertion)
    assert [client.validate(token) for token in (assertion, renewed)] == ["invalid", "valid"]


@pytest.mark.parametrize("token_type", TOKEN_TYPES, ids=["saml20", "saml11"])
def test_the_signature_survives_zeep(client, token_type, sts):
    assertion = client.issue(token_type)
    _, id_attribute = TOKEN_TYPES[token_type]
    certificate = assertion.findtext(f".//{{{ns.DS}}}X509Certificate")
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
    verified = XMLVerifier().verify(etree.tostring(assertion), x509_cert=pem, id_attribute=id_attribute)
    assert verified.signed_xml.tag == assertion.tag


def test_claims_arrive(client):
    assertion = client.issue()
    names = [attribute.get("Name") for attribute in assertion.iter(f"{{{ns.SAML20}}}Attribute")]
    assert names == [ns.CLAIM_EMAIL, "department", ns.CLAIM_ROLE]


KEYED = "https://keyed-by-zeep.example.test/svc"


@pytest.fixture(scope="module")
def keyed(sts, tmp_path_factory) -> str:
    """The address of a relying party that takes tokens with keys."""
    file = tmp_path_factory.mktemp("keyed") / "rp.der"
    file.write_bytes(RECIPIENT)
    types = ("--key-type", "bearer", "--key-type", "symmetric", "--key-type", "public")
    arguments = (
        "relying-party",
        "add",
        "keyed-by-zeep",
        "--applies-to",
        KEYED,
        *types,
        "--encryption-certificate",
        str(file),
    )
    command(*arguments, "--config", str(sts.config), directory=sts.directory)
    return KEYED


@pytest.mark.parametrize("token_type", TOKEN_TYPES, ids=["saml20", "saml11"])
def test_a_secret_of_both_sides_making(client, keyed, token_type):
    mine = bytes(range(32))
    response = client.response(
        token_type,
        keyed,
        KeyType=f"{client.trust}/SymmetricKey",
        KeySize=256,
        Entropy={"BinarySecret": {"_value_1": mine, "Type": f"{client.trust}/Nonce"}},
        ComputedKeyAlgorithm=f"{client.trust}/CK/PSHA1",
    )
    assert response.RequestedProofToken.ComputedKey == f"{client.trust}/CK/PSHA1"
    (encrypted_key, *_) = response.RequestedSecurityToken._value_1.iter(f"{{{ns.XENC}}}EncryptedKey")
    assert unwrap(encrypted_key) == p_sha1(mine, response.Entropy.BinarySecret._value_1, 32)


def test_a_secret_that_the_sts_chose(client, keyed):
    response = client.response(address=keyed, KeyType=f"{client.trust}/SymmetricKey")
    (encrypted_key,) = response.RequestedSecurityToken._value_1.iter(f"{{{ns.XENC}}}EncryptedKey")
    assert unwrap(encrypted_key) == response.RequestedProofToken.BinarySecret._value_1


def test_a_public_key_that_was_not_proved_is_refused_in_zeep_s_words(client, keyed):
    use_key = {"_value_1": etree.fromstring(key_info(x509_data(HOLDERS["rsa-2048"])))}
    with pytest.raises(zeep.exceptions.Fault) as refused:
        client.issue(address=keyed, KeyType=f"{client.trust}/PublicKey", UseKey=use_key)
    assert code_of(refused.value) == "InvalidRequest"


def test_a_wrong_password_is_zeeps_fault_with_the_right_code(sts, versions):
    client = Client(sts, *versions, password="trumpet")
    with pytest.raises(zeep.exceptions.Fault) as refused:
        client.issue()
    assert code_of(refused.value) == "FailedAuthentication"


def test_an_unregistered_address_is_zeeps_fault_with_the_right_code(client):
    with pytest.raises(zeep.exceptions.Fault) as refused:
        client.issue(address="https://unknown.example.test/")
    assert code_of(refused.value) == "InvalidScope"
