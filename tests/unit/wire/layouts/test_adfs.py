"""The layout `adfs`, octet by octet: the text that clients of AD FS search, in the order of recorded answers."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.assertions import TOKEN_ID, descriptor, issue
from tests.fakes import NOON
from wstrust_sts import ns, registry
from wstrust_sts.errors import FailedAuthentication, NotWellFormed
from wstrust_sts.model import (
    AppliesTo,
    IssuedToken,
    KeyType,
    Operation,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
    TrustVersion,
)
from wstrust_sts.proof_keys import SymmetricProof
from wstrust_sts.wire.addressing import Addressing
from wstrust_sts.wire.layouts.adfs import ADFS
from wstrust_sts.wire.soap import ReplyContext, SoapVersion, write_answer, write_fault

CRM = AppliesTo("urn:crm", b"<never echoed/>")
REFERENCE = (
    f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:k="{ns.WSSE11}" k:TokenType="{ns.TP11_SAML11}">'
    f'<o:KeyIdentifier ValueType="{ns.SAML11_KEY_IDENTIFIER}">{TOKEN_ID}</o:KeyIdentifier>'
    "</o:SecurityTokenReference>"
)


def response(version: TrustVersion, *, applies_to: AppliesTo | None = CRM, **fields) -> RequestSecurityTokenResponse:
    asked = RequestSecurityToken(version=version, operation=Operation.ISSUE, applies_to=applies_to)
    token = issue(descriptor(TokenType.SAML11))
    made = replace(token, descriptor=replace(token.descriptor, token_type_uri=ns.SAML11, **fields))
    return RequestSecurityTokenResponse(request=asked, issued=made)


def inside(token: IssuedToken, *, t: str, trust: str, key_type: str) -> str:
    """The children of the response, as AD FS writes them."""
    return (
        f'<{t}:Lifetime><wsu:Created xmlns:wsu="{ns.WSU}">2026-11-23T12:00:00.000Z</wsu:Created>'
        f'<wsu:Expires xmlns:wsu="{ns.WSU}">2026-11-23T13:00:00.000Z</wsu:Expires></{t}:Lifetime>'
        f'<wsp:AppliesTo xmlns:wsp="{ns.WSP04}"><wsa:EndpointReference xmlns:wsa="{ns.WSA}"><wsa:Address>urn:crm'
        f"</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
        f"<{t}:RequestedSecurityToken>{token.markup.decode()}</{t}:RequestedSecurityToken>"
        f"<{t}:RequestedAttachedReference>{REFERENCE}</{t}:RequestedAttachedReference>"
        f"<{t}:RequestedUnattachedReference>{REFERENCE}</{t}:RequestedUnattachedReference>"
        f"<{t}:TokenType>urn:oasis:names:tc:SAML:1.0:assertion</{t}:TokenType>"
        f"<{t}:RequestType>{trust}/Issue</{t}:RequestType><{t}:KeyType>{key_type}</{t}:KeyType>"
    )


def test_an_answer_of_13_is_that_of_ad_fs_octet_by_octet():
    answered = response(TrustVersion.V13)
    body, action = ADFS.write_rstr(answered)
    children = inside(answered.issued, t="trust", trust=ns.WST13, key_type=f"{ns.WST13}/Bearer")
    assert action == f"{ns.WST13}/RSTRC/IssueFinal"
    assert body.decode() == (
        f'<trust:RequestSecurityTokenResponseCollection xmlns:trust="{ns.WST13}"><trust:RequestSecurityTokenResponse>'
        f"{children}</trust:RequestSecurityTokenResponse></trust:RequestSecurityTokenResponseCollection>"
    )


def test_an_answer_of_2005_is_that_of_ad_fs_octet_by_octet():
    answered = response(TrustVersion.V2005)
    body, action = ADFS.write_rstr(answered)
    children = inside(answered.issued, t="t", trust=ns.WST05, key_type=ns.NO_PROOF_KEY)
    assert action == f"{ns.WST05}/RSTR/Issue"
    assert body.decode() == (
        f'<t:RequestSecurityTokenResponse xmlns:t="{ns.WST05}">{children}</t:RequestSecurityTokenResponse>'
    )


def test_applies_to_has_the_usual_prefixes_in_the_versions_of_the_request_and_its_address_alone():
    asked = AppliesTo("https://rp.example.test/?a&b", b"<x/>", policy=ns.WSP15, addressing=ns.WSA04)
    body, _ = ADFS.write_rstr(response(TrustVersion.V13, applies_to=asked))
    assert (
        f'<wsp:AppliesTo xmlns:wsp="{ns.WSP15}"><wsa:EndpointReference xmlns:wsa="{ns.WSA04}"><wsa:Address>'
        "https://rp.example.test/?a&amp;b</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
    ).encode() in body


def test_a_key_stands_where_ad_fs_puts_it():
    proof = SymmetricProof(secret=b"k" * 32, server_entropy=b"e" * 32)
    answered = response(TrustVersion.V13, key_type=KeyType.SYMMETRIC, proof=proof)
    (rstr,) = etree.fromstring(ADFS.write_rstr(answered)[0])
    assert [etree.QName(child).localname for child in rstr] == [
        "Entropy",
        "KeySize",
        "Lifetime",
        "AppliesTo",
        "RequestedSecurityToken",
        "RequestedProofToken",
        "RequestedAttachedReference",
        "RequestedUnattachedReference",
        "TokenType",
        "RequestType",
        "KeyType",
    ]
    assert {child.prefix for child in rstr} == {"trust", "wsp"}


@pytest.mark.parametrize(("version", "prefix"), [(TrustVersion.V13, "trust"), (TrustVersion.V2005, "t")])
@pytest.mark.parametrize("answered", [{"status": Status.VALID, "reason": "fine"}, {"cancelled": True}])
def test_the_other_operations_have_the_same_prefix(version, prefix, answered):
    operation = Operation.CANCEL if "cancelled" in answered else Operation.VALIDATE
    asked = RequestSecurityToken(version=version, operation=operation)
    body, _ = ADFS.write_rstr(RequestSecurityTokenResponse(request=asked, **answered))
    assert {element.prefix for element in etree.fromstring(body).iter()} == {prefix}


def test_every_layout_writes_the_same_children_each_once():
    first, *others = (sorted(layout.order) for layout in registry.LAYOUTS.values())
    assert len(first) == len(set(first))
    assert all(other == first for other in others)


# -- the envelope --------------------------------------------------------------------------------------------------


def context(*, addressing: Addressing | None, soap: SoapVersion = SoapVersion.SOAP12, **fields) -> ReplyContext:
    return ReplyContext(
        version=soap,
        trust=ns.WST13,
        correlation_id="c0ffee",
        now=NOON,
        addressing=addressing,
        style=ADFS.envelope,
        **fields,
    )


ADDRESSED = Addressing(namespace=ns.WSA, message_id="urn:uuid:1")
SECURITY = (
    '<u:Timestamp u:Id="_0"><u:Created>2026-11-23T12:00:00.000Z</u:Created><u:Expires>2026-11-23T12:05:00.000Z'
    "</u:Expires></u:Timestamp></o:Security>"
)


def test_the_envelope_declares_the_prefixes_so_that_no_header_has_to():
    written = write_answer(b"<x/>", action="urn:done", context=context(addressing=ADDRESSED)).decode()
    assert written == (
        f'<s:Envelope xmlns:s="{ns.SOAP12}" xmlns:a="{ns.WSA}" xmlns:u="{ns.WSU}"><s:Header>'
        '<a:Action s:mustUnderstand="1">urn:done</a:Action><a:RelatesTo>urn:uuid:1</a:RelatesTo>'
        f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1">{SECURITY}</s:Header><s:Body><x/></s:Body></s:Envelope>'
    )


@pytest.mark.parametrize(
    ("addressing", "protected", "declared"),
    [
        (None, True, {"s", "u"}),
        (None, False, {"s"}),
        (ADDRESSED, False, {"s", "a"}),
        (Addressing(namespace=ns.WSA04), True, {"s", "a", "u"}),
    ],
)
def test_no_prefix_is_declared_that_nothing_uses(addressing, protected, declared):
    written = write_answer(b"<x/>", action="urn:done", context=context(addressing=addressing, protected=protected))
    root = etree.fromstring(written)
    assert set(root.nsmap) == declared
    assert addressing is None or root.nsmap["a"] == addressing.namespace


@pytest.mark.parametrize("soap", SoapVersion)
def test_the_code_of_a_fault_has_the_prefix_that_clients_compare_it_with(soap):
    written = write_fault(FailedAuthentication("a detail"), context(addressing=ADDRESSED, soap=soap)).decode()
    element = "faultcode" if soap is SoapVersion.SOAP11 else "s:Value"
    assert f'<{element} xmlns:a="{ns.WSSE}">a:FailedAuthentication</{element}>' in written
    root = etree.fromstring(written)
    assert {element.prefix for element in root.iter()} <= {"s", "a", "u", "o", "sts", None}
    assert "a detail" not in written


def test_a_fault_of_soap_itself_keeps_the_prefix_of_the_envelope():
    assert b"<s:Value>s:Sender</s:Value></s:Code>" in write_fault(NotWellFormed("x"), context(addressing=None))
