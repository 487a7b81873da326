"""One HTTP exchange that is bounded in everything: where it goes, how long it takes and how much it brings.

No redirect is followed, no proxy of the environment is used, and the connection is made to the very address that was
found allowed, so that a name that resolves differently the next moment changes nothing.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wstrust_sts.pki.addresses import Location, is_allowed, read_location

_PIECE = 64 * 1024


class Unreachable(Exception):
    """Nothing usable came from a URL; says why, in words for operators."""


class Silent(Unreachable):
    """There was no answer at all: others who ask there will have none, either."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is to be fetched: with `body`, by POST. `limit` in octets. `networks` (CIDR) may be reached beside public
    addresses."""

    url: str
    limit: int
    networks: tuple[str, ...] = ()
    body: bytes | None = None
    content_type: str = ""


def exchange(resource: Resource, *, seconds: float) -> bytes:
    """The body of the answer with status 200. Raises Unreachable, Silent. Only resolving the name may take longer."""
    ends = time.monotonic() + seconds
    try:
        location = read_location(resource.url)
        address = _resolved(location, resource.networks)
        with _connected(location, address, ends) as connection:
            return _answer(connection, location, resource)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() >= ends
        kind = Silent if late or isinstance(error, OSError) else Unreachable
        raise kind(f"{resource.url[:256]}: {_reason(error, late)}") from None


def _resolved(location: Location, networks: tuple[str, ...]) -> str:
    """The first of its addresses. One that is not allowed refuses them all: what else is there is no accident."""
    found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, networks):
            raise ValueError(f"its address {address} is not public, and in no network that the trust anchor allows")
    return addresses[0]


@contextmanager
def _connected(location: Location, address: str, ends: float) -> Iterator[http.client.HTTPConnection]:
    left = max(0.001, ends - time.monotonic())
    connection = http.client.HTTPConnection(location.host, location.port)
    connection.sock = socket.create_connection((address, location.port), timeout=left)
    # A time-out of the socket is for each piece; this one ends an answer that comes octet by octet, too.
    watchdog = threading.Timer(max(0.0, ends - time.monotonic()), _shut, [connection.sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    finally:
        watchdog.cancel()
        connection.close()


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _answer(connection: http.client.HTTPConnection, location: Location, resource: Resource) -> bytes:
    headers = {"Accept": "*/*", "Connection": "close", "User-Agent": "wstrust-sts"}
    if resource.body is not None:
        headers["Content-Type"] = resource.content_type
    connection.request("GET" if resource.body is None else "POST", location.target, resource.body, headers)
    with connection.getresponse() as response:
        if response.status != http.client.OK:
            raise ValueError(f"the answer has status {response.status}; redirects are not followed")
        octets = bytearray()
        while piece := response.read1(_PIECE):
            octets += piece
            if len(octets) > resource.limit:
                raise ValueError(f"the answer is longer than {resource.limit} octets")
        if response.length:
            raise ValueError("the answer ended before its end")
        return bytes(octets)


def _reason(error: Exception, late: bool) -> str:
    if late or isinstance(error, TimeoutError):
        return "no whole answer in time"
    if isinstance(error, http.client.HTTPException):
        return "no answer in HTTP"
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    return f"no connection ({error.strerror})" if isinstance(error, OSError) else str(error)
