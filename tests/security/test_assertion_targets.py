"""Hostile assertions as targets of Validate and Cancel: each is refused, and nothing unsigned is ever read.

Many attacks are signed by our own key over exactly what they claim, as if somebody had found an oracle: so what
is shown is that their *form* is refused. `test_the_forge_makes_good_assertions_too` is the control.
"""

import copy
import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests.assertions import ID_ATTRIBUTE, TOKEN_ID, descriptor, issue, signing_key, verification_key
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
    rename_subject,
    sign_again,
)
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.keys import LocalSigner
from wstrust_sts.model import TokenType
from wstrust_sts.wire.saml import verify_assertion
from wstrust_sts.wire.xml import parse

INCLUSIVE_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_C14N11 = "http://www.w3.org/2006/12/xml-c14n11"

each_type = pytest.mark.parametrize("token_type", list(ID_ATTRIBUTE), ids=lambda token_type: token_type.value)


def verify(element, *, signer=None, issuer=REALM.issuer, now=NOON, skew=timedelta(0)):
    return verify_assertion(
        element, keys=[verification_key(signer or signing_key())], issuer=issuer, now=now, skew=skew
    )


def refused(element, because="", **circumstances):
    with pytest.raises(InvalidSecurityToken) as refusal:
        verify(element, **circumstances)
    assert because in refusal.value.detail, refusal.value.detail
    return refusal.value.detail


@each_type
def test_the_forge_makes_good_assertions_too(token_type):
    assert verify(forge(token_type, Form())).token_id == TOKEN_ID
    assert verify(sign_again(genuine(token_type), token_type)).token_id == TOKEN_ID


# -- changed, unsigned, signed by somebody else --------------------------------------------------------------------


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


# -- wrapped -------------------------------------------------------------------------------------------------------


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


# -- references ----------------------------------------------------------------------------------------------------


@each_type
@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'URI=""',
        'URI="#"',
        f'URI="{TOKEN_ID}"',
        f'URI="#{TOKEN_ID} "',
        f'URI=" #{TOKEN_ID}"',
        'URI="#_other"',
        f'URI="%23{TOKEN_ID}"',
        f'URI="##{TOKEN_ID}"',
        f"URI=\"#xpointer(id('{TOKEN_ID}'))\"",
        'URI="#xpointer(/)"',
        'URI="file:///etc/passwd"',
        'URI="/etc/passwd"',
        'URI="http://attacker.example/x"',
        f'URI="http://attacker.example/x#{TOKEN_ID}"',
        'URI="cid:attachment"',
    ],
)
def test_a_reference_to_anything_but_the_assertion_is_refused(token_type, attributes):
    refused(forge(token_type, Form(reference_attributes=attributes)), "refers to something other")


@each_type
@pytest.mark.parametrize("kind", ["Manifest", "Object", "SignatureProperties"])
def test_a_reference_of_a_type_is_refused(token_type, kind):
    form = Form(reference_attributes=f'URI="#{TOKEN_ID}" Type="{ns.DS}{kind}"')
    refused(forge(token_type, form), "an attribute that is not allowed")


@each_type
def test_a_reference_to_a_file_is_refused_though_the_digest_is_right(token_type, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    form = Form(reference_attributes=f'URI="file://{secret}"', transforms="")
    refused(forge(token_type, form, digested=b"secret"), "refers to something other")


_SHAPES = {
    "no SignedInfo": Form(signed_info=""),
    "an empty SignedInfo": Form(signed_info="<ds:SignedInfo/>"),
    "no Reference": Form(signed_info="<ds:SignedInfo>{c14n_method}{signature_method}</ds:SignedInfo>"),
    "two References": Form(
        signed_info=Form.signed_info.replace("</ds:SignedInfo>", "")
        + "<ds:Reference {reference_attributes}>{transforms}{digest_method}"
        "<ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    ),
    "two SignedInfo": Form(signature=Form.signature.replace("{signed_info}", "{signed_info}{signed_info}")),
    "an empty SignedInfo before the signed one": Form(
        signature=Form.signature.replace("{signed_info}", "<ds:SignedInfo/>{signed_info}")
    ),
    "an Object": Form(signature=Form.signature.replace("</ds:Signature>", "<ds:Object/></ds:Signature>")),
    "a Manifest in an Object": Form(
        signature=Form.signature.replace(
            "</ds:Signature>", '<ds:Object><ds:Manifest Id="m"/></ds:Object></ds:Signature>'
        )
    ),
    "KeyInfo twice": Form(
        signature=Form.signature.replace("</ds:Signature>", "<ds:KeyInfo/><ds:KeyInfo/></ds:Signature>")
    ),
    "SignatureValue before SignedInfo": Form(
        signature='<ds:Signature xmlns:ds="{ds}"><ds:SignatureValue>{value}</ds:SignatureValue>{signed_info}'
        "</ds:Signature>"
    ),
    "no SignatureValue": Form(signature='<ds:Signature xmlns:ds="{ds}">{signed_info}</ds:Signature>'),
    "a foreign element in SignedInfo": Form(
        signed_info=Form.signed_info.replace("</ds:SignedInfo>", "<x/></ds:SignedInfo>")
    ),
    "no Transforms": Form(transforms=""),
    "no DigestMethod": Form(digest_method=""),
    "an HMACOutputLength": Form(
        signature_method=f'<ds:SignatureMethod Algorithm="{ns.RSA_SHA256}"><ds:HMACOutputLength>8</ds:HMACOutputLength>'
        "</ds:SignatureMethod>"
    ),
    "text in SignedInfo": Form(signed_info=Form.signed_info.replace("</ds:SignedInfo>", "text</ds:SignedInfo>")),
    "an attribute on Signature": Form(signature=Form.signature.replace("{ds}", '{ds}" evil="')),
    "an element in SignatureValue": Form(signature=Form.signature.replace("{value}", "{value}<x/>")),
    "an element in DigestValue": Form(signed_info=Form.signed_info.replace("{digest_value}", "{digest_value}<x/>")),
    "a SignatureValue of great length": Form(signature=Form.signature.replace("{value}", "A" * 4000)),
}


@each_type
@pytest.mark.parametrize("shape", _SHAPES)
def test_a_signature_of_another_shape_is_refused(token_type, shape):
    refused(forge(token_type, _SHAPES[shape]), "the assertion's signature: ")


# -- transforms and algorithms -------------------------------------------------------------------------------------


def transform(algorithm, content=""):
    return f'<ds:Transform Algorithm="{algorithm}">{content}</ds:Transform>'


XSLT = transform(
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>',
)
XPATH = transform("http://www.w3.org/TR/1999/REC-xpath-19991116", "<ds:XPath>not(//*)</ds:XPath>")
FILTER2 = transform("http://www.w3.org/2002/06/xmldsig-filter2")
BASE64 = transform(ns.DS + "base64")
ENVELOPED, EXCLUSIVE, INCLUSIVE = (transform(algorithm) for algorithm in (ns.ENVELOPED, ns.EXC_C14N, INCLUSIVE_C14N))


@each_type
@pytest.mark.parametrize(
    "transforms",
    [
        "",
        ENVELOPED,
        EXCLUSIVE,
        EXCLUSIVE + ENVELOPED,
        ENVELOPED + EXCLUSIVE + EXCLUSIVE,
        ENVELOPED + INCLUSIVE,
        ENVELOPED + transform(INCLUSIVE_C14N11),
        ENVELOPED + transform(ns.EXC_C14N + "WithComments"),
        XSLT + ENVELOPED + EXCLUSIVE,
        ENVELOPED + XSLT + EXCLUSIVE,
        ENVELOPED + XPATH + EXCLUSIVE,
        ENVELOPED + FILTER2 + EXCLUSIVE,
        BASE64,
        ENVELOPED + EXCLUSIVE * 500,
        transform(""),
        "<ds:Transform/>",
        "<x/>",
    ],
)
def test_transforms_other_than_the_two_are_refused(token_type, transforms):
    form = Form(transforms=f"<ds:Transforms>{transforms}</ds:Transforms>")
    refused(forge(token_type, form), "the assertion's signature: transforms")


@each_type
@pytest.mark.parametrize(
    "content",
    [
        "<ds:XPath>not(//*)</ds:XPath>",
        f'<e:InclusiveNamespaces xmlns:e="{ns.EXC_C14N}" PrefixList="{" ".join(f"p{n}" for n in range(40))}"/>',
        f'<e:InclusiveNamespaces xmlns:e="{ns.EXC_C14N}" PrefixList="{"p" * 4000}"/>',
        f'<e:InclusiveNamespaces xmlns:e="{ns.EXC_C14N}" PrefixList="a"/>' * 2,
        f'<e:InclusiveNamespaces xmlns:e="{ns.EXC_C14N}" PrefixList="a" other="b"/>',
        f'<e:InclusiveNamespaces xmlns:e="{ns.EXC_C14N}"><x/></e:InclusiveNamespaces>',
    ],
)
def test_content_of_the_exclusive_transform_is_bounded(token_type, content):
    transforms = f"<ds:Transforms>{ENVELOPED}{transform(ns.EXC_C14N, content)}</ds:Transforms>"
    refused(forge(token_type, Form(transforms=transforms)), "the assertion's signature: ")


@each_type
@pytest.mark.parametrize(
    "algorithm", [INCLUSIVE_C14N, INCLUSIVE_C14N + "#WithComments", INCLUSIVE_C14N11, ns.EXC_C14N + "WithComments", ""]
)
def test_another_canonicalization_method_is_refused(token_type, algorithm):
    form = Form(c14n_method=f'<ds:CanonicalizationMethod Algorithm="{algorithm}"/>')
    refused(forge(token_type, form), "canonicalization")


def uncanonical(assertion):
    """With a namespace in SignedInfo that no canonicalisation takes: whoever canonicalises first, says so."""
    return parse(etree.tostring(assertion).replace(b"<ds:SignedInfo", b'<ds:SignedInfo xmlns:r="relative"'))


@each_type
@pytest.mark.parametrize(
    ("form", "because"),
    [
        (Form(c14n_method=f'<ds:CanonicalizationMethod Algorithm="{INCLUSIVE_C14N}"/>'), "canonicalization"),
        (Form(transforms=f"<ds:Transforms>{ENVELOPED}{INCLUSIVE}</ds:Transforms>"), "transforms"),
        (Form(transforms=f"<ds:Transforms>{ENVELOPED}{XSLT}</ds:Transforms>"), "transforms"),
        (Form(reference_attributes='URI=""'), "refers to something other"),
        (Form(), "no canonical form"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_canonicalised(token_type, form, because):
    refused(uncanonical(forge(token_type, form)), because)


@each_type
def test_the_inclusive_canonicalisation_bomb_is_refused_at_once(token_type):
    """Deep, with namespaces at each level: 16 kB that cost whoever canonicalises them so half a second each time."""
    form = Form(
        c14n_method=f'<ds:CanonicalizationMethod Algorithm="{INCLUSIVE_C14N}"/>',
        transforms=f"<ds:Transforms>{ENVELOPED}{INCLUSIVE}</ds:Transforms>",
    )
    assertion = forge(token_type, form)
    depth = 200
    opening = "".join(f'<a xmlns:n{n}="urn:n{n}" xmlns:m{n}="urn:m{n}">' for n in range(depth))
    siblings = "<b/>" * 1500
    bomb = etree.fromstring(f"<x>{opening}{siblings}{'</a>' * depth}</x>")
    assertion.append(bomb)
    element = in_envelope(assertion)[0]
    began = time.perf_counter()
    refused(element, "canonicalization")
    assert time.perf_counter() - began < 0.25


@each_type
def test_a_genuine_signature_around_a_flood_is_refused_at_once(token_type):
    """The signature verifies, so the content is canonicalised: names that are written again and again are bounded."""
    assertion = genuine(token_type)
    uri = "urn:" + "n" * 60_000
    assertion.append(etree.fromstring(f'<x xmlns:a="{uri}">{"<a:y/>" * 1900}</x>'))
    began = time.perf_counter()
    refused(assertion, "too long")
    assert time.perf_counter() - began < 0.25


@each_type
def test_floods_of_elements_and_attributes_are_refused_at_once(token_type):
    elements, attributes = genuine(token_type), genuine(token_type)
    elements.append(etree.fromstring(f"<x>{'<y/>' * 5000}</x>"))
    attributes.append(etree.Element("x", {f"a{n}": "" for n in range(5000)}))
    for assertion in (elements, attributes):
        began = time.perf_counter()
        refused(assertion, "too many")
        assert time.perf_counter() - began < 0.25


@each_type
@pytest.mark.parametrize(
    "algorithm",
    [
        ns.DS + "rsa-sha1",
        ns.DS + "dsa-sha1",
        ns.DS + "hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "none",
        "",
    ],
)
def test_a_signature_method_off_the_list_is_refused(token_type, algorithm):
    form = Form(signature_method=f'<ds:SignatureMethod Algorithm="{algorithm}"/>')
    refused(forge(token_type, form), "signature method")


@each_type
def test_an_hmac_keyed_with_what_is_public_is_refused(token_type):
    certificate = signing_key().certificates[0]
    public_key = x509.load_der_x509_certificate(certificate).public_key()
    secrets = [
        certificate,
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"",
    ]
    form = Form(signature_method='<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>')
    for secret in secrets:

        def sign(octets, secret=secret):
            return hmac.digest(secret, octets, "sha256")

        refused(forge(token_type, form, sign=sign), "signature method")


@each_type
@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        (ns.DS + "sha1", hashlib.sha1),
        ("http://www.w3.org/2001/04/xmldsig-more#md5", hashlib.md5),
        ("http://www.w3.org/2001/04/xmldsig-more#sha224", hashlib.sha224),
        ("", hashlib.sha256),
    ],
)
def test_a_digest_method_off_the_list_is_refused(token_type, algorithm, digest):
    form = Form(digest_method=f'<ds:DigestMethod Algorithm="{algorithm}"/>', digest=digest)
    refused(forge(token_type, form), "digest method")


@each_type
def test_a_method_of_another_key_family_is_refused(token_type):
    ecdsa = Form(signature_method=f'<ds:SignatureMethod Algorithm="{ns.ECDSA_SHA256}"/>')
    refused(forge(token_type, ecdsa), "not by a known key")
    elliptic = signing_key("ec-p256")
    refused(forge(token_type, Form(), signer=elliptic), "not by a known key", signer=elliptic)


@each_type
def test_a_method_with_another_hash_than_was_signed_is_refused(token_type):
    form = Form(signature_method=f'<ds:SignatureMethod Algorithm="{ns.RSA_SHA512}"/>')
    refused(forge(token_type, form), "not by a known key")


# -- signature and digest values -----------------------------------------------------------------------------------


def bent(change):
    return lambda octets: change(signing_key().sign(octets))


@each_type
@pytest.mark.parametrize(
    "change",
    [
        lambda value: b"",
        lambda value: value[:-1],
        lambda value: value[:20],
        lambda value: value + b"\0",
        lambda value: b"\0" + value,
        lambda value: b"\0" * len(value),
        lambda value: value[::-1],
    ],
)
def test_a_signature_value_cut_or_stretched_is_refused(token_type, change):
    refused(forge(token_type, Form(), sign=bent(change)))


def as_der(value):
    return encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))


@each_type
@pytest.mark.parametrize(
    "change",
    [
        lambda value: b"",
        lambda value: value[:-1],
        lambda value: value[:63],
        lambda value: value + b"\0",
        lambda value: b"\0" + value[:32] + b"\0" + value[32:],
        as_der,
        lambda value: b"\0" * 64,
        lambda value: b"\xff" * 64,
        lambda value: value[32:] + value[:32],
        lambda value: b"\0" * 32 + value[32:],
    ],
)
def test_an_ecdsa_value_that_is_not_r_and_s_of_32_octets_is_refused(token_type, change):
    signer = signing_key("ec-p256")
    form = Form(signature_method=f'<ds:SignatureMethod Algorithm="{ns.ECDSA_SHA256}"/>')
    assert verify(forge(token_type, form, signer=signer), signer=signer)
    assertion = forge(token_type, form, sign=lambda octets: change(signer.sign(octets)))
    refused(assertion, "not by a known key", signer=signer)


@each_type
@pytest.mark.parametrize("text", ["", "====", "A", "not base64!", "\u0410\u0411", "AAAA\u00a0", "AB=="])
@pytest.mark.parametrize("name", ["SignatureValue", "DigestValue"])
def test_a_value_that_is_not_plain_base64_is_refused(token_type, name, text):
    assertion = genuine(token_type)
    assertion.find(f".//{{{ns.DS}}}{name}").text = text
    refused(assertion)


@each_type
@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_a_digest_value_of_another_length_is_refused(token_type, length):
    @dataclass
    class Cut:
        octets: bytes

        def digest(self):
            return (hashlib.sha256(self.octets).digest() * 2)[:length]

    refused(forge(token_type, Form(digest=Cut)), "the digest does not match")


# -- hidden content ------------------------------------------------------------------------------------------------


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


# -- what the assertion itself says --------------------------------------------------------------------------------


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
