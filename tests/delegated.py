"""An STS with delegation rules, and a service that acts for its users.

`rp` is the service: its account is `bob`, and alice's tokens are for it. Behind it are `back` and `far`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from lxml import etree

from tests import messages
from tests.assertions import ID_ATTRIBUTE
from tests.forgery import sign_again
from tests.harness import RELYING_PARTY, STRICT_PARTY, Sts
from tests.holders import KEYED_PARTY
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.model import TokenType
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty

BACK, FAR, KEYED = "https://back.example.test/svc", "https://far.example.test/svc", "https://keyed.example.test/svc"
HOUR = timedelta(hours=1)


def party(name: str, address: str, **changes: object) -> RelyingParty:
    return replace(RELYING_PARTY, id=name, name=name, applies_to=(AppliesToRule(address=address),), **changes)


PARTIES = (
    RELYING_PARTY,
    STRICT_PARTY,
    party("back", BACK),
    party("far", FAR),
    replace(KEYED_PARTY, id="keyed", name="keyed", applies_to=(AppliesToRule(address=KEYED),)),
)
ACT_AS, ON_BEHALF_OF = frozenset({DelegationKind.ACT_AS}), frozenset({DelegationKind.ON_BEHALF_OF})


def rule(name: str = "service", **changes: object) -> DelegationRule:
    """Lets bob act as players towards `back`, with their tokens for `rp`."""
    values: dict[str, object] = {
        "actors": frozenset({"bob"}),
        "subject_groups": frozenset({"players"}),
        "relying_parties": frozenset({"back"}),
        "kinds": ACT_AS,
        "tokens_for": frozenset({"rp", "keyed"}),
    }
    return DelegationRule(realm="default", name=name, **(values | changes))


@dataclass
class DelegatingSts(Sts):
    relying_parties: tuple[RelyingParty, ...] = PARTIES
    delegation_rules: tuple[DelegationRule, ...] = (rule(), rule("impersonation", kinds=ON_BEHALF_OF))

    def put(self, *rules: DelegationRule) -> None:
        """These rules and no others."""
        self.stores.delegation_rules.rows = {(each.realm, each.name): each for each in rules}

    def token(self, **how: str) -> str:
        """One of alice, for `rp`."""
        answer = self.issue(**how)
        assert answer.status == 200, answer.body
        return answer.assertion.decode()

    def act(self, inside: str, *more: str, element: str = "ActAs", **how: str) -> Answer:
        """What bob gets for `back` when he shows this."""
        shown = messages.act_as(inside) if element == "ActAs" else messages.on_behalf_of(inside)
        return self.issue(shown, *more, **({"user": "bob", "address": BACK} | how))

    def acted(self, inside: str, *more: str, **how: str) -> str:
        answer = self.act(inside, *more, **how)
        assert answer.status == 200, (answer.body, self.last_refusal)
        return answer.assertion.decode()

    def record(self, token: str) -> TokenRecord:
        record = self.stores.issued_tokens.find("default", id_of(token))
        assert record is not None
        return record

    def signed_again(self, token: str, change) -> str:
        """The token, changed and signed by the STS's own key, and in the register as if it had been issued so."""
        element = etree.fromstring(token)
        change(element)
        token_type = TokenType.SAML11 if element.get("MajorVersion") else TokenType.SAML20
        sign_again(element, token_type, signer=self.keyring.signer("default"))
        assert element.get(ID_ATTRIBUTE[token_type])
        return etree.tostring(element).decode()

    @property
    def last_refusal(self) -> str:
        return self.stores.journal.events[-1].detail.get("refused", "")


def id_of(token: str) -> str:
    root = etree.fromstring(token)
    return root.get("ID") or root.get("AssertionID")


def subject_of(token: str) -> str:
    (name,) = {each.text for each in etree.fromstring(token).iterfind(".//{*}Subject/{*}NameID")} | {
        each.text for each in etree.fromstring(token).iter(f"{{{ns.SAML11}}}NameIdentifier")
    }
    return name


def delegates_of(token: str) -> list[str]:
    """Who acts, as the token tells it, the first one first."""
    root = etree.fromstring(token)
    named = [each.findtext(f"{{{ns.SAML20}}}NameID") for each in root.iter(f"{{{ns.SAML20_DELEGATION}}}Delegate")]
    return named or list(reversed(_nested(root)))


def _nested(element: etree._Element) -> list[str]:
    """Of SAML 1.1, the last one first: actor elements, each as the text of an attribute."""
    for attribute in element.iter(f"{{{ns.SAML11}}}Attribute"):
        if attribute.get("AttributeName") == "actor":
            actor = etree.fromstring(attribute.findtext(f"{{{ns.SAML11}}}AttributeValue"))
            assert actor.tag == "Actor"
            name = actor[0]
            assert (name.get("AttributeNamespace"), name.get("AttributeName")) == (f"{ns.IDENTITY}/claims", "name")
            return [name.findtext(f"{{{ns.SAML11}}}AttributeValue"), *_nested(actor)]
    return []
