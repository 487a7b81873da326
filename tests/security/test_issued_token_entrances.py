"""The hostile suite at the endpoints where a token of this STS, by the key it is bound to, proves who is asking.

The tests are those of the other modules; only how a good message proves its sender is another.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.attack import Entrance, InProcess, Target, demand_quiet, entrances, in_both_layouts, in_process
from tests.harness import ENDPOINTS, ISSUED_TOKEN_ENDPOINTS, PROVING_ENDPOINTS
from tests.issued import SYMMETRIC, Holder, TokenSts, holder_for, request, until
from tests.messages import security, username_token
from tests.security.test_certificate_entrances import CertificateAttack
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403

# What writes into the name of the user, whom no message here names, or counts on a Timestamp to be too little.
del test_a_heap_of_anything_is_refused_in_short_time  # noqa: F821
del test_nobody_gets_a_token_by_an_assertion_alone  # noqa: F821
del test_what_has_a_meaning_elsewhere_has_none_here  # noqa: F821
del test_what_is_not_well_formed_is_refused  # noqa: F821

ROWS = in_both_layouts((*ISSUED_TOKEN_ENDPOINTS, *PROVING_ENDPOINTS))
ENTRANCES = entrances(ROWS)


class HolderAttack(CertificateAttack):
    """Proves itself by a token, got once by password."""

    holder: Holder

    def security(self, *parts: str) -> str:
        if parts:
            return security(*parts)
        beside = (username_token(),) if self.entrance.policy.startswith("username") else (self.holder.token,)
        signed = request(self.holder, more=beside, address=None, now=self.now, soap=self.entrance.soap)
        start, end = signed.index("<o:Security"), signed.index("</o:Security>") + len("</o:Security>")
        return signed[start:end]


@pytest.fixture(scope="module")
def target() -> Iterator[InProcess]:
    with in_process(TokenSts(endpoints=(*ENDPOINTS, *ROWS))) as running:
        yield running


@pytest.fixture(params=ENTRANCES, ids=str)
def entrance(request: pytest.FixtureRequest) -> Entrance:
    return request.param


@pytest.fixture
def attack(target: Target, entrance: Entrance) -> Iterator[HolderAttack]:
    attacker = HolderAttack(target, entrance)
    longest = until(target.now() + timedelta(hours=8))
    policy = SYMMETRIC if entrance.policy.startswith("username") else entrance.policy
    attacker.holder = holder_for(target.sts, policy, longest)
    target.logged()
    yield attacker
    attacker.issued(attacker.message())
    demand_quiet(target.logged())
