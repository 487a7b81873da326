"""Metro, unmodified, against a running STS: by its own STS client, and by JAX-WS under the policy that the WSDL has.

At the endpoints with a password over TLS, and at those whose messages protect themselves.
"""

import pytest

from tests import messages
from tests.cases import each_of, each_token_type
from tests.interop.identity import PASSWORD, Identity
from tests.interop.jvm import ELSEWHERE, TRUSTS, JavaClient, Refused, Trust, built, started, verify
from tests.messages import RP
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication, InvalidScope

pytestmark = pytest.mark.client("Metro", version="4.0.5")


class Client(JavaClient):
    """One configuration of Metro's STS client."""

    def issue(self, address: str = RP) -> tuple[int, str]:
        """The token's lifetime in seconds, and its markup."""
        seconds, markup = self.probe.ask("issue", self.name, address)
        return int(seconds), markup

    def validate(self, markup: str) -> str:
        (code,) = self.probe.ask("validate", self.name, markup)
        return code.removeprefix(f"{self.trust.namespace}/status/")


@pytest.fixture(scope="session")
def probe(trust_store, tmp_path_factory):
    directory = tmp_path_factory.mktemp("metro")
    with started(built("metro", directory), "MetroProbe", options=trust_store) as probe:
        yield probe


@pytest.fixture
def make(probe, sts, trust, request):
    """Makes clients of one version of WS-Trust."""

    def make(**more: str) -> Client:
        options = {
            "trust": trust.namespace,
            "location": sts.url + trust.path,
            "tokenType": ns.TP11_SAML20,
            "keyType": trust.bearer,
            "user": "alice",
            "password": "clarinet",
        }
        probe.client(request.node.name, options | more)
        return Client(probe, request.node.name, trust)

    return make


@pytest.fixture
def client(make, trust, soap):
    """Makes clients that know the STS from its WSDL."""

    def of_a_port(**more: str) -> Client:
        port = f"STS_Soap{soap.replace('.', '')}_Port"
        return make(port=port, targetNamespace=trust.target_namespace, **more)

    return of_a_port


@each_token_type
def test_it_gets_a_token(client, token_type):
    seconds, markup = client(tokenType=token_type).issue()
    assert seconds == 3600
    verify(markup, token_type)


@each_token_type
@pytest.mark.parametrize("trust", [TRUSTS["13"]], ids=["13"])
def test_what_a_policy_asks_for_is_in_secondary_parameters(client, token_type):
    """With algorithms of the policy. WS-Trust of 2005 has no such element: there, all is in the request itself."""
    _, markup = client(tokenType=token_type, secondary="true").issue()
    verify(markup, token_type)


@pytest.mark.parametrize("address", ["", "/mex"], ids=["itself", "beneath"])
def test_the_address_is_enough_to_find_the_contract_by_ws_metadata_exchange(make, sts, trust, address):
    _, markup = make(mex=sts.url + trust.path + address).issue()
    verify(markup, ns.TP11_SAML20)


def test_a_claim_that_is_asked_for_is_in_the_token(client, trust):
    _, markup = client(claims=claims(trust, ns.CLAIM_EMAIL)).issue()
    values = [value.text for value in verify(markup, ns.TP11_SAML20).iterfind(f".//{{{ns.SAML20}}}AttributeValue")]
    assert "alice@example.test" in values


def claims(trust: Trust, name: str) -> str:
    return (
        f'<t:Claims xmlns:t="{trust.namespace}" Dialect="{ns.IDENTITY}"><i:ClaimType xmlns:i="{ns.IDENTITY}" '
        f'Uri="{name}"/></t:Claims>'
    )


REFUSALS = {
    "password": ({"password": "trumpet"}, RP, FailedAuthentication),
    "address": ({}, ELSEWHERE, InvalidScope),
}
each_refusal = pytest.mark.parametrize(("options", "address", "expected"), REFUSALS.values(), ids=list(REFUSALS))


@each_refusal
def test_the_text_of_a_fault_reaches_the_caller(client, trust, options, address, expected):
    """Of the STS client in 1.3: in 2005 it takes every answer for a token, and trips over the fault."""
    with pytest.raises(Refused) as refused:
        client(**options).issue(address)
    if trust.namespace == ns.WST13:
        assert (refused.value.name, refused.value.text) == (expected.code, expected.sentence)
    else:
        assert refused.value.code == "NullPointerException"


@each_refusal
def test_the_code_and_text_of_a_fault_reach_the_caller_of_a_port(client, trust, options, address, expected):
    with pytest.raises(Refused) as refused:
        client(**options).send("Issue", messages.issue(address=address, trust=trust.namespace))
    namespace = {"wsse": ns.WSSE, "wst": trust.namespace}[expected.namespace]
    assert (refused.value.code, refused.value.text) == (f"{{{namespace}}}{expected.code}", expected.sentence)


def test_a_token_is_valid_as_it_was_issued_and_not_otherwise(client, trust):
    """Metro's STS client reads answers of 2005 only: in 1.3 it expects a collection, which Validate does not have."""
    holder = client()
    _, markup = holder.issue()
    changed = markup.replace("alice@example.test", "admin@example.test")
    assert changed != markup
    if trust.namespace == ns.WST05:
        assert [holder.validate(token) for token in (markup, changed)] == ["valid", "invalid"]
    else:
        with pytest.raises(Refused) as refused:
            holder.validate(markup)
        assert refused.value.code == "IndexOutOfBoundsException"


def test_a_port_validates_renews_and_cancels(client, trust):
    holder = client()
    _, markup = holder.issue()
    question = messages.validate(markup, trust=trust.namespace)
    assert f"{trust.namespace}/status/valid" in holder.send("Validate", question)
    assert "RequestedSecurityToken" in holder.send("Renew", messages.renew(markup, trust=trust.namespace))
    assert "RequestedTokenCancelled" in holder.send("Cancel", messages.cancel(markup, trust=trust.namespace))
    assert f"{trust.namespace}/status/invalid" in holder.send("Validate", question)


# -- messages that protect themselves ------------------------------------------------------------------------------


# To the letter of the policy, Metro signs with RSA-SHA1.
endpoint = each_of(("username", "certificate-sha1"))


@pytest.fixture
def protecting(client, sts, trust, alice, certificate_of_the_sts):
    """Makes clients of an endpoint, with her key and the message certificate."""

    def make(endpoint: str, *, identity: Identity = alice, **more: str) -> Client:
        version = trust.path.split("/")[2]
        keys = {"encryptFor": str(certificate_of_the_sts), "keys": str(identity.store), "keysPassword": PASSWORD}
        return client(location=f"{sts.url}/trust/{version}/{endpoint}", **keys, **more)

    return make


@each_token_type
def test_it_gets_a_token_in_messages_that_protect_themselves(protecting, endpoint, token_type):
    seconds, markup = protecting(endpoint, tokenType=token_type).issue()
    assert seconds == 3600
    verify(markup, token_type)


def test_a_port_issues_validates_and_cancels_in_messages_that_protect_themselves(protecting, trust, endpoint):
    holder = protecting(endpoint)
    assert "Assertion" in holder.send("Issue", messages.issue(trust=trust.namespace))
    _, markup = holder.issue()
    question = messages.validate(markup, trust=trust.namespace)
    assert f"{trust.namespace}/status/valid" in holder.send("Validate", question)
    assert "RequestedTokenCancelled" in holder.send("Cancel", messages.cancel(markup, trust=trust.namespace))
    assert f"{trust.namespace}/status/invalid" in holder.send("Validate", question)


def test_the_code_and_text_of_a_protected_fault_reach_the_caller_of_a_port(protecting, trust, endpoint, stranger):
    """Metro wants a policy for the message of a fault, which the operations of the WSDL declare."""
    wrong = {"password": "trumpet"} if endpoint == "username" else {"identity": stranger}
    for options, address, expected in ((wrong, RP, FailedAuthentication), ({}, ELSEWHERE, InvalidScope)):
        with pytest.raises(Refused) as refused:
            protecting(endpoint, **options).send("Issue", messages.issue(address=address, trust=trust.namespace))
        assert refused.value.text.startswith(expected.sentence)
        assert refused.value.name == expected.code


def test_its_rsa_sha1_is_refused_where_the_operator_does_not_allow_it(protecting, trust):
    with pytest.raises(Refused) as refused:
        protecting("certificate").send("Issue", messages.issue(trust=trust.namespace))
    assert refused.value.code == f"{{{ns.WSSE}}}FailedCheck"
