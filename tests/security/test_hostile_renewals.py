"""Hostile renewals, through the whole application: nobody gets a token by Renew that Issue would not give him, none
lives on by it that was ended, and what one token is renewed into has an end.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.attack import Attack
from tests.cases import each_token_type
from tests.fakes import NOON
from tests.harness import PASSWORDS, RELYING_PARTY, account
from tests.messages import RP, Answer
from wstrust_sts import ns
from wstrust_sts.errors import (
    BadRequest,
    FailedAuthentication,
    InvalidRequest,
    InvalidScope,
    InvalidSecurityToken,
    NotAuthorized,
    UnableToRenew,
)

GRACE = timedelta(minutes=2)
TURNS = 3


def issued(attack: Attack, *more: str, token_type: str = ns.TP11_SAML20, **how: str) -> str:
    """A fresh token of alice."""
    return attack.send(attack.message(attack.rst(*more, token_type=token_type, **how))).assertion.decode()


def renewal(attack: Attack, target: str, *more: str, user: str = "alice", password: str | None = None) -> str:
    credential = messages.username_token(user, password or PASSWORDS[user])
    body = messages.renew(target, *more, trust=attack.trust)
    return attack.message(body, security=attack.security(attack.timestamp(), credential))


def renewed(attack: Attack, target: str, *more: str) -> str:
    answer: Answer = attack.send(renewal(attack, target, *more))
    assert answer.status == 200, answer.body
    return answer.assertion.decode()


def identifier(token: str) -> str:
    root = etree.fromstring(token)
    return root.get("ID") or root.get("AssertionID")


def reference(token: str) -> str:
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">'
        f"{identifier(token)}</o:KeyIdentifier></o:SecurityTokenReference>"
    )


@each_token_type
def test_a_strangers_token_is_not_renewed_whoever_presents_or_names_it(attack: Attack, token_type: str) -> None:
    """Nor does an administrator, who may cancel it, get one; and an unknown id looks like a stranger's."""
    token = issued(attack, token_type=token_type)
    unknown = reference(token).replace(">_", ">_0")
    for stranger in ("bob", "carol", "admin"):
        refusal = attack.refused(renewal(attack, token, user=stranger), NotAuthorized)
        assert b"alice" not in refusal.body
        for named in (reference(token), unknown):
            attack.refused(renewal(attack, named, user=stranger), InvalidSecurityToken)
    attack.refused(renewal(attack, token, password="trumpet"), FailedAuthentication)
    assert attack.validated(token) == "valid"


@each_token_type
def test_a_tampered_token_is_not_renewed_and_the_genuine_one_stays(attack: Attack, token_type: str) -> None:
    token = issued(attack, token_type=token_type)
    (last,) = {element.get("NotOnOrAfter") for element in etree.fromstring(token).iter("{*}Conditions")}
    for changed in (
        token.replace("alice", "admin"),
        token.replace(last, last.replace("2026", "2036")),
        token.replace(RP, "https://strict.example.test/svc"),
        token.replace(identifier(token), identifier(issued(attack, token_type=token_type))),
        token.replace("SignatureValue>", "SignatureValue>AAAA", 1),
    ):
        assert changed != token
        attack.refused(renewal(attack, changed), InvalidSecurityToken)
    assert attack.validated(token) == "valid"


@each_token_type
@pytest.mark.parametrize(
    "parts",
    [
        "<t:RenewTarget>{token}</t:RenewTarget><t:RenewTarget>{token}</t:RenewTarget>",
        "<t:RenewTarget>{token}{other}</t:RenewTarget>",
        "<t:RenewTarget>{token}</t:RenewTarget>{other}",
        "<t:RenewTarget>{token}</t:RenewTarget><t:ValidateTarget>{other}</t:ValidateTarget>",
        "<t:RenewTarget>{token}</t:RenewTarget><t:SecondaryParameters><t:RenewTarget>{other}</t:RenewTarget>"
        "<t:RenewTarget>{other}</t:RenewTarget></t:SecondaryParameters>",
        "{token}",
        "",
    ],
    ids=["two", "two inside", "one more", "of Validate, too", "two secondary", "bare", "none"],
)
def test_a_renewal_with_something_doubled_is_unreadable(attack: Attack, token_type: str, parts: str) -> None:
    told = parts.format(token=issued(attack, token_type=token_type), other=issued(attack, token_type=token_type))
    attack.refused(attack.message(messages.rst("Renew", told, trust=attack.trust)), InvalidRequest)


@each_token_type
def test_a_renewal_is_for_nobody_and_nothing_else(attack: Attack, token_type: str) -> None:
    token = issued(attack, token_type=token_type)
    for address in ("https://strict.example.test/svc", "https://nobody.example.test/", f"{RP}?a", f"{RP}/%2e%2e/"):
        attack.refused(renewal(attack, token, messages.applies_to(address)), InvalidScope)
    for part in (
        messages.on_behalf_of(messages.named("bob")),
        f"<t:KeyType>{attack.trust}/PublicKey</t:KeyType>",
    ):
        attack.refused(renewal(attack, token, part), BadRequest)
    attack.refused(renewal(attack, token, "<t:UseKey/>"), InvalidRequest)
    other = ns.TP11_SAML11 if token_type == ns.TP11_SAML20 else ns.TP11_SAML20
    attack.refused(renewal(attack, token, f"<t:TokenType>{other}</t:TokenType>"), BadRequest)


@each_token_type
def test_what_was_ended_does_not_come_back(own: Attack, token_type: str) -> None:
    cancelled = issued(own, token_type=token_type)
    assert own.cancelled(cancelled) is None
    old = issued(own, token_type=token_type)
    renewed(own, old)
    own.target.sts.clock.advance(GRACE)
    for token in (cancelled, old):
        for target in (token, reference(token)):
            own.refused(renewal(own, target), InvalidSecurityToken)
    late = issued(own, "<t:Renewing OK='true'/>", token_type=token_type)
    renewed(own, late)
    own.target.sts.clock.advance(timedelta(hours=1))
    own.refused(renewal(own, late), InvalidSecurityToken)


@each_token_type
def test_one_token_becomes_few_however_often_and_however_it_is_renewed(own: Attack, token_type: str) -> None:
    token = issued(own, token_type=token_type)
    made = {renewed(own, target) for target in (token, reference(token), token)}
    assert len(made) == TURNS
    for _ in range(3):
        for target in (token, reference(token)):
            own.refused(renewal(own, target), UnableToRenew)
    own.target.sts.clock.advance(GRACE)
    own.refused(renewal(own, token), InvalidSecurityToken)
    assert len(own.target.sts.stores.issued_tokens.rows) == 1 + TURNS


@each_token_type
def test_what_is_refused_uses_up_none_of_them(own: Attack, token_type: str) -> None:
    token = issued(own, token_type=token_type)
    for _ in range(5):
        own.refused(renewal(own, token, messages.applies_to("https://nobody.example.test/")), InvalidScope)
        own.refused(renewal(own, token, "<t:TokenType>urn:x</t:TokenType>"), BadRequest)
        own.refused(renewal(own, token, user="bob"), NotAuthorized)
    assert len({renewed(own, token) for _ in range(TURNS)}) == TURNS


@each_token_type
def test_a_chain_of_renewals_never_makes_the_authentication_younger_nor_leaves_its_links_alive(
    own: Attack, token_type: str
) -> None:
    chain = [issued(own, token_type=token_type)]
    for _ in range(12):
        own.target.sts.clock.advance(timedelta(minutes=45))
        chain.append(renewed(own, chain[-1]))
        (statement,) = etree.fromstring(chain[-1]).iter("{*}AuthnStatement", "{*}AuthenticationStatement")
        assert messages.instant(NOON) in statement.values()
    own.target.sts.clock.advance(GRACE)
    assert [own.validated(token) for token in chain] == ["invalid"] * 12 + ["valid"]


@each_token_type
def test_who_is_locked_out_gets_nothing_for_his_token(own: Attack, token_type: str) -> None:
    """Nor does an account that came after, under his name."""
    stores, token = own.target.sts.stores, issued(own, token_type=token_type)
    stores.accounts.put(account("alice", enabled=False))
    own.refused(renewal(own, token), FailedAuthentication)
    stores.accounts.put(account("alice", expires_at=NOON))
    own.refused(renewal(own, token), FailedAuthentication)
    stores.accounts.put(replace(account("alice"), id="id-another"))
    own.refused(renewal(own, token), NotAuthorized)
    own.refused(renewal(own, reference(token)), InvalidSecurityToken)
    stores.accounts.put(account("alice"))
    stores.relying_parties.rows["default", "rp"] = replace(RELYING_PARTY, enabled=False)
    for target in (token, reference(token)):
        own.refused(renewal(own, target), InvalidSecurityToken)
    del stores.relying_parties.rows["default", "rp"]
    own.refused(renewal(own, token), InvalidSecurityToken)
    stores.relying_parties.rows["default", "rp"] = RELYING_PARTY
    assert own.validated(renewed(own, token)) == "valid"


@each_token_type
def test_a_token_of_a_retired_key_is_not_made_into_one_of_a_good_key(own: Attack, token_type: str) -> None:
    token = issued(own, token_type=token_type)
    rows = own.target.sts.stores.issued_tokens.rows
    rows["default", identifier(token)] = replace(rows["default", identifier(token)], key_id="0" * 32)
    for target in (token, reference(token)):
        own.refused(renewal(own, target), InvalidSecurityToken)


@each_token_type
def test_a_renewal_does_not_undo_what_was_asked_for_at_issue(own: Attack, token_type: str) -> None:
    """Neither by asking for it now, nor by the way of another token type."""
    token = issued(own, "<t:Renewing Allow='false'/>", token_type=token_type)
    own.refused(renewal(own, token, "<t:Renewing Allow='true' OK='true'/>"), UnableToRenew)
    made = own.send(own.message(messages.transform(token, token_type=token_type, trust=own.trust))).assertion.decode()
    own.refused(renewal(own, made), UnableToRenew)
    once = issued(own, token_type=token_type)
    last = renewed(own, once, "<t:Renewing Allow='false'/>")
    own.refused(renewal(own, last), UnableToRenew)


@each_token_type
def test_a_transformed_token_ends_with_the_renewed_one(own: Attack, token_type: str) -> None:
    token = issued(own, token_type=token_type)
    made = own.send(own.message(messages.transform(token, token_type=ns.SAML11, trust=own.trust))).assertion.decode()
    renewed(own, token)
    assert own.validated(made) == "valid"
    own.target.sts.clock.advance(GRACE)
    assert own.validated(made) == "invalid"


@each_token_type
def test_a_renewal_that_was_not_stored_is_none(own: Attack, token_type: str) -> None:
    token = issued(own, token_type=token_type)
    own.target.sts.stores.journal.away = True
    assert own.send(renewal(own, token)).status == 503
    own.target.sts.stores.journal.away = False
    own.target.sts.clock.advance(GRACE)
    assert own.validated(token) == "valid"
    renewed(own, token)
