"""Protected messages that real clients sent: decrypted, verified and answered (tests/vectors/recorded)."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

from tests.attack import demand_no_leak
from tests.fakes import FakeClock
from tests.harness import RELYING_PARTY
from tests.messages import NAMES, Answer
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.config import EndpointSection
from wstrust_sts.errors import FailedCheck, SecurityTokenUnavailable, UnsupportedAlgorithm
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.model import TrustVersion
from wstrust_sts.relying_parties import AppliesToRule
from wstrust_sts.wire.algorithms import BASIC256_SHA1, BASIC256SHA256, DEFAULT
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.keyinfo import read_key_info
from wstrust_sts.wire.message_signature import read_message_signature, verify_message_signature
from wstrust_sts.wire.opening import SharedSecret
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.signature_parts import index_ids
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import parse

RECORDED = Path(__file__).parents[1] / "vectors" / "recorded"
CXF = RECORDED / "cxf"
CXF_PARTY = "https://localhost:18443/doubleit/services/harness"
BEARER = [f"{policy}-{soap}-bearer" for policy in ("username", "certificate") for soap in ("soap11", "soap12")]
KEYS = [f"{policy}-soap12-{key}" for policy in ("username", "certificate") for key in ("symmetric", "public")]
ENDPOINTS = (
    EndpointSection(path="/username", trust=TrustVersion.V13, policy="username"),
    EndpointSection(path="/certificate", trust=TrustVersion.V13, policy="certificate", algorithms="basic256sha256"),
    EndpointSection(path="/strict/certificate", trust=TrustVersion.V13, policy="certificate"),
    EndpointSection(path="/strict/username", trust=TrustVersion.V13, policy="username"),
    EndpointSection(path="/certificatesigned", trust=TrustVersion.V13, policy="certificatesigned"),
    EndpointSection(
        path="/tolerant",
        trust=TrustVersion.V13,
        policy="certificatesigned",
        tolerances=("unsigned-addressing", "no-applies-to"),  # they say for nobody in particular
        default_relying_party=RELYING_PARTY.name,
    ),
)


@cache
def certificate(name: str) -> bytes:
    return x509.load_pem_x509_certificate((RECORDED / name).read_bytes()).public_bytes(Encoding.DER)


@cache
def key(name: str) -> LocalMessageKey:
    private = load_pem_private_key((CXF / "keys" / f"{name}.key").read_bytes(), None)
    return LocalMessageKey(private, certificate=certificate(f"cxf/keys/{name}.pem"))


def created(message: bytes) -> datetime:
    return read_time(etree.fromstring(message).findtext(f".//{{{ns.WSU}}}Timestamp/{{{ns.WSU}}}Created"))


def request(name: str) -> bytes:
    return (CXF / f"{name}.request.xml").read_bytes()


def sts_at(moment: datetime) -> SealedSts:
    """An STS that knows the account, the certificates and the relying party of the recordings, with the keys of its."""
    party = replace(RELYING_PARTY, applies_to=(*RELYING_PARTY.applies_to, AppliesToRule(address=CXF_PARTY)))
    return SealedSts(
        endpoints=ENDPOINTS,
        clock=FakeClock(moment),
        relying_parties=(party,),
        message_keys=(key("sts"),),
        pinned={certificate("cxf/keys/alice.pem"): "alice", certificate("wss4j-client.pem"): "alice"},
    )


def soap_of(message: bytes) -> str:
    return "1.1" if ns.SOAP11.encode() in message else "1.2"


def send(sts: SealedSts, message: bytes, path: str) -> Answer:
    return sts.post(message, path=path, soap=soap_of(message))


def shared_secret(message: bytes) -> SharedSecret:
    """What the STS gets out of the request's EncryptedKey."""
    value = etree.fromstring(message).findtext(f".//{{{ns.XENC}}}EncryptedKey//{{{ns.XENC}}}CipherValue")
    ciphertext = base64.b64decode(value)
    secret = key("sts").decrypt(ciphertext, digest=ns.SHA1, mask=ns.SHA1)
    assert secret is not None
    return SharedSecret(secret, hashlib.sha1(ciphertext).digest())


def read_answer(name: str, octets: bytes, now: datetime) -> ProtectedMessage:
    """The answer to the recorded request, as its client reads it."""
    version = SoapVersion.SOAP11 if soap_of(octets) == "1.1" else SoapVersion.SOAP12
    envelope = read_envelope(parse(octets), expected=version)
    how = {"algorithms": BASIC256SHA256, "now": now, "freshness": Freshness()}
    if name.startswith("username"):
        known = (shared_secret(request(name)),)
        return open_symmetric(envelope, decrypters=(), known=known, **how).protected
    known = (read_certificate(certificate("cxf/keys/sts.pem")),)
    return open_asymmetric(envelope, decrypters=(key("alice"),), known=known, **how).protected


def path_of(name: str) -> str:
    return f"/{name.partition('-')[0]}"


# -- requests of CXF ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_request_for_a_bearer_token_gets_it_under_its_own_keys(name):
    message = request(name)
    sts = sts_at(created(message))
    answer = send(sts, message, path_of(name))
    assert answer.status == 200, answer.body
    assert b"saml2:Assertion" not in answer.body
    opened = read_answer(name, answer.body, sts.clock.now).opened
    inside = etree.tostring(opened.envelope.root)
    assert f">{CXF_PARTY}<".encode() in inside
    assertion = etree.fromstring(Answer(200, inside, answer.content_type).assertion)
    assert assertion.findtext(f".//{{{ns.SAML20}}}NameID") == "alice"
    assert assertion.findtext(f".//{{{ns.SAML20}}}Audience") == CXF_PARTY
    asked = etree.fromstring(message).findtext(".//a:MessageID", None, NAMES)
    assert opened.envelope.root.findtext(".//a:RelatesTo", None, NAMES) == asked


@pytest.mark.parametrize("name", KEYS)
def test_a_recorded_request_for_a_key_is_verified_and_refused_under_its_own_keys(name):
    message = request(name)
    sts = sts_at(created(message))
    answer = send(sts, message, path_of(name))
    assert answer.status == 500
    assert b"BadRequest" not in answer.body
    envelope = read_answer(name, answer.body, sts.clock.now).opened.envelope
    refusal = Answer(500, etree.tostring(envelope.root), answer.content_type)
    assert refusal.fault == (ns.WST13, "BadRequest")
    demand_no_leak(refusal.body.decode())


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_request_sent_again_is_refused_under_its_own_keys(name):
    message = request(name)
    sts = sts_at(created(message))
    assert send(sts, message, path_of(name)).status == 200
    again = send(sts, message, path_of(name))
    envelope = read_answer(name, again.body, sts.clock.now).opened.envelope
    refusal = Answer(500, etree.tostring(envelope.root), again.content_type)
    assert refusal.fault == (ns.WSSE, "FailedAuthentication")


@pytest.mark.parametrize("name", [*BEARER, *KEYS])
def test_a_day_later_a_recorded_request_has_expired(name):
    message = request(name)
    sts = sts_at(created(message) + timedelta(days=1))
    assert send(sts, message, path_of(name)).fault == (ns.WSSE, "MessageExpired")


@pytest.mark.parametrize("name", [name for name in (*BEARER, *KEYS) if name.startswith("certificate")])
def test_the_rsa_sha1_of_the_published_suite_is_refused_where_it_is_not_opted_in(name):
    message = request(name)
    answer = send(sts_at(created(message)), message, "/strict/certificate")
    assert answer.fault == (ns.WSSE, "FailedCheck"), "one fault for what is found behind the encryption"


@pytest.mark.parametrize("name", [name for name in BEARER if name.startswith("username")])
def test_the_hmac_sha1_of_the_published_suite_is_read_everywhere(name):
    message = request(name)
    assert send(sts_at(created(message)), message, "/strict/username").status == 200


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_request_is_refused_where_another_policy_is(name):
    message = request(name)
    other = "/certificate" if name.startswith("username") else "/username"
    for path in (other, "/certificatesigned"):
        answer = send(sts_at(created(message)), message, path)
        assert (answer.status, answer.fault[0]) == (500, ns.WSSE)
        assert answer.code in ("FailedCheck", "InvalidSecurity")


@pytest.mark.parametrize("name", BEARER)
def test_any_octet_of_a_recorded_ciphertext_changed_is_one_fault(name):
    message = request(name)
    sts = sts_at(created(message))
    values = [match.span(1) for match in re.finditer(rb"CipherValue>([^<]+)<", message)]
    assert len(values) in (3, 4)
    for start, end in values:
        for position in (start + 4, (start + end) // 2, end - 8):
            swapped = b"A" if message[position : position + 1] != b"A" else b"B"
            answer = send(sts, message[:position] + swapped + message[position + 1 :], path_of(name))
            assert answer.fault == (ns.WSSE, "FailedCheck")


# -- signatures of WSS4J -----------------------------------------------------------------------------------------

WSS4J = ["wss4j-x509.xml", "wss4j-x509-issuer.xml", "wss4j-x509-ski.xml", "wss4j-x509-thumbprint.xml"]


def signature_of(name: str):
    root = parse((RECORDED / name).read_bytes())
    (signature,) = root.iter(f"{{{ns.DS}}}Signature")
    return root, signature


@pytest.mark.parametrize("name", WSS4J)
def test_a_recorded_signature_is_verified_however_it_names_its_certificate(name):
    root, signature = signature_of(name)
    signer = read_certificate(certificate("wss4j-client.pem"))
    unverified = read_message_signature(signature, algorithms=DEFAULT)
    named = read_key_info(unverified.key_info)
    if name != "wss4j-x509.xml":
        assert signer.is_named_by(named)
        assert not read_certificate(certificate("cxf/keys/alice.pem")).is_named_by(named)
    verified = verify_message_signature(unverified, key=signer, ids=index_ids(root))
    names = {etree.QName(element).localname for element in verified.elements}
    assert names == {"Body", "Timestamp", "To"}


def test_a_recorded_signature_over_changed_octets_is_refused():
    root, signature = signature_of("wss4j-x509-tampered.xml")
    unverified = read_message_signature(signature, algorithms=DEFAULT)
    with pytest.raises(FailedCheck):
        verify_message_signature(unverified, key=read_certificate(certificate("wss4j-client.pem")), ids=index_ids(root))


@pytest.mark.parametrize("name", WSS4J)
def test_a_recorded_signature_is_not_somebody_elses(name):
    root, signature = signature_of(name)
    unverified = read_message_signature(signature, algorithms=BASIC256_SHA1)
    with pytest.raises(FailedCheck):
        verify_message_signature(
            unverified, key=read_certificate(certificate("cxf/keys/alice.pem")), ids=index_ids(root)
        )


@pytest.mark.parametrize("name", WSS4J)
def test_a_recorded_message_that_signs_too_little_is_refused_however_it_names_its_certificate(name):
    """It leaves Action, MessageID and ReplyTo unsigned; that is looked at only once the signature is verified."""
    message = (RECORDED / name).read_bytes()
    answer = send(sts_at(created(message)), message, "/certificatesigned")
    assert answer.fault == (ns.WSSE, "InvalidSecurity")


@pytest.mark.parametrize("name", WSS4J)
def test_a_recorded_message_is_answered_where_unsigned_addressing_headers_are_tolerated(name):
    message = (RECORDED / name).read_bytes()
    answer = send(sts_at(created(message)), message, "/tolerant")
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("name", WSS4J[1:])
def test_a_recorded_message_with_a_name_of_a_certificate_that_is_not_known_is_refused(name):
    message = (RECORDED / name).read_bytes()
    sts = sts_at(created(message))
    sts.stores.certificates.rows.clear()
    assert send(sts, message, "/certificatesigned").fault == (ns.WSSE, SecurityTokenUnavailable.code)


def test_a_recorded_message_that_was_changed_is_refused():
    message = (RECORDED / "wss4j-x509-tampered.xml").read_bytes()
    assert send(sts_at(created(message)), message, "/certificatesigned").fault == (ns.WSSE, FailedCheck.code)


def test_what_the_algorithms_do_not_name_is_not_computed():
    _, signature = signature_of("wss4j-x509.xml")
    signature[0][1].set("Algorithm", ns.RSA_SHA1)
    with pytest.raises(UnsupportedAlgorithm):
        read_message_signature(signature, algorithms=DEFAULT)
