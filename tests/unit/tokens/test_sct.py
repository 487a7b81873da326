"""Security context tokens: what is written, and what never is."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.assertions import descriptor, signing_key
from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.proof_keys import SymmetricProof
from wstrust_sts.tokens.sct import SctProvider

IDENTIFIER = "urn:uuid:6fd8a8a2-11c3-4d0c-8a64-0a2ff8a3f4c1"
SECRET = SymmetricProof(secret=b"fagotto-fagotto-fagotto-fagotto!", told=True)
WANTED = replace(
    descriptor(TokenType.SCT, token_id=IDENTIFIER, key_type=KeyType.SYMMETRIC, proof=SECRET),
    token_type_uri=ns.SCT13_TOKEN_TYPE,
)


@pytest.mark.parametrize("wsc", [ns.WSC13, ns.WSC05])
@pytest.mark.parametrize("instance", [None, "urn:uuid:2"])
def test_a_token_names_its_context_in_the_version_asked_for_and_nothing_else(wsc, instance):
    wanted = replace(WANTED, token_type_uri=f"{wsc}/sct", instance=instance)
    issued = SctProvider().issue(wanted, signing_key())
    token = etree.fromstring(issued.markup)
    assert token.tag == f"{{{wsc}}}SecurityContextToken"
    assert list(token.attrib) == [f"{{{ns.WSU}}}Id"]
    assert [(child.tag, child.text) for child in token] == [
        (f"{{{wsc}}}{name}", text) for name, text in (("Identifier", IDENTIFIER), ("Instance", instance)) if text
    ]
    assert issued.key_id == ""


def test_neither_the_secret_nor_anything_about_the_subject_is_in_it():
    markup = SctProvider().issue(WANTED, signing_key()).markup
    for kept in (SECRET.secret, b"alice", b"admin", b"rp.example.test"):
        assert kept not in markup


@pytest.mark.parametrize("changes", [{"proof": None}, {"key_type": KeyType.BEARER}, {"key_type": KeyType.PUBLIC}])
def test_a_context_without_its_secret_is_not_issued(changes):
    with pytest.raises(RequestFailed):
        SctProvider().issue(replace(WANTED, **changes), signing_key())


def test_each_key_of_a_context_has_a_token_with_an_id_of_its_own():
    ids = {
        etree.fromstring(SctProvider().issue(replace(WANTED, instance=instance), signing_key()).markup).get(
            f"{{{ns.WSU}}}Id"
        )
        for instance in (None, "urn:uuid:2", "urn:uuid:3")
    }
    assert len(ids) == 3
