"""The loop: change an input, run it, keep it when it reached new lines or a new end; write down what must not be."""

import faulthandler
import hashlib
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.coverage import Coverage
from tests.fuzz.target import Target

CPU_LIMIT = 0.3  # seconds of processor time for one input; what is usual is a hundredth of it
HANG_SECONDS = 30  # after which the process ends itself, with a traceback, leaving its input behind
_LONGEST_KEPT = 24 * 1024  # octets of an input that others are made of
_SHRINKING = 300  # runs at most
_TURN = 1.0  # seconds with a target of share 1 before the next has its turn


class TooSlow(AssertionError):
    """An input that costs more than CPU_LIMIT."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input for which a target raised what it must not. `what` is the exception, in one line."""

    target: str
    octets: bytes = field(repr=False)
    what: str
    traceback: str = field(repr=False)

    @property
    def name(self) -> str:
        """`target.digest.bin`: how its file is called, here and among the vectors."""
        return f"{self.target}.{hashlib.sha256(self.octets).hexdigest()[:12]}.bin"


def execute(target: Target, octets: bytes) -> str:
    """What becomes of an input. Raises what the target raises, and TooSlow."""
    began = time.perf_counter()
    outcome = target.run(octets)
    if time.perf_counter() - began >= CPU_LIMIT:  # the machine may have been busy with other things: once more
        before = time.process_time()
        outcome = target.run(octets)
        if (spent := time.process_time() - before) >= CPU_LIMIT:
            raise TooSlow(f"{spent:.2f} s of processor time")
    return outcome


def examine(target: Target, octets: bytes) -> Finding | None:
    """The finding that an input is, if it is one."""
    try:
        execute(target, octets)
    except Exception as failure:
        return _finding(target, octets, failure)
    return None


def _finding(target: Target, octets: bytes, failure: Exception) -> Finding:
    text = "".join(traceback.format_exception(failure))
    first_line = str(failure).splitlines()[:1] or [""]
    return Finding(target.name, octets, f"{type(failure).__name__}: {first_line[0][:200]}", text)


def _place(failure: Exception) -> str:
    """Where it was raised: two findings of one place are one."""
    frames = traceback.extract_tb(failure.__traceback__)
    return f"{type(failure).__name__} {frames[-1].filename}:{frames[-1].lineno}"


class Campaign:
    """One target under fire. The same seed, over the same code, makes the same inputs."""

    def __init__(self, target: Target, *, seed: int, running: Path | None = None) -> None:
        """`running`: a file that always holds the input being run, for when the process itself dies of it."""
        self.target = target
        self.executions = 0
        self.outcomes: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.coverage = Coverage()
        self._chance = Random(f"{seed} {target.name}")
        self._seeds = tuple(target.seeds())
        self._kept = list(self._seeds)
        self._places: set[str] = set()
        self._running = os.open(running, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600) if running else None
        for octets in self._seeds:
            self._run(octets)

    def step(self) -> None:
        """One more input."""
        chance = self._chance
        among = self._seeds if chance.random() < 0.3 else self._kept
        newest = chance.random() < 0.3
        octets = among[-1 - chance.randrange(min(32, len(among)))] if newest else chance.choice(among)
        changed = self.target.mutate(octets, chance, self._kept)
        if self._run(changed) and len(changed) <= _LONGEST_KEPT:
            self._kept.append(changed)

    def close(self) -> None:
        if self._running is not None:
            os.close(self._running)

    def _run(self, octets: bytes) -> bool:
        """Whether it was new."""
        self.executions += 1
        lines = len(self.coverage)
        if self._running is not None:
            os.ftruncate(self._running, 0)
            os.pwrite(self._running, octets, 0)
        try:
            outcome = self.coverage.watch(lambda: execute(self.target, octets))
        except TooSlow:
            outcome = self._slow(octets)
        except Exception as failure:
            self._record(octets, failure)
            return False
        self.outcomes[outcome] += 1
        return len(self.coverage) > lines or self.outcomes[outcome] == 1

    def _slow(self, octets: bytes) -> str:
        """Once more without looking at lines, which costs time, too."""
        try:
            return execute(self.target, octets)
        except TooSlow as failure:
            self._record(octets, failure)
            return "too slow"

    def _record(self, octets: bytes, failure: Exception) -> None:
        place = _place(failure)
        if place not in self._places:
            self._places.add(place)
            self.findings.append(shrink(self.target, _finding(self.target, octets, failure)))


def shrink(target: Target, finding: Finding) -> Finding:
    """A smaller input that fails in the same way: parts are left out, ever smaller ones, as long as that goes well."""
    kind = finding.what.partition(":")[0]
    runs, size = 0, len(finding.octets) // 2
    while size and runs < _SHRINKING:
        at = 0
        while at < len(finding.octets) and runs < _SHRINKING:
            runs += 1
            smaller = examine(target, finding.octets[:at] + finding.octets[at + size :])
            if smaller is not None and smaller.what.partition(":")[0] == kind:
                finding = smaller
            else:
                at += size
        size //= 2
    return finding


class Series:
    """Campaigns against several targets by turns, each as long as its share says; findings go into `folder`."""

    def __init__(self, targets: Sequence[Target], *, seed: int, folder: Path, found: Callable[[Finding, Path], None]):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._found = found
        self._told: Counter[str] = Counter()
        self.campaigns = [
            Campaign(target, seed=seed, running=folder / f"{target.name}.running.bin") for target in targets
        ]

    def run(self, seconds: float, *, progress: Callable[[], None]) -> None:
        """`progress` is called after each round. A process that dies or hangs leaves its input in the folder."""
        end = time.monotonic() + seconds
        turn = min(_TURN, seconds / sum(campaign.target.share for campaign in self.campaigns) / 2)
        while time.monotonic() < end:
            for campaign in self.campaigns:
                pause = min(end, time.monotonic() + turn * campaign.target.share)
                while time.monotonic() < pause:
                    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=sys.__stderr__)
                    campaign.step()
                faulthandler.cancel_dump_traceback_later()
                self._tell(campaign)
            progress()

    def close(self) -> None:
        for campaign in self.campaigns:
            campaign.close()
            (self._folder / f"{campaign.target.name}.running.bin").unlink()

    def _tell(self, campaign: Campaign) -> None:
        for finding in campaign.findings[self._told[campaign.target.name] :]:
            path = self._folder / finding.name
            path.write_bytes(finding.octets)
            self._found(finding, path)
        self._told[campaign.target.name] = len(campaign.findings)
