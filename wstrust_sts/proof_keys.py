"""Keys that tokens are bound to (WS-Trust 1.3 sections 4.4 and 9): as asked for, proved and decided. Plain values."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

SHORTEST_SECRET, LONGEST_SECRET = 16, 64  # octets of a key: KeySize 128 to 512
SHORTEST_ENTROPY, LONGEST_ENTROPY = 16, 1024  # octets


# -- symmetric ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientEntropy:
    """The requestor's part of a key that is computed from both sides' (WS-Trust 1.3 section 4.4.1)."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that the requestor chose alone."""

    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedClientKey:
    """A key that the requestor chose alone and encrypted for this STS.

    `open` uses the STS's private key, and so is called when all else is decided; None: it does not open.
    """

    open: Callable[[], bytes | None] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetricProof:
    """A secret that the token's subject and its relying party share.

    The requestor is told `server_entropy`, from which and its own it computes the secret; or, when `told`, the secret
    itself; or nothing, because it knows the secret already.
    """

    secret: bytes = field(repr=False)
    server_entropy: bytes | None = field(default=None, repr=False)
    told: bool = False


def p_sha1(secret: bytes, seed: bytes, length: int) -> bytes:
    """P_SHA-1 of RFC 2246 section 5: the first `length` octets."""
    block, stream = seed, b""
    while len(stream) < length:
        block = hmac.digest(secret, block, "sha1")
        stream += hmac.digest(secret, block + seed, "sha1")
    return stream[:length]


# -- public ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicProof:
    """A public key, as its DER SubjectPublicKeyInfo; with the certificate (DER) where it is named by one."""

    key_info: bytes
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class ProvedKey:
    """A key whose private half the requestor showed to hold: by the message signature of this id, or by TLS (None)."""

    key: PublicProof
    signature_id: str | None = None

    def proves(self, wanted: PublicProof) -> bool:
        """Whether `wanted` is this key. A certificate is not another one, not even over the same key."""
        certificates = (self.key.certificate, wanted.certificate)
        return self.key.key_info == wanted.key_info and (None in certificates or certificates[0] == certificates[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class UseKey:
    """wst:UseKey: a key, the id of the message signature that proves it, or both."""

    key: PublicProof | None = None
    signature_id: str | None = None


OfferedSecret = ClientEntropy | ClientKey | SealedClientKey
ProofKey = SymmetricProof | PublicProof
