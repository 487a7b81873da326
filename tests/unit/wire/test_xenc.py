import os

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.protected import b64, encrypt_blocks, encrypted_data, encrypted_key, party
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, UnsupportedAlgorithm
from wstrust_sts.wire.algorithms import CBC_KEY_OCTETS, KEY_OCTETS
from wstrust_sts.wire.xenc import (
    Oaep,
    decrypt,
    encrypt,
    new_key,
    read_encrypted_data,
    read_encrypted_key,
    read_reference_list,
    wrap_key,
)

ALL = sorted(KEY_OCTETS)


class TestCiphers:
    @given(plaintext=st.binary(max_size=200), algorithm=st.sampled_from(ALL))
    def test_what_was_encrypted_decrypts(self, plaintext, algorithm):
        key = new_key(algorithm)
        assert decrypt(encrypt(plaintext, key=key, algorithm=algorithm), key=key, algorithm=algorithm) == plaintext

    @given(ciphertext=st.binary(max_size=200), algorithm=st.sampled_from(ALL), octets=st.integers(0, 40))
    def test_octets_of_any_kind_open_or_fail_in_one_way(self, ciphertext, algorithm, octets):
        refused = ""
        try:
            decrypt(ciphertext, key=bytes(octets), algorithm=algorithm)
        except FailedCheck as failure:
            refused = failure.detail
        assert refused in ("", "something encrypted does not open")

    @pytest.mark.parametrize("algorithm", [ns.AES128_GCM, ns.AES192_GCM, ns.AES256_GCM])
    def test_with_gcm_any_bit_changed_is_noticed(self, algorithm):
        key = new_key(algorithm)
        good = encrypt(b"plaintext", key=key, algorithm=algorithm)
        for position in range(len(good)):
            with pytest.raises(FailedCheck):
                decrypt(
                    good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :], key=key, algorithm=algorithm
                )

    def test_the_padding_of_cbc_may_hold_anything_but_for_its_last_octet(self):
        key = os.urandom(32)
        for length in range(1, 17):
            padded = b"x" * (16 - length) + os.urandom(length - 1) + bytes([length])
            assert decrypt(encrypt_blocks(padded, key), key=key, algorithm=ns.AES256_CBC) == b"x" * (16 - length)
        for wrong in (0, 17, 255):
            with pytest.raises(FailedCheck):
                decrypt(encrypt_blocks(b"x" * 15 + bytes([wrong]), key), key=key, algorithm=ns.AES256_CBC)

    def test_two_ciphertexts_of_one_text_are_never_the_same(self):
        for algorithm in ALL:
            key = new_key(algorithm)
            assert encrypt(b"x", key=key, algorithm=algorithm) != encrypt(b"x", key=key, algorithm=algorithm)


class TestBesideAnotherLibrary:
    """`xmlsec` reads what is written here, and what it writes is read."""

    METHODS = {
        ns.AES128_CBC: (xmlsec.Transform.AES128, xmlsec.KeyData.AES),
        ns.AES256_CBC: (xmlsec.Transform.AES256, xmlsec.KeyData.AES),
        ns.AES128_GCM: (xmlsec.Transform.AES128_GCM, xmlsec.KeyData.AES),
        ns.AES256_GCM: (xmlsec.Transform.AES256_GCM, xmlsec.KeyData.AES),
    }

    def context(self, key, kind):
        context = xmlsec.EncryptionContext()
        context.key = xmlsec.Key.from_binary_data(kind, key)
        return context

    @pytest.mark.parametrize("algorithm", METHODS)
    def test_it_decrypts_what_is_encrypted_here(self, algorithm):
        key = new_key(algorithm)
        ciphertext = encrypt(b"<x>clear</x>", key=key, algorithm=algorithm)
        document = etree.Element("document")
        document.append(encrypted_data("ED", ciphertext, algorithm, key_info=""))
        key_info = document[0].find(f"{{{ns.DS}}}KeyInfo")
        document[0].remove(key_info)
        found = self.context(key, self.METHODS[algorithm][1]).decrypt(document[0])
        assert etree.tostring(found) == b"<x>clear</x>"

    @pytest.mark.parametrize("algorithm", METHODS)
    def test_what_it_encrypts_is_decrypted_here(self, algorithm):
        transform, kind = self.METHODS[algorithm]
        key = new_key(algorithm)
        document = etree.fromstring("<document><x>clear</x></document>")
        template = xmlsec.template.encrypted_data_create(document, transform, type=xmlsec.EncryptionType.ELEMENT)
        xmlsec.template.encrypted_data_ensure_cipher_value(template)
        self.context(key, kind).encrypt_xml(template, document[0])
        read = read_encrypted_data(document[0])
        assert (read.algorithm, read.content) == (algorithm, False)
        assert decrypt(read.ciphertext, key=key, algorithm=read.algorithm) == b"<x>clear</x>"


class TestReading:
    def test_oaep_is_sha_1_where_it_does_not_say_otherwise(self):
        read = read_encrypted_key(etree.fromstring(encrypted_key("EK", b"x" * 256, party("sts"))))
        assert read.oaep == Oaep(ns.SHA1, ns.SHA1)
        assert (read.ciphertext, read.data) == (b"x" * 256, ())

    def test_oaep_of_version_1_1_names_its_digest_and_its_mask(self):
        method = (
            f'<e:EncryptionMethod Algorithm="{ns.RSA_OAEP}">'
            f'<ds:DigestMethod xmlns:ds="{ns.DS}" Algorithm="{ns.SHA256}"/>'
            f'<m:MGF xmlns:m="{ns.XENC11}" Algorithm="{ns.MGF1_SHA256}"/></e:EncryptionMethod>'
        )
        read = read_encrypted_key(etree.fromstring(encrypted_key("EK", b"x", party("sts"), method=method)))
        assert read.oaep == Oaep(ns.SHA256, ns.SHA256)
        wrapped = wrap_key(b"k" * 32, recipient=party("sts").key.public_key(), oaep=read.oaep)
        assert party("sts").key.decrypt(wrapped, OAEP(MGF1(SHA256()), SHA256(), None)) == b"k" * 32

    def test_a_wrapped_key_is_opened_by_its_recipient_alone(self):
        wrapped = wrap_key(b"k" * 32, recipient=party("sts").key.public_key(), oaep=Oaep())
        assert party("sts").key.decrypt(wrapped, OAEP(MGF1(SHA1()), SHA1(), None)) == b"k" * 32
        with pytest.raises(ValueError):
            party("alice").key.decrypt(wrapped, OAEP(MGF1(SHA1()), SHA1(), None))

    @pytest.mark.parametrize("method", ["rsa-1_5", "kw-aes256", ""])
    def test_another_transport_of_keys_is_not_offered(self, method):
        markup = encrypted_key("EK", b"x", party("sts"), method=f'<e:EncryptionMethod Algorithm="{ns.XENC}{method}"/>')
        with pytest.raises(UnsupportedAlgorithm):
            read_encrypted_key(etree.fromstring(markup))

    def test_a_type_that_is_neither_element_nor_content_is_refused(self):
        data = encrypted_data("ED", b"x", ns.AES256_CBC, key_info="")
        data.set("Type", "urn:other")
        with pytest.raises(InvalidSecurity):
            read_encrypted_data(data)

    @pytest.mark.parametrize(
        "inside",
        [
            "",
            '<e:DataReference URI="x"/>',
            '<e:DataReference URI="file:///etc/passwd"/>',
            "<e:DataReference/>",
            '<e:KeyReference URI="#x"/>',
            '<e:DataReference URI="#x"/><e:DataReference URI="#x"/>',
            '<e:DataReference URI="#x"><e:Transforms/></e:DataReference>',
            "".join(f'<e:DataReference URI="#x{number}"/>' for number in range(17)),
        ],
    )
    def test_a_reference_list_with_anything_else_is_refused(self, inside):
        with pytest.raises(InvalidSecurity):
            read_reference_list(etree.fromstring(f'<e:ReferenceList xmlns:e="{ns.XENC}">{inside}</e:ReferenceList>'))

    def test_a_reference_list_names_data_in_order(self):
        inside = '<e:DataReference URI="#b"/><e:DataReference URI="#a"/>'
        element = etree.fromstring(f'<e:ReferenceList xmlns:e="{ns.XENC}">{inside}</e:ReferenceList>')
        assert read_reference_list(element) == ("b", "a")


def test_the_tables_of_ciphers_agree_on_the_length_of_keys():
    assert {algorithm: len(new_key(algorithm)) for algorithm in KEY_OCTETS} == dict(KEY_OCTETS)
    assert set(CBC_KEY_OCTETS) < set(KEY_OCTETS)
    assert b64(b"x") == "eA=="
