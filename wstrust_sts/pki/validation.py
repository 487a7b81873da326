"""The verdict on a requestor's certificate, step by step: what a request needs and what an operator is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from wstrust_sts.certificates import CertificateName, ExaminedCertificate, Revocation, TrustAnchor
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.pki.fetching import Fetcher
from wstrust_sts.pki.issuers import fetch_issuers
from wstrust_sts.pki.paths import Path, find_paths
from wstrust_sts.pki.revocation import Revocations, Status
from wstrust_sts.pki.soundness import (
    Unsuitable,
    demand_current,
    read_anchor,
    read_authority,
    read_certificate,
    read_requestor,
)

MAX_INTERMEDIATES = 8  # that a message may carry


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at. `passed` None: nothing could be told, and that is no reason to refuse."""

    what: str
    passed: bool | None
    why: str = ""
    certificate: bytes | None = field(default=None, repr=False)  # the one it is about


@dataclass(slots=True)
class Verdict:
    """`refusal`: why the certificate is refused, whoever it is mapped to; None: it is sound."""

    steps: list[Step] = field(default_factory=list)
    names: tuple[CertificateName, ...] = ()
    anchor: TrustAnchor | None = None
    path: Path = ()
    refusal: str | None = None


class PathValidator:
    """A `CertificateValidator`. `skew`: by how much clocks may disagree."""

    def __init__(self, skew: timedelta, fetcher: Fetcher | None = None) -> None:
        self._skew = skew
        self._fetcher = fetcher or Fetcher()
        self._revocations = Revocations(self._fetcher, skew=skew)

    def examine(
        self,
        unverified_certificate: bytes,
        *,
        anchors: Sequence[TrustAnchor],
        now: datetime,
        unverified_intermediates: Sequence[bytes] = (),
    ) -> ExaminedCertificate:
        """As the port promises."""
        verdict = self.judge(unverified_certificate, unverified_intermediates, anchors=anchors, now=now)
        if verdict.refusal is not None:
            raise FailedAuthentication(f"certificate: {verdict.refusal}")
        return ExaminedCertificate(anchor=verdict.anchor, names=verdict.names)

    def judge(
        self,
        unverified_certificate: bytes,
        unverified_intermediates: Sequence[bytes],
        *,
        anchors: Sequence[TrustAnchor],
        now: datetime,
    ) -> Verdict:
        """Never raises for what the certificates are."""
        verdict = Verdict()
        try:
            shown = read_requestor(unverified_certificate)
            verdict.steps.append(Step("form, key and use", True, certificate=unverified_certificate))
            demand_current(shown.certificate, now=now, skew=self._skew)
            if len(unverified_intermediates) > MAX_INTERMEDIATES:
                raise Unsuitable(f"more than {MAX_INTERMEDIATES} intermediates came with it")
        except Unsuitable as reason:
            verdict.refusal = str(reason)
            verdict.steps.append(Step("form, key, use and times", False, str(reason), unverified_certificate))
            return verdict
        verdict.steps.append(Step("times", True, certificate=unverified_certificate))
        verdict.names = shown.names
        for anchor in anchors:
            if shown.der == anchor.certificate:
                verdict.anchor, verdict.path = anchor, (shown.der,)
                verdict.steps.append(Step(f"trust anchor {anchor.name}", True, "it is the anchor itself"))
                return verdict
        if shown.is_authority:
            verdict.steps.append(Step("path", None, "it is an authority's, which no anchor makes a requestor"))
            return verdict
        self._find_anchor(verdict, shown.der, tuple(unverified_intermediates), anchors=anchors, now=now)
        return verdict

    def _find_anchor(
        self,
        verdict: Verdict,
        certificate: bytes,
        intermediates: tuple[bytes, ...],
        *,
        anchors: Sequence[TrustAnchor],
        now: datetime,
    ) -> None:
        """The first anchor with a path that holds now. One whose revocation must be known and is not, vouches for
        nothing; when no other does, that refuses the certificate, and so does any revocation."""
        deadline = self._revocations.deadline()
        untold: str | None = None
        for anchor in anchors:
            for path in self._paths(verdict, certificate, intermediates, anchor=anchor, now=now, deadline=deadline):
                status = self._status(verdict, path, anchor=anchor, now=now, deadline=deadline)
                if status is Status.GOOD:
                    verdict.anchor, verdict.path = anchor, path
                    return
                if status is Status.REVOKED:
                    verdict.refusal = f"revoked, it or an authority above it, under trust anchor {anchor.name!r}"
                    return
                untold = f"nobody tells whether it was revoked, and trust anchor {anchor.name!r} demands it"
        verdict.refusal = untold

    def _paths(
        self,
        verdict: Verdict,
        certificate: bytes,
        intermediates: tuple[bytes, ...],
        *,
        anchor: TrustAnchor,
        now: datetime,
        deadline: float,
    ) -> Sequence[Path]:
        """Those whose every certificate is in its time."""
        what = f"path to trust anchor {anchor.name}"
        try:
            demand_current(read_authority(anchor.certificate), now=now, skew=self._skew)
            known = (*anchor.intermediates, *intermediates)
            found = find_paths(certificate, anchor.certificate, intermediates=known)
            if not found.paths and anchor.issuers_at:
                more = fetch_issuers(certificate, anchor=anchor, fetcher=self._fetcher, deadline=deadline)
                if more:
                    found = find_paths(certificate, anchor.certificate, intermediates=(*known, *more))
        except Unsuitable as reason:
            verdict.steps.append(Step(what, False, f"the anchor's certificate: {reason}", anchor.certificate))
            return ()
        if not found.paths:
            verdict.steps.append(Step(what, False, "; ".join(found.refused) or "there is none"))
        return [path for path in found.paths if self._is_current(verdict, path, what, now)]

    def _is_current(self, verdict: Verdict, path: Path, what: str, now: datetime) -> bool:
        for der in path[1:]:
            try:
                demand_current(read_anchor(der), now=now, skew=self._skew)
            except Unsuitable as reason:
                verdict.steps.append(Step(what, False, str(reason), der))
                return False
        verdict.steps.append(Step(what, True, f"{len(path)} certificates"))
        return True

    def _status(self, verdict: Verdict, path: Path, *, anchor: TrustAnchor, now: datetime, deadline: float) -> Status:
        """From the anchor downwards: only who was not revoked may say what else was not."""
        if anchor.revocation is Revocation.OFF:
            verdict.steps.append(Step("revocation", None, f"trust anchor {anchor.name} does not ask for it"))
            return Status.GOOD
        for der, issuer in reversed(list(pairwise(path))):
            status = Status.UNKNOWN
            certificate, by = read_certificate(der), read_anchor(issuer)
            for told in self._revocations.ask(certificate, by, anchor=anchor, now=now, deadline=deadline):
                status = told.status
                passed = None if status is Status.UNKNOWN else status is Status.GOOD
                verdict.steps.append(Step(told.source, passed, told.why or status.value, der))
            if status is Status.REVOKED:
                return status
            if status is Status.UNKNOWN and anchor.revocation is Revocation.HARD:
                verdict.steps.append(Step("revocation", False, "nothing tells whether it was revoked", der))
                return status
        return Status.GOOD
