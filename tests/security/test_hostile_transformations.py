"""Hostile requests for a token made from another one, through the whole application.

Forged targets are in test_hostile_targets.py; here the targets are genuine, and what is asked of them is too much.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.attack import CANARY, Attack
from tests.cases import each_token_type
from tests.fakes import NOON
from tests.harness import PASSWORDS, STRICT_PARTY, account
from tests.messages import RP, Answer
from wstrust_sts import ns
from wstrust_sts.errors import BadRequest, InvalidRequest, InvalidScope, NotAuthorized
from wstrust_sts.lineage import LONGEST_LINEAGE

STRICT = "https://strict.example.test/svc"


def issued(attack: Attack, token_type: str = ns.TP11_SAML20, **how: str) -> str:
    """A fresh token of alice."""
    return attack.send(attack.message(attack.rst(token_type=token_type, **how))).assertion.decode()


def request(attack: Attack, target: str, *more: str, token_type: str = ns.SAML11) -> str:
    return messages.transform(target, *more, token_type=token_type, trust=attack.trust)


def as_user(attack: Attack, user: str, body: str) -> str:
    credential = messages.username_token(user, PASSWORDS[user])
    return attack.message(body, security=attack.security(attack.timestamp(), credential))


def made_by(attack: Attack, token: str, *more: str, user: str = "alice", **how: str) -> Answer:
    answer = attack.send(as_user(attack, user, request(attack, token, *more, **how)))
    assert answer.status_code == "valid", answer.body
    return answer


def reference(token: str) -> str:
    root = etree.fromstring(token)
    identifier = root.get("ID") or root.get("AssertionID")
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">'
        f"{identifier}</o:KeyIdentifier></o:SecurityTokenReference>"
    )


@each_token_type
@pytest.mark.parametrize(
    "parts",
    [
        "<t:ValidateTarget>{token}</t:ValidateTarget><t:ValidateTarget>{token}</t:ValidateTarget>",
        "<t:ValidateTarget>{token}{other}</t:ValidateTarget>",
        "<t:ValidateTarget>{token}</t:ValidateTarget>{other}",
        "<t:ValidateTarget>{token}</t:ValidateTarget><t:CancelTarget>{other}</t:CancelTarget>",
        "<t:ValidateTarget>{token}</t:ValidateTarget><t:TokenType>{type}</t:TokenType>",
        "<t:ValidateTarget>{token}</t:ValidateTarget><t:SecondaryParameters><t:ValidateTarget>{other}"
        "</t:ValidateTarget><t:ValidateTarget>{other}</t:ValidateTarget></t:SecondaryParameters>",
        "{token}{other}",
        "",
    ],
    ids=["two", "two inside", "one more", "of Cancel, too", "two types", "two secondary", "two bare", "none"],
)
def test_a_request_with_something_doubled_is_unreadable(attack: Attack, token_type: str, parts: str) -> None:
    told = parts.format(token=issued(attack, token_type), other=issued(attack, token_type), type=ns.SAML11)
    body = messages.rst("Validate", f"<t:TokenType>{token_type}</t:TokenType>", told, trust=attack.trust)
    attack.refused(attack.message(body), InvalidRequest)


def test_a_target_among_the_secondary_parameters_is_no_way_around_anything(attack: Attack) -> None:
    token = issued(attack)
    for target, told in ((token, "transformed"), (token.replace("alice", "admin"), "invalid")):
        secondary = (
            f"<t:SecondaryParameters><t:TokenType>{ns.SAML11}</t:TokenType><t:ValidateTarget>{target}"
            "</t:ValidateTarget></t:SecondaryParameters>"
        )
        answer = attack.send(attack.message(messages.rst("Validate", secondary, trust=attack.trust)))
        assert attack.result_of(answer) == told


@pytest.mark.parametrize(
    "token_type",
    [
        CANARY,
        "urn:x",
        "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/Status/",
        "http://docs.oasis-open.org/ws-sx/ws-trust/200512/rstr/status",
        f"{ns.SAML20}#",
        ns.SAML20.upper(),
        "../../etc/passwd",
        "x" * 1_000,
    ],
    ids=lambda token_type: token_type[-20:],
)
def test_a_type_that_is_nearly_one_is_none(attack: Attack, token_type: str) -> None:
    """Whatever the target is, so that the answer says nothing about it."""
    for target in (issued(attack), "<x/>", reference(issued(attack))):
        attack.refused(attack.message(request(attack, target, token_type=token_type)), BadRequest)


@each_token_type
def test_a_third_party_that_has_come_by_a_token_gets_no_token(attack: Attack, token_type: str) -> None:
    """Nor more claims of the subject than the token itself tells."""
    few = f'<t:Claims Dialect="{ns.IDENTITY}" xmlns:i="{ns.IDENTITY}"><i:ClaimType Uri="{ns.CLAIM_EMAIL}"/></t:Claims>'
    answer = attack.send(attack.message(attack.rst(few, token_type=token_type)))
    token = answer.assertion.decode()
    assert "philharmonic" not in token
    for stranger in ("bob", "carol", "admin"):
        for body in (request(attack, token), request(attack, token, messages.applies_to(RP))):
            refusal = attack.refused(as_user(attack, stranger, body), NotAuthorized)
            assert b"alice" not in refusal.body
    assert "philharmonic" in made_by(attack, token).assertion.decode()


@each_token_type
def test_a_stranger_who_names_a_token_learns_nothing_and_its_subject_gets_nothing(
    attack: Attack, token_type: str
) -> None:
    """Who knows an id has not the token: what was proved for that is not proved today."""
    token = issued(attack, token_type)
    unknown = reference(token).replace(">_", ">_0")
    for user in ("bob", "alice"):
        for target in (reference(token), unknown):
            attack.refused(as_user(attack, user, request(attack, target)), BadRequest)
    for uri in ("#user", etree.fromstring(token).get("ID") or etree.fromstring(token).get("AssertionID")):
        named = f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="{uri}"/></o:SecurityTokenReference>'
        attack.refused(attack.message(request(attack, named)), BadRequest)


@each_token_type
@pytest.mark.parametrize("user", ["alice", "bob"])
def test_a_token_for_one_party_is_not_made_into_one_for_another(attack: Attack, token_type: str, user: str) -> None:
    """Though bob validates for the other one."""
    token = issued(attack, token_type)
    for address in (STRICT, "https://nobody.example.test/", "https://rp.example.test/", f"{RP}?a", f"{RP}/%2e%2e/"):
        expected = InvalidScope if user == "alice" else NotAuthorized
        attack.refused(as_user(attack, user, request(attack, token, messages.applies_to(address))), expected)
    strict = issued(attack, token_type, address=STRICT)
    attack.refused(as_user(attack, "bob", request(attack, strict, messages.applies_to(RP))), InvalidScope)
    assert RP.encode() not in made_by(attack, strict, user="bob").assertion


@each_token_type
def test_no_wish_and_no_chain_makes_a_longer_life(own: Attack, token_type: str) -> None:
    token = issued(own, token_type)
    (last,) = {element.get("NotOnOrAfter") for element in etree.fromstring(token).iter("{*}Conditions")}
    wish = f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{{}}</u:Expires></t:Lifetime>'
    for _ in range(1, LONGEST_LINEAGE):
        own.target.sts.clock.advance(timedelta(minutes=7))
        longer = wish.format(messages.instant(own.now, timedelta(hours=7)))
        token = made_by(own, token, longer, "<t:Renewing OK='true'/>", token_type=token_type).assertion.decode()
        told = {element.get("NotOnOrAfter", last) for element in etree.fromstring(token).iter("{*}*")}
        assert told == {last}
        (statement,) = etree.fromstring(token).iter("{*}AuthnStatement", "{*}AuthenticationStatement")
        assert messages.instant(NOON) in statement.values()
    assert own.transformed(token) == "BadRequest"
    assert own.validated(token) == "valid"
    own.target.sts.clock.now = NOON + timedelta(hours=1)
    assert own.validated(token) == own.transformed(token) == "invalid"


@each_token_type
def test_a_cancelled_token_does_not_live_on_in_what_was_made_of_it(own: Attack, token_type: str) -> None:
    first = issued(own, token_type)
    second = made_by(own, first, token_type=token_type).assertion.decode()
    third = made_by(own, second, token_type=token_type).assertion.decode()
    assert own.cancelled(first) is None
    for token in (first, second, third):
        assert own.validated(token) == own.validated(reference(token)) == own.transformed(token) == "invalid"


@each_token_type
def test_the_token_of_somebody_locked_out_is_not_made_into_a_fresh_one(own: Attack, token_type: str) -> None:
    """Not by a validator, and not under the name of an account that came after."""
    stores = own.target.sts.stores
    token = issued(own, token_type, address=STRICT)
    for changed in (account("alice", enabled=False), replace(account("alice"), id="id-another")):
        stores.accounts.put(changed)
        answer = own.send(as_user(own, "bob", request(own, token)))
        assert own.result_of(answer) == "invalid"
    stores.accounts.put(account("alice"))
    assert made_by(own, token, user="bob").status_code == "valid"
    stores.relying_parties.rows["default", "strict"] = replace(STRICT_PARTY, enabled=False)
    assert own.result_of(own.send(as_user(own, "bob", request(own, token)))) == "invalid"


@each_token_type
def test_a_token_bound_to_a_key_does_not_become_everybodys(own: Attack, token_type: str) -> None:
    """Where the register says that there is a key, what comes without one is not the token."""
    token = issued(own, token_type)
    rows = own.target.sts.stores.issued_tokens.rows
    for name, row in rows.items():
        rows[name] = replace(row, key_type="PublicKey", key_thumbprint="ab" * 32)
    assert own.result_of(own.send(own.message(request(own, token)))) == "invalid"
    key_type = f"<t:KeyType>{own.trust}/PublicKey</t:KeyType>"
    own.refused(own.message(request(own, issued(own, token_type), key_type)), BadRequest)
