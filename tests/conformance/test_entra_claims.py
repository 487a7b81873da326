"""What Microsoft Entra ID reads of a federated user: ImmutableID, UPN, how it proved itself, and if from inside."""

import ipaddress
from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.harness import ADFS_ENDPOINTS, SERVER, Sts, account
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.model import Claim, TokenType
from wstrust_sts.relying_parties import AppliesToRule, NameIdentifierRule, ReleaseRule, RelyingParty

AUDIENCE = "urn:federation:MicrosoftOnline"
IMMUTABLE_ID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
UPN = "http://schemas.xmlsoap.org/claims/UPN"
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"
INSIDE = "http://schemas.microsoft.com/ws/2012/01/insidecorporatenetwork"
OCTETS = "MyIRAFVEd2aImaq7zN3u/w=="
ENTRA = RelyingParty(
    id="entra",
    realm="default",
    name="entra",
    applies_to=(AppliesToRule(address=AUDIENCE),),
    token_types=(TokenType.SAML11,),
    name_identifier=NameIdentifierRule(format=ns.NAMEID_UNSPECIFIED, claim=IMMUTABLE_ID),
    claim_rules=(
        ReleaseRule(claim=ns.CLAIM_UPN, name=UPN),
        ReleaseRule(claim=IMMUTABLE_ID),
        ReleaseRule(claim=METHODS),
        ReleaseRule(claim=INSIDE),
    ),
)
PATH = ADFS_ENDPOINTS[0].path


@pytest.fixture
def sts() -> Sts:
    made = Sts(
        endpoints=ADFS_ENDPOINTS,
        relying_parties=(ENTRA,),
        server=replace(SERVER, inside_networks=(ipaddress.ip_network("192.0.2.0/24"),)),
        claim_sources=("account", "authentication", "network"),
    )
    claims = (Claim(ns.CLAIM_UPN, ("alice@corp.example.test",)), Claim(IMMUTABLE_ID, (OCTETS,)))
    made.stores.accounts.put(account("alice", claims=claims))
    return made


def attributes(answer: Answer) -> dict[str, list[str]]:
    found = {}
    for attribute in etree.fromstring(answer.assertion).iter(f"{{{ns.SAML11}}}Attribute"):
        name = f"{attribute.get('AttributeNamespace')}/{attribute.get('AttributeName')}"
        found[name] = [value.text for value in attribute]
    return found


def ask(sts: Sts, *, source: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
    credential = messages.username_token("alice", "clarinet")
    protection = messages.security(messages.timestamp(sts.clock.now), credential)
    written = messages.envelope(body or messages.issue(address=AUDIENCE, token_type=None), protection)
    fields = {"content-type": messages.content_type()} | (headers or {})
    return sts.request(Request(method="POST", path=PATH, headers=fields, body=written.encode(), source=source))


def test_the_user_is_named_by_the_immutable_id_and_everything_is_told_that_entra_reads(sts):
    answer = ask(sts, source="192.0.2.1")
    assert attributes(answer) == {
        UPN: ["alice@corp.example.test"],
        IMMUTABLE_ID: [OCTETS],
        METHODS: ["http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"],
        INSIDE: ["true"],
    }
    root = etree.fromstring(answer.assertion)
    (format_,) = {name.get("Format") for name in root.iter(f"{{{ns.SAML11}}}NameIdentifier")}
    assert format_ == "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    assert {name.text for name in root.iter(f"{{{ns.SAML11}}}NameIdentifier")} == {OCTETS}
    assert [audience.text for audience in root.iter(f"{{{ns.SAML11}}}Audience")] == [AUDIENCE]
    assert [
        statement.get("AuthenticationMethod") for statement in root.iter(f"{{{ns.SAML11}}}AuthenticationStatement")
    ] == ["urn:oasis:names:tc:SAML:1.0:am:password"]


def test_who_asks_from_outside_is_told_to_be_outside_whatever_the_request_says(sts):
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "x-ms-forwarded-client-ip"):
        answer = ask(sts, source="198.51.100.1", headers={name: "192.0.2.1"})
        assert attributes(answer)[INSIDE] == ["false"]


def test_a_user_without_immutable_id_gets_no_token(sts):
    sts.stores.accounts.put(account("alice", claims=(Claim(ns.CLAIM_UPN, ("alice@corp.example.test",)),)))
    assert ask(sts, source="192.0.2.1").code == "RequestFailed"


def test_a_token_made_from_another_does_not_say_where_its_subject_asks_from(sts):
    """A validator asks for it, from an address that is not the subject's."""
    party = replace(ENTRA, token_types=tuple(TokenType), validators=frozenset({"bob"}))
    sts = Sts(
        endpoints=ADFS_ENDPOINTS,
        relying_parties=(party,),
        server=replace(SERVER, inside_networks=(ipaddress.ip_network("192.0.2.0/24"),)),
        claim_sources=("account", "authentication", "network"),
    )
    claims = (Claim(ns.CLAIM_UPN, ("alice@corp.example.test",)), Claim(IMMUTABLE_ID, (OCTETS,)))
    sts.stores.accounts.put(account("alice", claims=claims))
    token = ask(sts, source="192.0.2.1").assertion.decode()
    made = sts.ask(messages.transform(token, token_type=ns.SAML11), user="bob", path=PATH)
    assert made.status == 200, made.body
    assert METHODS in attributes(made)
    assert INSIDE not in attributes(made)


def test_a_renewed_token_says_where_its_subject_asks_from_now(sts):
    token = ask(sts, source="192.0.2.1").assertion.decode()
    renewed = ask(sts, source="198.51.100.1", body=messages.renew(token))
    assert renewed.status == 200, renewed.body
    assert attributes(renewed)[INSIDE] == ["false"]


def test_without_the_sources_the_claims_are_not_stated():
    sts = Sts(endpoints=ADFS_ENDPOINTS, relying_parties=(ENTRA,))
    claims = (Claim(ns.CLAIM_UPN, ("alice@corp.example.test",)), Claim(IMMUTABLE_ID, (OCTETS,)))
    sts.stores.accounts.put(account("alice", claims=claims))
    assert set(attributes(ask(sts, source="192.0.2.1"))) == {UPN, IMMUTABLE_ID}
