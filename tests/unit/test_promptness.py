"""The tests' own bounds on time can still be broken."""

import time

import pytest

from tests.promptness import ATTEMPTS, promptly


def test_what_is_late_every_time_is_told() -> None:
    asked: list[None] = []

    def late() -> None:
        asked.append(None)
        time.sleep(0.05)

    with pytest.raises(AssertionError, match="not within"):
        promptly(late, within=0.0001)
    assert len(asked) == ATTEMPTS


def test_what_is_late_once_is_asked_again() -> None:
    pauses = [0.2, 0.0, 0.0]
    assert promptly(lambda: time.sleep(pauses.pop(0)) or "answered", within=0.02) == "answered"
