"""What was fetched is kept for all requests of this process, and nobody waits long for what does not come.

A resource is fetched by one thread at a time, however many ask for it; who asks waits no longer than their deadline,
and not at all where nothing came the last time, a moment ago. What once came is given when nothing newer can be had:
whether it is still fresh, its reader says.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from wstrust_sts.pki.http import Resource, Silent, Unreachable, exchange

SECONDS = 30.0  # that one fetch by GET may take: a long revocation list comes for the next request, if not for this one
PATIENCE = 5.0  # seconds that anybody waits for a fetch, from its beginning
RETRY = 60.0  # seconds for which nothing is asked that did not answer
AT_ONCE = 8
_ENTRIES = 1024
_OCTETS = 64 * 1024 * 1024  # kept of all resources


class Exchange(Protocol):
    def __call__(self, resource: Resource, *, seconds: float) -> bytes:
        """Raises Unreachable."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    octets: bytes
    since: float


@dataclass(frozen=True, slots=True)
class _Fetch:
    result: "Future[bytes]"
    since: float


class Fetcher:
    """Thread-safe. Threads are made for fetches alone, and end with them."""

    def __init__(self, exchange: Exchange = exchange, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._exchange = exchange
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[Resource, _Kept] = OrderedDict()
        self._failed: OrderedDict[Resource | str, tuple[str, float]] = OrderedDict()
        self._running: dict[Resource, _Fetch] = {}

    def deadline(self, seconds: float = PATIENCE) -> float:
        """For one request, of all its fetches together."""
        return self._monotonic() + seconds

    def fetch(self, resource: Resource, *, max_age: float, deadline: float) -> bytes:
        """What came in the last `max_age` seconds; else what comes now; else what came before. Raises Unreachable."""
        with self._lock:
            now = self._monotonic()
            kept = self._kept.get(resource)
            if kept is not None:
                self._kept.move_to_end(resource)
                if now - kept.since <= max_age:
                    return kept.octets
            try:
                running = self._started(resource, now)
            except Unreachable:
                if kept is None:
                    raise
                return kept.octets
        try:
            return running.result.result(max(0.0, min(deadline, running.since + PATIENCE) - now))
        except (Unreachable, TimeoutError) as error:
            if kept is not None:
                return kept.octets
            if isinstance(error, Unreachable):
                raise
            raise Unreachable(f"{resource.url[:256]}: no whole answer in time") from None

    def _started(self, resource: Resource, now: float) -> _Fetch:
        """The fetch that is under way, or a new one. The lock is held."""
        running = self._running.get(resource)
        if running is not None:
            return running
        failed = self._failed.get(resource.url) or self._failed.get(resource)
        reason, since = failed or ("", now - RETRY)
        if now - since < RETRY:
            raise Unreachable(f"{reason} (asked {now - since:.0f} s ago)")
        if len(self._running) >= AT_ONCE:
            raise Unreachable(f"{resource.url[:256]}: {AT_ONCE} others are being fetched")
        running = self._running[resource] = _Fetch(Future(), now)
        threading.Thread(target=self._run, args=(resource, running), name="revocation-fetch", daemon=True).start()
        return running

    def _run(self, resource: Resource, running: _Fetch) -> None:
        reason = Unreachable(f"{resource.url[:256]}: it failed")
        try:
            octets = self._exchange(resource, seconds=SECONDS if resource.body is None else PATIENCE)
            with self._lock:
                self._keep(resource, octets)
                self._failed.pop(resource, None)
                self._failed.pop(resource.url, None)
                del self._running[resource]
            running.result.set_result(octets)
        except Unreachable as error:
            reason = error
        finally:
            if not running.result.done():  # whatever was raised: nobody may wait for ever
                self._fail(resource, running, reason)

    def _fail(self, resource: Resource, running: _Fetch, reason: Unreachable) -> None:
        with self._lock:
            # A dead responder is dead for every certificate, or each of them would wait for it anew.
            key = resource.url if isinstance(reason, Silent) else resource
            self._failed[key] = str(reason), self._monotonic()
            _shorten(self._failed)
            del self._running[resource]
        running.result.set_exception(reason)

    def _keep(self, resource: Resource, octets: bytes) -> None:
        self._kept[resource] = _Kept(octets, self._monotonic())
        self._kept.move_to_end(resource)
        _shorten(self._kept)
        total = sum(len(kept.octets) for kept in self._kept.values())
        while total > _OCTETS:
            _, oldest = self._kept.popitem(last=False)
            total -= len(oldest.octets)


def _shorten(rows: "OrderedDict[Resource, _Kept] | OrderedDict[Resource | str, tuple[str, float]]") -> None:
    while len(rows) > _ENTRIES:
        rows.popitem(last=False)
