"""Certification paths from a requestor's certificate to a trust anchor (RFC 5280 section 6, RFC 4158).

A path holds here whatever the time and whatever was revoked, so that it is found once and kept; who asks looks at both.
The rules of an anchor's own certificate (path length, names, uses) hold for what is under it, like any authority's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wstrust_sts.certificate_names import write_subject
from wstrust_sts.pki.name_constraints import demand_allowed
from wstrust_sts.pki.soundness import (
    UNREADABLE,
    Unsuitable,
    extension,
    is_signed_with_a_strong_hash,
    read_anchor,
    read_authority,
    read_certificate,
)

MAX_CERTIFICATES = 6  # of a path, from the requestor's to the anchor's
_MAX_PATHS = 4  # by which one certificate may be under one anchor
_MAX_ISSUERS_TRIED = 64  # for one certificate and one anchor, so that cross-signed authorities cost no more

Path = tuple[bytes, ...]  # DER: the requestor's certificate first, the anchor's last


@dataclass(frozen=True, slots=True)
class Found:
    """The paths that hold, the shorter first; and in words for operators, why others do not."""

    paths: tuple[Path, ...]
    refused: tuple[str, ...]


@lru_cache(maxsize=512)
def find_paths(unverified_certificate: bytes, anchor: bytes, *, intermediates: tuple[bytes, ...]) -> Found:
    """By `intermediates`, which nobody need have verified: each counts by its signature alone.

    Raises Unsuitable: the requestor's certificate is malformed, or the anchor could issue nothing.
    """
    return _Search(read_authority(anchor), anchor, intermediates).run(unverified_certificate)


class _Search:
    def __init__(self, anchor: x509.Certificate, anchor_der: bytes, intermediates: tuple[bytes, ...]) -> None:
        self._anchor = anchor
        self._anchor_der = anchor_der
        self._left = _MAX_ISSUERS_TRIED
        self._refused: dict[str, None] = {}
        self._by_subject: dict[x509.Name, list[bytes]] = {}
        for der in dict.fromkeys(intermediates):
            try:
                self._by_subject.setdefault(read_authority(der).subject, []).append(der)
            except Unsuitable as reason:
                self._refused[f"intermediate {_named(der)}: {reason}"] = None

    def run(self, der: bytes) -> Found:
        paths: list[Path] = []
        for path in self._above((der,)):
            try:
                _demand_rules(path)
            except Unsuitable as reason:
                self._refused[str(reason)] = None
                continue
            paths.append(path)
            if len(paths) == _MAX_PATHS:
                break
        if self._left <= 0:
            self._refused[f"more than {_MAX_ISSUERS_TRIED} issuers were tried"] = None
        return Found(tuple(sorted(paths, key=len)), tuple(self._refused))

    def _above(self, path: Path) -> Iterator[Path]:
        """Every way up to the anchor, each authority in it once. Names choose whom to try, signatures decide."""
        below = read_certificate(path[-1])
        if below.issuer == self._anchor.subject and self._is_issued(path[-1], self._anchor_der):
            yield (*path, self._anchor_der)
        if len(path) + 1 >= MAX_CERTIFICATES:
            return
        passed = {_identity(each) for each in path[1:]}
        for issuer in self._by_subject.get(below.issuer, ()):
            if issuer != self._anchor_der and _identity(issuer) not in passed and self._is_issued(path[-1], issuer):
                yield from self._above((*path, issuer))

    def _is_issued(self, der: bytes, issuer: bytes) -> bool:
        self._left -= 1
        if self._left < 0:
            return False
        reason = _signature_fault(der, issuer)
        if reason is not None:
            self._refused[f"{_named(der)}: {reason}"] = None
        return reason is None


@lru_cache(maxsize=1024)
def _signature_fault(der: bytes, issuer_der: bytes) -> str | None:
    certificate, issuer = read_certificate(der), read_certificate(issuer_der)
    try:
        if not is_signed_with_a_strong_hash(certificate, issuer):
            return "it is signed with a hash that is not offered"
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return "it has an issuer's name and not the signature by its key"
    return None


@lru_cache(maxsize=1024)
def _identity(der: bytes) -> tuple[bytes, bytes]:
    """An authority is one by name and key, however many certificates it has (RFC 4158 section 2.4.2)."""
    certificate = read_certificate(der)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.subject.public_bytes(), key


def _demand_rules(path: Path) -> None:
    """What authorities say of all that is below them. Raises Unsuitable."""
    shown, *authorities = [read_certificate(path[0]), *(read_anchor(each) for each in path[1:])]
    for depth, authority in enumerate(authorities):
        below = [each for each in authorities[:depth] if each.subject != each.issuer]  # self-issued ones do not count
        basic = extension(authority, x509.BasicConstraints)
        if basic is None or (basic.path_length is not None and len(below) > basic.path_length):
            raise Unsuitable(f"the path below {write_subject(authority.subject)} is longer than it allows")
        constraints = extension(authority, x509.NameConstraints)
        if constraints is not None:
            for certificate in (shown, *below):
                demand_allowed(certificate, constraints)


def _named(der: bytes) -> str:
    """For operators: the subject, as far as it can be read."""
    try:
        return write_subject(read_certificate(der).subject)[:256]
    except (Unsuitable, *UNREADABLE):
        return "that is unreadable"
