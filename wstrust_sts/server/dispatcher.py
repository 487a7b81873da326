"""Between the loop and the threads: a request goes into a thread, its answer comes back when it is durable."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial

from wstrust_sts import log
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.server.pool import RELIEF_SECONDS, ThreadPool
from wstrust_sts.server.refusals import Failed, page
from wstrust_sts.server.settings import Application

Deliver = Callable[[Response], None]


class Dispatcher:
    """Bounds the requests in work, runs them, and hands their answers back in the loop's thread.

    No thread waits for `Response.durable`: whoever completes it brings the answer on its way.
    """

    def __init__(
        self, application: Application, *, loop: asyncio.AbstractEventLoop, pool: ThreadPool, limit: int
    ) -> None:
        self._application = application
        self._loop = loop
        self._pool = pool
        self._limit = limit
        self._done: deque[tuple[Deliver, Response]] = deque()
        self._flush_scheduled = False
        self._relief: asyncio.TimerHandle | None = None
        self.in_work = 0
        self.accepted = 0

    def dispatch(self, request: Request, deliver: Deliver) -> None:
        """Called in the loop; `deliver` is called there once, at once with the busy answer when there is no room."""
        if self.in_work >= self._limit:
            deliver(self.busy(request))
            return
        self.in_work += 1
        self.accepted += 1
        self._pool.submit(partial(self._run, request, deliver))
        if self._relief is None and self._pool.has_waiting:
            self._relief = self._loop.call_later(RELIEF_SECONDS, self._relieve)

    def busy(self, request: Request) -> Response:
        """The answer for lack of room or time."""
        return self._guarded(lambda: self._application.busy(request))

    def _relieve(self) -> None:
        self._relief = None
        if self._pool.has_waiting:
            self._pool.relieve()
            self._relief = self._loop.call_later(RELIEF_SECONDS, self._relieve)

    # -- in a thread of the pool, or of whoever completes the future ---------------------------------------------

    def _run(self, request: Request, deliver: Deliver) -> None:
        response = self._guarded(lambda: self._application.handle(request))
        if response.durable is None:
            self._settle(deliver, response)
        else:
            response.durable.add_done_callback(partial(self._judge, response, deliver))

    def _judge(self, response: Response, deliver: Deliver, durable: "Future[None]") -> None:
        failure = CancelledError() if durable.cancelled() else durable.exception()
        if failure is None:
            self._settle(deliver, response)
        else:
            self._pool.submit(partial(self._replace, response, failure, deliver))

    def _replace(self, response: Response, failure: BaseException, deliver: Deliver) -> None:
        instead = response.instead
        self._settle(deliver, page(Failed) if instead is None else self._guarded(lambda: instead(failure)))

    def _settle(self, deliver: Deliver, response: Response) -> None:
        self._done.append((deliver, response))
        if not self._flush_scheduled:
            self._flush_scheduled = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits for the answer any more
                self._loop.call_soon_threadsafe(self._flush)

    def _guarded(self, answer: Callable[[], Response]) -> Response:
        """Whatever the application does, there is an answer."""
        try:
            return answer()
        except BaseException:  # noqa: BLE001 (a thread that dies of SystemExit would keep its request for ever)
            log.failure("the application failed")
            return page(Failed)

    # -- in the loop ------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._flush_scheduled = False  # before the queue is emptied: what is added from now on schedules anew
        while self._done:
            deliver, response = self._done.popleft()
            self.in_work -= 1
            deliver(response)
