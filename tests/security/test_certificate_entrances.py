"""The hostile suite at the endpoints where a certificate, or a security context, proves who is asking inside of TLS.

The tests are those of the other modules; only how a good message proves its sender is another.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests import messages
from tests.attack import Attack, InProcess, attack_of, entrances, in_both_layouts, in_process
from tests.contexts import establish
from tests.endorsed import party, request, request_in_context
from tests.harness import CERTIFICATE_ENDPOINTS, CONVERSING_ENDPOINTS, Sts
from tests.messages import Answer
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403
from wstrust_sts.errors import FailedCheck, HttpRefusal, StsError

# What writes into the name of the user, whom not every message here names, or counts on a Timestamp to be too little.
del test_a_heap_of_anything_is_refused_in_short_time  # noqa: F821
del test_nobody_gets_a_token_by_an_assertion_alone  # noqa: F821
del test_what_has_a_meaning_elsewhere_has_none_here  # noqa: F821
del test_what_is_not_well_formed_is_refused  # noqa: F821

ALICE = party("alice")
ROWS = in_both_layouts((*CERTIFICATE_ENDPOINTS, *CONVERSING_ENDPOINTS))
ENTRANCES = entrances(ROWS)


class CertificateAttack(Attack):
    """Proves itself as its endpoint's policy asks."""

    def security(self, *parts: str) -> str:
        if parts:
            return messages.security(*parts)
        if self.entrance.policy == "certificatetransport":
            return messages.security(self.timestamp())
        if self.entrance.policy == "secureconversationmixed":
            return _security_of(request_in_context(address=None, now=self.now, soap=self.entrance.soap))
        more = (messages.username_token(),) if self.entrance.policy.startswith("username") else ()
        return _security_of(request(ALICE, address=None, now=self.now, more=more, soap=self.entrance.soap))

    def is_refusal(self, answer: Answer, kind: type[StsError | HttpRefusal]) -> bool:
        """Where a signature is verified, an id that occurs twice is refused before anything else is looked at."""
        return super().is_refusal(answer, kind) or super().is_refusal(answer, FailedCheck)


def _security_of(message: str) -> str:
    start, end = message.index("<o:Security"), message.index("</o:Security>") + len("</o:Security>")
    return message[start:end]


@pytest.fixture(scope="module")
def target() -> Iterator[InProcess]:
    sts = Sts(endpoints=ROWS)
    sts.map_certificate(ALICE.certificate)
    establish(sts.stores, expires_at=sts.clock.now + timedelta(hours=8))  # which bounds what is got by it
    with in_process(sts) as running:
        running.peer_certificate = ALICE.certificate
        yield running


attack = attack_of(CertificateAttack, ENTRANCES)
