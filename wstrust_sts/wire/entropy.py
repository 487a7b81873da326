"""wst:Entropy of a request: the requestor's part of a key, or a whole key of its own (WS-Trust 1.3 section 4.4)."""

from collections.abc import Callable, Sequence
from functools import partial

from wstrust_sts.errors import (
    BadRequest,
    InvalidRequest,
    InvalidSecurity,
    SecurityTokenUnavailable,
    UnsupportedAlgorithm,
)
from wstrust_sts.ports import Decrypter
from wstrust_sts.proof_keys import (
    LONGEST_ENTROPY,
    SHORTEST_ENTROPY,
    ClientEntropy,
    ClientKey,
    OfferedSecret,
    SealedClientKey,
)
from wstrust_sts.wire.opening import meant_by
from wstrust_sts.wire.xenc import ENCRYPTED_KEY, read_encrypted_key
from wstrust_sts.wire.xml import Element, children, octets_of


def read_entropy(
    element: Element, *, trust: str, decrypters: Callable[[], Sequence[Decrypter]] = tuple
) -> OfferedSecret:
    """A BinarySecret of the type Nonce, or without a type, is entropy; of the type SymmetricKey it is a key, and so is
    an EncryptedKey, which one of the `decrypters` opens when it is asked to.

    Raises InvalidRequest (unreadable, under 128 bits or over 1 kB, encrypted for somebody else), BadRequest (encrypted
    by an algorithm that is not offered), and what `decrypters` raises.
    """
    inside = children(element)
    if len(inside) != 1:
        raise InvalidRequest("an Entropy that holds not exactly one secret")
    (secret,) = inside
    if secret.tag == ENCRYPTED_KEY:
        return _read_sealed(secret, decrypters)
    if secret.tag != f"{{{trust}}}BinarySecret":
        raise InvalidRequest("an Entropy without BinarySecret")
    octets = octets_of(secret, limit=LONGEST_ENTROPY)
    if len(octets) < SHORTEST_ENTROPY:
        raise InvalidRequest(f"an Entropy of {8 * len(octets)} bits")
    kind = secret.get("Type")
    if kind in (None, f"{trust}/Nonce"):
        return ClientEntropy(octets)
    if kind == f"{trust}/SymmetricKey":
        return ClientKey(octets)
    raise InvalidRequest("an Entropy of a type that is no secret to share")


def _read_sealed(element: Element, decrypters: Callable[[], Sequence[Decrypter]]) -> SealedClientKey:
    """Who it is for is found out here; no private key is used."""
    try:
        encrypted = read_encrypted_key(element)
        if encrypted.data:
            raise InvalidRequest("an EncryptedKey in Entropy that opens something else")
        meant = meant_by(encrypted, decrypters())
    except UnsupportedAlgorithm as error:
        raise BadRequest(error.detail) from None
    except (InvalidSecurity, SecurityTokenUnavailable) as error:
        raise InvalidRequest(error.detail) from None
    oaep = encrypted.oaep
    return SealedClientKey(partial(meant.decrypt, encrypted.ciphertext, digest=oaep.digest, mask=oaep.mask))
