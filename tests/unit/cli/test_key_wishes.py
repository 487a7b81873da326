"""What a client asks about a token's key, and every answer that says something else."""

import base64
import re

import pytest

from tests.answering import AnsweringSts, message_key
from tests.certificates import key
from tests.fakes import NOON
from tests.holders import HOLDERS, RECIPIENT, key_info, key_value, x509_data
from tests.protected import p_sha1
from wstrust_sts import ns
from wstrust_sts.cli.exchanges.over_tls import OverTls
from wstrust_sts.cli.key_wishes import (
    NO_KEY,
    InconsistentAnswer,
    KeyWish,
    PublicKey,
    SecretKey,
    SharedKey,
    write_key_wish,
)
from wstrust_sts.cli.proof_files import own_key
from wstrust_sts.cli.sts_client import Issued, StsClient, TokenWish
from wstrust_sts.cli.sts_connection import NoAnswer
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.model import TrustVersion
from wstrust_sts.wire.encrypting import encrypt_key
from wstrust_sts.wire.wst import read_rst
from wstrust_sts.wire.xml import parse

ENTROPY, SEED, SECRET = b"e" * 32, b"s" * 32, b"k" * 32
COMPUTED = SharedKey(size=256, entropy=ENTROPY)
TOLD = SharedKey(size=256)
CHOSEN = SharedKey(size=256, chosen=SECRET)
OWN = {kind: own_key(key(f"holder {kind}", kind), certificate=HOLDERS[kind]) for kind in HOLDERS}
FOR_SERVICE = key_info(
    encrypt_key(SECRET, EncryptionRule(certificate=RECIPIENT)).replace("<ds:", "<d:").replace("</ds:", "</d:")
)
_CONFIRMED = {True: ns.SAML20_HOLDER_OF_KEY, False: ns.SAML20_BEARER}


def assertion(inside: str | None) -> str:
    """Bound to what its KeyInfo holds; None: a bearer token."""
    return (
        f'<a:Assertion xmlns:a="{ns.SAML20}" ID="_t"><a:Subject><a:SubjectConfirmation'
        f' Method="{_CONFIRMED[inside is not None]}"><a:SubjectConfirmationData>{inside or ""}'
        "</a:SubjectConfirmationData></a:SubjectConfirmation></a:Subject></a:Assertion>"
    )


def old_assertion(inside: str | None) -> str:
    method = ns.SAML11_BEARER if inside is None else ns.SAML11_HOLDER_OF_KEY
    return (
        f'<a:Assertion xmlns:a="{ns.SAML11}" AssertionID="_t"><a:AttributeStatement><a:Subject><a:SubjectConfirmation>'
        f"<a:ConfirmationMethod>{method}</a:ConfirmationMethod>{inside or ''}</a:SubjectConfirmation></a:Subject>"
        "</a:AttributeStatement></a:Assertion>"
    )


BEARER, SEALED = assertion(None), f'<e:EncryptedData xmlns:e="{ns.XENC}"/>'


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def secret(octets: bytes, *, kind: str = "", wst: str = ns.WST13) -> str:
    attribute = f' Type="{wst}/{kind}"' if kind else ""
    return f"<t:BinarySecret{attribute}>{b64(octets)}</t:BinarySecret>"


def proof(inside: str) -> str:
    return f"<t:RequestedProofToken>{inside}</t:RequestedProofToken>"


def entropy(inside: str) -> str:
    return f"<t:Entropy>{inside}</t:Entropy>"


def computed(*, wst: str = ns.WST13) -> str:
    return proof(f"<t:ComputedKey>{wst}/CK/PSHA1</t:ComputedKey>")


def size(bits: object) -> str:
    return f"<t:KeySize>{bits}</t:KeySize>"


def key_type(name: str) -> str:
    return f"<t:KeyType>{ns.WST13}/{name}</t:KeyType>"


def answered(wish: KeyWish, *parts: str, token: str, wst: str = ns.WST13, binding: OverTls | None = None) -> Issued:
    content = (
        f'<t:RequestSecurityTokenResponse xmlns:t="{wst}"><t:RequestedSecurityToken>{token}</t:RequestedSecurityToken>'
        f"{''.join(parts)}</t:RequestSecurityTokenResponse>"
    )
    asking = StsClient(
        connection=AnsweringSts("usernamemixed", content=content, trust=wst),
        binding=binding or OverTls(user="alice", password="clarinet"),
        trust=TrustVersion(wst),
    )
    return asking.issue(TokenWish(key=wish), now=NOON)


# -- what is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [TrustVersion.V13, TrustVersion.V2005])
@pytest.mark.parametrize("wish", [NO_KEY, COMPUTED, TOLD, CHOSEN, *map(PublicKey, OWN.values())])
def test_what_is_asked_is_what_our_own_sts_reads(wish, trust):
    body = (
        f'<t:RequestSecurityToken xmlns:t="{trust.namespace}"><t:RequestType>{trust.namespace}/Issue</t:RequestType>'
        f"{write_key_wish(wish, trust)}</t:RequestSecurityToken>"
    )
    read = read_rst(parse(body.encode()), version=trust, action=None)
    match wish:
        case SharedKey():
            assert read.key_size == 256
            kept = read.entropy and (getattr(read.entropy, "octets", None) or read.entropy.secret)
            assert kept == (wish.entropy or wish.chosen)
            assert (read.computed_key_algorithm is None) is (wish.entropy is None)
        case PublicKey(own):
            assert read.use_key.key == own.proof
        case _:
            assert read.key_size is read.entropy is read.use_key is None
    assert read.key_type.value == {SharedKey: "SymmetricKey", PublicKey: "PublicKey"}.get(type(wish), "Bearer")


# -- good answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wst", [ns.WST13, ns.WST05])
@pytest.mark.parametrize("written", [assertion, old_assertion])
@pytest.mark.parametrize("kind", ["Nonce", ""])
@pytest.mark.parametrize("echoed", [size(256), ""])
def test_a_key_is_computed_from_both_sides_entropy(wst, written, kind, echoed):
    parts = (computed(wst=wst), entropy(secret(SEED, kind=kind, wst=wst)), echoed)
    issued = answered(COMPUTED, *parts, token=written(FOR_SERVICE), wst=wst)
    assert issued.key == SecretKey(p_sha1(ENTROPY, SEED, 32))


@pytest.mark.parametrize("wish", [TOLD, COMPUTED])
def test_the_sts_may_choose_the_key_alone(wish):
    """Also where entropy was sent to it: it need not use that."""
    assert answered(wish, proof(secret(SECRET)), size(256), token=assertion(FOR_SERVICE)).key == SecretKey(SECRET)


def test_the_clients_own_key_needs_no_word():
    assert answered(CHOSEN, size(256), token=assertion(FOR_SERVICE)).key == SecretKey(SECRET)


@pytest.mark.parametrize("form", [key_value, x509_data])
@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("written", [assertion, old_assertion])
def test_a_public_key_is_in_the_token_by_value_or_by_certificate(kind, form, written):
    own = OWN[kind]
    issued = answered(PublicKey(own), key_type("PublicKey"), token=written(key_info(form(HOLDERS[kind]))))
    assert issued.key == own


def test_an_encrypted_token_says_nothing_of_its_key():
    for wish, parts in ((NO_KEY, ""), (TOLD, proof(secret(SECRET))), (PublicKey(OWN["ec"]), "")):
        assert answered(wish, parts, token=SEALED)


def encrypted_for(name: str) -> str:
    rule = EncryptionRule(certificate=message_key(name).certificate)
    return encrypt_key(SECRET, rule).replace("<e:EncryptedKey", f'<e:EncryptedKey xmlns:ds="{ns.DS}"')


def test_a_secret_may_come_encrypted_for_the_certificate_that_was_shown():
    binding = OverTls(user="alice", decrypter=message_key("alice"))
    issued = answered(TOLD, proof(encrypted_for("alice")), token=assertion(FOR_SERVICE), binding=binding)
    assert issued.key == SecretKey(SECRET)
    with pytest.raises(InconsistentAnswer, match="not encrypted for --certificate"):
        answered(TOLD, proof(encrypted_for("myservice")), token=assertion(FOR_SERVICE), binding=binding)
    with pytest.raises(InconsistentAnswer, match="no certificate was shown"):
        answered(TOLD, proof(encrypted_for("alice")), token=assertion(FOR_SERVICE))


# -- answers that say something else -----------------------------------------------------------------------------------

GOOD = (computed(), entropy(secret(SEED, kind="Nonce")), size(256))
OTHERS_KEY = key_info(key_value(HOLDERS["ec-p384"]))
BAD_SECRETS = {
    "another size": ((*GOOD[:2], size(128)), FOR_SERVICE, "KeySize is 128"),
    "a size that is none": ((*GOOD[:2], size("-256")), FOR_SERVICE, "KeySize is -256"),
    "a size that breaks lines": ((*GOOD[:2], size("2\n\x1d56".replace("\x1d", "\u2028"))), FOR_SERVICE, "KeySize is 2"),
    "two sizes": ((*GOOD, size(256)), FOR_SERVICE, "twice"),
    "a bearer token": (GOOD, None, "a bearer token"),
    "a token with a public key": (GOOD, OTHERS_KEY, "bound to a public key"),
    "a token with nobody's key": (GOOD, "", "not known"),
    "KeyType Bearer": ((*GOOD, key_type("Bearer")), FOR_SERVICE, "KeyType is"),
    "KeyType PublicKey": ((*GOOD, key_type("PublicKey")), FOR_SERVICE, "KeyType is"),
    "no key": ((size(256),), FOR_SERVICE, "no key in it"),
    "entropy and no word how": (GOOD[1:], FOR_SERVICE, "one of them is missing"),
    "a computed key without entropy": ((computed(), size(256)), FOR_SERVICE, "one of them is missing"),
    "entropy and a whole key": ((proof(secret(SECRET)), GOOD[1]), FOR_SERVICE, "one of them is missing"),
    "another way to compute": (
        (proof("<t:ComputedKey>urn:hash</t:ComputedKey>"), GOOD[1]),
        FOR_SERVICE,
        "in a way that is not P_SHA1",
    ),
    "short entropy": ((computed(), entropy(secret(b"s" * 15))), FOR_SERVICE, "120 bits"),
    "no entropy in it": ((computed(), entropy("")), FOR_SERVICE, "not exactly one"),
    "two entropies": ((computed(), entropy(secret(SEED) * 2)), FOR_SERVICE, "not exactly one"),
    "oversized entropy": ((computed(), entropy(secret(b"s" * 1025))), FOR_SERVICE, "too long"),
    "a megabyte of entropy": ((computed(), entropy(secret(b"s" * 2**20))), FOR_SERVICE, "too long"),
    "entropy that is not base64": (
        (computed(), entropy("<t:BinarySecret>?</t:BinarySecret>")),
        FOR_SERVICE,
        "not base64",
    ),
    "entropy in another form": ((computed(), entropy("<x/>")), FOR_SERVICE, "a form that is not known"),
    "a short key": ((proof(secret(b"k" * 16)),), FOR_SERVICE, "128 bits where 256"),
    "an empty key": ((proof(secret(b"")),), FOR_SERVICE, "0 bits where 256"),
    "a key of zeros": ((proof(secret(bytes(32))),), FOR_SERVICE, "zeros"),
    "a long key": ((proof(secret(b"k" * 65)),), FOR_SERVICE, "too long"),
}


@pytest.mark.parametrize(("parts", "inside", "told"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_an_answer_about_a_secret_that_is_not_what_was_asked_is_refused(parts, inside, told):
    with pytest.raises(InconsistentAnswer, match=told) as refused:
        answered(COMPUTED, *parts, token=assertion(inside))
    assert len(refused.value.message.splitlines()) == 1
    assert len(refused.value.message) < 500


def test_a_key_is_not_computed_from_entropy_that_was_not_sent():
    for wish in (TOLD, CHOSEN):
        with pytest.raises(InconsistentAnswer, match="not sent"):
            answered(wish, *GOOD, token=assertion(FOR_SERVICE))


@pytest.mark.parametrize("parts", [proof(secret(SECRET)), entropy(secret(SEED)), computed()])
@pytest.mark.parametrize("wish", [NO_KEY, PublicKey(OWN["ec"])])
def test_a_secret_that_was_not_asked_for_is_refused(wish, parts):
    token = BEARER if wish is NO_KEY else assertion(key_info(key_value(HOLDERS["ec"])))
    with pytest.raises(InconsistentAnswer, match="there is a secret in it"):
        answered(wish, parts, token=token)


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (OTHERS_KEY, "somebody else's key"),
        (key_info(x509_data(HOLDERS["rsa-2048"])), "somebody else's key"),
        (FOR_SERVICE, "bound to a symmetric key"),
        (None, "a bearer token"),
        ("", "not known"),
        (key_info("<x/>"), "not known"),
        (key_info(key_value(HOLDERS["ec"]) * 2), "not known"),
    ],
)
def test_a_token_for_another_key_than_ours_is_refused(inside, told):
    with pytest.raises(InconsistentAnswer, match=told):
        answered(PublicKey(OWN["ec"]), token=assertion(inside))


@pytest.mark.parametrize("inside", [OTHERS_KEY, FOR_SERVICE, ""])
def test_a_token_that_nobody_can_use_without_its_key_is_no_bearer_token(inside):
    with pytest.raises(InconsistentAnswer):
        answered(NO_KEY, token=assertion(inside))


def test_a_renewed_token_keeps_its_key_or_brings_another_one():
    def renewed(*parts: str) -> Issued:
        content = (
            f'<t:RequestSecurityTokenResponse xmlns:t="{ns.WST13}"><t:RequestedSecurityToken>{assertion(FOR_SERVICE)}'
            f"</t:RequestedSecurityToken>{''.join(parts)}</t:RequestSecurityTokenResponse>"
        )
        connection = AnsweringSts("usernamemixed", content=content)
        return StsClient(connection=connection, binding=OverTls(user="alice")).renew(BEARER.encode(), now=NOON)

    assert renewed().key is None
    assert renewed(proof(secret(SECRET))).key == SecretKey(SECRET)
    for bad in (proof(secret(b"k")), computed(), proof("")):
        with pytest.raises(InconsistentAnswer):
            renewed(bad)


def test_an_answer_with_two_tokens_is_none():
    with pytest.raises(NoAnswer, match="more than one token"):
        answered(NO_KEY, f"<t:RequestedSecurityToken>{BEARER}</t:RequestedSecurityToken>", token=BEARER)


def test_keys_are_not_shown_by_their_values():
    for held in (SecretKey(SECRET), COMPUTED, CHOSEN, Issued(b"the token", SecretKey(SECRET)), OWN["ec"]):
        assert not re.search("kkk|eee|the token|PrivateKey object", repr(held))
