"""What clients of AD FS sent (tests/vectors/recorded/adfs), answered as the profile `adfs` has its endpoints."""

import re
from dataclasses import replace as changed
from xml.dom import minidom

import pytest
from lxml import etree

from tests.conformance.client import assert_sound
from tests.harness import ADFS_ENDPOINTS, RELYING_PARTY
from tests.recorded import ADFS, NODE_SP_AUTH, OFFICE365, WSTRUST_CLIENT, Message
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.relying_parties import AppliesToRule

TOLERANT = tuple(changed(row, tolerances=("no-timestamp",)) for row in ADFS_ENDPOINTS)
PARTY = changed(
    RELYING_PARTY, applies_to=(*RELYING_PARTY.applies_to, AppliesToRule(address="urn:federation:MicrosoftOnline"))
)
WITHOUT_A_TIMESTAMP = (NODE_SP_AUTH, WSTRUST_CLIENT)


def replay(message, *, endpoints=TOLERANT):
    path = f"/adfs/services/trust/{'2005' if message.versions.trust == ns.WST05 else '13'}/usernamemixed"
    return message.replay(path=path, endpoints=endpoints, party=PARTY)


@pytest.mark.parametrize("name", ADFS)
def test_whoever_asks_for_no_saml_20_gets_saml_11_by_its_name_of_saml_10(name):
    message = Message.read(name)
    client, answer = replay(message)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    (told,) = answer.root.iter(f"{{{client.trust}}}TokenType")
    version = ns.SAML20 if name == WSTRUST_CLIENT else ns.SAML11
    assert told.text == version
    assert etree.fromstring(answer.assertion).tag == f"{{{version}}}Assertion"


@pytest.mark.parametrize("name", ADFS)
def test_a_wrong_password_is_told_by_code_and_reason(name):
    message = Message.read(name)
    _, answer = replay(changed(message, body=message.body.replace(b">s3cret<", b">other1<")))
    assert (answer.status, answer.fault) == (500, (ns.WSSE, "FailedAuthentication"))
    assert FailedAuthentication.sentence in answer.find("s12:Body/s12:Fault/s12:Reason/s12:Text").text


@pytest.mark.parametrize("name", WITHOUT_A_TIMESTAMP)
def test_without_a_timestamp_a_client_is_served_where_the_endpoint_tolerates_it(name):
    message = Message.read(name)
    assert b"Timestamp" not in message.body
    _, answer = replay(message, endpoints=ADFS_ENDPOINTS)
    assert answer.fault == (ns.WSSE, "InvalidSecurity")


def test_node_sp_auth_finds_the_response_by_its_place_and_the_times_in_the_first_child_of_the_assertion():
    _, answer = replay(Message.read(NODE_SP_AUTH))
    assert re.search(
        rb"<s:Body><trust:RequestSecurityTokenResponseCollection [^>]*><trust:RequestSecurityTokenResponse>",
        answer.body,
    )
    conditions = etree.fromstring(answer.assertion)[0]
    assert {"NotBefore", "NotOnOrAfter"} <= set(conditions.keys())


def test_wstrust_client_cuts_the_assertion_out_of_one_piece_of_text():
    _, answer = replay(Message.read(WSTRUST_CLIENT))
    begin, end = answer.body.index(b"<Assertion "), answer.body.index(b"</Assertion>") + len(b"</Assertion>")
    assert answer.body[begin:end] == answer.assertion
    assert len(answer.body) < 16384  # it takes each piece that the network gives it for the whole


def test_the_python_client_of_office_365_writes_the_assertion_anew_and_its_signature_holds():
    _, answer = replay(Message.read(OFFICE365))
    (found,) = minidom.parseString(answer.body).getElementsByTagNameNS(ns.SAML11, "Assertion")
    written = etree.tostring(etree.fromstring(found.toxml()), method="c14n", exclusive=True)
    assert written == etree.tostring(etree.fromstring(answer.assertion), method="c14n", exclusive=True)
