"""The parts of a ds:Signature (XML Signature 1.1 section 4), each read in the one shape that is allowed.

Everything here only looks; what a signature asks for is compared with what is allowed before anything is computed.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, UnsupportedAlgorithm
from wstrust_sts.wire.xml import XML_ID, Element, without_white_space

DIGESTS: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = {
    ns.SHA1: lambda octets: hashlib.sha1(octets, usedforsecurity=False),
    ns.SHA256: hashlib.sha256,
    ns.SHA384: hashlib.sha384,
    ns.SHA512: hashlib.sha512,
}
SIGNATURE = f"{{{ns.DS}}}Signature"
ID_ATTRIBUTES = frozenset({"ID", "Id", "AssertionID", f"{{{ns.WSU}}}Id", XML_ID})
NO_ATTRIBUTE: frozenset[str] = frozenset()
ID_ONLY = frozenset({"Id"})

MAX_SIGNATURE_TEXT = 1536  # characters: base64 of RSA-8192, with line ends
MAX_PREFIXES = 16

_CONTEXTS = frozenset(f"{{{namespace}}}SecurityContextToken" for namespace in (ns.WSC13, ns.WSC05))
_TARGETS = frozenset(
    f"{{{namespace}}}{name}Target" for namespace in (ns.WST13, ns.WST05) for name in ("Renew", "Cancel", "Validate")
)
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_INCLUSIVE_NAMESPACES = f"{{{ns.EXC_C14N}}}InclusiveNamespaces"
_WHITE_SPACE = " \t\r\n"
_ALGORITHM = frozenset({"Algorithm"})


def index_ids(root: Element) -> dict[str, Element]:
    """Every element of the document by its id, of whichever kind. Raises FailedCheck: one occurs twice.

    A security context that the request is about is no part that anything refers to by its id, and so has no place here:
    clients write the token that protects their message once more into its Body, id and all, to renew or cancel it.
    """
    found: dict[str, Element] = {}
    for element in root.iter(etree.Element):
        for name in element.keys():  # noqa: SIM118 (an element iterates over its children)
            if name in ID_ATTRIBUTES and not _is_context_target(element):
                value = element.get(name)
                if value in found:
                    raise FailedCheck("an id occurs twice in the document")
                found[value] = element
    return found


def _is_context_target(element: Element) -> bool:
    return element.tag in _CONTEXTS and (parent := element.getparent()) is not None and parent.tag in _TARGETS


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


def exact_children(parent: Element, *names: str) -> list[Element]:
    """The child elements, which must be exactly those named, in order, with nothing but white space between."""
    found = list(parent)
    if [child.tag for child in found] != _qualified(names):
        raise FailedCheck("a signature with a shape that is not allowed")
    _refuse_text(parent.text)
    for child in found:
        _refuse_text(child.tail)
    return found


@lru_cache(maxsize=64)
def _qualified(names: tuple[str, ...]) -> list[str]:
    return [name if name.startswith("{") else f"{{{ns.DS}}}{name}" for name in names]


def _refuse_text(between: str | None) -> None:
    if between and between.strip(_WHITE_SPACE):
        raise FailedCheck("text between a signature's elements")


def only_attributes(element: Element, *, allowed: frozenset[str]) -> None:
    if not allowed.issuperset(element.keys()):
        raise FailedCheck("an attribute that is not allowed in a signature")


def algorithm_of(method: Element) -> str:
    only_attributes(method, allowed=_ALGORITHM)
    algorithm: str = method.get("Algorithm", "")
    return algorithm


def octets_in(element: Element) -> bytes:
    """The decoded base64 text of DigestValue or SignatureValue."""
    only_attributes(element, allowed=ID_ONLY if element.tag.endswith("}SignatureValue") else NO_ATTRIBUTE)
    text: str = element.text or ""
    if len(element) or len(text) > MAX_SIGNATURE_TEXT:
        raise FailedCheck("a digest or signature value that is not one short text")
    compact = without_white_space(text)
    try:
        octets = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise FailedCheck("a digest or signature value that is not base64") from None
    if base64.b64encode(octets) != compact.encode():
        raise FailedCheck("a digest or signature value with bits that say nothing")
    return octets


def prefix_list_of(method: Element) -> tuple[str, ...]:
    """Exclusive XML Canonicalization 1.0 section 4. `#default` is not offered."""
    if len(method) == 0:
        exact_children(method)
        return ()
    (inclusive,) = exact_children(method, _INCLUSIVE_NAMESPACES)
    exact_children(inclusive)
    only_attributes(inclusive, allowed=frozenset({"PrefixList"}))
    prefixes = tuple(inclusive.get("PrefixList", "").split())
    if len(prefixes) > MAX_PREFIXES or not all(map(_PREFIX.fullmatch, prefixes)):
        raise UnsupportedAlgorithm("an InclusiveNamespaces PrefixList that is not offered")
    return prefixes
