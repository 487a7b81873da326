"""XML Signature 1.1 for one shape: an element that carries a signature over itself, referred to by its id.

Writing: the element comes as canonical octets, so signing is two digests, one call of the signer and a join.

Verifying: everything that the signature asks for is compared with what is allowed before the first octet is
canonicalised; only exclusive canonicalisation and same-document references by the element's own id exist here,
so there is nothing to resolve, to fetch or to run. The keys are the caller's: KeyInfo is never read. The caller
gets back a copy parsed from the very octets that were verified, and reads nothing else.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, StsError, UnsupportedAlgorithm
from wstrust_sts.ports import Signer, VerificationKey
from wstrust_sts.wire.markup import attribute
from wstrust_sts.wire.signature_parts import (
    DIGESTS,
    ID_ONLY,
    NO_ATTRIBUTE,
    SIGNATURE,
    algorithm_of,
    canonical,
    exact_children,
    index_ids,
    octets_in,
    only_attributes,
    prefix_list_of,
)
from wstrust_sts.wire.xml import MAX_ATTRIBUTES, MAX_ELEMENTS, Element, is_id, parse

DIGEST_METHODS = frozenset({ns.SHA256, ns.SHA384, ns.SHA512})
SIGNATURE_METHODS = frozenset(
    {ns.RSA_SHA256, ns.RSA_SHA384, ns.RSA_SHA512, ns.ECDSA_SHA256, ns.ECDSA_SHA384, ns.ECDSA_SHA512}
)
MAX_NAME = 512  # characters of a name with its namespace, which canonicalisation may write again and again


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
    if digest_algorithm not in DIGEST_METHODS or algorithm not in SIGNATURE_METHODS:
        raise UnsupportedAlgorithm(f"the signer's algorithms are not allowed: {algorithm}, {digest_algorithm}")
    chain = "".join(
        f"<ds:X509Certificate>{base64.b64encode(certificate).decode()}</ds:X509Certificate>"
        for certificate in certificates
    )
    return _Frame(
        digest=DIGESTS[digest_algorithm],
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
    index_ids(unverified.getroottree().getroot())
    return identifier


def _only_signature(unverified: Element) -> Element:
    signatures = list(unverified.iter(SIGNATURE))
    if len(signatures) != 1:
        raise FailedCheck(f"{len(signatures)} signatures where there must be one")
    if signatures[0].getparent() is not unverified:
        raise FailedCheck("the signature is not a child of what it should sign")
    return signatures[0]


def _read_signature(signature: Element, *, identifier: str) -> _Claimed:
    """XML Signature 1.1 section 4, with exactly the children that are needed: no Object, no second Reference."""
    only_attributes(signature, allowed=ID_ONLY)
    if len(signature) == 3:
        signed_info, value, _ = exact_children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    else:
        signed_info, value = exact_children(signature, "SignedInfo", "SignatureValue")
    only_attributes(signed_info, allowed=ID_ONLY)
    method_of_c14n, method, reference = exact_children(
        signed_info, "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    if (algorithm := algorithm_of(method_of_c14n)) != ns.EXC_C14N:
        raise UnsupportedAlgorithm(f"canonicalization {algorithm[:128]!r}")
    if (signature_method := algorithm_of(method)) not in SIGNATURE_METHODS:
        raise UnsupportedAlgorithm(f"signature method {signature_method[:128]!r}")
    exact_children(method)
    only_attributes(reference, allowed=frozenset({"Id", "URI"}))
    if reference.get("URI") != f"#{identifier}":
        raise FailedCheck("the signature refers to something other than the element that carries it")
    transforms, digest_method, digest_value = exact_children(reference, "Transforms", "DigestMethod", "DigestValue")
    if (digest_algorithm := algorithm_of(digest_method)) not in DIGEST_METHODS:
        raise UnsupportedAlgorithm(f"digest method {digest_algorithm[:128]!r}")
    exact_children(digest_method)
    return _Claimed(
        signed_info=signed_info,
        signed_info_prefixes=prefix_list_of(method_of_c14n),
        method=signature_method,
        prefixes=_read_transforms(transforms),
        digest=DIGESTS[digest_algorithm],
        digest_value=octets_in(digest_value),
        signature_value=octets_in(value),
    )


def _read_transforms(transforms: Element) -> tuple[str, ...]:
    """Exactly enveloped-signature, then exclusive canonicalisation; its PrefixList."""
    only_attributes(transforms, allowed=NO_ATTRIBUTE)
    algorithms = [algorithm_of(transform) for transform in transforms]
    if algorithms != [ns.ENVELOPED, ns.EXC_C14N]:
        raise UnsupportedAlgorithm("transforms " + ", ".join(repr(algorithm[:128]) for algorithm in algorithms[:4]))
    enveloped, exclusive = exact_children(transforms, "Transform", "Transform")
    exact_children(enveloped)
    return prefix_list_of(exclusive)


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
