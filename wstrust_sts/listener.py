"""The section of `sts.toml` about the listener: where it is reached, TLS, limits and time-outs."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.strict_toml import Fault, key

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_WAIT = kinds.duration(_SECOND, 10 * _MINUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSection:
    """Listener, TLS, limits and time-outs."""

    listen: tuple[str, int] = key(
        kinds.listen_address(), "Address and port to listen on.", default=("127.0.0.1", 8443), shown='"127.0.0.1:8443"'
    )
    public_url: str = key(
        kinds.url("https", "http", bare=True),
        "How clients reach this server; written into the WSDL, never taken from a request.",
        shown='"https://sts.example.com"',
    )
    certificate: Path | None = key(kinds.path(), "TLS certificate with its chain, PEM.", default=None)
    private_key: Path | None = key(kinds.path(), "Private key of the TLS certificate, PEM.", default=None)
    client_authorities: Path | None = key(
        kinds.path(),
        "PEM file with what TLS client certificates may chain to, or be: every authority, and every certificate that "
        "is pinned to an account and vouches for itself. TLS proves the key by it and nothing more: who is let in is "
        "for trust anchors and mapped certificates to say. For endpoints with the policy certificatetransport; "
        "clients at the others are asked too, and may have none.",
        default=None,
    )
    client_certificate_header: str | None = key(
        kinds.header_name(),
        "Header in which a proxy that ends TLS tells the client's certificate: in PEM (percent-encoded, or its lines "
        "joined by spaces), Base64, or between colons (RFC 9440). Whatever the proxy gets in it from outside it must "
        "remove.",
        default=None,
        shown='"X-SSL-Client-Cert"',
    )
    client_certificate_peers: tuple[kinds.Network, ...] = key(
        kinds.many(kinds.network()),
        "Addresses of the proxies, or networks, whose client_certificate_header is believed; from anybody else it is "
        "dropped.",
        default=(),
        shown='["192.0.2.7", "10.0.0.0/29"]',
    )
    inside_networks: tuple[kinds.Network, ...] = key(
        kinds.many(kinds.network()),
        "Networks that the claim source network calls inside: who asks from there gets the claim "
        "insidecorporatenetwork true, others false. Not behind a proxy, which hides who asks.",
        default=(),
        shown='["10.0.0.0/8"]',
    )
    plain_http: bool = key(
        kinds.flag(),
        "Serve without TLS: only on a loopback address, or behind a proxy that ends TLS.",
        default=False,
    )
    behind_tls_proxy: bool = key(
        kinds.flag(),
        "With plain_http: a proxy in front ends TLS, and nobody else can reach this address.",
        default=False,
    )
    workers: int = key(kinds.whole(0, 256), "Processes; 0 means one for each processor core.", default=0)
    request_threads: int = key(
        kinds.whole(1, 1024), "Requests that run at once in each process; most of them wait.", default=64
    )
    maximum_in_work: int = key(
        kinds.whole(1, 100_000),
        "Requests accepted and not yet answered in each process; beyond that the answer is busy.",
        default=128,
    )
    maximum_body_bytes: int = key(kinds.whole(1024, 128 * 1024), "Longest request body.", default=128 * 1024)
    maximum_connections: int = key(kinds.whole(1, 100_000), "Open connections for each process.", default=1000)
    maximum_connections_per_source: int | None = key(
        kinds.whole(1, 100_000),
        "Open connections of one address for each process; a proxy in front is one address.",
        default=None,
    )
    maximum_requests: int = key(
        kinds.whole(0, 10**9), "A process is replaced after about so many requests; 0 means never.", default=100_000
    )
    header_timeout: timedelta = key(
        _WAIT, "Time for the TLS handshake, and for a request's headers.", default=10 * _SECOND
    )
    body_timeout: timedelta = key(_WAIT, "Time for a request's body.", default=20 * _SECOND)
    request_timeout: timedelta = key(_WAIT, "Time from a request's first byte to its answer's last.", default=_MINUTE)
    keep_alive_timeout: timedelta = key(_WAIT, "Idle time before a kept connection is closed.", default=30 * _SECOND)
    stop_timeout: timedelta = key(_WAIT, "Time for running requests when the server stops.", default=15 * _SECOND)

    def faults(self) -> Iterator[Fault]:
        if (self.client_certificate_header is None) != (not self.client_certificate_peers):
            yield Fault(
                "client_certificate_peers",
                "client_certificate_header and client_certificate_peers need each other",
                "set both, or remove the one that is there",
            )
        if self.inside_networks and self.plain_http:
            what = "without TLS of its own the server sees a proxy's address, not its clients'"
            yield Fault("inside_networks", what, "remove it")
        elif any(_overlap(inside, proxy) for inside in self.inside_networks for proxy in self.client_certificate_peers):
            what = "has proxies of client_certificate_peers in it, whose clients would all be inside"
            yield Fault("inside_networks", what, "leave their addresses out")
        if self.plain_http:
            yield from self._plain_faults()
            return
        if self.behind_tls_proxy:
            yield Fault("behind_tls_proxy", "has no meaning without plain_http", "add plain_http = true, or remove it")
        for name in ("certificate", "private_key"):
            if getattr(self, name) is None:
                yield Fault(
                    name,
                    "is missing, and passwords need TLS",
                    f"set {name}, or plain_http = true on a loopback address or behind a TLS proxy",
                )
        if not self.public_url.startswith("https://"):
            yield Fault("public_url", "must be https, because this server speaks TLS", "write https://...")

    def _plain_faults(self) -> Iterator[Fault]:
        if self.certificate or self.private_key:
            yield Fault("plain_http", "contradicts certificate and private_key", "remove one or the other")
        if self.client_authorities:
            yield Fault("plain_http", "contradicts client_authorities, which are for TLS", "remove one or the other")
        if self.behind_tls_proxy and not self.public_url.startswith("https://"):
            yield Fault("public_url", "must be https, because the proxy in front ends TLS", "write https://...")

    @property
    def tls_in_front(self) -> bool:
        """Whether a request without TLS has all the same come by a way that nobody listens to."""
        return self.plain_http and (self.behind_tls_proxy or _is_loopback(self.listen[0]))


def _overlap(one: kinds.Network, other: kinds.Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
