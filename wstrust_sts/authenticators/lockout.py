"""Guessing made slow: after some wrong credentials an attempt is refused until a time, and costs no hash.

Failures are counted for all nodes, of a user from one source, of a user from all sources, and of a source with all
users; the more there are, the longer the next attempt is held up. Nobody is locked out for good: a hold-up has a
longest time, refused attempts do not prolong it, and a source from which the user has proved right before is held up
by its own failures alone. Users that do not exist are counted like all others, so that nothing tells them apart.

A user who proved right from a source lately is let in from there without asking the database, until something fails
there. So a request in good standing costs no statement.
"""

import hmac
import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Realm
from wstrust_sts.ports import Lockouts
from wstrust_sts.records import Standing, Tally

FORGET = timedelta(hours=1)  # a tally begins anew after that long without a failure
_HOME = timedelta(days=30)  # how long a source that proved right is known
_RENEW = timedelta(days=1)  # and how seldom that is written again
_REMEMBER = timedelta(minutes=5)
_REMEMBERED = 10_000
_FIRST_DELAY = timedelta(seconds=1)  # each further failure doubles it
_MANY_SOURCES = 5  # times as many failures are free over all sources
MANY_USERS = 10  # and over all users of a source


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`free` failures of a user from one source go without a delay; no delay is longer than `longest`."""

    free: int
    longest: timedelta


def subject_of(realm: Realm, name: str) -> bytes:
    """What stands for a user name in the database: people type passwords into the wrong field."""
    octets = b"lockout subject\0" + name.encode(errors="surrogatepass")
    return hmac.digest(realm.pairwise_secret, octets, "sha256")


@lru_cache(maxsize=1024)
def place_of(source: str) -> str:
    """What counts as one source: an IPv4 address, or the 64 bits of an IPv6 address that one customer has."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def held_until(tally: Tally, *, free: int, longest: timedelta) -> datetime | None:
    """Until when the next attempt is held up after the failures of `tally`, of which `free` cost nothing."""
    if tally.failed_at is None or tally.failures < free:
        return None
    return tally.failed_at + min(_FIRST_DELAY * (1 << min(tally.failures - free, 32)), longest)


class Gate:
    """Admits attempts, or refuses them until a time. One for a process, shared by its threads."""

    def __init__(self, lockouts: Lockouts, limits: Limits) -> None:
        self._lockouts = lockouts
        self._limits = limits
        self._at_home: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, realm: Realm, name: str, source: str, *, now: datetime) -> "Attempt":
        """An attempt whose outcome the caller tells. Raises FailedAuthentication while it is held up; Busy."""
        key = (realm.name, name, source)
        if self._knows(key, now=now):
            return Attempt(self, realm, key, now, None)
        standing = self._lockouts.find(realm.name, subject_of(realm, name), place_of(source))
        self._demand_patience(standing, now)
        return Attempt(self, realm, key, now, standing)

    def _demand_patience(self, standing: Standing, now: datetime) -> None:
        free = self._limits.free
        tallies = [("of this user from this source", standing.together, free)]
        if standing.proved_at is None:
            tallies.append(("of this user from everywhere", standing.user, free * _MANY_SOURCES))
            tallies.append(("from this source", standing.source, free * MANY_USERS))
        for whose, tally, allowed in tallies:
            until = held_until(tally, free=allowed, longest=self._limits.longest)
            if until is not None and now < until:
                raise FailedAuthentication(
                    f"held up until {until:%Y-%m-%dT%H:%M:%SZ} after {tally.failures} failures {whose}"
                    " (wstrust-sts user unlock)"
                )

    def failed(self, attempt: "Attempt") -> None:
        """Counts it. That it is not durable yet holds nobody up: whoever fails learns so at once."""
        realm, name, source = attempt.key
        with self._lock:
            self._at_home.pop(attempt.key, None)
        self._lockouts.failed(
            realm,
            subject_of(attempt.realm, name),
            place_of(source),
            at_home=attempt.standing is None or attempt.standing.proved_at is not None,
            now=attempt.now,
            keep=FORGET,
        )

    def proved(self, attempt: "Attempt") -> None:
        """Remembers where the user is at home."""
        standing = attempt.standing
        if standing is None:
            return
        with self._lock:
            self._at_home[attempt.key] = attempt.now
            while len(self._at_home) > _REMEMBERED:
                self._at_home.popitem(last=False)
        known = standing.proved_at is not None and attempt.now - standing.proved_at < _RENEW
        if not known or standing.together.failures:
            realm, name, source = attempt.key
            self._lockouts.proved(realm, subject_of(attempt.realm, name), place_of(source), now=attempt.now, keep=_HOME)

    def _knows(self, key: tuple[str, str, str], *, now: datetime) -> bool:
        since = self._at_home.get(key)
        return since is not None and abs(now - since) < _REMEMBER


@dataclass(frozen=True, slots=True)
class Attempt:
    """One credential that was admitted. Without a standing, the user is known to be at home there."""

    gate: Gate
    realm: Realm
    key: tuple[str, str, str]  # realm, user name, source
    now: datetime
    standing: Standing | None

    def failed(self) -> None:
        self.gate.failed(self)

    def proved(self) -> None:
        self.gate.proved(self)
