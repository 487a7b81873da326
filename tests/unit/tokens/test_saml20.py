import pytest
from lxml import etree

from tests.assertions import TOKEN_ID, descriptor, issue
from tests.fakes import REALM
from wstrust_sts import ns
from wstrust_sts.model import AuthenticationMethod, Claim, NameIdentifier, TokenType

NAMES = {"saml2": ns.SAML20, "ds": ns.DS}


def issued(**wanted):
    return etree.fromstring(issue(descriptor(TokenType.SAML20, **wanted)).markup)


def texts(root, path):
    return [str(value) for value in root.xpath(path, namespaces=NAMES)]


def test_the_elements_stand_in_the_order_of_the_schema_with_the_signature_second():
    assert [etree.QName(child).localname for child in issued()] == [
        "Issuer",
        "Signature",
        "Subject",
        "Conditions",
        "AuthnStatement",
        "AttributeStatement",
    ]


def test_the_prefixes_are_those_that_text_matching_clients_know():
    markup = issue(descriptor(TokenType.SAML20)).markup
    assert markup.startswith(b'<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="')
    assert b'<ds:Signature xmlns:ds="' in markup
    assert b"xsi:type" not in markup


def test_the_assertion_says_who_issued_it_and_its_version():
    root = issued()
    assert (root.get("ID"), root.get("Version")) == (TOKEN_ID, "2.0")
    assert texts(root, "saml2:Issuer/text()") == [REALM.issuer]


def test_the_subject_is_confirmed_as_bearer_until_the_end_of_the_lifetime():
    root = issued()
    assert texts(root, "saml2:Subject/saml2:SubjectConfirmation/@Method") == [ns.SAML20_BEARER]
    assert texts(root, "//saml2:SubjectConfirmationData/@NotOnOrAfter") == ["2026-11-23T13:00:00.000Z"]


@pytest.mark.parametrize("recipient", [None, ""])
def test_no_recipient_is_named_where_none_is_asked_for(recipient):
    assert texts(issued(recipient=recipient), "//@Recipient") == []


def test_the_recipient_is_named_where_the_relying_party_asks_for_it():
    root = issued(recipient="https://rp.example.test/acs?a=1&b=2")
    assert texts(root, "//saml2:SubjectConfirmationData/@Recipient") == ["https://rp.example.test/acs?a=1&b=2"]


def test_the_name_identifier_has_its_format_and_qualifiers():
    root = issued(subject=NameIdentifier(ns.NAMEID_PERSISTENT, "x1", name_qualifier="n", sp_name_qualifier="s"))
    (name,) = root.iter(f"{{{ns.SAML20}}}NameID")
    assert name.text == "x1"
    assert dict(name.attrib) == {"Format": ns.NAMEID_PERSISTENT, "NameQualifier": "n", "SPNameQualifier": "s"}


def test_all_audiences_are_in_one_restriction():
    root = issued(audiences=("https://a.example.test/", "urn:b"))
    assert len(list(root.iter(f"{{{ns.SAML20}}}AudienceRestriction"))) == 1
    assert texts(root, "//saml2:Audience/text()") == ["https://a.example.test/", "urn:b"]


@pytest.mark.parametrize(
    ("method", "context_class"),
    [
        (AuthenticationMethod.PASSWORD, ns.SAML20_AC_PASSWORD),
        (AuthenticationMethod.PASSWORD_OVER_TLS, ns.SAML20_AC_PASSWORD_PROTECTED),
        (AuthenticationMethod.PASSWORD_DIGEST, ns.SAML20_AC_PASSWORD),
        (AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS, ns.SAML20_AC_PASSWORD_PROTECTED),
        (AuthenticationMethod.X509, ns.SAML20_AC_X509),
        (AuthenticationMethod.TLS_CLIENT, ns.SAML20_AC_TLS_CLIENT),
        (AuthenticationMethod.UNSPECIFIED, ns.SAML20_AC_UNSPECIFIED),
    ],
)
def test_the_authentication_method_is_told_in_the_words_of_saml_20(method, context_class):
    root = issued(method=method)
    assert texts(root, "//saml2:AuthnContextClassRef/text()") == [context_class]
    assert texts(root, "//saml2:AuthnStatement/@AuthnInstant") == ["2026-11-23T11:59:59.000Z"]


def test_every_authentication_method_has_a_word():
    for method in AuthenticationMethod:
        assert issued(method=method) is not None


@pytest.mark.parametrize(
    ("name", "name_format"),
    [
        (ns.CLAIM_EMAIL, ns.SAML20_ATTRNAME_URI),
        ("urn:oid:2.5.4.42", ns.SAML20_ATTRNAME_URI),
        ("role", ns.SAML20_ATTRNAME_UNSPECIFIED),
        ("two words: x", ns.SAML20_ATTRNAME_UNSPECIFIED),
        ("a/b", ns.SAML20_ATTRNAME_UNSPECIFIED),
        ("urn:<b>", ns.SAML20_ATTRNAME_UNSPECIFIED),
        ("http:", ns.SAML20_ATTRNAME_UNSPECIFIED),
    ],
)
def test_an_attribute_named_by_a_uri_says_so(name, name_format):
    (attribute,) = issued(attributes=(Claim(name, ("x",)),)).iter(f"{{{ns.SAML20}}}Attribute")
    assert (attribute.get("Name"), attribute.get("NameFormat")) == (name, name_format)


def test_values_keep_their_order_and_their_white_space():
    root = issued(attributes=(Claim("a", (" 1\r\n", "", "\t2")),))
    assert [value.text or "" for value in root.iter(f"{{{ns.SAML20}}}AttributeValue")] == [" 1\r\n", "", "\t2"]
