"""What must not be used twice, remembered for all nodes."""

from datetime import datetime, timedelta

from wstrust_sts.storage.columns import microseconds
from wstrust_sts.storage.units import Sighting, Unit
from wstrust_sts.storage.writer import GroupWriter


class SqlReplayCache:
    """`ports.ReplayCache`: one row per digest and realm, whose key is what makes two nodes agree."""

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer

    def remember(self, realm: str, digest: bytes, *, now: datetime, keep: timedelta) -> bool:
        """Blocks until the row is durable. Seen before means seen and kept until after `now`. Raises Busy."""
        unit = Unit(sighting=Sighting(realm, digest, microseconds(now), microseconds(now + keep)))
        self._writer.submit(unit)
        unit.done.result()
        return unit.new
