"""The threads that run requests: few while nobody blocks, more as soon as some do.

Python runs one thread at a time, so that many runnable ones only take the interpreter from each other: two are
enough to sign in one while the other computes. A job that runs longer than `STALL_SECONDS` is taken to wait
for something (a password hash, the database), and one more thread may run for each of these. Threads wait in a
stack: the one that worked last works next, with warm caches, and a server with little to do has few threads.

A thread ends after JOBS jobs, and another takes its place: lxml keeps every name of an element, attribute or
namespace that it has read for as long as the thread lives, and clients choose names.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

RUNNING = 2
STALL_SECONDS = 0.0015
RELIEF_SECONDS = 0.001
JOBS = 64

Job = Callable[[], None]


class Thread:
    """A worker's own state: the job it is to do next, since when it does it, and how many it may do."""

    __slots__ = ("job", "left", "since", "wake")

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self.left = JOBS
        self.since = time.monotonic()
        self.wake = threading.Lock()
        self.wake.acquire()


class ThreadPool:
    """Runs jobs in daemon threads, at most `limit` at once and oldest first. Thread-safe.

    Somebody has to call `relieve` every RELIEF_SECONDS while jobs are waiting (`has_waiting`): a thread that stalls
    does not tell.
    """

    def __init__(self, *, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._idle: list[Thread] = []
        self._busy: set[Thread] = set()
        self._closed = False

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def submit(self, job: Job) -> None:
        """`job` must not raise."""
        with self._lock:
            self._waiting.append(job)
            if self._has_room():
                self._employ()

    def relieve(self) -> None:
        """Lets more threads run where others stall."""
        with self._lock:
            while self._waiting and self._has_room():
                self._employ()

    def close(self) -> None:
        """Waiting jobs are dropped and idle threads end; running jobs are left to themselves."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for thread in self._idle:
                thread.job = None
                thread.wake.release()
            self._idle.clear()

    def _has_room(self) -> bool:
        busy = len(self._busy)
        if busy < RUNNING:
            return True
        if busy >= self._limit:
            return False
        limit = time.monotonic() - STALL_SECONDS
        return busy - sum(thread.since < limit for thread in self._busy) < RUNNING

    def _employ(self) -> None:
        job = self._waiting.popleft()
        if self._idle:
            thread = self._idle.pop()
            thread.job = job
            thread.since = time.monotonic()
            self._busy.add(thread)
            thread.wake.release()
        else:
            thread = Thread(job)
            self._busy.add(thread)
            threading.Thread(target=self._work, args=(thread,), name=self._name, daemon=True).start()

    def _work(self, thread: Thread) -> None:
        while thread.job is not None:
            job, thread.job = thread.job, None
            job()
            del job
            if not self._next(thread):
                thread.wake.acquire()

    def _next(self, thread: Thread) -> bool:
        """Whether the thread has something more to do at once, or must not wait because it is to end."""
        with self._lock:
            self._busy.discard(thread)
            thread.left -= 1
            if self._closed:
                return True
            if not thread.left:
                if self._waiting and self._has_room():
                    self._employ()
                return True
            if self._waiting and self._has_room():
                thread.job = self._waiting.popleft()
                thread.since = time.monotonic()
                self._busy.add(thread)
                return True
            self._idle.append(thread)
            return False
