"""The one hardened parse, and the readers of single texts."""

import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wstrust_sts.errors import InvalidRequest, NotWellFormed, StsError, UnsupportedMediaType
from wstrust_sts.wire.xml import (
    MAX_ATTRIBUTES,
    MAX_ELEMENTS,
    MAX_NAMESPACES,
    MAX_OCTETS,
    boolean,
    children,
    elements,
    local,
    octets_of,
    parse,
    text_of,
    trimmed,
)

HEAVY = "x" * 9000  # a message so long that every limit is looked at


def element(markup: str):
    return etree.fromstring(markup)


class TestParse:
    @pytest.mark.parametrize(
        ("octets", "charset"),
        [
            ("<a>é漢</a>".encode(), None),
            ("<a>é漢</a>".encode(), "UTF-8"),
            ("<a>é漢</a>".encode(), "us-ascii"),
            (b"\xef\xbb\xbf" + "<a>é漢</a>".encode(), None),
            (" \r\n\t<?xml version='1.0'?> <a>é漢</a> ".encode(), None),
            ("<a>é漢</a>".encode("utf-16"), None),
            ("<a>é漢</a>".encode("utf-16"), "utf-16"),
            ("<a>é漢</a>".encode("utf-16-be"), "utf-16be"),
            ("\ufeff<?xml version='1.0' encoding='UTF-16'?><a>é漢</a>".encode("utf-16-le"), "utf-16le"),
        ],
    )
    def test_utf_8_and_utf_16_are_read_the_same(self, octets, charset):
        assert parse(octets, charset=charset).text == "é漢"

    @pytest.mark.parametrize("charset", ["iso-8859-1", "utf-7", "utf-32", "", "x" * 100])
    def test_another_charset_is_an_unsupported_media_type(self, charset):
        with pytest.raises(UnsupportedMediaType):
            parse(b"<a/>", charset=charset)

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"<",
            b"<a>",
            b"<a></b>",
            b"<a/><b/>",
            b"<a>\xff</a>",
            b"<a>\xed\xa0\x80</a>",
            b"<a>\x00</a>",
            b"<a>&x;</a>",
            b"<a b=c/>",
            b"<?xml version='1.1'?><a/>",
            b"<?xml encoding='utf-8'?><a/>",
            b"<?xml version='1.0' encoding='koi8-r'?><a/>",
            b"<?xml version='1.0'",
            b"<?xml version='1.0' e'?><a/>",
            b"<?xml version='1.0' encoding=utf-8?><a/>",
            b"<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>",
            b"<?xml version='1.0' encoding='utf-8' encoding='utf-8'?><a/>",
            b"<?xml version='1.0'standalone='no'?><a/>",
            b"<p:a/>",
            b"\xff\xfe<\x00a",
        ],
    )
    def test_what_is_not_well_formed_is_refused(self, octets):
        with pytest.raises(NotWellFormed):
            parse(octets)

    @pytest.mark.parametrize(
        "markup",
        [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a><?b c?></a>",
            "<?b c?><a/>",
            "<a/><?b c?>",
            "<a><![CDATA[b]]></a>",
            "<a xml:id='1 2'/>",
            "<a><b xml:id=''/></a>",
            "<a>" + "<b/>" * MAX_ELEMENTS + "</a>",
            "<a " + " ".join(f"b{i}=''" for i in range(MAX_ATTRIBUTES + 1)) + "/>",
            "<a " + " ".join(f"xmlns:b{i}='u{i}'" for i in range(MAX_NAMESPACES + 1)) + "/>",
            "<a>" + "<b>" * 300 + "</b>" * 300 + "</a>",
            f"<a xmlns='{'u' * 600}'>{HEAVY}</a>",
            " " * (MAX_OCTETS + 1),
        ],
        ids=lambda markup: markup[:20],
    )
    def test_what_hides_or_floods_is_refused(self, markup):
        with pytest.raises(InvalidRequest):
            parse(markup.encode())

    @pytest.mark.parametrize(
        "markup",
        [
            "<a>" + "<b/>" * (MAX_ELEMENTS - 1) + "</a>",
            "<a " + " ".join(f"b{i}=''" for i in range(MAX_ATTRIBUTES)) + "/>",
            "<a " + " ".join(f"xmlns:b{i}='u{i}'" for i in range(MAX_NAMESPACES)) + "/>",
            f"<a>{'x' * (MAX_OCTETS - 7)}</a>",
        ],
        ids=["elements", "attributes", "namespaces", "octets"],
    )
    def test_what_just_keeps_within_the_limits_is_read(self, markup):
        assert parse(markup.encode()).tag == "a"

    def test_the_log_is_not_told_what_the_parser_quotes(self):
        with pytest.raises(NotWellFormed) as refusal:
            parse(b"<a><Password>hunter2</Passwort></a>")
        assert "hunter2" not in refusal.value.detail
        assert "Passwort" not in refusal.value.detail

    def test_each_thread_has_a_parser_of_its_own(self):
        read: dict[int, str] = {}

        def work(number: int) -> None:
            for _ in range(50):
                read[number] = parse(f"<a>{number}</a>".encode()).text

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read == {number: str(number) for number in range(4)}

    @given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-16", "utf-16le", "utf-16be"]))
    def test_no_octets_whatever_get_anything_but_a_tree_or_a_refusal(self, octets, charset):
        with contextlib.suppress(StsError):
            assert parse(octets, charset=charset).tag


class TestChildren:
    def test_comments_and_white_space_between_elements_are_passed_over(self):
        root = element("<a> <!-- x -->\n<b/>\t<c/><!-- y --></a>")
        assert [child.tag for child in children(root)] == ["b", "c"]

    @pytest.mark.parametrize("markup", ["<a>x<b/></a>", "<a><b/>x</a>", "<a><!-- -->x</a>", "<a>\u00a0<b/></a>"])
    def test_text_between_elements_is_refused(self, markup):
        with pytest.raises(InvalidRequest):
            children(element(markup))

    def test_elements_are_all_of_a_tree_and_no_comment(self):
        assert [found.tag for found in elements(element("<a><!-- --><b><c/></b></a>"))] == ["a", "b", "c"]


class TestText:
    def test_text_is_taken_as_it_stands(self):
        assert text_of(element("<a> é&#13;&lt; </a>")) == " é\r< "
        assert text_of(element("<a/>")) == ""

    def test_trimmed_takes_xml_white_space_away_and_no_other(self):
        assert trimmed(element("<a>\r\n\t b c\u00a0 </a>")) == "b c\u00a0"

    @pytest.mark.parametrize("markup", ["<a>b<!-- -->c</a>", "<a>b<c/></a>", "<a><c/></a>", "<a><!-- --></a>"])
    @pytest.mark.parametrize("read", [text_of, trimmed, lambda found: octets_of(found, limit=9)])
    def test_anything_beside_one_text_is_refused(self, markup, read):
        with pytest.raises(InvalidRequest):
            read(element(markup))

    def test_a_text_is_bounded(self):
        assert text_of(element("<a>12345</a>"), limit=5) == "12345"
        with pytest.raises(InvalidRequest):
            text_of(element("<a>123456</a>"), limit=5)

    @pytest.mark.parametrize(("text", "octets"), [("AAEC", b"\0\1\2"), (" A\nAE\tC ", b"\0\1\2"), ("", b"")])
    def test_base64_is_decoded_with_white_space_anywhere(self, text, octets):
        assert octets_of(element(f"<a>{text}</a>"), limit=3) == octets

    @pytest.mark.parametrize("text", ["A", "AAE", "AAEC!", "AAE=C", "-_-_", "AAECAw=="])
    def test_what_is_not_base64_or_too_long_is_refused(self, text):
        with pytest.raises(InvalidRequest):
            octets_of(element(f"<a>{text}</a>"), limit=3)

    def test_a_local_name_for_the_log_is_bounded(self):
        assert local(element("<p:abc xmlns:p='u'/>")) == "abc"
        assert len(local(element(f"<{'n' * 1000}/>"))) == 64


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), (" true\n", True), ("false", False), ("0", False)]
)
def test_an_xs_boolean_has_four_spellings(text, value):
    assert boolean(text) is value


@pytest.mark.parametrize("text", ["", "True", "yes", "2", "true false"])
def test_anything_else_is_no_boolean(text):
    with pytest.raises(ValueError):
        boolean(text)
