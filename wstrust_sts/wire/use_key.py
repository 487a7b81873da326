"""wst:UseKey: the public key that a requestor wants its token bound to (WS-Trust 1.3 section 9.3).

What it says is only a wish; whether the requestor holds the key is for the policy to ask.
"""

from collections.abc import Sequence

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidRequest, InvalidSecurity, SecurityTokenUnavailable
from wstrust_sts.proof_keys import ProvedKey, PublicProof, UseKey
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.keyinfo import (
    MAX_CERTIFICATE,
    SECURITY_TOKEN_REFERENCE,
    ByCertificate,
    ById,
    KeyReference,
    read_token_reference,
)
from wstrust_sts.wire.public_keys import KEY_VALUE, X509_DATA, read_certified_key, read_public_key
from wstrust_sts.wire.signature_parts import index_ids
from wstrust_sts.wire.xml import MAX_ID, Element, children, local, octets_of

_BINARY_SECURITY_TOKEN = f"{{{ns.WSSE}}}BinarySecurityToken"
_KEY_INFO = f"{{{ns.DS}}}KeyInfo"


def read_use_key(element: Element, *, proved: Sequence[ProvedKey]) -> UseKey:
    """The key that is named: by itself, by a token in this message, or by a name of one of the `proved` certificates.

    Raises InvalidRequest.
    """
    signature_id = element.get("Sig", "").strip().removeprefix("#")[:MAX_ID] or None
    inside = children(element)
    if len(inside) > 1 or (not inside and signature_id is None):
        raise InvalidRequest("a UseKey that names not exactly one key")
    key = _read_key(inside[0], proved) if inside else None
    return UseKey(key=key, signature_id=signature_id)


def _read_key(named: Element, proved: Sequence[ProvedKey]) -> PublicProof:
    if named.tag == _KEY_INFO:
        names = children(named)
        if len(names) != 1:
            raise InvalidRequest("a KeyInfo that does not hold exactly one name of a key")
        (named,) = names
    if named.tag in (X509_DATA, KEY_VALUE):
        return read_public_key(named)
    if named.tag == _BINARY_SECURITY_TOKEN:
        return _read_token(named)
    if named.tag == SECURITY_TOKEN_REFERENCE:
        return _resolve(named, proved)
    raise InvalidRequest(f"a UseKey with {local(named)}, which is not offered")


def _read_token(token: Element) -> PublicProof:
    if token.get("ValueType") != ns.X509V3 or token.get("EncodingType", ns.BASE64_BINARY) != ns.BASE64_BINARY:
        raise InvalidRequest("a BinarySecurityToken that is not an X509v3 in Base64Binary")
    return read_certified_key(octets_of(token, limit=MAX_CERTIFICATE))


def _resolve(reference: Element, proved: Sequence[ProvedKey]) -> PublicProof:
    try:
        name = read_token_reference(reference)
        ids = index_ids(reference.getroottree().getroot())
    except (InvalidSecurity, SecurityTokenUnavailable, FailedCheck) as error:
        raise InvalidRequest(error.detail) from None
    match name:
        case ByCertificate(certificate):
            return read_certified_key(certificate)
        case ById(identifier):
            token = ids.get(identifier)
            if token is None or token.tag != _BINARY_SECURITY_TOKEN:
                raise InvalidRequest("a UseKey that refers to no certificate in this message")
            return _read_token(token)
    return _proved_by_name(name, proved)


def _proved_by_name(name: KeyReference, proved: Sequence[ProvedKey]) -> PublicProof:
    for each in proved:
        certificate = each.key.certificate
        if certificate is not None and read_certificate(certificate).is_named_by(name):
            return each.key
    raise InvalidRequest("a UseKey with the name of a certificate that was not shown")
