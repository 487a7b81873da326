"""The published addresses, asked over the network as a client would: DNS, TLS trust, proxy, server."""

import http.client
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from wstrust_sts.bindings.adfs_mex import mex_paths
from wstrust_sts.bindings.federation_metadata import path_of
from wstrust_sts.cli.checks.findings import Finding, fault, warning
from wstrust_sts.config import Config

_SECONDS = 10
_LONGEST_LINE = 200
_LARGEST_DOCUMENT = 4 * 1024 * 1024
_APART = timedelta(minutes=1)
_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to GET; `date` is the server's clock, None where it does not tell, and `ends` the end of the TLS
    certificate, None without TLS.
    """

    status: int
    body: bytes
    date: datetime | None = None
    ends: datetime | None = None


Fetch = Callable[[str], Page]


def fetcher(ca: Path | None) -> Fetch:
    """GET by absolute URL, trusting `ca` (PEM) or the system's authorities. It raises OSError and HTTPException."""

    def fetch(url: str) -> Page:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=tls
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        try:
            connection.connect()
            ends = _end_of_certificate(connection)
            connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl())
            answer = connection.getresponse()
            return Page(answer.status, answer.read(_LARGEST_DOCUMENT), _date(answer.getheader("Date")), ends)
        finally:
            connection.close()

    return fetch


def _end_of_certificate(connection: http.client.HTTPConnection) -> datetime | None:
    if not isinstance(connection.sock, ssl.SSLSocket):
        return None
    certificate = connection.sock.getpeercert(binary_form=True)
    return None if certificate is None else x509.load_der_x509_certificate(certificate).not_valid_after_utc


def _date(written: str | None) -> datetime | None:
    try:
        told = parsedate_to_datetime(written or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def check_published(config: Config, fetch: Fetch, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Whether the server is ready, every endpoint publishes its contract under its public address, and every realm its
    federation metadata.
    """
    base = config.server.public_url
    try:
        page = fetch(f"{base}/readyz")
    except (OSError, http.client.HTTPException) as error:
        untrusted = isinstance(error, ssl.SSLCertVerificationError)
        fix = "name what to trust with --ca" if untrusted else "start the server; check DNS, firewall and proxy"
        yield fault(base, f"it does not answer ({_why(error)})", fix)
        return
    if page.status != 200:
        line = page.body[:_LONGEST_LINE].decode("ascii", "replace").strip()
        yield fault(f"{base}/readyz", f"it says {page.status}: {line}", "as it says; the server's log says more")
    if page.date is not None and abs(page.date - clock()) > _APART:
        what = f"its clock and this one differ by {abs(page.date - clock())}"
        yield fault(base, what, "keep both machines' clocks with NTP")
    if page.ends is not None and page.ends - clock() <= _SOON:
        what = f"the TLS certificate that clients are shown expires on {page.ends:%Y-%m-%d}"
        yield warning(base, what, "renew it, at the proxy if there is one in front; then let it be read again")
    for endpoint in config.endpoints:
        yield from _contract(base + endpoint.path, fetch)
    for realm in sorted({endpoint.realm for endpoint in config.endpoints}):
        addresses = [base + endpoint.path for endpoint in config.endpoints if endpoint.realm == realm]
        yield from _metadata(base + path_of(realm), addresses, fetch, element="Address")
    for path, endpoints in mex_paths(config.endpoints, base).items():
        addresses = [base + endpoint.path for endpoint in endpoints]
        yield from _metadata(base + path, addresses, fetch, element="wsa10:Address")


def _contract(address: str, fetch: Fetch) -> Iterator[Finding]:
    try:
        page = fetch(f"{address}?wsdl")
    except (OSError, http.client.HTTPException) as error:
        yield fault(address, f"it does not answer ({_why(error)})", "check the proxy in front")
        return
    if page.status != 200:
        yield fault(address, f"?wsdl says {page.status}", "route this path to the server; restart it after a change")
    elif address.encode() not in page.body:
        what = "its contract names another address"
        yield fault(address, what, "restart the server if public_url was changed; else something else answers here")


def _metadata(url: str, addresses: Sequence[str], fetch: Fetch, *, element: str) -> Iterator[Finding]:
    """Whether a document about several endpoints is there, and names each of them in an `element`."""
    try:
        page = fetch(url)
    except (OSError, http.client.HTTPException) as error:
        yield fault(url, f"it does not answer ({_why(error)})", "check the proxy in front")
        return
    if page.status != 200:
        yield fault(url, f"it says {page.status}", "route this path to the server; restart it after a change")
    elif not all(f"<{element}>{address}</{element}>".encode() in page.body for address in addresses):
        what = "the metadata does not name every endpoint that it is about"
        yield fault(url, what, "restart the server if its configuration was changed; else something else answers here")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    return str(error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
