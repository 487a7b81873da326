"""One HTTP exchange as plain values, between the front (or any WSGI server) and the application.

The front has read the whole request before a `Request` exists, and sends a `Response` only when its
`durable` is done.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

BODILESS = frozenset({204, 304})  # statuses whose answer has no body, and no field that describes one


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`headers` has lower-case names; `query` is without the question mark; `source` is the peer's address."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    tls: bool = True
    source: str = ""
    peer_certificate: bytes | None = None  # DER


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """`durable`: what must be stored before this may be sent; when it fails, `instead()` is sent."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    durable: "Future[None] | None" = None
    instead: "Callable[[BaseException], Response] | None" = None

    def with_header(self, name: str, value: str) -> "Response":
        """This response with one more header field, which what is sent instead has, too."""
        instead = self.instead
        return Response(
            status=self.status,
            body=self.body,
            content_type=self.content_type,
            headers=(*self.headers, (name, value)),
            durable=self.durable,
            instead=None if instead is None else lambda failure: instead(failure).with_header(name, value),
        )


Handler = Callable[[Request], Response]


def settled(response: Response) -> Response:
    """The response that may be sent: waits for `durable` in this thread (the asyncio front awaits it instead)."""
    if response.durable is None:
        return response
    try:
        response.durable.result()
    except Exception as failure:  # whatever went wrong, the answer must not claim success
        if response.instead is None:
            raise
        return response.instead(failure)
    return response
