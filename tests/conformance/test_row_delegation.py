"""Rows 13, 14 and 27 of the wire contract where somebody acts for somebody else: ActAs and OnBehalfOf."""

from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.cases import each_token_type
from tests.conformance.client import COMBINATIONS, Client
from tests.delegated import (
    ACT_AS,
    BACK,
    FAR,
    HOUR,
    ON_BEHALF_OF,
    DelegatingSts,
    delegates_of,
    id_of,
    rule,
    subject_of,
)
from tests.issued import embedded, until
from tests.verifiers import schema, signxml_verify, xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.delegation_rules import DelegationKind

each_element = pytest.mark.parametrize("element", ["ActAs", "OnBehalfOf"])


@pytest.fixture
def sts() -> DelegatingSts:
    return DelegatingSts()


@pytest.fixture(params=COMBINATIONS, ids=str)
def client(request, sts) -> Client:
    return Client(sts, request.param)


def conditions(token: str) -> etree._Element:
    (found,) = etree.fromstring(token).iter("{*}Conditions")
    return found


class TestTheToken:
    @each_token_type
    def test_row_13_act_as_gives_a_token_about_the_subject_that_tells_who_acts(self, client, token_type):
        token = client.sts.acted(client.token(), token_type=token_type, **client.how)
        assert (subject_of(token), delegates_of(token)) == ("alice", ["bob"])
        assert conditions(token).findtext(".//{*}Audience") == BACK

    @each_token_type
    def test_row_13_on_behalf_of_gives_a_token_about_the_subject_that_does_not(self, client, token_type):
        token = client.sts.acted(client.token(), element="OnBehalfOf", token_type=token_type, **client.how)
        assert (subject_of(token), delegates_of(token)) == ("alice", [])
        record = client.sts.record(token)
        assert (record.account, record.requestor, record.delegation) == ("id-alice", "id-bob", "OnBehalfOf")

    @each_token_type
    @each_element
    def test_the_token_shown_may_be_of_either_type(self, sts, token_type, element):
        assert subject_of(sts.acted(sts.token(token_type=token_type), element=element)) == "alice"

    @each_token_type
    def test_verifiers_that_no_one_here_wrote_accept_it(self, sts, token_type):
        token = sts.acted(sts.token(), token_type=token_type).encode()
        certificate = sts.keyring.signer("default").certificates[0]
        xmlsec_verify(token, certificate)
        signxml_verify(token, certificate, "ID" if token_type == ns.TP11_SAML20 else "AssertionID")

    def test_but_for_the_condition_of_another_schema_it_keeps_to_that_of_saml(self, sts):
        token = etree.fromstring(sts.acted(sts.token()))
        (condition,) = token.iter(f"{{{ns.SAML20}}}Condition")
        prefix, _, name = condition.get(f"{{{ns.XSI}}}type").partition(":")
        assert (condition.nsmap[prefix], name) == (ns.SAML20_DELEGATION, "DelegationRestrictionType")
        condition.getparent().remove(condition)
        schema("saml-schema-assertion-2.0.xsd").assertValid(token)

    @each_token_type
    def test_it_says_when_and_how_the_subject_proved_itself(self, sts, token_type):
        shown = sts.token()
        sts.clock.advance(timedelta(minutes=7))
        (statement,) = etree.fromstring(sts.acted(shown, token_type=token_type)).iter(
            "{*}AuthnStatement", "{*}AuthenticationStatement"
        )
        instant = statement.get("AuthnInstant") or statement.get("AuthenticationInstant")
        assert instant == messages.instant(sts.clock.now, timedelta(minutes=-7))

    @each_token_type
    @each_element
    def test_it_ends_with_the_token_shown_whatever_is_asked(self, sts, token_type, element):
        shown = sts.token()
        sts.clock.advance(timedelta(minutes=20))
        token = sts.acted(shown, until(sts.clock.now + 5 * HOUR), token_type=token_type, element=element)
        assert conditions(token).get("NotOnOrAfter") == conditions(shown).get("NotOnOrAfter")

    @each_element
    def test_it_is_valid_only_while_the_token_shown_is(self, sts, element):
        shown = sts.token()
        token = sts.acted(shown, element=element)
        assert sts.ask(messages.validate(token)).status_code == "valid"
        assert sts.ask(messages.cancel(shown)).status == 200
        assert sts.ask(messages.validate(token)).status_code == "invalid"

    def test_neither_the_actor_nor_the_subject_renews_it(self, sts):
        token = sts.acted(sts.token())
        for user in ("alice", "bob"):
            assert sts.ask(messages.renew(token), user=user).status == 500

    def test_nothing_else_is_made_of_it_by_validate(self, sts):
        token = sts.acted(sts.token())
        assert sts.ask(messages.transform(token, token_type=ns.SAML11)).code == "BadRequest"

    def test_the_actor_and_the_subject_may_cancel_it(self, sts):
        for user in ("alice", "bob"):
            assert sts.ask(messages.cancel(sts.acted(sts.token())), user=user).status == 200

    def test_the_audit_trail_says_who_acted_for_whom_and_by_which_rule(self, sts):
        shown = sts.token()
        sts.acted(shown)
        event = sts.stores.journal.events[-1]
        assert event.requestor == "bob"
        assert event.detail["asked"]["act_as"] == "PresentedAssertion"
        (reason,) = [reason for reason in event.detail["reasons"] if "acts as" in reason]
        assert all(word in reason for word in ("bob acts as alice", id_of(shown), "rule service"))

    def test_claims_are_those_of_the_rules_of_the_relying_party_and_of_the_delegation(self, sts):
        def types(token: str) -> set[str]:
            return {each.get("Name") for each in etree.fromstring(token).iter(f"{{{ns.SAML20}}}Attribute")}

        assert ns.CLAIM_EMAIL in types(sts.acted(sts.token()))
        sts.put(rule(claims=frozenset({ns.CLAIM_ROLE})))
        assert types(sts.acted(sts.token())) == {ns.CLAIM_ROLE}
        claim = f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_EMAIL}"/>'
        wish = f'<t:Claims Dialect="{ns.IDENTITY}">{claim}</t:Claims>'
        assert sts.act(sts.token(), wish).code == "InvalidRequest"


class TestTheTokenShown:
    def test_it_may_be_embedded_in_a_reference(self, sts):
        assert subject_of(sts.acted(embedded(sts.token()))) == "alice"

    @pytest.mark.parametrize("prefix", ["", "x:"])
    def test_row_13_act_as_is_known_whatever_its_prefix(self, sts, prefix):
        declared = "xmlns" if not prefix else "xmlns:x"
        act_as = f'<{prefix}ActAs {declared}="{ns.WST14}">{sts.token()}</{prefix}ActAs>'
        assert subject_of(sts.issue(act_as, user="bob", address=BACK).assertion.decode()) == "alice"

    def test_in_no_namespace_it_counts_all_the_same(self, sts):
        answer = sts.issue(f"<ActAs>{sts.token()}</ActAs>", user="bob", address=BACK)
        assert subject_of(answer.assertion.decode()) == "alice"

    def test_one_for_the_sts_itself_may_be_shown_by_every_rule(self, sts):
        sts.put(rule(tokens_for=frozenset()))
        own = sts.token(address="https://sts.example.test/trust/13/usernamemixed")
        assert subject_of(sts.acted(own)) == "alice"

    def test_one_that_is_bound_to_a_key_may_be_shown_without_the_key(self, sts):
        kind = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
        bound = sts.issue(kind, address="https://keyed.example.test/svc").assertion.decode()
        assert "holder-of-key" in bound
        token = sts.acted(bound)
        assert (subject_of(token), "holder-of-key" in token) == ("alice", False)

    @each_element
    def test_row_13_what_is_no_token_is_refused(self, sts, element):
        address = f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{BACK}</a:Address></a:EndpointReference>'
        assert sts.act(address, element=element).code == "BadRequest"
        assert sts.act("", element=element).code == "InvalidRequest"
        assert sts.act(messages.named("alice") * 2, element=element).code == "InvalidRequest"
        assert sts.act(messages.username_token("alice"), element=element).code == "InvalidRequest"
        assert sts.act("<x/>", element=element).code == "InvalidSecurityToken"

    def test_row_13_both_together_are_refused(self, sts):
        token = sts.token()
        both = messages.act_as(token) + messages.on_behalf_of(messages.named("alice"))
        assert sts.issue(both, user="bob", address=BACK).code == "InvalidRequest"


class TestChains:
    RULES = (
        rule(relying_parties=frozenset({"back", "far"})),
        rule("second", actors=frozenset({"carol"}), relying_parties=frozenset({"far"}), tokens_for=frozenset({"back"})),
    )

    @each_token_type
    def test_a_chain_is_as_long_as_its_rule_lets_it_be_and_tells_all_who_act(self, sts, token_type):
        first, second = self.RULES
        sts.put(first, second)
        token = sts.acted(sts.token(), token_type=token_type)
        assert sts.act(token, user="carol", address=FAR).code == "RequestFailed"
        assert "2" in sts.last_refusal
        sts.put(first, rule("second", **{**_of(second), "depth": 2}))
        chained = sts.acted(token, user="carol", address=FAR, token_type=token_type)
        assert (subject_of(chained), delegates_of(chained)) == ("alice", ["bob", "carol"])
        assert sts.ask(messages.validate(chained)).status_code == "valid"

    def test_one_who_acted_on_behalf_of_the_subject_counts_and_is_not_told(self, sts):
        _, second = self.RULES
        sts.put(rule(kinds=ON_BEHALF_OF), second)
        token = sts.acted(sts.token(), element="OnBehalfOf")
        assert sts.act(token, user="carol", address=FAR).code == "RequestFailed"
        sts.put(rule(kinds=ON_BEHALF_OF), rule("second", **{**_of(second), "depth": 2}))
        assert delegates_of(sts.acted(token, user="carol", address=FAR)) == ["carol"]


def _of(found) -> dict[str, object]:
    return {name: getattr(found, name) for name in ("actors", "relying_parties", "tokens_for")}


class TestByName:
    @each_element
    def test_row_14_a_name_alone_is_a_subject_by_a_rule_that_says_so(self, client, element):
        sts = client.sts
        sts.put(rule(kinds=frozenset(DelegationKind)))
        assert sts.act(messages.named("alice"), element=element, **client.how).fault == (client.trust, "RequestFailed")
        sts.put(rule(kinds=frozenset(DelegationKind), by_name=True))
        token = sts.acted(messages.named("alice"), element=element, **client.how)
        assert (subject_of(token), delegates_of(token)) == ("alice", ["bob"] if element == "ActAs" else [])

    def test_row_14_the_token_does_not_say_that_the_subject_proved_itself(self, sts):
        sts.put(rule(by_name=True))
        token = sts.acted(messages.named("alice"))
        assert ns.SAML20_AC_UNSPECIFIED in token
        assert sts.record(token).methods == "unspecified"


class TestValidate:
    def test_row_27_validate_for_another_relying_party_is_on_behalf_of_and_needs_a_rule(self, client):
        sts, token = client.sts, client.token()
        asked = messages.applies_to(BACK)
        assert client.transform(token, asked, token_type=ns.SAML11).code == "InvalidScope"
        answer = client.transform(token, asked, token_type=ns.SAML11, user="bob")
        assert answer.status_code == "valid", answer.body
        made = answer.assertion.decode()
        assert (subject_of(made), sts.record(made).delegation) == ("alice", "OnBehalfOf")
        assert conditions(made).get("NotOnOrAfter") == conditions(token).get("NotOnOrAfter")
        sts.put(rule(kinds=ACT_AS))
        assert client.transform(token, asked, token_type=ns.SAML11, user="bob").code == "RequestFailed"
