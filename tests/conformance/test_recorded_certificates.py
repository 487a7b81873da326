"""Requests of real clients that prove themselves by certificate, replayed at the hour they were sent."""

from dataclasses import replace as changed

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.conformance.client import Client, assert_sound
from tests.fakes import FakeClock
from tests.harness import RELYING_PARTY, Sts
from tests.messages import Answer
from tests.recorded import CXF_PARTY, RECORDED, Message
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.model import TrustVersion
from wstrust_sts.relying_parties import AppliesToRule
from wstrust_sts.wire.keyinfo import MAX_CERTIFICATE
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.xml import octets_of

WCF = "wcf-ws2007http-certificate-endorsing-rsa-sha1.http"
CXF = ("cxf/transportcert-soap11-bearer.request.xml", "cxf/transportcert-soap12-bearer.request.xml")
PARTY = changed(RELYING_PARTY, applies_to=(*RELYING_PARTY.applies_to, AppliesToRule(address=CXF_PARTY)))


def replayed(
    message: Message, *, policy: str, algorithms: str = "default", layout: str = "default", **how
) -> tuple[Client, Answer]:
    """At an STS whose clock shows the message's time, and where `certificate` is alice's.

    `shown` is the TLS client's certificate.
    """
    row = EndpointSection(path="/recorded", trust=TrustVersion.V13, policy=policy, algorithms=algorithms, layout=layout)
    created = read_time(etree.fromstring(message.body).findtext(f".//{{{ns.WSU}}}Created"))
    sts = Sts(endpoints=(row,), clock=FakeClock(created), relying_parties=(PARTY,))
    sts.map_certificate(how["certificate"])
    request = Request(
        method="POST", path=row.path, headers=message.headers, body=message.body, peer_certificate=how.get("shown")
    )
    return Client(sts, message.versions), sts.request(request)


def shown_in(message: Message) -> bytes:
    (token,) = etree.fromstring(message.body).iter(f"{{{ns.WSSE}}}BinarySecurityToken")
    return octets_of(token, limit=MAX_CERTIFICATE)


def test_wcf_s_endorsing_signature_gets_a_token_where_its_algorithms_are_accepted():
    message = Message.read(WCF)
    certificate = shown_in(message)
    client, answer = replayed(message, policy="certificatemixed", algorithms="basic256-sha1", certificate=certificate)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap="1.2")
    assert client.text(answer, ".//a:RelatesTo") == "urn:uuid:bbcd2d1e-c845-4e2f-8827-22fbca35537f"
    assert client.text(answer, ".//saml2:AuthnContextClassRef") == ns.SAML20_AC_X509


def test_wcf_s_endorsing_signature_is_answered_in_the_text_of_ad_fs_too():
    message = Message.read(WCF)
    how = {"policy": "certificatemixed", "algorithms": "basic256-sha1", "layout": "adfs"}
    _, answer = replayed(message, certificate=shown_in(message), **how)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap="1.2")
    assert b"<trust:RequestedSecurityToken><Assertion xmlns=" in answer.body
    assert b"<a:RelatesTo>urn:uuid:bbcd2d1e-c845-4e2f-8827-22fbca35537f</a:RelatesTo>" in answer.body


@pytest.mark.parametrize("algorithms", ["default", "basic256sha256"])
def test_wcf_s_sha_1_is_refused_elsewhere(algorithms):
    message = Message.read(WCF)
    _, answer = replayed(message, policy="certificatemixed", algorithms=algorithms, certificate=shown_in(message))
    assert answer.code == "UnsupportedAlgorithm"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"06:01:38.789Z", b"06:01:38.790Z"),
        (b"https://localhost:9701/sts", b"https://localhost:9702/sts"),
        (b">xS5jHFPlK2", b">xS5jHFPlK3"),
        (b"UA6CBavVBk2", b"UA6CBavVBk3"),
    ],
)
def test_a_change_of_what_wcf_signed_is_found(old, new):
    message = Message.read(WCF)
    other = changed(message, body=message.body.replace(old, new, 1))
    assert other != message
    certificate = shown_in(message)
    _, answer = replayed(other, policy="certificatemixed", algorithms="basic256-sha1", certificate=certificate)
    assert answer.code == "FailedCheck"


@pytest.mark.parametrize("name", CXF)
def test_cxf_s_request_inside_of_tls_gets_a_token_for_the_connection_s_certificate(name):
    message = Message.read(name)
    pem = (RECORDED / "cxf" / "keys" / "alice.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    client, answer = replayed(message, policy="certificatetransport", certificate=certificate, shown=certificate)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    assert client.text(answer, ".//saml2:AuthnContextClassRef") == ns.SAML20_AC_TLS_CLIENT
    _, answer = replayed(message, policy="certificatetransport", certificate=certificate)
    assert answer.code == "InvalidSecurity"
