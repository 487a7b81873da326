"""Which key a token is bound to: what is allowed, what is refused, and that nobody gets another's key."""

from dataclasses import replace

import pytest

from tests.harness import RELYING_PARTY, STRICT_PARTY
from tests.holders import KEYED_PARTY, keyed, public_proof
from wstrust_sts import ns
from wstrust_sts.errors import BadRequest, FailedCheck, InvalidRequest, RequestFailed
from wstrust_sts.model import KeyType, Operation, RequestSecurityToken, TrustVersion, VerifiedMessage
from wstrust_sts.proof_keys import (
    ClientEntropy,
    ClientKey,
    ProvedKey,
    PublicProof,
    SealedClientKey,
    SymmetricProof,
    UseKey,
    p_sha1,
)
from wstrust_sts.proof_policy import choose_encryption, choose_key_type, choose_proof

RSA, EC = public_proof("rsa-2048"), public_proof("ec")
BARE = public_proof("rsa-2048", certified=False)
RENEWED = PublicProof(RSA.key_info, b"another certificate over the same key")
CARELESS = replace(KEYED_PARTY, accepts_unproved_keys=True)
KEPT = SymmetricProof(secret=b"k" * 32)


def request(**fields) -> RequestSecurityToken:
    return RequestSecurityToken(version=TrustVersion.V13, operation=Operation.ISSUE, **fields)


def message(*proved: ProvedKey, tls: bool = True, encrypted: bool = False) -> VerifiedMessage:
    return VerifiedMessage(credentials=(), tls=tls, encrypted=encrypted, proved_keys=proved)


def choose(key_type: KeyType, *parties, proved=(), kept=None, tls=True, encrypted=False, **fields):
    return choose_proof(
        key_type,
        request(**fields),
        parties or (KEYED_PARTY,),
        message=message(*proved, tls=tls, encrypted=encrypted),
        kept=kept,
    )


class TestKeyType:
    def test_the_one_asked_for_is_for_every_party(self):
        for key_type in KeyType:
            assert choose_key_type(request(key_type=key_type), (KEYED_PARTY,), original=None) is key_type
            if key_type is not KeyType.BEARER:
                with pytest.raises(BadRequest, match="strict takes no"):
                    choose_key_type(request(key_type=key_type), (KEYED_PARTY, STRICT_PARTY), original=None)

    @pytest.mark.parametrize(
        ("of_party", "of_endpoint", "taken", "chosen"),
        [
            (None, KeyType.BEARER, tuple(KeyType), KeyType.BEARER),
            (None, KeyType.PUBLIC, tuple(KeyType), KeyType.PUBLIC),
            (KeyType.SYMMETRIC, KeyType.PUBLIC, tuple(KeyType), KeyType.SYMMETRIC),
            (KeyType.BEARER, KeyType.PUBLIC, tuple(KeyType), KeyType.BEARER),
            (None, KeyType.BEARER, (KeyType.SYMMETRIC,), KeyType.SYMMETRIC),
        ],
        ids=["bearer", "endpoint", "relying party", "relying party, bearer", "only one taken"],
    )
    def test_without_one_the_relying_partys_default_comes_first_then_the_endpoints(
        self, of_party, of_endpoint, taken, chosen
    ):
        party = replace(KEYED_PARTY, default_key_type=of_party, key_types=taken)
        assert choose_key_type(request(), (party,), original=None, default=of_endpoint) is chosen
        for kept in taken:
            assert choose_key_type(request(key_type=kept), (party,), original=None, default=of_endpoint) is kept
            assert choose_key_type(request(), (party,), original=kept, default=of_endpoint) is kept

    def test_a_default_that_the_relying_party_does_not_take_is_refused_not_replaced(self):
        party = replace(KEYED_PARTY, key_types=(KeyType.BEARER, KeyType.PUBLIC))
        with pytest.raises(BadRequest, match="takes no symmetric-key"):
            choose_key_type(request(), (party,), original=None, default=KeyType.SYMMETRIC)

    def test_that_of_the_original_stays(self):
        assert choose_key_type(request(), (KEYED_PARTY,), original=KeyType.PUBLIC) is KeyType.PUBLIC
        for other in (KeyType.BEARER, KeyType.SYMMETRIC):
            with pytest.raises(BadRequest):
                choose_key_type(request(key_type=other), (KEYED_PARTY,), original=KeyType.PUBLIC)
        with pytest.raises(BadRequest):
            choose_key_type(request(), (RELYING_PARTY,), original=KeyType.PUBLIC)


class TestSecret:
    def test_it_is_told_where_tls_or_the_message_hides_it(self):
        for tls, encrypted in ((True, False), (False, True)):
            assert choose(KeyType.SYMMETRIC, tls=tls, encrypted=encrypted).told
        with pytest.raises(BadRequest, match="hide"):
            choose(KeyType.SYMMETRIC, tls=False)

    def test_both_sides_have_a_part_in_it(self):
        first, second = (choose(KeyType.SYMMETRIC, entropy=ClientEntropy(b"e" * 32)) for _ in range(2))
        assert first.secret != second.secret
        assert first.secret == p_sha1(b"e" * 32, first.server_entropy, 32)
        assert not first.told

    def test_participants_get_none(self):
        with pytest.raises(BadRequest, match="Participants"):
            choose(KeyType.SYMMETRIC, KEYED_PARTY, KEYED_PARTY)

    @pytest.mark.parametrize("octets", [16, 64])
    def test_the_clients_own_is_kept_as_it_is(self, octets):
        willing = replace(KEYED_PARTY, accepts_client_keys=True)
        assert choose(KeyType.SYMMETRIC, willing, entropy=ClientKey(b"c" * octets)) == SymmetricProof(
            secret=b"c" * octets
        )

    @pytest.mark.parametrize("octets", [15, 65, 1024])
    def test_the_clients_own_of_another_size_is_refused(self, octets):
        with pytest.raises(InvalidRequest):
            choose(KeyType.SYMMETRIC, replace(KEYED_PARTY, accepts_client_keys=True), entropy=ClientKey(b"c" * octets))

    def test_the_clients_own_may_come_sealed_and_then_needs_nothing_to_hide_it(self):
        willing, sealed = replace(KEYED_PARTY, accepts_client_keys=True), SealedClientKey(lambda: b"c" * 32)
        for tls in (True, False):
            assert choose(KeyType.SYMMETRIC, willing, tls=tls, entropy=sealed) == SymmetricProof(secret=b"c" * 32)
        with pytest.raises(BadRequest, match="chose alone"):
            choose(KeyType.SYMMETRIC, entropy=sealed)

    @pytest.mark.parametrize("opened", [None, b"", b"c" * 15, b"c" * 65, b"c" * 32])
    def test_one_that_does_not_open_and_one_of_another_size_are_not_told_apart(self, opened):
        willing, sealed = replace(KEYED_PARTY, accepts_client_keys=True), SealedClientKey(lambda: opened)
        with pytest.raises(FailedCheck, match="does not open to one of a size that is allowed"):
            choose(KeyType.SYMMETRIC, willing, entropy=sealed, key_size=128)

    def test_it_is_not_opened_for_a_token_that_keeps_another_secret(self):
        def open_key() -> bytes:
            raise AssertionError

        willing, sealed = replace(KEYED_PARTY, accepts_client_keys=True), SealedClientKey(open_key)
        with pytest.raises(BadRequest, match="keeps the secret"):
            choose(KeyType.SYMMETRIC, willing, kept=KEPT, entropy=sealed)
        assert choose(KeyType.BEARER, willing, entropy=sealed) is None

    def test_that_of_the_original_is_kept_for_one_that_can_decrypt_it(self):
        assert choose(KeyType.SYMMETRIC, kept=KEPT, tls=False) is KEPT
        with pytest.raises(BadRequest):
            choose(KeyType.SYMMETRIC, keyed(certificate=None), kept=KEPT)

    @pytest.mark.parametrize("bits", [128, 512])
    def test_one_that_is_kept_takes_no_entropy_and_no_other_size(self, bits):
        assert choose(KeyType.SYMMETRIC, kept=KEPT, key_size=256) is KEPT
        for other in ({"entropy": ClientEntropy(b"e" * 32)}, {"entropy": ClientKey(b"c" * 32)}, {"key_size": bits}):
            with pytest.raises(BadRequest):
                choose(KeyType.SYMMETRIC, replace(KEYED_PARTY, accepts_client_keys=True), kept=KEPT, **other)

    def test_it_is_in_no_representation(self):
        proof = choose(KeyType.SYMMETRIC, entropy=ClientEntropy(b"client entropy of 32 octets.....")) or KEPT
        for value in (proof, KEPT, ClientKey(b"k" * 32), ClientEntropy(b"k" * 32)):
            assert "kkkk" not in repr(value)
            assert "secret=" not in repr(value)


class TestPublicKey:
    def test_what_is_named_must_be_proved(self):
        proved = (ProvedKey(EC), ProvedKey(RSA, "sig"))
        for wanted in (RSA, BARE, EC):
            assert choose(KeyType.PUBLIC, proved=proved, use_key=UseKey(key=wanted)) is wanted
        with pytest.raises(InvalidRequest, match="prove"):
            choose(KeyType.PUBLIC, proved=(ProvedKey(EC),), use_key=UseKey(key=RSA))

    def test_another_certificate_over_the_same_key_is_another_name_that_nobody_proved(self):
        with pytest.raises(InvalidRequest, match="prove"):
            choose(KeyType.PUBLIC, proved=(ProvedKey(RSA),), use_key=UseKey(key=RENEWED))
        assert choose(KeyType.PUBLIC, proved=(ProvedKey(BARE),), use_key=UseKey(key=RENEWED)) is RENEWED

    def test_sig_names_the_signature_that_proves_it(self):
        proved = (ProvedKey(RSA, "sig"), ProvedKey(EC))
        assert choose(KeyType.PUBLIC, proved=proved, use_key=UseKey(signature_id="sig")) is RSA
        assert choose(KeyType.PUBLIC, proved=proved, use_key=UseKey(key=BARE, signature_id="sig")) is BARE
        for use_key in (UseKey(signature_id="gis"), UseKey(key=EC, signature_id="sig")):
            for party in (KEYED_PARTY, CARELESS):
                with pytest.raises(InvalidRequest):
                    choose(KeyType.PUBLIC, party, proved=proved, use_key=use_key)

    def test_without_a_name_it_is_the_signatures_certificate_before_that_of_tls(self):
        assert choose(KeyType.PUBLIC, proved=(ProvedKey(BARE, "sig"), ProvedKey(RSA, "sig"), ProvedKey(EC))) is RSA
        with pytest.raises(InvalidRequest):
            choose(KeyType.PUBLIC, proved=(ProvedKey(BARE, "sig"),))

    def test_one_that_is_kept_may_be_named_and_no_other(self):
        for named in (RSA, BARE):
            assert choose(KeyType.PUBLIC, kept=RSA, use_key=UseKey(key=named)) is RSA
        signed = (ProvedKey(RSA, "signature"), ProvedKey(EC, "other"))
        assert choose(KeyType.PUBLIC, kept=RSA, use_key=UseKey(signature_id="signature"), proved=signed) is RSA
        for wanted in (
            UseKey(key=EC),
            UseKey(key=RENEWED),
            UseKey(key=EC, signature_id="other"),
            UseKey(signature_id="other"),
            UseKey(signature_id="missing"),
        ):
            with pytest.raises(InvalidRequest, match="is kept"):
                choose(KeyType.PUBLIC, CARELESS, kept=RSA, use_key=wanted, proved=signed)

    def test_an_unproved_one_is_for_parties_that_all_take_it(self):
        assert choose(KeyType.PUBLIC, CARELESS, use_key=UseKey(key=RSA)) is RSA
        with pytest.raises(InvalidRequest):
            choose(KeyType.PUBLIC, CARELESS, KEYED_PARTY, use_key=UseKey(key=RSA))


class TestEncryption:
    def test_it_is_the_relying_partys_or_none_at_all(self):
        rule = keyed(tokens=True).encryption
        assert choose_encryption(request(), (keyed(tokens=True),)) == rule
        assert choose_encryption(request(encryption_algorithm=ns.AES256_GCM), (keyed(tokens=True),)) == rule
        with pytest.raises(BadRequest, match="EncryptionAlgorithm"):
            choose_encryption(request(encryption_algorithm=ns.AES256_CBC), (keyed(tokens=True),))

    def test_what_not_everybody_can_decrypt_is_not_issued(self):
        for parties in ((keyed(tokens=True), STRICT_PARTY), (STRICT_PARTY, keyed(tokens=True))):
            with pytest.raises(BadRequest, match="Participants"):
                choose_encryption(request(), parties)

    def test_without_a_certificate_nothing_goes_out(self):
        with pytest.raises(RequestFailed, match="no certificate"):
            choose_encryption(request(), (keyed(tokens=True, certificate=None),))
