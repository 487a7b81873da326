"""wst:Claims in each dialect."""

import pytest
from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import RequestedClaim
from wstrust_sts.wire.requested_claims import read_claims


def read(*wishes: str):
    declared = f'xmlns:i="{ns.IDENTITY}" xmlns:x="{ns.AUTHORIZATION}" xmlns:s="{ns.SAML20}"'
    return read_claims(etree.fromstring(f"<Claims {declared}>{''.join(wishes)}</Claims>"))


@pytest.mark.parametrize(
    ("wish", "claim"),
    [
        ('<i:ClaimType Uri="urn:a"/>', RequestedClaim("urn:a")),
        ('<i:ClaimType Uri=" urn:a "/>', RequestedClaim("urn:a")),
        ('<i:ClaimType Uri="urn:a" Optional="true"/>', RequestedClaim("urn:a", optional=True)),
        ('<i:ClaimType Uri="urn:a" Optional="0"/>', RequestedClaim("urn:a")),
        (
            '<i:ClaimValue Uri="urn:a"><i:Value>1</i:Value><!-- --><i:Value> 2</i:Value></i:ClaimValue>',
            RequestedClaim("urn:a", values=("1", " 2")),
        ),
        ('<x:ClaimType Uri="urn:a" Optional="1"/>', RequestedClaim("urn:a", optional=True)),
        ('<x:ClaimType Uri="urn:a"><x:Value>1</x:Value></x:ClaimType>', RequestedClaim("urn:a", values=("1",))),
        ('<s:Attribute Name="urn:a" NameFormat="urn:f"/>', RequestedClaim("urn:a")),
        (
            '<s:Attribute Name="urn:a"><s:AttributeValue/></s:Attribute>',
            RequestedClaim("urn:a", values=("",)),
        ),
    ],
)
def test_a_wish_is_read_in_its_dialect(wish, claim):
    assert read(wish) == (claim,)


def test_wishes_keep_their_order_and_dialects_mix():
    wishes = ('<s:Attribute Name="c"/>', '<i:ClaimType Uri="a"/>', '<x:ClaimType Uri="b"/>', '<i:ClaimType Uri="a"/>')
    assert [claim.type for claim in read(*wishes)] == ["c", "a", "b", "a"]


def test_no_wishes_are_no_claims():
    assert read() == ()


@pytest.mark.parametrize(
    "wish",
    [
        '<ClaimType Uri="urn:a"/>',
        '<s:ClaimType Uri="urn:a"/>',
        "<i:ClaimType/>",
        '<i:ClaimType Name="urn:a"/>',
        '<i:ClaimType Uri=""/>',
        f'<i:ClaimType Uri="{"u" * 2000}"/>',
        '<i:ClaimType Uri="urn:a" Optional="perhaps"/>',
        '<i:ClaimType Uri="urn:a">text</i:ClaimType>',
        '<i:ClaimType Uri="urn:a"><s:Value>1</s:Value></i:ClaimType>',
        '<i:ClaimType Uri="urn:a"><i:Value>1<!-- -->2</i:Value></i:ClaimType>',
        '<i:ClaimType Uri="urn:a"><i:Value><x/></i:Value></i:ClaimType>',
        "text",
    ],
)
def test_a_wish_that_cannot_be_read_is_an_invalid_request(wish):
    with pytest.raises(InvalidRequest):
        read(wish)


def test_wishes_are_counted():
    with pytest.raises(InvalidRequest):
        read('<i:ClaimType Uri="urn:a"/>' * 257)
