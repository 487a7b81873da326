"""Revocation lists that are about to be old, and responders that do not answer: other people's, and so no faults."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509 import ocsp as messages

from wstrust_sts.certificates import Revocation, TrustAnchor
from wstrust_sts.cli.checks.findings import Finding, warning
from wstrust_sts.pki import crl, ocsp
from wstrust_sts.pki.http import Resource, Unreachable, exchange
from wstrust_sts.pki.revocation import Files
from wstrust_sts.pki.signed import SaysNothing

_SECONDS = 5.0  # for each place
_SHARE = 10  # the last tenth of a list's time is when its successor should be there


def check_revocation(where: str, anchors: Sequence[TrustAnchor], at: datetime, skew: timedelta) -> Iterator[Finding]:
    """What the anchors themselves name; what certificates name is not known here. Asks it, from this machine."""
    for anchor in anchors:
        if anchor.revocation is Revocation.OFF:
            continue
        named = f"{where}, trust anchor {anchor.name}"
        for place in anchor.crls:
            try:
                found = crl.read_list(_octets(place, anchor))
            except (Unreachable, SaysNothing) as reason:
                yield warning(f"{named}, CRL {place}", str(reason), "see to it that a current list is there")
                continue
            yield from _age(f"{named}, CRL {place}", found, at, skew)
        if anchor.responder is not None:
            problem = _silence(anchor, anchor.responder)
            if problem is not None:
                yield warning(
                    f"{named}, responder {anchor.responder}", problem, "correct the URL, or see to the responder"
                )


def _octets(place: str, anchor: TrustAnchor) -> bytes:
    """Raises Unreachable."""
    if place.startswith("/"):
        return Files().read(place)
    return exchange(Resource(place, crl.MAX_OCTETS, anchor.networks), seconds=_SECONDS)


def _age(where: str, found: x509.CertificateRevocationList, at: datetime, skew: timedelta) -> Iterator[Finding]:
    ends = found.next_update_utc
    if ends is None:
        yield warning(
            where, "the list does not say until when it is good, so that it says nothing", "have one made that does"
        )
    elif at - skew > ends:
        yield warning(where, f"the list was good until {ends:%Y-%m-%d %H:%M} UTC", "put its successor there")
    elif at > ends - (ends - found.last_update_utc) / _SHARE:
        yield warning(where, f"the list is good until {ends:%Y-%m-%d %H:%M} UTC only", "put its successor there")


def _silence(anchor: TrustAnchor, url: str) -> str | None:
    """Why no status can come from it: it is asked for the anchor's own, and any answer in OCSP will do."""
    certificate = x509.load_der_x509_certificate(anchor.certificate)
    request = ocsp.write_request(certificate, certificate)
    try:
        wanted = Resource(url, ocsp.MAX_OCTETS, anchor.networks, request, ocsp.REQUEST_TYPE)
        messages.load_der_ocsp_response(exchange(wanted, seconds=_SECONDS))
    except Unreachable as reason:
        return str(reason)
    except (ValueError, TypeError):
        return "what it answers is not OCSP"
    return None
