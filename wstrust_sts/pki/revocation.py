"""Whether the certificates of a path were revoked, by whatever says so first.

Asked are, in this order: the lists that the anchor's operator named, the anchor's responder or the one that the
certificate names, and the lists that the certificate names. URLs are taken from certificates whose path to the anchor
was verified, so that nobody else can make this server ask anybody.
"""

import enum
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from wstrust_sts.certificates import TrustAnchor
from wstrust_sts.pki import crl, ocsp
from wstrust_sts.pki.fetching import Fetcher
from wstrust_sts.pki.http import Resource, Unreachable
from wstrust_sts.pki.signed import SaysNothing

LIST_AGE = 600.0  # seconds for which a fetched list is used without looking for a newer one
ANSWER_AGE = 300.0  # the same of OCSP's answers, which are smaller
_HASTE = 60.0  # the same of one that says nothing: it is stale, or was forged on its way
_REMEMBERED = 4096  # certificates
Judge = Callable[[bytes], bool]  # whether it says "revoked"; raises SaysNothing


class Status(enum.Enum):
    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """What one source said, in words for operators."""

    source: str
    status: Status
    why: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where something may be said. `octets(max_age)` raises Unreachable."""

    name: str
    octets: Callable[[float], bytes]
    judge: Judge
    max_age: float


class Revocations:
    """Thread-safe. `skew`: by how much clocks may disagree."""

    def __init__(self, fetcher: Fetcher, *, skew: timedelta) -> None:
        self._fetcher = fetcher
        self._skew = skew
        self._files = Files()
        self._remembered = _Revoked()

    def deadline(self) -> float:
        """For all that one request waits for."""
        return self._fetcher.deadline()

    def ask(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        anchor: TrustAnchor,
        now: datetime,
        deadline: float,
    ) -> Iterator[Told]:
        """What the sources say, one after another, until one of them knows. `issuer`: verified to be its.

        Where none does now, what was revoked stays so: whoever keeps the word away from here must not undo it.
        """
        key = anchor.realm, anchor.name, certificate.fingerprint(hashes.SHA256())
        for source in self._sources(certificate, issuer, anchor=anchor, now=now, deadline=deadline):
            told = _told(source)
            yield told
            if told.status is not Status.UNKNOWN:
                self._remembered.note(key, revoked=told.status is Status.REVOKED)
                return
        if key in self._remembered:
            yield Told("what was told before", Status.REVOKED)

    def _sources(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        anchor: TrustAnchor,
        now: datetime,
        deadline: float,
    ) -> Iterator[Source]:
        def by_list(octets: bytes) -> bool:
            return crl.is_revoked_by(octets, certificate, issuer, now=now, skew=self._skew)

        def by_answer(octets: bytes) -> bool:
            return ocsp.is_revoked_by(octets, certificate, issuer, now=now, skew=self._skew)

        def fetched(resource: Resource) -> Callable[[float], bytes]:
            return lambda max_age: self._fetcher.fetch(resource, max_age=max_age, deadline=deadline)

        def list_at(place: str) -> Source:
            if place.startswith("/"):
                return Source(f"CRL {place}", lambda _: self._files.read(place), by_list, 0.0)
            wanted = Resource(place, crl.MAX_OCTETS, anchor.networks)
            return Source(f"CRL {place[:256]}", fetched(wanted), by_list, LIST_AGE)

        for place in anchor.crls:
            yield list_at(place)
        for url in [anchor.responder] if anchor.responder else ocsp.responders_of(certificate):
            request = ocsp.write_request(certificate, issuer)
            wanted = Resource(url, ocsp.MAX_OCTETS, anchor.networks, request, ocsp.REQUEST_TYPE)
            yield Source(f"OCSP {url[:256]}", fetched(wanted), by_answer, ANSWER_AGE)
        for url in crl.points_of(certificate):
            if url.startswith("http://") and url not in anchor.crls:
                yield list_at(url)


def _told(source: Source) -> Told:
    try:
        try:
            revoked = source.judge(source.octets(source.max_age))
        except SaysNothing:
            revoked = source.judge(source.octets(min(source.max_age, _HASTE)))
    except (Unreachable, SaysNothing) as reason:
        return Told(source.name, Status.UNKNOWN, str(reason))
    return Told(source.name, Status.REVOKED if revoked else Status.GOOD)


class _Revoked:
    """The certificates that were last told to be revoked, the latest `_REMEMBERED` of them. Thread-safe."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, str, bytes], None] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, key: tuple[str, str, bytes]) -> bool:
        return key in self._keys

    def note(self, key: tuple[str, str, bytes], *, revoked: bool) -> None:
        if not revoked and key not in self._keys:
            return
        with self._lock:
            self._keys.pop(key, None)
            if revoked:
                self._keys[key] = None
            if len(self._keys) > _REMEMBERED:
                self._keys.popitem(last=False)


class Files:
    """Lists in files, read again when they have changed."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[tuple[int, int, int], bytes]] = {}

    def read(self, name: str) -> bytes:
        """Raises Unreachable."""
        path = Path(name)
        try:
            found = path.stat()
            state = found.st_mtime_ns, found.st_size, found.st_ino
            kept = self._read.get(name)
            if kept is not None and kept[0] == state:
                return kept[1]
            if found.st_size > crl.MAX_OCTETS or not path.is_file():
                raise Unreachable(f"no file of at most {crl.MAX_OCTETS} octets")
            octets = path.read_bytes()
        except OSError as error:
            raise Unreachable(f"it cannot be read ({error.strerror})") from None
        self._read[name] = state, octets
        return octets
