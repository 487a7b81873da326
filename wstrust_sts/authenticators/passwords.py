"""Passwords at rest (argon2id, RFC 9106) and the checking of them: bounded, even in time, remembered.

A password is the UTF-8 octets of the text presented, unchanged. The UsernameToken Profile (1.1, section 3)
defines no normalisation, its digest form is computed by clients over the octets they hold, and a server that
normalised (SASLprep, RFC 8265) would accept texts that nobody set. Whoever wants NFC applies it where passwords
are set and where they are typed.
"""

import hmac
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NoReturn

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from wstrust_sts.errors import Busy, FailedAuthentication, RequestFailed
from wstrust_sts.model import Account

LONGEST_PASSWORD = 1024  # octets of UTF-8

_ARGON2ID = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)  # memory in KiB
_NEVER = datetime.min.replace(tzinfo=UTC)


def hash_password(text: str) -> str:
    """The argon2id PHC string of a password.

    Raises ValueError for a text that no message could present or that is no password: empty, longer than
    `LONGEST_PASSWORD`, or with a control character (RFC 8265 section 4.2.1) or a lone surrogate.
    """
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("the password has a control character or a lone surrogate")
    octets = text.encode()
    if not octets:
        raise ValueError("the password is empty")
    if len(octets) > LONGEST_PASSWORD:
        raise ValueError(f"the password is longer than {LONGEST_PASSWORD} octets")
    return _ARGON2ID.hash(octets)


@cache
def _unknown_hash() -> str:
    """The hash of a password that nobody knows; one does for the whole process."""
    return hash_password(secrets.token_urlsafe(32))


class PasswordChecker:
    """Compares presented passwords with stored hashes. One for a process, shared by its threads.

    At most `slots` hashes run at once and at most `queue` callers wait for a slot; one more is refused with Busy at
    once. A password that proved right is remembered for `remember_for` (zero: never) in at most `remembered`
    entries, the least recently used leaving first, so that a service account pays for one hash and not for one
    a request. Only a keyed digest is kept, under a key that lives and dies with this object.
    """

    def __init__(
        self,
        *,
        slots: int,
        queue: int,
        remember_for: timedelta = timedelta(minutes=5),
        remembered: int = 10_000,
        hasher: PasswordHasher = _ARGON2ID,
    ) -> None:
        if slots < 1 or queue < 0:
            raise ValueError("a password checker needs a slot, and a queue of no less than nothing")
        self._hasher = hasher
        self._slots = threading.BoundedSemaphore(slots)
        self._places = threading.BoundedSemaphore(slots + queue)
        self._verdicts = _Verdicts(remember_for, remembered)
        self._nobody = _Credential("", 0, _unknown_hash())

    def verify(self, account: Account, unverified_password: str, *, now: datetime) -> None:
        """Returns when the password is the account's; `account` is the row as it is stored now.

        Raises FailedAuthentication, Busy.
        """
        if account.password_hash is None:
            self.refuse(unverified_password, reason=f"account {account.name!r} has no password")
        credential = _Credential(account.id, account.version, account.password_hash)
        if not self._matches(credential, unverified_password, now=now):
            raise FailedAuthentication(f"account {account.name!r}: wrong password")

    def refuse(self, unverified_password: str, *, reason: str) -> NoReturn:
        """Raises FailedAuthentication with `reason`, after all the work that a wrong password costs; or Busy."""
        self._matches(self._nobody, unverified_password, now=_NEVER)
        raise FailedAuthentication(reason)

    def _matches(self, credential: "_Credential", unverified_password: str, *, now: datetime) -> bool:
        # The bound is looked at before anything that depends on the account, so that it tells nothing about one.
        octets = unverified_password.encode(errors="surrogatepass")
        if not 0 < len(octets) <= LONGEST_PASSWORD:
            raise FailedAuthentication(f"a password of {len(octets)} octets")
        verdict = self._verdicts.name(credential, octets)
        if self._verdicts.has(verdict, now=now):
            return True
        with self._slot():
            # Whoever waited behind another request of the same account finds its verdict here.
            if self._verdicts.has(verdict, now=now):
                return True
            if not self._hashes_to(credential, octets):
                return False
            self._verdicts.add(verdict, now=now)
        return True

    def _hashes_to(self, credential: "_Credential", octets: bytes) -> bool:
        try:
            return self._hasher.verify(credential.stored, octets)
        except VerifyMismatchError:
            return False
        except (VerificationError, ValueError) as failure:
            if credential is self._nobody:
                raise RequestFailed(f"argon2 cannot run: {failure}") from None
            self._hashes_to(self._nobody, octets)  # a quick answer would tell that such an account exists
            raise FailedAuthentication(f"the stored hash of account {credential.account} cannot be read") from None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy("too many passwords are being checked")
        try:
            with self._slots:
                yield
        finally:
            self._places.release()


@dataclass(frozen=True, slots=True)
class _Credential:
    """What a password is compared with: the hash of one account in one version."""

    account: str  # its id
    version: int
    stored: str = field(repr=False)


class _Verdicts:
    """The credentials that proved right lately, by keyed digest.

    A digest covers the account's id, its version and its hash, so that any change of the account leaves the old
    verdicts behind; and since its key is secret, how long a look-up takes says nothing about a password.
    """

    def __init__(self, lifetime: timedelta, capacity: int) -> None:
        self._key = secrets.token_bytes(32)
        self._lifetime = lifetime
        self._capacity = capacity
        self._made: OrderedDict[bytes, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def name(self, credential: _Credential, octets: bytes) -> bytes:
        identity = f"{credential.account}\n{credential.version}\n{credential.stored}".encode()
        return hmac.digest(self._key, b"%d:%b%b" % (len(identity), identity, octets), "sha256")

    def has(self, verdict: bytes, *, now: datetime) -> bool:
        with self._lock:
            made = self._made.get(verdict)
            if made is None:
                return False
            if abs(now - made) >= self._lifetime:  # either way: requests do not arrive in the order of their clocks
                del self._made[verdict]
                return False
            self._made.move_to_end(verdict)
            return True

    def add(self, verdict: bytes, *, now: datetime) -> None:
        if self._lifetime <= timedelta(0):
            return
        with self._lock:
            self._made[verdict] = now
            self._made.move_to_end(verdict)
            while len(self._made) > self._capacity:
                self._made.popitem(last=False)
