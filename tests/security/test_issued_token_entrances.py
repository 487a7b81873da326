"""The hostile suite at the endpoints where a token of this STS, by the key it is bound to, proves who is asking.

The tests are those of the other modules; only how a good message proves its sender is another.
"""

from datetime import timedelta

from tests.attack import Entrance, InProcess, attack_of, entrances, in_both_layouts, target_of
from tests.harness import ENDPOINTS, ISSUED_TOKEN_ENDPOINTS, PROVING_ENDPOINTS
from tests.issued import SYMMETRIC, TokenSts, holder_for, request, until
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

    def __init__(self, target: InProcess, entrance: Entrance) -> None:
        super().__init__(target, entrance)
        longest = until(target.now() + timedelta(hours=8))
        policy = SYMMETRIC if entrance.policy.startswith("username") else entrance.policy
        self.holder = holder_for(target.sts, policy, longest)

    def security(self, *parts: str) -> str:
        if parts:
            return security(*parts)
        beside = (username_token(),) if self.entrance.policy.startswith("username") else (self.holder.token,)
        signed = request(self.holder, more=beside, address=None, now=self.now, soap=self.entrance.soap)
        start, end = signed.index("<o:Security"), signed.index("</o:Security>") + len("</o:Security>")
        return signed[start:end]


target = target_of(lambda: TokenSts(endpoints=(*ENDPOINTS, *ROWS)))
attack = attack_of(HolderAttack, ENTRANCES)
