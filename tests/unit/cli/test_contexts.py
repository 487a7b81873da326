"""Security contexts as the token client gets and uses them, and every answer about one that is not to be believed."""

import base64
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests.answering import TOKEN, AnsweringSts, to_another_request, without_addressing
from tests.contexts import CONTEXT, Context
from tests.fakes import NOON
from tests.protected import p_sha1
from wstrust_sts import ns
from wstrust_sts.cli.assertions import describe_token
from wstrust_sts.cli.contexts import share_context
from wstrust_sts.cli.endorsing_keys import endorse_by_token
from wstrust_sts.cli.exchanges.context import ContextInMessage
from wstrust_sts.cli.exchanges.exchange import UnprotectedAnswer
from wstrust_sts.cli.exchanges.over_tls import OverTls
from wstrust_sts.cli.key_wishes import NO_KEY, InconsistentAnswer, SecretKey, SharedKey
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.proof_files import new_own_key
from wstrust_sts.cli.sts_client import Issued, StsClient, TokenWish
from wstrust_sts.cli.sts_connection import NoAnswer
from wstrust_sts.model import AuthenticationMethod, TrustVersion
from wstrust_sts.relying_parties import OWN_PARTY
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.wire.sealing import Methods

ENTROPY, SEED = b"e" * 32, b"s" * 32
COMPUTED = SharedKey(size=256, entropy=ENTROPY)
TOLD = SharedKey(size=256)
VERSIONS = {TrustVersion.V13: ns.WSC13, TrustVersion.V2005: ns.WSC05}
METHODS = Methods(signature=ns.HMAC_SHA1, digest=ns.SHA256, encryption=ns.AES256_CBC)


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def proof(octets: bytes) -> str:
    return f"<t:RequestedProofToken><t:BinarySecret>{b64(octets)}</t:BinarySecret></t:RequestedProofToken>"


def response(*parts: str, token: str, trust: TrustVersion = TrustVersion.V13) -> str:
    return (
        f'<t:RequestSecurityTokenResponse xmlns:t="{trust.namespace}"><t:RequestedSecurityToken>{token}'
        f"</t:RequestedSecurityToken>{''.join(parts)}</t:RequestSecurityTokenResponse>"
    )


def asking(content: str, trust: TrustVersion = TrustVersion.V13) -> StsClient:
    sts = AnsweringSts("usernamemixed", content=content, trust=trust.namespace)
    return StsClient(connection=sts, binding=OverTls(user="alice", password="clarinet"), trust=trust)


def requested(*parts: str, token: str, wish: object = TOLD, trust: TrustVersion = TrustVersion.V13) -> Issued:
    wanted = TokenWish(token_type=f"{VERSIONS[trust]}/sct", key=wish)
    return asking(response(*parts, token=token, trust=trust), trust).issue(wanted, now=NOON)


# -- requested ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trust", "namespace"), VERSIONS.items())
def test_a_context_is_taken_with_the_key_that_both_sides_made(trust, namespace):
    context = replace(CONTEXT, namespace=namespace)
    made = (
        f"<t:RequestedProofToken><t:ComputedKey>{trust.namespace}/CK/PSHA1</t:ComputedKey></t:RequestedProofToken>"
        f"<t:Entropy><t:BinarySecret>{b64(SEED)}</t:BinarySecret></t:Entropy>"
        f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">2030-01-01T00:00:00Z</u:Expires></t:Lifetime>'
    )
    issued = requested(made, token=context.token(), wish=COMPUTED, trust=trust)
    assert issued.key == SecretKey(p_sha1(ENTROPY, SEED, 32))
    assert issued.expires.year == 2030
    assert describe_token(issued.token)["id"] == CONTEXT.identifier


def test_a_context_is_asked_for_by_the_action_of_its_own():
    client = asking(response(proof(b"k" * 32), token=CONTEXT.token()))
    client.issue(TokenWish(token_type=ns.SCT13_TOKEN_TYPE, key=TOLD), now=NOON)
    assert f"{ns.WST13}/RST/SCT<".encode() in client.connection.received[0]


SECRET = proof(b"k" * 32)
DOUBLED = re.sub(r"(<c:Identifier>.*</c:Identifier>)", r"\1\1", CONTEXT.token())
WRONG = {
    "no secret": ((), CONTEXT.token(), "no key in it"),
    "an empty secret": ((proof(b""),), CONTEXT.token(), "key"),
    "a short secret": ((proof(b"k" * 8),), CONTEXT.token(), "64 bits where 256"),
    "a long secret": ((proof(b"k" * 64),), CONTEXT.token(), "512 bits where 256"),
    "zeros": ((proof(bytes(32)),), CONTEXT.token(), "nothing but zeros"),
    "two secrets": ((SECRET, SECRET), CONTEXT.token(), "something twice"),
    "a bearer token": ((f"<t:KeyType>{ns.WST13}/Bearer</t:KeyType>", SECRET), CONTEXT.token(), "KeyType is"),
    "an assertion": ((SECRET,), TOKEN, "the token is"),
    "an unknown token": ((SECRET,), "<x/>", "no security context"),
    "another version": ((SECRET,), replace(CONTEXT, namespace=ns.WSC05).token(), "another version"),
    "no identifier": ((SECRET,), CONTEXT.token().replace("Identifier", "Name"), "does not name one"),
    "an empty identifier": ((SECRET,), replace(CONTEXT, identifier=" ").token(), "does not name one"),
    "a long identifier": ((SECRET,), replace(CONTEXT, identifier="x" * 300).token(), "does not name one"),
    "two identifiers": ((SECRET,), DOUBLED, "does not name one"),
    "two instances": (
        (SECRET,),
        CONTEXT.token(more="<c:Instance>1</c:Instance><c:Instance>2</c:Instance>"),
        "does not name one",
    ),
}


@pytest.mark.parametrize(("parts", "token", "told"), WRONG.values(), ids=WRONG)
def test_an_answer_that_is_not_one_context_with_its_key_is_refused(parts, token, told):
    with pytest.raises(InconsistentAnswer, match=told):
        requested(*parts, token=token)


def test_two_tokens_are_none():
    with pytest.raises(NoAnswer, match="more than one token"):
        requested(SECRET, token=CONTEXT.token() * 2)


def test_a_context_without_a_key_that_was_asked_for_is_refused():
    with pytest.raises(InconsistentAnswer, match="symmetric key"):
        requested(token=CONTEXT.token(), wish=NO_KEY)


def test_what_an_sts_says_to_itself_in_a_context_is_kept_and_goes_back():
    cookie = CONTEXT.token(more='<d:Cookie xmlns:d="urn:stateless">c29tZQ==</d:Cookie>')
    issued = requested(SECRET, token=cookie)
    assert b"Cookie" in issued.token
    endorsement = endorse_by_token(issued.token, issued.key, signature="", mac=ns.HMAC_SHA1, digest=ns.SHA256)
    assert "c29tZQ==" in endorsement.token


# -- renewed -----------------------------------------------------------------------------------------------------------


NEXT = replace(CONTEXT, instance="urn:uuid:2")


def renewed(*parts: str, token: str) -> Issued:
    return asking(response(*parts, token=token)).renew(CONTEXT.token().encode(), now=NOON)


def test_a_renewed_context_has_another_key_under_another_name_or_the_old_one():
    assert renewed(SECRET, token=NEXT.token()).key == SecretKey(b"k" * 32)
    assert renewed(token=CONTEXT.token()).key is None


NOT_RENEWED = {
    "another identifier": ((SECRET,), replace(NEXT, identifier="urn:uuid:another"), "another security context"),
    "another version": ((SECRET,), replace(NEXT, namespace=ns.WSC05), "another security context"),
    "another key without it": ((), NEXT, "another key, which is not in it"),
    "another key by the old name": ((SECRET,), CONTEXT, "under the name of the old one"),
    "a short key": ((proof(b"k" * 8),), NEXT, "64 bits"),
    "zeros": ((proof(bytes(32)),), NEXT, "nothing but zeros"),
}


@pytest.mark.parametrize(("parts", "context", "told"), NOT_RENEWED.values(), ids=NOT_RENEWED)
def test_an_answer_that_renews_something_else_is_refused(parts, context, told):
    with pytest.raises(InconsistentAnswer, match=told):
        renewed(*parts, token=context.token())


def test_an_assertion_does_not_renew_a_context():
    with pytest.raises(InconsistentAnswer, match="no security context"):
        renewed(SECRET, token=TOKEN)


# -- protecting --------------------------------------------------------------------------------------------------------


def known(context: Context = CONTEXT):
    """How the STS finds it."""

    def find(identifier: str, instance: str | None) -> SecurityContext | None:
        if (identifier, instance) != (context.identifier, context.instance):
            return None
        return SecurityContext(
            identifier=identifier,
            instance=instance,
            realm="r",
            account="id-alice",
            relying_party=OWN_PARTY,
            methods=(AuthenticationMethod.PASSWORD_OVER_TLS,),
            instant=NOON,
            created=NOON,
            expires_at=NOON + timedelta(hours=1),
            secret=context.secret,
            renewable=True,
        )

    return find


def in_message(context: Context = CONTEXT, **how) -> ContextInMessage:
    token = context.token().encode()
    shared = share_context(token, SecretKey(context.secret))
    return ContextInMessage(**({"context": shared, "token": token.decode(), "methods": METHODS} | how))


def client(sts: AnsweringSts, binding: object = None, **how) -> StsClient:
    token = CONTEXT.token().encode()
    return StsClient(connection=sts, binding=binding or in_message(), shown=token, **how)


def endorsing(context: Context = CONTEXT) -> OverTls:
    token, key = context.token().encode(), SecretKey(context.secret)
    return OverTls(endorsement=endorse_by_token(token, key, signature="", mac=ns.HMAC_SHA1, digest=ns.SHA256))


BINDINGS = {"secureconversation": in_message, "secureconversationmixed": endorsing}


@pytest.mark.parametrize("confirms", [False, True])
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("trust", TrustVersion)
@pytest.mark.parametrize("context", [CONTEXT, NEXT, replace(CONTEXT, namespace=ns.WSC05)])
@pytest.mark.parametrize("policy", BINDINGS)
def test_a_context_protects_every_operation(policy, context, trust, soap, confirms):
    sts = AnsweringSts(policy, trust=trust.namespace, confirms=confirms, contexts=known(context))
    asks = client(sts, BINDINGS[policy](context), soap=soap, trust=trust)
    assert asks.issue(TokenWish(applies_to="urn:rp"), now=NOON).token
    assert asks.renew(TOKEN.encode(), now=NOON).token
    assert asks.validate(TOKEN.encode(), now=NOON).valid
    asks.cancel(TOKEN.encode(), now=NOON)


@pytest.mark.parametrize("policy", BINDINGS)
def test_the_context_that_protects_a_message_is_in_it_once(policy):
    sts = AnsweringSts(policy, contexts=known())
    client(sts, BINDINGS[policy]()).cancel(CONTEXT.token().encode(), now=NOON)
    assert sts.received[0].count(b"<c:Identifier>") == 1
    assert CONTEXT.secret not in sts.received[0]


@pytest.mark.parametrize("derivation", [ns.WSC13, ns.WSC05, None])
def test_keys_are_derived_as_the_caller_says(derivation):
    sts = AnsweringSts("secureconversation", contexts=known())
    assert client(sts, in_message(derivation=derivation)).issue(TokenWish(), now=NOON)
    used = re.findall(rb'DerivedKeyToken xmlns:c="([^"]+)"', sts.received[0])
    assert used == ([] if derivation is None else [derivation.encode()] * 2)


def by_another_key(seal):
    return replace(seal, secret=replace(seal.secret, secret=b"x" * 32))


def by_another_context(seal):
    return replace(seal, secret=replace(seal.secret, name=replace(seal.secret.name, identifier="urn:uuid:another")))


def confirming_another(seal):
    return replace(seal, confirmed=(b"another signature",))


def showing_a_token(seal):
    return replace(seal, token=CONTEXT.token())


@pytest.mark.parametrize("seals", [by_another_key, by_another_context, confirming_another, showing_a_token])
def test_an_answer_that_the_context_does_not_protect_is_refused(seals):
    sts = AnsweringSts("secureconversation", contexts=known(), seals=seals)
    with pytest.raises(UnprotectedAnswer):
        client(sts).issue(TokenWish(), now=NOON)


def test_an_answer_under_a_context_has_to_say_what_it_answers():
    """Its key is that of earlier answers, too."""
    silent = AnsweringSts("secureconversation", contexts=known(), answers=without_addressing)
    with pytest.raises(UnprotectedAnswer, match="to which request"):
        client(silent).issue(TokenWish(), now=NOON)
    assert client(replace(silent, confirms=True)).issue(TokenWish(), now=NOON)
    with pytest.raises(UnprotectedAnswer, match="another request"):
        client(replace(silent, answers=to_another_request)).issue(TokenWish(), now=NOON)


@pytest.mark.parametrize("confirms", [False, True])
def test_an_answer_to_an_earlier_request_is_refused(confirms):
    kept: list[bytes] = []

    def replay(octets: bytes) -> bytes:
        kept.append(octets)
        return kept[0]

    asks = client(AnsweringSts("secureconversation", contexts=known(), confirms=confirms, tampers=replay))
    assert asks.issue(TokenWish(), now=NOON)
    with pytest.raises(UnprotectedAnswer):
        asks.issue(TokenWish(), now=NOON)


@pytest.mark.parametrize("shown", [True, False])
def test_the_clients_own_request_is_no_answer(shown):
    """It is under the same key; its token is not signed and could be taken away."""
    sts = AnsweringSts("secureconversation", contexts=known())

    def reflected(_: bytes) -> bytes:
        token = (
            b"" if shown else re.search(rb"<c:SecurityContextToken.*?</c:SecurityContextToken>", sts.received[-1])[0]
        )
        return sts.received[-1].replace(token, b"") if token else sts.received[-1]

    sts.tampers = reflected
    with pytest.raises(UnprotectedAnswer):
        client(sts).issue(TokenWish(), now=NOON)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "key", "told"),
    [
        (TOKEN, SecretKey(b"k" * 32), "no security context"),
        (CONTEXT.token(), new_own_key(), "private key"),
        (DOUBLED, SecretKey(b"k" * 32), "does not name one"),
        ("nothing", SecretKey(b"k" * 32), "not a token in XML"),
    ],
)
def test_what_is_no_context_with_a_secret_protects_nothing(token, key, told):
    with pytest.raises(Refusal, match=told):
        share_context(token.encode(), key)


def test_a_context_is_described_by_its_name():
    card = describe_token(NEXT.token().encode())
    assert card == {
        "type": "security context token",
        "version": "WS-SecureConversation 1.3",
        "id": NEXT.identifier,
        "instance": NEXT.instance,
    }
    old = etree.fromstring(replace(NEXT, namespace=ns.WSC05).token())
    assert describe_token(etree.tostring(old))["version"] == "WS-SecureConversation 2005/02"
