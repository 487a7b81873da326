"""The hostile suite's fixtures. `target` is the seam: another module that imports these tests may give another one."""

from collections.abc import Iterator

import pytest

from tests.attack import ENTRANCES, Attack, attack_of, demand_quiet, in_process, target_of
from tests.cases import each_of

target = target_of()
attack = attack_of(Attack, ENTRANCES)
soap = each_of(("1.1", "1.2"))


@pytest.fixture
def own() -> Iterator[Attack]:
    """An attack on an STS of the test's own, whose clock and stores it may change. Its log stays quiet."""
    with in_process() as target:
        yield Attack(target, ENTRANCES[0])
        demand_quiet(target.logged())
