"""The TLS certificate: readable, of its key, in its time, for the names in use, and with its chain."""

import ipaddress
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from wstrust_sts.cli.checks.findings import Finding, fault, reason, warning
from wstrust_sts.config import Config, ServerSection

_SOON = timedelta(days=30)
_RENEW = "renew it; SIGHUP makes a running server read it"
_SHORTEST_RSA = 2048


def check_tls(config: Config, at: datetime) -> Iterator[Finding]:
    section = config.server
    if section.client_authorities is not None:
        yield from _client_authorities(section.client_authorities, at)
    if section.certificate is None or section.private_key is None:
        return
    key = yield from _private_key(section.private_key)
    try:
        chain = x509.load_pem_x509_certificates(section.certificate.read_bytes())
    except (OSError, ValueError) as error:
        what = f"is not a readable PEM certificate ({reason(error)})"
        yield fault(section.certificate, what, "put the certificate there, with its chain below it")
        return
    leaf, *issuers = chain
    if key is not None and key != leaf.public_key():
        what = f"is not the key of {section.certificate}"
        yield fault(section.private_key, what, "put certificate and key of one pair there, the server's own first")
    yield from check_validity(section.certificate, leaf, at, soon=_SOON, fix=_RENEW)
    yield from _names(section, leaf)
    yield from _use(section.certificate, leaf)
    yield from _chain(section.certificate, leaf, issuers, at)
    if "DEVELOPMENT" in leaf.subject.rfc4514_string():
        yield warning(section.certificate, "is of a development authority", "replace it in production")


def _client_authorities(path: Path, at: datetime) -> Iterator[Finding]:
    try:
        listed = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        what = f"is not a readable file of PEM certificates ({reason(error)})"
        yield fault(path, what, "put there what the certificates of TLS clients may chain to, or be")
        return
    for certificate in listed:
        where = f"{path}: {certificate.subject.rfc4514_string()}"
        yield from check_validity(where, certificate, at, soon=_SOON, fix="replace it; SIGHUP makes a server read it")


def check_validity(
    where: object, certificate: x509.Certificate, at: datetime, *, soon: timedelta, fix: str
) -> Iterator[Finding]:
    """Whether `at` is in the certificate's time, and will be for `soon` more."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begins:
        yield fault(where, f"is not valid before {begins:%Y-%m-%d %H:%M}", "check this machine's clock")
    if at >= ends:
        yield fault(where, f"expired on {ends:%Y-%m-%d}", fix)
    elif at >= ends - soon:
        yield warning(where, f"expires on {ends:%Y-%m-%d}", fix)


def _private_key(path: Path) -> Generator[Finding, None, object]:
    """Finds what is wrong with a key file; returns its public key, None when there is none to be had."""
    try:
        return load_pem_private_key(path.read_bytes(), password=None).public_key()
    except (OSError, ValueError, TypeError) as error:
        yield fault(path, f"is not a readable PEM key without a password ({reason(error)})", "put the key there")
        return None


def _names(section: ServerSection, leaf: x509.Certificate) -> Iterator[Finding]:
    host = urlsplit(section.public_url).hostname or ""
    if not covers(leaf, host):
        yield fault(
            section.certificate,
            f"is not for {host}, the host of server.public_url",
            "get one that is, or change public_url",
        )
    listener = section.listen[0]
    if listener != host and not _is_everywhere_or_here(listener) and not covers(leaf, listener):
        yield warning(
            section.certificate,
            f"is not for {listener}, the address of server.listen",
            "get one that is, unless every client and health check uses public_url",
        )


def _is_everywhere_or_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_unspecified or address.is_loopback


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether a TLS client that connects to `host` accepts the certificate's names (RFC 6125 section 6.4)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    host = host.lower()
    wildcard = "*." + host.partition(".")[2]
    return any(name.lower() in (host, wildcard) for name in names.get_values_for_type(x509.DNSName))


def _use(where: Path, leaf: x509.Certificate) -> Iterator[Finding]:
    """What TLS clients refuse whatever the name is."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        pass
    else:
        if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
            yield fault(where, "is not for TLS servers (extended key usage)", "get one for server authentication")
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        yield fault(where, f"has an RSA key of {key.key_size} bits", f"get one of {_SHORTEST_RSA} bits or of P-256")
    if leaf.signature_hash_algorithm is not None and leaf.signature_hash_algorithm.name in ("md5", "sha1"):
        yield fault(where, f"is signed with {leaf.signature_hash_algorithm.name}", "get one signed with SHA-256")


def _chain(where: Path, leaf: x509.Certificate, issuers: Sequence[x509.Certificate], at: datetime) -> Iterator[Finding]:
    """RFC 8446 section 4.4.2: the server's certificate first, each following one certifies the one before it."""
    below = leaf
    for issuer in issuers:
        name = issuer.subject.rfc4514_string()
        try:
            below.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            fix = "put the server's certificate first, and below each one the certificate of its issuer"
            yield fault(where, f"{name} in it did not issue the certificate above it", fix)
            return
        yield from check_validity(f"{where}, {name}", issuer, at, soon=_SOON, fix=_RENEW)
        below = issuer
    if not issuers and _tells_where_its_issuer_is(leaf):
        what = "has no intermediate certificates: clients that know only the root refuse it"
        yield warning(where, what, "append the issuer's certificate, unless that is the root itself")


def _tells_where_its_issuer_is(leaf: x509.Certificate) -> bool:
    """As authorities have it written whose intermediates are not on every client."""
    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(item.access_method == AuthorityInformationAccessOID.CA_ISSUERS for item in access)
