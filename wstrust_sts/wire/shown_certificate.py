"""The certificate that a message shows for its signature: in the token that this refers to, or in its KeyInfo."""

from collections.abc import Callable, Mapping, Sequence

from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurity, SecurityTokenUnavailable, UnsupportedSecurityToken
from wstrust_sts.wire.certificates import Certificate, index_name, read_certificate
from wstrust_sts.wire.keyinfo import MAX_CERTIFICATE, ByCertificate, ById, KeyReference
from wstrust_sts.wire.pki_path import MAX_OCTETS, read_pki_path
from wstrust_sts.wire.protection import BINARY_SECURITY_TOKEN
from wstrust_sts.wire.wsse import in_security_header
from wstrust_sts.wire.xml import Element, octets_of


def find_certificate(
    name: KeyReference,
    parts: dict[str, Element],
    ids: Mapping[str, Element],
    *,
    known: Sequence[Certificate] = (),
    pinned: Callable[[str], Sequence[bytes]] = lambda name: (),
) -> Certificate:
    """The certificate that `name` leads to: shown by the message, or one of the few `known`, or what `pinned` finds by
    its `index_name`.

    `parts` are the Security header's by name; the BinarySecurityToken is taken out of them. `ids` are all elements of
    the message by their ids.

    Raises InvalidSecurity (a token that signed nothing), SecurityTokenUnavailable (named and not shown, and none or
    several are known by that name), UnsupportedSecurityToken, InvalidHeaderToken.
    """
    return _shown(name, parts, ids) or _named(name, known, pinned)


def _shown(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> Certificate | None:
    token = parts.pop(BINARY_SECURITY_TOKEN, None)
    match name:
        case ById(identifier) if token is not None and ids.get(identifier) is token:
            return _read_token(token)
        case ByCertificate(certificate) if token is None:
            return read_certificate(certificate)
    if token is not None:
        raise InvalidSecurity("a BinarySecurityToken that signed nothing")
    return None


def _named(name: KeyReference, known: Sequence[Certificate], pinned: Callable[[str], Sequence[bytes]]) -> Certificate:
    indexed = index_name(name)
    stored = () if indexed is None else pinned(indexed)
    candidates = [*known, *map(read_certificate, stored)]
    found = {certificate.der: certificate for certificate in candidates if certificate.is_named_by(name)}
    if len(found) != 1:
        raise SecurityTokenUnavailable("the certificate that signed is named, not shown, and none or several are known")
    (certificate,) = found.values()
    return certificate


def _read_token(token: Element) -> Certificate:
    kind = token.get("ValueType")
    if kind not in (ns.X509V3, ns.X509_PKI_PATH) or token.get("EncodingType", ns.BASE64_BINARY) != ns.BASE64_BINARY:
        raise UnsupportedSecurityToken("a BinarySecurityToken that is not an X509v3 or a path in Base64Binary")
    with in_security_header():
        if kind == ns.X509V3:
            return read_certificate(octets_of(token, limit=MAX_CERTIFICATE))
        *above, own = read_pki_path(octets_of(token, limit=MAX_OCTETS))
        return Certificate(own, tuple(above))
