"""Hostile requests to act for somebody else, at every endpoint of the harness: without a rule, too deep, or with a
token that is somebody else's, tampered with, over, or never was one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from lxml import etree

from tests import messages
from tests.assertions import signing_key
from tests.attack import demand_sound
from tests.cases import each_token_type
from tests.delegated import BACK, FAR, HOUR, ON_BEHALF_OF, DelegatingSts, id_of, rule, subject_of
from tests.forgery import sign_again
from tests.harness import ENDPOINTS, ISSUED_TOKEN_ENDPOINTS, account
from tests.holders import KEYED_PARTY
from tests.issued import TokenSts, by_key_identifier, holder_for
from tests.issued import request as issued_request
from tests.messages import RP, Answer
from wstrust_sts import ns
from wstrust_sts.delegation_rules import DelegationKind
from wstrust_sts.lineage import LONGEST_LINEAGE
from wstrust_sts.model import TokenType

REFUSED = "RequestFailed"
INVALID = "InvalidSecurityToken"
BOTH = frozenset(DelegationKind)


@dataclass
class Service:
    """Bob's service at one endpoint, by one version of SOAP and one of the two elements."""

    sts: DelegatingSts
    path: str
    soap: str
    element: str

    def token(self, **how: str) -> str:
        return self.sts.token(**how)

    def act(self, inside: str, *more: str, **how: str) -> Answer:
        answer = self.sts.act(inside, *more, element=self.element, path=self.path, soap=self.soap, **how)
        demand_sound(answer, unsecured=False)
        return answer

    def refused(self, code: str, inside: str, *more: str, **how: str) -> None:
        answer = self.act(inside, *more, **how)
        assert (answer.status, answer.code) == (500, code), (answer.body, self.sts.last_refusal)
        assert b"Assertion" not in answer.body

    def good(self, inside: str, *more: str, **how: str) -> str:
        answer = self.act(inside, *more, **how)
        assert answer.status == 200, (answer.body, self.sts.last_refusal)
        return answer.assertion.decode()


@pytest.fixture(
    params=[
        (endpoint.path, soap, element)
        for endpoint in ENDPOINTS
        for soap in ("1.1", "1.2")
        for element in ("ActAs", "OnBehalfOf")
        if not endpoint.strict_to
    ],
    ids=lambda row: f"{row[0].strip('/').replace('/', '-')}-soap{row[1]}-{row[2]}",
)
def service(request) -> Service:
    return Service(DelegatingSts(), *request.param)


@pytest.fixture(params=["ActAs", "OnBehalfOf"])
def here(request) -> Service:
    """At the default endpoint alone."""
    return Service(DelegatingSts(), "/trust/13/usernamemixed", "1.2", request.param)


# -- without a rule ------------------------------------------------------------------------------------------------


def test_without_a_rule_nobody_acts_for_anybody(service: Service) -> None:
    token = service.token()
    service.good(token)
    for user in ("alice", "carol", "admin"):
        service.refused(REFUSED, token, user=user)
    service.sts.put()
    service.refused(REFUSED, token)
    for inside in (messages.named("alice"), token.replace("alice", "admin")):
        service.refused(REFUSED, inside)


@pytest.mark.parametrize(
    "changes",
    [
        {"actors": frozenset({"carol"})},
        {"subject_groups": frozenset({"conductors"})},
        {"relying_parties": frozenset({"far", "rp"})},
        {"kinds": frozenset()},
        {"tokens_for": frozenset({"back"})},
        {"depth": 0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_rule_about_something_else_is_none(here: Service, changes: dict[str, object]) -> None:
    here.sts.put(rule(**({"kinds": BOTH} | changes)))
    here.refused(REFUSED, here.token())


def test_the_other_element_needs_a_rule_of_its_own(here: Service) -> None:
    other = BOTH - {DelegationKind(here.element)}
    here.sts.put(rule(kinds=other))
    here.refused(REFUSED, here.token())


def test_participants_need_the_rule_too(here: Service) -> None:
    def participants(address: str) -> str:
        reference = f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{address}</a:Address></a:EndpointReference>'
        return f"<t:Participants><t:Participant>{reference}</t:Participant></t:Participants>"

    here.refused(REFUSED, here.token(), participants(FAR))
    here.sts.put(rule(kinds=BOTH, relying_parties=frozenset({"back", "far"})))
    here.good(here.token(), participants(FAR))


def test_an_actor_does_not_act_for_himself_and_so_gets_no_stronger_token(here: Service) -> None:
    here.sts.put(rule(kinds=BOTH, any_subject=True, subject_groups=frozenset(), by_name=True))
    here.refused(REFUSED, here.token(user="bob"))
    here.refused(REFUSED, messages.named("bob"))


def test_a_rule_that_is_removed_lets_nobody_act_any_more(here: Service) -> None:
    token = here.token()
    here.good(token)
    here.sts.stores.administration.delete_delegation_rule("default", "service")
    here.sts.stores.administration.delete_delegation_rule("default", "impersonation")
    here.refused(REFUSED, token)


# -- a token that is not the actor's to show -----------------------------------------------------------------------


@each_token_type
def test_a_strangers_token_is_refused(service: Service, token_type: str) -> None:
    """A genuine one of alice, for a service that is not bob's."""
    for address in (FAR, BACK):
        service.refused(REFUSED, service.token(address=address, token_type=token_type))


def test_a_token_whose_relying_party_is_gone_or_disabled_is_refused(here: Service) -> None:
    token = here.token()
    parties = here.sts.stores.relying_parties.rows
    party = parties["default", "rp"]
    parties["default", "rp"] = replace(party, enabled=False)
    here.refused(REFUSED, token)
    del parties["default", "rp"]
    here.refused(REFUSED, token)


@each_token_type
def test_a_tampered_token_is_refused(service: Service, token_type: str) -> None:
    token = service.token(token_type=token_type)
    element = etree.fromstring(token)
    signature = element.find(f"{{{ns.DS}}}Signature")
    element.remove(signature)
    unsigned = etree.tostring(element).decode()
    strange = etree.fromstring(token)
    sign_again(strange, TokenType.SAML20 if token_type == ns.TP11_SAML20 else TokenType.SAML11, signing_key(copy=1))
    for tampered in (
        token.replace(">alice<", ">admin<"),
        token.replace(RP, BACK),
        token.replace("2026-11-23T13", "2026-11-23T23"),
        token.replace(id_of(token), "_" + "0" * 32),
        token.replace(">alice<", ">al<!-- -->ice<"),
        unsigned,
        etree.tostring(strange).decode(),
    ):
        assert tampered != token
        answer = service.act(tampered)
        assert answer.code in (INVALID, "InvalidRequest"), answer.body


@each_token_type
def test_a_wrapped_token_says_nothing(here: Service, token_type: str) -> None:
    """A forged assertion with the genuine one inside, or beside."""
    token = here.token(token_type=token_type)
    forged = token.replace(">alice<", ">admin<").replace(id_of(token), "_evil")
    signature = forged[forged.index("<ds:Signature") : forged.index("</ds:Signature>") + len("</ds:Signature>")]
    closing = "</saml2:Assertion>" if token_type == ns.TP11_SAML20 else "</saml:Assertion>"
    inside = forged.replace(signature, "").replace(closing, token + closing)
    for wrapped in (inside, forged.replace(signature, signature.replace("</ds:Signature>", f"{token}</ds:Signature>"))):
        here.refused(INVALID, wrapped)
    for doubled in (token + forged, forged + token, token + token):
        assert here.act(doubled).code in ("InvalidRequest", INVALID)


@each_token_type
@pytest.mark.parametrize(
    "markup",
    [
        "<c:OneTimeUse/>",
        "<c:DoNotCacheCondition/>",
        '<c:ProxyRestriction Count="0"/>',
        '<c:Condition x:type="y:Whatever"/>',
        '<c:Condition x:type="d:DelegationRestrictionType"/>',
        '<c:Condition x:type="d:DelegationRestrictionType"><c:Delegate/></c:Condition>',
        '<c:Condition x:type="d:DelegationRestrictionType"><d:Delegate/><d:Other/></c:Condition>',
        "<c:Condition><d:Delegate/></c:Condition>",
        "<d:Delegate/>",
    ],
)
def test_a_condition_that_is_not_understood_makes_it_invalid(here: Service, token_type: str, markup: str) -> None:
    """Though our own key signed it."""

    def add(element: etree._Element) -> None:
        (conditions,) = element.iter("{*}Conditions")
        namespace = etree.QName(element).namespace
        wrapped = (
            f'<w xmlns:c="{namespace}" xmlns:d="{ns.SAML20_DELEGATION}" xmlns:x="{ns.XSI}" xmlns:y="urn:y">{markup}</w>'
        )
        conditions.extend(list(etree.fromstring(wrapped)))

    here.refused(INVALID, here.sts.signed_again(here.token(token_type=token_type), add))


@each_token_type
def test_an_unaudienced_token_is_refused(here: Service, token_type: str) -> None:
    def remove(element: etree._Element) -> None:
        (conditions,) = element.iter("{*}Conditions")
        conditions.remove(conditions[0])

    here.refused(INVALID, here.sts.signed_again(here.token(token_type=token_type), remove))


@each_token_type
def test_what_our_key_signed_and_the_register_does_not_know_is_refused(here: Service, token_type: str) -> None:
    def rename(element: etree._Element) -> None:
        for name in element.iter("{*}NameID", "{*}NameIdentifier"):
            name.text = "admin"

    token = here.token(token_type=token_type)
    here.refused(INVALID, here.sts.signed_again(token, rename))
    here.sts.stores.issued_tokens.rows.clear()
    here.refused(INVALID, token)


def test_what_is_only_named_is_no_token(here: Service) -> None:
    here.refused(INVALID, by_key_identifier(id_of(here.token())))
    context = f"<c:Identifier xmlns:c='{ns.WSC13}'>urn:x</c:Identifier>"
    here.refused(INVALID, f"<c:SecurityContextToken xmlns:c='{ns.WSC13}'>{context}</c:SecurityContextToken>")
    here.refused(INVALID, '<o:BinarySecurityToken xmlns:o="' + ns.WSSE + '">AAAA</o:BinarySecurityToken>')
    here.refused(INVALID, f'<e:EncryptedData xmlns:e="{ns.XENC}"/>')


def test_there_is_no_security_context_for_somebody_else(here: Service) -> None:
    here.sts.put(rule(kinds=BOTH, relying_parties=frozenset({"back", "this-sts"})))
    own = "https://sts.example.test/trust/13/usernamemixed"
    here.refused("BadRequest", here.token(), address=own, token_type=ns.SCT13_TOKEN_TYPE)


def test_a_delegated_token_for_the_sts_itself_is_no_credential_there() -> None:
    sts = TokenSts(delegation_rules=(rule(relying_parties=frozenset({"this-sts"})),))
    shown = messages.act_as(sts.issue().assertion.decode())
    for row in ISSUED_TOKEN_ENDPOINTS:
        holder = holder_for(sts, row.policy, shown, user="bob")
        assert subject_of(holder.token) == "alice"
        trust = row.trust.namespace
        answer = sts.post(issued_request(holder, trust=trust, now=sts.clock.now), path=row.path)
        assert answer.fault == (ns.WSSE, INVALID), answer.body


# -- a token that is over ------------------------------------------------------------------------------------------


def change_account(name: str, **changes: object) -> Callable[[Service], None]:
    return lambda service: service.sts.stores.accounts.put(account(name, **changes))


def cancel(service: Service) -> None:
    (token_id,) = [row.token_id for row in service.sts.stores.issued_tokens.rows.values() if row.original is None]
    target = by_key_identifier(token_id)
    assert service.sts.ask(messages.cancel(target)).status == 200


def expire(service: Service) -> None:
    service.sts.clock.advance(HOUR)


@pytest.mark.parametrize(
    "end",
    [
        expire,
        cancel,
        change_account("alice", enabled=False),
        change_account("alice", expires_at=DelegatingSts().clock.now),
        lambda service: service.sts.stores.accounts.rows.pop(("default", "alice")),
    ],
    ids=["expired", "cancelled", "disabled", "account expired", "account gone"],
)
def test_a_token_that_is_over_is_refused_and_so_is_what_was_made_of_it(
    service: Service, end: Callable[[Service], None]
) -> None:
    service.sts.put(rule(kinds=BOTH), rule("z", kinds=BOTH, tokens_for=frozenset({"back"}), depth=9))
    token = service.token()
    made = service.good(token)
    end(service)
    service.refused(INVALID, token)
    service.refused(INVALID, made)


def test_who_gets_the_name_of_a_removed_account_is_not_acted_for(here: Service) -> None:
    token = here.token()
    here.sts.stores.accounts.put(replace(account("alice"), id="id-another"))
    here.refused(INVALID, token)


# -- chains --------------------------------------------------------------------------------------------------------


def chained(here: Service, depth: int) -> None:
    """Bob and carol take turns, towards `back` and `far`."""
    names = frozenset({"back", "far", "rp"})
    wide = {"kinds": BOTH, "relying_parties": names, "tokens_for": names, "depth": depth}
    here.sts.put(rule(actors=frozenset({"bob", "carol"}), **wide))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_chain_ends_where_its_rule_says(here: Service, depth: int) -> None:
    chained(here, depth)
    token = here.token()
    for step in range(depth):
        token = here.good(token, user=("bob", "carol")[step % 2])
        assert subject_of(token) == "alice"
    for user in ("bob", "carol"):
        here.refused(REFUSED, token, user=user)


def test_no_rule_makes_a_chain_without_end(here: Service) -> None:
    chained(here, 1000)
    token = here.token()
    for _ in range(1, LONGEST_LINEAGE):
        token = here.good(token)
    here.refused("BadRequest", token)


def test_the_two_elements_count_together(here: Service) -> None:
    chained(here, 1)
    other = replace(here, element="OnBehalfOf" if here.element == "ActAs" else "ActAs")
    other.refused(REFUSED, here.good(here.token()), user="carol")


def test_one_who_acted_and_may_have_no_tokens_any_more_breaks_the_chain() -> None:
    here = Service(DelegatingSts(), "/trust/13/usernamemixed", "1.2", "ActAs")
    chained(here, 2)
    token = here.good(here.token())
    here.good(token, user="carol")
    change_account("bob", enabled=False)(here)
    here.refused(INVALID, token, user="carol")


def test_validate_does_not_make_a_chain_shorter(here: Service) -> None:
    """Neither by what it makes of a delegated token, nor by what it makes for another relying party."""
    chained(here, 1)
    made = here.good(here.token())
    for user in ("alice", "bob", "carol"):
        for scope in ((), (messages.applies_to(FAR),)):
            answer = here.sts.ask(messages.transform(made, *scope, token_type=ns.SAML11), user=user)
            assert answer.status == 500, answer.body


# -- what is got ---------------------------------------------------------------------------------------------------


def test_a_delegated_token_is_not_renewed_and_is_no_credential(here: Service) -> None:
    made = here.good(here.token())
    for user in ("alice", "bob"):
        assert here.sts.ask(messages.renew(made), user=user).status == 500
    assert here.sts.record(made).renewing_allowed is False


def test_a_token_by_name_lives_no_longer_and_is_as_little_renewed(here: Service) -> None:
    here.sts.put(rule(kinds=BOTH, by_name=True))
    made = here.good(messages.named("alice"))
    for user in ("alice", "bob"):
        assert here.sts.ask(messages.renew(made), user=user).status == 500


@pytest.mark.parametrize("name", ["nobody", "admin ", "ALICE", "admin", "x" * 512, "al\u00efce", "'; --", "carol"])
def test_which_names_there_are_is_told_to_nobody(service: Service, name: str) -> None:
    """Carol is there and has gone, admin is there and no player; the others are not there at all."""
    sts = service.sts
    sts.put(rule(kinds=BOTH, by_name=True))
    sts.stores.accounts.put(account("admin", groups=()))
    sts.stores.accounts.put(account("carol", enabled=False))
    service.good(messages.named("alice"))
    service.refused(REFUSED, messages.named(name))


@pytest.mark.parametrize(
    "inside",
    [
        '<o:UsernameToken xmlns:o="{wsse}"/>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username/><o:Username>alice</o:Username></o:UsernameToken>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username>al<!-- -->ice</o:Username></o:UsernameToken>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username>al<b/>ice</o:Username></o:UsernameToken>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username>alice</o:Username><o:Password/></o:UsernameToken>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username>alice</o:Username><x/></o:UsernameToken>',
        '<o:UsernameToken xmlns:o="{wsse}"><o:Username>' + "x" * 513 + "</o:Username></o:UsernameToken>",
        "alice",
        "",
    ],
)
def test_a_name_that_is_not_one_text_is_unreadable(service: Service, inside: str) -> None:
    service.sts.put(rule(kinds=BOTH, by_name=True))
    service.refused("InvalidRequest", inside.replace("{wsse}", ns.WSSE))


def test_the_element_counts_wherever_it_stands_and_once(here: Service) -> None:
    """Passed over, it would give bob a token about himself."""
    token = here.token()
    shown = messages.act_as(token) if here.element == "ActAs" else messages.on_behalf_of(token)
    answer = here.sts.issue(f"<t:SecondaryParameters>{shown}</t:SecondaryParameters>", user="bob", address=BACK)
    assert subject_of(answer.assertion.decode()) == "alice"
    assert here.sts.issue(shown, shown.replace(token, ""), user="bob", address=BACK).code == "InvalidRequest"
    bare = f'<{here.element} xmlns="">{messages.named("alice")}</{here.element}>'
    assert here.sts.issue(bare, user="bob", address=BACK).code == REFUSED


def test_a_mandatory_claim_that_the_rule_withholds_is_not_to_be_had(here: Service) -> None:
    here.sts.put(rule(kinds=BOTH, claims=frozenset()))
    assert "AttributeStatement" not in here.good(here.token())
    claim = f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_EMAIL}"/>'
    here.refused("InvalidRequest", here.token(), f'<t:Claims Dialect="{ns.IDENTITY}">{claim}</t:Claims>')


def test_a_token_bound_to_a_key_gives_the_actor_no_token_bound_to_that_key(here: Service) -> None:
    here.sts.put(rule(kinds=BOTH, relying_parties=frozenset({"back", "keyed"})))
    assert KEYED_PARTY.key_types
    kind = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
    keyed = "https://keyed.example.test/svc"
    shown = here.sts.issue(kind, address=keyed)
    made = here.act(shown.assertion.decode(), kind, address=keyed)
    assert made.status == 200, made.body
    assert made.text(".//t:BinarySecret") != shown.text(".//t:BinarySecret")
    proofs = {row.wrapped_proof_key for row in here.sts.stores.issued_tokens.rows.values()}
    assert len(proofs) == 2


def test_on_behalf_of_rule_alone_lets_validate_make_tokens_for_others(here: Service) -> None:
    here.sts.put(rule(kinds=ON_BEHALF_OF))
    asked = messages.transform(here.token(), messages.applies_to(FAR), token_type=ns.SAML11)
    assert here.sts.ask(asked, user="bob").code == REFUSED
    stranger = messages.transform(here.token(address=FAR), messages.applies_to(BACK), token_type=ns.SAML11)
    assert here.sts.ask(stranger, user="bob").code == REFUSED
