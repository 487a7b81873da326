import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.assertions import TOKEN_ID, descriptor, issue
from tests.fakes import REALM
from wstrust_sts import ns
from wstrust_sts.model import AuthenticationMethod, Claim, NameIdentifier, TokenType
from wstrust_sts.tokens.saml11 import split_name
from wstrust_sts.wire.saml import read_assertion

NAMES = {"saml": ns.SAML11, "ds": ns.DS}


def issued(**wanted):
    return etree.fromstring(issue(descriptor(TokenType.SAML11, **wanted)).markup)


def texts(root, path):
    return [str(value) for value in root.xpath(path, namespaces=NAMES)]


def test_conditions_come_first_and_the_signature_last():
    assert [etree.QName(child).localname for child in issued()] == [
        "Conditions",
        "AuthenticationStatement",
        "AttributeStatement",
        "Signature",
    ]


def test_the_assertion_says_who_issued_it_and_its_version():
    root = issued()
    assert root.get("AssertionID") == TOKEN_ID
    assert root.get("Issuer") == REALM.issuer
    assert (root.get("MajorVersion"), root.get("MinorVersion")) == ("1", "1")


def test_the_prefix_is_the_one_that_text_matching_clients_know():
    markup = issue(descriptor(TokenType.SAML11)).markup
    assert markup.startswith(b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" AssertionID="')


def test_every_statement_names_the_subject_as_bearer():
    root = issued(subject=NameIdentifier(ns.NAMEID_UPN, "alice@corp", name_qualifier="q", sp_name_qualifier="lost"))
    assert texts(root, "saml:*/saml:Subject/saml:NameIdentifier/text()") == ["alice@corp"] * 2
    assert texts(root, "//saml:NameIdentifier/@Format") == [ns.NAMEID_UPN] * 2
    assert texts(root, "//saml:NameIdentifier/@NameQualifier") == ["q"] * 2
    assert texts(root, "//saml:ConfirmationMethod/text()") == [ns.SAML11_BEARER] * 2


def test_all_audiences_are_in_one_condition():
    root = issued(audiences=("https://a.example.test/", "urn:b"))
    assert len(list(root.iter(f"{{{ns.SAML11}}}AudienceRestrictionCondition"))) == 1
    assert texts(root, "//saml:Audience/text()") == ["https://a.example.test/", "urn:b"]


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        (AuthenticationMethod.PASSWORD, ns.SAML11_AM_PASSWORD),
        (AuthenticationMethod.PASSWORD_OVER_TLS, ns.SAML11_AM_PASSWORD),
        (AuthenticationMethod.PASSWORD_DIGEST, ns.SAML11_AM_PASSWORD),
        (AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS, ns.SAML11_AM_PASSWORD),
        (AuthenticationMethod.X509, ns.SAML11_AM_X509),
        (AuthenticationMethod.TLS_CLIENT, ns.SAML11_AM_TLS_CLIENT),
        (AuthenticationMethod.UNSPECIFIED, ns.SAML11_AM_UNSPECIFIED),
    ],
)
def test_the_authentication_method_is_told_in_the_words_of_saml_11(method, uri):
    root = issued(method=method)
    assert texts(root, "//saml:AuthenticationStatement/@AuthenticationMethod") == [uri]
    assert texts(root, "//saml:AuthenticationStatement/@AuthenticationInstant") == ["2026-11-23T11:59:59.000Z"]


def test_every_authentication_method_has_a_word():
    for method in AuthenticationMethod:
        assert issued(method=method) is not None


@pytest.mark.parametrize(
    ("claim_type", "namespace", "name"),
    [
        (ns.CLAIM_EMAIL, ns.IDENTITY + "/claims", "emailaddress"),
        (ns.CLAIM_ROLE, "http://schemas.microsoft.com/ws/2008/06/identity/claims", "role"),
        ("a/b/c", "a/b", "c"),
        ("role", ns.SAML20_ATTRNAME_UNSPECIFIED, "role"),
        ("urn:oid:2.5.4.42", ns.SAML20_ATTRNAME_UNSPECIFIED, "urn:oid:2.5.4.42"),
        ("https://example.test/", ns.SAML20_ATTRNAME_UNSPECIFIED, "https://example.test/"),
        ("/role", ns.SAML20_ATTRNAME_UNSPECIFIED, "/role"),
        (" /role", ns.SAML20_ATTRNAME_UNSPECIFIED, " /role"),
        (
            ns.SAML20_ATTRNAME_UNSPECIFIED + "/role",
            ns.SAML20_ATTRNAME_UNSPECIFIED,
            ns.SAML20_ATTRNAME_UNSPECIFIED + "/role",
        ),
    ],
)
def test_a_claim_type_is_split_at_its_last_slash_or_not_at_all(claim_type, namespace, name):
    assert split_name(claim_type) == (namespace, name)
    (attribute,) = issued(attributes=(Claim(claim_type, ("x",)),)).iter(f"{{{ns.SAML11}}}Attribute")
    assert (attribute.get("AttributeNamespace"), attribute.get("AttributeName")) == (namespace, name)


@given(
    st.lists(st.sampled_from(["a", "/", " ", "urn:x", ns.SAML20_ATTRNAME_UNSPECIFIED]), min_size=1, max_size=6).map(
        "".join
    )
)
def test_no_two_claim_types_become_one_attribute(claim_type):
    namespace, name = split_name(claim_type)
    assert namespace.strip()
    assert name
    attribute = etree.Element(f"{{{ns.SAML11}}}Attribute", {"AttributeNamespace": namespace, "AttributeName": name})
    root = etree.Element(f"{{{ns.SAML11}}}Assertion")
    etree.SubElement(root, f"{{{ns.SAML11}}}AttributeStatement").append(attribute)
    assert [claim.type for claim in read_assertion(root).attributes] == [claim_type]
