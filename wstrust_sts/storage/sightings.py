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
        self._latest: OrderedDict[tuple[str, bytes], Sighting] = OrderedDict()
        self._lock = Lock()

    def note(self, unit: Unit, sighting: Sighting) -> None:
        """Once `unit` is durable its sighting is known. One that cannot be stored may come again."""
        unit.done.add_done_callback(lambda done: None if done.exception() else self._add(sighting))

    def has(self, realm: str, digest: bytes, *, at: int, endpoint: str = "") -> bool:
        """Whether it was seen, is to be remembered beyond `at` (microseconds), and is not repeatable at `endpoint`."""
        seen = self._latest.get((realm, digest))
        return seen is not None and seen.expires_at > at and (endpoint == "" or seen.repeatable_at != endpoint)

    def _add(self, sighting: Sighting) -> None:
        with self._lock:
            self._latest.pop(sighting.key, None)
            self._latest[sighting.key] = sighting
            if len(self._latest) > self._limit:
                self._latest.popitem(last=False)
