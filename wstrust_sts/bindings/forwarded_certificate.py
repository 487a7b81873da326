"""The TLS client's certificate as a proxy in front tells it: in a header that nobody else is believed.

Three ways of writing it are in use, and cannot be taken for one another: PEM, percent-encoded (nginx) or with its lines
joined by spaces (Apache httpd); Base64 (HAProxy, X-ARR-ClientCert); Base64 between colons (RFC 9440).
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from wstrust_sts.bindings.http import Request

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII)
_UNREADABLE = b""  # no certificate, and refused as a malformed one wherever one is looked for


class ForwardedCertificate:
    """Puts what `header` tells where the certificate of a TLS connection is. `header` is in lower case."""

    def __init__(self, header: str, peers: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> None:
        self._header = header
        self._peers = tuple(peers)

    def settle(self, request: Request) -> Request:
        """The request without the header. From a proxy, its certificate is what the header says, if anything.

        A certificate that the proxy itself showed is not its client's.
        """
        told = request.headers.get(self._header)
        from_proxy = self._is_proxy(request.source)
        if told is None and not from_proxy:
            return request
        headers = {name: value for name, value in request.headers.items() if name != self._header}
        if not from_proxy:
            return replace(request, headers=headers)
        return replace(request, headers=headers, peer_certificate=read_certificate_header(told) if told else None)

    def _is_proxy(self, source: str) -> bool:
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(source)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self._peers)


def read_certificate_header(unverified_value: str) -> bytes:
    """The octets (DER) that the header's value holds; none when it is not exactly one certificate."""
    value = unverified_value.strip()
    if value.startswith("-----BEGIN"):
        match = _PEM.fullmatch(unquote(value))
        value = "".join(match[1].split()) if match else ""
    elif value.startswith(":"):
        value = value[1:-1] if len(value) > 1 and value.endswith(":") else ""
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return _UNREADABLE
