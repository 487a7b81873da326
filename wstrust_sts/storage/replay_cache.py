"""What must not be used twice, remembered for all nodes."""

from datetime import datetime, timedelta

from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.storage.columns import microseconds
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.units import Sighting, Unit
from wstrust_sts.storage.writer import GroupWriter


class SqlReplayCache:
    """`ports.ReplayCache`: one row per digest and realm, whose key is what makes two nodes agree."""

    def __init__(self, writer: GroupWriter, lately: Sightings) -> None:
        self._writer = writer
        self._lately = lately

    def remember(self, realm: str, digest: bytes, *, now: datetime, keep: timedelta) -> bool:
        """Blocks until the row is durable. Seen before means seen and kept until after `now`. Raises Busy."""
        if self.knows(realm, digest, now=now):
            return False
        sighting = Sighting(realm, digest, microseconds(now), microseconds(now + keep))
        unit = Unit(sighting=sighting)
        self._lately.note(unit, sighting)
        self._writer.submit(unit)
        try:
            unit.done.result()
        except FailedAuthentication:
            return False
        return True

    def knows(self, realm: str, digest: bytes, *, now: datetime, repeatable_at: str = "") -> bool:
        return self._lately.has(realm, digest, at=microseconds(now), endpoint=repeatable_at)
