"""AppliesTo and the addresses in endpoint references."""

import pytest
from lxml import etree

from tests.messages import RP, applies_to
from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.wire.wsp import MAX_MARKUP, read_address, read_applies_to


def read(markup: str):
    return read_applies_to(etree.fromstring(markup))


@pytest.mark.parametrize("wsp", [ns.WSP02, ns.WSP04, ns.WSP15])
@pytest.mark.parametrize("wsa", [ns.WSA, ns.WSA04])
def test_the_address_is_read_and_the_markup_kept(wsp, wsa):
    written = applies_to(f"\n{RP} ", wsp=wsp, wsa=wsa)
    read_back = read(written)
    assert read_back.address == RP
    assert etree.tostring(etree.fromstring(read_back.markup), method="c14n") == written.encode()


def test_the_markup_stands_on_its_own_with_every_prefix_in_scope():
    outer = f'<t:R xmlns:t="urn:t" xmlns:q="urn:q" xmlns="urn:d">{applies_to()}tail</t:R>'
    markup = read_applies_to(etree.fromstring(outer)[0]).markup
    alone = etree.fromstring(markup)
    assert alone.nsmap == {"p": ns.WSP04, "t": "urn:t", "q": "urn:q", None: "urn:d"}
    assert not markup.endswith(b"tail")


@pytest.mark.parametrize("text", ["é漢\U0001f600", "a&#13;b", "&lt;&amp;&gt;"])
def test_texts_survive_in_the_markup(text):
    written = applies_to(f"https://rp.example.test/{text}")
    read_back = read(written)
    path = f".//{{{ns.WSA}}}Address"
    assert etree.fromstring(read_back.markup).findtext(path) == etree.fromstring(written).findtext(path)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        RP,
        "<x/>",
        f'<a:EndpointReference xmlns:a="{ns.WSA}"/>',
        f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address/></a:EndpointReference>',
        f'<a:EndpointReference xmlns:a="{ns.WSA}">{"<a:Address>a</a:Address>" * 2}</a:EndpointReference>',
        f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>a<!-- -->b</a:Address></a:EndpointReference>',
        f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{"a" * 2000}</a:Address></a:EndpointReference>',
    ],
)
def test_what_names_no_single_address_is_an_invalid_request(inside):
    with pytest.raises(InvalidRequest):
        read(f'<p:AppliesTo xmlns:p="{ns.WSP04}">{inside}</p:AppliesTo>')


def test_what_is_echoed_is_bounded():
    more = f"<x>{'y' * MAX_MARKUP}</x></a:EndpointReference>"
    with pytest.raises(InvalidRequest):
        read(applies_to().replace("</a:EndpointReference>", more))


@pytest.mark.parametrize("namespace", [ns.SAML20, ns.SAML11, ns.WST13, ns.WST05, ns.SOAP11, ns.SOAP12])
def test_what_would_look_like_a_part_of_the_answer_is_not_echoed(namespace):
    more = f'<a:ReferenceParameters><x:Assertion xmlns:x="{namespace}"/></a:ReferenceParameters></a:EndpointReference>'
    with pytest.raises(InvalidRequest):
        read(applies_to().replace("</a:EndpointReference>", more))


def test_any_element_of_the_type_has_its_address_read():
    issuer = etree.fromstring(f'<i xmlns:a="{ns.WSA04}"><a:Address> urn:x </a:Address><a:Other/></i>')
    assert read_address(issuer) == "urn:x"
