"""Hostile targets of Validate and Cancel, through the whole application.

What is wrong with an assertion's form is tested one by one in test_assertion_targets.py. Here the tokens are really
issued and registered, and the messages really sent: nothing but the token itself, unharmed, is ever `valid`.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.assertions import BOX, each_type
from tests.attack import Attack, InProcess
from tests.cases import each
from tests.fakes import NOON
from tests.forgeries import FORGED, Forger, id_of
from tests.forgery import SUBJECT_NAME
from tests.harness import PASSWORDS
from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, InvalidSecurityToken, NotAuthorized
from wstrust_sts.keys import make_signing_key
from wstrust_sts.model import TokenType
from wstrust_sts.records import KeyState

_URIS = {TokenType.SAML20: ns.TP11_SAML20, TokenType.SAML11: ns.TP11_SAML11}
_KEY_IDENTIFIERS = {TokenType.SAML20: ns.SAML20_KEY_IDENTIFIER, TokenType.SAML11: ns.SAML11_KEY_IDENTIFIER}


def issued(attack: Attack, token_type: TokenType) -> str:
    """A fresh token of alice."""
    return attack.issued(attack.message(attack.rst(token_type=_URIS[token_type]))).assertion.decode()


def token_reference(inner: str, attributes: str = "") -> str:
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" xmlns:d="{ns.DS}"{attributes}>{inner}'
        "</o:SecurityTokenReference>"
    )


def reference(token_id: str, token_type: TokenType = TokenType.SAML20) -> str:
    return token_reference(f'<o:KeyIdentifier ValueType="{_KEY_IDENTIFIERS[token_type]}">{token_id}</o:KeyIdentifier>')


# -- forged ------------------------------------------------------------------------------------------------------


@each_type
@each(FORGED, "forger")
def test_a_forged_token_is_invalid_nothing_is_made_of_it_and_it_is_neither_renewed_nor_cancelled(
    attack: Attack, token_type: TokenType, forger: Forger
) -> None:
    token = issued(attack, token_type)
    forged = forger(etree.fromstring(token), token_type)
    assert forged != token
    assert attack.validated(forged) == "invalid"
    assert attack.transformed(forged) == "invalid"
    attack.refused(attack.message(messages.cancel(forged, trust=attack.trust)), InvalidSecurityToken)
    attack.refused(attack.message(messages.renew(forged, trust=attack.trust)), InvalidSecurityToken)
    assert attack.validated(token) == "valid"


@each_type
@pytest.mark.parametrize("name", ["ID", "Id", "id", "AssertionID", "u:Id", "xml:id"])
@pytest.mark.parametrize("place", ["Header", "RST", "Body", "credential"])
def test_another_element_of_the_same_id_makes_it_invalid(
    attack: Attack, token_type: TokenType, name: str, place: str
) -> None:
    """Except by `id`, which names nothing in any of the specifications here."""
    token = issued(attack, token_type)
    here = f'{name}="{id_of(etree.fromstring(token), token_type)}" xmlns:u="{ns.WSU}"'
    decoy = f"<x {here}/>"
    request = messages.validate(token, trust=attack.trust)
    if place == "RST":
        request = request.replace("<t:ValidateTarget>", decoy + "<t:ValidateTarget>")
    elif place == "Body":
        request = request.replace("<t:RequestSecurityToken ", f"<t:RequestSecurityToken {here} ")
    message = attack.message(request, decoy if place == "Header" else "")
    if place == "credential":
        message = message.replace("<o:Username>", f"<o:Username {here}>")
    answer = attack.send(message)
    assert answer.status_code == ("valid" if name == "id" else "invalid")


@each_type
def test_a_comment_anywhere_in_the_token_makes_it_invalid(attack: Attack, token_type: TokenType) -> None:
    token = issued(attack, token_type)
    name = etree.fromstring(token).find(SUBJECT_NAME[token_type])
    assert name.text == "alice"
    for comment in (
        token.replace(">alice<", ">al<!-- -->ice<"),
        token.replace(">alice<", "><!-- -->alice<"),
        token.replace(">alice<", ">alice<!-- --><"),
        token.replace(f">{messages.RP}<", f">{messages.RP}<!-- -->.evil.test<"),
        token.replace("<ds:SignatureValue>", "<ds:SignatureValue><!-- -->"),
        token.replace("<ds:SignedInfo>", "<ds:SignedInfo><!-- -->"),
        token.replace("</ds:Signature>", "</ds:Signature><!-- -->"),
    ):
        assert comment != token
        assert attack.validated(comment) == attack.transformed(comment) == "invalid"
    for section in (token.replace(">alice<", "><![CDATA[alice]]><"), token.replace(">alice<", ">al<?x?>ice<")):
        attack.refused(attack.message(messages.validate(section, trust=attack.trust)), InvalidRequest)


@each_type
def test_a_genuine_token_in_other_clothes_is_still_itself(attack: Attack, token_type: TokenType) -> None:
    """What exclusive canonicalization does not see is no change: quotes, and how an empty element is written."""
    token = issued(attack, token_type)
    assert attack.validated(token) == "valid"
    written_otherwise = token.replace("></ds:DigestMethod>", "/>").replace('Version="2.0"', "Version='2.0'")
    assert attack.validated(written_otherwise) == "valid"
    assert attack.validated(token_reference(f"<o:Embedded>{token}</o:Embedded>")) == "valid"


@each_type
def test_flipping_any_octet_makes_it_invalid_or_unreadable(attack: Attack, token_type: TokenType) -> None:
    token = issued(attack, token_type).encode()
    good = attack.message(messages.validate("@", trust=attack.trust)).encode()
    for position in range(3, len(token), 61):
        bent = token[:position] + bytes([token[position] ^ 0x01]) + token[position + 1 :]
        answer = attack.send(good.replace(b">@<", b">" + bent + b"<"))
        assert answer.status_code != "valid", bent[max(0, position - 30) : position + 30]


def test_cancelled_stays_cancelled(attack: Attack) -> None:
    token = issued(attack, TokenType.SAML20)
    token_id = id_of(etree.fromstring(token), TokenType.SAML20)
    assert attack.cancelled(token) is None
    assert attack.cancelled(token) is None
    assert attack.validated(token) == "invalid"
    assert attack.validated(reference(token_id)) == "invalid"
    assert attack.validated(token.replace("></ds:DigestMethod>", "/>")) == "invalid"


# -- references --------------------------------------------------------------------------------------------------


def _deep(times: int) -> str:
    inner = reference("_" + "0" * 32)
    for _ in range(times):
        inner = token_reference(f"<o:Embedded>{inner}</o:Embedded>")
    return inner


STRANGE_REFERENCES = {
    "unknown": reference("_" + "0" * 32),
    "of nothing": reference(""),
    "of white space": reference("  "),
    "of a path": reference("../../etc/passwd"),
    "of SQL": reference("' OR '1'='1"),
    "of a wildcard": reference("%"),
    "of a control": reference("a&#x85;b"),
    "of something long": reference("x" * 1_000),
    "to a file": token_reference('<o:Reference URI="file:///etc/passwd"/>'),
    "to a URL": token_reference('<o:Reference URI="http://127.0.0.1:9/"/>'),
    "to nothing": token_reference("<o:Reference/>"),
    "to the header's token": token_reference('<o:Reference URI="#user"/>'),
    "to itself": token_reference('<o:Reference URI="#me"/>', ' u:Id="me"'),
    "to another that refers to it": token_reference(
        token_reference('<o:Reference URI="#a"/>', ' u:Id="b"'), ' u:Id="a"'
    ),
    "in itself 100 times": _deep(100),
    "by thumbprint": token_reference('<o:KeyIdentifier ValueType="urn:thumbprint">AAAA</o:KeyIdentifier>'),
    "by key name": token_reference("<d:KeyName>x</d:KeyName>"),
}  # fmt: skip


@each(STRANGE_REFERENCES, "named")
def test_a_reference_to_no_token_is_invalid(attack: Attack, named: str) -> None:
    assert attack.validated(named) == "invalid"
    attack.refused(attack.message(messages.cancel(named, trust=attack.trust)), InvalidSecurityToken)


def as_user(attack: Attack, user: str, body: str) -> str:
    credential = messages.username_token(user, PASSWORDS[user])
    return attack.message(body, security=attack.security(attack.timestamp(), credential))


@each_type
def test_another_requestor_learns_nothing_by_reference(attack: Attack, token_type: TokenType) -> None:
    token_id = id_of(etree.fromstring(issued(attack, token_type)), token_type)
    assert attack.validated(reference(token_id, token_type)) == "valid"
    answers = [
        attack.send(as_user(attack, "bob", messages.validate(reference(name, token_type), trust=attack.trust)))
        for name in (token_id, "_" + "0" * 32)
    ]
    assert answers[0].body == answers[1].body
    assert answers[0].status_code == "invalid"
    for name in (token_id, "_" + "0" * 32):
        message = as_user(attack, "bob", messages.cancel(reference(name, token_type), trust=attack.trust))
        attack.refused(message, InvalidSecurityToken)
    assert attack.validated(reference(token_id, token_type)) == "valid"


@each_type
@pytest.mark.parametrize("by_reference", [True, False])
def test_only_subject_requestor_and_administrator_cancel(
    attack: Attack, token_type: TokenType, by_reference: bool
) -> None:
    def target(token: str) -> str:
        return reference(id_of(etree.fromstring(token), token_type), token_type) if by_reference else token

    token = issued(attack, token_type)
    for stranger in ("bob", "carol"):
        message = as_user(attack, stranger, messages.cancel(target(token), trust=attack.trust))
        attack.refused(message, InvalidSecurityToken if by_reference else NotAuthorized)
    assert attack.validated(token) == "valid"
    assert attack.cancelled(target(token)) is None
    assert attack.validated(token) == "invalid"
    token = issued(attack, token_type)
    answer = attack.send(as_user(attack, "admin", messages.cancel(target(token), trust=attack.trust)))
    assert answer.code is None
    assert attack.validated(token) == "invalid"


# -- what only a target in this process can show -----------------------------------------------------------------


@each_type
def test_an_expired_token_is_invalid_and_so_is_one_of_the_future(own: Attack, token_type: TokenType) -> None:
    target: InProcess = own.target
    token = issued(own, token_type)
    for moved, verdict in (
        (timedelta(minutes=59), "valid"),
        (timedelta(hours=1), "invalid"),
        (timedelta(days=3650), "invalid"),
        (timedelta(minutes=-10), "invalid"),
        (timedelta(0), "valid"),
    ):
        target.sts.clock.now = NOON + moved
        assert own.validated(token) == verdict, moved


@each_type
def test_a_genuine_token_that_is_not_in_the_register_is_invalid(own: Attack, token_type: TokenType) -> None:
    target: InProcess = own.target
    token = issued(own, token_type)
    target.sts.stores.issued_tokens.rows.clear()
    assert own.validated(token) == "invalid"
    assert own.cancelled(token) == "InvalidSecurityToken"


@each_type
def test_a_token_of_another_realm_is_invalid_though_its_key_is_known(own: Attack, token_type: TokenType) -> None:
    """The realm's name for itself has changed; what it signed under another name is not its own any more."""
    target: InProcess = own.target
    token = issued(own, token_type)
    realms = target.sts.stores.realms.rows
    realms["default"] = replace(realms["default"], issuer="https://other.example.test/")
    assert own.validated(token) == "invalid"


@each_type
def test_a_token_by_a_key_that_is_no_longer_known_is_invalid(own: Attack, token_type: TokenType) -> None:
    target: InProcess = own.target
    token = issued(own, token_type)
    keys = target.sts.stores.signing_keys
    retired = {name: replace(record, state=KeyState.RETIRED) for name, record in keys.rows.items()}
    fresh = make_signing_key("default", algorithm="ec-p256", name="sts.example.test", now=NOON, box=BOX)
    keys.rows = retired | {("default", fresh.id): fresh}
    keys.changes += 1
    assert own.validated(issued(own, token_type)) == "valid"
    assert own.validated(token) == "invalid"


@each_type
def test_a_token_of_a_key_that_was_retired_in_an_emergency_is_invalid_at_once_by_id_too(
    own: Attack, token_type: TokenType
) -> None:
    target: InProcess = own.target
    token = issued(own, token_type)
    by_id = reference(id_of(etree.fromstring(token), token_type), token_type)
    stores = target.sts.stores
    (leaked,) = stores.signing_keys.list("default")
    following = make_signing_key(
        "default", algorithm="ec-p256", name="sts.example.test", now=NOON, box=BOX, state=KeyState.NEXT
    )
    stores.administration.add_signing_key(following)
    assert stores.administration.promote_key("default", following.id)
    assert own.validated(token) == own.validated(by_id) == "valid"
    assert stores.administration.set_key_state("default", leaked.id, KeyState.RETIRED, expected=KeyState.RETIRING)
    assert own.validated(token) == "invalid"
    assert own.validated(by_id) == "invalid"
    assert own.cancelled(by_id) is None
    assert own.validated(issued(own, token_type)) == "valid"
