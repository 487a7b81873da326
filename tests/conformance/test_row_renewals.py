"""Row 28 of the wire contract: Renew makes a token in the place of another."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import Client, assert_sound, by_reference, each_that_is_no_token_of_ours, names
from tests.fakes import NOON
from tests.harness import PUBLIC_URL, RELYING_PARTY, Sts, account
from tests.messages import RP, instant
from wstrust_sts import ns
from wstrust_sts.model import Claim
from wstrust_sts.relying_parties import AppliesToRule

EACH_TYPE = pytest.mark.parametrize("token_type", [ns.SAML11, ns.SAML20], ids=["SAML 1.1", "SAML 2.0"])
GRACE = timedelta(minutes=2)
STRICT = "https://strict.example.test/svc"


@pytest.fixture
def client(client):
    """Each test changes accounts and waits as it likes: an STS of its own."""
    return replace(client, sts=Sts())


def verdict(client: Client, target: str) -> str:
    answer = client.validate(target)
    code = client.rstr(answer).findtext(f"{{{client.trust}}}Status/{{{client.trust}}}Code")
    return code.removeprefix(f"{client.trust}/status/")


def renewed(client: Client, target: str, *more: str, **how) -> str:
    answer = client.renew(target, *more, **how)
    assert answer.status == 200, answer.body
    return answer.assertion.decode()


def refusal(client: Client, target: str, *more: str, **how) -> str:
    """The code of WS-Trust by which a renewal is refused."""
    answer = client.renew(target, *more, **how)
    assert_sound(answer, soap=client.soap)
    namespace, code = answer.fault
    assert namespace == client.trust
    return code


def wait(client: Client, time: timedelta) -> None:
    client.sts.clock.advance(time)


def token_id(token: str) -> str:
    root = etree.fromstring(token)
    return root.get("ID") or root.get("AssertionID")


def authentication_instant(token: str) -> str:
    (statement,) = etree.fromstring(token).iter("{*}AuthnStatement", "{*}AuthenticationStatement")
    return statement.get("AuthnInstant") or statement.get("AuthenticationInstant")


def end(token: str) -> str:
    (found,) = (element.get("NotOnOrAfter") for element in etree.fromstring(token).iter("{*}Conditions"))
    return found


def audiences(token: str) -> list[str]:
    return [element.text for element in etree.fromstring(token).iter("{*}Audience")]


class TestAnswer:
    @EACH_TYPE
    def test_row_28_the_answer_is_one_response_with_the_new_token(self, client, token_type):
        token = client.token(token_type=token_type)
        answer = client.ask(messages.renew(token, trust=client.trust), operation="Renew")
        assert_sound(answer, soap=client.soap)
        assert etree.QName(answer.root[1][0]).localname == "RequestSecurityTokenResponse"
        assert names(client.rstr(answer)) == [
            "TokenType",
            "RequestedSecurityToken",
            "RequestedAttachedReference",
            "RequestedUnattachedReference",
            "Lifetime",
            "RequestType",
            "KeyType",
        ]
        suffix = "RSTR/RenewFinal" if client.trust == ns.WST13 else "RSTR/Renew"
        assert client.text(answer, ".//a:Action") == f"{client.trust}/{suffix}"
        assert client.rstr(answer).findtext(f"{{{client.trust}}}RequestType") == f"{client.trust}/Renew"
        made = answer.assertion.decode()
        assert etree.fromstring(made).tag == etree.fromstring(token).tag
        assert token_id(made) != token_id(token)
        assert verdict(client, made) == "valid"

    def test_row_28_an_address_is_echoed(self, client):
        answer = client.renew(client.token(), messages.applies_to(RP))
        assert client.find(answer, ".//t:RequestSecurityTokenResponse/p:AppliesTo") is not None

    @EACH_TYPE
    def test_row_28_the_lifetime_begins_anew_and_the_authentication_does_not(self, client, token_type):
        token = client.token(token_type=token_type)
        wait(client, timedelta(minutes=50))
        made = renewed(client, token)
        assert end(made) == instant(NOON, timedelta(minutes=110))
        assert authentication_instant(made) == authentication_instant(token) == instant(NOON)

    def test_row_28_a_wish_for_a_lifetime_is_held_against_the_rule(self, client):
        wish = f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{{}}</u:Expires></t:Lifetime>'
        token = client.token()
        assert end(renewed(client, token, wish.format(instant(NOON, timedelta(minutes=7))))) == instant(
            NOON, timedelta(minutes=7)
        )
        assert end(renewed(client, token, wish.format(instant(NOON, timedelta(days=7))))) == instant(
            NOON, timedelta(hours=8)
        )
        assert refusal(client, token, wish.format(instant(NOON, -timedelta(minutes=7)))) == "InvalidTimeRange"

    def test_row_28_account_and_claims_are_those_of_today(self, client):
        token = client.token()
        moved = (Claim(ns.CLAIM_EMAIL, ("new@example.test",)),)
        client.sts.stores.accounts.put(account("alice", claims=moved))
        made = renewed(client, token)
        assert "new@example.test" in made
        assert "alice@example.test" not in made

    def test_row_28_the_type_stays_and_may_be_repeated(self, client):
        token = client.token(token_type=ns.SAML11)
        assert ns.SAML11 in etree.fromstring(renewed(client, token)).tag
        for uri in ns.SAML11_TOKEN_TYPES:
            answer = client.renew(token, f"<t:TokenType>{uri}</t:TokenType>")
            assert client.rstr(answer).findtext(f"{{{client.trust}}}TokenType") == uri
        for uri in (ns.SAML20, "urn:x"):
            assert refusal(client, token, f"<t:TokenType>{uri}</t:TokenType>") == "BadRequest"


class TestScope:
    @pytest.mark.parametrize(
        "address", [RP, PUBLIC_URL, f"{PUBLIC_URL}/trust/13/usernamemixed", f"{PUBLIC_URL}/trust/2005/usernamemixed"]
    )
    def test_row_28_an_address_is_that_of_the_token_or_the_sts_s_own(self, client, address):
        assert audiences(renewed(client, client.token(), messages.applies_to(address))) == [RP]

    @pytest.mark.parametrize("address", [STRICT, "https://nobody.example.test/", f"{PUBLIC_URL}/trust/other"])
    def test_row_28_another_address_is_an_invalid_scope(self, client, address):
        assert refusal(client, client.token(), messages.applies_to(address)) == "InvalidScope"

    def test_row_28_a_token_for_participants_is_not_renewed_for_fewer(self, client):
        participants = (
            f'<t:Participants><t:Participant><a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{STRICT}</a:Address>'
            "</a:EndpointReference></t:Participant></t:Participants>"
        )
        assert refusal(client, client.token(), participants) == "BadRequest"
        token = client.issue(participants).assertion.decode()
        assert audiences(token) == [RP, STRICT]
        assert refusal(client, token) == "UnableToRenew"

    def test_row_28_by_reference_one_of_several_addresses_has_to_be_named(self, client):
        other = "https://rp.example.test/other"
        rules = (*RELYING_PARTY.applies_to, AppliesToRule(address=other))
        client.sts.stores.relying_parties.rows["default", "rp"] = replace(RELYING_PARTY, applies_to=rules)
        token = client.token(address=other)
        assert refusal(client, by_reference(token)) == "InvalidRequest"
        assert audiences(renewed(client, by_reference(token), messages.applies_to(other))) == [other]
        assert audiences(renewed(client, token)) == [other]


class TestWhichToken:
    @EACH_TYPE
    def test_row_28_the_target_may_be_a_reference_and_tells_nothing_of_the_authentication(self, client, token_type):
        token = client.token(token_type=token_type)
        wait(client, timedelta(minutes=5))
        made = renewed(client, by_reference(token))
        assert etree.fromstring(made).tag == etree.fromstring(token).tag
        assert authentication_instant(made) == instant(NOON, timedelta(minutes=5))
        assert audiences(made) == [RP]

    @pytest.mark.parametrize("renewing", ["", "<t:Renewing/>", '<t:Renewing Allow="true" OK="false"/>'])
    def test_row_28_the_default_is_to_allow_it_before_the_end_alone(self, client, renewing):
        token = client.issue(renewing).assertion.decode()
        wait(client, timedelta(minutes=59))
        renewed(client, token)
        wait(client, timedelta(minutes=-59))
        token = client.issue(renewing).assertion.decode()
        wait(client, timedelta(hours=1))
        assert refusal(client, token) == "UnableToRenew"

    def test_row_28_what_was_not_allowed_at_issue_is_not_done(self, client):
        token = client.issue('<t:Renewing Allow="false"/>').assertion.decode()
        for target in (token, by_reference(token)):
            assert refusal(client, target) == "UnableToRenew"
        assert verdict(client, token) == "valid"

    @EACH_TYPE
    def test_row_28_after_its_end_a_token_is_renewed_where_that_was_asked_for_and_not_for_ever(
        self, client, token_type
    ):
        late = client.issue('<t:Renewing OK="true"/>', token_type=token_type).assertion.decode()
        plain = client.token(token_type=token_type)
        wait(client, timedelta(hours=1, minutes=59))
        assert verdict(client, late) == "invalid"
        assert refusal(client, plain) == refusal(client, by_reference(plain)) == "UnableToRenew"
        assert verdict(client, renewed(client, late)) == "valid"
        client.sts.clock.now = NOON + timedelta(hours=2)
        other = client.issue('<t:Renewing OK="true"/>', token_type=token_type).assertion.decode()
        wait(client, timedelta(hours=2))
        for target in (other, by_reference(other)):
            assert refusal(client, target) == "InvalidSecurityToken"

    @each_that_is_no_token_of_ours
    def test_row_28_what_is_no_token_of_ours_is_an_invalid_security_token(self, client, target):
        assert refusal(client, target) == "InvalidSecurityToken"

    @pytest.mark.parametrize("parts", ["", "<t:RenewTarget/>", "{token}", "<t:CancelTarget>{token}</t:CancelTarget>"])
    def test_row_28_a_renewal_without_exactly_one_target_is_invalid(self, client, parts):
        answer = client.ask(client.rst("Renew", parts.format(token=client.token())))
        assert answer.fault == (client.trust, "InvalidRequest")

    def test_row_28_what_was_made_from_another_token_ends_with_that(self, client):
        made = client.transform(client.token(), token_type=ns.SAML11).assertion.decode()
        assert refusal(client, made) == "UnableToRenew"

    @pytest.mark.parametrize("key_type", ["SymmetricKey", "PublicKey"])
    def test_row_28_a_token_bound_to_a_key_needs_its_proof(self, client, key_type):
        token = client.token()
        rows = client.sts.stores.issued_tokens.rows
        rows["default", token_id(token)] = replace(rows["default", token_id(token)], key_type=key_type)
        assert refusal(client, token) == refusal(client, by_reference(token)) == "UnableToRenew"


class TestGrace:
    @EACH_TYPE
    def test_row_28_the_old_token_is_valid_for_a_grace_and_then_cancelled(self, client, token_type):
        token = client.token(token_type=token_type)
        made = renewed(client, token)
        wait(client, GRACE - timedelta(seconds=1))
        assert verdict(client, token) == verdict(client, by_reference(token)) == "valid"
        wait(client, timedelta(seconds=1))
        assert verdict(client, token) == verdict(client, by_reference(token)) == "invalid"
        assert refusal(client, token) == refusal(client, by_reference(token)) == "InvalidSecurityToken"
        assert verdict(client, made) == "valid"

    def test_row_28_an_answer_that_was_lost_is_asked_for_again_and_the_grace_is_not_longer_for_it(self, client):
        token = client.token()
        first = renewed(client, token)
        wait(client, GRACE - timedelta(seconds=1))
        second = renewed(client, token)
        assert token_id(second) != token_id(first)
        wait(client, timedelta(seconds=1))
        assert verdict(client, token) == "invalid"
        assert verdict(client, first) == verdict(client, second) == "valid"

    def test_row_28_to_cancel_in_the_grace_acts_at_once(self, client):
        token = client.token()
        made = renewed(client, token)
        assert client.cancel(token).status == 200
        assert verdict(client, token) == "invalid"
        assert refusal(client, token) == "InvalidSecurityToken"
        assert verdict(client, made) == "valid"

    def test_row_28_the_answer_promises_nothing_that_is_not_stored(self, client):
        token = client.token()
        client.sts.stores.journal.away = True
        answer = client.renew(token)
        assert (answer.status, answer.fault) == (503, (client.trust, "RequestFailed"))
        assert b"Assertion" not in answer.body
        client.sts.stores.journal.away = False
        assert verdict(client, renewed(client, token)) == "valid"
