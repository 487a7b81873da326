import pytest
from lxml import etree

from tests.protected import b64, by_key_identifier, by_thumbprint, party, reference
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurity, SecurityTokenUnavailable
from wstrust_sts.wire.keyinfo import (
    ByAssertionId,
    ByCertificate,
    ByEncryptedKeySha1,
    ById,
    ByIssuerSerial,
    BySubjectKeyIdentifier,
    ByThumbprint,
    ByUri,
    read_key_info,
)


def key_info(inside: str) -> etree._Element:
    return etree.fromstring(f'<ds:KeyInfo xmlns:ds="{ns.DS}">{inside}</ds:KeyInfo>')


def x509_data(inside: str) -> str:
    return f"<ds:X509Data>{inside}</ds:X509Data>"


def issuer_serial(serial: str = "17", issuer: str = "CN=ca") -> str:
    return (
        f"<ds:X509IssuerSerial><ds:X509IssuerName>{issuer}</ds:X509IssuerName><ds:X509SerialNumber>{serial}"
        "</ds:X509SerialNumber></ds:X509IssuerSerial>"
    )


def inside_reference(markup: str) -> str:
    return reference("", "", inside=markup)


NAMES = {
    "an id": (reference("#x", ns.X509V3), ById("x")),
    "an absolute URI": (reference("urn:uuid:1", "urn:t"), ByUri("urn:uuid:1")),
    "a thumbprint": (by_key_identifier(b"t" * 20, ns.THUMBPRINT_SHA1), ByThumbprint(b"t" * 20)),
    "a subject key identifier": (by_key_identifier(b"s", ns.X509_SKI), BySubjectKeyIdentifier(b"s")),
    "an earlier EncryptedKey": (by_key_identifier(b"e" * 20, ns.ENCRYPTED_KEY_SHA1), ByEncryptedKeySha1(b"e" * 20)),
    "a certificate": (by_key_identifier(b"der", ns.X509V3), ByCertificate(b"der")),
    "an assertion of SAML 2.0": (
        inside_reference(f'<o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">_a</o:KeyIdentifier>'),
        ByAssertionId("_a"),
    ),
    "an issuer and serial number": (x509_data(issuer_serial()), ByIssuerSerial("CN=ca", 17)),
    "the same in a reference": (
        inside_reference(f'<ds:X509Data xmlns:ds="{ns.DS}">{issuer_serial()}</ds:X509Data>'),
        ByIssuerSerial("CN=ca", 17),
    ),
    "a certificate in X509Data": (
        x509_data(f"<ds:X509Certificate>{b64(b'der')}</ds:X509Certificate>"),
        ByCertificate(b"der"),
    ),
    "a key identifier in X509Data": (x509_data(f"<ds:X509SKI>{b64(b's')}</ds:X509SKI>"), BySubjectKeyIdentifier(b"s")),
}


@pytest.mark.parametrize(("markup", "expected"), NAMES.values(), ids=NAMES)
def test_each_way_to_name_a_key_is_read(markup, expected):
    assert read_key_info(key_info(markup)) == expected


NOT_OFFERED = {
    "KeyValue": "<ds:KeyValue/>",
    "KeyName": "<ds:KeyName>alice</ds:KeyName>",
    "RetrievalMethod": '<ds:RetrievalMethod URI="file:///etc/passwd"/>',
    "an embedded token": inside_reference("<o:Embedded/>"),
    "a reference without a URI": inside_reference("<o:Reference/>"),
    "a URI that is too long": reference("urn:" + "x" * 300, ns.X509V3),
    "an identifier of an unknown type": by_key_identifier(b"x", "urn:t"),
    "an identifier in hexadecimal": inside_reference(
        f'<o:KeyIdentifier ValueType="{ns.THUMBPRINT_SHA1}" EncodingType="urn:hex">ab</o:KeyIdentifier>'
    ),
    "a subject's name": x509_data("<ds:X509SubjectName>CN=alice</ds:X509SubjectName>"),
}


@pytest.mark.parametrize("markup", NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_a_way_that_is_not_offered_is_refused_as_a_token_that_is_not_to_be_had(markup):
    with pytest.raises(SecurityTokenUnavailable):
        read_key_info(key_info(markup))


UNREADABLE = {
    "nothing": "",
    "two names": by_thumbprint(party("sts")) * 2,
    "text": "text",
    "an empty reference": inside_reference(""),
    "two names in a reference": inside_reference('<o:Reference URI="#x"/><o:Reference URI="#y"/>'),
    "no base64": inside_reference(
        f'<o:KeyIdentifier ValueType="{ns.X509_SKI}" EncodingType="{ns.BASE64_BINARY}">?</o:KeyIdentifier>'
    ),
    "too many octets": by_key_identifier(b"x" * 300, ns.X509_SKI),
    "an empty X509Data": x509_data(""),
    "two certificates": x509_data("<ds:X509Certificate>AA==</ds:X509Certificate>" * 2),
    "a serial number with a sign": x509_data(issuer_serial("-1")),
    "a serial number in hexadecimal": x509_data(issuer_serial("0x11")),
    "a serial number in other digits": x509_data(issuer_serial("\u0661\u0667")),
    "a serial number without end": x509_data(issuer_serial("1" * 100)),
    "no serial number": x509_data(
        "<ds:X509IssuerSerial><ds:X509IssuerName>CN=ca</ds:X509IssuerName></ds:X509IssuerSerial>"
    ),
    "a comment in a serial number": x509_data(issuer_serial("1<!-- -->7")),
}


@pytest.mark.parametrize("markup", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_exactly_one_readable_name_is_refused(markup):
    with pytest.raises(InvalidSecurity):
        read_key_info(key_info(markup))
