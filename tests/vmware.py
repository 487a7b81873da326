"""An STS with the endpoint of vCenter's clients, and their messages: signed over Timestamp and Body, SOAP 1.1."""

from dataclasses import dataclass, replace

from tests import endorsed, issued, messages
from tests.endorsed import Party
from tests.fakes import REALM
from tests.harness import ENDPOINTS, STRICT_PARTY, VMWARE_ENDPOINTS
from tests.holders import KEYED_PARTY
from tests.issued import Holder
from tests.messages import Answer
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.config import EndpointSection
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty

PATH = VMWARE_ENDPOINTS[0].path
OVER = ("u:Timestamp", "s:Body")
ELSEWHERE = "https://elsewhere.example.test/svc"  # whose tokens are not for the STS
VSPHERE = replace(KEYED_PARTY, audiences=(messages.RP, REALM.issuer))
ALICE, MALLORY = endorsed.party("alice"), endorsed.party("mallory")
SIGNATURE_ID = "_the-signature"


@dataclass
class VmwareSts(SealedSts):
    endpoints: tuple[EndpointSection, ...] = (*ENDPOINTS, *VMWARE_ENDPOINTS)
    relying_parties: tuple[RelyingParty, ...] = (
        VSPHERE,
        STRICT_PARTY,
        replace(KEYED_PARTY, id="elsewhere", name="elsewhere", applies_to=(AppliesToRule(address=ELSEWHERE),)),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.map_certificate(ALICE.certificate)

    def get(self, message: str, *, path: str = PATH, soap: str = "1.1") -> Answer:
        return self.post(message, path=path, soap=soap)


def body(*more: str, key: str = "Bearer", address: str | None = None) -> str:
    """An Issue as these clients write it, without AppliesTo."""
    wishes = (
        f"<t:TokenType>{ns.SAML20}</t:TokenType>",
        '<t:Renewing Allow="true" OK="false"/><t:Delegatable>true</t:Delegatable>',
        "" if address is None else messages.applies_to(address),
        f"<t:KeyType>{ns.WST13}/{key}</t:KeyType><t:SignatureAlgorithm>{ns.RSA_SHA256}</t:SignatureAlgorithm>",
    )
    return messages.rst("Issue", *wishes, *more)


def use_key(signature_id: str = SIGNATURE_ID) -> str:
    return f'<t:UseKey Sig="{signature_id}"/>'


def beside(signature_id: str = SIGNATURE_ID) -> str:
    """The same where VMware's SDK for Java has it: behind the request."""
    return f'<t:UseKey xmlns:t="{ns.WST13}" Sig="{signature_id}"/>'


def by_password(sts: VmwareSts, *more: str, **how) -> str:
    credential = messages.username_token()
    asked = body(*more, **how)
    return messages.envelope(asked, messages.security(messages.timestamp(sts.clock.now), credential), soap="1.1")


def signed(signer: Party = ALICE, asked: str | None = None, **how) -> str:
    """By a certificate's key, which the token is to be bound to. The signature has a name."""
    how = {"over": OVER, "address": None, "soap": "1.1"} | how
    asked = body(use_key(), key="PublicKey") if asked is None else asked
    return named(endorsed.request(signer, body=asked, **how))


def named(message: str) -> str:
    """The last signature of the Security header is the message's; others are in tokens."""
    header, end, rest = message.partition("</o:Security>")
    before, start, after = header.rpartition("<ds:Signature ")
    return f'{before}{start}Id="{SIGNATURE_ID}" {after}{end}{rest}'


def by_token(holder: Holder, asked: str | None = None, **how) -> str:
    """By the key that a token is bound to."""
    how = {"over": OVER, "address": None, "soap": "1.1"} | how
    return named(issued.request(holder, body=asked or body(key="PublicKey"), **how))


def holder_of(sts: VmwareSts, signer: Party = ALICE, *, address: str | None = None) -> Holder:
    """A token that is bound to the signer's key, got by its certificate."""
    answer = sts.get(signed(signer, body(use_key(), key="PublicKey", address=address)))
    assert answer.status == 200, answer.body
    return Holder(answer.assertion.decode(), signer)


def bearer(sts: VmwareSts) -> str:
    answer = sts.get(by_password(sts))
    assert answer.status == 200, answer.body
    return answer.assertion.decode()
