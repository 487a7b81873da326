import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.protected import p_sha1 as p_sha1_again
from tests.protected import reference
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurity, SecurityTokenUnavailable, UnsupportedAlgorithm
from wstrust_sts.proof_keys import p_sha1
from wstrust_sts.wire.keyinfo import ByDerivation, ById
from wstrust_sts.wire.sc import MAX_END, MAX_LENGTH, MIN_LENGTH, implied_token, read_derived_key_token

BASE = reference("#EK", ns.ENCRYPTED_KEY)


def token(inside: str, *, namespace: str = ns.WSC13, attributes: str = "", base: str = BASE) -> etree._Element:
    return etree.fromstring(f'<c:DerivedKeyToken xmlns:c="{namespace}"{attributes}>{base}{inside}</c:DerivedKeyToken>')


NONCE = "<c:Nonce>AAECAwQFBgcICQoLDA0ODw==</c:Nonce>"


class TestPSha1:
    def test_it_gives_what_hmac_gives_by_hand(self):
        first = hmac.digest(b"secret", b"seed", "sha1")
        second = hmac.digest(b"secret", first, "sha1")
        expected = hmac.digest(b"secret", first + b"seed", "sha1") + hmac.digest(b"secret", second + b"seed", "sha1")
        assert p_sha1(b"secret", b"seed", 40) == expected

    def test_it_gives_the_half_of_the_published_test_of_tls_1_0(self):
        """The SHA-1 half of the PRF's often quoted test: secret 24 times 0xab, label `PRF Testvector`, seed 64 0xcd."""
        stream = p_sha1(b"\xab" * 24, b"PRF Testvector" + b"\xcd" * 64, 104)
        md5, block = b"", b"PRF Testvector" + b"\xcd" * 64
        seed = block
        while len(md5) < 104:
            block = hmac.digest(b"\xab" * 24, block, "md5")
            md5 += hmac.digest(b"\xab" * 24, block + seed, "md5")
        published = bytes(a ^ b for a, b in zip(md5[:104], stream, strict=True))
        assert published.hex().startswith("d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754")

    @given(secret=st.binary(max_size=64), seed=st.binary(max_size=64), octets=st.integers(0, 256))
    def test_it_is_the_same_written_twice(self, secret, seed, octets):
        assert p_sha1(secret, seed, octets) == p_sha1_again(secret, seed, octets)

    @given(octets=st.integers(0, 200), more=st.integers(0, 100))
    def test_a_shorter_one_is_the_beginning_of_a_longer_one(self, octets, more):
        assert p_sha1(b"k", b"s", octets + more)[:octets] == p_sha1(b"k", b"s", octets)


class TestReadingADerivedKeyToken:
    @pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
    def test_what_it_does_not_say_has_the_defaults_of_the_specification(self, namespace):
        read = read_derived_key_token(token(NONCE, namespace=namespace))
        assert (read.namespace, read.base, read.offset, read.length) == (namespace, ById("EK"), 0, 32)
        assert read.label == b"WS-SecureConversationWS-SecureConversation"
        assert read.nonce == bytes(range(16))

    def test_a_generation_is_so_many_lengths_down_the_stream(self):
        read = read_derived_key_token(token(f"<c:Generation>3</c:Generation><c:Length>24</c:Length>{NONCE}"))
        assert (read.offset, read.length) == (72, 24)
        stream = p_sha1(b"secret", read.label + read.nonce, 96)
        assert read.derive(b"secret") == stream[72:96]

    def test_its_own_label_takes_the_place_of_the_default(self):
        read = read_derived_key_token(token(f"<c:Label>mine</c:Label>{NONCE}"))
        assert read.derive(b"secret") == p_sha1(b"secret", b"mine" + bytes(range(16)), 32)

    @given(offset=st.integers(0, 2 * MAX_END), length=st.integers(0, 2 * MAX_LENGTH))
    def test_numbers_are_within_bounds_or_refused(self, offset, length):
        written = token(f"<c:Offset>{offset}</c:Offset><c:Length>{length}</c:Length>{NONCE}")
        if MIN_LENGTH <= length <= MAX_LENGTH and offset + length <= MAX_END:
            assert len(read_derived_key_token(written).derive(b"secret")) == length
        else:
            with pytest.raises(InvalidSecurity):
                read_derived_key_token(written)

    @given(text=st.text(alphabet=st.characters(categories=["N", "P", "Zs", "S"], exclude_characters="<&"), max_size=20))
    def test_what_is_no_plain_number_is_refused(self, text):
        if text.strip(" \t\r\n").isascii() and text.strip(" \t\r\n").isdigit():
            return
        with pytest.raises(InvalidSecurity):
            read_derived_key_token(token(f"<c:Length>{text}</c:Length>{NONCE}"))

    def test_another_derivation_is_not_offered(self):
        with pytest.raises(UnsupportedAlgorithm):
            read_derived_key_token(token(NONCE, attributes=' Algorithm="urn:other"'))

    def test_a_base_that_is_named_in_no_known_way_is_refused(self):
        with pytest.raises(SecurityTokenUnavailable):
            read_derived_key_token(token(NONCE, base=reference("", "", inside="<o:Embedded/>")))


@given(length=st.none() | st.integers(-10, 10**12))
def test_an_implied_key_is_as_long_as_one_that_is_described_may_be(length):
    implied = ByDerivation(ns.WSC13, ById("EK"), b"nonce", length)
    if length is None or MIN_LENGTH <= length <= MAX_LENGTH:
        assert len(implied_token(implied).derive(b"secret")) == (32 if length is None else length)
    else:
        with pytest.raises(InvalidSecurity):
            implied_token(implied)
