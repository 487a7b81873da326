"""Whether clients can reach the address that the server listens on."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from wstrust_sts.cli.checks.findings import Finding, warning
from wstrust_sts.config import Config


def check_reach(config: Config) -> Iterator[Finding]:
    """A server on a loopback address is this machine's alone; a proxy in front that ends TLS has plain_http there."""
    section = config.server
    host, port = section.listen
    public = urlsplit(section.public_url).hostname or ""
    if section.plain_http or not _is_here(host) or _is_here(public):
        return
    yield warning(
        f"{config.file}: server.listen",
        f"on {host} nobody reaches it but this machine, and clients are told {section.public_url}",
        f'set it to an address that clients reach, "0.0.0.0:{port}" being all, unless a proxy here passes TLS on to it',
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
