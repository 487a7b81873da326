"""The hostile documents and requests once more, signed and encrypted by whoever sends them.

The tests are those of the other modules; only how a message goes out is another. What is no document that somebody
could sign goes out as it is.
"""

from lxml import etree

from tests import messages
from tests.attack import attack_of, target_of
from tests.messages import Answer
from tests.protected import WSU_ID, Draft, protect
from tests.sealed import SEALED_ENTRANCES, SealedAttack, SealedSts
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, HttpRefusal, InvalidSecurity, StsError, TooLarge

# What counts the octets that go out.
del test_the_longest_message_is_read_and_one_octet_more_is_refused  # noqa: F821

ENTRANCES = [row for row in SEALED_ENTRANCES if row.policy == "username" and "13" in row.path]
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)


class SealingAttack(SealedAttack):
    """Writes messages in clear, as any attack does, and seals them when they are sent."""

    def security(self, *parts: str) -> str:
        return messages.security(*(parts or (self.timestamp(), messages.username_token())))

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
            draft = Draft("username", root)
            parts = [*(part for part in draft.security if "Id" not in part.attrib), draft.body]
            blocks = [
                block
                for block in draft.header
                if block.tag is not etree.Comment and etree.QName(block).namespace in (ns.WSA, ns.WSA04)
            ]
            for number, part in enumerate((*parts, *blocks)):
                if part.get(WSU_ID) is None:
                    part.set(WSU_ID, f"part-{number}")
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
attack = attack_of(SealingAttack, ENTRANCES)
