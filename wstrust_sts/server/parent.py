"""The parent of several workers: forks them before any thread exists, replaces those that end, stops them all."""

import gc
import logging
import os
import selectors
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from wstrust_sts import log
from wstrust_sts.server.settings import Application, CannotStart, ServerSettings
from wstrust_sts.server.tls import tls_context
from wstrust_sts.server.worker import work

_READY = b"r"
_RETIRING = b"q"
_FAILED = b"f"  # and why; only before it is ready, when no client's text can be in it
_TOLD = 4096
_FIRST_PAUSE = 0.1  # seconds before a worker that ended is replaced; doubled each time it ends soon again
_LONGEST_PAUSE = 5.0
_SOON = 10.0
_KILL_SECONDS = 2.0  # after `stop_seconds`
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Child:
    """A worker process, and the pipe on which it reports; the pipe's end is the process's."""

    pid: int
    pipe: int
    started: float = field(default_factory=time.monotonic)
    ready: bool = False
    retiring: bool = False
    failure: str = ""


class Parent:
    """Keeps `settings.workers` workers on one listening socket."""

    def __init__(
        self,
        open_application: Callable[[], AbstractContextManager[Application]],
        settings: ServerSettings,
        *,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._open_application = open_application
        self._settings = settings
        self._listener = listener
        self._tls = tls
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._received: list[int] = []  # signals
        self._replacements: list[float] = []  # when to start them
        self._pause = _FIRST_PAUSE
        self._announced = False

    def run(self, *, ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. Raises CannotStart when a worker ends before all of the first are ready."""
        waker, wake = socket.socketpair()
        waker.setblocking(False)
        wake.setblocking(False)
        earlier = {
            number: signal.signal(number, lambda number, _: self._received.append(number)) for number in _SIGNALS
        }
        earlier_wake = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(waker, selectors.EVENT_READ)
        # The workers hold the reading end: when the parent is gone, however it ended, they read its end and stop.
        self._life_reader, self._life = os.pipe()
        gc.collect()
        gc.freeze()  # shared pages stay shared
        try:
            for _ in range(self._settings.workers):
                self._start()
            self._watch(waker, ready)
        finally:
            self._stop_children()
            signal.set_wakeup_fd(earlier_wake)
            for number, handler in earlier.items():
                signal.signal(number, handler)
            self._selector.close()
            for descriptor in (self._life, self._life_reader):
                os.close(descriptor)
            waker.close()
            wake.close()

    def _watch(self, waker: socket.socket, ready: Callable[[], None]) -> None:
        while True:
            for selected, _ in self._selector.select(self._until_replacement()):
                if isinstance(selected.data, Child):
                    self._hear(selected.data, ready)
                else:
                    with suppress(BlockingIOError):
                        waker.recv(64)
            if signal.SIGTERM in self._received or signal.SIGINT in self._received:
                return
            if self._received:
                self._received.clear()
                self._reload()
            while self._replacements and self._replacements[0] <= time.monotonic():
                self._replacements.pop(0)
                self._start()

    # -- children ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self._be_worker(writer)
        os.close(writer)
        child = Child(pid, reader)
        self._children.append(child)
        self._selector.register(reader, selectors.EVENT_READ, child)

    def _be_worker(self, pipe: int) -> None:
        """The rest of a child's life; never returns."""
        status = 1
        ready = False

        def tell_ready() -> None:
            nonlocal ready
            ready = True
            _write(pipe, _READY)

        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.close(self._life)
            self._selector.close()
            for child in self._children:
                os.close(child.pipe)
            work(
                self._open_application,
                self._settings,
                listener=self._listener,
                tls=self._tls,
                ready=tell_ready,
                retire=lambda: _write(pipe, _RETIRING),
                orphaned=self._life_reader,
            )
            status = 0
        except BaseException as error:  # noqa: BLE001 (the parent's stack lies below: nothing may unwind into it)
            log.failure("a worker failed")
            if not ready:
                _write(pipe, _FAILED + f"{type(error).__name__}: {error}".encode(errors="replace")[: _TOLD - 1])
        finally:
            os._exit(status)

    def _hear(self, child: Child, ready: Callable[[], None]) -> None:
        told = os.read(child.pipe, _TOLD)
        if not told:
            self._bury(child)
            return
        if told.startswith(_FAILED):
            child.failure = told[1:].decode(errors="replace")
            return
        if _READY in told:
            child.ready = True
            if not self._announced and all(each.ready for each in self._children):
                self._announced = True
                ready()
        if _RETIRING in told:
            child.retiring = True
            self._start()

    def _bury(self, child: Child) -> None:
        status = self._forget(child)
        if child.retiring:
            return
        if not self._announced:
            raise CannotStart(child.failure or "a worker ended before it was ready")
        lived = time.monotonic() - child.started
        self._pause = min(self._pause * 2, _LONGEST_PAUSE) if lived < _SOON else _FIRST_PAUSE
        _log.error("worker %d ended with status %d %s", child.pid, status, child.failure)
        self._replacements.append(time.monotonic() + self._pause)
        self._replacements.sort()

    def _forget(self, child: Child) -> int:
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        self._children.remove(child)
        return os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])

    def _until_replacement(self) -> float | None:
        return max(0.0, self._replacements[0] - time.monotonic()) if self._replacements else None

    def _reload(self) -> None:
        """A certificate that does not serve stops here: no worker hears of it."""
        try:
            self._tls = tls_context(self._settings)
        except CannotStart:
            log.failure("the TLS certificate was not reloaded")
            return
        for child in self._children:
            _signal(child, signal.SIGHUP)

    def _stop_children(self) -> None:
        """Within `stop_seconds` and a little more; a second SIGINT or SIGTERM shortens it."""
        for child in self._children:
            _signal(child, signal.SIGTERM)
        end = time.monotonic() + self._settings.stop_seconds + _KILL_SECONDS
        self._received.clear()
        while self._children and time.monotonic() < end and not self._received:
            for selected, _ in self._selector.select(end - time.monotonic()):
                if isinstance(selected.data, Child) and not os.read(selected.data.pipe, _TOLD):
                    self._forget(selected.data)
        for child in tuple(self._children):
            _signal(child, signal.SIGKILL)
            self._forget(child)


def _signal(child: Child, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)


def _write(pipe: int, told: bytes) -> None:
    with suppress(OSError):
        os.write(pipe, told)
