"""Bounds on real time that a busy machine does not break, and that a server which holds somebody up does.

What takes longer than its bound may be late because the machine gave its processors to others. How much it does so is
measured then, and only then: on a quiet machine a bound is as it is written.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

ATTEMPTS = 3
_SAMPLE = 0.1  # seconds of processor time


def stretch() -> float:
    """How many times longer than on a machine of its own something takes here and now; at least 1."""
    began, until = time.monotonic(), time.process_time() + _SAMPLE
    while time.process_time() < until:
        pass
    return max(1.0, (time.monotonic() - began) / _SAMPLE)


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def within(self, seconds: float) -> bool:
        """Whether no more has passed, or no more than a machine as busy as this one makes of them."""
        passed = time.monotonic() - self._began
        return passed < seconds or passed < seconds * stretch()


def promptly(action: Callable[[], Result], *, within: float) -> Result:
    """What `action` gives within so many seconds in one of some attempts: what holds it up does so in each."""
    for _ in range(ATTEMPTS):
        watch = Stopwatch()
        result = action()
        if watch.within(within):
            return result
    raise AssertionError(f"not within {within} s, {ATTEMPTS} times one after the other")
