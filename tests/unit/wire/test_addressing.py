"""WS-Addressing headers of a request."""

import pytest
from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, OnlyAnonymousAddressSupported
from wstrust_sts.wire.addressing import Addressing, demand_anonymous_replies, read_addressing, understands

BOTH = pytest.mark.parametrize(
    ("namespace", "anonymous"), [(ns.WSA, ns.WSA_ANONYMOUS), (ns.WSA04, ns.WSA04_ANONYMOUS)], ids=["1.0", "2004"]
)


def block(name: str, inside: str = "", *, namespace: str = ns.WSA):
    return etree.fromstring(f'<a:{name} xmlns:a="{namespace}">{inside}</a:{name}>')


def address(text: str) -> str:
    return f"<a:Address>{text}</a:Address>"


def test_without_an_addressing_header_there_is_none():
    assert read_addressing([]) is None
    assert read_addressing([etree.fromstring("<x/>"), block("messageID", "1")]) is None


@BOTH
def test_action_message_id_and_to_are_read_trimmed(namespace, anonymous):
    blocks = [block(name, f"\n {name} ", namespace=namespace) for name in ("To", "MessageID", "Action")]
    assert read_addressing(blocks) == Addressing(namespace=namespace, action="Action", message_id="MessageID", to="To")


def test_an_empty_header_says_nothing():
    assert read_addressing([block("Action"), block("MessageID", " ")]) == Addressing(namespace=ns.WSA)


@pytest.mark.parametrize(
    "blocks",
    [
        [block("Action", "x"), block("Action", "x")],
        [block("Action", "x"), block("To", "y", namespace=ns.WSA04)],
        [block("Action", "<x/>")],
        [block("MessageID", "x<!-- -->y")],
        [block("To", "x" * 2000)],
    ],
    ids=["doubled", "two versions", "element", "comment", "long"],
)
def test_what_is_doubled_mixed_or_unreadable_is_an_invalid_request(blocks):
    with pytest.raises(InvalidRequest):
        read_addressing(blocks)


@BOTH
@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
def test_only_the_anonymous_address_of_its_own_version_is_answered(name, namespace, anonymous):
    demand_anonymous_replies([block(name, address(f" {anonymous}\n"), namespace=namespace)])
    other = ns.WSA04_ANONYMOUS if namespace == ns.WSA else ns.WSA_ANONYMOUS
    for elsewhere in (other, "https://attacker.example.test/", "", ns.WSA + "/none"):
        with pytest.raises(OnlyAnonymousAddressSupported):
            demand_anonymous_replies([block(name, address(elsewhere), namespace=namespace)])


@pytest.mark.parametrize("inside", ["", address(ns.WSA_ANONYMOUS) * 2, "<Address/>", "text"])
def test_a_reply_address_that_cannot_be_read_is_an_invalid_request(inside):
    with pytest.raises(InvalidRequest):
        demand_anonymous_replies([block("ReplyTo", inside)])


def test_other_headers_may_name_any_address():
    demand_anonymous_replies([block("From", address("https://client.example.test/")), etree.fromstring("<ReplyTo/>")])


def test_the_headers_of_both_versions_are_understood_and_no_others():
    for namespace in (ns.WSA, ns.WSA04):
        assert understands(f"{{{namespace}}}Action")
        assert not understands(f"{{{namespace}}}messageID")
    assert not understands("{urn:x}Action")
    assert not understands("Action")
