"""What a verified token proves of whoever showed its key, by the register's word."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.assertions import BOX, signing_key, verification_key
from tests.fakes import NOON, REALM, FakeAccounts, FakeIssuedTokens, FakeKeyring
from tests.holders import public_proof
from tests.records import token_record
from wstrust_sts.bookkeeping import thumbprint_of
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import Account, AuthenticationMethod, TokenType, VerifiedToken
from wstrust_sts.own_party import OwnAddresses
from wstrust_sts.records import TokenRecord
from wstrust_sts.token_credentials import TokenCredentials, TokenSecrets

HOUR = timedelta(hours=1)
ALICE = Account(id="id-alice", realm=REALM.name, name="alice", version=1)
KEY = public_proof("ec")
SIGNER = verification_key(signing_key())
RECORD = token_record(
    relying_party="this-sts",
    methods="x509 password-over-tls",
    key_id=SIGNER.key_id,
    key_type="PublicKey",
    key_thumbprint=thumbprint_of(KEY),
    issued_at=NOON - HOUR,
)
SECRET = replace(RECORD, key_type="SymmetricKey", key_thumbprint=None)
TOKEN = VerifiedToken(
    token_id="_1",
    token_type=TokenType.SAML20,
    issuer=REALM.issuer,
    digest=RECORD.digest,
    audiences=(REALM.issuer,),
    authentication_instant=NOON - HOUR,
    expires_at=RECORD.expires_at,
    key_id=SIGNER.key_id,
    public_key=KEY,
)


def proofs(token: VerifiedToken = TOKEN, *records: TokenRecord, account: Account | None = ALICE, now=NOON):
    tokens, keyring = FakeIssuedTokens(), FakeKeyring()
    tokens.rows = {(record.realm, record.token_id): record for record in records or (RECORD,)}
    keyring.verifiers[REALM.name] = [SIGNER]
    credentials = TokenCredentials(
        issued_tokens=tokens,
        accounts=FakeAccounts([] if account is None else [account]),
        keyring=keyring,
        own=OwnAddresses.of("https://sts.example.test", [(REALM.name, "/trust")]),
    )
    return credentials.authenticate(token, realm=REALM, now=now)


def test_it_proves_the_account_by_every_method_and_at_the_instant_of_the_first_authentication():
    found = proofs()
    assert [proof.method for proof in found] == [
        AuthenticationMethod.X509,
        AuthenticationMethod.PASSWORD_OVER_TLS,
    ]
    assert {(proof.account, proof.instant, proof.token.token_id) for proof in found} == {(ALICE, NOON - HOUR, "_1")}


def test_one_bound_to_a_secret_has_no_public_key():
    assert proofs(replace(TOKEN, public_key=None), SECRET)
    for token, record in ((TOKEN, SECRET), (replace(TOKEN, public_key=None), RECORD)):
        with pytest.raises(InvalidSecurityToken, match="not bound to the key"):
            proofs(token, record)


@pytest.mark.parametrize("audience", ["https://sts.example.test/", "https://sts.example.test/trust", REALM.issuer])
def test_any_address_of_the_sts_will_do_as_its_audience(audience):
    assert proofs(replace(TOKEN, audiences=("https://rp.example.test/", audience)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": b"e" * 32}, "not a token of the register"),
        ({"token_id": "_2"}, "not a token of the register"),
        ({"key_type": "Bearer"}, "not bound to the key"),
        ({"key_thumbprint": "00" * 32}, "not bound to the key"),
        ({"requestor": "id-bob"}, "somebody else"),
        ({"cancelled_at": NOON, "cancel_reason": "by its subject"}, "cancelled by its subject"),
        ({"expires_at": NOON}, "expired"),
        ({"key_id": "another"}, "retired"),
        ({"original": "_0"}, "not in the register"),
    ],
)
def test_the_register_has_the_last_word(changes, reason):
    with pytest.raises(InvalidSecurityToken, match=reason):
        proofs(TOKEN, replace(RECORD, **changes))


@pytest.mark.parametrize("audiences", [(), ("https://rp.example.test/",), ("https://sts.example.test/other",)])
def test_a_token_for_others_proves_nothing(audiences):
    with pytest.raises(InvalidSecurityToken, match="for somebody else"):
        proofs(replace(TOKEN, audiences=audiences))


@pytest.mark.parametrize(
    "account", [None, replace(ALICE, enabled=False), replace(ALICE, expires_at=NOON), replace(ALICE, id="another")]
)
def test_an_account_that_may_have_no_tokens_proves_itself_by_none(account):
    with pytest.raises(InvalidSecurityToken, match="account"):
        proofs(account=account)


def test_it_ends_with_what_it_was_made_from():
    made, original = replace(RECORD, original="_0"), replace(RECORD, token_id="_0")
    assert proofs(TOKEN, made, original)
    with pytest.raises(InvalidSecurityToken, match="made from _0"):
        proofs(TOKEN, made, replace(original, cancelled_at=NOON))


def test_the_secret_of_a_token_is_the_register_s_and_others_have_none():
    tokens = FakeIssuedTokens()
    sealed = BOX.seal(b"s" * 32, purpose=SECRET.proof_key_purpose)
    tokens.rows = {
        (REALM.name, "_1"): replace(SECRET, wrapped_proof_key=sealed),
        (REALM.name, "_2"): replace(RECORD, token_id="_2"),
    }
    secrets = TokenSecrets(tokens, BOX)
    assert [secrets.find(REALM.name, name) for name in ("_1", "_2", "_3")] == [b"s" * 32, None, None]
    assert secrets.find("partners", "_1") is None
