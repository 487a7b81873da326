import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wstrust_sts.wire.markup import attribute, text

XML_TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r&<>\"'")
)
FORBIDDEN = [
    *map(chr, range(0x09)),
    "\x0b",
    "\x0c",
    *map(chr, range(0x0E, 0x20)),
    "\ud800",
    "\udfff",
    "\ufffe",
    "\uffff",
]


def canonical(markup):
    return etree.tostring(etree.fromstring(markup), method="c14n", exclusive=True)


@given(XML_TEXT)
def test_text_is_written_canonical_and_read_back_equal(value):
    markup = f"<a>{text(value)}</a>".encode()
    assert canonical(markup) == markup
    assert (etree.fromstring(markup).text or "") == value


@given(XML_TEXT)
def test_an_attribute_is_written_canonical_and_read_back_equal(value):
    markup = f'<a b="{attribute(value)}"></a>'.encode()
    assert canonical(markup) == markup
    assert etree.fromstring(markup).get("b") == value


@pytest.mark.parametrize("character", FORBIDDEN, ids=lambda character: f"U+{ord(character):04X}")
@pytest.mark.parametrize("write", [text, attribute])
def test_what_xml_cannot_carry_is_refused_wherever_it_stands(write, character):
    for value in (character, f"a{character}", f"&{character}<"):
        with pytest.raises(ValueError, match="XML cannot carry"):
            write(value)


@pytest.mark.parametrize(
    "character", ["\t", "\n", " ", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffd", "\U0001f600", "\U0010ffff"]
)
@pytest.mark.parametrize("write", [text, attribute])
def test_odd_but_allowed_characters_are_written(write, character):
    assert write(character)


def test_plain_values_are_returned_as_they_are():
    value = "https://example.test/a'b"
    assert text(value) is value
    assert attribute(value) is value
