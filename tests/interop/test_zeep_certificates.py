"""zeep, unmodified, with a certificate for TLS: its session shows it, and the message holds a Timestamp alone."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
import zeep
from zeep.transports import Transport
from zeep.wsse import utils

from tests.interop.zeep_ports import PORTS, TOKEN_TYPES, VERSIONS, code_of
from tests.messages import RP
from wstrust_sts import ns

pytestmark = pytest.mark.client("zeep", version=zeep.__version__)


class TimestampAlone:
    """A zeep plug-in for the Security header."""

    def apply(self, envelope, headers):
        now = datetime.now(UTC)
        created, expires = (f"{moment:%FT%TZ}" for moment in (now, now + timedelta(minutes=5)))
        stamp = utils.WSU.Timestamp(utils.WSU.Created(created), utils.WSU.Expires(expires))
        utils.get_security_header(envelope).append(stamp)
        return envelope, headers

    def verify(self, envelope):
        return envelope


class Client:
    """A zeep client of one port; `identity` is what its TLS shows, None for nothing."""

    def __init__(self, sts, version: str, soap: str, identity):
        self.trust = VERSIONS[version]
        session = requests.Session()
        session.trust_env = False
        session.verify = str(sts.ca)
        session.cert = None if identity is None else (str(identity.certificate), str(identity.key))
        wsdl = f"{sts.url}/trust/{version}/certificatetransport?wsdl"
        client = zeep.Client(wsdl, transport=Transport(session=session), wsse=TimestampAlone())
        (service,) = client.wsdl.services.values()
        self.service = client.bind(service.name, PORTS[soap])

    def issue(self, token_type: str = ns.TP11_SAML20):
        applies_to = {"EndpointReference": {"Address": RP}}
        answer = self.service.Issue(TokenType=token_type, RequestType=f"{self.trust}/Issue", AppliesTo=applies_to)
        response = answer.RequestSecurityTokenResponse[0] if self.trust == ns.WST13 else answer
        return response.RequestedSecurityToken._value_1


@pytest.mark.parametrize("token_type", TOKEN_TYPES, ids=["saml20", "saml11"])
def test_a_certificate_of_tls_gets_a_token(sts, versions, alice, token_type):
    tag, _ = TOKEN_TYPES[token_type]
    assert Client(sts, *versions, alice).issue(token_type).tag == tag


def test_without_a_certificate_or_with_nobody_s_there_is_none(sts, versions, stranger):
    for identity, code in ((None, "InvalidSecurity"), (stranger, "FailedAuthentication")):
        with pytest.raises(zeep.exceptions.Fault) as refused:
            Client(sts, *versions, identity).issue()
        assert code_of(refused.value) == code
