"""Security contexts that are not the sender's: guessed, ended, another's, doubled, cut out of another message; and
messages that one of an endpoint's two policies protects and that ask for what is the other's.
"""

import os
import time
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from statistics import median

import pytest
from lxml import etree

from tests import messages
from tests.attack import assert_token_of_alice, demand_sound
from tests.cases import dashed, each, each_of
from tests.contexts import CONTEXT, Context, establish
from tests.endorsed import OVER, b64, party, request, request_in_context
from tests.fakes import NOON
from tests.harness import CONVERSING_ENDPOINTS, SEALED_ENDPOINTS
from tests.issued import by_reference
from tests.messages import Answer
from tests.protected import Draft, draft, p_sha1, protect
from tests.sealed import SealedSts, in_clear
from wstrust_sts import ns
from wstrust_sts.config import EndpointSection
from wstrust_sts.errors import BadContextToken
from wstrust_sts.model import TrustVersion

CONVERSING = tuple(
    row for row in (*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS) if row.policy.startswith("secureconversation")
)
BOBS = Context(identifier="urn:uuid:b0b", secret=b"b" * 32)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def sts() -> SealedSts:
    sts = SealedSts(endpoints=(*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS))
    establish(sts.stores, BOBS, account="bob")
    return sts


row = each_of(CONVERSING, ids=dashed)


class Attack:
    """Writes requests for one endpoint, protected with a context's key."""

    def __init__(self, sts: SealedSts, row: EndpointSection, soap: str) -> None:
        self.sts = sts
        self.row = row
        self.soap = soap
        self.trust = row.trust.namespace
        self.hides = row.policy == "secureconversation"
        self.action = f"{self.trust}/RST/Issue"

    def rst(self, *more: str, **how: str) -> str:
        return messages.issue(*more, trust=self.trust, **how)

    def draft(self, body: str | None = None, *, context: Context = CONTEXT, **how) -> Draft:
        how = {"action": self.action, "soap": self.soap} | how
        return draft("secureconversation", self.rst() if body is None else body, context=context, **how)

    def write(self, context: Context = CONTEXT, *, tokens: tuple[str, ...] | None = None, **how) -> bytes | str:
        """A good message but for what is given."""
        if self.hides:
            markup = None if tokens is None else "".join(token.replace('"SCT"', '"EK"') for token in tokens)
            return protect(self.draft(context=context, key_markup=markup, **how))
        return request_in_context(context, tokens=tokens, trust=self.trust, soap=self.soap, **how)

    def send(self, message: bytes | str, request: Draft | None = None) -> Answer:
        answer = self.sts.post(message, path=self.row.path, soap=self.soap)
        if self.hides and request is not None:
            answer = in_clear(answer, request, now=self.sts.clock.now)
        demand_sound(answer) if request is not None or answer.status != 200 else None
        return answer

    def code(self, message: bytes | str) -> str | None:
        """The refusal, which is in clear: nothing proved that anybody may be told more."""
        return self.send(message).code


@pytest.fixture
def attack(sts, row, soap) -> Attack:
    return Attack(sts, row, soap)


# -- good ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
@pytest.mark.parametrize("derives", [None, ns.WSC13, ns.WSC05])
def test_the_key_of_a_context_gets_a_token_for_whoever_established_it(attack, namespace, derives):
    context = replace(CONTEXT, namespace=namespace)
    if attack.hides:
        asked = attack.draft(context=context, derives=derives)
        answer = attack.send(protect(asked), asked)
    else:
        answer = attack.send(attack.write(context, derives=derives))
    assert answer.status == 200
    assert_token_of_alice(answer)


# -- which context -------------------------------------------------------------------------------------------------


def ended(sts: SealedSts, name: str, **how) -> Context:
    context = Context(identifier=f"urn:uuid:{name}")
    establish(sts.stores, context, **how)
    return context


CONTEXTS = {
    "guessed": lambda sts: Context(identifier="urn:uuid:6fd8a8a2-11c3-4d0c-8a64-0a2ff8a3f4c2"),
    "of no form that ours have": lambda sts: Context(identifier="x"),
    "long": lambda sts: Context(identifier="urn:" + "x" * 252),
    "with a percent sign": lambda sts: Context(identifier="urn:uuid:%"),
    "another instance": lambda sts: replace(CONTEXT, instance="urn:uuid:2"),
    "expired": lambda sts: ended(sts, "expired", expires_at=NOON - timedelta(seconds=1)),
    "expired this moment": lambda sts: ended(sts, "now", expires_at=NOON),
    "cancelled": lambda sts: ended(sts, "cancelled", cancelled_at=NOON - HOUR),
    "another realm's": lambda sts: ended(sts, "elsewhere", realm="elsewhere"),
}


@each(CONTEXTS)
def test_a_context_that_is_not_to_be_had_gets_one_answer(attack, case):
    """The same for each, whether the message was made with the right key or not."""
    context = case(attack.sts)
    answers = [
        attack.send(attack.write(context)),
        attack.send(attack.write(replace(context, secret=b"x" * 32))),
        attack.send(attack.write(context, derives=None)),
    ]
    namespace = ns.WSC05 if attack.trust == ns.WST05 else ns.WSC13
    for answer in answers:
        assert answer.fault == (namespace, "BadContextToken")
        assert (answer.status, answer.sentence) == (500, BadContextToken.sentence)
        assert len(answer.body) == len(answers[0].body)


def test_another_context_s_key_proves_nothing(attack):
    for derives in (ns.WSC13, None):
        assert attack.code(attack.write(replace(CONTEXT, secret=BOBS.secret), derives=derives)) == "FailedCheck"
        assert attack.code(attack.write(replace(BOBS, secret=CONTEXT.secret), derives=derives)) == "FailedCheck"
    if not attack.hides:
        assert attack.code(attack.write(replace(CONTEXT, secret=b""))) == "FailedCheck"


TWO = {
    "twice": (CONTEXT.token(), CONTEXT.token(identifier="again")),
    "of one id": (CONTEXT.token(), CONTEXT.token()),
    "another's before": (BOBS.token(identifier="bobs"), CONTEXT.token()),
    "another's behind": (CONTEXT.token(), BOBS.token(identifier="bobs")),
    "in two versions": (CONTEXT.token(), replace(CONTEXT, namespace=ns.WSC05).token(identifier="again")),
    "another's in the other version": (CONTEXT.token(), replace(BOBS, namespace=ns.WSC05).token(identifier="bobs")),
    "with another's name, too": (CONTEXT.token(more=f"<c:Identifier>{BOBS.identifier}</c:Identifier>"),),
    "with more": (CONTEXT.token(more="<c:Cookie>AAAA</c:Cookie>"),),
    "none": (),
}


@each(TWO, "tokens")
def test_a_message_is_about_one_context_that_its_token_names_once(attack, tokens):
    assert attack.code(attack.write(tokens=tokens)) in ("InvalidSecurity", "FailedCheck")


def test_another_s_context_by_reference_beside_the_own_token_is_refused(attack):
    """The signature and the encryption lead to bob's key, and the token is alice's; and the other way round."""
    for own, other in ((CONTEXT, BOBS), (BOBS, CONTEXT)):
        led = replace(own, secret=other.secret)
        for derives in (ns.WSC13, None):
            if attack.hides:
                asked = attack.draft(context=led, derives=derives)
                asked.to_base = lambda other=other: other.reference()
                assert attack.code(protect(asked)) == "FailedCheck"
            else:
                message = attack.write(led, derives=derives)
                assert attack.code(message.replace('URI="#SCT"', f'URI="{other.identifier}"')) == "InvalidSecurity"


# -- again, and out of another message ----------------------------------------------------------------------------


def test_a_message_counts_once(attack):
    asked = attack.draft() if attack.hides else None
    message = attack.write() if asked is None else protect(asked)
    assert attack.send(message, asked).status == 200
    for _ in range(2):
        assert attack.send(message, asked).code == "FailedAuthentication"


@pytest.mark.parametrize("zero", [32, 31], ids=["a longer key", "a shorter key"])
def test_a_replay_under_a_key_of_another_length_is_one(sts, zero):
    """No signature covers how long a derived key is, and to HMAC one with zeros more at its end is the same key."""
    attack = Attack(sts, CONVERSING[0], "1.2")
    label, key = b"WS-SecureConversation" * 2, b""
    while not key or key[zero]:
        nonce = os.urandom(16)
        key = p_sha1(CONTEXT.secret, label + nonce, 33)

    def derived(length: int) -> str:
        return (
            f'<c:DerivedKeyToken xmlns:c="{ns.WSC13}" xmlns:u="{ns.WSU}" u:Id="DK">{CONTEXT.reference("#SCT")}'
            f"<c:Offset>0</c:Offset><c:Length>{length}</c:Length><c:Nonce>{b64(nonce)}</c:Nonce></c:DerivedKeyToken>"
        )

    tokens = (CONTEXT.token(), derived(32))
    message = attack.write(tokens=tokens, derives=None, key=key[:32], key_info=by_reference("DK"))
    assert attack.send(message).status == 200
    for length in (31, 32, 33):
        again = message.replace("Length>32<", f"Length>{length}<")
        assert attack.code(again) == ("FailedAuthentication" if length in (32, zero, zero + 1) else "FailedCheck")


def test_parts_of_another_message_prove_nothing(attack):
    """The header of one message and the Body of another; the token and the keys of one, and the rest of the other."""
    first, second = attack.write(), attack.write(now=NOON + timedelta(seconds=1))
    if not attack.hides:
        first, second = first.encode(), second.encode()
    roots = [etree.fromstring(message) for message in (first, second)]
    securities = [root.find(f".//{{{ns.WSSE}}}Security") for root in roots]
    for name in ("Timestamp", "DerivedKeyToken", "Signature", "EncryptedData"):
        parts = [next((part for part in each if etree.QName(part).localname == name), None) for each in securities]
        if None in parts:
            continue
        mixed = etree.fromstring(first)
        security = mixed.find(f".//{{{ns.WSSE}}}Security")
        own = next(part for part in security if etree.QName(part).localname == name)
        security.replace(own, etree.fromstring(etree.tostring(parts[1], with_tail=False)))
        assert attack.code(etree.tostring(mixed)) in ("FailedCheck", "InvalidSecurity"), name


def test_the_token_alone_proves_nothing(attack):
    """Cut out of another's message, with no signature, with a certificate's, with a password beside it."""
    trust, soap = attack.trust, attack.soap
    password = messages.username_token("bob", "trombone")
    for more in ((), (password,)):
        security = messages.security(messages.timestamp(NOON), CONTEXT.token(), *more)
        alone = messages.envelope(messages.issue(trust=trust), security, soap=soap)
        assert attack.code(alone) == "InvalidSecurity"
        signed = request(party("alice"), trust=trust, soap=soap, more=(CONTEXT.token(), *more))
        assert attack.code(signed) in ("InvalidSecurity", "FailedCheck")


# -- what must be there --------------------------------------------------------------------------------------------


def without(message: str, name: str) -> str:
    start, end = message.index(f"<{name}"), message.index(f"</{name}>") + len(f"</{name}>")
    return message[:start] + message[end:]


def test_what_the_policy_wants_signed_must_be_signed(attack):
    if attack.hides:
        for name in ("Timestamp", "Body", "To", "Action", "MessageID"):

            def sign(draft: Draft, name: str = name) -> None:
                draft.sign([part for part in draft.parts if part is not draft.part(name)])

            assert attack.code(protect(attack.draft(), sign=sign)) in ("InvalidSecurity", "FailedCheck"), name
        cut = attack.draft()
        cut.security.remove(cut.part("Timestamp"))
        assert attack.code(protect(cut)) == "InvalidSecurity"
        return
    for over in (("u:Timestamp",), ("a:To",), ("s:Body",), ("u:Timestamp", "s:Body")):
        assert attack.code(attack.write(over=over)) == "InvalidSecurity", over
    assert attack.code(without(attack.write(), "u:Timestamp")) == "InvalidSecurity"
    assert attack.code(without(attack.write(), "ds:Signature")) == "InvalidSecurity"


def test_what_was_changed_is_refused(attack):
    if attack.hides:
        return  # test_hostile_signatures.py and test_hostile_encryption.py
    good = attack.write()
    assert attack.code(good.replace("12:05:00", "12:06:00", 1)) == "FailedCheck"
    assert attack.code(good.replace("<c:Length>32<", "<c:Length>31<", 1)) == "FailedCheck"
    assert attack.code(good.replace("<c:Offset>0<", "<c:Offset>1<", 1)) == "FailedCheck"


BOMBS = ("<c:Length>1000000000", "<c:Length>-1", "<c:Length>65", "<c:Length>15", "<c:Length>" + "9" * 60)
OFFSETS = ("<c:Offset>4294967295", "<c:Offset>1000", "<c:Generation>1", "<c:Generation>18446744073709551616")


def test_a_derived_key_out_of_bounds_is_refused_before_anything_is_derived(attack):
    if attack.hides:
        return  # test_hostile_encryption.py
    good = attack.write()
    for bomb in BOMBS:
        assert attack.code(good.replace("<c:Length>32", bomb, 1)) == "InvalidSecurity", bomb
    for bomb in OFFSETS:
        name = bomb[1 : bomb.index(">")]
        spoilt = good.replace("<c:Offset>0</c:Offset>", f"{bomb}</{name}>", 1)
        assert attack.code(spoilt) in ("InvalidSecurity", "FailedCheck"), bomb
    assert attack.code(good.replace("<c:Nonce>", "<c:Nonce>" + "A" * 400, 1)) == "InvalidSecurity"
    twice = good.replace(
        "</o:Security>",
        good[good.index("<c:Derived") : good.index("</c:Derived")] + "</c:DerivedKeyToken></o:Security>",
    )
    assert attack.code(twice) in ("InvalidSecurity", "FailedCheck")


def test_a_key_derived_from_a_derived_key_or_from_the_body_is_refused(attack):
    if attack.hides:
        return
    good = attack.write()
    for name in ("#DK", "#nothing", "#_body", "urn:uuid:0"):
        assert attack.code(good.replace('URI="#SCT"', f'URI="{name}"', 1)) in ("InvalidSecurity", "BadContextToken")


# -- which policy for what -----------------------------------------------------------------------------------------


def bootstrapped(attack: Attack, body: str, action: str) -> tuple[bytes | str, Draft | None]:
    """A message under the endpoint's bootstrap policy."""
    if attack.hides:
        asked = draft("certificate", body, action=action, soap=attack.soap)
        return protect(asked), asked
    security = messages.security(messages.timestamp(NOON), messages.username_token())
    return messages.envelope(body, messages.addressing(action), security, soap=attack.soap), None


OPERATIONS = {
    "Issue": lambda trust: messages.issue(trust=trust),
    "Validate": lambda trust: messages.validate(CONTEXT.token(), trust=trust),
    "Cancel": lambda trust: messages.cancel(CONTEXT.token(), trust=trust),
    "SCT/Cancel": lambda trust: messages.cancel(CONTEXT.token(), trust=trust),
    "SCT/Renew": lambda trust: messages.renew(CONTEXT.token(), trust=trust),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_under_the_bootstrap_policy_nothing_but_a_context_can_be_asked_for(attack, operation):
    message, asked = bootstrapped(attack, OPERATIONS[operation](attack.trust), f"{attack.trust}/RST/{operation}")
    answer = attack.send(message, asked)
    assert answer.code == "InvalidSecurity"
    assert attack.sts.stores.security_contexts.find("default", CONTEXT.identifier, None) is not None


def test_under_a_context_no_other_context_can_be_asked_for(attack):
    body = messages.issue(trust=attack.trust, token_type=f"{ns.WSC_OF_TRUST[attack.trust]}/sct")
    if attack.hides:
        for action in ("SCT", "Issue"):
            asked = attack.draft(body, action=f"{attack.trust}/RST/{action}")
            assert attack.send(protect(asked), asked).code == "InvalidSecurity"
    else:
        assert attack.code(attack.write(body=body)) == "InvalidSecurity"


def test_a_message_under_both_policies_gets_nothing_but_a_renewal(attack):
    """A certificate's EncryptedKey beside the context's token; a password beside the context's signature."""
    if attack.hides:
        both = draft("certificate", attack.rst(), action=attack.action, soap=attack.soap)
        both.security.append(etree.fromstring(CONTEXT.token()))
        assert attack.code(protect(both)) == "UnsupportedSecurityToken"
        return
    asked = {
        "Issue": None,
        "Validate": messages.validate(CONTEXT.token(identifier="it"), trust=attack.trust),
        "Cancel": messages.cancel(CONTEXT.token(identifier="it"), trust=attack.trust),
        "SCT/Cancel": messages.cancel(CONTEXT.token(identifier="it"), trust=attack.trust),
        "Renew": messages.renew(f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"/>', trust=attack.trust),
    }
    for operation, body in asked.items():
        action = f"{attack.trust}/RST/{operation}"
        both = attack.write(body=body, action=action, more=(messages.username_token(),))
        assert attack.code(both) in ("InvalidSecurity", "InvalidRequest"), operation


def test_a_renewal_under_both_policies_is_for_one_account_with_a_good_password(attack):
    if attack.hides:
        return
    body = messages.renew(CONTEXT.token(identifier="it"), trust=attack.trust)
    for user, password, code in (("bob", "trombone", "InvalidSecurity"), ("alice", "oboe", "FailedAuthentication")):
        more = (messages.username_token(user, password),)
        assert attack.code(attack.write(body=body, action=f"{attack.trust}/RST/SCT/Renew", more=more)) == code
    bobs = messages.renew(BOBS.token(identifier="it"), trust=attack.trust)
    more = (messages.username_token(),)
    refused = attack.code(attack.write(body=bobs, action=f"{attack.trust}/RST/SCT/Renew", more=more))
    assert refused in ("InvalidSecurityToken", "UnableToRenew")


@pytest.mark.parametrize("policy", ["username", "certificatesigned"])
def test_a_message_under_somebody_else_s_policy_is_refused(attack, policy):
    message = protect(draft(policy, attack.rst(), action=attack.action, soap=attack.soap))
    assert attack.code(message) in (
        "InvalidSecurity",
        "UnsupportedSecurityToken",
        "SecurityTokenUnavailable",
        "FailedCheck",
    )


def test_a_context_is_no_credential_where_the_policy_has_none(attack):
    for other in ("/sealed/13/username", "/sealed/13/certificate", "/sealed/13/certificatesigned"):
        answer = attack.sts.post(
            attack.write() if attack.trust == ns.WST13 else Attack(attack.sts, attack.row, attack.soap).write(),
            path=other,
            soap=attack.soap,
        )
        assert answer.status == 500


def test_every_version_of_both_policies_is_attacked():
    assert {(row.policy, row.trust) for row in CONVERSING} == {
        (policy, row.trust) for policy in ("secureconversation", "secureconversationmixed") for row in SEALED_ENDPOINTS
    }
    assert OVER == ("u:Timestamp", "a:To")


# -- the token once more, as what the request is about -------------------------------------------------------------


def about(attack: Attack, target: str) -> str:
    """A Cancel of whatever `target` is."""
    return messages.cancel(target, trust=attack.trust)


def code_under_the_context(attack: Attack, context: Context, body: str, **how) -> str | None:
    action = f"{attack.trust}/RST/SCT/Cancel"
    if attack.hides:
        asked = attack.draft(body, context=context, action=action, **how)
        return attack.send(protect(asked), asked).code
    return attack.code(attack.write(context, body=body, action=action, **how))


def test_the_token_that_protects_a_message_may_be_its_target_with_the_same_id(attack):
    """As CXF writes it; so the one context ends, and no other."""
    context = ended(attack.sts, f"own-{attack.row.path}-{attack.soap}", now=NOON)
    identifier = "EK" if attack.hides else "SCT"
    body = about(attack, context.token(identifier=identifier))
    assert code_under_the_context(attack, context, body) is None
    assert attack.code(attack.write(context)) == "BadContextToken"
    assert attack.send(attack.write()).status == 200


def test_a_target_is_found_by_no_id(attack):
    """Neither for a key nor for a signature: with the token in the Body alone, the message has none."""
    identifier = "EK" if attack.hides else "SCT"
    body = about(attack, CONTEXT.token(identifier=identifier))
    if attack.hides:
        assert attack.code(protect(attack.draft(body, key_markup=""))) in ("InvalidSecurity", "FailedCheck")
    else:
        assert attack.code(attack.write(body=body, tokens=())) == "InvalidSecurity"


def test_any_other_part_with_an_id_that_is_there_is_refused(attack):
    identifier = "EK" if attack.hides else "SCT"
    token = CONTEXT.token(identifier=identifier)
    for body in (
        about(attack, f"<x>{token}</x>"),
        about(attack, token).replace("CancelTarget", "AdditionalContext"),
        about(attack, token.replace("SecurityContextToken", "DerivedKeyToken")),
        about(attack, token.replace("<c:Identifier", f'<c:Identifier u:Id="{identifier}"', 1)),
    ):
        if attack.hides:
            assert attack.code(protect(attack.draft(body))) == "FailedCheck"
        else:
            assert attack.code(attack.write(body=body)) == "FailedCheck"


# -- the context of a relying party --------------------------------------------------------------------------------


@pytest.fixture
def shared(attack) -> Context:
    """Alice's, with a relying party, which knows its key and uses it here."""
    return ended(attack.sts, f"shared-{attack.row.path}-{attack.soap}", now=NOON, relying_party="rp")


def send_under(attack: Attack, context: Context, body: str, operation: str) -> str | None:
    action = f"{attack.trust}/RST/{operation}"
    if attack.hides:
        asked = attack.draft(body, context=context, action=action)
        return attack.send(protect(asked), asked).code
    return attack.code(attack.write(context, body=body, action=action))


def test_a_relying_party_that_knows_a_context_s_key_gets_nothing_in_its_subject_s_name(attack, shared):
    trust = attack.trust
    asked = {
        "Issue": messages.issue(trust=trust),
        "Validate": messages.validate(CONTEXT.token(identifier="it"), trust=trust),
        "Renew": messages.renew(CONTEXT.token(identifier="it"), trust=trust),
        "Cancel": messages.cancel(CONTEXT.token(identifier="it"), trust=trust),
        "SCT/Renew": messages.renew(CONTEXT.token(identifier="it"), trust=trust),
        "SCT/Cancel": messages.cancel(CONTEXT.token(identifier="it"), trust=trust),
    }
    for operation, body in asked.items():
        assert send_under(attack, shared, body, operation) == "InvalidSecurity", operation


def test_a_context_of_a_relying_party_is_cancelled_under_itself(attack, shared):
    body = messages.cancel(shared.token(identifier="it"), trust=attack.trust)
    assert send_under(attack, shared, body, "SCT/Cancel") is None


# -- again and again -----------------------------------------------------------------------------------------------


FAILURES = {
    "unknown": (lambda sts: replace(CONTEXT, identifier="urn:uuid:guessed"), "BadContextToken"),
    "expired": (lambda sts: ended(sts, "expired", expires_at=NOON - HOUR), "BadContextToken"),
    "cancelled": (lambda sts: ended(sts, "cancelled", cancelled_at=NOON - HOUR), "BadContextToken"),
    "wrongly signed": (lambda sts: replace(CONTEXT, secret=BOBS.secret), "FailedCheck"),
}


POLICIES = {row.policy: row for row in CONVERSING if row.trust is TrustVersion.V13}


@pytest.mark.parametrize("row", POLICIES.values(), ids=POLICIES)
def test_whoever_tries_contexts_and_keys_is_held_up_before_any_context_is_looked_up(row):
    """Guesses of every kind count, and of whoever is held up even the right key is refused."""
    guesser = Attack(SealedSts(endpoints=(*CONVERSING_ENDPOINTS, *SEALED_ENDPOINTS), lockout=True), row, "1.2")
    guesses = cycle([(case(guesser.sts), code) for case, code in FAILURES.values()])
    for number, (context, code) in zip(range(100), guesses, strict=False):
        assert guesser.code(guesser.write(context)) == code, number
    for context in (*(context for context, _ in islice(guesses, len(FAILURES))), CONTEXT):
        assert guesser.code(guesser.write(context)) == "FailedAuthentication"
    assert guesser.sts.post(guesser.write(), path=row.path, source="198.51.100.1").status == 200
    guesser.sts.clock.advance(timedelta(minutes=2))
    assert guesser.send(guesser.write(now=guesser.sts.clock.now)).status == 200


@pytest.mark.alone
@pytest.mark.parametrize("row", POLICIES.values(), ids=POLICIES)
def test_a_context_that_is_not_to_be_had_is_answered_at_one_time(sts, row):
    """Whatever it was that there is no context, and whether its key or the signature is what is wrong."""
    attack = Attack(sts, row, "1.2")
    contexts = {name: case(sts) for name, (case, _) in FAILURES.items()}

    def spread() -> float:
        times: dict[str, list[float]] = {name: [] for name in contexts}
        for _ in range(11):
            for name, context in contexts.items():
                message = attack.write(context)
                begun = time.perf_counter()
                sts.post(message, path=row.path)
                times[name].append(time.perf_counter() - begun)
        medians = [median(measured) for measured in times.values()]
        return max(medians) - min(medians)

    spreads = []
    while not spreads or (min(spreads) >= 0.002 and len(spreads) < 4):
        spreads.append(spread())
    assert min(spreads) < 0.002, spreads
