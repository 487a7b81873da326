"""What every TokenProvider of assertions owes: independent verifiers accept, and nothing signed can be changed."""

import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
import signxml
import xmlsec
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.assertions import (
    ID_ATTRIBUTE,
    PROVIDERS,
    TOKEN_ID,
    descriptor,
    each_type,
    issue,
    signing_key,
    verification_key,
)
from tests.certificates import key
from tests.fakes import NOON, REALM
from tests.holders import HOLDERS, KEYED_PARTY, RECIPIENT, RECIPIENT_KEY, public_proof, unwrap
from tests.verifiers import schema, signxml_verify, xmlsec_decrypt, xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.encryption import ALGORITHMS, EncryptionRule, KeyName, KeyTransport
from wstrust_sts.errors import FailedCheck, InvalidSecurityToken, RequestFailed, StsError
from wstrust_sts.keys import KEY_ALGORITHMS
from wstrust_sts.model import AuthenticationMethod, Claim, KeyType, Lifetime, NameIdentifier, TokenType
from wstrust_sts.proof_keys import PublicProof, SymmetricProof
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.keyinfo import read_token_reference
from wstrust_sts.wire.saml import read_assertion, verify_assertion
from wstrust_sts.wire.xml import parse

SCHEMA = {TokenType.SAML20: "saml-schema-assertion-2.0.xsd", TokenType.SAML11: "cs-sstc-schema-assertion-1.1.xsd"}
HOSTILE = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r&<>\"'/]:# {}"),
    max_size=40,
)
NAMED = HOSTILE.filter(str.strip)

SECRET = SymmetricProof(secret=bytes(range(32)))
KEYS = {
    "symmetric": {"key_type": KeyType.SYMMETRIC, "proof": SECRET},
    **{kind: {"key_type": KeyType.PUBLIC, "proof": public_proof(kind)} for kind in HOLDERS},
    **{f"{kind} value": {"key_type": KeyType.PUBLIC, "proof": public_proof(kind, certified=False)} for kind in HOLDERS},
}

each_proof = pytest.mark.parametrize("proof", KEYS)
each_key = pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)


def canonical(markup):
    return etree.tostring(etree.fromstring(markup), method="c14n", exclusive=True, with_comments=False)


def verify(markup, signer):
    return verify_assertion(
        parse(markup), keys=[verification_key(signer)], issuer=REALM.issuer, now=NOON, skew=timedelta(0)
    )


@each_type
@each_key
def test_an_issued_assertion_is_accepted_by_xmlsec_signxml_and_ourselves(token_type, algorithm):
    signer = signing_key(algorithm)
    token = issue(descriptor(token_type), signer)
    xmlsec_verify(token.markup, signer.certificates[0])
    signxml_verify(token.markup, signer.certificates[0], ID_ATTRIBUTE[token_type])
    verified = verify(token.markup, signer)
    assert verified.token_id == TOKEN_ID
    assert verified.token_type is token_type
    assert verified.issuer == REALM.issuer
    assert verified.expires_at == NOON + timedelta(hours=1)
    assert verified.key_id == signer.key_id == token.key_id
    assert verified.digest == token.digest == hashlib.sha256(canonical(token.markup)).digest()


@each_type
def test_another_key_of_the_same_kind_is_not_accepted(token_type):
    token = issue(descriptor(token_type))
    other = signing_key(copy=1)
    with pytest.raises(InvalidSecurityToken):
        verify(token.markup, other)
    with pytest.raises(xmlsec.Error):
        xmlsec_verify(token.markup, other.certificates[0])


@each_type
@each_key
def test_any_flipped_byte_of_signed_content_is_refused(token_type, algorithm):
    signer = signing_key(algorithm)
    token = issue(descriptor(token_type, recipient="https://rp.example.test/acs"), signer)
    unsigned_from = token.markup.index(b"<ds:KeyInfo>")
    unsigned_to = token.markup.index(b"</ds:KeyInfo>") + len(b"</ds:KeyInfo>")
    for position in range(len(token.markup)):
        flipped = bytearray(token.markup)
        flipped[position] ^= 1
        try:
            verified = verify(bytes(flipped), signer)
        except StsError:
            continue
        # KeyInfo is a hint that the signature does not cover; the digest that the register keeps does.
        assert unsigned_from <= position < unsigned_to, position
        assert verified.digest != token.digest


@each_type
def test_a_flipped_byte_of_a_value_is_refused_by_the_independent_verifiers_too(token_type):
    signer = signing_key()
    token = issue(descriptor(token_type), signer)
    changed = token.markup.replace(b">admin<", b">bdmin<")
    assert changed != token.markup
    with pytest.raises(xmlsec.Error):
        xmlsec_verify(changed, signer.certificates[0])
    with pytest.raises(signxml.InvalidDigest):
        signxml_verify(changed, signer.certificates[0], ID_ATTRIBUTE[token_type])
    with pytest.raises(InvalidSecurityToken):
        verify(changed, signer)


@each_type
@settings(deadline=None)
@given(
    subject=NAMED,
    name_format=NAMED,
    qualifier=HOSTILE,
    issuer=NAMED,
    audiences=st.lists(NAMED, min_size=1, max_size=3),
    recipient=HOSTILE,
    attributes=st.lists(st.tuples(NAMED, st.lists(HOSTILE, min_size=1, max_size=3)), max_size=4),
)
def test_hostile_names_and_values_are_written_canonical_and_read_back_equal(
    token_type, subject, name_format, qualifier, issuer, audiences, recipient, attributes
):
    signer = signing_key("ec-p256")
    claims = tuple(Claim(name, tuple(values)) for name, values in attributes)
    wanted = descriptor(
        token_type,
        subject=NameIdentifier(name_format, subject, name_qualifier=qualifier, sp_name_qualifier=qualifier),
        issuer=issuer,
        audiences=tuple(audiences),
        recipient=recipient,
        attributes=claims,
    )
    token = issue(wanted, signer)
    assert canonical(token.markup) == token.markup
    view = read_assertion(parse(token.markup))
    assert view.subject == subject
    assert view.subject_format == name_format
    assert view.issuer == issuer
    assert view.audiences == tuple(audiences)
    assert view.attributes == claims
    xmlsec_verify(token.markup, signer.certificates[0])
    assert (
        verify_assertion(
            parse(token.markup), keys=[verification_key(signer)], issuer=issuer, now=NOON, skew=timedelta(0)
        ).digest
        == token.digest
    )


@each_type
@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
@pytest.mark.parametrize("place", ["subject", "attribute value", "attribute name", "audience", "issuer"])
def test_what_xml_cannot_carry_is_never_signed(token_type, character, place):
    hostile = f"a{character}b"
    wanted = descriptor(token_type)
    match place:
        case "subject":
            wanted = replace(wanted, subject=NameIdentifier(ns.NAMEID_UNSPECIFIED, hostile))
        case "attribute value":
            wanted = replace(wanted, attributes=(Claim("role", (hostile,)),))
        case "attribute name":
            wanted = replace(wanted, attributes=(Claim(hostile, ("x",)),))
        case "audience":
            wanted = replace(wanted, audiences=(hostile,))
        case "issuer":
            wanted = replace(wanted, issuer=hostile)
    with pytest.raises(RequestFailed, match="XML cannot carry"):
        issue(wanted)


@each_type
@pytest.mark.parametrize(
    "unsignable",
    [
        {"key_type": KeyType.SYMMETRIC},
        {"key_type": KeyType.PUBLIC},
        {"key_type": KeyType.BEARER, "proof": SECRET},
        {"key_type": KeyType.PUBLIC, "proof": SECRET, "encryption": KEYED_PARTY.encryption},
        {"key_type": KeyType.SYMMETRIC, "proof": public_proof("ec")},
        {"key_type": KeyType.SYMMETRIC, "proof": SECRET},
        {
            "key_type": KeyType.SYMMETRIC,
            "proof": SECRET,
            "encryption": EncryptionRule(certificate=HOLDERS["ec"]),
        },
        {"token_id": ""},
        {"token_id": "1starts-with-a-digit"},
        {"token_id": '_a" Evil="'},
        {"issuer": ""},
        {"subject": NameIdentifier(ns.NAMEID_UNSPECIFIED, " ")},
        {"audiences": ()},
        {"audiences": ("https://rp.example.test/", "")},
        {"lifetime": Lifetime(NOON, NOON)},
        {"lifetime": Lifetime(NOON.replace(tzinfo=None), NOON.replace(tzinfo=None) + timedelta(hours=1))},
    ],
    ids=[
        "symmetric without a key",
        "public without a key",
        "bearer with a key",
        "public with a secret",
        "symmetric with a public key",
        "a secret and nobody to encrypt it for",
        "a secret to be encrypted with an EC key",
        "no id",
        "an id that is no NCName",
        "an id that ends its attribute",
        "no issuer",
        "a blank subject",
        "no audience",
        "an empty audience",
        "no lifetime",
        "times without a zone",
    ],
)
def test_a_descriptor_that_makes_no_safe_token_is_not_signed(token_type, unsignable):
    with pytest.raises(RequestFailed):
        issue(descriptor(token_type, **unsignable))


@each_type
@each_key
@pytest.mark.parametrize("method", AuthenticationMethod)
def test_an_issued_assertion_is_valid_by_the_schema(token_type, algorithm, method):
    wanted = descriptor(
        token_type,
        method=method,
        subject=NameIdentifier(ns.NAMEID_PERSISTENT, "p", name_qualifier="q", sp_name_qualifier="sp"),
        audiences=("https://rp.example.test/", "urn:example:rp"),
        recipient="https://rp.example.test/acs",
        attributes=(
            Claim(ns.CLAIM_EMAIL, ("alice@example.test",)),
            Claim("plain", ("",)),
            Claim("urn:oid:2.5.4.42", ("A", "B")),
            Claim("no values", ()),
        ),
    )
    schema = assertion_schema(token_type)
    schema.assertValid(etree.fromstring(issue(wanted, signing_key(algorithm)).markup))


@each_type
@pytest.mark.parametrize("attributes", [(), (Claim("no values", ()),)])
def test_an_assertion_without_attributes_is_valid_by_the_schema(token_type, attributes):
    token = issue(descriptor(token_type, attributes=attributes))
    assertion_schema(token_type).assertValid(etree.fromstring(token.markup))
    assert b"AttributeStatement" not in token.markup


@each_type
def test_no_white_space_is_between_elements(token_type):
    root = etree.fromstring(issue(descriptor(token_type)).markup)
    for element in root.iter():
        assert element.tail is None
        assert len(element) == 0 or element.text is None


@each_type
def test_the_signature_asks_for_exactly_enveloped_and_exclusive_canonicalisation(token_type):
    signature = etree.fromstring(issue(descriptor(token_type)).markup).find(f"{{{ns.DS}}}Signature")
    reference = signature.find(f"{{{ns.DS}}}SignedInfo/{{{ns.DS}}}Reference")
    assert reference.get("URI") == f"#{TOKEN_ID}"
    assert [transform.get("Algorithm") for transform in reference.iter(f"{{{ns.DS}}}Transform")] == [
        ns.ENVELOPED,
        ns.EXC_C14N,
    ]
    assert signature.find(f"{{{ns.DS}}}KeyInfo/{{{ns.DS}}}X509Data/{{{ns.DS}}}X509Certificate").text
    assert [child.tag for child in signature.find(f"{{{ns.DS}}}KeyInfo")] == [f"{{{ns.DS}}}X509Data"]


@each_type
def test_times_have_exactly_three_fraction_digits_and_a_z(token_type):
    created = NOON + timedelta(microseconds=123_999)
    token = issue(descriptor(token_type, lifetime=Lifetime(created, created + timedelta(hours=1))))
    view = read_assertion(parse(token.markup))
    assert view.issued_at == view.not_before == "2026-11-23T12:00:00.123Z"
    assert view.not_on_or_after == "2026-11-23T13:00:00.123Z"
    assert view.authentication_instant == "2026-11-23T11:59:59.000Z"


@each_type
def test_the_assertion_keeps_its_octets_inside_an_envelope(token_type):
    token = issue(descriptor(token_type))
    envelope = b'<s:E xmlns:s="urn:s" xmlns="urn:d" xmlns:saml="urn:x"><s:B>' + token.markup + b"</s:B></s:E>"
    verified = verify_assertion(
        parse(envelope)[0][0],
        keys=[verification_key(signing_key())],
        issuer=REALM.issuer,
        now=NOON,
        skew=timedelta(0),
    )
    assert verified.digest == token.digest


@each_type
def test_a_signer_outside_the_allow_list_is_not_used(token_type):
    class Sha1Signer:
        key_id = "old"
        algorithm = ns.DS + "rsa-sha1"
        digest_algorithm = ns.SHA256
        certificates = (b"certificate",)

        def sign(self, octets):
            raise AssertionError("asked to sign")

    with pytest.raises(StsError, match="not allowed"):
        PROVIDERS[token_type].issue(descriptor(token_type), Sha1Signer())


@each_type
def test_what_the_signer_raises_is_not_hidden(token_type):
    class BrokenSigner:
        key_id, algorithm, digest_algorithm, certificates = "b", ns.RSA_SHA256, ns.SHA256, (b"certificate",)

        def sign(self, octets):
            raise FailedCheck("the module is gone")

    with pytest.raises(FailedCheck, match="the module is gone"):
        PROVIDERS[token_type].issue(descriptor(token_type), BrokenSigner())


# -- holder of key ---------------------------------------------------------------------------------------------------


@each_type
@each_proof
@each_key
def test_an_assertion_with_a_key_is_canonical_valid_by_the_schema_and_accepted_everywhere(token_type, proof, algorithm):
    signer = signing_key(algorithm)
    token = issue(descriptor(token_type, **KEYS[proof], encryption=KEYED_PARTY.encryption), signer)
    assert canonical(token.markup) == token.markup
    assertion_schema(token_type).assertValid(etree.fromstring(token.markup))
    xmlsec_verify(token.markup, signer.certificates[0])
    signxml_verify(token.markup, signer.certificates[0], ID_ATTRIBUTE[token_type])
    verified = verify(token.markup, signer)
    assert verified.digest == token.digest
    wanted = KEYS[proof]["proof"]
    assert verified.public_key == (wanted if isinstance(wanted, PublicProof) else None)


@pytest.mark.parametrize("proof", [None, *KEYS])
@pytest.mark.parametrize("prefix", ["", "saml"])
def test_a_saml_20_assertion_is_as_sound_under_another_prefix_or_none(prefix, proof):
    signer = signing_key()
    how = {"encryption": KEYED_PARTY.encryption} | (KEYS[proof] if proof else {})
    token = issue(replace(descriptor(TokenType.SAML20, **how), saml20_prefix=prefix), signer)
    assert {element.prefix or "" for element in etree.fromstring(token.markup).iter(f"{{{ns.SAML20}}}*")} == {prefix}
    assert canonical(token.markup) == token.markup
    assertion_schema(TokenType.SAML20).assertValid(etree.fromstring(token.markup))
    xmlsec_verify(token.markup, signer.certificates[0])
    signxml_verify(token.markup, signer.certificates[0], ID_ATTRIBUTE[TokenType.SAML20])
    inside = b'<t:x xmlns:t="urn:t" xmlns="urn:d">' + token.markup + b"</t:x>"
    assert (
        verify_assertion(
            parse(inside)[0], keys=[verification_key(signer)], issuer=REALM.issuer, now=NOON, skew=timedelta(0)
        ).digest
        == token.digest
    )


@pytest.mark.parametrize("prefix", ["", "saml"])
def test_an_encrypted_assertion_has_the_prefix_of_its_assertion(prefix):
    wanted = replace(descriptor(TokenType.SAML20, encryption=encrypted()), saml20_prefix=prefix)
    root = etree.fromstring(issue(wanted).markup)
    assert (root.tag, root.prefix or "") == (f"{{{ns.SAML20}}}EncryptedAssertion", prefix)
    assertion_schema(TokenType.SAML20).assertValid(root)


@each_type
@each_proof
def test_who_takes_the_key_out_or_puts_another_in_is_refused(token_type, proof):
    signer = signing_key()
    token = issue(descriptor(token_type, **KEYS[proof], encryption=KEYED_PARTY.encryption), signer)
    other = issue(
        descriptor(token_type, key_type=KeyType.PUBLIC, proof=public_proof("rsa-2048")), signer
    ).markup.decode()
    bearer = issue(descriptor(token_type), signer).markup.decode()
    for source in {other, bearer} - {token.markup.decode()}:
        replacement = _CONFIRMATION.search(source)[0]
        changed = re.sub(_CONFIRMATION, lambda _, text=replacement: text, token.markup.decode())
        assert changed != token.markup.decode()
        with pytest.raises(InvalidSecurityToken):
            verify(changed.encode(), signer)
        with pytest.raises(xmlsec.Error):
            xmlsec_verify(changed.encode(), signer.certificates[0])


_CONFIRMATION = re.compile("<([a-z0-9]+:SubjectConfirmation)(?: [^>]*)?>.*?</[a-z0-9]+:SubjectConfirmation>", re.DOTALL)


@each_type
@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize("name", KeyName)
def test_the_relying_partys_key_opens_the_secret_whatever_transport_and_name_it_asks_for(token_type, transport, name):
    rule = replace(KEYED_PARTY.encryption, key_transport=transport, key_name=name)
    token = issue(descriptor(token_type, **KEYS["symmetric"], encryption=rule))
    assert canonical(token.markup) == token.markup
    for encrypted_key in etree.fromstring(token.markup).iter(f"{{{ns.XENC}}}EncryptedKey"):
        assert unwrap(encrypted_key) == SECRET.secret
        reference = encrypted_key.find(f"{{{ns.DS}}}KeyInfo/{{{ns.WSSE}}}SecurityTokenReference")
        assert read_certificate(RECIPIENT).is_named_by(read_token_reference(reference))


# -- encrypted -------------------------------------------------------------------------------------------------------

each_cipher = pytest.mark.parametrize("cipher", ALGORITHMS)


def encrypted(**changes) -> EncryptionRule:
    return replace(KEYED_PARTY.encryption, tokens=True, **changes)


@each_type
@each_cipher
@pytest.mark.parametrize("transport", KeyTransport)
def test_xmlsec_opens_an_encrypted_token_with_the_relying_partys_key_and_finds_what_was_signed(
    token_type, cipher, transport
):
    signer = signing_key()
    rule = encrypted(algorithm=ALGORITHMS[cipher], key_transport=transport)
    token = issue(descriptor(token_type, encryption=rule), signer)
    assert b"alice" not in token.markup
    assert b":Assertion" not in token.markup
    plaintext = xmlsec_decrypt(token.markup, RECIPIENT_KEY)
    xmlsec_verify(plaintext, signer.certificates[0])
    assert hashlib.sha256(plaintext).digest() == token.digest == verify(plaintext, signer).digest
    (data,) = etree.fromstring(token.markup).iter(f"{{{ns.XENC}}}EncryptedData")
    assert data[0].get("Algorithm") == ALGORITHMS[cipher]


@each_type
def test_nobody_elses_key_opens_an_encrypted_token_and_no_two_are_alike(token_type):
    tokens = [issue(descriptor(token_type, encryption=encrypted())).markup for _ in range(2)]
    with pytest.raises(xmlsec.Error):
        xmlsec_decrypt(tokens[0], key("somebody else", "rsa-2048"))
    ciphers = [set(etree.fromstring(token).itertext()) for token in tokens]
    assert not {text for text in ciphers[0] & ciphers[1] if len(text) > 100}


@each_type
@pytest.mark.parametrize("bare", [False, True])
def test_only_saml_20_has_an_element_around_an_encrypted_assertion_and_not_where_it_is_to_be_bare(token_type, bare):
    root = etree.fromstring(issue(descriptor(token_type, encryption=encrypted(bare=bare))).markup)
    around = token_type is TokenType.SAML20 and not bare
    assert root.tag == (f"{{{ns.SAML20}}}EncryptedAssertion" if around else f"{{{ns.XENC}}}EncryptedData")
    if around:
        assertion_schema(token_type).assertValid(root)
        (data,) = root
        assert data.tag == f"{{{ns.XENC}}}EncryptedData"


@each_type
@each_proof
def test_a_token_with_a_key_may_be_encrypted_too(token_type, proof):
    signer = signing_key()
    token = issue(descriptor(token_type, **KEYS[proof], encryption=encrypted()), signer)
    assert verify(xmlsec_decrypt(token.markup, RECIPIENT_KEY), signer).digest == token.digest


@each_type
@pytest.mark.parametrize("certificate", [None, HOLDERS["ec"], b"none"])
def test_what_must_be_encrypted_and_cannot_be_does_not_go_out(token_type, certificate):
    with pytest.raises(RequestFailed):
        issue(descriptor(token_type, encryption=encrypted(certificate=certificate)))


def assertion_schema(token_type):
    return schema(SCHEMA[token_type])
