"""The clock of this machine, held against what was written when it, or another node's, was surely no later.

A wrong clock refuses every message as expired, and issues tokens that nobody accepts.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import wstrust_sts
from wstrust_sts.cli.checks.findings import Finding, fault, warning
from wstrust_sts.config import Config
from wstrust_sts.records import SigningKeyRecord

_TOLERANCE = timedelta(minutes=5)
_FIX = "set this machine's clock, and keep it with NTP (timedatectl status)"
_LONGEST_SOUND_SKEW = timedelta(minutes=10)


def check_clock(config: Config, at: datetime) -> Iterator[Finding]:
    """Against the files: none of them can be of tomorrow."""
    for file in (config.file, Path(wstrust_sts.__file__)):
        try:
            written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except OSError:
            continue
        if at < written - _TOLERANCE:
            yield fault("clock", f"it is {at:%Y-%m-%d %H:%M} here, and {file} is of {written:%Y-%m-%d %H:%M}", _FIX)
    skew = config.authentication.clock_skew
    if skew > _LONGEST_SOUND_SKEW:
        where = f"{config.file}: authentication.clock_skew"
        yield warning(where, f"{skew} lets old messages in for long", "keep clocks with NTP, and make it 5m")


def check_clock_of_keys(where: str, keys: Iterable[SigningKeyRecord], at: datetime) -> Iterator[Finding]:
    """Against the database, which another node may have written."""
    newest = max((key.created_at for key in keys), default=at)
    if at < newest - _TOLERANCE:
        yield fault(
            "clock", f"it is {at:%Y-%m-%d %H:%M} here, and a key of {where} is of {newest:%Y-%m-%d %H:%M}", _FIX
        )
