"""Authorities' certificates that a certificate says where to find (AIA caIssuers, RFC 5280 section 4.2.2.1).

The certificate is not verified yet and may name any place; so only URLs under the prefixes that the operator gave for
the anchor are asked.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID

from wstrust_sts.certificates import TrustAnchor
from wstrust_sts.pki.fetching import Fetcher
from wstrust_sts.pki.http import Resource, Unreachable
from wstrust_sts.pki.soundness import UNREADABLE, Unsuitable, extension, read_authority, read_certificate

MAX_OCTETS = 64 * 1024
MAX_FOUND = 8
_AGE = 3600.0  # seconds for which what was fetched is used
_PLACES = 4  # that one request may ask
_PEM = b"-----BEGIN"


def fetch_issuers(certificate: bytes, *, anchor: TrustAnchor, fetcher: Fetcher, deadline: float) -> tuple[bytes, ...]:
    """Authorities above `certificate`, as far as they lead on to places that may be asked. Nothing is verified."""
    found: dict[bytes, None] = {}
    places: dict[str, None] = dict.fromkeys(_places(certificate, anchor))
    asked = 0
    while asked < min(len(places), _PLACES) and len(found) < MAX_FOUND:
        url = list(places)[asked]
        asked += 1
        try:
            octets = fetcher.fetch(Resource(url, MAX_OCTETS, anchor.networks), max_age=_AGE, deadline=deadline)
        except Unreachable:
            continue
        for der in _authorities(octets):
            found[der] = None
            places |= dict.fromkeys(_places(der, anchor))
    return tuple(found)[:MAX_FOUND]


def _places(der: bytes, anchor: TrustAnchor) -> Iterator[str]:
    access = extension(read_certificate(der), x509.AuthorityInformationAccess) or ()
    for each in access:
        place = each.access_location
        if each.access_method != AuthorityInformationAccessOID.CA_ISSUERS:
            continue
        if isinstance(place, x509.UniformResourceIdentifier) and _is_under_any(place.value, anchor.issuers_at):
            yield place.value


def _is_under_any(url: str, prefixes: tuple[str, ...]) -> bool:
    """By host and path, read as whoever fetches reads them; a path with steps upwards is under none."""
    try:
        parts = urlsplit(url)
        return ".." not in parts.path and any(
            (parts.scheme, parts.netloc.lower()) == (wanted.scheme, wanted.netloc.lower())
            and parts.path.startswith(wanted.path if wanted.path.endswith("/") else f"{wanted.path}/")
            for wanted in map(urlsplit, prefixes)
        )
    except ValueError:
        return False


def _authorities(octets: bytes) -> Iterator[bytes]:
    """One certificate, or several in PKCS #7, DER or PEM."""
    try:
        if _PEM in octets[:4096]:
            read = x509.load_pem_x509_certificates(octets)
        else:
            read = [x509.load_der_x509_certificate(octets)]
    except UNREADABLE:
        try:
            read = pkcs7.load_der_pkcs7_certificates(octets)
        except UNREADABLE:
            return
    for certificate in read[:MAX_FOUND]:
        der = certificate.public_bytes(Encoding.DER)
        try:
            read_authority(der)
        except Unsuitable:
            continue
        yield der
