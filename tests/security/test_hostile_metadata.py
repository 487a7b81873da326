"""The hostile messages again, as questions for metadata: asked without a credential, at both addresses.

Nobody authenticates there, so what is refused must be refused as soundly, and nothing but the public WSDL comes out.
"""

from collections.abc import Iterator

import pytest

from tests import messages
from tests.attack import ENTRANCES, Attack, Entrance, Target, attacking, shown
from tests.cases import each, each_of
from tests.messages import Answer
from tests.security.test_hostile_messages import (  # noqa: F401 (they run here with the fixtures below)
    ENVELOPES,
    Build,
    test_a_charset_other_than_utf_8_and_utf_16_is_refused,
    test_a_declaration_is_not_hidden_by_what_the_message_says_of_its_encoding,
    test_a_document_type_declaration_is_refused_in_every_encoding,
    test_a_fault_does_not_grow_with_what_was_not_understood,
    test_a_media_type_that_is_not_soap_is_refused,
    test_a_message_cut_off_anywhere_is_refused,
    test_a_message_without_its_beginning_is_refused,
    test_an_envelope_of_another_version_is_a_version_mismatch,
    test_nothing_at_all_is_refused_without_an_envelope,
    test_octets_that_are_not_of_the_charset_are_refused,
    test_the_longest_message_is_read_and_one_octet_more_is_refused,
    test_the_right_envelope_under_the_other_media_type_is_a_version_mismatch,
    test_what_is_not_well_formed_is_refused,
)
from wstrust_sts import ns
from wstrust_sts.errors import ActionNotSupported, InvalidRequest, NotWellFormed, VersionMismatch

PATH = ENTRANCES[0].path
OF_MANY = "/adfs/services/trust/mex"


class Inquiry(Attack):
    """An attack whose good message is a question for metadata, sent to `address`."""

    def __init__(self, target: Target, entrance: Entrance, address: str) -> None:
        super().__init__(target, entrance)
        self.address = address

    def rst(self, *more: str, **how: str) -> str:
        inside = "".join(more)
        return f'<m:GetMetadata xmlns:m="{ns.MEX}"><m:Dialect>{ns.WSDL}</m:Dialect>{inside}</m:GetMetadata>'

    def message(self, body: str | None = None, *headers: str, security: str | None = None) -> str:
        action = messages.addressing(ns.MEX_REQUEST)
        return super().message(self.rst() if body is None else body, action, *headers, security=security)

    def send(self, message: bytes | str, *, path: str | None = None, **how) -> Answer:
        return super().send(message, path=path or self.address, **how)

    def issued(self, message: bytes | str, **how) -> Answer:
        """Sends, and demands the metadata."""
        answer = self.send(message, **how)
        assert answer.status == 200, shown(answer)
        assert answer.find(f".//{{{ns.MEX}}}MetadataSection") is not None
        return answer


entrance = each_of(entrance for entrance in ENTRANCES if entrance.path == PATH)


@pytest.fixture(params=[PATH, f"{PATH}/mex", OF_MANY], ids=["itself", "beneath", "of many"])
def attack(request: pytest.FixtureRequest, target: Target, entrance: Entrance) -> Iterator[Inquiry]:
    yield from attacking(Inquiry(target, entrance, request.param))


FILLINGS = {
    "text": "text",
    "an element": "<x/>",
    "ten thousand elements": "<x/>" * 10_000,
    "elements in elements": "<x>" * 5_000 + "</x>" * 5_000,
    "a processing instruction": "<?x y?>",
    "a section": "<![CDATA[x]]>",
    "a second dialect": "<m:Dialect/>",
    "an XInclude": '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>',
    "an identifier with an element in it": "<m:Identifier><x/></m:Identifier>",
    "an identifier of 100 kB": f"<m:Identifier>{'x' * 100_000}</m:Identifier>",
    "a comment in an identifier": "<m:Identifier>a<!-- x -->b</m:Identifier>",
    "a thousand attributes": "<x " + " ".join(f"a{n}='x'" for n in range(1000)) + "/>",
}


@each(FILLINGS)
def test_a_question_with_anything_else_in_it_is_refused(attack: Inquiry, case: str) -> None:
    attack.refused(attack.message(attack.rst(case)), InvalidRequest)


EMPTY = {"an empty Body", "a Body of white space", "a Body of a comment"}  # beneath an endpoint, questions of their own


@each({name: build for name, build in ENVELOPES.items() if name not in EMPTY})
def test_an_envelope_of_another_shape_is_no_question(attack: Inquiry, case: Build) -> None:
    attack.refused(case(attack), InvalidRequest, NotWellFormed, VersionMismatch, ActionNotSupported)
