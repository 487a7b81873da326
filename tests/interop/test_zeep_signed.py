"""zeep with X.509 signatures on `certificatesigned`: its own plug-in needs a tolerance, the one in examples/ none."""

from datetime import UTC, datetime

import pytest
import requests
import xmlsec
import zeep
from lxml import etree
from zeep.exceptions import SignatureVerificationFailed
from zeep.transports import Transport
from zeep.wsse import utils
from zeep.wsse.signature import BinarySignature

from examples.zeep_signature import SignedMessages
from tests.interop.zeep_ports import PORTS, VERSIONS, code_of
from tests.messages import RP
from wstrust_sts import ns

pytestmark = pytest.mark.client("zeep", version=zeep.__version__)

RSA_SHA256 = {"signature_method": xmlsec.Transform.RSA_SHA256, "digest_method": xmlsec.Transform.SHA256}


class Client:
    """A zeep client of one port, with a plug-in for the Security header."""

    def __init__(self, sts, version: str, soap: str, wsse, endpoint: str = "certificatesigned"):
        self.trust = VERSIONS[version]
        session = requests.Session()
        session.trust_env = False
        session.verify = str(sts.ca)
        transport = Transport(session=session)
        self.zeep = zeep.Client(f"{sts.url}/trust/{version}/{endpoint}?wsdl", transport=transport, wsse=wsse)
        (service,) = self.zeep.wsdl.services.values()
        self.service = self.zeep.bind(service.name, PORTS[soap])

    def issue(self, token_type: str = ns.TP11_SAML20, address: str = RP):
        applies_to = {"EndpointReference": {"Address": address}}
        answer = self.service.Issue(TokenType=token_type, RequestType=f"{self.trust}/Issue", AppliesTo=applies_to)
        response = answer.RequestSecurityTokenResponse[0] if self.trust == ns.WST13 else answer
        return response.RequestedSecurityToken._value_1

    def validate(self, assertion) -> str:
        kinds = {"TokenType": f"{self.trust}/RSTR/Status", "RequestType": f"{self.trust}/Validate"}
        answer = self.service.Validate(**kinds, ValidateTarget={"_value_1": assertion})
        return answer.Status.Code.removeprefix(f"{self.trust}/status/")

    def cancel(self, assertion) -> None:
        self.service.Cancel(RequestType=f"{self.trust}/Cancel", CancelTarget={"_value_1": assertion})


class StockSignature(BinarySignature):
    """zeep's own, with a Timestamp to sign. It would verify the answer with the client's certificate; it takes any."""

    def apply(self, envelope, headers):
        created = utils.WSU.Created(f"{datetime.now(UTC):%FT%TZ}")
        utils.get_security_header(envelope).append(utils.WSU.Timestamp(created))
        return super().apply(envelope, headers)

    def verify(self, envelope):
        return envelope


@pytest.fixture
def signing(sts, alice, certificate_of_the_sts) -> SignedMessages:
    return SignedMessages(alice.key, alice.certificate, certificate_of_the_sts)


@pytest.mark.parametrize("token_type", [ns.TP11_SAML20, ns.TP11_SAML11], ids=["saml20", "saml11"])
def test_issue_validate_cancel_with_signed_answers(sts, versions, signing, token_type):
    client = Client(sts, *versions, signing)
    assertion = client.issue(token_type)
    namespace = ns.SAML20 if token_type == ns.TP11_SAML20 else ns.SAML11
    assert assertion.tag == f"{{{namespace}}}Assertion"
    assert client.validate(assertion) == "valid"
    client.cancel(assertion)
    assert client.validate(assertion) == "invalid"


def test_the_stock_plug_in_leaves_the_addressing_headers_unsigned_and_is_refused(sts, versions, alice):
    stock = StockSignature(str(alice.key), str(alice.certificate), **RSA_SHA256)
    with pytest.raises(zeep.exceptions.Fault) as refused:
        Client(sts, *versions, stock).issue()
    assert code_of(refused.value) == "InvalidSecurity"


def test_the_stock_plug_in_is_enough_where_unsigned_addressing_headers_are_tolerated(sts, versions, alice):
    stock = StockSignature(str(alice.key), str(alice.certificate), **RSA_SHA256)
    client = Client(sts, *versions, stock, endpoint="certificatesigned-zeep")
    assert client.validate(client.issue()) == "valid"


def test_a_certificate_that_is_nobodys_is_failed_authentication(sts, versions, stranger, certificate_of_the_sts):
    signing = SignedMessages(stranger.key, stranger.certificate, certificate_of_the_sts)
    with pytest.raises(zeep.exceptions.Fault) as refused:
        Client(sts, *versions, signing).issue()
    assert code_of(refused.value) == "FailedAuthentication"


def test_an_unregistered_address_is_invalid_scope(sts, versions, signing):
    with pytest.raises(zeep.exceptions.Fault) as refused:
        Client(sts, *versions, signing).issue(address="https://unknown.example.test/")
    assert code_of(refused.value) == "InvalidScope"


def test_an_answer_that_another_key_signed_is_not_taken(sts, versions, alice):
    with pytest.raises(SignatureVerificationFailed):
        Client(sts, *versions, SignedMessages(alice.key, alice.certificate, alice.certificate)).issue()


class Changing(SignedMessages):
    """Gets an answer that was changed on its way."""

    def verify(self, envelope):
        self.change(envelope)
        return super().verify(envelope)


def _text(envelope) -> None:
    next(envelope.iter(f"{{{ns.SAML20}}}NameID")).text = "mallory"


def _wrap(envelope) -> None:
    """The signed Body moves into a header, and another one takes its place."""
    body = envelope[-1]
    other = etree.fromstring(etree.tostring(body))
    etree.SubElement(envelope[0], "kept").append(body)
    envelope.append(other)
    _text(other)


def _strip(envelope) -> None:
    (signature,) = envelope[0].iterfind(f"{{{ns.WSSE}}}Security/{{{ns.DS}}}Signature")
    signature.getparent().remove(signature)


@pytest.mark.parametrize("change", [_text, _wrap, _strip])
def test_an_answer_that_was_changed_is_not_taken(sts, alice, certificate_of_the_sts, change):
    changing = Changing(alice.key, alice.certificate, certificate_of_the_sts)
    changing.change = change
    with pytest.raises(SignatureVerificationFailed):
        Client(sts, "13", "1.2", changing).issue()
