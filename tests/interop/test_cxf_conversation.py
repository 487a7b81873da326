"""Apache CXF's STSClient and secure conversation: it establishes a context by itself and asks under it."""

import pytest

from tests.interop.cxf import WAYS, Client, Way
from tests.interop.jvm import ELSEWHERE, Refused
from tests.interop.test_cxf_messages import RSA_SHA256, to_endpoint
from wstrust_sts import ns

SETTINGS = {
    "secureconversationmixed": {},
    "secureconversation-sha1": {},
    "secureconversation": {f"{name}.sct": value for name, value in RSA_SHA256.items()},
}


@pytest.fixture(params=WAYS)
def way(request) -> Way:
    return WAYS[request.param]


@pytest.fixture(params=SETTINGS)
def client(cxf, sts, way, alices, request):
    """Makes clients of the endpoint under test."""

    def make(*, name: str = "", **options: str) -> Client:
        there = to_endpoint(way, request.param)
        options = alices | SETTINGS[request.param] | {"conversing": sts.url + there.trust.path} | options
        return Client(cxf, sts, there, name=request.node.name + name, **options)

    return make


def test_a_client_gets_a_token_under_a_context_that_it_establishes_by_itself(client):
    asking = client(tokenType=ns.TP11_SAML20)
    identifier, kind, left, _ = asking.issue()
    assert kind == ns.TP11_SAML20
    assert 3500 < int(left) <= 3600
    assert asking.issue()[0] != identifier
    with pytest.raises(Refused) as refused:
        asking.issue(ELSEWHERE)
    assert refused.value.name == "InvalidScope"
