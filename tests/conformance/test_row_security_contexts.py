"""Rows 5, 17, 19, 20, 27 and 28 of the wire contract for security contexts."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import names
from tests.conversations import CONTEXT_PARTY, OWN, SHARED_PARTY, Talker, conversing_sts, entropy
from tests.endorsed import party as endorsing_party
from tests.endorsed import request as endorsed_request
from tests.harness import RELYING_PARTY
from tests.holders import unwrap
from tests.messages import Answer
from tests.protected import draft, p_sha1, protect
from tests.sealed import in_clear
from wstrust_sts import ns
from wstrust_sts.relying_parties import LifetimeRule

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
each_version = pytest.mark.parametrize("wsc", [ns.WSC13, ns.WSC05], ids=["1.3", "2005"])
each_assertion = pytest.mark.parametrize("token_type", [ns.TP11_SAML20, ns.TP11_SAML11], ids=["saml20", "saml11"])


@pytest.fixture
def talker(client) -> Talker:
    return Talker(replace(client, sts=conversing_sts()))


def with_parties(talker: Talker, *parties) -> Talker:
    return Talker(replace(talker.client, sts=conversing_sts(*parties)))


def action_of(answer: Answer) -> str | None:
    return answer.text(".//a:Action")


def lifetime(answer: Answer) -> tuple[datetime, datetime]:
    (found,) = answer.root.iter("{*}Lifetime")
    created, expires = (datetime.fromisoformat(element.text) for element in found)
    return created, expires


class TestRow5:
    @each_version
    def test_row_5_both_spellings_are_understood_and_repeated(self, talker, wsc):
        answer = talker.ask_for_context(token_type=f"{wsc}/sct")
        (token,) = talker.client.rstr(answer).find(f"{{{talker.trust}}}RequestedSecurityToken")
        assert token.tag == f"{{{wsc}}}SecurityContextToken"
        assert [child.text for child in answer.root.iter(f"{{{talker.trust}}}TokenType")] == [f"{wsc}/sct"]

    def test_row_5_an_action_of_ws_secure_conversation_needs_no_token_type(self, talker):
        body = messages.issue(trust=talker.trust, token_type=None)
        answer = talker.client.ask(body, operation="SCT")
        assert talker.client.text(answer, ".//t:TokenType") == talker.type

    def test_row_5_a_relying_party_that_takes_nothing_else_gets_a_context(self, talker):
        only = with_parties(talker, replace(CONTEXT_PARTY, token_types=CONTEXT_PARTY.token_types[2:]))
        answer = only.client.issue(token_type=None)
        assert only.client.text(answer, ".//t:TokenType") == talker.type

    def test_row_5_a_relying_party_that_does_not_take_contexts_gets_none(self, talker):
        refused = with_parties(talker, RELYING_PARTY).ask_for_context()
        assert refused.fault == (talker.trust, "BadRequest")

    def test_row_5_a_relying_party_needs_no_certificate_nor_key_types_for_contexts(self, talker):
        plain = replace(RELYING_PARTY, token_types=CONTEXT_PARTY.token_types)
        assert with_parties(talker, plain).ask_for_context().status == 200

    def test_row_5_a_context_is_to_be_had_for_the_sts_itself_with_its_address_or_without_any(self, talker):
        assert talker.ask_for_context(address=OWN).status == 200
        body = messages.rst("Issue", f"<t:TokenType>{talker.type}</t:TokenType>", trust=talker.trust)
        answer = talker.client.ask(body)
        assert talker.works(talker.context_in(answer))
        identifier = talker.context_in(answer).identifier
        assert talker.sts.stores.issued_tokens.find("default", identifier).relying_party == "this-sts"

    def test_row_13_any_other_token_without_an_address_is_for_nobody(self, talker):
        body = messages.rst("Issue", f"<t:TokenType>{ns.SAML20}</t:TokenType>", trust=talker.trust)
        assert talker.client.ask(body).fault == (talker.trust, "InvalidScope")


class TestRow17:
    def test_row_17_the_action_of_ws_secure_conversation_is_answered_by_its_own(self, talker):
        answer = talker.client.ask(messages.issue(trust=talker.trust, token_type=talker.type), operation="SCT")
        assert action_of(answer) == f"{talker.trust}/RSTR/SCT"

    def test_row_17_the_action_of_ws_trust_is_answered_by_that_of_ws_trust(self, talker):
        answer = talker.client.ask(messages.issue(trust=talker.trust, token_type=talker.type), operation="Issue")
        expected = "RSTRC/IssueFinal" if talker.trust == ns.WST13 else "RSTR/Issue"
        assert action_of(answer) == f"{talker.trust}/{expected}"

    def test_row_17_renew_and_cancel_have_actions_of_their_own(self, talker):
        held = talker.establish()
        renewed = talker.renew(held)
        assert action_of(renewed) == f"{talker.trust}/RSTR/SCT/Renew"
        body = messages.cancel(held.token(identifier="named"), trust=talker.trust)
        assert action_of(talker.prove(held, body, action="SCT/Cancel")) == f"{talker.trust}/RSTR/SCT/Cancel"

    def test_row_17_soap_action_alone_names_them_too(self, talker):
        body = messages.issue(trust=talker.trust, token_type=talker.type)
        credential = messages.username_token()
        protection = messages.security(messages.timestamp(talker.sts.clock.now), credential)
        message = messages.envelope(body, protection, soap=talker.client.soap)
        how = talker.client.how
        named = {"SOAPAction": f'"{talker.trust}/RST/SCT"'}
        answer = talker.sts.post(message, path=how["path"], soap=how["soap"], soapaction=named["SOAPAction"])
        assert answer.status == 200

    def test_row_17_amend_is_not_offered(self, talker):
        answer = talker.client.ask(messages.issue(trust=talker.trust, token_type=talker.type), operation="SCT/Amend")
        assert answer.fault == (talker.trust, "BadRequest")

    @pytest.mark.parametrize("operation", ["SCT/Validate", "SCT/", "SCT/Issue", "sct"])
    def test_row_17_there_is_no_other_action(self, talker, operation):
        answer = talker.client.ask(messages.issue(trust=talker.trust), operation=operation)
        assert answer.code == "ActionNotSupported"

    def test_row_2_an_action_for_contexts_and_a_request_for_something_else_disagree(self, talker):
        body = messages.issue(trust=talker.trust)
        assert talker.client.ask(body, operation="SCT").fault == (talker.trust, "InvalidRequest")
        token = talker.client.token()
        for operation in ("Renew", "Cancel"):
            body = getattr(messages, operation.lower())(token, trust=talker.trust)
            answer = talker.client.ask(body, operation=f"SCT/{operation}")
            assert answer.fault == (talker.trust, "InvalidRequest")


class TestRow19:
    @each_version
    def test_row_19_the_token_has_an_id_and_an_identifier_and_both_are_referred_to(self, talker, wsc):
        answer = talker.ask_for_context(token_type=f"{wsc}/sct")
        (token,) = answer.root.iter(f"{{{wsc}}}SecurityContextToken")
        assert names(token) == ["Identifier"]
        identifier = token[0].text
        assert identifier.startswith("urn:uuid:")
        assert len(bytes.fromhex(identifier.removeprefix("urn:uuid:").replace("-", ""))) == 16
        for place, uri in (
            ("RequestedAttachedReference", "#" + token.get(f"{{{ns.WSU}}}Id")),
            ("RequestedUnattachedReference", identifier),
        ):
            (str_,) = talker.client.rstr(answer).find(f"{{{talker.trust}}}{place}")
            assert str_.tag == f"{{{ns.WSSE}}}SecurityTokenReference"
            (reference,) = str_
            assert reference.tag == f"{{{ns.WSSE}}}Reference"
            assert dict(reference.attrib) == {"URI": uri, "ValueType": f"{wsc}/sct"}

    def test_row_19_no_two_contexts_have_one_identifier(self, talker):
        assert talker.establish().identifier != talker.establish().identifier

    def test_row_19_a_renewed_context_is_referred_to_by_its_instance_too(self, talker):
        renewed = talker.renew(talker.establish())
        context = talker.context_in(renewed)
        (str_,) = talker.client.rstr(renewed).find(f"{{{talker.trust}}}RequestedUnattachedReference")
        assert str_[0].get(f"{{{context.namespace}}}Instance") == context.instance
        assert str_[0].get("URI") == context.identifier


class TestRow20:
    @pytest.mark.parametrize("size", [128, 256, 512, None])
    def test_row_20_both_sides_entropy_makes_the_key(self, talker, size):
        own = bytes(range(32))
        asked = "" if size is None else f"<t:KeySize>{size}</t:KeySize>"
        answer = talker.ask_for_context(asked, entropy(own))
        (server,) = answer.root.iter(f"{{{talker.trust}}}BinarySecret")
        assert talker.client.text(answer, ".//t:ComputedKey") == f"{talker.trust}/CK/PSHA1"
        assert talker.client.text(answer, ".//t:KeySize") == str(size or 256)
        key = p_sha1(own, base64.b64decode(server.text), (size or 256) // 8)
        (row,) = (row for row in talker.sts.stores.security_contexts.rows if row[1] in answer.body.decode())
        assert talker.sts.stores.security_contexts.find(*row).secret == key

    def test_row_20_without_entropy_the_whole_key_is_told(self, talker):
        answer = talker.ask_for_context()
        (secret,) = talker.client.rstr(answer).find(f"{{{talker.trust}}}RequestedProofToken")
        assert secret.get("Type") == f"{talker.trust}/SymmetricKey"
        assert len(base64.b64decode(secret.text)) == 32
        assert "Entropy" not in names(talker.client.rstr(answer))

    def test_row_20_no_key_type_means_a_symmetric_one_and_no_other_is_possible(self, talker):
        assert talker.client.text(talker.ask_for_context(), ".//t:KeyType") == f"{talker.trust}/SymmetricKey"
        for key_type in ("Bearer", "PublicKey"):
            asked = f"<t:KeyType>{talker.trust}/{key_type}</t:KeyType>"
            assert talker.ask_for_context(asked).fault == (talker.trust, "BadRequest")
        use_key = "<t:UseKey Sig='#s'/>"
        assert talker.ask_for_context(use_key).code in ("BadRequest", "InvalidRequest")

    def test_row_20_the_key_is_the_one_that_then_protects_messages(self, talker):
        own = b"o" * 16
        assert talker.works(talker.context_in(talker.ask_for_context(entropy(own)), own))
        assert talker.works(talker.establish())

    def test_row_20_every_way_to_prove_who_asks_establishes_contexts(self, talker):
        signer = endorsing_party("alice")
        talker.sts.map_certificate(signer.certificate)
        version = "13" if talker.trust == ns.WST13 else "2005"
        body = messages.issue(trust=talker.trust, token_type=talker.type)
        message = endorsed_request(signer, trust=talker.trust, soap=talker.client.soap, body=body)
        answer = talker.sts.post(message, path=f"/trust/{version}/certificatemixed", soap=talker.client.soap)
        assert talker.works(talker.context_in(answer))

    @pytest.mark.parametrize("policy", ["username", "certificate", "certificatesigned"])
    def test_row_20_contexts_are_established_by_messages_that_protect_themselves(self, talker, policy):
        version = "13" if talker.trust == ns.WST13 else "2005"
        body = messages.issue(trust=talker.trust, token_type=talker.type)
        asked = draft(policy, body, action=f"{talker.trust}/RST/SCT", soap=talker.client.soap)
        answer = talker.sts.post(protect(asked), path=f"/sealed/{version}/{policy}", soap=talker.client.soap)
        read = in_clear(answer, asked, now=talker.sts.clock.now)
        assert talker.works(talker.context_in(read))


class TestRow15:
    def test_row_15_a_context_states_no_claims_and_so_none_can_be_mandatory(self, talker):
        def claim(optional: str) -> str:
            return (
                f'<t:Claims Dialect="{ns.IDENTITY}"><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_EMAIL}"'
                f"{optional}/></t:Claims>"
            )

        assert talker.ask_for_context(claim("")).fault == (talker.trust, "InvalidRequest")
        assert talker.ask_for_context(claim(' Optional="true"')).status == 200


class TestRow27:
    def test_row_27_the_subject_learns_the_status_by_the_token_and_by_its_reference(self, talker):
        held = talker.establish()
        assert talker.status(held) == "valid"
        assert talker.status(held, target=held.reference()) == "valid"
        talker.sts.clock.advance(HOUR)
        assert talker.status(held) == "invalid"

    def test_row_27_whoever_else_asks_learns_nothing_of_it(self, talker):
        assert talker.status(talker.establish(), user="bob") == "invalid"

    def test_row_27_a_2005_validate_may_hold_the_token_without_a_target(self, talker):
        held = talker.establish()
        asked = f"<t:TokenType>{talker.trust}/RSTR/Status</t:TokenType>{held.token(identifier='named')}"
        assert talker.client.ask(talker.client.rst("Validate", asked)).status_code == "valid"

    def test_row_27_where_validators_are_named_they_alone_learn_it(self, talker):
        talker = with_parties(talker, SHARED_PARTY)
        held = talker.establish()
        assert talker.status(held, user="bob") == "valid"
        assert talker.client.validate(held.token(identifier="named")).fault == (talker.trust, "RequestFailed")
        assert talker.status(held, user="carol") == "invalid"

    @each_assertion
    def test_row_27_a_validator_gets_an_assertion_with_the_key_for_its_relying_party(self, talker, token_type):
        talker = with_parties(talker, SHARED_PARTY)
        held = talker.establish()
        talker.sts.clock.advance(10 * MINUTE)
        answer = talker.client.transform(held.token(identifier="named"), token_type=token_type, user="bob")
        assert answer.status_code == "valid"
        assertion = etree.fromstring(answer.assertion)
        encrypted_key = next(assertion.iter(f"{{{ns.XENC}}}EncryptedKey"))
        assert unwrap(encrypted_key) == held.secret
        assert lifetime(answer)[1] == talker.sts.clock.now + 50 * MINUTE
        assert next(found.text for found in assertion.iter("{*}NameID", "{*}NameIdentifier")) == "alice"
        (authenticated,) = assertion.iter("{*}AuthnStatement", "{*}AuthenticationStatement")
        instant = authenticated.get("AuthnInstant") or authenticated.get("AuthenticationInstant")
        assert datetime.fromisoformat(instant) == talker.sts.clock.now - 10 * MINUTE
        assert "RequestedProofToken" not in names(talker.client.rstr(answer))
        assert base64.b64encode(held.secret) not in answer.body

    @each_assertion
    def test_row_27_the_subject_gets_one_with_a_proof_of_the_key_and_not_without(self, talker, token_type):
        held = talker.establish()
        body = messages.transform(held.token(identifier="named"), token_type=token_type, trust=talker.trust)
        assert talker.client.ask(body).fault == (talker.trust, "RequestFailed")
        assert talker.prove(held, body).status_code == "valid"

    def test_row_27_a_context_with_the_sts_itself_is_transformed_for_it(self, talker):
        held = talker.establish(address=OWN)
        body = messages.transform(held.token(identifier="named"), token_type=ns.TP11_SAML20, trust=talker.trust)
        answer = talker.prove(held, body)
        audience = etree.fromstring(answer.assertion).find(f".//{{{ns.SAML20}}}Audience").text
        assert audience == "https://sts.example.test/trust"

    def test_row_27_what_was_made_of_a_context_ends_with_it(self, talker):
        held = talker.establish()
        body = messages.transform(held.token(identifier="named"), token_type=ns.TP11_SAML20, trust=talker.trust)
        made = talker.prove(held, body).assertion.decode()
        assert talker.client.validate(made).status_code == "valid"
        renewed = talker.context_in(talker.renew(held))
        assert talker.client.validate(made).status_code == "valid"
        assert talker.cancel(renewed).status == 200
        assert talker.client.validate(made).status_code == "invalid"

    def test_row_27_another_relying_party_and_another_context_are_not_made_of_a_context(self, talker):
        held = talker.establish()
        body = messages.transform(
            held.token(identifier="named"), messages.applies_to(OWN), token_type=ns.TP11_SAML20, trust=talker.trust
        )
        assert talker.prove(held, body).fault == (talker.trust, "InvalidScope")
        body = messages.transform(held.token(identifier="named"), token_type=talker.type, trust=talker.trust)
        assert talker.prove(held, body).fault == (talker.trust, "BadRequest")


class TestRow28:
    def test_row_28_a_renewed_context_keeps_its_identifier_and_has_another_key(self, talker):
        held = talker.establish()
        talker.sts.clock.advance(50 * MINUTE)
        answer = talker.renew(held)
        renewed = talker.context_in(answer)
        assert renewed.identifier == held.identifier
        assert renewed.instance is not None
        assert renewed.secret != held.secret
        assert lifetime(answer) == (talker.sts.clock.now, talker.sts.clock.now + HOUR)
        assert talker.works(renewed)
        assert talker.works(held)
        talker.sts.clock.advance(3 * MINUTE)
        assert talker.works(renewed)
        assert not talker.works(held)

    def test_row_28_a_renewed_context_is_renewed_again(self, talker):
        held = talker.establish()
        for _ in range(4):
            held = talker.context_in(talker.renew(held))
            talker.sts.clock.advance(30 * MINUTE)
        assert talker.works(held)

    def test_row_28_the_requestor_s_entropy_is_part_of_the_new_key_too(self, talker):
        own = b"n" * 32
        answer = talker.renew(talker.establish(), entropy(own), f"<t:TokenType>{talker.type}</t:TokenType>")
        assert talker.works(talker.context_in(answer, own))

    def test_row_28_a_context_lives_no_longer_after_its_authentication_than_any_may(self, talker):
        short = LifetimeRule(default=HOUR, maximum=2 * HOUR)
        talker = with_parties(talker, replace(CONTEXT_PARTY, lifetime=short))
        began = talker.sts.clock.now
        held = talker.establish()
        for _ in range(2):
            talker.sts.clock.advance(55 * MINUTE)
            answer = talker.renew(held)
            held = talker.context_in(answer)
        assert lifetime(answer)[1] == began + 2 * HOUR
        talker.sts.clock.advance(10 * MINUTE)
        assert not talker.works(held)

    def test_row_28_the_relying_party_is_the_context_s_or_the_sts_s_own_address(self, talker):
        held = talker.establish()
        assert talker.renew(held, messages.applies_to(OWN)).status == 200
        assert talker.renew(held, messages.applies_to(messages.RP)).status == 200
        assert talker.renew(held, messages.applies_to("https://other.example.test/")).code == "InvalidScope"

    def test_row_28_what_was_issued_as_not_to_be_renewed_is_not(self, talker):
        held = talker.establish('<t:Renewing Allow="false"/>')
        assert talker.renew(held).fault == (held.namespace, "UnableToRenew")

    def test_row_28_a_cancelled_context_protects_nothing_any_more(self, talker):
        held = talker.establish()
        answer = talker.cancel(held)
        assert talker.client.find(answer, ".//t:RequestedTokenCancelled") is not None
        assert not talker.works(held)
        assert talker.status(held) == "invalid"

    def test_row_28_cancelling_ends_every_key_of_the_context(self, talker):
        held = talker.establish()
        renewed = talker.context_in(talker.renew(held))
        assert talker.cancel(held, target=held.reference()).status == 200
        assert not talker.works(renewed)

    def test_row_28_an_administrator_cancels_without_the_key(self, talker):
        held = talker.establish()
        assert talker.client.cancel(held.token(identifier="named"), user="admin").status == 200
        assert not talker.works(held)
        assert talker.client.cancel(held.token(identifier="named"), user="admin").status == 200

    def test_row_28_the_subject_does_not(self, talker):
        held = talker.establish()
        assert talker.client.cancel(held.token(identifier="named")).fault == (talker.trust, "RequestFailed")
        assert talker.works(held)
