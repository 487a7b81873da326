"""What WS-MetadataExchange asks, and what is answered."""

import pytest
from lxml import etree

from wstrust_sts import ns
from wstrust_sts.bindings.mex import Question, describe, read_question, write_metadata
from wstrust_sts.errors import ActionNotSupported, InvalidRequest

TARGET = "urn:the-service"
WSDL = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<w:definitions xmlns:w="{ns.WSDL}" targetNamespace="{TARGET}" '
    'name="é &amp; &lt;"/>'
).encode()


def get_metadata(inside: str = "") -> etree._Element:
    return etree.fromstring(f'<m:GetMetadata xmlns:m="{ns.MEX}">{inside}</m:GetMetadata>')


def asked(**fields: str) -> Question:
    return Question(response=ns.MEX_RESPONSE, **fields)


def test_the_action_decides_what_the_body_has_to_be():
    assert read_question(ns.WXF_GET, None) == Question(response=ns.WXF_GET_RESPONSE)
    assert read_question(ns.MEX_REQUEST, get_metadata()) == asked()
    for action, payload in ((ns.WXF_GET, get_metadata()), (ns.MEX_REQUEST, None), (ns.MEX_REQUEST, etree.Element("x"))):
        with pytest.raises(InvalidRequest):
            read_question(action, payload)


def test_without_an_action_the_body_decides():
    assert read_question(None, None).response == ns.WXF_GET_RESPONSE
    assert read_question(None, get_metadata()).response == ns.MEX_RESPONSE


@pytest.mark.parametrize(("action", "payload"), [(None, etree.Element("x")), ("urn:x", None), ("", get_metadata())])
def test_anything_else_is_another_action(action, payload):
    with pytest.raises(ActionNotSupported):
        read_question(action, payload)


def test_dialect_and_identifier_are_trimmed_and_empty_ones_ask_for_anything():
    inside = "<m:Identifier>\n urn:i </m:Identifier><m:Dialect> urn:d </m:Dialect>"
    assert read_question(ns.MEX_REQUEST, get_metadata(inside)) == asked(dialect="urn:d", identifier="urn:i")
    assert read_question(ns.MEX_REQUEST, get_metadata("<m:Dialect> </m:Dialect><m:Identifier/>")) == asked()


@pytest.mark.parametrize("inside", ["<x/>", "text", "<m:Dialect/>text", "<m:Dialect/><m:Dialect/>", "<Dialect/>"])
def test_what_get_metadata_does_not_hold_is_refused(inside):
    with pytest.raises(InvalidRequest):
        read_question(ns.MEX_REQUEST, get_metadata(inside))


@pytest.mark.parametrize("question", [asked(), asked(dialect=ns.WSDL), asked(dialect=ns.WSDL, identifier=TARGET)])
def test_the_document_comes_inline_as_it_is_published(question):
    (section,) = etree.fromstring(write_metadata(question, describe(WSDL)))
    assert section.tag == f"{{{ns.MEX}}}MetadataSection"
    assert dict(section.attrib) == {"Dialect": ns.WSDL, "Identifier": TARGET}
    (document,) = section
    published = etree.fromstring(WSDL)
    assert etree.tostring(document, method="c14n", exclusive=True) == etree.tostring(
        published, method="c14n", exclusive=True
    )


@pytest.mark.parametrize(
    "question", [asked(dialect=ns.XS), asked(identifier="urn:x"), asked(dialect=ns.XS, identifier=TARGET)]
)
def test_what_there_is_not_is_answered_with_no_section(question):
    metadata = etree.fromstring(write_metadata(question, describe(WSDL)))
    assert (metadata.tag, len(metadata)) == (f"{{{ns.MEX}}}Metadata", 0)
