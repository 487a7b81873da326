"""Assertions as an attacker writes them: changed, wrapped, or signed again in a form that should be refused."""

import base64
import copy
import hashlib
from dataclasses import dataclass
from datetime import timedelta

import pytest
from lxml import etree

from tests.assertions import ID_ATTRIBUTE, TOKEN_ID, descriptor, issue, signing_key, verification_key
from tests.fakes import NOON, REALM
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import TokenType
from wstrust_sts.wire.dsig import write_enveloped_signature
from wstrust_sts.wire.saml import verify_assertion
from wstrust_sts.wire.xml import parse

SIGNATURE = f"{{{ns.DS}}}Signature"
ID_NAMES = ("ID", "Id", "AssertionID", f"{{{ns.WSU}}}Id", f"{{{ns.XML}}}id")
SUBJECT_NAME = {
    TokenType.SAML20: f".//{{{ns.SAML20}}}NameID",
    TokenType.SAML11: f".//{{{ns.SAML11}}}NameIdentifier",
}


def genuine(token_type):
    return parse(issue(descriptor(token_type)).markup)


def in_envelope(*elements):
    """The elements as children of a message's Body."""
    envelope = parse(b'<s:Envelope xmlns:s="urn:s"><s:Body><t xmlns="urn:t"/></s:Body></s:Envelope>')
    target = envelope[0][0]
    for element in elements:
        target.append(element)
    return list(target)


def c14n(element):
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def rename_subject(element, token_type, name="mallory"):
    for identifier in element.findall(SUBJECT_NAME[token_type]):
        identifier.text = name


def evil_twin(original, token_type, *, token_id=TOKEN_ID):
    """The assertion of another subject, without a signature."""
    evil = copy.deepcopy(original)
    evil.remove(evil.find(SIGNATURE))
    rename_subject(evil, token_type)
    evil.set(ID_ATTRIBUTE[token_type], token_id)
    return evil


@dataclass(frozen=True, kw_only=True)
class Form:
    """A signature's form; the defaults are what is allowed."""

    c14n_method: str = f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"/>'
    signature_method: str = f'<ds:SignatureMethod Algorithm="{ns.RSA_SHA256}"/>'
    reference_attributes: str = f'URI="#{TOKEN_ID}"'
    transforms: str = (
        f'<ds:Transforms><ds:Transform Algorithm="{ns.ENVELOPED}"/>'
        f'<ds:Transform Algorithm="{ns.EXC_C14N}"/></ds:Transforms>'
    )
    digest_method: str = f'<ds:DigestMethod Algorithm="{ns.SHA256}"/>'
    digest: object = hashlib.sha256
    signed_info: str = (
        "<ds:SignedInfo>{c14n_method}{signature_method}<ds:Reference {reference_attributes}>{transforms}"
        "{digest_method}<ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    signature: str = (
        '<ds:Signature xmlns:ds="{ds}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>'
    )


def forge(token_type, form, *, assertion=None, signer=None, change=lambda assertion: None, sign=None, digested=None):
    """An assertion (a genuine one of id TOKEN_ID), changed, then signed by our key in the form given."""
    assertion = genuine(token_type) if assertion is None else copy.deepcopy(assertion)
    assertion.remove(assertion.find(SIGNATURE))
    change(assertion)
    octets = c14n(assertion) if digested is None else digested
    signed_info = form.signed_info.format(
        c14n_method=form.c14n_method,
        signature_method=form.signature_method,
        reference_attributes=form.reference_attributes,
        transforms=form.transforms,
        digest_method=form.digest_method,
        digest_value=base64.b64encode(form.digest(octets).digest()).decode(),
    )
    alone = etree.fromstring(f'<ds:Signature xmlns:ds="{ns.DS}">{signed_info}</ds:Signature>')
    to_sign = c14n(alone[0]) if len(alone) else b""
    value = base64.b64encode((sign or (signer or signing_key()).sign)(to_sign)).decode()
    markup = form.signature.format(ds=ns.DS, signed_info=signed_info, value=value)
    assertion.append(etree.fromstring(markup))
    return assertion


def sign_again(assertion, token_type, signer=None):
    """Takes the signature away and lets our key sign what is there."""
    old = assertion.find(SIGNATURE)
    if old is not None:
        assertion.remove(old)
    token_id = assertion.get(ID_ATTRIBUTE[token_type], "")
    markup = write_enveloped_signature(c14n(assertion), reference=token_id, signer=signer or signing_key())
    assertion.append(etree.fromstring(markup))
    return assertion


# -- what our own reader makes of them ---------------------------------------------------------------------------------


def verify(element, *, signer=None, issuer=REALM.issuer, now=NOON, skew=timedelta(0)):
    """The token, where `signer` signed it. Raises InvalidSecurityToken."""
    return verify_assertion(
        element, keys=[verification_key(signer or signing_key())], issuer=issuer, now=now, skew=skew
    )


def refused(element, because="", **circumstances):
    """The detail of the refusal, which has `because` in it."""
    with pytest.raises(InvalidSecurityToken) as refusal:
        verify(element, **circumstances)
    assert because in refusal.value.detail, refusal.value.detail
    return refusal.value.detail
