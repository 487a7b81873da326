"""The hostile suite's fixtures. `target` is the seam: another module that imports these tests may give another one."""

from collections.abc import Iterator

import pytest

from tests.attack import ENTRANCES, Attack, Entrance, InProcess, Target, demand_quiet, in_process


@pytest.fixture(scope="module")
def target() -> Iterator[InProcess]:
    with in_process() as running:
        yield running


@pytest.fixture(params=ENTRANCES, ids=str)
def entrance(request: pytest.FixtureRequest) -> Entrance:
    return request.param


@pytest.fixture
def attack(target: Target, entrance: Entrance) -> Iterator[Attack]:
    """An attacker at every entrance. Afterwards the server lives, and its log tells of no failure and no password."""
    attacker = Attack(target, entrance)
    target.logged()
    yield attacker
    attacker.issued(attacker.message())
    demand_quiet(target.logged())
