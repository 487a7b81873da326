"""Derived keys (WS-SecureConversation 1.3 and 2005/02, section 8): P_SHA1 over a secret, a label and a nonce."""

from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, InvalidSecurity, UnsupportedAlgorithm
from wstrust_sts.proof_keys import p_sha1
from wstrust_sts.wire.keyinfo import SECURITY_TOKEN_REFERENCE, ByDerivation, KeyReference, read_token_reference
from wstrust_sts.wire.xml import Element, children, local, octets_of, trimmed

DEFAULT_LABEL = f"{ns.WSC_LABEL}{ns.WSC_LABEL}".encode()  # the client's, and the service's
DEFAULT_LENGTH = 32  # octets

MIN_LENGTH = 16  # a shorter key could be guessed
MAX_LENGTH = 64
MAX_END = 1024  # octets of a key stream; nobody needs what lies behind
MAX_LABEL = 256
MAX_NONCE = 128

_NAMESPACES = (ns.WSC13, ns.WSC05)
DERIVED_KEY_TOKENS = frozenset(f"{{{namespace}}}DerivedKeyToken" for namespace in _NAMESPACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedKeyToken:
    """A key to be derived, as a message describes it; every number is within bounds. `namespace` is its version."""

    namespace: str
    base: KeyReference
    nonce: bytes
    label: bytes = DEFAULT_LABEL
    offset: int = 0
    length: int = DEFAULT_LENGTH

    def derive(self, secret: bytes) -> bytes:
        return p_sha1(secret, self.label + self.nonce, self.offset + self.length)[self.offset :]


def implied_token(implied: ByDerivation) -> DerivedKeyToken:
    """The token that an implicitly derived key does without. Raises InvalidSecurity: a length out of bounds."""
    length = DEFAULT_LENGTH if implied.length is None else implied.length
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise InvalidSecurity("a derived key of a length that is not offered")
    return DerivedKeyToken(namespace=implied.namespace, base=implied.base, nonce=implied.nonce, length=length)


def read_derived_key_token(token: Element) -> DerivedKeyToken:
    """Raises InvalidSecurity (unreadable, or out of bounds), UnsupportedAlgorithm."""
    try:
        return _read(token)
    except InvalidRequest as error:
        raise InvalidSecurity(f"a DerivedKeyToken: {error.detail}") from None


def _read(token: Element) -> DerivedKeyToken:
    namespace = token.tag[1:].partition("}")[0]
    if token.get("Algorithm", _algorithm(namespace)) != _algorithm(namespace):
        raise UnsupportedAlgorithm("a key derivation other than P_SHA1")
    parts: dict[str, Element] = {}
    for child in children(token):
        if child.tag in parts:
            raise InvalidSecurity(f"a second {local(child)} in a DerivedKeyToken")
        parts[child.tag] = child
    reference = parts.pop(SECURITY_TOKEN_REFERENCE, None)
    named = {
        name: parts.pop(f"{{{namespace}}}{name}", None) for name in ("Offset", "Generation", "Length", "Label", "Nonce")
    }
    if reference is None or parts:
        raise InvalidSecurity("a DerivedKeyToken without SecurityTokenReference, or with parts that are not offered")
    if named["Nonce"] is None:
        raise InvalidSecurity("a DerivedKeyToken without Nonce")
    length = _number(named["Length"], DEFAULT_LENGTH, most=MAX_LENGTH)
    if length < MIN_LENGTH:
        raise InvalidSecurity("a DerivedKeyToken that is too short for a key")
    if named["Offset"] is not None and named["Generation"] is not None:
        raise InvalidSecurity("a DerivedKeyToken with both Offset and Generation")
    offset = _number(named["Offset"], 0, most=MAX_END) + _number(named["Generation"], 0, most=MAX_END) * length
    if offset + length > MAX_END:
        raise InvalidSecurity("a DerivedKeyToken from too far down the key stream")
    label = named["Label"]
    return DerivedKeyToken(
        namespace=namespace,
        base=read_token_reference(reference),
        nonce=octets_of(named["Nonce"], limit=MAX_NONCE),
        label=DEFAULT_LABEL if label is None else trimmed(label, limit=MAX_LABEL).encode(),
        offset=offset,
        length=length,
    )


def _algorithm(namespace: str) -> str:
    return f"{namespace}/dk/p_sha1"


def _number(element: Element | None, default: int, *, most: int) -> int:
    if element is None:
        return default
    written = trimmed(element, limit=16)
    if not (written.isascii() and written.isdigit()) or len(written) > 6 or int(written) > most:
        raise InvalidSecurity(f"{local(element)} is not a number within bounds")
    return int(written)
