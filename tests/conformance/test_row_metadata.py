"""Row 29 of the wire contract: the WSDL that each endpoint publishes is what it enforces."""

import pytest
from lxml import etree

from tests import messages
from tests.harness import ENDPOINTS, PUBLIC_URL
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

NAMES = {
    "wsdl": ns.WSDL,
    "soap": ns.WSDL_SOAP11,
    "soap12": ns.WSDL_SOAP12,
    "wsp": ns.WSP04,
    "wsam": ns.WSAM,
    "sp11": ns.SP11,
    "sp12": ns.SP12,
}
EACH_ENDPOINT = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
TWO_ENDPOINTS = pytest.mark.parametrize("endpoint", ENDPOINTS[:2], ids=lambda endpoint: endpoint.path)


def get(sts, path: str, query: str = "wsdl", **headers: str):
    return sts.request(Request(method="GET", path=path, query=query, headers=headers))


def wsdl(sts, endpoint):
    return get(sts, endpoint.path).root


def published_actions(document) -> set[str]:
    inputs = document.iterfind("wsdl:portType/wsdl:operation/wsdl:input", NAMES)
    return {element.get(f"{{{ns.WSAM}}}Action") for element in inputs}


@EACH_ENDPOINT
def test_row_29_every_endpoint_answers_with_its_wsdl(sts, endpoint):
    for query in ("wsdl", "WSDL", "singleWsdl"):
        answer = get(sts, endpoint.path, query)
        assert answer.status == 200
        assert answer.content_type == "text/xml; charset=utf-8"
        assert answer.root.tag == f"{{{ns.WSDL}}}definitions"
    assert get(sts, endpoint.path, "").status == 405
    assert get(sts, endpoint.path, "xsd=1").status == 405


@TWO_ENDPOINTS
def test_row_29_it_has_both_soap_versions_at_the_configured_address(sts, endpoint):
    document = get(
        sts, endpoint.path, host="attacker.example.test", **{"x-forwarded-host": "attacker.example.test"}
    ).root
    ports = document.findall("wsdl:service/wsdl:port", NAMES)
    assert sorted(etree.QName(port[0]).namespace for port in ports) == sorted([ns.WSDL_SOAP11, ns.WSDL_SOAP12])
    assert {port[0].get("location") for port in ports} == {f"{PUBLIC_URL}{endpoint.path}"}
    assert b"attacker" not in etree.tostring(document)


@TWO_ENDPOINTS
def test_row_29_it_is_named_as_clients_expect(sts, endpoint):
    document = wsdl(sts, endpoint)
    assert document.find("wsdl:service", NAMES).get("name") == "SecurityTokenService"
    assert document.find("wsdl:portType", NAMES).get("name") == "STS"
    expected = {ns.WST13: "http://docs.oasis-open.org/ws-sx/ws-trust/200512/", ns.WST05: ns.WST05}
    assert document.get("targetNamespace") == expected[endpoint.trust.namespace]


@TWO_ENDPOINTS
def test_row_29_only_implemented_operations_are_published_each_with_its_action(sts, endpoint):
    trust = endpoint.trust.namespace
    assert published_actions(wsdl(sts, endpoint)) == {
        f"{trust}/RST/{name}" for name in ("Issue", "Validate", "Renew", "Cancel")
    }


@TWO_ENDPOINTS
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_row_29_every_published_action_is_served(sts, endpoint, soap):
    for action in published_actions(wsdl(sts, endpoint)):
        token = sts.issue().assertion.decode()
        trust, _, operation = action.rpartition("/RST/")
        body = {
            "Issue": messages.issue(trust=trust),
            "Validate": messages.validate(token, trust=trust),
            "Renew": messages.renew(token, trust=trust),
            "Cancel": messages.cancel(token, trust=trust),
        }[operation]
        answer = sts.ask(body, path=endpoint.path, soap=soap, headers=(messages.addressing(action),))
        assert answer.status == 200


@TWO_ENDPOINTS
def test_row_29_the_action_that_is_published_is_the_action_of_the_answer(sts, endpoint):
    document = wsdl(sts, endpoint)
    trust = endpoint.trust.namespace
    token = sts.issue().assertion.decode()
    for operation, body in (
        ("Issue", messages.issue(trust=trust)),
        ("Validate", messages.validate(token, trust=trust)),
        ("Renew", messages.renew(token, trust=trust)),
        ("Cancel", messages.cancel(token, trust=trust)),
    ):
        output = document.find(f"wsdl:portType/wsdl:operation[@name='{operation}']/wsdl:output", NAMES)
        addressing = messages.addressing(f"{trust}/RST/{operation}")
        answer = sts.ask(body, path=endpoint.path, headers=(addressing,))
        assert answer.text("s12:Header/a:Action") == output.get(f"{{{ns.WSAM}}}Action")


@EACH_ENDPOINT
@pytest.mark.parametrize("operation", ["Issue", "Validate", "Cancel"])
def test_row_29_the_element_that_is_published_is_the_element_of_the_answer(sts, endpoint, operation):
    """And nothing else is published: an endpoint with `bare-rstr` knows no collection."""
    document = wsdl(sts, endpoint)
    output = document.find(f"wsdl:portType/wsdl:operation[@name='{operation}']/wsdl:output", NAMES)
    parts = {message.get("name"): message[0] for message in document.iterfind("wsdl:message", NAMES)}
    used = {reference.get("message").removeprefix("tns:") for reference in document.iterfind(".//*[@message]")}
    assert used == set(parts)
    part = parts[output.get("message").removeprefix("tns:")]
    prefix, _, name = part.get("element").partition(":")
    trust = endpoint.trust.namespace
    token = sts.issue().assertion.decode()
    body = {
        "Issue": messages.issue(trust=trust),
        "Validate": messages.validate(token, trust=trust),
        "Cancel": messages.cancel(token, trust=trust),
    }[operation]
    answer = sts.ask(body, path=endpoint.path)
    assert answer.find("s12:Body")[0].tag == f"{{{part.nsmap[prefix]}}}{name}"


@TWO_ENDPOINTS
def test_row_29_the_policy_is_referred_to_and_its_addressing_has_an_empty_nested_policy(sts, endpoint):
    document = wsdl(sts, endpoint)
    references = document.findall("wsdl:binding/wsp:PolicyReference", NAMES)
    policies = {f"#{policy.get(f'{{{ns.WSU}}}Id')}" for policy in document.findall("wsp:Policy", NAMES)}
    assert len(references) == 2
    assert {reference.get("URI") for reference in references} <= policies
    (addressing,) = document.iter(f"{{{ns.WSAM}}}Addressing")
    (nested,) = addressing
    assert (nested.tag, len(nested)) == (f"{{{ns.WSP04}}}Policy", 0)
    trust = "sp12:Trust13" if endpoint.trust.namespace == ns.WST13 else "sp11:Trust10"
    assert document.find(f".//{trust}", NAMES) is not None


@TWO_ENDPOINTS
@pytest.mark.parametrize("left_out", ["Timestamp", "UsernameToken", "TLS"])
def test_row_29_what_the_policy_asks_for_is_enforced(sts, endpoint, left_out):
    document = wsdl(sts, endpoint)
    asked = {etree.QName(element).localname for element in document.find("wsp:Policy", NAMES).iter(etree.Element)}
    assert {"IncludeTimestamp", "UsernameToken", "HttpsToken"} <= asked
    parts = {"Timestamp": messages.timestamp(sts.clock.now), "UsernameToken": messages.username_token()}
    kept = [text for name, text in parts.items() if name != left_out]
    body = messages.envelope(messages.issue(trust=endpoint.trust.namespace), messages.security(*kept))
    request = Request(
        method="POST",
        path=endpoint.path,
        headers={"content-type": messages.content_type()},
        body=body.encode(),
        tls=left_out != "TLS",
    )
    assert sts.request(request).fault == (ns.WSSE, "InvalidSecurity")
