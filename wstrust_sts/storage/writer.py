"""The one thread of a process that writes the register, the audit trail and the replay cache: group commit.

Making a transaction durable costs more than the rows in it. So whatever is waiting while one transaction is
committed goes into the next one together, and each caller learns of its own rows when that is durable.
A row alone costs three times the processor time of one among eight.
"""

import time
from collections import deque
from collections.abc import Sequence
from threading import Condition, Thread

from wstrust_sts.errors import Busy
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.failures import describe
from wstrust_sts.storage.units import Unit, store

QUEUE_LIMIT = 4096
GROUP_LIMIT = 256
GATHERING_SECONDS = 0.002


class GroupWriter:
    """Thread-safe. The thread starts with the first unit, so that a process may fork before."""

    def __init__(
        self,
        database: Database,
        *,
        queue_limit: int = QUEUE_LIMIT,
        group_limit: int = GROUP_LIMIT,
    ) -> None:
        self._database = database
        self._queue_limit = queue_limit
        self._group_limit = group_limit
        self._waiting: deque[Unit] = deque()
        self._changed = Condition()
        self._closing = False
        self._thread: Thread | None = None

    def submit(self, unit: Unit) -> None:
        """Queues a unit. Its `done` fails with Busy when the queue is full, and after `close`."""
        refusal = self._enqueue(unit)
        if refusal is not None:
            unit.done.set_exception(Busy(refusal))  # outside the lock: it calls whoever waits

    def close(self) -> None:
        """Writes what is queued, and ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _enqueue(self, unit: Unit) -> str | None:
        with self._changed:
            if self._closing:
                return "the journal is closed"
            if len(self._waiting) >= self._queue_limit:
                return f"{self._queue_limit} units are waiting to be written"
            if self._thread is None:
                self._thread = Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            self._waiting.append(unit)
            self._changed.notify()
        return None

    def _run(self) -> None:
        while group := self._next_group():
            self._write(group)

    def _next_group(self) -> Sequence[Unit]:
        """What is waiting, in order; nothing only when closing.

        Whoever is alone is written at once. What came while the last group was committed shows that more is under
        way: it is given a moment to come along, since a transaction costs as much as several units in it.
        """
        if self._waiting and not self._closing:
            time.sleep(GATHERING_SECONDS)
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_limit))]

    def _write(self, group: Sequence[Unit]) -> None:
        """Commits the group. When one unit cannot be stored, halves are tried until it fails alone."""
        try:
            with self._database.transaction() as transaction:
                store(transaction, group)
        except Busy as unavailable:  # the database is away or locked: that is no single unit's fault
            _fail([*group, *self._take_waiting()], unavailable)
        except Exception as failure:  # noqa: BLE001 (whatever a row does to the driver, the thread goes on)
            if len(group) == 1:
                _fail(group, Busy(describe(failure)))
                return
            middle = len(group) // 2
            self._write(group[:middle])
            self._write(group[middle:])
        else:
            for unit in group:
                unit.complete()

    def _take_waiting(self) -> Sequence[Unit]:
        """What came while a group waited for the database in vain, and would now do so again."""
        with self._changed:
            waiting = tuple(self._waiting)
            self._waiting.clear()
        return waiting


def _fail(group: Sequence[Unit], failure: Busy) -> None:
    for unit in group:
        unit.done.set_exception(failure)
