"""What this process has lately seen of what must not be used twice: spares the database the plainest replays."""

from collections import OrderedDict
from threading import Lock

from wstrust_sts.storage.units import Sighting, Unit

LIMIT = 16_384  # some 4 MB


class Sightings:
    """Of those sightings that are durable, the latest `limit`. Thread-safe.

    It can only refuse: what it does not know, or has forgotten, the table `replay` knows.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._until: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._lock = Lock()

    def note(self, unit: Unit, sighting: Sighting) -> None:
        """Once `unit` is durable its sighting is known. One that cannot be stored may come again."""
        unit.done.add_done_callback(lambda done: None if done.exception() else self._add(sighting))

    def has(self, realm: str, digest: bytes, *, at: int) -> bool:
        """Whether it was seen, and is to be remembered beyond `at` (microseconds)."""
        until = self._until.get((realm, digest))
        return until is not None and until > at

    def _add(self, sighting: Sighting) -> None:
        key = sighting.realm, sighting.digest
        with self._lock:
            self._until.pop(key, None)
            self._until[key] = sighting.expires_at
            if len(self._until) > self._limit:
                self._until.popitem(last=False)
