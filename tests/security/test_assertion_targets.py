"""Hostile assertions as targets of Validate and Cancel: each is refused, and nothing unsigned is ever read.

Many attacks are signed by our own key over exactly what they claim, as if somebody had found an oracle: so what
is shown is that their *form* is refused. `test_the_forge_makes_good_assertions_too` is the control.
"""

import copy
from datetime import timedelta

import pytest
from lxml import etree

from tests.assertions import ID_ATTRIBUTE, TOKEN_ID, descriptor, each_type, issue, signing_key
from tests.fakes import NOON, REALM
from tests.forgery import (
    ID_NAMES,
    SIGNATURE,
    SUBJECT_NAME,
    Form,
    evil_twin,
    forge,
    genuine,
    in_envelope,
    refused,
    rename_subject,
    sign_again,
    verify,
)
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.keys import LocalSigner
from wstrust_sts.model import TokenType
from wstrust_sts.wire.saml import verify_assertion
from wstrust_sts.wire.xml import parse


@each_type
def test_the_forge_makes_good_assertions_too(token_type):
    assert verify(forge(token_type, Form())).token_id == TOKEN_ID
    assert verify(sign_again(genuine(token_type), token_type)).token_id == TOKEN_ID


# -- changed, unsigned, signed by somebody else -----------------------------------------------------------------------


@each_type
def test_a_tampered_assertion_is_refused(token_type):
    assertion = genuine(token_type)
    rename_subject(assertion, token_type)
    refused(assertion, "the digest does not match")


@each_type
def test_an_added_element_is_refused(token_type):
    assertion = genuine(token_type)
    assertion.append(copy.deepcopy(assertion[-1 if token_type is TokenType.SAML20 else 1]))
    refused(assertion, "the digest does not match")


@each_type
def test_text_behind_the_signature_is_signed_content(token_type):
    assertion = genuine(token_type)
    assertion.find(SIGNATURE).tail = "mallory"
    refused(assertion, "the digest does not match")


@each_type
def test_an_unsigned_assertion_is_refused(token_type):
    assertion = genuine(token_type)
    assertion.remove(assertion.find(SIGNATURE))
    refused(assertion, "0 signatures")


@each_type
def test_another_key_with_the_same_names_is_refused(token_type):
    impostor = signing_key(copy=1)
    ours = signing_key()
    assert impostor.certificates != ours.certificates
    same_names = LocalSigner(impostor._private_key, key_id=ours.key_id, certificates=ours.certificates)
    refused(sign_again(genuine(token_type), token_type, impostor), "not by a known key")
    refused(sign_again(genuine(token_type), token_type, same_names), "not by a known key")


@each_type
def test_without_keys_nothing_is_verified(token_type):
    with pytest.raises(InvalidSecurityToken):
        verify_assertion(genuine(token_type), keys=[], issuer=REALM.issuer, now=NOON, skew=timedelta(0))


@each_type
def test_a_genuine_signature_of_something_else_is_refused(token_type):
    other = parse(issue(descriptor(token_type, token_id="_other")).markup)
    assertion = genuine(token_type)
    assertion.replace(assertion.find(SIGNATURE), other.find(SIGNATURE))
    refused(assertion, "refers to something other")


@each_type
def test_a_genuine_signature_under_the_same_id_over_other_content_is_refused(token_type):
    assertion = genuine(token_type)
    evil = evil_twin(assertion, token_type)
    evil.insert(1, assertion.find(SIGNATURE))
    refused(evil, "the digest does not match")


# -- wrapped ----------------------------------------------------------------------------------------------------------


@each_type
@pytest.mark.parametrize("evil_first", [True, False])
@pytest.mark.parametrize("token_id", [TOKEN_ID, "_evil"])
def test_an_unsigned_sibling_of_a_genuine_assertion_is_refused(token_type, evil_first, token_id):
    assertion = genuine(token_type)
    evil = evil_twin(assertion, token_type, token_id=token_id)
    in_envelope(*((evil, assertion) if evil_first else (assertion, evil)))
    refused(evil)


@each_type
@pytest.mark.parametrize("evil_first", [True, False])
@pytest.mark.parametrize("presented", ["evil", "genuine"])
def test_two_assertions_of_one_id_are_both_refused(token_type, evil_first, presented):
    assertion = genuine(token_type)
    evil = evil_twin(assertion, token_type)
    evil.append(copy.deepcopy(assertion.find(SIGNATURE)))
    in_envelope(*((evil, assertion) if evil_first else (assertion, evil)))
    refused(evil if presented == "evil" else assertion, "an id occurs twice")


@each_type
@pytest.mark.parametrize("name", ID_NAMES)
@pytest.mark.parametrize("before", [True, False])
def test_the_same_id_elsewhere_under_any_id_attribute_is_refused(token_type, name, before):
    assertion = genuine(token_type)
    decoy = etree.Element("decoy", {name: TOKEN_ID})
    in_envelope(*((decoy, assertion) if before else (assertion, decoy)))
    refused(assertion, "an id occurs twice")


@each_type
@pytest.mark.parametrize("name", ID_NAMES)
def test_the_same_id_inside_the_assertion_is_refused(token_type, name):
    if name == ID_ATTRIBUTE[token_type]:
        place = 0
        assertion = sign_again(genuine(token_type), token_type)
    else:
        place = None
        assertion = genuine(token_type)
    (assertion if place is None else assertion[place]).set(name, TOKEN_ID)
    refused(assertion, "an id occurs twice")


@each_type
@pytest.mark.parametrize("token_id", [TOKEN_ID, "_evil"])
@pytest.mark.parametrize("signature_moves", [True, False])
@pytest.mark.parametrize("container", ["Object", "Advice", "Extensions", "Subject", "KeyInfo", None])
def test_an_assertion_wrapped_around_the_genuine_one_is_refused(token_type, token_id, signature_moves, container):
    """The known forms of signature wrapping: who is whose child, and whose child the signature is."""
    assertion = genuine(token_type)
    evil = evil_twin(assertion, token_type, token_id=token_id)
    signature = assertion.find(SIGNATURE)
    if signature_moves:
        assertion.remove(signature)
        evil.insert(1, signature)
    namespace = ns.SAML20 if token_type is TokenType.SAML20 else ns.SAML11
    if container is None:
        evil.append(assertion)
    else:
        inside = etree.Element(f"{{{ns.DS if container in ('Object', 'KeyInfo') else namespace}}}{container}")
        inside.append(assertion)
        (signature if signature_moves and container in ("Object", "KeyInfo") else evil).append(inside)
    in_envelope(evil)
    refused(evil)


@each_type
def test_the_genuine_assertion_inside_its_wrapper_is_still_only_itself(token_type):
    """A consumer that picks the inner one gets just what was signed, and the wrapper gains nothing."""
    assertion = genuine(token_type)
    evil = evil_twin(assertion, token_type, token_id="_evil")
    evil.append(assertion)
    assert verify(assertion).token_id == TOKEN_ID
    refused(evil)


@each_type
@pytest.mark.parametrize("where", ["beside", "in a wrapper beside"])
def test_a_signature_outside_of_the_assertion_is_refused(token_type, where):
    assertion = genuine(token_type)
    signature = assertion.find(SIGNATURE)
    assertion.remove(signature)
    if where == "beside":
        in_envelope(assertion, signature)
    else:
        wrapper = etree.Element("wrapper")
        wrapper.append(signature)
        in_envelope(wrapper, assertion)
    refused(assertion, "0 signatures")


@each_type
def test_a_signature_deeper_in_the_assertion_is_refused(token_type):
    assertion = genuine(token_type)
    assertion[-1 if token_type is TokenType.SAML20 else 0].append(assertion.find(SIGNATURE))
    refused(assertion, "not a child")


@each_type
def test_two_signatures_are_refused(token_type):
    assertion = genuine(token_type)
    assertion.append(copy.deepcopy(assertion.find(SIGNATURE)))
    refused(assertion, "2 signatures")


# -- hidden content ---------------------------------------------------------------------------------------------------


def subject_name(assertion, token_type):
    return assertion.find(SUBJECT_NAME[token_type])


@each_type
def test_a_comment_in_the_name_is_refused_though_the_signature_still_holds(token_type):
    signed = issue(descriptor(token_type)).markup
    commented = signed.replace(b">alice<", b">al<!-- -->ice<", 1)
    refused(parse(commented), "a comment")


@each_type
@pytest.mark.parametrize("place", ["Assertion", "SignedInfo", "DigestValue", "X509Certificate"])
def test_a_comment_anywhere_in_the_assertion_is_refused(token_type, place):
    assertion = genuine(token_type)
    element = next(node for node in assertion.iter() if node.tag.endswith("}" + place))
    element.append(etree.Comment("x"))
    refused(assertion, "a comment")


@each_type
def test_a_processing_instruction_is_refused(token_type):
    assertion = genuine(token_type)
    subject_name(assertion, token_type).append(etree.PI("x", "y"))
    refused(assertion, "processing instruction")


@each_type
def test_a_cdata_section_is_refused_though_its_canonical_form_is_that_of_the_text(token_type):
    signed = issue(descriptor(token_type)).markup
    hidden = signed.replace(b">alice<", b">al<![CDATA[ice]]><", 1)
    keeps_sections = etree.XMLParser(strip_cdata=False, resolve_entities=False)
    refused(etree.fromstring(hidden, keeps_sections), "CDATA")


@each_type
def test_an_entity_reference_is_refused(token_type):
    signed = issue(descriptor(token_type)).markup
    hidden = b'<!DOCTYPE x [<!ENTITY e "ice">]>' + signed.replace(b">alice<", b">al&e;<", 1)
    refused(etree.fromstring(hidden, etree.XMLParser(resolve_entities=False)), "document type")
    refused(etree.fromstring(hidden, etree.XMLParser(resolve_entities="internal")), "document type")


@each_type
def test_attributes_from_a_document_type_are_refused(token_type):
    signed = issue(descriptor(token_type)).markup
    refused(etree.fromstring(b"<!DOCTYPE x [<!ATTLIST x a ID #IMPLIED>]>" + signed), "document type")


@each_type
def test_an_element_in_the_issuer_is_refused_even_when_signed(token_type):
    assertion = genuine(token_type)
    if token_type is TokenType.SAML20:
        assertion[0].append(etree.Element("x"))
    else:
        assertion.set("Issuer", "https://other.example.test/")
    refused(sign_again(assertion, token_type))


# -- what the assertion itself says -----------------------------------------------------------------------------------


@each_type
def test_an_assertion_of_another_issuer_by_our_key_is_refused(token_type):
    refused(parse(issue(descriptor(token_type, issuer=REALM.issuer + "/")).markup), "another issuer")
    refused(parse(issue(descriptor(token_type, issuer=REALM.issuer.upper())).markup), "another issuer")
    refused(parse(issue(descriptor(token_type, issuer=REALM.issuer + " ")).markup), "another issuer")


@each_type
@pytest.mark.parametrize(
    ("after", "skew", "because"),
    [
        (timedelta(seconds=-1), timedelta(0), "not yet valid"),
        (timedelta(0), timedelta(0), None),
        (timedelta(minutes=59, seconds=59), timedelta(0), None),
        (timedelta(hours=1), timedelta(0), "expired"),
        (timedelta(days=3650), timedelta(minutes=5), "expired"),
        (timedelta(days=-3650), timedelta(minutes=5), "not yet valid"),
        (timedelta(minutes=-5), timedelta(minutes=5), None),
        (timedelta(minutes=64, seconds=59), timedelta(minutes=5), None),
        (timedelta(minutes=65), timedelta(minutes=5), "expired"),
    ],
)
def test_the_times_hold_within_the_skew(token_type, after, skew, because):
    if because is None:
        assert verify(genuine(token_type), now=NOON + after, skew=skew)
    else:
        refused(genuine(token_type), because, now=NOON + after, skew=skew)


def conditions_of(assertion):
    return next(node for node in assertion.iter() if node.tag.endswith("}Conditions"))


@each_type
@pytest.mark.parametrize("name", ["NotBefore", "NotOnOrAfter"])
@pytest.mark.parametrize("value", [None, "", "tomorrow", "2026-11-23", "99999-01-01T00:00:00Z", "2026-13-01T00:00:00Z"])
def test_conditions_without_readable_times_are_refused_even_when_signed(token_type, name, value):
    assertion = genuine(token_type)
    conditions = conditions_of(assertion)
    if value is None:
        del conditions.attrib[name]
    else:
        conditions.set(name, value)
    refused(sign_again(assertion, token_type), name)


@each_type
@pytest.mark.parametrize("condition", ["OneTimeUse", "ProxyRestriction", "DoNotCacheCondition", "Condition", "Unheard"])
def test_an_unknown_condition_makes_it_invalid_even_when_signed(token_type, condition):
    assertion = genuine(token_type)
    conditions = conditions_of(assertion)
    conditions.append(etree.Element(f"{{{etree.QName(conditions).namespace}}}{condition}"))
    refused(sign_again(assertion, token_type), "an unknown condition")


@each_type
def test_a_known_condition_of_another_namespace_is_unknown(token_type):
    assertion = genuine(token_type)
    conditions_of(assertion).append(etree.Element("{urn:other}AudienceRestriction"))
    refused(sign_again(assertion, token_type), "an unknown condition")


@each_type
def test_no_conditions_or_two_are_refused_even_when_signed(token_type):
    without, doubled = genuine(token_type), genuine(token_type)
    without.remove(conditions_of(without))
    doubled.append(copy.deepcopy(conditions_of(doubled)))
    refused(sign_again(without, token_type), "0 of")
    refused(sign_again(doubled, token_type), "2 of")


@pytest.mark.parametrize(
    ("token_type", "name", "value"),
    [
        (TokenType.SAML20, "Version", "2.1"),
        (TokenType.SAML20, "Version", "1.1"),
        (TokenType.SAML20, "Version", None),
        (TokenType.SAML11, "MajorVersion", "2"),
        (TokenType.SAML11, "MinorVersion", "0"),
        (TokenType.SAML11, "MinorVersion", None),
        (TokenType.SAML11, "Issuer", None),
    ],
)
def test_another_version_or_no_issuer_is_refused_even_when_signed(token_type, name, value):
    assertion = genuine(token_type)
    if value is None:
        del assertion.attrib[name]
    else:
        assertion.set(name, value)
    refused(sign_again(assertion, token_type), name)


@each_type
@pytest.mark.parametrize("token_id", ["", "1a", "a b", "a:b", "#a", "a" * 300, "\u00e9", "a\n"])
def test_an_id_that_is_no_short_ncname_is_refused_even_when_signed(token_type, token_id):
    assertion = genuine(token_type)
    assertion.set(ID_ATTRIBUTE[token_type], token_id)
    refused(sign_again(assertion, token_type), "no usable")


@each_type
@pytest.mark.parametrize("name", ["Id", "AssertionID", "ID"])
def test_an_id_under_another_name_does_not_count(token_type, name):
    if name == ID_ATTRIBUTE[token_type]:
        name = "xml:id".replace("xml:", f"{{{ns.XML}}}")
    assertion = genuine(token_type)
    del assertion.attrib[ID_ATTRIBUTE[token_type]]
    assertion.set(name, TOKEN_ID)
    refused(assertion, "no usable")


@pytest.mark.parametrize(
    "markup",
    [
        b"<Assertion/>",
        b'<a:Assertion xmlns:a="urn:other"/>',
        b'<a:EncryptedAssertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"/>',
        b'<a:assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"/>',
    ],
)
def test_what_is_no_assertion_is_refused(markup):
    refused(parse(markup), "not a SAML")


@each_type
def test_the_digest_tells_apart_what_the_signature_does_not_cover(token_type):
    """KeyInfo may be changed without breaking the signature; the register's digest of the whole is another then."""
    assertion = genuine(token_type)
    before = verify(assertion).digest
    assertion.find(f".//{{{ns.DS}}}X509Certificate").text = "AAAA"
    assert verify(assertion).digest != before
