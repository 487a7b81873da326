"""Section 4 of the wire contract, layout `adfs`: what clients of AD FS find in answers and faults, each in its way."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from msal.wstrust_response import parse_error, parse_response

from tests import messages
from tests.cases import each_of
from tests.conformance.client import COMBINATIONS, Versions, assert_sound, names
from tests.fakes import NOON
from tests.harness import ADFS_ENDPOINTS, ENDPOINTS, RELYING_PARTY, SEALED_ENDPOINTS, Sts, signing_key
from tests.messages import NAMES, addressing, instant
from tests.protected import draft, protect
from tests.recorded import GSOAP, WCF05, WCF13, WCF13_SOAP11, Message
from tests.sealed import SealedSts, in_clear, is_sealed
from tests.verifiers import xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.model import TokenType, TrustVersion
from wstrust_sts.relying_parties import RelyingParty

PATHS = {ns.WST13: "/adfs/services/trust/13/usernamemixed", ns.WST05: "/adfs/services/trust/2005/usernamemixed"}
PREFIXES = {ns.WST13: "trust", ns.WST05: "t"}
PATTERNS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parents[1] / "vectors" / "adfs" / "patterns.txt").read_text().splitlines()
]
ORDER = [
    "Lifetime",
    "AppliesTo",
    "RequestedSecurityToken",
    "RequestedAttachedReference",
    "RequestedUnattachedReference",
    "TokenType",
    "RequestType",
    "KeyType",
]


@pytest.fixture
def sts() -> Sts:
    return Sts(endpoints=ADFS_ENDPOINTS)


versions = each_of(COMBINATIONS)


def how(versions: Versions, operation: str | None = "Issue") -> dict[str, object]:
    headers = () if operation is None else (addressing(f"{versions.trust}/RST/{operation}", message_id="urn:uuid:1"),)
    return {"path": PATHS[versions.trust], "soap": versions.soap, "headers": headers}


def test_without_a_token_type_the_token_is_saml_11_in_its_oldest_spelling(sts, versions):
    answer = sts.issue(token_type=None, **how(versions))
    assert_sound(answer, soap=versions.soap)
    prefix = PREFIXES[versions.trust]
    assert f"<{prefix}:TokenType>urn:oasis:names:tc:SAML:1.0:assertion</{prefix}:TokenType>".encode() in answer.body
    assert answer.assertion.startswith(b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" ')
    key, _ = signing_key("rsa-2048")
    xmlsec_verify(answer.assertion, key.certificate)


def test_the_children_stand_in_the_order_of_ad_fs_with_its_prefixes_and_nothing_between_them(sts, versions):
    answer = sts.issue(token_type=None, **how(versions))
    (rstr,) = answer.root.iter(f"{{{versions.trust}}}RequestSecurityTokenResponse")
    assert names(rstr) == ORDER
    assert {element.prefix for element in answer.root.iter(f"{{{versions.trust}}}*")} == {PREFIXES[versions.trust]}
    assert {element.prefix for element in answer.root} == {"s"}
    assert re.search(rb">\s+<", answer.body) is None
    for namespace, prefix in ((ns.WSA, "a"), (ns.WSU, "u"), (ns.WSSE, "o")):
        (header, _) = answer.root
        assert {element.prefix for element in header.iter(f"{{{namespace}}}*")} == {prefix}


def test_white_space_that_the_request_wrote_into_its_applies_to_does_not_come_back(sts, versions):
    spaced = "\n   https://rp.example.test/svc \n"
    answer = sts.issue(address=spaced, **how(versions))
    assert answer.status == 200
    assert b"<wsa:Address>https://rp.example.test/svc</wsa:Address></wsa:EndpointReference>" in answer.body


def test_nothing_is_declared_again_where_a_reader_of_plain_objects_looks(sts, versions):
    """xml2js and its like make an object, not a string, of an element with an attribute."""
    header = sts.issue(token_type=None, **how(versions)).body.split(b"</s:Header>")[0].decode()
    assert "<u:Timestamp u:Id=" in header
    assert "<u:Expires>2026-11-23T12:05:00.000Z</u:Expires>" in header
    assert '<a:Action s:mustUnderstand="1">' in header
    assert "<a:RelatesTo>urn:uuid:1</a:RelatesTo>" in header


@pytest.mark.parametrize(("version", "kind", "pattern"), PATTERNS)
def test_the_patterns_of_published_clients_cut_out_what_they_are_for(sts, version, kind, pattern):
    trust = ns.WST05 if version == "2005" else ns.WST13
    answer = sts.issue(token_type=None, **how(Versions(trust, "1.2")))
    found = re.search(pattern, answer.body.decode())[1]
    expected = {
        "token": answer.assertion.decode(),
        "expires": instant(NOON, timedelta(hours=1)),
        "type": ns.SAML11,
    }
    assert found == expected[kind]


def test_msal_finds_the_token_and_its_type(sts, versions):
    answer = sts.issue(token_type=None, **how(versions))
    assert parse_response(answer.body.decode()) == {"token": answer.assertion, "type": ns.SAML11}


# -- SAML 2.0 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token_type", ns.SAML20_TOKEN_TYPES)
def test_saml_20_is_in_the_default_namespace_and_its_type_spelt_as_asked_for(sts, versions, token_type):
    answer = sts.issue(token_type=token_type, **how(versions))
    assert answer.assertion.startswith(b'<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="')
    assert answer.text(f".//{{{versions.trust}}}TokenType") == token_type
    key, _ = signing_key("rsa-2048")
    xmlsec_verify(answer.assertion, key.certificate)


def test_saml_20_has_the_prefix_that_the_endpoint_says():
    row = replace(ADFS_ENDPOINTS[0], saml20_prefix="saml")
    answer = Sts(endpoints=(row,)).issue(path=row.path)
    assert answer.assertion.startswith(b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ')


def test_the_prefix_of_one_endpoint_is_not_that_of_another():
    sts = Sts(endpoints=(*ENDPOINTS[:2], *ADFS_ENDPOINTS))
    assert sts.issue().assertion.startswith(b"<saml2:Assertion ")
    assert sts.issue(path=PATHS[ns.WST13]).assertion.startswith(b"<Assertion ")
    assert sts.issue(token_type=None).assertion.startswith(b"<saml2:Assertion ")


@pytest.mark.parametrize("party", [RELYING_PARTY, replace(RELYING_PARTY, default_token_type=TokenType.SAML20)])
def test_a_relying_partys_own_default_goes_before_that_of_the_layout(party: RelyingParty):
    answer = Sts(endpoints=ADFS_ENDPOINTS, relying_parties=(party,)).issue(token_type=None, path=PATHS[ns.WST13])
    namespace = ns.SAML20 if party.default_token_type else ns.SAML11
    assert etree.fromstring(answer.assertion).tag == f"{{{namespace}}}Assertion"


def test_a_token_in_the_default_namespace_is_validated_renewed_and_cancelled(sts, versions):
    there = how(versions, None)
    token = sts.issue(**there).assertion.decode()
    target = {"trust": versions.trust}
    assert sts.ask(messages.validate(token, **target), **there).status_code == "valid"
    renewed = sts.ask(messages.renew(token, **target), **there)
    assert renewed.assertion.startswith(b"<Assertion xmlns=")
    assert sts.ask(messages.cancel(renewed.assertion.decode(), **target), **there).status == 200


# -- faults --------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_the_code_that_clients_compare(sts, versions):
    answer = sts.issue(password="wrong", **how(versions))
    assert_sound(answer, soap=versions.soap)
    assert (answer.status, answer.fault) == (500, (ns.WSSE, "FailedAuthentication"))
    assert b">a:FailedAuthentication</" in answer.body
    assert {element.prefix for element in answer.root.iter(etree.Element)} <= {"s", "a", "u", "o", "sts", None}


def test_an_unknown_relying_party_is_an_invalid_scope_of_ws_trust(sts, versions):
    answer = sts.issue(address="urn:nobody", **how(versions))
    assert answer.fault == (versions.trust, "InvalidScope")
    assert b">a:InvalidScope</" in answer.body


def test_msal_reads_reason_and_code_of_a_fault(sts):
    answer = sts.issue(password="wrong", **how(Versions(ns.WST13, "1.2")))
    assert parse_error(answer.body.decode()) == {"code": "a:FailedAuthentication", "reason": answer.sentence}
    assert "alice" not in answer.sentence


# -- messages that protect themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [messages.RP, "urn:nobody"])
@pytest.mark.parametrize("row", SEALED_ENDPOINTS, ids=lambda row: row.path)
def test_the_layout_is_the_same_inside_of_a_message_that_is_sealed(row, address):
    sts = SealedSts(endpoints=(replace(row, layout="adfs"),))
    trust = row.trust.namespace
    body = messages.issue(trust=trust, address=address)
    request = draft(row.policy, body, action=f"{trust}/RST/Issue")
    asked = Request(
        method="POST", path=row.path, headers={"content-type": messages.content_type()}, body=protect(request), tls=True
    )
    sealed = sts.request(asked)
    assert is_sealed(sealed)
    answer = in_clear(sealed, request, now=NOON)
    if address == messages.RP:
        assert {element.prefix for element in answer.root.iter(f"{{{trust}}}*")} == {PREFIXES[trust]}
        assert answer.find(f".//{{{ns.SAML20}}}Assertion") is not None
    else:
        assert answer.fault == (trust, "InvalidScope")
        assert b">a:InvalidScope</" in answer.body


# -- recorded messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [WCF13, WCF13_SOAP11, WCF05])
def test_the_recorded_messages_of_wcf_are_answered_in_the_text_of_ad_fs(name):
    message = Message.read(name)
    trust = message.versions.trust
    client, answer = message.replay(path=PATHS[trust], endpoints=ADFS_ENDPOINTS)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    prefix = PREFIXES[trust]
    token = re.search(f"<{prefix}:RequestedSecurityToken>(.*?)</{prefix}:RequestedSecurityToken>", answer.body.decode())
    assert token[1].encode() == answer.assertion
    (rstr,) = answer.root.iter(f"{{{trust}}}RequestSecurityTokenResponse")
    assert names(rstr) == ORDER  # KeySize 0 beside bearer is not repeated
    assert answer.find(f".//{{{ns.SAML11 if name == WCF05 else ns.SAML20}}}Assertion") is not None


def test_gsoap_reads_its_bare_response_in_this_layout_too():
    row = EndpointSection(
        path=PATHS[ns.WST13], trust=TrustVersion.V13, layout="adfs", tolerances=("no-timestamp", "bare-rstr")
    )
    _, answer = Message.read(GSOAP).replay(path=row.path, endpoints=(row,))
    assert answer.status == 200
    (response,) = answer.find("s12:Body")
    assert response.tag == f"{{{ns.WST13}}}RequestSecurityTokenResponse"
    assert b'<s:Body><trust:RequestSecurityTokenResponse xmlns:trust="' in answer.body
    assert etree.fromstring(answer.assertion).find(".//{*}Subject", NAMES) is not None
