"""Row 30 of the wire contract: WS-MetadataExchange, at each endpoint and at `/mex` beneath it."""

import pytest
from lxml import etree

from tests import messages
from tests.cases import each_of
from tests.harness import ENDPOINTS, PUBLIC_URL
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.wire.xml import MAX_OCTETS

GET_METADATA = f'<m:GetMetadata xmlns:m="{ns.MEX}"/>'
QUESTIONS = {"Get": (ns.WXF_GET, ""), "GetMetadata": (ns.MEX_REQUEST, GET_METADATA)}
WRONG_SOAP = {"1.1": "1.2", "1.2": "1.1"}


endpoint = each_of(ENDPOINTS, ids=lambda endpoint: endpoint.path)


@pytest.fixture(params=["", "/mex"], ids=["itself", "beneath"])
def path(request, endpoint):
    return endpoint.path + request.param


def wsdl(sts, endpoint):
    return sts.request(Request(method="GET", path=endpoint.path, query="wsdl")).root


def sections(answer):
    """Those of the answer's one Metadata."""
    (metadata,) = answer.root.iter(f"{{{ns.MEX}}}Metadata")
    return metadata.findall(f"{{{ns.MEX}}}MetadataSection")


def get_metadata(**parts: str) -> str:
    inside = "".join(f"<m:{name}>{value}</m:{name}>" for name, value in parts.items())
    return f'<m:GetMetadata xmlns:m="{ns.MEX}">{inside}</m:GetMetadata>'


def ask(sts, path, body=GET_METADATA, *, action=ns.MEX_REQUEST, soap="1.2", more=()):
    return sts.post(messages.envelope(body, messages.addressing(action), *more, soap=soap), path=path, soap=soap)


@pytest.mark.parametrize("question", QUESTIONS)
def test_row_30_the_wsdl_comes_inline_without_any_credential(sts, endpoint, path, soap, question):
    action, body = QUESTIONS[question]
    header = messages.addressing(action, message_id="urn:uuid:1")
    answer = sts.post(messages.envelope(body, header, soap=soap), path=path, soap=soap)
    assert answer.status == 200
    assert answer.content_type == messages.content_type(soap)
    (section,) = sections(answer)
    assert section.get("Dialect") == ns.WSDL
    (document,) = section
    expected = wsdl(sts, endpoint)
    assert section.get("Identifier") == expected.get("targetNamespace")
    assert etree.tostring(document, method="c14n", exclusive=True) == etree.tostring(
        expected, method="c14n", exclusive=True
    )
    prefix = {"1.1": "s11", "1.2": "s12"}[soap]
    assert (
        answer.text(f"{prefix}:Header/a:Action")
        == {
            "Get": ns.WXF_GET_RESPONSE,
            "GetMetadata": ns.MEX_RESPONSE,
        }[question]
    )
    assert answer.text(f"{prefix}:Header/a:RelatesTo") == "urn:uuid:1"


def test_row_30_an_answer_carries_no_security_header_because_nothing_is_secured(sts, path, soap):
    """One that must be understood would stop a client that knows no WS-Security."""
    assert next(ask(sts, path, soap=soap).root.iter(f"{{{ns.WSSE}}}Security"), None) is None


def test_row_30_the_action_may_stand_in_the_http_headers_alone(sts, path):
    answer = sts.post(messages.envelope("", soap="1.1"), path=path, soap="1.1", soapaction=f'"{ns.WXF_GET}"')
    assert len(sections(answer)) == 1


@pytest.mark.parametrize("body", ["", GET_METADATA], ids=["Get", "GetMetadata"])
def test_row_30_beneath_an_endpoint_the_body_is_question_enough(sts, endpoint, body):
    assert len(sections(sts.post(messages.envelope(body), path=f"{endpoint.path}/mex"))) == 1


def test_row_30_dialect_and_identifier_select(sts, endpoint, path):
    namespace = wsdl(sts, endpoint).get("targetNamespace")
    assert len(sections(ask(sts, path, get_metadata(Dialect=ns.WSDL)))) == 1
    assert len(sections(ask(sts, path, get_metadata(Dialect=f" {ns.WSDL}\n", Identifier=namespace)))) == 1
    assert sections(ask(sts, path, get_metadata(Dialect=ns.XS))) == []
    assert sections(ask(sts, path, get_metadata(Dialect=ns.WSDL, Identifier="urn:other"))) == []


def test_row_30_the_address_in_the_metadata_is_the_configured_one(sts, path):
    body = messages.envelope(GET_METADATA, messages.addressing(ns.MEX_REQUEST))
    answer = sts.post(body, path=path, host="attacker.example.test")
    assert b"attacker" not in answer.body
    locations = set(answer.root.xpath("//@location"))
    assert locations == {PUBLIC_URL + path.removesuffix("/mex")}


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ("<x/>", ns.WXF_GET),
        (GET_METADATA, ns.WXF_GET),
        ("", ns.MEX_REQUEST),
        ("<x/>", ns.MEX_REQUEST),
        (get_metadata(Dialect="<x/>"), ns.MEX_REQUEST),
        (get_metadata(Unheard="of"), ns.MEX_REQUEST),
        (GET_METADATA.replace("/>", "><m:Dialect/><m:Dialect/></m:GetMetadata>"), ns.MEX_REQUEST),
        (get_metadata(Dialect="x" * 20_000), ns.MEX_REQUEST),
        (GET_METADATA * 2, ns.MEX_REQUEST),
    ],
)
def test_row_30_a_question_that_cannot_be_read_is_refused(sts, path, soap, body, action):
    assert ask(sts, path, body, action=action, soap=soap).code == "InvalidRequest"


def test_row_30_two_actions_that_disagree_are_refused(sts, path, endpoint):
    for other in (f"{endpoint.trust.namespace}/RST/Issue", ns.WXF_GET):
        body = messages.envelope(GET_METADATA, messages.addressing(ns.MEX_REQUEST), soap="1.1")
        assert sts.post(body, path=path, soap="1.1", soapaction=other).code == "InvalidRequest"


def test_row_30_no_answer_goes_to_an_address_that_the_message_names(sts, path):
    reply = f'<a:ReplyTo xmlns:a="{ns.WSA}"><a:Address>https://attacker.example.test/</a:Address></a:ReplyTo>'
    assert ask(sts, path, more=(reply,)).fault == (ns.WSA, "OnlyAnonymousAddressSupported")


def test_row_30_beneath_an_endpoint_there_is_nothing_but_metadata(sts, endpoint):
    """A token is to be had at the endpoint alone, where its policy is enforced."""
    path = f"{endpoint.path}/mex"
    good = (messages.timestamp(sts.clock.now), messages.username_token())
    for headers in ((), (messages.addressing(f"{endpoint.trust.namespace}/RST/Issue"),)):
        body = messages.issue(trust=endpoint.trust.namespace)
        answer = sts.post(messages.envelope(body, *headers, messages.security(*good)), path=path)
        assert answer.fault == (ns.WSA, "ActionNotSupported")
    for method in ("GET", "HEAD", "PUT"):
        assert sts.request(Request(method=method, path=path, query="wsdl")).status == 405
    assert sts.request(Request(method="POST", path=f"{path}/mex", body=b"x")).status == 404


def test_row_30_the_metadata_action_opens_no_way_around_the_password(sts, endpoint):
    """A request for a token under the action of a question stays without a token."""
    for action in (ns.WXF_GET, ns.MEX_REQUEST):
        answer = ask(sts, endpoint.path, messages.issue(trust=endpoint.trust.namespace), action=action)
        assert answer.code == "InvalidRequest"
        assert b"Assertion" not in answer.body


def test_row_30_an_empty_body_without_the_action_is_no_question_at_the_endpoint_itself(sts, endpoint, soap):
    answer = sts.post(messages.envelope("", soap=soap), path=endpoint.path, soap=soap)
    assert answer.code == "InvalidRequest"


def test_row_30_a_strict_endpoint_knows_both_its_addresses(sts):
    for path in ("/strict-to", "/strict-to/mex"):
        to = f'<a:To xmlns:a="{ns.WSA}">{PUBLIC_URL}%s</a:To>'
        assert len(sections(ask(sts, path, more=(to % path,)))) == 1
        assert ask(sts, path, more=(to % "/elsewhere",)).fault == (ns.WSA, "DestinationUnreachable")


def test_row_30_what_is_no_message_is_refused_as_everywhere(sts, path, soap):
    good = messages.envelope(GET_METADATA, messages.addressing(ns.MEX_REQUEST), soap=soap)
    other = WRONG_SOAP[soap]
    assert sts.post(b"", path=path, soap=soap).status == 400
    assert sts.post(good, path=path, soap=soap, content_type="application/json").status == 415
    assert sts.post(good + " " * MAX_OCTETS, path=path, soap=soap).status == 413
    assert sts.post(good, path=path, soap=other).code == "VersionMismatch"
    assert sts.post(good[:-5], path=path, soap=soap).code in ("Client", "Sender")
    assert sts.post(f"<!DOCTYPE x>{good}", path=path, soap=soap).code == "InvalidRequest"
    assert sts.post(good.replace("<m:", "<!-- --><?x?><m:"), path=path, soap=soap).code == "InvalidRequest"
    mandatory = '<x:Unheard xmlns:x="urn:x" s:mustUnderstand="1"/>'
    assert ask(sts, path, soap=soap, more=(mandatory,)).code == "MustUnderstand"
