"""The hostile suite at the address of vCenter's clients, in both versions of SOAP.

The tests are those of the other modules; what is other is that a fault of SOAP 1.1 has no room for a Timestamp.
"""

from collections.abc import Iterator

import pytest

from tests.attack import Attack, Entrance, InProcess, Target, demand_quiet, entrances, in_process
from tests.harness import VMWARE_ENDPOINTS, Sts
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403

ENTRANCES = entrances(VMWARE_ENDPOINTS)


class PasswordAttack(Attack):
    bare_faults = True


@pytest.fixture(scope="module")
def target() -> Iterator[InProcess]:
    with in_process(Sts(endpoints=VMWARE_ENDPOINTS)) as running:
        yield running


@pytest.fixture(params=ENTRANCES, ids=str)
def entrance(request: pytest.FixtureRequest) -> Entrance:
    return request.param


@pytest.fixture
def attack(target: Target, entrance: Entrance) -> Iterator[Attack]:
    attacker = PasswordAttack(target, entrance)
    target.logged()
    yield attacker
    attacker.issued(attacker.message())
    demand_quiet(target.logged())
