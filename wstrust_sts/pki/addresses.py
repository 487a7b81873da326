"""Where this server may fetch from: a plain http URL, and an address that is public or that an operator allowed.

What is fetched is signed, so that TLS would add nothing (RFC 5280 section 8); and checking a certificate in order to
check a certificate may never end.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

MAX_URL = 2048
IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_EMBEDDING = tuple(  # IPv6 addresses that stand for an IPv4 one, which a translator on the way may reach
    ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


@dataclass(frozen=True, slots=True)
class Location:
    """An http URL, taken apart. `target`: path and query, as they go into the request line."""

    host: str
    port: int
    target: str


def read_location(url: str) -> Location:
    """Raises ValueError, in words for operators."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("is not a URL of printable ASCII characters")
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise ValueError("is not an http URL")
    if not parts.hostname or "@" in parts.netloc or "\\" in url:
        raise ValueError("has no host, or a user's name")
    target = parts.path or "/"
    return Location(parts.hostname, parts.port or 80, f"{target}?{parts.query}" if parts.query else target)


def is_allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether to connect to it: public, or in one of `networks` (CIDR). A mapped address is the one it maps."""
    found: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found in ipaddress.ip_network(network) for network in networks):
        return True
    if isinstance(found, ipaddress.IPv6Address) and (found.is_site_local or any(found in each for each in _EMBEDDING)):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
