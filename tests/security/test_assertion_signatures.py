"""Hostile signatures of assertions: what they refer to, how it is transformed, and their values.

As in test_assertion_targets.py, most are by our own key over exactly what they claim: refused is their form.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests.assertions import TOKEN_ID, each_type, signing_key
from tests.forgery import Form, forge, genuine, in_envelope, refused, verify
from wstrust_sts import ns
from wstrust_sts.wire.xml import parse

INCLUSIVE_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_C14N11 = "http://www.w3.org/2006/12/xml-c14n11"


# -- references -------------------------------------------------------------------------------------------------------


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


# -- transforms and algorithms ----------------------------------------------------------------------------------------


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
    began = time.thread_time()
    refused(element, "canonicalization")
    assert time.thread_time() - began < 0.25


@each_type
def test_a_genuine_signature_around_a_flood_is_refused_at_once(token_type):
    """The signature verifies, so the content is canonicalised: names that are written again and again are bounded."""
    assertion = genuine(token_type)
    uri = "urn:" + "n" * 60_000
    assertion.append(etree.fromstring(f'<x xmlns:a="{uri}">{"<a:y/>" * 1900}</x>'))
    began = time.thread_time()
    refused(assertion, "too long")
    assert time.thread_time() - began < 0.25


@each_type
def test_floods_of_elements_and_attributes_are_refused_at_once(token_type):
    elements, attributes = genuine(token_type), genuine(token_type)
    elements.append(etree.fromstring(f"<x>{'<y/>' * 5000}</x>"))
    attributes.append(etree.Element("x", {f"a{n}": "" for n in range(5000)}))
    for assertion in (elements, attributes):
        began = time.thread_time()
        refused(assertion, "too many")
        assert time.thread_time() - began < 0.25


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


# -- signature and digest values --------------------------------------------------------------------------------------


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
