"""One connection: reads one whole request at a time, has it answered, and is never slower than its time-outs.

A connection carries requests one after another. What arrives before the answer to the last request has left
(pipelining, or anything that is not HTTP) is not read: the answer goes out and the connection closes.
"""

import asyncio
import enum
import ssl
import time
from typing import Protocol, cast

import httptools

from wstrust_sts import log
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.errors import HttpRefusal, TooLarge
from wstrust_sts.server.answer import CONTINUE, write_answer
from wstrust_sts.server.dispatcher import Dispatcher
from wstrust_sts.server.head import Head
from wstrust_sts.server.refusals import Failed, HeadTooLarge, Malformed, TooSlow, page
from wstrust_sts.server.settings import ServerSettings

_GOODBYE_SECONDS = 2.0
_CHUNKED_OVERHEAD = 8  # octets on the wire for one of a chunked body: one-octet chunks need 6


class Phase(enum.Enum):
    """Where a connection is in its exchange."""

    IDLE = enum.auto()  # nothing of a request has come
    HEAD = enum.auto()
    BODY = enum.auto()
    WORK = enum.auto()  # the application has the request
    LINGER = enum.auto()  # refused: the answer is sent, what still comes is thrown away
    CLOSED = enum.auto()  # closing: what is written is flushed


class Surplus(Exception):
    """Something follows the request that was just completed."""


class Owner(Protocol):
    """The worker, as its connections see it. `inbox` is where octets arrive, one connection's at a time."""

    settings: ServerSettings
    inbox: memoryview
    dispatcher: Dispatcher
    draining: bool

    def leave(self, connection: "Connection") -> None: ...


class Connection(asyncio.BufferedProtocol):
    """All methods run in the loop. The owner calls `expire` when `deadline` (monotonic) has passed."""

    __slots__ = (
        "_body",
        "_body_length",
        "_body_parser",
        "_complete",
        "_congested",
        "_head",
        "_last",
        "_owner",
        "_parser",
        "_peer_certificate",
        "_received",
        "_request",
        "_settings",
        "_started",
        "_surplus",
        "_tls",
        "_transport",
        "deadline",
        "phase",
        "source",
        "waits_since",
    )

    def __init__(self, owner: Owner, source: str) -> None:
        self._owner = owner
        self._settings = owner.settings
        self.source = source
        self.waits_since = time.monotonic()  # for its next request to be whole
        self.deadline = float("inf")  # until TLS is agreed on, the handshake's own time-out holds
        self._transport: asyncio.Transport | None = None
        self._tls = False
        self._peer_certificate: bytes | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._started = 0.0
        self._congested = False
        self._body_parser: httptools.HttpRequestParser | None = None
        self._expect_request()

    # -- asyncio.BufferedProtocol ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if session is not None:
            self._tls = True
            self._peer_certificate = session.getpeercert(binary_form=True)
        self.deadline = time.monotonic() + self._settings.head_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = Phase.CLOSED
        self._transport = None
        self._owner.leave(self)

    def eof_received(self) -> bool:
        """A plain-text client that has said all it wants still gets its answer; TLS closes both ways at once."""
        self._last = True
        return self.phase is Phase.WORK and not self._tls

    def pause_writing(self) -> None:
        """The peer does not take its answers: no further request until it has."""
        self._congested = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._congested = False
        if self._transport is not None and self.phase is Phase.IDLE:
            self._transport.resume_reading()
            self.deadline = time.monotonic() + self._settings.idle_seconds

    def get_buffer(self, sizehint: int) -> memoryview:
        """The worker's own: else the loop takes 256 KiB from the system, and gives them back, for every request.

        The loop fills it and tells at once, before it turns to another connection.
        """
        return self._owner.inbox

    def buffer_updated(self, nbytes: int) -> None:
        self.take(bytes(self._owner.inbox[:nbytes]))

    def take(self, data: bytes) -> None:
        """The next octets that the client sent."""
        if self.phase is Phase.IDLE:
            if data.isspace():
                return  # an empty line before a request is no part of it (RFC 9112 section 2.2)
            self._begin()
        elif self.phase is Phase.WORK:
            self._take_no_more()
            return
        elif self.phase in (Phase.LINGER, Phase.CLOSED):
            return
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self._refuse(_reason(error))
                return
            self._surplus = self._last = True
        self._received += len(data)
        if self._complete:
            self._dispatch()
        elif self.phase is Phase.HEAD and self._received > self._settings.max_head:
            self._refuse(HeadTooLarge)
        elif self._received > self._settings.max_head + _CHUNKED_OVERHEAD * self._settings.max_body:
            self._refuse(TooLarge)

    def _feed(self, data: bytes) -> None:
        """The parser takes a request that asks for another protocol (Java's clients: h2c) as one without a body. It is
        answered in this protocol, and so another parser reads its body.
        """
        if self._body_parser is not None:
            self._body_parser.feed_data(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            self._last = True
            if self._head.has_body():
                (offset,) = wish.args
                self._complete = False
                self._body_parser = httptools.HttpRequestParser(_BodyReader(self))
                self._body_parser.feed_data(self._head.framing() + data[offset:])

    # -- the parser's callbacks: what they raise ends `feed_data` ------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise Surplus

    def on_url(self, part: bytes) -> None:
        self._head.add_target(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is Phase.HEAD:  # trailers are read and dropped
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        parser, version = self._parser, self._parser.get_http_version()
        self._head.judge(method=parser.get_method(), version=version)
        self.phase = Phase.BODY
        self.deadline = min(time.monotonic() + self._settings.body_seconds, self._end())
        if self._transport is not None and self._head.waits_for_continue(version):
            self._transport.write(CONTINUE)

    def on_body(self, part: bytes) -> None:
        self._body_length += len(part)
        if self._body_length > self._settings.max_body:
            raise TooLarge
        self._body.append(part)

    def on_message_complete(self) -> None:
        self.end_body()
        self._last = self._parser.get_http_version() != "1.1" or not self._parser.should_keep_alive()

    def end_body(self) -> None:
        self._complete = True

    # -- one exchange ----------------------------------------------------------------------------------------------

    def _expect_request(self) -> None:
        """Forgets the last request."""
        self.phase = Phase.IDLE
        self._head = Head(self._settings)
        self._body: list[bytes] = []
        self._body_length = 0
        self._received = 0
        self._body_parser = None
        self._complete = False
        self._surplus = False
        self._last = False
        self._request: Request | None = None

    def _begin(self) -> None:
        self.phase = Phase.HEAD
        self._started = time.monotonic()
        self.deadline = self._started + self._settings.head_seconds

    def _end(self) -> float:
        """When the whole exchange must be over."""
        return self._started + self._settings.request_seconds

    def _dispatch(self) -> None:
        self.phase = Phase.WORK
        self.deadline = self._end()
        head = self._head
        self._request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=head.path,
            query=head.query,
            headers=head.headers,
            body=b"".join(self._body),
            tls=self._tls,
            source=self.source,
            peer_certificate=self._peer_certificate,
        )
        self._body = []
        self._owner.dispatcher.dispatch(self._request, self._deliver)

    def _take_no_more(self) -> None:
        self._surplus = self._last = True
        if self._transport is not None:
            self._transport.pause_reading()

    def _deliver(self, response: Response) -> None:
        """The answer. It may come too late: then the connection has gone, or has been told so."""
        if self.phase is not Phase.WORK:
            return
        self._send(response)
        if self._last or self._owner.draining:
            self._finish(linger=self._surplus)
        else:
            self._expect_request()
            self.waits_since = time.monotonic()
            self.deadline = self._end() if self._congested else self.waits_since + self._settings.idle_seconds

    def _send(self, response: Response) -> None:
        if self._transport is None or self._transport.is_closing():  # lost, which is told only later
            return
        body = self._request is None or self._request.method != "HEAD"
        try:
            message = write_answer(response, body=body, keep_alive=not (self._last or self._owner.draining))
        except ValueError:
            log.failure("an answer that cannot be written")
            self._last = True
            message = write_answer(page(Failed), body=body, keep_alive=False)
        self._transport.write(message)

    def _refuse(self, refusal: type[HttpRefusal]) -> None:
        self._last = True
        self._send(page(refusal))
        self._finish(linger=True)

    # -- the end -----------------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> bool:
        """Whether a request has begun and is not answered."""
        return self.phase in (Phase.HEAD, Phase.BODY, Phase.WORK)

    def expire(self) -> None:
        """The deadline of this phase has passed."""
        if self.phase is Phase.WORK and self._request is not None:
            self._last = True
            self._send(self._owner.dispatcher.busy(self._request))
            self._finish(linger=True)
        elif self.phase in (Phase.HEAD, Phase.BODY):
            self._refuse(TooSlow)
        elif self.phase is Phase.IDLE and not self._congested:
            self._started = float("-inf")  # nothing is left to flush
            self._finish(linger=False)
        elif self.phase is Phase.LINGER:
            self._finish(linger=False)
        else:
            self.abort()

    def drain(self) -> None:
        """The worker stops: nothing begins here any more."""
        if self.phase is Phase.IDLE and self._transport is not None:
            if self._transport.get_write_buffer_size():
                self._finish(linger=False)
            else:
                self.abort()

    def abort(self) -> None:
        """Ends the connection at once."""
        self.phase = Phase.CLOSED
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, *, linger: bool) -> None:
        """Closes when all is sent; with `linger` only after a while in which the peer may stop sending."""
        transport, now = self._transport, time.monotonic()
        if transport is None:
            return
        if linger:
            self.phase = Phase.LINGER
            self.deadline = now + self._settings.linger_seconds
            transport.resume_reading()
        else:
            self.phase = Phase.CLOSED
            self.deadline = max(now + _GOODBYE_SECONDS, self._end())
            transport.close()


class _BodyReader:
    """Takes the body alone of what a parser reads, for a connection."""

    def __init__(self, connection: Connection) -> None:
        self.on_message_begin = connection.on_message_begin
        self.on_body = connection.on_body
        self.on_message_complete = connection.end_body


def _reason(error: httptools.HttpParserError) -> type[HttpRefusal]:
    """Why parsing ended: what a callback raised, else bad syntax."""
    cause = error.__context__
    return type(cause) if isinstance(cause, HttpRefusal) else Malformed
