"""wst:Entropy of a request: the requestor's part of a key, or a whole key of its own (WS-Trust 1.3 section 4.4)."""

from wstrust_sts.errors import BadRequest, InvalidRequest
from wstrust_sts.proof_keys import LONGEST_ENTROPY, SHORTEST_ENTROPY, ClientEntropy, ClientKey
from wstrust_sts.wire.xenc import ENCRYPTED_KEY
from wstrust_sts.wire.xml import Element, children, octets_of


def read_entropy(element: Element, *, trust: str) -> ClientEntropy | ClientKey:
    """A BinarySecret of the type Nonce, or without a type, is entropy; of the type SymmetricKey it is a key.

    Raises InvalidRequest (unreadable, under 128 bits or over 1 kB), BadRequest (a key encrypted for us).
    """
    inside = children(element)
    if len(inside) != 1:
        raise InvalidRequest("an Entropy that holds not exactly one secret")
    (secret,) = inside
    if secret.tag == ENCRYPTED_KEY:
        raise BadRequest("a key of the client's in an EncryptedKey")
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
