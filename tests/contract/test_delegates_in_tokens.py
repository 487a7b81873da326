"""What every TokenProvider of assertions owes a token that tells who acts for its subject."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.assertions import ID_ATTRIBUTE, TOKEN_ID, descriptor, each_type, issue, signing_key
from tests.contract.test_token_provider import NAMED, canonical, verify
from tests.delegated import delegates_of
from tests.fakes import NOON
from tests.holders import RECIPIENT, RECIPIENT_KEY
from tests.verifiers import signxml_verify, xmlsec_decrypt, xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.delegation_rules import Delegate
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.errors import InvalidSecurityToken, StsError
from wstrust_sts.model import TokenType
from wstrust_sts.wire.saml import read_assertion
from wstrust_sts.wire.xml import parse


def delegates(*names: str) -> tuple[Delegate, ...]:
    return tuple(
        Delegate(name=name, format=ns.NAMEID_UNSPECIFIED, instant=NOON - timedelta(minutes=len(names) - place))
        for place, name in enumerate(names)
    )


@each_type
@pytest.mark.parametrize("names", [("web",), ("web", "shop", "batch")])
def test_they_are_told_in_the_order_in_which_they_acted_and_verified_by_everybody(token_type, names):
    token = issue(descriptor(token_type, delegates=delegates(*names)))
    certificate = signing_key().certificates[0]
    xmlsec_verify(token.markup, certificate)
    signxml_verify(token.markup, certificate, ID_ATTRIBUTE[token_type])
    assert verify(token.markup, signing_key()).token_id == TOKEN_ID
    assert delegates_of(token.markup) == list(names)


def test_saml_20_says_when_each_of_them_began():
    root = etree.fromstring(issue(descriptor(TokenType.SAML20, delegates=delegates("web", "shop"))).markup)
    instants = [each.get("DelegationInstant") for each in root.iter(f"{{{ns.SAML20_DELEGATION}}}Delegate")]
    assert instants == ["2026-11-23T11:58:00.000Z", "2026-11-23T11:59:00.000Z"]


@pytest.mark.parametrize("prefix", ["saml2", "saml", ""])
def test_whatever_the_prefix_of_saml_what_is_written_is_what_was_signed(prefix):
    wanted = replace(descriptor(TokenType.SAML20, delegates=delegates("web")), saml20_prefix=prefix)
    token = issue(wanted)
    xmlsec_verify(token.markup, signing_key().certificates[0])
    assert (
        verify(token.markup, signing_key()).digest == token.digest == hashlib.sha256(canonical(token.markup)).digest()
    )
    assert delegates_of(token.markup) == ["web"]
    (condition,) = etree.fromstring(token.markup).iter(f"{{{ns.SAML20}}}Condition")
    assert condition.nsmap["del"] == ns.SAML20_DELEGATION


def test_token_inspect_shows_them():
    view = read_assertion(parse(issue(descriptor(TokenType.SAML20, delegates=delegates("web", "shop"))).markup))
    assert view.delegates == ("web", "shop")


@each_type
@settings(max_examples=40, deadline=None)
@given(names=st.lists(NAMED, min_size=1, max_size=3))
def test_hostile_names_are_names_and_nothing_else(token_type, names):
    try:
        token = issue(descriptor(token_type, delegates=delegates(*names)))
    except StsError:
        return  # it cannot be written, and so is not signed
    root = etree.fromstring(token.markup)
    assert len(list(root.iter("{*}Condition"))) == (token_type is TokenType.SAML20)
    assert len(root.findall("{*}AttributeStatement")) == 1
    assert verify(token.markup, signing_key()).digest == hashlib.sha256(canonical(token.markup)).digest()


@each_type
def test_any_flipped_byte_of_what_is_told_is_refused(token_type):
    """But for declarations of prefixes that no name needs: they are not signed, and say nothing here."""
    markup = issue(descriptor(token_type, delegates=delegates("web"))).markup
    saml20 = token_type is TokenType.SAML20
    begin = markup.index(b"<saml2:Condition " if saml20 else b'<saml:Attribute AttributeName="actor"')
    end = markup.index(b"</saml2:Condition>" if saml20 else b"</saml:AttributeStatement>")
    for position in range(begin, end):
        flipped = bytearray(markup)
        flipped[position] ^= 1
        try:
            verify(bytes(flipped), signing_key())
        except StsError:
            continue
        assert saml20
        assert canonical(bytes(flipped)) == canonical(markup)


def test_without_the_condition_the_signature_does_not_hold():
    markup = issue(descriptor(TokenType.SAML20, delegates=delegates("web"))).markup
    begin, end = markup.index(b"<saml2:Condition "), markup.index(b"</saml2:Condition>") + len(b"</saml2:Condition>")
    with pytest.raises(InvalidSecurityToken):
        verify(markup[:begin] + markup[end:], signing_key())


def test_an_encrypted_token_comes_out_as_it_was_signed():
    encrypted = EncryptionRule(certificate=RECIPIENT, tokens=True)
    token = issue(descriptor(TokenType.SAML20, delegates=delegates("web"), encryption=encrypted))
    opened = xmlsec_decrypt(token.markup, RECIPIENT_KEY)
    assert verify(opened, signing_key()).digest == token.digest
    assert delegates_of(opened) == ["web"]
