"""Requests about security contexts that are not the requestor's, or not any more, or that nobody can have meant: by
their identifiers, which are no secrets, nobody comes by a context, its key or its end.
"""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests import messages
from tests.attack import demand_quiet, demand_sound, in_process
from tests.cases import each
from tests.conformance.client import Client, Versions
from tests.contexts import Context
from tests.conversations import CONTEXT_PARTY, OWN, SHARED_PARTY, Talker, conversing_sts, entropy
from tests.fakes import NOON
from tests.harness import account
from tests.issued import until
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.model import TokenType

MINUTE = timedelta(minutes=1)
UNKNOWN = Context(identifier="urn:uuid:00000000-0000-0000-0000-000000000000")


@pytest.fixture(params=[ns.WST13, ns.WST05], ids=["1.3", "2005"])
def talker(request) -> Iterator[Talker]:
    """Everything is quiet in the log afterwards, and no context's key stands there."""
    sts = conversing_sts()
    with in_process(sts) as target:
        yield Talker(Client(sts, Versions(request.param, "1.2")))
        lines = target.logged()
        demand_quiet(lines)
        for row in sts.stores.security_contexts.rows:
            secret = sts.stores.security_contexts.box.open(
                sts.stores.security_contexts.rows[row].sealed_secret,
                purpose=f"security-context:{row[0]}:{row[1]}:{row[2] or ''}",
            )
            for written in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1]):
                assert written not in lines


def target(context: Context, **how) -> str:
    return context.token(identifier="named", **how)


def refused(answer: Answer, code: str) -> bool:
    demand_sound(answer)
    return answer.code == code


# -- whose it is -------------------------------------------------------------------------------------------------


def test_another_s_context_is_to_a_stranger_as_one_that_does_not_exist(talker):
    held = talker.establish()
    for context in (held, UNKNOWN):
        assert talker.status(context, user="bob") == "invalid"
        assert refused(talker.client.cancel(target(context), user="bob"), "InvalidSecurityToken")
        assert refused(talker.client.renew(target(context), user="bob"), "InvalidSecurityToken")
        made = talker.client.transform(target(context), token_type=ns.TP11_SAML20, user="bob")
        assert (made.status_code, b"Assertion" in made.body) == ("invalid", False)
    assert talker.works(held)


def test_the_identifier_and_the_password_do_not_renew_or_transform(talker):
    held = talker.establish()
    assert refused(talker.client.renew(target(held)), "UnableToRenew")
    assert refused(talker.client.transform(target(held), token_type=ns.TP11_SAML20), "RequestFailed")
    assert len(talker.sts.stores.security_contexts.rows) == 2  # the harness's own, and this


def test_the_key_of_another_context_of_the_same_account_proves_nothing(talker):
    held, other = talker.establish(), talker.establish(address=OWN)
    assert refused(talker.renew(other, target=target(held)), "UnableToRenew")
    assert refused(talker.cancel(other, target=target(held)), "RequestFailed")
    body = messages.transform(target(held), token_type=ns.TP11_SAML20, trust=talker.trust)
    assert refused(talker.prove(other, body), "RequestFailed")
    assert talker.works(held)


def test_the_key_of_another_account_s_context_proves_nothing(talker):
    held, bobs = talker.establish(), talker.establish(user="bob", address=OWN)
    assert refused(talker.renew(bobs, target=target(held)), "InvalidSecurityToken")
    assert refused(talker.cancel(bobs, target=target(held)), "InvalidSecurityToken")
    assert talker.works(held)


def test_a_validator_does_not_renew_or_cancel_and_gets_tokens_for_its_relying_party_alone(talker):
    sts = conversing_sts(SHARED_PARTY)
    shared = Talker(replace(talker.client, sts=sts))
    held, own = shared.establish(), shared.establish(address=OWN)
    assert refused(shared.client.renew(target(held), user="bob"), "InvalidSecurityToken")
    assert refused(shared.client.cancel(target(held), user="bob"), "InvalidSecurityToken")
    made = shared.client.transform(target(own), token_type=ns.TP11_SAML20, user="bob")
    assert (made.status_code, b"Assertion" in made.body) == ("invalid", False)
    elsewhere = messages.transform(
        target(held), messages.applies_to(OWN), token_type=ns.TP11_SAML20, trust=talker.trust
    )
    assert refused(shared.client.ask(elsewhere, user="bob"), "InvalidScope")


def test_an_assertion_with_the_key_is_not_made_where_it_could_not_be_hidden(talker):
    bare = replace(CONTEXT_PARTY, encryption=type(CONTEXT_PARTY.encryption)(), validators=frozenset({"bob"}))
    shared = Talker(replace(talker.client, sts=conversing_sts(bare)))
    held = shared.establish()
    assert refused(shared.client.transform(target(held), token_type=ns.TP11_SAML20, user="bob"), "BadRequest")


# -- when it is over ---------------------------------------------------------------------------------------------


def test_an_expired_context_is_invalid_and_neither_renewed_nor_transformed(talker):
    held = talker.establish()
    talker.sts.clock.advance(60 * MINUTE)
    assert talker.status(held) == "invalid"
    assert refused(talker.renew(held), "BadContextToken")
    assert refused(talker.client.renew(target(held)), "UnableToRenew")
    assert not talker.works(held)


def test_a_cancelled_context_is_not_renewed_by_any_key_of_it(talker):
    held = talker.establish()
    renewed = talker.context_in(talker.renew(held))
    assert talker.cancel(renewed).status == 200
    for context in (held, renewed):
        assert refused(talker.renew(context), "BadContextToken")
        assert talker.status(context) == "invalid"


def test_a_locked_account_s_context_is_of_no_use_and_works_again_with_the_account(talker):
    held = talker.establish()
    talker.sts.stores.accounts.put(account("alice", enabled=False))
    assert not talker.works(held)
    assert refused(talker.renew(held), "FailedAuthentication")
    talker.sts.stores.accounts.put(account("alice"))
    assert talker.works(held)


def test_a_context_of_a_locked_account_is_not_transformed_for_a_validator(talker):
    shared = Talker(replace(talker.client, sts=conversing_sts(SHARED_PARTY)))
    held = shared.establish()
    shared.sts.stores.accounts.put(account("alice", enabled=False))
    made = shared.client.transform(target(held), token_type=ns.TP11_SAML20, user="bob")
    assert (made.status_code, b"Assertion" in made.body) == ("invalid", False)


def test_one_key_is_renewed_three_times_at_most_and_never_after_the_grace(talker):
    held = talker.establish()
    for _ in range(3):
        assert talker.renew(held).status == 200
    assert refused(talker.renew(held), "UnableToRenew")
    talker.sts.clock.advance(2 * MINUTE)
    assert refused(talker.renew(held), "BadContextToken")


def test_renewals_and_new_contexts_do_not_outlive_the_authentication(talker):
    held = talker.establish()
    for _ in range(8):
        talker.sts.clock.advance(50 * MINUTE)
        held = talker.context_in(talker.renew(held))
    (row,) = (row for place, row in talker.sts.stores.security_contexts.rows.items() if place[2] == held.instance)
    assert row.authenticated_at == NOON
    assert row.expires_at <= NOON + CONTEXT_PARTY.lifetime.maximum
    again = messages.issue(trust=talker.trust, token_type=talker.type)
    assert talker.prove(held, again).status == 500


# -- what is no name of one ---------------------------------------------------------------------------------------


IDENTIFIERS = {
    "empty": "",
    "white space": " ",
    "huge": "urn:uuid:" + "0" * 100_000,
    "longer than allowed": "urn:" + "x" * 253,
    "a pattern": "urn:uuid:%",
    "with a comment": "urn:uuid:<!-- -->0",
    "an element": "<x/>",
    "not a character of xml": "&#xFFFE;",
}


@each(IDENTIFIERS, "identifier")
@pytest.mark.parametrize("operation", ["validate", "renew", "cancel"])
def test_an_identifier_that_none_can_have_names_none(talker, operation, identifier):
    answer = getattr(talker.client, operation)(target(Context(identifier=identifier)))
    demand_sound(answer)
    assert answer.status_code == "invalid" or answer.code is not None
    assert answer.code != "RequestFailed"


@pytest.mark.parametrize("instance", ["", "urn:uuid:0", "x" * 100_000, "%"])
def test_a_key_that_the_context_does_not_have_is_unknown(talker, instance):
    held = replace(talker.establish(), instance=instance)
    answer = talker.client.validate(target(held))
    assert answer.status_code == "invalid" or answer.code == "InvalidRequest"
    answer = talker.client.validate(held.reference())
    assert answer.status_code == "invalid" or answer.code == "InvalidRequest"


def test_a_token_that_names_two_contexts_names_none(talker):
    held, other = talker.establish(), talker.establish()
    doubled = target(held, more=f"<c:Identifier>{other.identifier}</c:Identifier>")
    for operation in (talker.client.validate, talker.client.renew, talker.client.cancel):
        assert refused(operation(doubled), "InvalidRequest")
    twice = held.reference().replace("</o:Sec", f'<o:Reference URI="{other.identifier}"/></o:Sec')
    assert refused(talker.client.validate(twice), "InvalidRequest")


def test_a_token_that_says_more_than_a_name_is_refused(talker):
    for more in ("<c:Properties/>", '<x:y xmlns:x="urn:x"/>', "text"):
        assert refused(talker.client.validate(target(talker.establish(), more=more)), "InvalidRequest")


def test_a_context_is_named_as_a_context_and_not_as_an_assertion(talker):
    held = talker.establish()
    for reference in (
        f'<o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">{held.identifier}</o:KeyIdentifier>',
        f'<o:Reference URI="#{held.identifier}"/>',
    ):
        named = f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{reference}</o:SecurityTokenReference>'
        assert talker.client.validate(named).status_code == "invalid"
        for operation in (talker.client.renew, talker.client.cancel):
            assert refused(operation(named), "InvalidSecurityToken")
            assert refused(operation(named, user="admin"), "InvalidSecurityToken")
    assert talker.works(held)


def test_an_assertion_is_not_named_as_a_context(talker):
    issued = talker.client.token()
    token_id = issued.partition('ID="')[2].partition('"')[0]
    context = Context(identifier=token_id)
    assert talker.status(context) == "invalid"
    assert refused(talker.client.cancel(target(context), user="admin"), "InvalidSecurityToken")
    assert talker.client.validate(issued).status_code == "valid"


# -- what is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [0, 1, 15, 1025, 4096])
def test_entropy_out_of_bounds_makes_no_context(talker, octets):
    assert refused(talker.ask_for_context(entropy(b"e" * octets)), "InvalidRequest")


@pytest.mark.parametrize("size", ["0", "8", "127", "130", "520", "-256", "99999999", "x"])
def test_a_key_size_out_of_bounds_makes_no_context(talker, size):
    assert refused(talker.ask_for_context(f"<t:KeySize>{size}</t:KeySize>"), "InvalidRequest")


def test_a_key_that_the_client_chose_alone_is_none_of_a_context_unless_the_relying_party_takes_such(talker):
    own = entropy(b"c" * 32).replace("<t:BinarySecret>", f'<t:BinarySecret Type="{talker.trust}/SymmetricKey">')
    assert refused(talker.ask_for_context(own), "BadRequest")
    assert refused(talker.ask_for_context(own, address=OWN), "BadRequest")


def test_a_context_is_not_made_for_participants_nor_of_an_assertion(talker):
    participants = (
        f'<t:Participants><t:Participant><a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{OWN}</a:Address>'
        "</a:EndpointReference></t:Participant></t:Participants>"
    )
    assert refused(talker.ask_for_context(participants), "BadRequest")
    assert refused(talker.client.transform(talker.client.token(), token_type=talker.type), "BadRequest")


def test_an_assertion_is_not_renewed_into_a_context_nor_a_context_into_an_assertion(talker):
    token_type = f"<t:TokenType>{talker.type}</t:TokenType>"
    assert refused(talker.client.renew(talker.client.token(), token_type), "BadRequest")
    body = messages.renew(
        target(held := talker.establish()), f"<t:TokenType>{ns.SAML20}</t:TokenType>", trust=talker.trust
    )
    assert refused(talker.prove(held, body), "BadRequest")


def test_a_context_gets_no_other_by_what_its_relying_party_takes(talker):
    """Where that is contexts alone, or by default, no TokenType has to be asked for."""
    alone = replace(CONTEXT_PARTY, token_types=(TokenType.SCT,))
    for party in (alone, replace(CONTEXT_PARTY, default_token_type=TokenType.SCT)):
        talker.sts.stores.relying_parties.rows[party.realm, party.name] = party
        asked = messages.issue(token_type=None, trust=talker.trust)
        assert refused(talker.prove(talker.establish(address=OWN), asked, action="Issue"), "BadRequest")


# -- what is got by a context --------------------------------------------------------------------------------------


def test_nothing_that_is_got_by_a_context_lives_beyond_it(talker):
    """Not a token for the STS either, which would be a credential in its place."""
    end = NOON + timedelta(minutes=7)
    context = talker.establish(until(end), address=OWN)
    kind = f"<t:KeyType>{talker.trust}/SymmetricKey</t:KeyType>"
    talker.sts.clock.advance(timedelta(minutes=3))
    for wish in ((), (until(end + timedelta(hours=5)),)):
        for address in (OWN, messages.RP):
            body = messages.issue(kind, *wish, address=address, trust=talker.trust)
            answer = talker.prove(context, body, action="Issue")
            assert answer.assertion
            assert answer.root.find(f".//{{{talker.trust}}}Lifetime/{{{ns.WSU}}}Expires").text == messages.instant(end)


def test_what_is_got_by_a_context_that_is_not_to_be_renewed_is_not_to_be_either(talker):
    rows = talker.sts.stores.issued_tokens.rows
    for wish in ("", '<t:Renewing Allow="false"/>'):
        before = set(rows)
        context = talker.establish(wish, address=OWN)
        assert talker.prove(context, messages.issue(trust=talker.trust), action="Issue").status == 200
        assert {row.renewing_allowed for key, row in rows.items() if key not in before} == {not wish}


def test_an_unregistered_address_gets_no_context(talker):
    assert refused(talker.ask_for_context(address="https://evil.example.test/"), "InvalidScope")
