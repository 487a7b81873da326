"""Row 27 of the wire contract: Validate into another token type makes a token of a valid one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import Client, assert_sound, by_reference, names
from tests.fakes import NOON
from tests.harness import RELYING_PARTY, STRICT_PARTY, Sts, account
from tests.messages import RP, instant
from wstrust_sts import ns
from wstrust_sts.model import AuthenticationMethod, Claim
from wstrust_sts.relying_parties import AppliesToRule, NameIdentifierRule

STRICT = "https://strict.example.test/svc"
EACH_WAY = pytest.mark.parametrize(
    ("original", "wanted"),
    [(ns.SAML20, ns.SAML11), (ns.SAML11, ns.SAML20), (ns.SAML20, ns.TP11_SAML20), (ns.SAML11, ns.TP11_SAML11)],
    ids=["2.0 to 1.1", "1.1 to 2.0", "2.0 to 2.0", "1.1 to 1.1"],
)
NAMESPACES = {ns.SAML11: ns.SAML11, ns.TP11_SAML11: ns.SAML11, ns.SAML20: ns.SAML20, ns.TP11_SAML20: ns.SAML20}


@pytest.fixture
def client(client):
    """Each test changes accounts and waits as it likes: an STS of its own."""
    return replace(client, sts=Sts())


def status(client: Client, answer) -> str:
    """`valid` or `invalid`; fails on anything but a good answer of Validate."""
    assert answer.status == 200, answer.body
    code = client.rstr(answer).findtext(f"{{{client.trust}}}Status/{{{client.trust}}}Code")
    return code.removeprefix(f"{client.trust}/status/")


def verdict(client: Client, target: str, **how) -> str:
    return status(client, client.validate(target, **how))


def made_of(client: Client, token: str, *more: str, token_type: str = ns.SAML11, **how) -> str:
    """The token that a Validate makes of another."""
    answer = client.transform(token, *more, token_type=token_type, **how)
    assert status(client, answer) == "valid"
    return answer.assertion.decode()


def is_invalid(client: Client, answer) -> bool:
    """An answer with the status type, `invalid`, and no token."""
    rstr = client.rstr(answer)
    return (
        status(client, answer) == "invalid"
        and names(rstr) == ["TokenType", "Status"]
        and rstr.findtext(f"{{{client.trust}}}TokenType") == f"{client.trust}/RSTR/Status"
    )


def authenticated(token: str) -> tuple[str, str]:
    """The instant and the method of its authentication statement."""
    root = etree.fromstring(token)
    statement = root.find(f"{{{ns.SAML20}}}AuthnStatement")
    if statement is not None:
        return statement.get("AuthnInstant"), statement.findtext(f".//{{{ns.SAML20}}}AuthnContextClassRef")
    statement = root.find(f"{{{ns.SAML11}}}AuthenticationStatement")
    return statement.get("AuthenticationInstant"), statement.get("AuthenticationMethod")


def end(token: str) -> str:
    (found,) = (element.get("NotOnOrAfter") for element in etree.fromstring(token).iter("{*}Conditions"))
    return found


def values(token: str) -> set[str]:
    return {element.text for element in etree.fromstring(token).iter("{*}AttributeValue")}


def audiences(token: str) -> list[str]:
    return [element.text for element in etree.fromstring(token).iter("{*}Audience")]


def change_account(client: Client, name: str = "alice", **fields) -> None:
    client.sts.stores.accounts.put(account(name, **fields))


class TestRow27:
    @EACH_WAY
    def test_row_27_the_answer_is_one_response_with_the_status_and_the_token(self, client, original, wanted):
        body = messages.transform(client.token(token_type=original), token_type=wanted, trust=client.trust)
        answer = client.ask(body, operation="Validate")
        assert_sound(answer, soap=client.soap)
        (rstr,) = client.find(answer, "s:Body")
        assert etree.QName(rstr).localname == "RequestSecurityTokenResponse"
        assert names(rstr) == [
            "TokenType",
            "RequestedSecurityToken",
            "RequestedAttachedReference",
            "RequestedUnattachedReference",
            "Lifetime",
            "Status",
            "RequestType",
            "KeyType",
        ]
        assert rstr.findtext(f"{{{client.trust}}}TokenType") == wanted
        assert status(client, answer) == "valid"
        assert etree.QName(rstr[1][0]).namespace == NAMESPACES[wanted]
        final = "/RSTR/ValidateFinal" if client.trust == ns.WST13 else "/RSTR/Validate"
        assert client.text(answer, "s:Header/a:Action") == client.trust + final

    @EACH_WAY
    def test_row_27_what_is_made_is_a_token_as_good_as_any(self, client, original, wanted):
        token = client.token(token_type=original)
        made = made_of(client, token, token_type=wanted)
        assert [verdict(client, target) for target in (made, by_reference(made), token)] == ["valid"] * 3
        assert audiences(made) == [RP]
        assert values(made) == values(token)
        assert client.cancel(made).status == 200
        assert [verdict(client, target) for target in (made, token)] == ["invalid", "valid"]

    def test_row_27_an_address_that_is_sent_is_echoed_and_must_be_the_tokens(self, client):
        token = client.token()
        answer = client.transform(token, messages.applies_to(RP), token_type=ns.SAML11)
        assert status(client, answer) == "valid"
        assert client.rstr(answer).findtext(f"{{{ns.WSP04}}}AppliesTo//{{{ns.WSA}}}Address") == RP
        for other in (STRICT, "https://nobody.example.test/", RP + "/below"):
            answer = client.transform(token, messages.applies_to(other), token_type=ns.SAML11)
            assert answer.fault == (client.trust, "InvalidScope")

    def test_row_27_one_application_of_a_relying_party_is_not_another(self, client):
        whole = replace(RELYING_PARTY, applies_to=(AppliesToRule(address="https://rp.example.test/", prefix=True),))
        client = replace(client, sts=Sts(relying_parties=(whole,)))
        token = client.token(address="https://rp.example.test/one")
        answer = client.transform(token, messages.applies_to("https://rp.example.test/two"), token_type=ns.SAML11)
        assert answer.fault == (client.trust, "InvalidScope")
        assert audiences(made_of(client, token)) == ["https://rp.example.test/one"]

    @EACH_WAY
    def test_row_27_it_never_lives_longer_than_the_original(self, client, original, wanted):
        token = client.token(token_type=original)
        client.sts.clock.advance(timedelta(minutes=20))
        assert end(made_of(client, token, token_type=wanted)) == end(token) == instant(NOON, timedelta(hours=1))
        long = f'<u:Expires xmlns:u="{ns.WSU}">{instant(NOON, timedelta(hours=5))}</u:Expires>'
        wish = f"<t:Lifetime>{long}</t:Lifetime>"
        assert end(made_of(client, token, wish, token_type=wanted)) == end(token)
        short = wish.replace("T17:", "T12:").replace(":00:00.", ":30:00.")
        assert end(made_of(client, token, short, token_type=wanted)) == instant(NOON, timedelta(minutes=30))

    def test_row_27_a_party_that_cuts_nothing_refuses_the_wish_for_more(self, client):
        client = replace(client, sts=Sts(relying_parties=(replace(STRICT_PARTY, validators=frozenset()),)))
        token = client.token(address=STRICT)
        client.sts.clock.advance(timedelta(minutes=1))
        late = f'<u:Expires xmlns:u="{ns.WSU}">{instant(NOON, timedelta(minutes=6))}</u:Expires>'
        answer = client.transform(token, f"<t:Lifetime>{late}</t:Lifetime>", token_type=ns.SAML11)
        assert answer.fault == (client.trust, "InvalidTimeRange")
        assert end(made_of(client, token)) == end(token)

    @EACH_WAY
    def test_row_27_it_keeps_the_instant_and_the_method_of_the_authentication(self, client, original, wanted):
        first = client.token(token_type=original)
        client.sts.clock.advance(timedelta(minutes=10))
        second = made_of(client, first, token_type=wanted)
        client.sts.clock.advance(timedelta(minutes=10))
        third = made_of(client, second, token_type=original)
        assert [authenticated(token)[0] for token in (first, second, third)] == [instant(NOON)] * 3
        assert authenticated(third) == authenticated(first)

    def test_row_27_a_digest_stays_a_digest_though_saml_11_has_no_word_for_it(self, client):
        token = client.token(token_type=ns.SAML11)
        rows = client.sts.stores.issued_tokens.rows
        ((key, row),) = rows.items()
        rows[key] = replace(row, methods=AuthenticationMethod.PASSWORD_DIGEST.value)
        assert authenticated(made_of(client, token, token_type=ns.SAML20)) == (instant(NOON), ns.SAML20_AC_PASSWORD)

    def test_row_27_account_and_claims_are_those_of_today(self, client):
        token = client.token()
        change_account(client, claims=(Claim(ns.CLAIM_EMAIL, ("new@example.test",)),), groups=())
        assert values(made_of(client, token)) == {"new@example.test", "philharmonic"}

    def test_row_27_so_are_the_rules_of_the_relying_party(self, client):
        token = client.token()
        changed = replace(RELYING_PARTY, claim_rules=(), name_identifier=NameIdentifierRule(claim=ns.CLAIM_EMAIL))
        client.sts.stores.relying_parties.rows["default", "rp"] = changed
        made = made_of(client, token)
        assert values(made) == set()
        assert "alice@example.test" in {element.text for element in etree.fromstring(made).iter("{*}NameIdentifier")}

    @pytest.mark.parametrize(
        "change",
        [
            lambda client: change_account(client, enabled=False),
            lambda client: change_account(client, expires_at=NOON),
            lambda client: client.sts.stores.accounts.rows.pop(("default", "alice")),
        ],
        ids=["locked", "expired", "removed"],
    )
    def test_row_27_the_token_of_an_account_that_gets_none_any_more_is_invalid(self, client, change):
        client = replace(client, sts=Sts(relying_parties=(replace(RELYING_PARTY, validators=frozenset({"bob"})),)))
        token = client.token()
        change(client)
        assert is_invalid(client, client.transform(token, token_type=ns.SAML11, user="bob"))
        assert "account" in client.sts.stores.journal.events[-1].detail["reasons"][0]

    def test_row_27_an_unsupported_type_is_a_bad_request(self, client):
        token = client.token()
        for unsupported in ("urn:ietf:params:oauth:token-type:jwt", "urn:x", f"{client.trust}/RSTR/status"):
            assert client.transform(token, token_type=unsupported).fault == (client.trust, "BadRequest")

    @pytest.mark.parametrize("part", ["OnBehalfOf", "ActAs", "DelegateTo"])
    def test_row_27_what_would_change_whom_it_is_about_or_for_is_refused(self, client, part):
        token = client.token()
        namespace = ns.WST14 if part == "ActAs" else client.trust
        name = f'<x:{part} xmlns:x="{namespace}">{messages.named("bob")}</x:{part}>'
        assert client.transform(token, name, token_type=ns.SAML11).fault == (client.trust, "BadRequest")
        participants = (
            f"<t:Participants><t:Primary><a:EndpointReference xmlns:a='{ns.WSA}'><a:Address>{STRICT}</a:Address>"
            "</a:EndpointReference></t:Primary></t:Participants>"
        )
        assert client.transform(token, participants, token_type=ns.SAML11).fault == (client.trust, "BadRequest")

    def test_row_27_an_invalid_token_is_an_answer_without_a_token(self, client):
        cancelled, unknown, tampered = client.token(), client.token(), client.token().replace("alice", "admin")
        client.cancel(cancelled)
        client.sts.stores.issued_tokens.rows.pop(("default", etree.fromstring(unknown).get("ID")))
        foreign = replace(client, sts=Sts(algorithm="rsa-3072")).token()
        for target in (cancelled, unknown, tampered, foreign, "<x/>", messages.username_token()):
            assert is_invalid(client, client.transform(target, token_type=ns.SAML11))
        expired = client.token()
        client.sts.clock.advance(timedelta(hours=1))
        assert is_invalid(client, client.transform(expired, token_type=ns.SAML11))

    def test_row_27_only_the_subject_gets_one_where_the_party_names_no_validators(self, client):
        token = client.token(user="alice")
        assert verdict(client, token, user="bob") == "valid"
        for stranger in ("bob", "carol", "admin"):
            answer = client.transform(token, token_type=ns.SAML11, user=stranger)
            assert answer.fault == (client.trust, "RequestFailed")
        made_of(client, token, user="alice")

    def test_row_27_only_its_validators_get_one_where_it_names_them(self, client):
        token = client.token(user="alice", address=STRICT)
        for stranger in ("alice", "carol", "admin"):
            answer = client.transform(token, token_type=ns.SAML11, user=stranger)
            assert answer.fault == (client.trust, "RequestFailed")
        made = made_of(client, token, user="bob")
        assert "alice" in {element.text for element in etree.fromstring(made).iter("{*}NameIdentifier")}

    def test_row_27_a_token_that_is_only_named_is_not_transformed(self, client):
        reference = by_reference(client.token(user="alice"))
        unknown = reference.replace(">_", ">_0")
        for user in ("alice", "bob"):
            for target in (reference, unknown):
                answer = client.transform(target, token_type=ns.SAML11, user=user)
                assert answer.fault == (client.trust, "BadRequest")

    def test_row_27_what_was_made_of_a_token_is_invalid_when_that_is_cancelled(self, client):
        first = client.token()
        second = made_of(client, first)
        third = made_of(client, second, token_type=ns.SAML20)
        assert [verdict(client, token) for token in (first, second, third)] == ["valid"] * 3
        client.cancel(first)
        for token in (first, second, third):
            assert verdict(client, token) == verdict(client, by_reference(token)) == "invalid"
            assert is_invalid(client, client.transform(token, token_type=ns.SAML11))

    def test_row_27_the_answer_claims_nothing_that_is_not_stored(self, client):
        token = client.token()
        client.sts.stores.journal.away = True
        answer = client.transform(token, token_type=ns.SAML11)
        assert (answer.status, answer.fault) == (503, (client.trust, "RequestFailed"))
        assert b"Assertion" not in answer.body

    @EACH_WAY
    def test_row_27_the_token_may_stand_without_validate_target(self, client, original, wanted):
        body = client.rst("Validate", f"<t:TokenType>{wanted}</t:TokenType>", client.token(token_type=original))
        assert status(client, client.ask(body)) == "valid"
