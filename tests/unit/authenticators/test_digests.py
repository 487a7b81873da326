"""PasswordDigest (UsernameToken Profile 1.1 section 3.1), through the authenticator."""

import base64
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.digests import digest_of, digest_token, sealed
from tests.fakes import NOON, REALM, FakeAccounts, FakeReplayCache
from wstrust_sts import ns
from wstrust_sts.authenticators.passwords import PasswordChecker, hash_password
from wstrust_sts.authenticators.username import UsernameAuthenticator
from wstrust_sts.errors import FailedAuthentication, MessageExpired
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account, Authenticated, AuthenticationMethod, Realm
from wstrust_sts.received_tokens import UsernamePassword
from wstrust_sts.wire.times import read_time

PASSWORD = "Klarinette in B♭"
BOX = AesGcmSecretBox(b"k" * 32)
CHECKER = PasswordChecker(slots=2, queue=8)
NONCE = bytes(range(16))
MINUTE = timedelta(minutes=1)
_PLAIN = Account(id="a1", realm="default", name="alice", version=1, password_hash=hash_password(PASSWORD))
ALICE = replace(_PLAIN, sealed_digest_password=sealed(_PLAIN, PASSWORD, BOX))
_BOB = replace(_PLAIN, id="b1", name="bob")
BOB = replace(_BOB, sealed_digest_password=sealed(_BOB, PASSWORD, BOX))
TOKEN = digest_token("alice", PASSWORD, nonce=NONCE, created=NOON)


class Bench:
    def __init__(self, *accounts: Account) -> None:
        self.accounts = FakeAccounts(accounts or (ALICE, BOB))
        self.replay = FakeReplayCache()
        self.authenticator = UsernameAuthenticator(self.accounts, self.replay, CHECKER, BOX)

    def authenticate(self, token: UsernamePassword, *, realm: Realm = REALM, now: datetime = NOON) -> Authenticated:
        return self.authenticator.authenticate(token, realm=realm, now=now)

    def refused(self, token: UsernamePassword, *, now: datetime = NOON) -> str:
        """The operator's detail of a refusal that cost what every refusal costs."""
        before = time.thread_time()
        with pytest.raises(FailedAuthentication) as caught:
            self.authenticate(token, now=now)
        assert time.thread_time() - before > 0.004
        assert type(caught.value) is FailedAuthentication
        assert PASSWORD not in caught.value.detail
        return caught.value.detail


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_digest_that_wss4j_made_of_a_recorded_password_is_right() -> None:
    """tests/vectors/recorded/wss4j-username-digest.xml; the sum is checked here without the code under test, too."""
    nonce = base64.b64decode("+e/syRmD4Q2YI38VbyXR4A==")
    created = "2026-11-23T06:17:50.432Z"
    assert digest_of(nonce, created, "s3cret") == "KvUmnzC7ErgaBs1SEw+me5MxQ3Q="
    at = datetime(2026, 11, 23, 6, 17, 50, 432_000, tzinfo=UTC)
    token = replace(digest_token("alice", "?", nonce=nonce, created=at), password="KvUmnzC7ErgaBs1SEw+me5MxQ3Q=")
    bench = Bench(replace(_PLAIN, sealed_digest_password=sealed(_PLAIN, "s3cret", BOX)))
    assert bench.authenticate(token, now=at).account.name == "alice"


@pytest.mark.parametrize(
    ("over_tls", "method"),
    [(True, AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS), (False, AuthenticationMethod.PASSWORD_DIGEST)],
)
def test_the_right_digest_proves_the_account_now_and_by_the_way_it_came(
    bench: Bench, over_tls: bool, method: AuthenticationMethod
) -> None:
    proved = bench.authenticate(replace(TOKEN, over_tls=over_tls))
    assert (proved.account, proved.method, proved.instant, proved.token) == (ALICE, method, NOON, None)


def test_an_account_that_allows_digests_may_send_its_password_all_the_same(bench: Bench) -> None:
    text = UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, over_tls=True)
    assert bench.authenticate(text).method is AuthenticationMethod.PASSWORD_OVER_TLS


@pytest.mark.parametrize(
    "written", ["2026-11-23T12:00:00Z", "2026-11-23T13:00:00.0000000+01:00", "2026-11-23T12:00:00"]
)
def test_created_is_digested_as_it_was_written(bench: Bench, written: str) -> None:
    token = replace(TOKEN, created_text=written, password=digest_of(NONCE, written, PASSWORD))
    bench.authenticate(token)
    bench.refused(replace(TOKEN, nonce=b"another", created_text=written))


@pytest.mark.parametrize("nonce", [b"\0", b"n" * 256, "nönce".encode()])
def test_a_nonce_is_its_decoded_octets(bench: Bench, nonce: bytes) -> None:
    bench.authenticate(digest_token("alice", PASSWORD, nonce=nonce, created=NOON))


def test_white_space_in_the_base64_of_a_digest_means_nothing(bench: Bench) -> None:
    bench.authenticate(replace(TOKEN, password=f"\n {TOKEN.password[:10]}\n{TOKEN.password[10:]} "))


# -- what is refused

RIGHT = TOKEN.password
REFUSED = {
    "wrong password": (replace(TOKEN, password=digest_of(NONCE, TOKEN.created_text, "oboe")), "wrong digest"),
    "empty password": (replace(TOKEN, password=digest_of(NONCE, TOKEN.created_text, "")), "wrong digest"),
    "the password itself": (replace(TOKEN, password=PASSWORD), "wrong digest"),
    "its hash": (replace(TOKEN, password=ALICE.password_hash), "wrong digest"),
    "not base64": (replace(TOKEN, password="*" * 28), "wrong digest"),
    "not ASCII": (replace(TOKEN, password=RIGHT[:-1] + "\uff1d"), "wrong digest"),
    "a lone surrogate": (replace(TOKEN, password="\ud800"), "wrong digest"),
    "cut": (replace(TOKEN, password=base64.b64encode(base64.b64decode(RIGHT)[:19]).decode()), "wrong digest"),
    "longer": (replace(TOKEN, password=base64.b64encode(base64.b64decode(RIGHT) + b"\0").decode()), "wrong digest"),
    "nothing but padding": (replace(TOKEN, password="===="), "wrong digest"),
    "hexadecimal": (replace(TOKEN, password=base64.b64decode(RIGHT).hex()), "wrong digest"),
    "another nonce": (replace(TOKEN, nonce=NONCE[::-1]), "wrong digest"),
    "another Created": (replace(TOKEN, created_text="2026-11-23T12:00:00.001Z"), "wrong digest"),
    "no Nonce": (
        replace(TOKEN, nonce=None, password=digest_of(b"", TOKEN.created_text, PASSWORD)),
        "a digest without Nonce and Created",
    ),
    "an empty Nonce": (
        replace(TOKEN, nonce=b"", password=digest_of(b"", TOKEN.created_text, PASSWORD)),
        "a digest without Nonce and Created",
    ),
    "no Created": (
        replace(TOKEN, created=None, created_text="", password=digest_of(NONCE, "", PASSWORD)),
        "a digest without Nonce and Created",
    ),
    "neither": (
        replace(TOKEN, nonce=None, created=None, created_text="", password=digest_of(b"", "", PASSWORD)),
        "a digest without Nonce and Created",
    ),
}


@pytest.mark.parametrize(("token", "detail"), REFUSED.values(), ids=REFUSED)
def test_a_bad_digest_is_refused_at_the_cost_of_a_wrong_password(
    bench: Bench, token: UsernamePassword, detail: str
) -> None:
    assert bench.refused(token) == f"account 'alice': {detail}"
    assert bench.replay.rows == {}


@pytest.mark.parametrize("digest", ["", "A" * 1025])
def test_a_digest_of_no_or_absurd_length_is_refused_before_anybody_is_asked(digest: str) -> None:
    for account in (ALICE, _PLAIN, replace(ALICE, name="bob")):
        with pytest.raises(FailedAuthentication) as caught:
            Bench(account).authenticate(replace(TOKEN, password=digest))
        assert caught.value.sentence == FailedAuthentication.sentence


BARRED = {
    "unknown": (BOB, "unknown user"),
    "of another realm": (replace(ALICE, realm="other"), "unknown user"),
    "without opting in": (_PLAIN, "account 'alice' does not allow digests"),
    "disabled": (replace(ALICE, enabled=False), "account 'alice' is disabled"),
    "expired this instant": (replace(ALICE, expires_at=NOON), "account 'alice' has expired"),
}


@pytest.mark.parametrize(("account", "detail"), BARRED.values(), ids=BARRED)
def test_the_right_digest_of_an_account_that_may_not_is_refused_like_a_wrong_one(account: Account, detail: str) -> None:
    assert Bench(account).refused(TOKEN) == detail


@pytest.mark.parametrize(
    "stored",
    [
        BOB.sealed_digest_password,
        sealed(replace(ALICE, realm="other"), PASSWORD, BOX),
        sealed(ALICE, PASSWORD, AesGcmSecretBox(b"o" * 32)),
        ALICE.sealed_digest_password[:-1] + b"\0",
        b"",
        PASSWORD.encode(),
    ],
    ids=["another account's", "another realm's", "another key's", "changed", "empty", "not sealed"],
)
def test_a_secret_that_does_not_open_for_this_account_is_a_wrong_password_to_the_client(stored: bytes) -> None:
    bench = Bench(replace(ALICE, sealed_digest_password=stored))
    assert bench.refused(TOKEN).startswith("account 'alice': the s")


def test_a_new_password_and_the_end_of_the_opt_in_act_at_once(bench: Bench) -> None:
    bench.accounts.put(replace(ALICE, version=2, sealed_digest_password=sealed(ALICE, "oboe", BOX)))
    bench.refused(TOKEN)
    bench.accounts.put(_PLAIN)
    bench.refused(TOKEN)


# -- replay


def test_a_digest_is_good_once_and_its_replay_costs_and_reads_like_a_wrong_one(bench: Bench) -> None:
    bench.authenticate(TOKEN)
    for _ in range(2):
        assert bench.refused(TOKEN) == "account 'alice': the nonce was used before"


def test_a_nonce_is_spent_for_digests_and_texts_alike(bench: Bench) -> None:
    bench.authenticate(UsernamePassword("alice", PASSWORD, ns.PASSWORD_TEXT, nonce=NONCE, over_tls=True))
    bench.refused(TOKEN)


def test_another_account_with_the_same_password_and_nonce_is_not_a_replay(bench: Bench) -> None:
    bench.authenticate(TOKEN)
    bench.authenticate(replace(TOKEN, username="bob"))


@pytest.mark.parametrize("later", [timedelta(seconds=1), 9 * MINUTE, 10 * MINUTE, 15 * MINUTE, timedelta(days=1)])
def test_a_digest_is_refused_however_long_one_waits(bench: Bench, later: timedelta) -> None:
    bench.authenticate(TOKEN)
    with pytest.raises((FailedAuthentication, MessageExpired)):
        bench.authenticate(TOKEN, now=NOON + later)


def test_who_does_not_know_the_password_cannot_use_up_a_nonce(bench: Bench) -> None:
    bench.refused(replace(TOKEN, password=digest_of(NONCE, TOKEN.created_text, "oboe")))
    assert bench.replay.rows == {}
    bench.authenticate(TOKEN)


@pytest.mark.parametrize("moved", range(1, 24))
def test_octets_moved_between_created_and_the_nonce_make_no_second_token(moved: int) -> None:
    """The digest is over one run of octets; what keeps the parts apart is that Created must be a whole xs:dateTime."""
    with pytest.raises(ValueError):
        read_time(TOKEN.created_text[moved:])
    with pytest.raises(ValueError):
        read_time("0" * moved + TOKEN.created_text)


@pytest.mark.parametrize("created", [NOON + 5 * MINUTE + timedelta(microseconds=1), NOON - 10 * MINUTE])
def test_a_stale_or_future_digest_is_an_expired_message(bench: Bench, created: datetime) -> None:
    with pytest.raises(MessageExpired):
        bench.authenticate(digest_token("alice", PASSWORD, nonce=NONCE, created=created))
    assert bench.accounts.reads == 0
