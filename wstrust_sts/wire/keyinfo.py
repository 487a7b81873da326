"""How a message names a key: ds:KeyInfo and wsse:SecurityTokenReference, read into plain values.

A reference is a hint where to look; nothing is believed because of it. The key that it leads to has to open or to
verify, and who owns that key is another question.
"""

import base64
import binascii
from dataclasses import dataclass, field

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, InvalidSecurity, SecurityTokenUnavailable
from wstrust_sts.wire.xml import Element, children, local, octets_of, text_of, trimmed, without_white_space

SECURITY_TOKEN_REFERENCE = f"{{{ns.WSSE}}}SecurityTokenReference"
MAX_CERTIFICATE = 16 * 1024  # octets
MAX_IDENTIFIER = 256
_CONTEXTS = {ns.SCT13_TOKEN_TYPE: ns.WSC13, ns.SCT05_TOKEN_TYPE: ns.WSC05}
_MAX_NAME = 1024


@dataclass(frozen=True, slots=True)
class ById:
    """A token or key in the same message (`#id`)."""

    id: str


@dataclass(frozen=True, slots=True)
class ByUri:
    """A token by an absolute identifier."""

    uri: str


@dataclass(frozen=True, slots=True)
class ByContext:
    """One key of a security context (WS-SecureConversation 1.3 section 3); the first has no `instance`.

    `namespace` is the version's that named it.
    """

    namespace: str
    identifier: str
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class ByThumbprint:
    """SHA-1 of the whole DER certificate."""

    sha1: bytes


@dataclass(frozen=True, slots=True)
class BySubjectKeyIdentifier:
    octets: bytes


@dataclass(frozen=True, slots=True)
class ByIssuerSerial:
    issuer: str
    serial: int


@dataclass(frozen=True, slots=True)
class ByEncryptedKeySha1:
    """SHA-1 of the ciphertext of an EncryptedKey that was sent earlier (WSS 1.1 section 7.7)."""

    sha1: bytes


@dataclass(frozen=True, slots=True)
class ByAssertionId:
    id: str


@dataclass(frozen=True, slots=True)
class ByEmbedding:
    """The token itself, inside of the reference (WSS 1.1 section 7.4)."""

    token: Element = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByCertificate:
    """The certificate itself, DER."""

    certificate: bytes


@dataclass(frozen=True, slots=True)
class ByDerivation:
    """A key that is derived from another's without a token of its own (WS-SecureConversation 1.3 section 7).

    `namespace` is the version's. `length` is not within bounds yet.
    """

    namespace: str
    base: "KeyReference"
    nonce: bytes
    length: int | None


KeyReference = (
    ById
    | ByUri
    | ByContext
    | ByThumbprint
    | BySubjectKeyIdentifier
    | ByIssuerSerial
    | ByEncryptedKeySha1
    | ByAssertionId
    | ByEmbedding
    | ByCertificate
    | ByDerivation
)


def read_key_info(key_info: Element) -> KeyReference:
    """What a ds:KeyInfo names: exactly one SecurityTokenReference or X509Data.

    Raises InvalidSecurity; SecurityTokenUnavailable for a way of naming that is not offered.
    """
    try:
        found = children(key_info)
        if len(found) != 1:
            raise InvalidSecurity("a KeyInfo that does not hold exactly one name of a key")
        (name,) = found
        if name.tag == SECURITY_TOKEN_REFERENCE:
            return read_token_reference(name)
        if name.tag == f"{{{ns.DS}}}X509Data":
            return _read_x509_data(name)
    except InvalidRequest as error:
        raise InvalidSecurity(f"a KeyInfo: {error.detail}") from None
    raise SecurityTokenUnavailable(f"a key named by {local(name)}")


def read_token_reference(reference: Element) -> KeyReference:
    """What a wsse:SecurityTokenReference names (WSS 1.1 section 7). Raises as `read_key_info`."""
    try:
        return _derived(reference, _read_token_reference(reference))
    except InvalidRequest as error:
        raise InvalidSecurity(f"a SecurityTokenReference: {error.detail}") from None


def _read_token_reference(reference: Element) -> KeyReference:
    found = children(reference)
    if len(found) != 1:
        raise InvalidSecurity("a SecurityTokenReference that does not hold exactly one name")
    (name,) = found
    match name.tag:
        case str() as tag if tag == f"{{{ns.WSSE}}}Reference":
            uri = name.get("URI", "")
            if uri.startswith("#") and len(uri) > 1:
                return ById(uri[1:])
            if not uri or len(uri) > MAX_IDENTIFIER:
                raise SecurityTokenUnavailable("a Reference without a usable URI")
            namespace = _CONTEXTS.get(name.get("ValueType", ""))
            return ByUri(uri) if namespace is None else ByContext(namespace, uri, _instance(name, namespace))
        case str() as tag if tag == f"{{{ns.WSSE}}}KeyIdentifier":
            return _read_key_identifier(name)
        case str() as tag if tag == f"{{{ns.DS}}}X509Data":
            return _read_x509_data(name)
        case str() as tag if tag == f"{{{ns.WSSE}}}Embedded" and len(children(name)) == 1:
            return ByEmbedding(name[0])
    raise SecurityTokenUnavailable(f"a token named by {local(name)}")


def _instance(reference: Element, namespace: str) -> str | None:
    """Which key of a context is meant (WS-SecureConversation 1.3 section 8.1)."""
    instance: str | None = reference.get(f"{{{namespace}}}Instance")
    if instance is not None and not 0 < len(instance) <= MAX_IDENTIFIER:
        raise InvalidSecurity("a Reference to a context's key that is named by nothing, or by too much")
    return instance


def _derived(reference: Element, base: KeyReference) -> KeyReference:
    """The key itself, or one implicitly derived from it: where a reference has a nonce."""
    for namespace in (ns.WSC13, ns.WSC05):
        nonce = reference.get(f"{{{namespace}}}Nonce")
        if nonce is not None:
            length = reference.get(f"{{{namespace}}}Length")
            return ByDerivation(namespace, base, _nonce(nonce), None if length is None else _length(length))
    return base


def _nonce(written: str) -> bytes:
    try:
        octets = base64.b64decode(without_white_space(written), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecurity("the nonce of a derived key is not base64") from None
    if not octets or len(octets) > MAX_IDENTIFIER:
        raise InvalidSecurity("the nonce of a derived key is empty or too long")
    return octets


def _length(written: str) -> int:
    if not (written.isascii() and written.isdigit()) or len(written) > 6:
        raise InvalidSecurity("the length of a derived key is not a number")
    return int(written)


def _read_key_identifier(identifier: Element) -> KeyReference:
    value_type = identifier.get("ValueType", "")
    if value_type in (ns.SAML20_KEY_IDENTIFIER, ns.SAML11_KEY_IDENTIFIER):
        return ByAssertionId(trimmed(identifier, limit=MAX_IDENTIFIER))
    if identifier.get("EncodingType", ns.BASE64_BINARY) != ns.BASE64_BINARY:
        raise SecurityTokenUnavailable("a KeyIdentifier that is not Base64Binary")
    match value_type:
        case ns.THUMBPRINT_SHA1:
            return ByThumbprint(octets_of(identifier, limit=MAX_IDENTIFIER))
        case ns.X509_SKI:
            return BySubjectKeyIdentifier(octets_of(identifier, limit=MAX_IDENTIFIER))
        case ns.ENCRYPTED_KEY_SHA1:
            return ByEncryptedKeySha1(octets_of(identifier, limit=MAX_IDENTIFIER))
        case ns.X509V3:
            return ByCertificate(octets_of(identifier, limit=MAX_CERTIFICATE))
    raise SecurityTokenUnavailable(f"a KeyIdentifier of type {value_type[:128]!r}")


def _read_x509_data(data: Element) -> KeyReference:
    """XML Signature 1.1 section 4.5.4: an issuer and serial, a key identifier or a certificate; one of them."""
    found = children(data)
    if len(found) != 1:
        raise InvalidSecurity("an X509Data that does not hold exactly one name of a certificate")
    (name,) = found
    match local(name) if name.tag.startswith(f"{{{ns.DS}}}") else "":
        case "X509IssuerSerial":
            return _read_issuer_serial(name)
        case "X509SKI":
            return BySubjectKeyIdentifier(octets_of(name, limit=MAX_IDENTIFIER))
        case "X509Certificate":
            return ByCertificate(octets_of(name, limit=MAX_CERTIFICATE))
    raise SecurityTokenUnavailable(f"a certificate named by {local(name)}")


def _read_issuer_serial(pair: Element) -> ByIssuerSerial:
    found = {child.tag: child for child in children(pair)}
    issuer, serial = found.pop(f"{{{ns.DS}}}X509IssuerName", None), found.pop(f"{{{ns.DS}}}X509SerialNumber", None)
    if issuer is None or serial is None or found:
        raise InvalidSecurity("an X509IssuerSerial without issuer or serial number")
    digits = trimmed(serial, limit=64)
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidSecurity("an X509SerialNumber that is not a number")
    return ByIssuerSerial(text_of(issuer, limit=_MAX_NAME), int(digits))
