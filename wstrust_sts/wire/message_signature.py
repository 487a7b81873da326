"""The signature over parts of a message (WSS 1.1 section 8): one SignedInfo with a reference for each part.

Verifying gives back the very elements that were digested, as objects: whoever asks whether a part was signed compares
objects, not names or ids. Only same-document references by id, exclusive canonicalisation and the STR-Transform
exist here. What the signature's KeyInfo names is looked up by the caller.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, UnsupportedAlgorithm
from wstrust_sts.wire.algorithms import MAC_METHODS, Algorithms
from wstrust_sts.wire.keyinfo import SECURITY_TOKEN_REFERENCE, ByAssertionId, ById, read_token_reference
from wstrust_sts.wire.signature_parts import (
    DIGESTS,
    ID_ONLY,
    NO_ATTRIBUTE,
    algorithm_of,
    canonical,
    exact_children,
    octets_in,
    only_attributes,
    prefix_list_of,
)
from wstrust_sts.wire.xml import Element, is_id, local

MAX_REFERENCES = 16
_TRANSFORMATION_PARAMETERS = f"{{{ns.WSSE}}}TransformationParameters"


class MessageKey(Protocol):
    """A key that a message's signature may be verified with."""

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        """Raises FailedCheck; UnsupportedAlgorithm for a method of another kind of key."""
        ...


class MacKey:
    """A shared key: HMAC, whole or not at all. A `MessageKey`."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        if not hmac.compare_digest(self.sign(octets, algorithm=algorithm), signature):
            raise FailedCheck("the message's signature does not match")

    def sign(self, octets: bytes, *, algorithm: str) -> bytes:
        if algorithm not in MAC_METHODS:
            raise UnsupportedAlgorithm("a shared key signs with HMAC only")
        return hmac.digest(self._secret, octets, "sha1" if algorithm == ns.HMAC_SHA1 else "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedSignature:
    """What a message's signature says of itself, in allowed terms. `id` names it, if it has a name."""

    id: str | None
    signed_info: Element
    prefixes: tuple[str, ...]
    method: str
    references: tuple["_Reference", ...]
    value: bytes = field(repr=False)
    key_info: Element


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignature:
    """`elements` are the parts it covers; `octets` is its SignedInfo as the key signed it; `value` is SignatureValue,
    which SignatureConfirmation repeats."""

    id: str | None
    elements: tuple[Element, ...]
    octets: bytes = field(repr=False)
    value: bytes = field(repr=False)
    method: str
    digest_method: str  # of its first reference

    def digest_under(self, key: bytes) -> bytes:
        """What a replay is known by. `key` stands for the key that signed. Not the value: where the key is elliptic,
        anybody makes another value of one.

        HMAC fills up its key with zeros (RFC 2104 section 2), so that one with more of them at its end is the same key;
        and how long a derived key is, its token says, which no signature has to cover.
        """
        return hashlib.sha256(key.rstrip(b"\0") + self.octets).digest()

    def covers(self, element: Element) -> bool:
        return any(element is signed for signed in self.elements)

    def demand_in_place(self, security: Element) -> None:
        """Raises InvalidSecurity: it covers what is no part of the message, but inside of one.

        What its signer said of the message must not be made nothing by putting it where nobody reads it: a destination
        that is another one's, a Body that asked for something else. `security` is the Security header; a token may be a
        document of its own.
        """
        header = security.getparent()
        for element in self.elements:
            parent = element.getparent()
            if not (parent is None or parent is security or parent is header or parent is header.getparent()):
                raise InvalidSecurity(f"a signed {local(element)} that is not in its place")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    id: str
    of_token: bool  # by the STR-Transform: the token that the element refers to
    prefixes: tuple[str, ...]
    digest_method: str
    digest_value: bytes


def read_message_signature(signature: Element, *, algorithms: Algorithms) -> UnverifiedSignature:
    """Raises FailedCheck (a shape that is not allowed), UnsupportedAlgorithm. Computes nothing."""
    only_attributes(signature, allowed=ID_ONLY)
    signed_info, value, key_info = exact_children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    only_attributes(signed_info, allowed=ID_ONLY)
    count = len(signed_info) - 2
    if not 1 <= count <= MAX_REFERENCES:
        raise FailedCheck("a signature over nothing, or over too many parts")
    canonicalization, method, *references = exact_children(
        signed_info, "CanonicalizationMethod", "SignatureMethod", *["Reference"] * count
    )
    if (algorithm := algorithm_of(canonicalization)) != ns.EXC_C14N:
        raise UnsupportedAlgorithm(f"canonicalization {algorithm[:128]!r}")
    exact_children(method)  # no HMACOutputLength
    signature_method = algorithm_of(method)
    algorithms.demand_signature(signature_method)
    return UnverifiedSignature(
        id=signature.get("Id"),
        signed_info=signed_info,
        prefixes=prefix_list_of(canonicalization),
        method=signature_method,
        references=tuple(_read_reference(reference, algorithms) for reference in references),
        value=octets_in(value),
        key_info=key_info,
    )


def _read_reference(reference: Element, algorithms: Algorithms) -> _Reference:
    only_attributes(reference, allowed=frozenset({"Id", "URI"}))
    uri = reference.get("URI", "")
    if not uri.startswith("#") or not is_id(uri[1:]):
        raise FailedCheck("a signature that refers to something other than a part of this message by its id")
    transforms, digest_method, digest_value = exact_children(reference, "Transforms", "DigestMethod", "DigestValue")
    only_attributes(transforms, allowed=NO_ATTRIBUTE)
    (transform,) = exact_children(transforms, "Transform")
    of_token = algorithm_of(transform) == ns.STR_TRANSFORM
    exact_children(digest_method)
    digest = algorithm_of(digest_method)
    algorithms.demand_digest(digest)
    return _Reference(
        id=uri[1:],
        of_token=of_token,
        prefixes=_read_str_transform(transform) if of_token else _read_exclusive(transform),
        digest_method=digest,
        digest_value=octets_in(digest_value),
    )


def _read_exclusive(transform: Element) -> tuple[str, ...]:
    if (algorithm := algorithm_of(transform)) != ns.EXC_C14N:
        raise UnsupportedAlgorithm(f"transform {algorithm[:128]!r}")
    return prefix_list_of(transform)


def _read_str_transform(transform: Element) -> tuple[str, ...]:
    """WSS 1.1 section 8.3: the canonicalisation stands among the transform's parameters."""
    (parameters,) = exact_children(transform, _TRANSFORMATION_PARAMETERS)
    only_attributes(parameters, allowed=NO_ATTRIBUTE)
    (canonicalization,) = exact_children(parameters, "CanonicalizationMethod")
    return _read_exclusive(canonicalization)


def verify_message_signature(
    unverified: UnverifiedSignature, *, key: MessageKey, ids: Mapping[str, Element]
) -> VerifiedSignature:
    """`ids` are all elements of the message by their ids, which are unique.

    Raises FailedCheck, UnsupportedAlgorithm, InvalidSecurity (a reference to nothing).
    """
    octets = canonical(unverified.signed_info, prefixes=unverified.prefixes)
    key.verify(unverified.value, octets, algorithm=unverified.method)
    return VerifiedSignature(
        id=unverified.id,
        elements=tuple(_verify_reference(reference, ids) for reference in unverified.references),
        octets=octets,
        value=unverified.value,
        method=unverified.method,
        digest_method=unverified.references[0].digest_method,
    )


def _verify_reference(reference: _Reference, ids: Mapping[str, Element]) -> Element:
    element = _referred(reference.id, ids)
    if reference.of_token:
        element = _token_of(element, ids)
    octets = canonical(element, prefixes=reference.prefixes)
    if not hmac.compare_digest(DIGESTS[reference.digest_method](octets).digest(), reference.digest_value):
        raise FailedCheck("a part of the message was changed after it was signed")
    return element


def _referred(identifier: str, ids: Mapping[str, Element]) -> Element:
    element = ids.get(identifier)
    if element is None:
        raise InvalidSecurity("the signature refers to nothing in this message")
    return element


def _token_of(reference: Element, ids: Mapping[str, Element]) -> Element:
    """The token in this message that a SecurityTokenReference stands for."""
    if reference.tag != SECURITY_TOKEN_REFERENCE:
        raise FailedCheck("an STR-Transform of something other than a SecurityTokenReference")
    match read_token_reference(reference):
        case ById(identifier) | ByAssertionId(identifier):
            return _referred(identifier, ids)
    raise FailedCheck("an STR-Transform of a token that is not in this message")


# -- writing ---------------------------------------------------------------------------------------------------

_SIGNED_INFO_ALONE = f'<ds:SignedInfo xmlns:ds="{ns.DS}">'


def write_message_signature(
    parts: Sequence[tuple[str, bytes]],
    *,
    method: str,
    digest_method: str,
    sign: Callable[[bytes], bytes],
    key_info: str,
) -> bytes:
    """The ds:Signature over `parts`, each an id and the exclusive canonical form of its element.

    `key_info` is what its ds:KeyInfo holds. Ids here are our own and need no escaping.
    """
    digest = DIGESTS[digest_method]
    references = "".join(
        f'<ds:Reference URI="#{identifier}"><ds:Transforms><ds:Transform Algorithm="{ns.EXC_C14N}"></ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod>'
        f"<ds:DigestValue>{_base64(digest(octets).digest())}</ds:DigestValue></ds:Reference>"
        for identifier, octets in parts
    )
    inside = (
        f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>{references}</ds:SignedInfo>'
    )
    value = sign((_SIGNED_INFO_ALONE + inside).encode())
    signature = (
        f'<ds:Signature xmlns:ds="{ns.DS}"><ds:SignedInfo>{inside}<ds:SignatureValue>{_base64(value)}'
        f"</ds:SignatureValue><ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
    )
    return signature.encode()


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
