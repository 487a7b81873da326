"""Mutated messages: whatever comes of them is a sound answer, and a token only for a request that is still whole.

The judge of wholeness reads the mutated message by paths of its own: one name, one password,
one address and one type of request, each exactly the good one, at the place where it belongs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests import messages
from tests.attack import ENTRANCES, Attack, Entrance, Target, assert_token_of_alice, demand_no_failure
from tests.messages import RP
from wstrust_sts import ns

EXAMPLES = 300
DICTIONARY = [
    b"<", b">", b"/", b"&", b";", b'"', b"'", b"=", b":", b"#", b"\x00", b"\xff", b"\xc0\xbc", b"\xef\xbb\xbf",
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x?>", b"<!DOCTYPE x>", b"&#0;", b"&lt;", b"&x;", b"alice",
    b"admin", b"bob", b"Issue", b"Cancel", b"1", b"0", b"-1", b"true", b'xmlns=""', b' ID="x"', b' Id="_0"',
    b' href="#x"', b"2005/02", b"200512", b"9999-12-31", b"/", b"..", b"%2e", b"@", b"\\", b"\r\n", b"\t", b" ",
    b"\xe2\x80\x8b", b"s:", b"t:", b"</t:RequestType>", b"<x/>",
]  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One change; numbers are parts of a message's length, so that they fit a message of any length."""

    change: Callable[[bytes, float, float, bytes], bytes]
    at: float
    to: float
    octets: bytes

    def __call__(self, message: bytes) -> bytes:
        return self.change(message, self.at, self.to, self.octets)


def _flip(message: bytes, at: float, to: float, _: bytes) -> bytes:
    position = int(at * (len(message) - 1))
    return message[:position] + bytes([message[position] ^ (1 << int(to * 7.99))]) + message[position + 1 :]


def _delete(message: bytes, at: float, to: float, _: bytes) -> bytes:
    position = int(at * len(message))
    return message[:position] + message[position + 1 + int(to * to * 40) :]


def _insert(message: bytes, at: float, _: float, octets: bytes) -> bytes:
    position = int(at * len(message))
    return message[:position] + octets + message[position:]


def _overwrite(message: bytes, at: float, _: float, octets: bytes) -> bytes:
    position = int(at * len(message))
    return message[:position] + octets + message[position + len(octets) :]


def _insert_at_a_tag(message: bytes, at: float, to: float, octets: bytes) -> bytes:
    """Right before or behind some tag, where the grammar has a place for it."""
    tags = [position for position, octet in enumerate(message) if octet in b"<>"]
    if not tags:
        return message
    position = tags[int(at * (len(tags) - 1))] + (to > 0.5)
    return message[:position] + octets + message[position:]


def _on_elements(change: Callable[[etree._Element, etree._Element], None]) -> Callable[..., bytes]:
    """A change of two elements of the document, where it still is one."""

    def mutate(message: bytes, at: float, to: float, _: bytes) -> bytes:
        try:
            root = etree.fromstring(message, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return message
        elements = [element for element in root.iter(etree.Element) if element is not root]
        if not elements:
            return message
        one, other = elements[int(at * (len(elements) - 1))], elements[int(to * (len(elements) - 1))]
        if one in other.iterancestors() or one is other:
            one, other = other, one
        change(one, other)
        return etree.tostring(root)

    return mutate


def _duplicate(one: etree._Element, _: etree._Element) -> None:
    one.addnext(etree.fromstring(etree.tostring(one, with_tail=False)))


def _move(one: etree._Element, other: etree._Element) -> None:
    if one not in other.iterancestors() and one is not other:
        other.append(one)


def _swap_texts(one: etree._Element, other: etree._Element) -> None:
    one.text, other.text = other.text, one.text


def _remove(one: etree._Element, _: etree._Element) -> None:
    one.getparent().remove(one)


def _wrap(one: etree._Element, _: etree._Element) -> None:
    wrapper = etree.Element("x")
    one.getparent().replace(one, wrapper)
    wrapper.append(one)


def _take_attributes(one: etree._Element, other: etree._Element) -> None:
    for name, value in other.attrib.items():
        one.set(name, value)


MUTATIONS = st.lists(
    st.builds(
        Mutation,
        st.sampled_from(
            [
                _flip,
                _delete,
                _insert,
                _overwrite,
                _insert_at_a_tag,
                *map(_on_elements, (_duplicate, _move, _swap_texts, _remove, _wrap, _take_attributes)),
            ]
        ),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.sampled_from(DICTIONARY), st.binary(min_size=1, max_size=4)),
    ),
    min_size=1,
    max_size=4,
)


def mutated(message: str, mutations: list[Mutation]) -> bytes:
    octets = message.encode()
    for mutation in mutations:
        octets = mutation(octets)
    return octets


# -- the judge ---------------------------------------------------------------------------------------------------


def is_whole(octets: bytes, attack: Attack) -> bool:
    root = etree.fromstring(_unmarked(octets))
    soap = f"{{{attack.soap_namespace}}}"
    token = f"{soap}Header/{{{ns.WSSE}}}Security/{{{ns.WSSE}}}UsernameToken"
    request = f"{soap}Body/{{{attack.trust}}}RequestSecurityToken"
    addresses = [
        element.text
        for policy in (ns.WSP02, ns.WSP04, ns.WSP15)
        for addressing in (ns.WSA, ns.WSA04)
        for parent in (request, f"{request}/{{{attack.trust}}}SecondaryParameters")
        for element in root.findall(
            f"{parent}/{{{policy}}}AppliesTo/{{{addressing}}}EndpointReference/{{{addressing}}}Address"
        )
    ]
    without = [None] if "no-applies-to" in attack.entrance.tolerances else []
    kinds = [element.text for element in root.findall(f"{request}/{{{attack.trust}}}RequestType")]
    actions = [element.text for element in root.findall(f"{soap}Header/{{{ns.WSA}}}Action")]
    return (
        root.tag == f"{soap}Envelope"
        and [element.text for element in root.findall(f"{token}/{{{ns.WSSE}}}Username")] == ["alice"]
        and [element.text for element in root.findall(f"{token}/{{{ns.WSSE}}}Password")] == ["clarinet"]
        and ([text.strip() for text in addresses if text] or without) in ([RP], [None])
        and {text.strip() for text in (*kinds, *actions) if text}
        in (
            {f"{attack.trust}/Issue", f"{attack.trust}/RST/Issue"},
            {f"{attack.trust}/Issue"},
            {f"{attack.trust}/RST/Issue"},
        )
    )


@pytest.fixture(scope="module")
def quiet(target: Target) -> Iterator[Target]:
    target.logged()
    yield target
    demand_no_failure(target.logged())  # a mutation may move a password to where its text is logged


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@FUZZ
@given(entrance=st.sampled_from(ENTRANCES), mutations=MUTATIONS)
def test_a_mutated_issue_gets_a_sound_answer_and_no_token_that_was_not_asked_for(
    quiet: Target, entrance: Entrance, mutations: list[Mutation]
) -> None:
    attack = Attack(quiet, entrance)
    # No MessageID: its text is echoed, and a mutation may put the password there.
    addressed = f'<a:Action xmlns:a="{ns.WSA}" s:mustUnderstand="1">{attack.trust}/RST/Issue</a:Action>'
    octets = mutated(attack.message(None, addressed), mutations)
    answer = attack.send(octets)
    if answer.status == 200:
        assert is_whole(octets, attack)
        assert_token_of_alice(answer)


@FUZZ
@given(entrance=st.sampled_from(ENTRANCES), mutations=MUTATIONS, saml11=st.booleans())
def test_a_mutated_token_is_never_valid_unless_it_is_the_token(
    quiet: Target, entrance: Entrance, mutations: list[Mutation], saml11: bool
) -> None:
    attack = Attack(quiet, entrance)
    token_type = ns.TP11_SAML11 if saml11 else ns.TP11_SAML20
    token = attack.issued(attack.message(attack.rst(token_type=token_type))).assertion
    bent = mutated(token.decode(), mutations)
    good = attack.message(messages.validate("@", trust=attack.trust)).encode()
    answer = attack.send(good.replace(b">@<", b">" + bent + b"<"))
    if answer.status_code == "valid":
        assert _canonical(bent) == _canonical(token)


@FUZZ
@given(entrance=st.sampled_from(ENTRANCES), mutations=MUTATIONS)
def test_a_mutated_validate_says_valid_only_of_the_token(
    quiet: Target, entrance: Entrance, mutations: list[Mutation]
) -> None:
    attack = Attack(quiet, entrance)
    token = attack.issued(attack.message()).assertion
    octets = mutated(attack.message(messages.validate(token.decode(), trust=attack.trust)), mutations)
    answer = attack.send(octets)
    if answer.status_code == "valid":
        found = etree.fromstring(_unmarked(octets)).findall(f".//{{{ns.SAML20}}}Assertion")
        assert _canonical(token) in [etree.tostring(each, **_C14N) for each in found]


@FUZZ
@given(
    path=st.one_of(st.sampled_from([entrance.path for entrance in ENTRANCES]), st.text(max_size=20)),
    method=st.one_of(st.sampled_from(["POST", "GET", "HEAD"]), st.text(max_size=8)),
    content_type=st.one_of(
        st.none(),
        st.text(max_size=40),
        st.builds(
            "{}{}{}={}".format,
            st.sampled_from(["text/xml", "application/soap+xml", "multipart/related"]),
            st.sampled_from(["; ", ";", ";;", " ", ","]),
            st.sampled_from(["charset", "action", "charset*", "charset*0", "action*0*", "boundary", ""]),
            st.one_of(st.sampled_from(["utf-8", '"utf-8"', "utf-16", '"', "''", "a'b'c", "\\"]), st.text(max_size=10)),
        ),
    ),
    headers=st.dictionaries(st.sampled_from(["soapaction", "host", "x-y"]), st.text(max_size=30), max_size=3),
    octets=st.one_of(st.just(b""), st.binary(max_size=60)),
)
def test_any_http_request_gets_a_sound_answer(
    quiet: Target, path: str, method: str, content_type: str | None, headers: dict[str, str], octets: bytes
) -> None:
    attack = Attack(quiet, ENTRANCES[0])
    for message in (octets, attack.message().encode()):
        attack.send(message, path=path, method=method, content_type=content_type or None, **headers)


def _unmarked(octets: bytes) -> bytes:
    """Without white space and marks in front."""
    return octets.lstrip(b"\xef\xbb\xbf \t\r\n")


_C14N = {"method": "c14n", "exclusive": True, "with_comments": True, "with_tail": False}


def _canonical(octets: bytes) -> bytes:
    """Comments and all: none may hide anywhere."""
    return etree.tostring(etree.fromstring(octets), **_C14N)
