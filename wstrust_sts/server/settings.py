"""What the front is told: where to listen, with which certificate, and every limit and time-out."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from wstrust_sts.bindings.http import Request, Response


class CannotStart(Exception):
    """The server cannot start: the address, the certificate or the application does not serve. For operators."""


class Application(Protocol):
    """What the front serves."""

    def handle(self, request: Request) -> Response:
        """The answer. Runs in a thread of its own, and may block it."""
        ...

    def busy(self, request: Request) -> Response:
        """The answer when there is no room for the request or it took too long. Must not block: runs in the loop."""
        ...


OnReady = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Limits hold for each worker process. Without `certificate` the listener speaks plain HTTP.

    `port` 0 takes a free one; `certificate` is a PEM chain and `private_key` its key; with `client_authorities`
    (PEM) a client may present a certificate, which must then be one of them or chain to one. Python's TLS takes no
    other: a handshake cannot leave it to the application whether to trust a certificate.
    """

    host: str = "127.0.0.1"
    port: int = 8443
    certificate: Path | None = None
    private_key: Path | None = None
    client_authorities: Path | None = None
    backlog: int = 1024

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    threads: int = 64  # at most so many requests run at once, most of them blocked
    max_in_work: int = 128  # requests accepted and not yet answered; beyond it `Application.busy` answers
    max_requests: int = 0  # a worker is replaced after about so many (10 % of jitter); 0 and one worker: never
    max_connections: int = 1000
    max_connections_per_source: int | None = None
    other_descriptors: int = 128  # files that a worker may have open beside its connections

    max_body: int = 128 * 1024
    max_head: int = 16 * 1024
    max_headers: int = 100

    handshake_seconds: float = 10.0
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    idle_seconds: float = 30.0  # of a kept connection, between two requests
    request_seconds: float = 60.0  # from a request's first byte to its answer's last
    linger_seconds: float = 1.0  # after a refusal: a peer still sending would lose it to a reset if we closed at once
    stop_seconds: float = 15.0  # for what is under way when the server stops
