"""The hostile documents and requests once more, signed and encrypted by whoever sends them.

The tests are those of the other modules; only how a message goes out is another. What is no document that somebody
could sign goes out as it is. All of them run where a message has a password in it; and once more in the layout of AD
FS, where the policies take turns: what is read and what is written have nothing to do with each other.
"""

import secrets
import zlib
from collections.abc import Iterator

import pytest
from lxml import etree

from tests import messages
from tests.attack import Attack, Target, attacking, target_of
from tests.messages import Answer
from tests.protected import WSU_ID, Draft, protect
from tests.sealed import SEALED_ENTRANCES, SealedAttack, SealedSts
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, HttpRefusal, InvalidSecurity, StsError, TooLarge

# What counts the octets that go out.
del test_the_longest_message_is_read_and_one_octet_more_is_refused  # noqa: F821

WITH_PASSWORD = [row for row in SEALED_ENTRANCES if row.policy == "username" and row.layout == "default"]
IN_TURN = [row for row in SEALED_ENTRANCES if row.layout == "adfs"]
ENTRANCES = (*WITH_PASSWORD, *IN_TURN)
# They write into the name of the user, whom not every message here names.
NEED_PASSWORD = {
    "test_a_heap_of_anything_is_refused_in_short_time",
    "test_nobody_gets_a_token_by_an_assertion_alone",
    "test_what_has_a_meaning_elsewhere_has_none_here",
    "test_what_is_not_well_formed_is_refused",
}
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)


class SealingAttack(SealedAttack):
    """Writes messages in clear, as any attack does, and seals them when they are sent."""

    def security(self, *parts: str) -> str:
        password = (messages.username_token(),) if self.entrance.policy == "username" else ()
        return messages.security(*(parts or (self.timestamp(), *password)))

    def credential(self, *how: str, **more: str) -> str:
        return messages.username_token(*how, **more)

    def send(self, message: bytes | str, **how) -> Answer:
        octets = message.encode() if isinstance(message, str) else message
        return super().send(self.seal(octets) if how.get("method", "POST") == "POST" else octets, **how)

    def seal(self, octets: bytes) -> bytes:
        """The message signed and encrypted, or as it is where that cannot be done."""
        if not octets.startswith(b"<s:Envelope"):
            return octets
        try:
            root = etree.fromstring(octets, _PARSER)
            if (
                isinstance(root.getnext(), etree._ProcessingInstruction)
                or root.getroottree().docinfo.doctype
                or len(octets) > 60_000
            ):
                return octets
            draft = Draft(self.entrance.policy, root)
            parts = [*(part for part in draft.security if "Id" not in part.attrib), draft.body]
            blocks = [
                block
                for block in draft.header
                if block.tag is not etree.Comment and etree.QName(block).namespace in (ns.WSA, ns.WSA04)
            ]
            for number, part in enumerate((*parts, *blocks)):
                if part.get(WSU_ID) is None:
                    part.set(WSU_ID, f"part-{number}-{secrets.token_hex(8)}")  # no two messages are one
            sealed = protect(draft, sign=lambda draft: draft.sign([*parts, *blocks]))
        except (etree.XMLSyntaxError, etree.C14NError, ValueError, AttributeError, IndexError, TypeError):
            return octets
        self.last = draft
        return sealed

    def demand_service(self) -> None:
        self.issued(self.message())
        assert self.came_sealed

    def refused(self, message: bytes | str, *expected: type[StsError | HttpRefusal], **how) -> Answer:
        """What is hidden is one fault, whatever is wrong with it; what has no protection is that."""
        return super().refused(message, *expected, FailedCheck, InvalidSecurity, TooLarge, **how)


target = target_of(SealedSts)


@pytest.fixture(params=[*WITH_PASSWORD, None], ids=lambda row: str(row or "in-turn"))
def attack(request: pytest.FixtureRequest, target: Target) -> Iterator[Attack]:
    place = request.param
    if place is None:
        rows = [row for row in IN_TURN if row.policy == "username" or request.node.originalname not in NEED_PASSWORD]
        place = rows[zlib.crc32(request.node.name.encode()) % len(rows)]
    yield from attacking(SealingAttack(target, place))
