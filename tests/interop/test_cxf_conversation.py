"""Apache CXF's STSClient and secure conversation: it establishes a context by itself and asks under it."""

import time

import pytest

from tests.cases import each_of
from tests.interop.cxf import RSA_SHA256, WAYS, Client, to_endpoint
from tests.interop.jvm import ELSEWHERE, Refused
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

SETTINGS = {
    "secureconversationmixed": {},
    "secureconversation-sha1": {},
    "secureconversation": {f"{name}.sct": value for name, value in RSA_SHA256.items()},
}


setting = each_of(tuple(SETTINGS))


@pytest.fixture
def client(cxf, sts, way, setting, alices, request):
    """Makes clients of the endpoint under test."""

    def make(*, name: str = "", **options: str) -> Client:
        there = to_endpoint(way, setting)
        options = alices | SETTINGS[setting] | {"conversing": sts.url + there.trust.path} | options
        return Client(cxf, sts, there, name=request.node.name + name, **options)

    return make


@pytest.fixture
def established(cxf, sts, way, alices, request):
    """The name of a context that a client asked for, as for any other token, at an endpoint of this name."""

    def make(endpoint: str, **options: str) -> str:
        there = to_endpoint(way, endpoint)
        trust = way.trust.namespace
        kind = f"{ns.WSC05 if trust == ns.WST05 else ns.WSC13}/sct"
        asked = alices | {"tokenType": kind, "keyType": f"{trust}/SymmetricKey", "renewing": "true"} | options
        asking = Client(cxf, sts, there, name=f"{request.node.name} establishing", **asked)
        identifier, issued, left, markup = cxf.ask("issue", asking.name, "context", sts.url + there.trust.path)
        assert issued == kind
        assert 0 < int(left) <= 12 * 3600
        assert identifier in markup
        return "context"

    return make


def test_a_client_gets_a_token_under_a_context_that_it_establishes_by_itself(client):
    asking = client(tokenType=ns.TP11_SAML20)
    identifier, kind, left, _ = asking.issue()
    assert kind == ns.TP11_SAML20
    assert 200 < int(left) <= 300  # CXF asks for a context of five minutes, and what is got by it ends with it
    assert asking.issue()[0] != identifier
    with pytest.raises(Refused) as refused:
        asking.issue(ELSEWHERE)
    assert refused.value.name == "InvalidScope"


SOME_WAYS = [WAYS["13-soap1.2-wsdl"], WAYS["2005-soap1.1-policy"]]
BOOTSTRAPS = {"usernamemixed": {}, "certificatemixed": RSA_SHA256, "certificate": RSA_SHA256}


@pytest.mark.parametrize("way", SOME_WAYS, ids=["13", "2005"])
@pytest.mark.parametrize("setting", ["secureconversationmixed", "secureconversation"])
@pytest.mark.parametrize("bootstrap", BOOTSTRAPS)
def test_a_context_of_any_endpoint_is_asked_for_used_renewed_and_cancelled(client, cxf, established, bootstrap):
    context = established(bootstrap, **BOOTSTRAPS[bootstrap])
    asking = client(tokenType=ns.TP11_SAML20)
    cxf.ask("converse", asking.name, context)
    asking.issue()
    keeping = client(name=" keeping", ofContext="true")
    cxf.ask("converse", keeping.name, context)
    cxf.ask("renew", keeping.name, context, "renewed")
    cxf.ask("converse", asking.name, "renewed")
    asking.issue()
    assert cxf.ask("cancel", keeping.name, "renewed") == ["true"]
    with pytest.raises(Refused) as refused:
        asking.issue()
    assert refused.value.name == "BadContextToken"


@pytest.mark.parametrize("way", SOME_WAYS, ids=["13", "2005"])
@pytest.mark.parametrize("setting", ["secureconversationmixed", "secureconversation"])
def test_a_client_whose_context_has_ended_establishes_another_by_itself(client, cxf, established):
    """It asks for a renewal under the bootstrap policy first, and is refused."""
    context = established("usernamemixed", seconds="2")
    asking = client(tokenType=ns.TP11_SAML20)
    cxf.ask("converse", asking.name, context)
    asking.issue()
    time.sleep(2)
    asking.issue()
    asking.issue()
