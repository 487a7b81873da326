"""The codecs, one row each in CODECS: what goes in, how it is changed, and what may come out.

Beyond "only these exceptions", each holds what it read against a second opinion where there is one: another
parser, another verifier, or its own writer.
"""

import hashlib
import tempfile
from datetime import UTC, timedelta
from pathlib import Path

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests.assertions import ID_ATTRIBUTE
from tests.fakes import NOON, REALM
from tests.forgery import SIGNATURE
from tests.fuzz import mutations, seeds, steady
from tests.fuzz.target import Target, refusing
from tests.terms import over_tls
from wstrust_sts import ns
from wstrust_sts.bindings.media_type import read_media_type
from wstrust_sts.bindings.mex import read_question
from wstrust_sts.cli.serve import known_names
from wstrust_sts.config import load_config
from wstrust_sts.declaration import DeclarationFile
from wstrust_sts.errors import (
    FailedCheck,
    InvalidSecurityToken,
    StsError,
    UnsupportedAlgorithm,
    UnsupportedMediaType,
)
from wstrust_sts.model import TokenType, TrustVersion
from wstrust_sts.strict_toml import ConfigurationError, read_file
from wstrust_sts.wire import wsp
from wstrust_sts.wire.addressing import demand_anonymous_replies, read_addressing
from wstrust_sts.wire.dsig import verify_enveloped_signature
from wstrust_sts.wire.requested_claims import read_claims
from wstrust_sts.wire.saml import read_assertion, verify_assertion
from wstrust_sts.wire.signature_parts import canonical
from wstrust_sts.wire.soap import Envelope, ReplyContext, SoapVersion, demand_understood, read_envelope, write_fault
from wstrust_sts.wire.times import read_time, write_time
from wstrust_sts.wire.transport import read_username_over_tls
from wstrust_sts.wire.wst import read_rst
from wstrust_sts.wire.xml import Element, is_id, parse

_ROOT = Path(__file__).parents[2]
_CHARSETS = (None, "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1")
_ASSERTIONS = {
    f"{{{ns.SAML20}}}Assertion": TokenType.SAML20,
    f"{{{ns.SAML11}}}Assertion": TokenType.SAML11,
}
_TIMES = (
    b"2026-11-23T12:00:00Z",
    b"2026-11-23T12:00:00.1234567+14:00",
    b"0001-01-01T00:00:00",
    b"9999-12-31T23:59:59Z",
)
_MEDIA_TYPES = (
    b"text/xml; charset=utf-8",
    b'application/soap+xml;charset="utf-8";action="urn:x"',
    b'multipart/related; type="application/xop+xml"; start-info="a\\"b"',
    b"application/soap+xml; action=http://example.test/a",
)


def _parse(octets: bytes) -> None:
    """As each charset; what is read is what another parser reads in the same octets."""
    for charset in _CHARSETS:
        try:
            root = parse(octets, charset=charset)
        except (StsError, UnsupportedMediaType):
            if charset is None:
                raise
            continue
        assert root.getroottree().docinfo.internalDTD is None
        assert next(root.iter(etree.PI, etree.Entity), None) is None
        if charset is None and not octets.startswith((b"\xff\xfe", b"\xfe\xff")):
            plain = octets.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
            assert etree.tostring(seeds.read(plain)) == etree.tostring(root)


def _in_both_versions(octets: bytes) -> list[Envelope]:
    root = parse(octets)
    found = []
    for version in SoapVersion:
        try:
            envelope = read_envelope(root, expected=version, may_be_empty=True)
            demand_understood(envelope)
        except StsError:
            continue
        found.append(envelope)
    return found


def _soap(octets: bytes) -> None:
    """And a refusal is written as a fault that can be read, in either version."""
    root = parse(octets)
    version = SoapVersion.SOAP11 if root.tag == f"{{{ns.SOAP11}}}Envelope" else SoapVersion.SOAP12
    try:
        envelope = read_envelope(root, expected=version)
        demand_understood(envelope)
    except StsError as refusal:
        for version in SoapVersion:
            context = ReplyContext(version=version, trust=ns.WST13, correlation_id="x", now=NOON)
            etree.fromstring(write_fault(refusal, context))
        raise
    assert envelope.payload is not None


def _addressing(octets: bytes) -> None:
    for envelope in _in_both_versions(octets):
        addressing = read_addressing(envelope.blocks)
        demand_anonymous_replies(envelope.blocks)
        for said in (addressing.action, addressing.message_id, addressing.to) if addressing else ():
            assert said is None or 0 < len(said) <= 1024


def _wsse(octets: bytes) -> None:
    terms = over_tls()
    for envelope in _in_both_versions(octets):
        message = read_username_over_tls(envelope, terms).proved
        (credential,) = message.credentials
        assert len(credential.username) <= 512
        assert len(credential.password) <= 1024
        assert message.created is not None
        assert abs(message.created - NOON) <= timedelta(minutes=10)


def _wst(octets: bytes) -> None:
    for envelope in _in_both_versions(octets):
        payload = envelope.payload
        for version in TrustVersion if payload is not None else ():
            rst = read_rst(payload, version=version, action=None)
            if rst.applies_to is not None:
                again = wsp.read_applies_to(etree.fromstring(rst.applies_to.markup))  # as clients do: it is echoed
                assert again.address == rst.applies_to.address


def _wsp(octets: bytes) -> None:
    for element in parse(octets).iter(*wsp.APPLIES_TO):
        wsp.read_applies_to(element)


def _claims(octets: bytes) -> None:
    for element in parse(octets).iter("{*}Claims"):
        for claim in read_claims(element):
            assert 0 < len(claim.type) <= 1024


def _mex(octets: bytes) -> None:
    for envelope in _in_both_versions(octets):
        addressing = read_addressing(envelope.blocks)
        read_question(addressing.action if addressing else None, envelope.payload)


def _saml(octets: bytes) -> None:
    refusal = None
    for element in parse(octets).iter(*_ASSERTIONS):
        read_assertion(element)
        digest = hashlib.sha256(canonical(element)).digest() if element.find(SIGNATURE) is not None else b""
        try:
            token = verify_assertion(
                element, keys=[steady.verification_key()], issuer=REALM.issuer, now=NOON, skew=timedelta(0)
            )
        except InvalidSecurityToken as error:
            refusal = error
            continue
        assert is_id(token.token_id)
        assert token.digest == digest
        assert token.expires_at > NOON
    if refusal is not None:
        raise refusal


def _dsig(octets: bytes) -> None:
    """What is verified here is verified by libxmlsec, too."""
    refusal: StsError | None = None
    for element in parse(octets).iter(*_ASSERTIONS):
        id_attribute = ID_ATTRIBUTE[_ASSERTIONS[element.tag]]
        try:
            verified = verify_enveloped_signature(element, id_attribute=id_attribute, keys=[steady.verification_key()])
        except (FailedCheck, UnsupportedAlgorithm) as error:
            refusal = error
            continue
        assert verified.element.get(id_attribute) == element.get(id_attribute)
        assert verified.element.find(SIGNATURE) is None
        _verify_by_xmlsec(element, id_attribute)
    if refusal is not None:
        raise refusal


def _verify_by_xmlsec(element: Element, id_attribute: str) -> None:
    certificate = x509.load_der_x509_certificate(steady.signer().certificates[0])
    public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    xmlsec.tree.add_ids(element, [id_attribute])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(public, xmlsec.KeyFormat.PEM)
    context.verify(element.find(SIGNATURE))


def _times(octets: bytes) -> None:
    moment = read_time(octets.decode("utf-8", "replace"))
    assert moment.tzinfo is UTC
    assert read_time(write_time(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _media_type(octets: bytes) -> str:
    found = read_media_type(octets.decode("latin-1"))
    assert found.name == found.name.lower()
    assert bool(found.name) or not found.parameters
    return "read" if found.name else "unreadable"


def _configuration(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(octets)
        file.flush()
        load_config(Path(file.name), known=known_names(), environment={})


def _declaration(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(octets)
        file.flush()
        read_file(DeclarationFile, Path(file.name))


def _file(name: str) -> tuple[bytes, ...]:
    return ((_ROOT / "examples" / name).read_bytes(),)


_MESSAGE = refusing(StsError)

CODECS = (
    Target(
        name="parse",
        run=refusing(StsError, UnsupportedMediaType)(_parse),
        seeds=seeds.envelopes,
        mutate=mutations.xml,
    ),
    Target(name="soap", run=_MESSAGE(_soap), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="addressing", run=_MESSAGE(_addressing), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="wsse", run=_MESSAGE(_wsse), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="wst", run=_MESSAGE(_wst), seeds=seeds.envelopes, mutate=mutations.xml, share=2),
    Target(name="wsp", run=_MESSAGE(_wsp), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="claims", run=_MESSAGE(_claims), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="mex", run=_MESSAGE(_mex), seeds=seeds.envelopes, mutate=mutations.xml),
    Target(name="saml", run=_MESSAGE(_saml), seeds=seeds.signatures, mutate=mutations.xml, share=2),
    Target(name="dsig", run=_MESSAGE(_dsig), seeds=seeds.signatures, mutate=mutations.xml, share=2),
    Target(name="times", run=refusing(ValueError)(_times), seeds=lambda: _TIMES, mutate=mutations.text),
    Target(name="media-type", run=_media_type, seeds=lambda: _MEDIA_TYPES, mutate=mutations.text),
    Target(
        name="configuration",
        run=refusing(ConfigurationError)(_configuration),
        seeds=lambda: _file("sts.toml"),
        mutate=mutations.text,
    ),
    Target(
        name="declaration",
        run=refusing(ConfigurationError)(_declaration),
        seeds=lambda: _file("state.toml"),
        mutate=mutations.text,
    ),
)
