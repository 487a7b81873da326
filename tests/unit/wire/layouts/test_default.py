"""The layout `default`: responses as octets, and the action each goes out under."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.assertions import PROVIDERS, descriptor, issue
from tests.conformance.client import names
from wstrust_sts import ns
from wstrust_sts.model import (
    AppliesTo,
    Operation,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
    TrustVersion,
)
from wstrust_sts.wire.actions import action_of
from wstrust_sts.wire.layouts.default import DEFAULT

EACH_VERSION = pytest.mark.parametrize("version", TrustVersion, ids=lambda version: version.name)
NOTHING = frozenset()


def request(version=TrustVersion.V13, operation=Operation.ISSUE, **fields) -> RequestSecurityToken:
    return RequestSecurityToken(version=version, operation=operation, **fields)


def issued(asked: RequestSecurityToken, token_type=TokenType.SAML20) -> RequestSecurityTokenResponse:
    return RequestSecurityTokenResponse(request=asked, issued=issue(descriptor(token_type)))


def status(asked: RequestSecurityToken, verdict: Status) -> RequestSecurityTokenResponse:
    return RequestSecurityTokenResponse(request=asked, status=verdict, reason="Because <of> & this.")


@pytest.mark.parametrize(
    ("operation", "final13", "suffix05"),
    [
        (Operation.ISSUE, "/RSTRC/IssueFinal", "/RSTR/Issue"),
        (Operation.VALIDATE, "/RSTR/ValidateFinal", "/RSTR/Validate"),
        (Operation.RENEW, "/RSTR/RenewFinal", "/RSTR/Renew"),
        (Operation.CANCEL, "/RSTR/CancelFinal", "/RSTR/Cancel"),
    ],
)
def test_each_operation_is_answered_under_its_action(operation, final13, suffix05):
    assert action_of(operation, TrustVersion.V13) == ns.WST13 + final13
    assert action_of(operation, TrustVersion.V2005) == ns.WST05 + suffix05


@EACH_VERSION
@pytest.mark.parametrize("token_type", PROVIDERS)
def test_an_issued_token_is_spliced_in_as_it_was_signed(version, token_type):
    response = issued(request(version), token_type)
    body, _ = DEFAULT.write_rstr(response, tolerances=NOTHING)
    assert body.count(response.issued.markup) == 1
    etree.fromstring(body)


def test_the_collection_is_for_issue_in_13_and_not_where_a_client_cannot_read_it():
    def outermost(version, tolerances=NOTHING):
        body, _ = DEFAULT.write_rstr(issued(request(version)), tolerances=tolerances)
        return etree.QName(etree.fromstring(body)).localname

    assert outermost(TrustVersion.V13) == "RequestSecurityTokenResponseCollection"
    assert outermost(TrustVersion.V13, frozenset({"bare-rstr"})) == "RequestSecurityTokenResponse"
    assert outermost(TrustVersion.V2005) == "RequestSecurityTokenResponse"


@EACH_VERSION
def test_what_was_asked_for_in_words_is_repeated_in_them(version):
    applies_to = AppliesTo("urn:rp", b'<p:AppliesTo xmlns:p="urn:p">as it <!-- --> came</p:AppliesTo>')
    asked = request(
        version, context='"<&>\t', applies_to=applies_to, key_type_uri="urn:key<type>", token_type="urn:token"
    )
    response = issued(asked)
    body, _ = DEFAULT.write_rstr(
        replace(
            response,
            issued=replace(response.issued, descriptor=replace(response.issued.descriptor, token_type_uri="urn:a&b")),
        ),
        tolerances=NOTHING,
    )
    (rstr,) = etree.fromstring(body).iter(f"{{{version.namespace}}}RequestSecurityTokenResponse")
    assert rstr.get("Context") == '"<&>\t'
    assert rstr.findtext(f"{{{version.namespace}}}TokenType") == "urn:a&b"
    assert rstr.findtext(f"{{{version.namespace}}}KeyType") == "urn:key<type>"
    assert applies_to.markup in body


@EACH_VERSION
def test_without_applies_to_and_context_there_are_none(version):
    body, _ = DEFAULT.write_rstr(issued(request(version)), tolerances=NOTHING)
    assert b"AppliesTo" not in body
    assert b"Context=" not in body


def test_without_a_key_type_the_versions_own_word_for_bearer_is_written():
    for version, uri in ((TrustVersion.V13, f"{ns.WST13}/Bearer"), (TrustVersion.V2005, ns.NO_PROOF_KEY)):
        body, _ = DEFAULT.write_rstr(issued(request(version)), tolerances=NOTHING)
        assert f">{uri}</wst:KeyType>".encode() in body


@EACH_VERSION
@pytest.mark.parametrize("verdict", Status)
def test_a_status_has_its_type_code_and_reason(version, verdict):
    trust = version.namespace
    body, action = DEFAULT.write_rstr(status(request(version, Operation.VALIDATE), verdict), tolerances=NOTHING)
    rstr = etree.fromstring(body)
    assert (etree.QName(rstr).localname, names(rstr)) == ("RequestSecurityTokenResponse", ["TokenType", "Status"])
    assert rstr.findtext(f"{{{trust}}}TokenType") == f"{trust}/RSTR/Status"
    assert rstr.findtext(f".//{{{trust}}}Code") == f"{trust}/status/{verdict.value}"
    assert rstr.findtext(f".//{{{trust}}}Reason") == "Because <of> & this."
    assert action == action_of(Operation.VALIDATE, version)


@EACH_VERSION
@pytest.mark.parametrize("tolerances", [NOTHING, frozenset({"bare-rstr"})])
def test_a_token_that_validate_made_stands_beside_its_status_in_one_bare_response(version, tolerances):
    trust = version.namespace
    response = replace(issued(request(version, Operation.VALIDATE)), status=Status.VALID, reason="Good.")
    body, action = DEFAULT.write_rstr(response, tolerances=tolerances)
    rstr = etree.fromstring(body)
    assert etree.QName(rstr).localname == "RequestSecurityTokenResponse"
    assert names(rstr) == [
        "TokenType",
        "RequestedSecurityToken",
        "RequestedAttachedReference",
        "RequestedUnattachedReference",
        "Lifetime",
        "Status",
        "RequestType",
        "KeyType",
    ]
    assert rstr.findtext(f".//{{{trust}}}Code") == f"{trust}/status/valid"
    assert rstr.findtext(f"{{{trust}}}RequestType") == f"{trust}/Validate"
    assert response.issued.markup in body
    assert action == action_of(Operation.VALIDATE, version)


@EACH_VERSION
def test_a_cancellation_says_that_and_nothing_else(version):
    response = RequestSecurityTokenResponse(request=request(version, Operation.CANCEL, context="c"), cancelled=True)
    body, action = DEFAULT.write_rstr(response, tolerances=NOTHING)
    rstr = etree.fromstring(body)
    assert (rstr.get("Context"), names(rstr)) == ("c", ["RequestedTokenCancelled"])
    assert action == action_of(Operation.CANCEL, version)
