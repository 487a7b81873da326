"""PkiPath: a certificate with those above it (X.509 Token Profile 1.1 section 3.3.3; ITU-T X.509).

Only taken apart here, by lengths in DER; what the certificates are, and whether they are a path, is for who reads them.
"""

from collections.abc import Iterator

from wstrust_sts.errors import InvalidHeaderToken

MAX_OCTETS = 64 * 1024
MAX_CERTIFICATES = 9
_SEQUENCE = 0x30


def read_pki_path(octets: bytes) -> tuple[bytes, ...]:
    """The certificates (DER), the requestor's own last. Raises InvalidHeaderToken."""
    outer = list(_elements(octets))
    if len(outer) != 1:
        raise InvalidHeaderToken("a PkiPath with something behind it, or an empty one")
    ((header, whole),) = outer
    certificates = [element for _, element in _elements(whole[header:])]
    if not 0 < len(certificates) <= MAX_CERTIFICATES:
        raise InvalidHeaderToken(f"a PkiPath of {len(certificates)} certificates")
    return tuple(certificates)


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Each SEQUENCE in its turn: the length of its header, and all of it. Raises InvalidHeaderToken."""
    at = 0
    while at < len(octets):
        if octets[at] != _SEQUENCE or at + 2 > len(octets):
            raise InvalidHeaderToken("a PkiPath that is malformed")
        length, header = octets[at + 1], 2
        if length >= 0x80:
            width = length & 0x7F
            header += width
            length = int.from_bytes(octets[at + 2 : at + header])
            if (
                not 0 < width <= 3
                or at + header > len(octets)
                or length < (0x80 if width == 1 else 1 << 8 * (width - 1))
            ):
                raise InvalidHeaderToken("a PkiPath that is malformed")
        ends = at + header + length
        if ends > len(octets):
            raise InvalidHeaderToken("a PkiPath that is cut short")
        yield header, octets[at:ends]
        at = ends
