"""Certificates that are trusted, mapped to accounts or encrypted for, and are about to be no use."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from wstrust_sts.certificates import CertificateMapping, TrustAnchor
from wstrust_sts.cli.checks.findings import Finding, warning
from wstrust_sts.relying_parties import RelyingParty

_SOON = timedelta(days=30)


def check_certificates(
    where: str, anchors: Sequence[TrustAnchor], mappings: Sequence[CertificateMapping], at: datetime
) -> Iterator[Finding]:
    """They are other people's: that one has expired is no fault of this server's."""
    for anchor in anchors:
        fix = f"wstrust-sts certificate trust {anchor.name} FILE, with its successor; or untrust it"
        yield from check_expiry(f"{where}, trust anchor {anchor.name}", anchor.certificate, at, fix)
        for number, der in enumerate(anchor.intermediates, start=1):
            fix = f"wstrust-sts certificate trust {anchor.name} with --intermediates that are current"
            yield from check_expiry(f"{where}, trust anchor {anchor.name}, intermediate {number}", der, at, fix)
    for mapping in mappings:
        if mapping.certificate is not None:
            fix = f"wstrust-sts certificate map {mapping.account} FILE, with its successor; then remove this one"
            named = f"{where}, certificate {mapping.name.value[:16]} of account {mapping.account}"
            yield from check_expiry(named, mapping.certificate, at, fix)


def check_encryption_certificate(party: RelyingParty, at: datetime) -> Iterator[Finding]:
    """An expired one is still encrypted for: whether the key behind it is good is for the relying party to say."""
    certificate = party.encryption.certificate
    if certificate is not None:
        fix = f"wstrust-sts relying-party set --realm {party.realm} {party.name} --encryption-certificate FILE"
        yield from check_expiry(
            f"encryption certificate of relying party {party.realm}/{party.name}", certificate, at, fix
        )


def check_expiry(where: str, der: bytes, at: datetime, fix: str) -> Iterator[Finding]:
    """Of a certificate without which the server does its work."""
    ends = x509.load_der_x509_certificate(der).not_valid_after_utc
    if at >= ends:
        yield warning(where, f"expired on {ends:%Y-%m-%d}", fix)
    elif at >= ends - _SOON:
        yield warning(where, f"expires on {ends:%Y-%m-%d}", fix)
