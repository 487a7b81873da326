"""One process of the server: accepts, watches the time-outs, and stops in good order."""

import asyncio
import gc
import logging
import random
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import uvloop

from wstrust_sts import log
from wstrust_sts.server.connection import Connection, Phase
from wstrust_sts.server.dispatcher import Dispatcher
from wstrust_sts.server.memory import return_large_blocks
from wstrust_sts.server.pool import ThreadPool
from wstrust_sts.server.settings import Application, CannotStart, ServerSettings
from wstrust_sts.server.tls import tls_context

_SWEEP_SECONDS = 0.2
_POLL_SECONDS = 0.02
_INBOX = 64 * 1024  # octets; the largest TLS record four times
_FLUSH_SECONDS = 1.0  # of a stop, for answers that are written and not yet taken
_NO_DESCRIPTORS_SECONDS = 0.5
_PATIENCE_SECONDS = 1.0  # a connection that has waited less does not give way to another
_GIVING_WAY = 10  # one in so many does so at once
_SILENT_SECONDS = 60.0  # between two lines that tell of it

_log = logging.getLogger(__name__)


class Worker:
    """Serves one application on a listening socket that other workers may share.

    After `max_requests` it calls `retire`, so that another takes over, and ends when its last connection has.
    With `max_connections` open, those that have kept it waiting longest give way to new ones: a crowd that asks
    nothing keeps nobody else out.
    `orphaned` becomes readable when nobody is left to stop it.
    """

    def __init__(
        self,
        application: Application,
        settings: ServerSettings,
        *,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        retire: Callable[[], None] | None = None,
        orphaned: int | None = None,
    ) -> None:
        self.settings = settings
        self.inbox = memoryview(bytearray(_INBOX))
        self.draining = False
        self._application = application
        self._listener = listener
        self._tls = tls
        self._retire = retire
        self._orphaned = orphaned
        self._quota = _quota(settings.max_requests) if retire is not None else None
        self._connections: set[Connection] = set()
        self._sources: Counter[str] = Counter()
        self._admissions: dict[Connection, asyncio.Task[None]] = {}  # that are agreeing on TLS
        self._accepting = False
        self._told_full = float("-inf")

    def run(self, *, ready: Callable[[], None]) -> None:
        """Serves until SIGTERM or SIGINT (in the main thread), then stops within `stop_seconds`."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_tell_exception)
        pool = ThreadPool(limit=self.settings.threads, name="request")
        self.dispatcher = Dispatcher(self._application, loop=self._loop, pool=pool, limit=self.settings.max_in_work)
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        if self._orphaned is not None:
            self._loop.add_reader(self._orphaned, self._stop.set)
        self._resume_accepting()
        sweep = self._loop.create_task(self._sweep())
        ready()
        await self._stop.wait()
        if self._orphaned is not None:
            self._loop.remove_reader(self._orphaned)
        await self._drain()
        sweep.cancel()
        pool.close()

    # -- connections come ------------------------------------------------------------------------------------------

    def _resume_accepting(self) -> None:
        if not self._accepting and not self.draining:
            self._accepting = True
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _pause_accepting(self) -> None:
        """Connections wait in the backlog, or another worker takes them."""
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._listener.fileno())

    def _accept(self) -> None:
        """One at a time, so that workers share a burst."""
        if len(self._connections) >= self.settings.max_connections and not self._make_room():
            self._pause_accepting()  # and ask again at every sweep
            return
        try:
            accepted, address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            log.failure("cannot accept connections")
            self._pause_accepting()
            self._loop.call_later(_NO_DESCRIPTORS_SECONDS, self._resume_accepting)
            return
        source = _source(address)
        limit = self.settings.max_connections_per_source
        if limit is not None and self._sources[source] >= limit:
            accepted.close()
            return
        accepted.setblocking(False)
        connection = Connection(self, source)
        self._connections.add(connection)
        self._sources[source] += 1
        self._admissions[connection] = self._loop.create_task(self._admit(connection, accepted))

    async def _admit(self, connection: Connection, accepted: socket.socket) -> None:
        """Agrees on TLS; a connection that fails to was never there."""
        settings = self.settings
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=settings.handshake_seconds if self._tls else None,
                ssl_shutdown_timeout=settings.request_seconds if self._tls else None,
            )
        except (OSError, asyncio.CancelledError):  # TLS errors and time-outs are OSErrors
            self.leave(connection)
        finally:
            del self._admissions[connection]

    def leave(self, connection: Connection) -> None:
        """The connection has ended. Idempotent."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._sources[connection.source] -= 1
        if not self._sources[connection.source]:
            del self._sources[connection.source]
        if len(self._connections) < self.settings.max_connections:
            self._resume_accepting()

    def _make_room(self) -> bool:
        """Ends the connections that have waited longest for a whole request, if any has for long enough."""
        now = time.monotonic()
        waiting = sorted(
            (each for each in self._connections if each.phase is not Phase.WORK), key=lambda each: each.waits_since
        )
        longest = waiting[: max(1, self.settings.max_connections // _GIVING_WAY)]
        ended = [each for each in longest if each.waits_since < now - _PATIENCE_SECONDS]
        for connection in ended:
            self._end(connection)
        if ended and now - self._told_full > _SILENT_SECONDS:
            self._told_full = now
            _log.warning(
                "%d connections are open (maximum_connections): those that ask nothing give way to new ones",
                self.settings.max_connections,
            )
        return bool(ended)

    def _end(self, connection: Connection) -> None:
        admission = self._admissions.get(connection)
        if admission is not None:
            admission.cancel()
        connection.abort()
        self.leave(connection)

    # -- and go ------------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Expires what is overdue."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for connection in [each for each in self._connections if each.deadline < now]:
                connection.expire()
            self._resume_accepting()
            if self._quota is not None and self.dispatcher.accepted >= self._quota:
                self._give_way()
            if self.draining and not self._connections:
                self._stop.set()

    def _give_way(self) -> None:
        """Nothing new here; kept connections are told to close with their next answer, or time out."""
        self._quota = None
        self.draining = True
        self._pause_accepting()
        if self._retire is not None:
            self._retire()

    async def _drain(self) -> None:
        """Nothing new; what is under way may finish within `stop_seconds`."""
        self.draining = True
        self._pause_accepting()
        for admission in tuple(self._admissions.values()):
            admission.cancel()
        end = time.monotonic() + self.settings.stop_seconds
        for connection in tuple(self._connections):
            connection.drain()
        while time.monotonic() < end and any(connection.under_way for connection in self._connections):
            await asyncio.sleep(_POLL_SECONDS)
        end = min(end, time.monotonic() + _FLUSH_SECONDS)
        while time.monotonic() < end and self._connections:
            await asyncio.sleep(_POLL_SECONDS)
        for connection in tuple(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # the loop closes the sockets

    def _reload(self) -> None:
        """New connections use the certificate that the files hold now; a bad one changes nothing."""
        try:
            self._tls = tls_context(self.settings)
        except CannotStart:
            log.failure("the TLS certificate was not reloaded")


def work(
    open_application: Callable[[], AbstractContextManager[Application]],
    settings: ServerSettings,
    *,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    ready: Callable[[], None],
    retire: Callable[[], None] | None = None,
    orphaned: int | None = None,
) -> None:
    """A worker's whole life, in this process: opens the application, serves, closes it."""
    return_large_blocks()
    with open_application() as application:
        gc.collect()
        gc.freeze()  # what start-up made stays: no collection need look at it again
        Worker(application, settings, listener=listener, tls=tls, retire=retire, orphaned=orphaned).run(ready=ready)


def _quota(max_requests: int) -> int | None:
    """With jitter, so that workers are not replaced all at once."""
    return int(max_requests * random.uniform(0.9, 1.1)) if max_requests else None  # noqa: S311 (no secret)


def _source(address: Any) -> str:
    """The peer's IP address; IPv4 through an IPv6 listener in its own notation."""
    host = str(address[0]) if isinstance(address, tuple) else ""
    return host.removeprefix("::ffff:")


def _tell_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Broken connections are daily business; anything else is a fault of ours."""
    exception = context.get("exception")
    if exception is None or isinstance(exception, OSError):
        return
    log.failure("a failure in the event loop", exception=exception)
