"""Messages that do not open, counted against their source, because each of them costs an operation of a private key or
is a guess at a secret: also those under a security context that is not known, or not any more.

Whoever forges ciphertexts learns nothing from the answers, and after some of them is held up like a guesser of
passwords: for all nodes, for a growing time that has a longest. Nobody else is, but for those who share the source.
"""

import hashlib
import threading
from collections import OrderedDict
from datetime import datetime

from wstrust_sts.authenticators.lockout import FORGET, MANY_USERS, Limits, held_until, place_of
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.ports import Lockouts

_SUBJECT = hashlib.sha256(b"messages that do not open\0").digest()  # no user name has this digest: it has no key
_SUSPECTS = 10_000


class SourcePatience:
    """A `Patience`. The database is asked about those sources alone that this process has seen fail lately, so that
    messages in good order cost no statement. One for a process, shared by its threads.
    """

    def __init__(self, lockouts: Lockouts, limits: Limits) -> None:
        self._lockouts = lockouts
        self._free = limits.free * MANY_USERS
        self._longest = limits.longest
        self._suspects: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, realm: str, source: str, *, now: datetime) -> None:
        place = place_of(source)
        failed_at = self._suspects.get((realm, place))
        if failed_at is None or now - failed_at > FORGET:
            return
        tally = self._lockouts.find(realm, _SUBJECT, place).together
        until = held_until(tally, free=self._free, longest=self._longest)
        if until is not None and now < until:
            raise FailedAuthentication(
                f"held up until {until:%Y-%m-%dT%H:%M:%SZ} after {tally.failures} messages from there that do not open"
            )

    def failed(self, realm: str, source: str, *, now: datetime) -> None:
        place = place_of(source)
        with self._lock:
            self._suspects[realm, place] = now
            self._suspects.move_to_end((realm, place))
            while len(self._suspects) > _SUSPECTS:
                self._suspects.popitem(last=False)
        self._lockouts.failed(realm, _SUBJECT, place, at_home=True, now=now, keep=FORGET)


class EndlessPatience:
    """A `Patience` that runs out with nobody: lockout is off."""

    def admit(self, realm: str, source: str, *, now: datetime) -> None:
        pass

    def failed(self, realm: str, source: str, *, now: datetime) -> None:
        pass
