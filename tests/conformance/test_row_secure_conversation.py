"""Rows 8, 9, 25 and 29 of the wire contract where a security context protects the messages."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from tests import messages
from tests.contexts import CONTEXT, Context, establish
from tests.conversations import Talker
from tests.endorsed import request_in_context
from tests.fakes import NOON
from tests.harness import CONVERSING_ENDPOINTS, SEALED_ENDPOINTS
from tests.messages import Answer
from tests.protected import Draft, draft, protect
from tests.sealed import SealedSts, in_clear, is_sealed, unseal
from wstrust_sts import ns
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.model import Operation, TrustVersion

SECOND = replace(CONTEXT, instance="urn:uuid:0d1b40a7-5f0c-4a39-8d2a-d8d39b1b44d6", secret=b"2" * 32)
each_trust = pytest.mark.parametrize("trust", [ns.WST13, ns.WST05])
each_soap = pytest.mark.parametrize("soap", ["1.1", "1.2"])
each_version = pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
each_derivation = pytest.mark.parametrize("derives", [None, ns.WSC13, ns.WSC05])


@pytest.fixture
def sts() -> SealedSts:
    sts = SealedSts(endpoints=(*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS))
    establish(sts.stores, SECOND)
    return sts


def path(policy: str, trust: str) -> str:
    rows = (*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS)
    return next(row.path for row in rows if row.policy == policy and row.trust.namespace == trust)


def issue(sts: SealedSts, trust: str = ns.WST13, soap: str = "1.2", **how) -> tuple[Answer, Draft]:
    """A token asked for in a message that a context signs and hides."""
    body = how.pop("body", None) or messages.issue(trust=trust)
    request = draft("secureconversation", body, action=f"{trust}/RST/Issue", soap=soap, **how)
    return sts.post(protect(request), path=path("secureconversation", trust), soap=soap), request


def endorsed(sts: SealedSts, trust: str = ns.WST13, soap: str = "1.2", **how) -> Answer:
    """A token asked for in a message that a context endorses, inside of TLS."""
    message = request_in_context(trust=trust, soap=soap, **how)
    return sts.post(message, path=path("secureconversationmixed", trust), soap=soap)


@each_trust
@each_soap
@each_version
@each_derivation
def test_row_9_a_context_s_key_signs_and_hides_by_itself_or_through_derived_keys(sts, trust, soap, namespace, derives):
    context = replace(CONTEXT, namespace=namespace)
    answer, request = issue(sts, trust, soap, context=context, derives=derives)
    assert is_sealed(answer)
    assert in_clear(answer, request, now=NOON).status == 200
    assert in_clear(answer, request, now=NOON).assertion


@each_trust
@each_soap
@each_version
@each_derivation
def test_row_9_a_context_s_key_endorses_inside_of_tls(sts, trust, soap, namespace, derives):
    answer = endorsed(sts, trust, soap, context=replace(CONTEXT, namespace=namespace), derives=derives)
    assert answer.status == 200
    assert not is_sealed(answer)
    assert answer.find(".//o:Security/u:Timestamp") is not None


@pytest.mark.parametrize("mac", [ns.HMAC_SHA1, ns.HMAC_SHA256])
def test_row_9_hmac_by_sha_1_and_by_sha_256(sts, mac):
    answer, request = issue(sts, mac=mac)
    assert in_clear(answer, request, now=NOON).status == 200
    assert endorsed(sts, method=mac).status == 200


def test_row_8_the_key_that_a_renewal_made_is_named_by_its_instance(sts):
    for context in (CONTEXT, SECOND):
        answer, request = issue(sts, context=context)
        assert in_clear(answer, request, now=NOON).status == 200
        assert endorsed(sts, context=context).status == 200
    mistaken = replace(SECOND, secret=CONTEXT.secret)
    assert issue(sts, context=mistaken)[0].code == "FailedCheck"
    assert endorsed(sts, context=mistaken).code == "FailedCheck"


def test_row_8_a_context_may_be_named_by_its_identifier_without_its_token(sts):
    for context in (CONTEXT, SECOND):
        message = request_in_context(context, tokens=()).replace(context.reference("#SCT"), context.reference())
        assert sts.post(message, path=path("secureconversationmixed", ns.WST13)).status == 200


class _ByName(Draft):
    """Without the token: its keys are derived from a context that is named by its identifier."""

    def to_base(self) -> str:
        return self.context.reference()


@pytest.mark.parametrize("context", [CONTEXT, SECOND], ids=["first key", "second key"])
def test_row_9_a_hidden_message_may_name_its_context_without_the_token(sts, context):
    plain = draft("secureconversation", messages.issue())
    request = _ByName("secureconversation", plain.root, context=context, key_markup="")
    answer = sts.post(protect(request), path=path("secureconversation", ns.WST13))
    assert in_clear(answer, request, now=NOON).status == 200


@each_derivation
@pytest.mark.parametrize("context", [CONTEXT, SECOND], ids=["first key", "second key"])
def test_row_9_the_answer_is_protected_by_the_same_key_and_does_not_bring_its_token(sts, derives, context):
    answer, request = issue(sts, context=context, derives=derives)
    assert b"SecurityContextToken" not in answer.body
    assert b"EncryptedKey" not in answer.body
    derived = answer.root.findall(f".//{{{derives}}}DerivedKeyToken")
    assert len(derived) == (0 if derives is None else 2)
    (header,) = answer.root.iter(f"{{{ns.WSSE}}}Security")
    named = [
        (reference.get("URI"), reference.get(f"{{{ns.WSC13}}}Instance"))
        for reference in header.iter(f"{{{ns.WSSE}}}Reference")
        if reference.get("ValueType") == f"{ns.WSC13}/sct"
    ]
    assert set(named) == {(context.identifier, context.instance)}
    unseal(answer, request, now=NOON)


@each_trust
@each_soap
def test_row_25_a_fault_of_the_request_is_protected_by_the_context(sts, trust, soap):
    answer, request = issue(sts, trust, soap, body=messages.issue(trust=trust, address="urn:nobody"))
    assert is_sealed(answer)
    assert answer.code is None
    assert in_clear(answer, request, now=NOON).code == "InvalidScope"


def test_row_9_a_message_of_the_context_is_known_when_it_comes_again(sts):
    request = draft("secureconversation", messages.issue())
    octets = protect(request)
    codes = []
    for _ in range(2):
        answer = sts.post(octets, path=path("secureconversation", ns.WST13))
        codes.append(in_clear(answer, request, now=NOON).code)
    assert codes == [None, "FailedAuthentication"]


def test_a_context_of_another_trust_version_is_the_same_context(sts):
    """What a client established in one version it may use in the other; the names of the versions say nothing."""
    old = replace(CONTEXT, namespace=ns.WSC05)
    answer, request = issue(sts, ns.WST13, context=old)
    assert in_clear(answer, request, now=NOON).status == 200


# -- from the first message to the last ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Conversation:
    """A requestor at one endpoint, in the versions of `client`."""

    talker: Talker
    policy: str

    @property
    def hides(self) -> bool:
        return self.policy == "secureconversation"

    def _post(self, octets: bytes | str) -> Answer:
        talker = self.talker
        return talker.sts.post(octets, path=path(self.policy, talker.trust), soap=talker.client.soap)

    def _exchange(self, request: Draft) -> Answer:
        return in_clear(self._post(protect(request)), request, now=NOON)

    def establish(self, *more: str) -> Context:
        """Under the bootstrap policy."""
        trust, soap = self.talker.trust, self.talker.client.soap
        asked, action = messages.rst("Issue", *more, trust=trust), f"{trust}/RST/SCT"
        if self.hides:
            return self.talker.context_in(self._exchange(draft("certificate", asked, action=action, soap=soap)))
        protection = messages.security(messages.timestamp(NOON), messages.username_token())
        answer = self._post(messages.envelope(asked, messages.addressing(action), protection, soap=soap))
        return self.talker.context_in(answer)

    def ask(self, context: Context, body: str, action: str) -> Answer:
        """Under the context."""
        trust, soap = self.talker.trust, self.talker.client.soap
        action = f"{trust}/RST/{action}"
        if self.hides:
            return self._exchange(draft("secureconversation", body, action=action, soap=soap, context=context))
        return self._post(request_in_context(context, body=body, action=action, trust=trust, soap=soap))


@pytest.mark.parametrize("policy", ["secureconversation", "secureconversationmixed"])
def test_a_context_is_established_used_renewed_and_cancelled_at_one_endpoint(sts, client, policy):
    conversation = Conversation(Talker(replace(client, sts=sts)), policy)
    trust = client.trust
    first = conversation.establish()
    token = conversation.ask(first, messages.issue(trust=trust), "Issue").assertion.decode()
    assert conversation.ask(first, messages.validate(token, trust=trust), "Validate").status_code == "valid"
    assert conversation.ask(first, messages.renew(token, trust=trust), "Renew").status == 200
    renewed = conversation.ask(first, messages.renew(first.token(), trust=trust), "SCT/Renew")
    second = conversation.talker.context_in(renewed)
    assert (second.identifier, second.instance is None) == (first.identifier, False)
    assert second.secret != first.secret
    assert conversation.ask(second, messages.issue(trust=trust), "Issue").assertion
    cancelled = conversation.ask(second, messages.cancel(second.token(), trust=trust), "SCT/Cancel")
    assert next(cancelled.root.iter(f"{{{trust}}}RequestedTokenCancelled"), None) is not None
    for context in (first, second):
        assert conversation.ask(context, messages.issue(trust=trust), "Issue").code == "BadContextToken"


def test_row_28_a_context_is_renewed_by_whoever_proves_itself_anew_beside_it(sts, client):
    """As WCF does it; the target is a reference."""
    talker = Talker(replace(client, sts=sts))
    conversation = Conversation(talker, "secureconversationmixed")
    first = conversation.establish()
    message = request_in_context(
        first,
        body=messages.renew(first.reference(), trust=client.trust),
        action=f"{client.trust}/RST/SCT/Renew",
        trust=client.trust,
        soap=client.soap,
        more=(messages.username_token(),),
    )
    answer = sts.post(message, path=path("secureconversationmixed", client.trust), soap=client.soap)
    second = talker.context_in(answer)
    assert second.identifier == first.identifier
    assert conversation.ask(second, messages.issue(trust=client.trust), "Issue").assertion


# -- what is published -------------------------------------------------------------------------------------------

N = {"wsp": ns.WSP04}
POLICIES = Path(__file__).parents[2] / "policies"
WITHIN = {"secureconversation": "ProtectionToken", "secureconversationmixed": "EndorsingSupportingTokens"}
BOOTSTRAP = {"secureconversation": "certificate", "secureconversationmixed": "usernamemixed"}


def published(policy: str, version: TrustVersion) -> etree._Element:
    (row,) = [row for row in (*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS) if (row.policy, row.trust) == (policy, version)]
    document = render_wsdl(row.endpoint(), "https://sts.example.test", list(Operation))
    assert len(document) < 64 * 1024  # what WCF reads
    return etree.fromstring(document).find("wsp:Policy", N)


@pytest.mark.parametrize("version", TrustVersion)
@pytest.mark.parametrize("policy", WITHIN)
def test_row_29_the_policy_names_the_context_and_the_policy_by_which_it_is_established(policy, version):
    root = published(policy, version)
    (token,) = root.iter(f"{{{ns.SP12}}}SecureConversationToken", f"{{{ns.SP11}}}SecureConversationToken")
    assert etree.QName(token.getparent().getparent()).localname == WITHIN[policy]
    namespace = etree.QName(token).namespace
    assert token.get(f"{{{namespace}}}IncludeToken") == f"{namespace}/IncludeToken/AlwaysToRecipient"
    (bootstrap,) = token.iter(f"{{{namespace}}}BootstrapPolicy")
    suffix = "" if version is TrustVersion.V13 else "-2005"
    alone = etree.parse(POLICIES / f"{BOOTSTRAP[policy]}{suffix}.xml").find("wsp:ExactlyOne/wsp:All", N)
    addressing, *assertions = alone.iterchildren(etree.Element)
    assert etree.QName(addressing).localname == "Addressing"
    assert [written(each) for each in bootstrap[0]] == [written(each) for each in assertions]


def written(assertion: etree._Element) -> bytes:
    """Without the white space between its elements, in which the published document is another."""
    bare = etree.fromstring(etree.tostring(assertion, with_tail=False), etree.XMLParser(remove_blank_text=True))
    return etree.tostring(bare, method="c14n", exclusive=True)
