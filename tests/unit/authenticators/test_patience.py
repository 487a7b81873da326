"""Messages that do not open: their source is held up after some of them, and nobody else is."""

from datetime import timedelta

import pytest

from tests.fakes import NOON, FakeLockouts
from wstrust_sts.authenticators.lockout import Limits
from wstrust_sts.authenticators.patience import EndlessPatience, SourcePatience
from wstrust_sts.errors import FailedAuthentication

HERE, THERE = "192.0.2.1", "192.0.2.2"
SECOND = timedelta(seconds=1)
LIMITS = Limits(free=1, longest=timedelta(minutes=1))


def fail(patience, times, source=HERE, now=NOON):
    for _ in range(times):
        patience.failed("default", source, now=now)


def test_a_source_is_held_up_after_ten_times_the_free_failures_of_a_password():
    patience = SourcePatience(FakeLockouts(), LIMITS)
    fail(patience, 9)
    patience.admit("default", HERE, now=NOON)
    fail(patience, 1)
    with pytest.raises(FailedAuthentication):
        patience.admit("default", HERE, now=NOON)
    patience.admit("default", HERE, now=NOON + SECOND)


def test_the_hold_up_grows_and_has_a_longest():
    patience = SourcePatience(FakeLockouts(), LIMITS)
    fail(patience, 60)
    with pytest.raises(FailedAuthentication):
        patience.admit("default", HERE, now=NOON + 59 * SECOND)
    patience.admit("default", HERE, now=NOON + 60 * SECOND)


def test_nobody_else_is_held_up():
    lockouts = FakeLockouts()
    patience = SourcePatience(lockouts, LIMITS)
    fail(patience, 60)
    patience.admit("default", THERE, now=NOON)
    patience.admit("other", HERE, now=NOON)
    assert [source for _, _, source in lockouts.tallies] == [HERE]


def test_a_source_without_failures_costs_no_statement():
    lockouts = FakeLockouts()
    SourcePatience(lockouts, LIMITS).admit("default", HERE, now=NOON)
    assert lockouts.reads == 0


def test_nodes_count_together():
    lockouts = FakeLockouts()
    one, two = SourcePatience(lockouts, LIMITS), SourcePatience(lockouts, LIMITS)
    fail(one, 9)
    fail(two, 1)
    with pytest.raises(FailedAuthentication):
        one.admit("default", HERE, now=NOON)


def test_without_lockout_patience_does_not_run_out():
    patience = EndlessPatience()
    fail(patience, 1000)
    patience.admit("default", HERE, now=NOON)
