"""XML Signature 1.1 for one shape: an element that carries a signature over itself, referred to by its id.

Writing: the element comes as canonical octets, so signing is two digests, one call of the signer and a join.

Verifying: everything that the signature asks for is compared with what is allowed before the first octet is
canonicalised; only exclusive canonicalisation and same-document references by the element's own id exist here,
so there is nothing to resolve, to fetch or to run. The keys are the caller's: KeyInfo is never read. The caller
gets back a copy parsed from the very octets that were verified, and reads nothing else.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, StsError, UnsupportedAlgorithm
from wstrust_sts.ports import Signer, VerificationKey
from wstrust_sts.wire.markup import attribute
from wstrust_sts.wire.xml import MAX_ATTRIBUTES, MAX_ELEMENTS, XML_ID, Element, is_id, parse

DIGESTS: dict[str, Callable[[bytes], "hashlib._Hash"]] = {
    ns.SHA256: hashlib.sha256,
    ns.SHA384: hashlib.sha384,
    ns.SHA512: hashlib.sha512,
}
SIGNATURE_METHODS = frozenset(
    {ns.RSA_SHA256, ns.RSA_SHA384, ns.RSA_SHA512, ns.ECDSA_SHA256, ns.ECDSA_SHA384, ns.ECDSA_SHA512}
)
ID_ATTRIBUTES = frozenset({"ID", "Id", "AssertionID", f"{{{ns.WSU}}}Id", XML_ID})

MAX_SIGNATURE_TEXT = 1536  # characters: base64 of RSA-8192, with line ends
MAX_PREFIXES = 16
MAX_NAME = 512  # characters of a name with its namespace, which canonicalisation may write again and again

_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_SIGNATURE = f"{{{ns.DS}}}Signature"
_INCLUSIVE_NAMESPACES = f"{{{ns.EXC_C14N}}}InclusiveNamespaces"
_WHITE_SPACE = " \t\r\n"
_NO_ATTRIBUTE: frozenset[str] = frozenset()
_ID_ONLY = frozenset({"Id"})
_ALGORITHM = frozenset({"Algorithm"})


def canonical(element: Element, *, prefixes: Sequence[str] = ()) -> bytes:
    """Exclusive XML Canonicalization 1.0, without comments; `prefixes` is the InclusiveNamespaces PrefixList.

    Raises FailedCheck for a tree that has no canonical form (a relative namespace URI).
    """
    try:
        octets: bytes = etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except etree.C14NError:
        raise FailedCheck("an element that has no canonical form") from None
    return octets


# -- writing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Frame:
    """A signature's markup around its three variable texts: constant as long as the key is."""

    digest: Callable[[bytes], "hashlib._Hash"]
    before_reference: bytes
    before_digest: bytes
    after_value: bytes


@lru_cache(maxsize=64)
def _frame(algorithm: str, digest_algorithm: str, certificates: tuple[bytes, ...]) -> _Frame:
    digest = DIGESTS.get(digest_algorithm)
    if digest is None or algorithm not in SIGNATURE_METHODS:
        raise UnsupportedAlgorithm(f"the signer's algorithms are not allowed: {algorithm}, {digest_algorithm}")
    chain = "".join(
        f"<ds:X509Certificate>{base64.b64encode(certificate).decode()}</ds:X509Certificate>"
        for certificate in certificates
    )
    return _Frame(
        digest=digest,
        before_reference=(
            f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"></ds:CanonicalizationMethod>'
            f'<ds:SignatureMethod Algorithm="{algorithm}"></ds:SignatureMethod>'
            '<ds:Reference URI="#'
        ).encode(),
        before_digest=(
            f'"><ds:Transforms><ds:Transform Algorithm="{ns.ENVELOPED}"></ds:Transform>'
            f'<ds:Transform Algorithm="{ns.EXC_C14N}"></ds:Transform></ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{digest_algorithm}"></ds:DigestMethod><ds:DigestValue>'
        ).encode(),
        after_value=(
            f"</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{chain}</ds:X509Data></ds:KeyInfo></ds:Signature>"
        ).encode(),
    )


# SignedInfo is signed as a document of its own, where it declares the prefix that ds:Signature declares in place.
_SIGNED_INFO_ALONE = f'<ds:SignedInfo xmlns:ds="{ns.DS}">'.encode()
_SIGNED_INFO_INSIDE = f'<ds:Signature xmlns:ds="{ns.DS}"><ds:SignedInfo>'.encode()


def write_enveloped_signature(octets: bytes, *, reference: str, signer: Signer) -> bytes:
    """The ds:Signature to put into the element whose exclusive canonical form, without a signature, is `octets`.

    `reference` is that element's id. The result is canonical where the prefix `ds` is not declared above it.
    Raises UnsupportedAlgorithm for a signer outside the allow-list, and what the signer raises.
    """
    frame = _frame(signer.algorithm, signer.digest_algorithm, signer.certificates)
    signed_info = b"".join(
        (
            frame.before_reference,
            attribute(reference).encode(),
            frame.before_digest,
            base64.b64encode(frame.digest(octets).digest()),
            b"</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        )
    )
    value = base64.b64encode(signer.sign(_SIGNED_INFO_ALONE + signed_info))
    return b"".join((_SIGNED_INFO_INSIDE, signed_info, b"<ds:SignatureValue>", value, frame.after_value))


# -- verifying -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedElement:
    """What a signature was verified over.

    `element` is parsed from the verified octets themselves, in a document of its own and without the signature:
    whatever is read from it was signed. `digest` is SHA-256 over the exclusive canonical form of the whole
    element as it was presented, signature included.
    """

    element: Element = field(repr=False)
    digest: bytes
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """What a signature says of itself, in allowed terms; nothing of it is verified."""

    signed_info: Element
    signed_info_prefixes: tuple[str, ...]
    method: str
    prefixes: tuple[str, ...]
    digest: Callable[[bytes], "hashlib._Hash"]
    digest_value: bytes
    signature_value: bytes


def verify_enveloped_signature(
    unverified: Element, *, id_attribute: str, keys: Sequence[VerificationKey]
) -> VerifiedElement:
    """Verifies the one signature that is a child of `unverified` and refers to it by `id_attribute`.

    Raises FailedCheck, UnsupportedAlgorithm.
    """
    _refuse_hidden_content(unverified)
    identifier = _only_bearer_of_its_id(unverified, id_attribute)
    signature = _only_signature(unverified)
    claimed = _read_signature(signature, identifier=identifier)
    key = _key_that_signed(claimed, keys)

    whole = canonical(unverified, prefixes=claimed.prefixes)
    copy = _parse_canonical(whole)
    _take_out(copy, copy[unverified.index(signature)])
    digest = claimed.digest(canonical(copy, prefixes=claimed.prefixes)).digest()
    if not hmac.compare_digest(digest, claimed.digest_value):
        raise FailedCheck("the digest does not match: the content was changed after it was signed")
    if claimed.prefixes:
        whole = canonical(unverified)
    return VerifiedElement(element=copy, digest=hashlib.sha256(whole).digest(), key_id=key.key_id)


def _refuse_hidden_content(unverified: Element) -> None:
    """Refuses what some readers see and others do not, and floods."""
    if unverified.getroottree().docinfo.internalDTD is not None:
        raise FailedCheck("a document type declaration")
    if next(unverified.iter(etree.Comment, etree.PI, etree.Entity), None) is not None:
        raise FailedCheck("a comment, processing instruction or entity reference in signed content")
    for count, element in enumerate(unverified.iter(etree.Element), 1):
        names = element.keys()
        if count > MAX_ELEMENTS or len(names) > MAX_ATTRIBUTES:
            raise FailedCheck("too many elements or attributes in signed content")
        if max(map(len, (element.tag, *names))) > MAX_NAME:
            raise FailedCheck("a name in signed content is too long")
    # Character data never holds "<" when it is written, so this is a CDATA section wherever it is found.
    if b"<![CDATA[" in etree.tostring(unverified, with_tail=False):
        raise FailedCheck("a CDATA section in signed content")


def _only_bearer_of_its_id(unverified: Element, id_attribute: str) -> str:
    """The element's id, when no id of any kind occurs twice in the whole document."""
    identifier: str = unverified.get(id_attribute, "")
    if not is_id(identifier):
        raise FailedCheck(f"no usable {id_attribute}")
    seen = set()
    for element in unverified.getroottree().getroot().iter(etree.Element):
        for name in element.keys():  # noqa: SIM118 (an element iterates over its children)
            if name in ID_ATTRIBUTES:
                value = element.get(name)
                if value in seen:
                    raise FailedCheck("an id occurs twice in the document")
                seen.add(value)
    return identifier


def _only_signature(unverified: Element) -> Element:
    signatures = list(unverified.iter(_SIGNATURE))
    if len(signatures) != 1:
        raise FailedCheck(f"{len(signatures)} signatures where there must be one")
    if signatures[0].getparent() is not unverified:
        raise FailedCheck("the signature is not a child of what it should sign")
    return signatures[0]


def _read_signature(signature: Element, *, identifier: str) -> _Claimed:
    """XML Signature 1.1 section 4, with exactly the children that are needed: no Object, no second Reference."""
    _attributes(signature, allowed=_ID_ONLY)
    if len(signature) == 3:
        signed_info, value, _ = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    else:
        signed_info, value = _children(signature, "SignedInfo", "SignatureValue")
    _attributes(signed_info, allowed=_ID_ONLY)
    method_of_c14n, method, reference = _children(signed_info, "CanonicalizationMethod", "SignatureMethod", "Reference")
    if (algorithm := _algorithm(method_of_c14n)) != ns.EXC_C14N:
        raise UnsupportedAlgorithm(f"canonicalization {algorithm[:128]!r}")
    if (signature_method := _algorithm(method)) not in SIGNATURE_METHODS:
        raise UnsupportedAlgorithm(f"signature method {signature_method[:128]!r}")
    _children(method)
    _attributes(reference, allowed=frozenset({"Id", "URI"}))
    if reference.get("URI") != f"#{identifier}":
        raise FailedCheck("the signature refers to something other than the element that carries it")
    transforms, digest_method, digest_value = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    digest = DIGESTS.get(digest_algorithm := _algorithm(digest_method))
    if digest is None:
        raise UnsupportedAlgorithm(f"digest method {digest_algorithm[:128]!r}")
    _children(digest_method)
    return _Claimed(
        signed_info=signed_info,
        signed_info_prefixes=_prefix_list(method_of_c14n),
        method=signature_method,
        prefixes=_read_transforms(transforms),
        digest=digest,
        digest_value=_octets(digest_value),
        signature_value=_octets(value),
    )


def _read_transforms(transforms: Element) -> tuple[str, ...]:
    """Exactly enveloped-signature, then exclusive canonicalisation; its PrefixList."""
    _attributes(transforms, allowed=_NO_ATTRIBUTE)
    algorithms = [_algorithm(transform) for transform in transforms]
    if algorithms != [ns.ENVELOPED, ns.EXC_C14N]:
        raise UnsupportedAlgorithm("transforms " + ", ".join(repr(algorithm[:128]) for algorithm in algorithms[:4]))
    enveloped, exclusive = _children(transforms, "Transform", "Transform")
    _children(enveloped)
    return _prefix_list(exclusive)


def _prefix_list(method: Element) -> tuple[str, ...]:
    """Exclusive XML Canonicalization 1.0 section 4. `#default` is not offered."""
    if len(method) == 0:
        _children(method)
        return ()
    (inclusive,) = _children(method, _INCLUSIVE_NAMESPACES)
    _children(inclusive)
    _attributes(inclusive, allowed=frozenset({"PrefixList"}))
    prefixes = tuple(inclusive.get("PrefixList", "").split())
    if len(prefixes) > MAX_PREFIXES or not all(map(_PREFIX.fullmatch, prefixes)):
        raise UnsupportedAlgorithm("an InclusiveNamespaces PrefixList that is not offered")
    return prefixes


def _key_that_signed(claimed: _Claimed, keys: Sequence[VerificationKey]) -> VerificationKey:
    """The key of ours that verifies SignedInfo. They are few, so each that fits the method is tried."""
    octets = canonical(claimed.signed_info, prefixes=claimed.signed_info_prefixes)
    for key in keys:
        if claimed.method not in key.algorithms:
            continue
        try:
            key.verify(claimed.signature_value, octets, algorithm=claimed.method)
        except FailedCheck:
            continue
        return key
    raise FailedCheck("the signature is not by a known key")


def _parse_canonical(octets: bytes) -> Element:
    try:
        return parse(octets)
    except StsError as refusal:
        raise FailedCheck(f"the canonical form is not readable: {refusal.detail}") from None


def _take_out(parent: Element, child: Element) -> None:
    """The enveloped-signature transform: the element goes, the text behind it stays."""
    if child.tail:
        previous = child.getprevious()
        if previous is None:
            parent.text = (parent.text or "") + child.tail
        else:
            previous.tail = (previous.tail or "") + child.tail
    parent.remove(child)


# -- the shape of a signature's elements -------------------------------------------------------------------------


def _children(parent: Element, *names: str) -> list[Element]:
    """The child elements, which must be exactly those named, in order, with nothing but white space between."""
    found = list(parent)
    expected = [name if name.startswith("{") else f"{{{ns.DS}}}{name}" for name in names]
    if [child.tag for child in found] != expected:
        raise FailedCheck("a signature with a shape that is not allowed")
    for between in (parent.text, *(child.tail for child in found)):
        if between and between.strip(_WHITE_SPACE):
            raise FailedCheck("text between a signature's elements")
    return found


def _attributes(element: Element, *, allowed: frozenset[str]) -> None:
    if not allowed.issuperset(element.keys()):
        raise FailedCheck("an attribute that is not allowed in a signature")


def _algorithm(method: Element) -> str:
    _attributes(method, allowed=_ALGORITHM)
    algorithm: str = method.get("Algorithm", "")
    return algorithm


def _octets(element: Element) -> bytes:
    """The decoded base64 text of DigestValue or SignatureValue."""
    _attributes(element, allowed=_ID_ONLY if element.tag.endswith("}SignatureValue") else _NO_ATTRIBUTE)
    text: str = element.text or ""
    if len(element) or len(text) > MAX_SIGNATURE_TEXT:
        raise FailedCheck("a digest or signature value that is not one short text")
    compact = "".join(text.split())
    try:
        octets = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise FailedCheck("a digest or signature value that is not base64") from None
    if base64.b64encode(octets) != compact.encode():
        raise FailedCheck("a digest or signature value with bits that say nothing")
    return octets
