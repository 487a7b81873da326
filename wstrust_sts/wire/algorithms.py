"""Which algorithms an endpoint accepts in the protection of messages, and so answers with (wire contract row 10).

A named set is what an endpoint's row says; nothing outside it is computed. SHA-1 is in a signature only where a set
names it; as HMAC-SHA1, P_SHA1, a thumbprint or the mask of OAEP it has another strength to show and is always there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.errors import UnsupportedAlgorithm

MAC_METHODS = frozenset({ns.HMAC_SHA1, ns.HMAC_SHA256})
CBC_KEY_OCTETS = {ns.AES128_CBC: 16, ns.AES192_CBC: 24, ns.AES256_CBC: 32}
GCM_KEY_OCTETS = {ns.AES128_GCM: 16, ns.AES192_GCM: 24, ns.AES256_GCM: 32}
KEY_OCTETS: Mapping[str, int] = {**CBC_KEY_OCTETS, **GCM_KEY_OCTETS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """One named set. `suite` is the sp:AlgorithmSuite that is published for it; `signatures` are by private keys."""

    name: str
    suite: str
    signatures: frozenset[str]
    digests: frozenset[str]
    macs: frozenset[str] = MAC_METHODS
    encryption: frozenset[str] = frozenset(KEY_OCTETS)

    def demand_signature(self, method: str) -> None:
        """Raises UnsupportedAlgorithm."""
        if method not in self.signatures and method not in self.macs:
            raise UnsupportedAlgorithm(f"signature method {method[:128]!r}")

    def demand_digest(self, method: str) -> None:
        """Raises UnsupportedAlgorithm."""
        if method not in self.digests:
            raise UnsupportedAlgorithm(f"digest method {method[:128]!r}")

    def demand_encryption(self, method: str) -> None:
        """Raises UnsupportedAlgorithm."""
        if method not in self.encryption:
            raise UnsupportedAlgorithm(f"encryption method {method[:128]!r}")


_SIGNATURES = frozenset(
    {ns.RSA_SHA256, ns.RSA_SHA384, ns.RSA_SHA512, ns.ECDSA_SHA256, ns.ECDSA_SHA384, ns.ECDSA_SHA512}
)
_DIGESTS = frozenset({ns.SHA256, ns.SHA384, ns.SHA512})

DEFAULT = Algorithms(name="default", suite="Basic256Sha256", signatures=_SIGNATURES, digests=_DIGESTS)
# To the letter, every suite of WS-SecurityPolicy 1.2 signs with RSA-SHA1: stock CXF.
BASIC256SHA256 = Algorithms(
    name="basic256sha256", suite="Basic256Sha256", signatures=_SIGNATURES | {ns.RSA_SHA1}, digests=_DIGESTS
)
# Stock WCF: the digests are SHA-1, too.
BASIC256_SHA1 = Algorithms(
    name="basic256-sha1", suite="Basic256", signatures=_SIGNATURES | {ns.RSA_SHA1}, digests=_DIGESTS | {ns.SHA1}
)

ALGORITHMS: Mapping[str, Algorithms] = {row.name: row for row in (DEFAULT, BASIC256SHA256, BASIC256_SHA1)}
