"""Tokens of this STS as credentials that should not be: forged, stolen, ended, for others, without their key."""

import base64
import hashlib
import hmac
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.assertions import each_type, verification_key
from tests.assertions import signing_key as another_key
from tests.attack import CPU_LIMIT, assert_token_of_alice, demand_sound
from tests.cases import each
from tests.endorsed import Party, b64, party
from tests.fakes import NOON, REALM
from tests.forgeries import FORGED
from tests.harness import ISSUED_TOKEN_ENDPOINTS, PASSWORDS, PROVING_ENDPOINTS, RELYING_PARTY
from tests.holders import unwrap
from tests.issued import (
    ASYMMETRIC,
    KEYED,
    OTHER,
    OWN,
    SYMMETRIC,
    Holder,
    Secret,
    TokenSts,
    ask_for,
    by_key_identifier,
    by_reference,
    embedded,
    holder_for,
    request,
    with_public_key,
    with_secret,
)
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.model import TokenType, TrustVersion
from wstrust_sts.relying_parties import AppliesToRule

URIS = {TokenType.SAML20: ns.TP11_SAML20, TokenType.SAML11: ns.TP11_SAML11}
PARTNERS = tuple(replace(row, path=f"/partners{row.path}", realm="partners") for row in ISSUED_TOKEN_ENDPOINTS[:2])
ROWS = tuple(row for row in ISSUED_TOKEN_ENDPOINTS if row.trust is TrustVersion.V13)


class Attack:
    """An attacker who has a good token, or has come by one. Refused means that nothing was issued."""

    def __init__(self, row: EndpointSection) -> None:
        self.row = row
        self.sts = TokenSts()

    def holder(self, more: str = "", **how) -> Holder:
        return holder_for(self.sts, self.row.policy, more, **how)

    def send(self, message: str, *, path: str | None = None) -> Answer:
        answer = self.sts.post(message, path=path or self.row.path)
        demand_sound(answer)
        return answer

    def code(self, message: str, *, path: str | None = None) -> str | None:
        before = dict(self.sts.stores.issued_tokens.rows)
        answer = self.send(message, path=path)
        if answer.status == 200:
            assert_token_of_alice(answer)
        else:
            assert self.sts.stores.issued_tokens.rows == before
        return answer.code

    def write(self, holder: Holder, **how) -> str:
        return request(holder, now=self.sts.clock.now, **how)


@pytest.fixture(params=ROWS, ids=lambda row: row.policy)
def attack(request) -> Attack:
    return Attack(request.param)


@pytest.fixture
def symmetric() -> Attack:
    return Attack(ROWS[0])


@pytest.fixture
def asymmetric() -> Attack:
    return Attack(ROWS[1])


# -- the assertion -------------------------------------------------------------------------------------------------


# What changes audience and claims of a token for `rp`, as tokens for the STS have none.
FORGED_HERE = {name: forger for name, forger in FORGED.items() if name not in ("another audience", "a value more")}


@each_type
@each(FORGED_HERE, "forger")
def test_a_forged_token_gets_nothing_though_its_key_signed(attack, token_type, forger):
    holder = attack.holder(token_type=URIS[token_type])
    forged = forger(etree.fromstring(holder.token), token_type)
    assert forged != holder.token
    for name in (holder.by_id, by_reference(holder.id)):
        assert attack.code(attack.write(holder, more=(forged,), name=name)) is not None
    if attack.row.policy == ASYMMETRIC:
        assert attack.code(attack.write(holder, more=(), name=embedded(forged))) is not None
    assert attack.code(attack.write(holder)) is None


@each_type
@pytest.mark.parametrize("where", ["body", "header", "wrapper"])
def test_a_token_that_is_not_in_its_place_is_no_credential(attack, token_type, where):
    holder = attack.holder(token_type=URIS[token_type])
    if where == "body":
        message = attack.write(holder, more=(), body=messages.issue(f"<x>{holder.token}</x>"))
    elif where == "wrapper":
        message = attack.write(holder, more=(f"<x>{holder.token}</x>",))
    else:
        message = attack.write(holder, more=()).replace("<s:Header>", f"<s:Header>{holder.token}", 1)
        assert holder.id in message
    assert attack.code(message) in ("InvalidSecurity", "UnsupportedSecurityToken")


def test_two_tokens_are_refused_whichever_signed(attack):
    one, two = attack.holder(), attack.holder()
    other = attack.holder(token_type=ns.TP11_SAML11)
    for more in ((one.token, two.token), (two.token, one.token)):
        assert attack.code(attack.write(one, more=more)) == "InvalidSecurity"
    assert attack.code(attack.write(one, more=(one.token, other.token))) == "UnsupportedSecurityToken"
    assert attack.code(attack.write(one, more=(other.token,), name=embedded(one.token))) == "UnsupportedSecurityToken"


def test_an_id_that_occurs_twice_is_refused(attack):
    holder = attack.holder()
    twin = holder.token.replace(">alice<", ">mallory<")
    assert twin != holder.token
    for decoy in (f'<x ID="{holder.id}"/>', f'<x xmlns:u="{ns.WSU}" u:Id="{holder.id}"/>', twin):
        assert attack.code(attack.write(holder, body=messages.issue(decoy))) == "FailedCheck"
        assert attack.code(attack.write(holder, more=(decoy, holder.token))) in ("FailedCheck", "InvalidSecurity")


def test_ids_inside_of_each_other_are_not_compared_one_by_one(attack):
    """Twice the same heap beneath a heap of elements, each with an id: refused as ever, and in short time."""
    attributes = " ".join(f'a{number}=""' for number in range(60))
    deep = "".join(f'<x Id="i{number}">' for number in range(220))
    heap = deep + f"<y {attributes}/>" * 120 + "</x>" * 220
    holder = attack.holder()
    token = holder.token.replace("</saml2:Assertion>", f"{heap}</saml2:Assertion>")
    assert token != holder.token
    message = attack.write(holder, more=(token,), body=messages.issue(f"<x>{heap}</x>"))
    for sent in (message, attack.write(holder, more=(token,), body=messages.renew(token), address=None)):
        began = time.process_time()
        assert attack.code(sent) in ("FailedCheck", "InvalidSecurityToken")
        assert time.process_time() - began < CPU_LIMIT


def test_an_id_of_two_tokens_is_refused_though_one_of_them_is_named_and_signed(attack):
    """Also where each is of another kind, and neither would be the other's second."""
    holder = attack.holder()
    twin = f'<saml:Assertion xmlns:saml="{ns.SAML11}" AssertionID="{holder.id}"/>'
    assert attack.code(attack.write(holder, more=(holder.token, twin))) == "FailedCheck"


def test_the_token_itself_may_be_in_the_request_too_where_the_credential_is_still_the_one_that_signed(attack):
    """As clients have it that renew their session; another one of its id is not it."""
    holder = attack.holder()
    renewed = attack.send(attack.write(holder, body=messages.renew(holder.token), address=None))
    assert Holder(renewed.assertion.decode(), holder.key).id != holder.id
    for target in (holder.token.replace(">alice<", ">mallory<"), f'<x ID="{holder.id}">{holder.token}</x>'):
        message = attack.write(holder, body=messages.renew(target), address=None)
        assert attack.send(message).code in ("FailedCheck", "InvalidSecurityToken")
    forged = holder.token.replace(">alice<", ">mallory<")
    message = attack.write(holder, more=(forged,), body=messages.renew(holder.token), address=None)
    assert attack.send(message).code == "FailedCheck"
    message = attack.write(holder, more=(forged,), body=messages.renew(forged), address=None)
    assert attack.send(message).code == "InvalidSecurityToken"


def test_a_token_that_ended_was_cancelled_or_whose_signing_key_is_retired_gets_nothing(attack):
    holder = attack.holder()
    assert attack.code(attack.write(holder)) is None
    body = messages.cancel(holder.token)
    assert attack.sts.ask(body).status == 200
    assert attack.code(attack.write(holder)) == "InvalidSecurityToken"
    another = attack.holder()
    attack.sts.clock.advance(timedelta(hours=1))  # to the moment: clocks of nodes differ, the register's word counts
    assert attack.code(attack.write(another)) == "InvalidSecurityToken"
    last = attack.holder()
    attack.sts.keyring.verifiers[REALM.name] = [verification_key(another_key(copy=3))]
    assert attack.code(attack.write(last)) == "InvalidSecurityToken"


def test_what_was_made_of_a_token_ends_with_it(attack):
    holder = attack.holder()
    made = attack.sts.ask(messages.transform(holder.token, token_type=ns.TP11_SAML11))
    copy = Holder(made.assertion.decode(), holder.key)
    assert attack.code(attack.write(copy)) is None
    assert attack.sts.ask(messages.cancel(holder.token)).status == 200
    assert attack.code(attack.write(copy)) == "InvalidSecurityToken"


@pytest.mark.parametrize("how", ["disabled", "expired", "another of its name", "gone"])
def test_the_token_of_an_account_that_may_not_have_one_any_more_gets_nothing(attack, how):
    holder, accounts = attack.holder(), attack.sts.stores.accounts
    alice = accounts.find(REALM.name, "alice")
    match how:
        case "disabled":
            accounts.put(replace(alice, enabled=False))
        case "expired":
            accounts.put(replace(alice, expires_at=NOON))
        case "another of its name":
            accounts.put(replace(alice, id="another"))
        case "gone":
            del accounts.rows[REALM.name, "alice"]
    assert attack.code(attack.write(holder)) == "InvalidSecurityToken"


def test_a_token_for_another_relying_party_gets_nothing_nor_one_without_a_key(attack):
    """Its service has the secret of a symmetric key, too, out of the EncryptedKey."""
    elsewhere = attack.holder(address=KEYED)
    assert attack.code(attack.write(elsewhere)) == "InvalidSecurityToken"
    readdressed = elsewhere.token.replace(f">{KEYED}<", f">{REALM.issuer}<")
    assert readdressed != elsewhere.token
    assert attack.code(attack.write(elsewhere, more=(readdressed,))) == "InvalidSecurityToken"
    bearer = ask_for(attack.sts, "Bearer").assertion.decode()
    for key in (elsewhere.key, Secret(b""), Secret(bytes(32)), party("holder")):
        assert attack.code(attack.write(Holder(bearer, key))) in ("FailedCheck", "InvalidSecurityToken")


@pytest.mark.parametrize("changes", [{"audiences": (KEYED, REALM.issuer)}, {"audiences": (REALM.issuer,)}, {}])
def test_a_relying_party_is_not_its_user_here_though_its_tokens_are_for_the_sts_too(attack, changes):
    """It opens the EncryptedKey in a token that it is shown. A key of the user's own it does not have."""
    rules = (*OTHER.applies_to, AppliesToRule(address=OWN))
    twofold = replace(OTHER, applies_to=rules, **changes)
    attack.sts = TokenSts(relying_parties=(RELYING_PARTY, twofold))
    shown = attack.holder(address=KEYED if changes else OWN)
    assert attack.sts.stores.issued_tokens.rows[REALM.name, shown.id].relying_party == "keyed"
    by_secret = attack.row.policy == SYMMETRIC
    sealed = etree.fromstring(shown.token).find(f".//{{{ns.XENC}}}EncryptedKey")
    key = Secret(unwrap(sealed)) if by_secret else shown.key
    assert attack.code(attack.write(shown, key=key)) == ("InvalidSecurityToken" if by_secret else None)


def test_a_token_that_somebody_else_was_issued_gets_nothing(attack):
    """As by a rule that lets one account ask for tokens about another."""
    holder, rows = attack.holder(), attack.sts.stores.issued_tokens.rows
    rows[REALM.name, holder.id] = replace(rows[REALM.name, holder.id], requestor="id-bob")
    assert attack.code(attack.write(holder)) == "InvalidSecurityToken"


def test_a_token_proves_its_own_subject_and_nobody_else(attack):
    bob = attack.holder(user="bob")
    answer = attack.send(attack.write(bob))
    assert answer.text(".//saml2:NameID") == "bob"


@pytest.mark.parametrize("shared", [False, True], ids=["a key of its own", "the same key"])
def test_a_token_of_another_realm_gets_nothing(attack, shared):
    attack.sts = TokenSts(endpoints=(*attack.sts.endpoints, *PARTNERS))
    sts = attack.sts
    sts.stores.realms.rows["partners"] = replace(REALM, name="partners", issuer="https://partners.example.test/")
    signer = sts.keyring.signers[REALM.name][0] if shared else another_key(copy=5)
    sts.keyring.signers["partners"], sts.keyring.verifiers["partners"] = [signer], [verification_key(signer)]
    sts.keyring.message_keys["partners"] = sts.keyring.message_keys[REALM.name]
    holder = attack.holder()
    expected = "FailedCheck" if attack.row.policy == SYMMETRIC else "InvalidSecurityToken"
    assert attack.code(attack.write(holder), path=f"/partners{attack.row.path}") == expected
    assert attack.code(attack.write(holder)) is None


# -- the key -------------------------------------------------------------------------------------------------------


def test_a_stolen_token_without_its_key_gets_nothing(attack):
    alice, bob = attack.holder(), attack.holder(user="bob")
    keys = [Secret(bytes(32)), Secret(b""), Secret(alice.id.encode()), bob.key]
    if attack.row.policy == ASYMMETRIC:
        keys = [party("mallory"), Party(party("mallory").key, party("holder").certificate)]
    for key in keys:
        assert attack.code(attack.write(alice, key=key)) == "FailedCheck"


def test_a_token_beside_another_s_signature_gets_nothing(symmetric):
    """The key is bob's, the token in the header alice's: the reference leads to one of them."""
    alice, bob = symmetric.holder(), symmetric.holder(user="bob")
    assert symmetric.code(symmetric.write(bob, more=(alice.token,))) == "SecurityTokenUnavailable"
    assert symmetric.code(symmetric.write(bob, more=(alice.token,), name=alice.by_id)) == "FailedCheck"
    twin = bob.token.replace(bob.id, alice.id)
    assert symmetric.code(symmetric.write(bob, more=(twin,), name=alice.by_id)) == "FailedCheck"
    named_alike = alice.token.replace(alice.id, bob.id)
    assert symmetric.code(symmetric.write(bob, more=(named_alike,))) == "InvalidSecurityToken"


def test_a_key_of_the_other_kind_gets_nothing(symmetric, asymmetric):
    public, secret = with_public_key(symmetric.sts), with_secret(asymmetric.sts)
    assert symmetric.code(symmetric.write(public)) == "FailedCheck"
    assert asymmetric.code(asymmetric.write(secret)) == "InvalidSecurityToken"
    secret, public = with_secret(symmetric.sts), with_public_key(asymmetric.sts)
    assert symmetric.code(symmetric.write(secret, key=public.key)) == "UnsupportedAlgorithm"

    def mac(octets: bytes) -> bytes:
        """Keyed by what everybody knows."""
        return hmac.digest(public.key.certificate, octets, hashlib.sha256)

    assert asymmetric.code(asymmetric.write(public, method=ns.HMAC_SHA256, sign=mac)) == "UnsupportedAlgorithm"
    derived = Holder(public.token, Secret(bytes(32))).derived()
    message = asymmetric.write(public, more=(public.token, derived.markup), name=by_reference("DK"), key=derived.key)
    assert asymmetric.code(message) == "InvalidSecurity"


def test_a_key_that_the_attacker_put_into_the_token_gets_nothing(asymmetric):
    holder, mallory = asymmetric.holder(), party("mallory")
    theirs, own = (each.certificate for each in (holder.key, mallory))
    swapped = holder.token.replace(b64(theirs), b64(own))
    assert swapped != holder.token
    assert asymmetric.code(asymmetric.write(holder, key=mallory, more=(swapped,))) == "InvalidSecurityToken"


def test_a_secret_that_the_attacker_put_into_the_token_gets_nothing(symmetric):
    """Only the register says what the secret is, whatever the STS's own key would decrypt."""
    holder, mallory = symmetric.holder(), symmetric.holder(user="bob")
    inside = [token[token.index("<e:EncryptedKey") : token.index("</e:EncryptedKey>")] for token in
              (holder.token, mallory.token)]  # fmt: skip
    swapped = holder.token.replace(*inside)
    assert swapped != holder.token
    assert symmetric.code(symmetric.write(holder, key=mallory.key, more=(swapped,))) == "FailedCheck"
    assert symmetric.code(symmetric.write(holder, more=(swapped,))) == "InvalidSecurityToken"


def test_an_unknown_token_is_refused_as_a_wrong_signature_is(symmetric):
    holder = symmetric.holder()
    unknown = holder.token.replace(holder.id, "_" + "0" * 32)
    one = symmetric.send(symmetric.write(holder, more=(unknown,), name=by_key_identifier("_" + "0" * 32)))
    other = symmetric.send(symmetric.write(holder, key=Secret(bytes(32))))
    assert (one.code, one.sentence) == (other.code, other.sentence)


STRANGE_NAMES = {
    "nothing": "",
    "an empty reference": f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"/>',
    "an id that is not there": by_key_identifier("_nobody"),
    "no id": by_key_identifier(""),
    "SQL": by_key_identifier("' OR '1'='1"),
    "a control": by_key_identifier("a&#x85;b"),
    "something long": by_key_identifier("x" * 5_000),
    "a file": by_reference("").replace("#", "file:///etc/passwd"),
    "the Timestamp": by_reference("_ts"),
    "a certificate in its place": "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>",
    "an embedded reference": embedded(by_key_identifier("_nobody")),
    "an embedded nothing": embedded(""),
    "an embedded password": embedded(messages.username_token()),
}


@each(STRANGE_NAMES, "name")
def test_a_key_that_is_named_strangely_leads_nowhere(attack, name):
    code = attack.code(attack.write(attack.holder(), name=name, identifier="_ts"))
    assert code in ("InvalidSecurity", "SecurityTokenUnavailable", "FailedCheck", "InvalidSecurityToken")


# -- derived keys --------------------------------------------------------------------------------------------------

NUMBERS = ["-1", "0", "15", "65", "1024", "999999", "1" * 16, "1" * 5_000, "0x18", "", "24 24", "²4"]


@pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
@pytest.mark.parametrize("name", ["Offset", "Generation", "Length"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_a_derivation_out_of_bounds_is_refused_before_anything_is_derived(symmetric, namespace, name, number):
    """Where the number is one that may be, it is not the one that the key was derived by."""
    holder = symmetric.holder()
    derived = holder.derived(namespace=namespace, inside=f"<c:{name}>{number}</c:{name}>")
    more = (holder.token, derived.markup)
    code = symmetric.code(symmetric.write(holder, key=derived.key, more=more, name=by_reference("DK")))
    assert code in ("InvalidSecurity", "FailedCheck")


def test_odd_derivations_are_refused(symmetric):
    holder = symmetric.holder()
    good = holder.derived()

    def code(*more: str, name: str = by_reference("DK"), key: Secret = good.key) -> str | None:
        return symmetric.code(symmetric.write(holder, key=key, more=more, name=name))

    chained = holder.derived(base=by_reference("DK")).markup.replace('Id="DK"', 'Id="DK2"')
    elsewhere = holder.derived(base=by_key_identifier("_nobody"))
    for refused in (
        code(holder.token, good.markup, good.markup.replace('Id="DK"', 'Id="DK2"')),
        code(holder.token, good.markup, holder.derived(namespace=ns.WSC05).markup.replace('"DK"', '"DK2"')),
        code(holder.token, good.markup, name=holder.by_id, key=holder.key),
        code(holder.token, chained.replace("#DK", "#DK2"), name=by_reference("DK2")),
        code(holder.token, good.markup.replace("</c:DerivedKeyToken>", "<c:Nonce>AAAA</c:Nonce></c:DerivedKeyToken>")),
        code(holder.token, good.markup.replace("<c:Offset>", f"<c:Label>{'x' * 5_000}</c:Label><c:Offset>")),
        code(holder.token, good.markup.replace("<c:DerivedKeyToken ", '<c:DerivedKeyToken Algorithm="urn:x" ')),
        code(holder.token, elsewhere.markup, key=elsewhere.key),
        code(good.markup),
    ):
        assert refused in (
            "InvalidSecurity",
            "FailedCheck",
            "UnsupportedSecurityToken",
            "UnsupportedAlgorithm",
            "SecurityTokenUnavailable",
        )
    for length in (0, 8, 65, 99_999, 10**9):
        implied = holder.implied(length=length)
        assert code(holder.token, name=implied.markup, key=implied.key) == "InvalidSecurity"
    implied = holder.implied()
    assert code(holder.token, name=implied.markup, key=implied.key) is None
    assert code(holder.token, good.markup) is None


def test_whoever_tries_keys_is_held_up_before_any_token_is_looked_up(symmetric):
    holder = symmetric.holder()
    symmetric.sts = TokenSts(lockout=True)
    codes = []
    while "FailedAuthentication" not in codes and len(codes) < 200:
        codes.append(symmetric.code(symmetric.write(holder)))
    assert set(codes) == {"FailedCheck", "FailedAuthentication"}
    symmetric.sts.clock.advance(timedelta(minutes=2))
    assert symmetric.code(symmetric.write(symmetric.holder())) is None


# -- the message ---------------------------------------------------------------------------------------------------


def test_a_message_counts_once_at_all_endpoints(attack):
    holder = attack.holder()
    message = attack.write(holder)
    assert attack.code(message) is None
    assert attack.code(message) == "FailedAuthentication"
    assert attack.code(message.replace(messages.RP, "https://strict.example.test/svc")) == "FailedAuthentication"
    later = message.replace(ns.WST13, ns.WST05)
    assert attack.code(later, path=attack.row.path.replace("13", "2005")) == "FailedAuthentication"


def test_a_replay_with_the_key_named_otherwise_is_one(symmetric):
    holder = symmetric.holder()
    message = symmetric.write(holder)
    assert symmetric.code(message) is None
    assert symmetric.code(message.replace(holder.by_id, by_reference(holder.id))) == "FailedAuthentication"


def test_what_is_not_signed_or_was_changed_is_refused(attack):
    holder = attack.holder()
    assert attack.code(attack.write(holder, over=("a:To",))) == "InvalidSecurity"
    assert attack.code(attack.write(holder, over=("u:Timestamp",))) == "InvalidSecurity"
    message = attack.write(holder)
    assert attack.code(message.replace("12:05:00.000Z", "12:06:00.000Z", 1)) == "FailedCheck"
    assert attack.code(attack.write(holder, sign=lambda octets: b"")) == "FailedCheck"
    assert attack.code(attack.write(holder, sign=lambda octets: bytes(20))) == "FailedCheck"


def test_a_token_alone_and_what_the_policy_does_not_have_get_nothing(attack):
    holder = attack.holder()
    alone = messages.envelope(messages.issue(), messages.security(messages.timestamp(NOON), holder.token))
    assert attack.code(alone) == "InvalidSecurity"
    password = messages.username_token()
    assert attack.code(attack.write(holder, more=(holder.token, password))) == "UnsupportedSecurityToken"
    alone = messages.envelope(messages.issue(), messages.security(messages.timestamp(NOON), password))
    assert attack.code(alone) == "InvalidSecurity"
    beside = messages.security(messages.timestamp(NOON), password, holder.token)
    message = messages.envelope(messages.issue(), beside)
    assert attack.code(message, path="/trust/13/usernamemixed") == "UnsupportedSecurityToken"


def test_without_tls_nothing_is_read(attack):
    fields = {"content-type": messages.content_type()}
    body = attack.write(attack.holder()).encode()
    plain = Request(method="POST", path=attack.row.path, headers=fields, body=body, tls=False)
    assert attack.sts.request(plain).code == "InvalidSecurity"


# -- what is got by it ---------------------------------------------------------------------------------------------


def test_a_token_whose_key_is_not_the_one_that_signed_is_not_renewed(attack):
    """Not for its subject either, by whatever credential; and by its id alone none that has a key is."""
    holder, other = attack.holder(), with_secret(attack.sts, address=KEYED)
    for target in (other.token, other.by_id):
        message = attack.write(holder, body=messages.renew(target), address=None)
        assert attack.send(message).code == "UnableToRenew"
        assert attack.sts.ask(messages.renew(target)).code == "UnableToRenew"
    assert attack.sts.ask(messages.renew(holder.token)).code == "UnableToRenew"
    assert attack.sts.ask(messages.renew(holder.by_id)).code == "UnableToRenew"


class TestProvingBesidePassword:
    """Policy `usernameissuedtokenmixed`: the signature proves a token's secret, and nothing else."""

    ALICE, BOB = messages.username_token(), messages.username_token("bob", PASSWORDS["bob"])

    @pytest.fixture
    def attack(self) -> Attack:
        return Attack(PROVING_ENDPOINTS[0])

    def renewing(self, attack: Attack, target: Holder, *, by: Holder | None = None, **how) -> str | None:
        """The code of what comes of it."""
        how = {"body": messages.renew(target.token), "more": (self.ALICE,), "address": None} | how
        return attack.send(attack.write(by or target, **how)).code

    def test_another_secret_renews_nothing(self, attack):
        one, other = (with_secret(attack.sts, address=KEYED) for _ in range(2))
        assert self.renewing(attack, one, by=other) == "UnableToRenew"
        assert self.renewing(attack, one, name=other.by_id) == "FailedCheck"
        assert self.renewing(attack, one, key=other.key) == "FailedCheck"
        assert self.renewing(attack, one, body=messages.renew(one.by_id)) == "UnableToRenew"
        assert self.renewing(attack, one, name=by_key_identifier("_nobody")) == "FailedCheck"
        assert self.renewing(attack, one) is None

    def test_whoever_knows_the_secret_is_not_its_subject(self, attack):
        """As its relying party does."""
        token = with_secret(attack.sts, address=KEYED)
        assert self.renewing(attack, token, more=(self.BOB,)) == "RequestFailed"
        assert self.renewing(attack, token, more=()) == "InvalidSecurity"
        assert self.renewing(attack, token, more=(messages.username_token("alice", "wrong"),)) == "FailedAuthentication"

    def test_a_password_is_tried_only_beside_a_signature(self, attack):
        for password in ("wrong", PASSWORDS["alice"]):
            token, more = with_secret(attack.sts), (messages.username_token("alice", password),)
            assert self.renewing(attack, token, more=more, key=Secret(bytes(32))) == "FailedCheck"

    def test_what_is_bound_to_no_secret_proves_none(self, attack):
        public = with_public_key(attack.sts, address=KEYED)
        bearer = Holder(attack.sts.issue().assertion.decode(), Secret(bytes(32)))
        assert self.renewing(attack, public, key=Secret(bytes(32))) == "FailedCheck"
        assert self.renewing(attack, public) == "FailedCheck"
        assert self.renewing(attack, bearer) == "FailedCheck"

    def test_the_token_is_in_its_place_and_in_no_other(self, attack):
        token = with_secret(attack.sts, address=KEYED)
        other = with_secret(attack.sts, address=KEYED)
        twin = token.token.replace(">alice<", ">mallory<")
        assert self.renewing(attack, token, more=(self.ALICE, other.token)) == "UnsupportedSecurityToken"
        assert self.renewing(attack, token, more=(self.ALICE, twin)) == "FailedCheck"
        assert (
            self.renewing(attack, token, more=(self.ALICE, twin), body=messages.renew(twin)) == "InvalidSecurityToken"
        )
        assert self.renewing(attack, token, more=(self.ALICE, token.token)) is None
        for name in (by_reference(token.id), embedded(token.token)):
            assert self.renewing(attack, token, name=name) in ("InvalidSecurity", "FailedCheck")

    def test_the_proof_is_none_of_a_public_key_and_no_credential(self, attack):
        token = with_secret(attack.sts)
        attack.sts.clock.advance(timedelta(minutes=9))
        kind = f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>"
        body = messages.issue(kind, address=KEYED)
        assert attack.send(attack.write(token, more=(self.ALICE,), body=body)).code == "InvalidRequest"
        answer = attack.send(attack.write(token, more=(self.ALICE,)))
        assert_token_of_alice(answer)
        assert answer.find(".//saml2:AuthnStatement").get("AuthnInstant") == messages.instant(attack.sts.clock.now)

    def test_a_message_counts_once(self, attack):
        token = with_secret(attack.sts, address=KEYED)
        message = attack.write(token, more=(self.ALICE,))
        assert attack.code(message) is None
        assert attack.code(message) == "FailedAuthentication"


def test_somebody_else_s_token_is_neither_renewed_nor_cancelled(attack):
    alice, bob = attack.holder(), attack.holder(user="bob")
    for body in (messages.renew(alice.token), messages.cancel(alice.token)):
        assert attack.send(attack.write(bob, body=body, address=None)).code == "RequestFailed"
    for body in (messages.renew(alice.by_id), messages.cancel(alice.by_id)):
        assert attack.send(attack.write(bob, body=body, address=None)).code == "InvalidSecurityToken"
    assert attack.code(attack.write(alice)) is None


def test_a_session_that_was_not_to_be_renewed_is_not_by_way_of_another_token(symmetric):
    """What is got by a token that cannot be renewed cannot be, either."""
    first = symmetric.holder(more='<t:Renewing Allow="false"/>')
    second = got_by(symmetric, first)
    for holder in (first, second, got_by(symmetric, second)):
        message = symmetric.write(holder, body=messages.renew(holder.token), address=None)
        assert symmetric.send(message).code == "UnableToRenew"
    allowed = got_by(symmetric, symmetric.holder())
    message = symmetric.write(allowed, body=messages.renew(allowed.token), address=None)
    assert symmetric.send(message).status == 200


def got_by(attack: Attack, holder: Holder) -> Holder:
    """Another token for the STS."""
    kind = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
    answer = attack.send(attack.write(holder, body=messages.issue(kind, address="https://sts.example.test/")))
    return Holder(answer.assertion.decode(), Secret(base64.b64decode(answer.text(".//t:BinarySecret"))))


def test_a_chain_of_tokens_got_by_tokens_ends_with_the_first(symmetric):
    holder = symmetric.holder()
    end = etree.fromstring(holder.token).find(f"{{{ns.SAML20}}}Conditions").get("NotOnOrAfter")
    for _ in range(5):
        symmetric.sts.clock.advance(timedelta(minutes=10))
        holder = got_by(symmetric, holder)
        conditions = etree.fromstring(holder.token).find(f"{{{ns.SAML20}}}Conditions")
        assert conditions.get("NotOnOrAfter") == end
    symmetric.sts.clock.advance(timedelta(minutes=10))
    assert symmetric.code(symmetric.write(holder)) == "InvalidSecurityToken"
