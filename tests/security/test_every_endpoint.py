"""What is refused at one endpoint is refused at all of them: ugly certificates, others' keys, secrets that are none."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests import certificates as corpus
from tests.attack import CPU_LIMIT, Entrance, assert_token_of_alice
from tests.certificates import CA_NAME, authority, intermediate, key, leaf, leaf_under, only_names, subject
from tests.everywhere import BY_CERTIFICATE, EVERYWHERE, Holder, ask, everywhere, holder
from tests.fakes import NOON, REALM
from tests.holders import HOLDERS, KEYED_PARTY, key_info, key_value, x509_data
from tests.messages import Answer
from tests.promptness import Stopwatch
from tests.protected import b64
from tests.responder import LOOPBACK, access, crl, endless, points, running, silent
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.certificates import CertificateField, Revocation, TrustAnchor
from wstrust_sts.errors import FailedAuthentication

RSA = "rsa-2048"
ALICE = key("alice", RSA)
each_entrance = pytest.mark.parametrize("entrance", EVERYWHERE, ids=str)
each_for_certificates = pytest.mark.parametrize("entrance", BY_CERTIFICATE, ids=str)


def alice(common_name: str = "alice", **more) -> bytes:
    return leaf(common_name, kind=RSA, **more)


GOOD = holder(ALICE, alice())
SHORT = x509.BasicConstraints(ca=True, path_length=0)
INTERMEDIATES = (
    intermediate("short", extensions=((SHORT, True), corpus.CA_EXTENSIONS[1])),
    intermediate("beneath", under="short"),
    intermediate("narrow", extensions=only_names(x509.DNSName("a.test"))),
)
REVOKED = 66


def trusting(directory: Path, **anchor) -> SealedSts:
    """Whoever the authority calls alice is alice, unless its list says otherwise."""
    revoked = directory / "ca.crl"
    revoked.write_bytes(crl(REVOKED))
    settings = {"revocation": Revocation.SOFT, "crls": (str(revoked),), "intermediates": INTERMEDIATES}
    sts = everywhere(pinned={}, relying_parties=(KEYED_PARTY,))
    authorities = {"ca": authority(), "rsa ca": authority("rsa ca", kind=RSA)}
    for name, certificate in authorities.items():
        sts.stores.certificates.trusted[REALM.name, name] = TrustAnchor(
            realm=REALM.name,
            name=name,
            certificate=certificate,
            account_from=CertificateField.COMMON_NAME,
            **(settings | anchor),
        )
    return sts


@pytest.fixture(scope="module")
def sts(tmp_path_factory) -> SealedSts:
    return trusting(tmp_path_factory.mktemp("lists"))


UGLY: dict[str, Callable[[], Holder]] = {
    "expired": lambda: holder(ALICE, alice(ends=NOON - timedelta(minutes=6))),
    "not yet valid": lambda: holder(ALICE, alice(begins=NOON + timedelta(minutes=6))),
    "revoked": lambda: holder(ALICE, alice(serial=REVOKED)),
    "for servers": lambda: holder(ALICE, alice(extensions=corpus.purposes(corpus.SERVER))),
    "not for signatures": lambda: holder(ALICE, alice(extensions=((corpus.usage(key_encipherment=True), True),))),
    "an authority": lambda: holder(ALICE, alice(extensions=corpus.CA_EXTENSIONS[:1])),
    "of an authority of the same name": lambda: holder(ALICE, alice(issuer_key=key("mallory's ca"))),
    "that vouches for itself": lambda: holder(ALICE, alice(issuer=subject("alice"), issuer_key=ALICE)),
    "that vouches for itself in the authority's name": lambda: holder(ALICE, alice(issuer_key=ALICE)),
    "issued by a leaf": lambda: holder(
        key("mallory", RSA), alice(key=key("mallory", RSA), issuer=subject("alice"), issuer_key=ALICE)
    ),
    "of a path that is too long": lambda: holder(ALICE, leaf_under("beneath", subject=subject("alice"), key=ALICE)),
    "outside of name constraints": lambda: holder(
        ALICE,
        leaf_under(
            "narrow",
            subject=subject("alice"),
            key=ALICE,
            extensions=corpus.alternative(x509.DNSName("b.test")),
        ),
    ),
    "of an unknown critical extension": lambda: holder(
        ALICE,
        alice(extensions=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True),)),
    ),
    "of a short key": lambda: holder(key("alice", "rsa-1024"), leaf("alice", kind="rsa-1024")),
    "signed with SHA-1": lambda: holder(
        ALICE,
        corpus.sign_by_hand(alice(ca="rsa ca", ca_kind=RSA), "sha1", key("rsa ca", RSA)),
    ),
    "of somebody else": lambda: holder(ALICE, leaf("nobody", kind=RSA, key=ALICE)),
    "with a longer name": lambda: holder(ALICE, alice(subject=subject("alice", (x509.NameOID.COMMON_NAME, "mallory")))),
    "huge": lambda: holder(
        ALICE,
        alice(extensions=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(60_000)), False),)),
    ),
    "cut": lambda: holder(ALICE, alice()[:-7]),
    "with a tail": lambda: holder(ALICE, alice() + b"\0"),
    "two of them": lambda: holder(ALICE, alice() * 2),
    "a text": lambda: holder(ALICE, b"-----BEGIN CERTIFICATE-----"),
    "empty": lambda: holder(ALICE, b""),
    "deeply nested": lambda: holder(ALICE, b"\x30\x80" * 8000 + b"\0\0" * 8000),
    "an endless length": lambda: holder(ALICE, b"\x30\x88" + b"\xff" * 8),
}
REFUSALS = {
    "FailedAuthentication",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "FailedCheck",
    "UnsupportedSecurityToken",
}


def refused(sts: SealedSts, entrance: Entrance, who: Holder, *wishes: str) -> Answer:
    """Refused in bounded time, and nothing comes of it."""
    before = dict(sts.stores.issued_tokens.rows)
    began = time.process_time()
    answer = ask(sts, entrance, who, *wishes)
    assert time.process_time() - began < CPU_LIMIT + 0.5  # what writes the request is in it, too
    assert answer.status == 500
    assert sts.stores.issued_tokens.rows == before
    return answer


BELOW = {"subject": subject("alice"), "key": ALICE}
GOOD_ONES = {
    "of the authority": GOOD,
    "of a path that is not too long": holder(ALICE, leaf_under("short", **BELOW)),
    "inside of name constraints": holder(
        ALICE, leaf_under("narrow", extensions=corpus.alternative(x509.DNSName("a.test")), **BELOW)
    ),
    "of an authority with an RSA key": holder(ALICE, alice(ca="rsa ca", ca_kind=RSA)),
}


@each_for_certificates
@pytest.mark.parametrize("name", GOOD_ONES)
def test_a_certificate_that_its_authority_calls_alice_is_alice_s(sts, entrance, name):
    assert_token_of_alice(ask(sts, entrance, GOOD_ONES[name]))


@each_for_certificates
@pytest.mark.parametrize("name", UGLY)
def test_an_ugly_certificate_gets_nothing_at_any_endpoint(sts, entrance, name):
    who = UGLY[name]()
    answer = refused(sts, entrance, who)
    assert answer.code in REFUSALS, answer.body
    if name in ("expired", "revoked", "of a path that is too long", "outside of name constraints"):
        assert (answer.code, answer.sentence) == ("FailedAuthentication", FailedAuthentication.sentence)


@each_for_certificates
def test_a_certificate_without_its_key_is_nothing_where_something_is_signed(sts, entrance):
    if entrance.policy == "certificatetransport":
        return  # TLS has proved the key before
    assert refused(sts, entrance, replace(GOOD, key=key("mallory", RSA))).code == "FailedCheck"


@pytest.mark.parametrize("make", [silent, lambda _: endless], ids=["silent", "endless"])
def test_where_revocation_must_be_known_and_servers_do_not_tell_all_endpoints_refuse_in_time(tmp_path, make):
    with running() as served:
        for path in ("/ca.crl", "/ocsp"):
            served.at(path, make(served))
        asking = (*points(served.url + "/ca.crl"), *access(ocsp=served.url + "/ocsp"))
        sts = trusting(tmp_path, revocation=Revocation.HARD, crls=(), networks=LOOPBACK)
        watch = Stopwatch()
        for entrance in BY_CERTIFICATE:
            answer = refused(sts, entrance, holder(ALICE, alice(extensions=asking)))
            assert (answer.code, answer.sentence) == ("FailedAuthentication", FailedAuthentication.sentence)
        assert watch.within(60)
        assert set(served.asked) == {"/ca.crl", "/ocsp"}
        assert max(served.asked.values()) < 3, "a server that does not answer is not asked again for every message"


# -- keys that tokens are to be bound to -------------------------------------------------------------------------------


def wish(entrance: Entrance, kind: str, *more: str) -> str:
    return "".join((f"<t:KeyType>{entrance.trust}/{kind}</t:KeyType>", *more))


@each_entrance
@pytest.mark.parametrize("write", [x509_data, key_value], ids=["X509Data", "KeyValue"])
def test_somebody_else_s_key_is_refused_everywhere(sts, entrance, write):
    for whose in (HOLDERS[RSA], HOLDERS["ec"], authority()):
        named = f"<t:UseKey>{key_info(write(whose))}</t:UseKey>"
        answer = refused(sts, entrance, GOOD, wish(entrance, "PublicKey", named))
        assert answer.fault == (entrance.trust, "InvalidRequest")


@each_entrance
def test_the_own_key_is_good_wherever_it_was_proved(sts, entrance):
    named = f"<t:UseKey>{key_info(x509_data(GOOD.shown))}</t:UseKey>"
    answer = ask(sts, entrance, GOOD, wish(entrance, "PublicKey", named))
    if entrance in BY_CERTIFICATE:
        assert answer.status == 200, answer.body
        (record,) = [row for row in sts.stores.issued_tokens.rows.values() if row.token_id.encode() in answer.body]
        assert record.key_type == "PublicKey"
    else:
        assert answer.fault == (entrance.trust, "InvalidRequest")


@each_entrance
def test_another_certificate_over_the_own_key_was_not_proved(sts, entrance):
    other = alice("somebody", key=ALICE, issuer=CA_NAME)
    named = f"<t:UseKey>{key_info(x509_data(other))}</t:UseKey>"
    answer = refused(sts, entrance, GOOD, wish(entrance, "PublicKey", named))
    assert answer.fault == (entrance.trust, "InvalidRequest")


@each_entrance
@pytest.mark.parametrize("size", ["-256", "0", "127", "130", "520", "9" * 40, "1e3", "256.0", ""])
def test_a_key_size_that_is_none_is_refused_everywhere(sts, entrance, size):
    answer = refused(sts, entrance, GOOD, wish(entrance, "SymmetricKey", f"<t:KeySize>{size}</t:KeySize>"))
    assert answer.fault == (entrance.trust, "InvalidRequest")


@each_entrance
@pytest.mark.parametrize("octets", [0, 1, 15, 1025, 30_000])
def test_entropy_that_is_empty_short_or_long_is_refused_everywhere(sts, entrance, octets):
    secret = f"<t:Entropy><t:BinarySecret>{b64(bytes(octets))}</t:BinarySecret></t:Entropy>"
    assert refused(sts, entrance, GOOD, wish(entrance, "SymmetricKey", secret)).fault == (
        entrance.trust,
        "InvalidRequest",
    )


@each_entrance
def test_good_entropy_is_good_everywhere(sts, entrance):
    secret = f"<t:Entropy><t:BinarySecret>{b64(bytes(32))}</t:BinarySecret></t:Entropy>"
    answer = ask(sts, entrance, GOOD, wish(entrance, "SymmetricKey", secret))
    assert answer.status == 200, answer.body
    assert answer.find(f".//{{{entrance.trust}}}ComputedKey") is not None or ns.WST13 not in entrance.trust
