"""Apache Rampart's STSClient, unmodified, against a running STS, with the policy that the WSDL has; and Axis2's
ServiceClient with Rampart for what that client does not do.
"""

import pytest
from lxml import etree

from tests import messages
from tests.cases import each_token_type
from tests.interop.jvm import ELSEWHERE, JavaClient, Refused, built, started, verify
from tests.messages import RP
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication, InvalidScope

pytestmark = pytest.mark.client("Apache Rampart with Axis2", version="1.7.1, 1.7.6")


class Client(JavaClient):
    """One STSClient; what is sent goes by Axis2's ServiceClient."""

    def issue(self, address: str = RP) -> tuple[str, int, str]:
        """The token's id, its lifetime in seconds, and its markup."""
        identifier, seconds, markup = self.probe.ask("issue", self.name, address)
        return identifier, int(seconds), markup

    def validate(self, identifier: str) -> str:
        (passed,) = self.probe.ask("validate", self.name, identifier)
        return passed

    def cancel(self, identifier: str) -> str:
        (cancelled,) = self.probe.ask("cancel", self.name, identifier)
        return cancelled

    def status(self, markup: str) -> str:
        trust = self.trust.namespace
        answer = etree.fromstring(self.send("Validate", messages.validate(markup, trust=trust)))
        return answer.findtext(f"{{{trust}}}Status/{{{trust}}}Code").removeprefix(f"{trust}/status/")


@pytest.fixture(scope="session")
def probe(trust_store, tmp_path_factory):
    directory = tmp_path_factory.mktemp("rampart")
    with started(
        built("rampart", directory), "RampartProbe", str(directory / "repository"), options=trust_store
    ) as probe:
        yield probe


@pytest.fixture
def client(probe, sts, trust, soap, request):
    """Makes clients of one version of WS-Trust and of SOAP."""

    def make(*, token_type: str = ns.TP11_SAML20, **more: str) -> Client:
        options = {
            "trust": trust.namespace,
            "location": sts.url + trust.path,
            "envelope": messages.SOAP[soap],
            "TokenType": token_type,
            "KeyType": trust.bearer,
            "user": "alice",
            "password": "clarinet",
        }
        probe.client(request.node.name, options | more)
        return Client(probe, request.node.name, trust)

    return make


@each_token_type
@pytest.mark.parametrize("addressing", [ns.WSA04, ns.WSA], ids=["addressing-2004", "addressing-1.0"])
def test_it_gets_a_token(client, token_type, addressing):
    """It asks for five minutes from when it writes the request. WS-Addressing of 2004 is its default."""
    identifier, seconds, markup = client(token_type=token_type, addressing=addressing).issue()
    assert 0 < seconds <= 300
    assert identifier in verify(markup, token_type).values()


REFUSALS = {
    "password": ({"password": "trumpet"}, RP, FailedAuthentication),
    "address": ({}, ELSEWHERE, InvalidScope),
}


@pytest.mark.parametrize(("options", "address", "expected"), REFUSALS.values(), ids=list(REFUSALS))
def test_the_code_and_text_of_a_fault_reach_the_caller(client, trust, options, address, expected):
    with pytest.raises(Refused) as refused:
        client(**options).issue(address)
    namespace = {"wsse": ns.WSSE, "wst": trust.namespace}[expected.namespace]
    assert (refused.value.code, refused.value.text) == (f"{{{namespace}}}{expected.code}", expected.sentence)


def test_its_validate_is_true_of_any_answer_that_is_no_fault(client, trust):
    """By reference, and it does not read the status."""
    holder = client()
    identifier, _, markup = holder.issue()
    holder.send("Cancel", messages.cancel(markup, trust=trust.namespace))
    assert holder.status(markup) == "invalid"
    assert holder.validate(identifier) == "true"


def test_its_cancel_is_false_although_it_cancels(client):
    """By reference, and it looks for the answer's element in no namespace."""
    holder = client()
    identifier, _, markup = holder.issue()
    assert holder.status(markup) == "valid"
    assert holder.cancel(identifier) == "false"
    assert holder.status(markup) == "invalid"


def test_axis2_validates_renews_and_cancels(client, trust):
    holder = client()
    _, _, markup = holder.issue()
    assert holder.status(markup) == "valid"
    assert "RequestedSecurityToken" in holder.send("Renew", messages.renew(markup, trust=trust.namespace))
    assert "RequestedTokenCancelled" in holder.send("Cancel", messages.cancel(markup, trust=trust.namespace))
    assert holder.status(markup) == "invalid"
