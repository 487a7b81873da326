"""A service on Apache CXF whose policy wants a bearer token, and a client of it: what they know of the STS is in there.

The client has a user name and the STS's message certificate; where and how to ask, it finds by itself.
"""

import time

import pytest

from tests.interop.cxf_services import Wanted, greet, publish
from tests.interop.identity import PASSWORD
from tests.interop.jvm import TRUSTS, Refused
from tests.messages import RP
from tests.running import change, free_port
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

SERVICE = """
[[relying_party]]
name = "greeting-{port}"
applies_to = ["https://localhost:{port}/greeting"]
"""


CONDITIONS = "SAML token security failure"  # what WSS4J says of times and audiences


# Which endpoint of the STS a service names, and which token it wants.
KINDS = {
    "1.3, SAML 2.0": Wanted("username", ns.TP11_SAML20),
    "1.3, SAML 1.1": Wanted("username", ns.TP11_SAML11),
    "2005, SAML 2.0": Wanted("username", ns.TP11_SAML20, version="2005"),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request) -> Wanted:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def service(kind, cxf, sts, tls_keys, signing_certificates, tmp_path_factory) -> str:
    """The address of a running service."""
    port = free_port()
    address = f"https://localhost:{port}/greeting"
    change(sts, SERVICE.format(port=port))
    wsdl = kind.write(tmp_path_factory.mktemp("service") / "greeting.wsdl", sts=sts, service=address)
    publish(cxf, address, wsdl=wsdl, tlsKeys=str(tls_keys), keysPassword=PASSWORD, trusted=signing_certificates)
    return address


@pytest.fixture
def requestor(kind, cxf, alices, request) -> str:
    """The name of a client that has secrets and speaks a version, and knows no STS."""
    cxf.client(request.node.name, alices | {"trust": kind.trust, "user": "alice", "password": "clarinet"})
    return request.node.name


@pytest.fixture
def asking(kind, cxf, sts, alices, request):
    """Makes clients of the STS, to get tokens for their own purposes."""

    def make(**options: str) -> str:
        name = f"{request.node.name} at the STS"
        known = {"wsdl": f"{sts.url}/trust/13/username?wsdl", "targetNamespace": TRUSTS["13"].target_namespace}
        known |= {"port": "STS_Soap12_Port", "trust": ns.WST13, "user": "alice", "password": "clarinet"}
        cxf.client(name, alices | known | {"tokenType": kind.token_type} | options)
        return name

    return make


def test_the_client_gets_a_token_by_itself_and_the_service_knows_its_user(cxf, service, requestor):
    assert greet(cxf, requestor, service) == "Hello alice"


def test_a_token_that_was_got_beforehand_is_accepted(cxf, service, requestor, asking):
    cxf.ask("issue", asking(), "token", service)
    assert greet(cxf, requestor, service, token="token") == "Hello alice"


def test_a_token_that_was_changed_is_refused(cxf, service, requestor, asking):
    cxf.ask("issue", asking(), "token", service)
    cxf.ask("forge", "token", "forged", "alice", "mallory")
    assert _refusal(cxf, requestor, service, "forged") == "SAML signature validation failed"


def test_a_token_that_has_expired_is_refused(cxf, service, requestor, asking):
    *_, left, _ = cxf.ask("issue", asking(seconds="4"), "token", service)
    assert int(left) <= 4
    cxf.ask("forge", "token", "aging", "alice", "alice")  # the same; its holder does not look at its time
    assert greet(cxf, requestor, service, token="aging") == "Hello alice"
    time.sleep(4.2)
    assert _refusal(cxf, requestor, service, "aging") == CONDITIONS


def test_a_token_for_somebody_else_is_refused(cxf, service, requestor, asking):
    cxf.ask("issue", asking(), "token", RP)
    assert _refusal(cxf, requestor, service, "token") == CONDITIONS


def _refusal(cxf, requestor: str, service: str, token: str) -> str:
    with pytest.raises(Refused) as refused:
        greet(cxf, requestor, service, token=token)
    return refused.value.text
