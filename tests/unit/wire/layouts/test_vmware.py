"""The layout `vmware`: faults of two texts, and assertions that can be written again from vCenter's structures."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.assertions import TOKEN_ID, descriptor, issue, signing_key, verification_key
from tests.endorsed import party
from tests.fakes import NOON, REALM
from tests.messages import NAMES
from wstrust_sts import ns
from wstrust_sts.errors import Busy, FailedAuthentication, NotWellFormed, StsError, VersionMismatch
from wstrust_sts.model import (
    AuthenticationMethod,
    Claim,
    KeyType,
    Operation,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    TrustVersion,
)
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.wire.addressing import Addressing
from wstrust_sts.wire.layouts.vmware import VMWARE
from wstrust_sts.wire.saml import verify_assertion
from wstrust_sts.wire.soap import ReplyContext, SoapVersion, write_answer, write_fault

CONTEXT = ReplyContext(
    version=SoapVersion.SOAP11, trust=ns.WST13, now=NOON, correlation_id="c-1", style=VMWARE.envelope
)
GROUPS = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity"
ATTRIBUTES = (
    Claim(GROUPS, ("vsphere.local\\Users", "vsphere.local\\R&D"), "Groups"),
    Claim("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", ("Alice",)),
    Claim("plain", ("x",)),
)


def explicit(**fields) -> etree._Element:
    return etree.fromstring(issue(replace(descriptor(attributes=ATTRIBUTES), saml20_explicit=True, **fields)).markup)


def bound_to_a_key() -> dict[str, object]:
    certificate = party("holder").certificate
    return {"key_type": KeyType.PUBLIC, "proof": PublicProof(b"key", certificate), "recipient": "https://x.test/"}


@pytest.mark.parametrize("error", [FailedAuthentication(), NotWellFormed(), VersionMismatch(), Busy()])
@pytest.mark.parametrize("addressing", [None, Addressing(namespace=ns.WSA, message_id="urn:uuid:1")])
def test_a_fault_is_two_texts_and_no_third(error: StsError, addressing):
    octets = write_fault(error, replace(CONTEXT, addressing=addressing))
    code, sentence = etree.fromstring(octets).xpath("//text()")
    assert code.endswith(f":{error.code}") or error.namespace == "none"
    assert sentence == error.sentence


def test_the_code_of_a_fault_is_in_its_own_namespace():
    root = etree.fromstring(write_fault(FailedAuthentication(), CONTEXT))
    code = root.find(".//faultcode")
    prefix, _, name = code.text.partition(":")
    assert (code.nsmap[prefix], name) == (ns.WSSE, "FailedAuthentication")
    assert len(root.find("{*}Header")) == 0


def test_a_fault_of_soap_12_is_the_usual_one():
    octets = write_fault(FailedAuthentication(), replace(CONTEXT, version=SoapVersion.SOAP12))
    assert b"Timestamp" in octets


def test_a_good_answer_has_its_timestamp_all_the_same():
    assert b"Timestamp" in write_answer(body=b"<x/>", action="urn:action", context=CONTEXT)


@pytest.mark.parametrize(
    ("operation", "name"),
    [(Operation.ISSUE, "RequestSecurityTokenResponseCollection"), (Operation.RENEW, "RequestSecurityTokenResponse")],
)
def test_issue_comes_in_a_collection_and_renew_alone(operation, name):
    asked = RequestSecurityToken(version=TrustVersion.V13, operation=operation)
    body, _ = VMWARE.write_rstr(RequestSecurityTokenResponse(request=asked, issued=issue(descriptor())))
    assert etree.QName(etree.fromstring(body)).localname == name


def test_an_explicit_assertion_says_the_format_of_its_issuer_and_the_friendly_name_and_type_of_each_attribute():
    token = explicit()
    assert token.find("saml2:Issuer", NAMES).get("Format") == ns.NAMEID_ENTITY
    written = [
        (each.keys(), each.get("FriendlyName"), {value.get(f"{{{ns.XSI}}}type") for value in each})
        for each in token.iterfind(".//saml2:Attribute", NAMES)
    ]
    names = ["FriendlyName", "Name", "NameFormat"]
    assert written == [
        (names, "Groups", {"xs:string"}),
        (names, "givenname", {"xs:string"}),
        (names, "plain", {"xs:string"}),
    ]
    assert token.nsmap == {"saml2": ns.SAML20, "xs": ns.XS}


def test_an_explicit_assertion_has_one_authn_statement():
    methods = (AuthenticationMethod.X509, AuthenticationMethod.PASSWORD)
    (statement,) = explicit(authentication_methods=methods).iterfind("saml2:AuthnStatement", NAMES)
    assert statement.keys() == ["AuthnInstant"]
    assert statement.findtext(".//saml2:AuthnContextClassRef", namespaces=NAMES) == ns.SAML20_AC_X509


def test_of_an_explicit_token_that_is_bound_to_a_key_the_conditions_alone_say_when_it_ends():
    data = explicit(**bound_to_a_key()).find(".//saml2:SubjectConfirmationData", NAMES)
    assert data.attrib == {f"{{{ns.XSI}}}type": "saml2:KeyInfoConfirmationDataType"}
    bearer = explicit().find(".//saml2:SubjectConfirmationData", NAMES)
    assert bearer.keys() == ["NotOnOrAfter"]


@pytest.mark.parametrize("fields", [{}, bound_to_a_key()], ids=["bearer", "holder-of-key"])
def test_what_goes_out_is_canonical_but_for_the_declaration_that_types_need(fields):
    wanted = replace(descriptor(attributes=ATTRIBUTES), saml20_explicit=True, **fields)
    token = issue(wanted)
    root = etree.fromstring(token.markup)
    canonical = etree.tostring(root, method="c14n", exclusive=True)
    assert token.markup == canonical.replace(b" ID=", f' xmlns:xs="{ns.XS}" ID='.encode(), 1)


@pytest.mark.parametrize("hostile", ['a" Name="b', "<saml2:Attribute/>", "&amp;", "a\tb\nc", 'xmlns:x="y" ID='])
def test_a_friendly_name_is_text_whatever_it_looks_like(hostile):
    token = issue(replace(descriptor(attributes=(Claim("urn:x", (hostile,), hostile),)), saml20_explicit=True))
    (written,) = etree.fromstring(token.markup).iterfind(".//saml2:Attribute", NAMES)
    assert (written.get("FriendlyName"), written.get("Name"), written[0].text) == (hostile, "urn:x", hostile)


def test_an_explicit_assertion_is_verified_like_every_other_one():
    token = issue(replace(descriptor(attributes=ATTRIBUTES), saml20_explicit=True))
    verified = verify_assertion(
        etree.fromstring(token.markup),
        keys=[verification_key(signing_key())],
        issuer=REALM.issuer,
        now=NOON,
        skew=NOON - NOON,
    )
    assert (verified.token_id, verified.digest) == (TOKEN_ID, token.digest)
