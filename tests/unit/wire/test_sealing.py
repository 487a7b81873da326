"""What is sealed here is opened by another library, and by the codec in every combination of methods."""

import base64
import hashlib
from datetime import timedelta

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from tests.fakes import NOON
from tests.protected import Draft, draft, elliptic, p_sha1, party, protect
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidHeaderToken, InvalidSecurity, StsError
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.wire.algorithms import BASIC256_SHA1, DEFAULT, KEY_OCTETS
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.certificates import Certificate, read_certificate
from wstrust_sts.wire.opening import SharedSecret
from wstrust_sts.wire.protection import SIGNATURE_CONFIRMATION
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import AsymmetricSeal, Methods, SymmetricSeal, introduce, wrap_secret
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import parse

NOW = {"now": NOON, "freshness": Freshness(), "algorithms": BASIC256_SHA1}
BLOCKS = (
    f'<a:Action xmlns:a="{ns.WSA}" u:Id="action">urn:action</a:Action>'
    f'<a:RelatesTo xmlns:a="{ns.WSA}" u:Id="relates">urn:uuid:1</a:RelatesTo>'
)
MESSAGE = Unsealed(namespace=ns.SOAP12, blocks=BLOCKS, body=b"<x>clear text</x>", now=NOON)


def own(name: str) -> LocalMessageKey:
    return LocalMessageKey(party(name).key, certificate=party(name).der)


def envelope(octets: bytes):
    return read_envelope(parse(octets), expected=SoapVersion.SOAP12)


def methods(*, signature: str, encryption: str = ns.AES256_CBC) -> Methods:
    return Methods(signature=signature, digest=ns.SHA256, encryption=encryption)


def text(message) -> str:
    return message.protected.opened.envelope.payload.text


class TestSymmetric:
    @pytest.mark.parametrize("encryption", sorted(KEY_OCTETS))
    @pytest.mark.parametrize("derivation", [ns.WSC13, ns.WSC05])
    @pytest.mark.parametrize("signature", [ns.HMAC_SHA1, ns.HMAC_SHA256])
    def test_a_first_message_is_opened_with_the_private_key(self, encryption, derivation, signature):
        wrapped = introduce(read_certificate(party("sts").der))
        seal = SymmetricSeal(
            secret=wrapped.secret,
            methods=methods(signature=signature, encryption=encryption),
            derivation=derivation,
            introduction=wrapped,
        )
        message = open_symmetric(envelope(seal.protect(MESSAGE)), decrypters=(own("sts"),), **NOW)
        assert text(message) == "clear text"
        assert message.signing_key.base == wrapped.secret

    def test_an_answer_is_opened_with_the_secret_that_is_known_and_with_no_other(self):
        secret = SharedSecret(b"s" * 32, b"n" * 20)
        seal = SymmetricSeal(secret=secret, methods=methods(signature=ns.HMAC_SHA1), confirmed=(b"value",))
        octets = seal.protect(MESSAGE)
        message = open_symmetric(envelope(octets), decrypters=(), known=(secret,), **NOW)
        assert text(message) == "clear text"
        confirmation = message.protected.take_signed(SIGNATURE_CONFIRMATION, hidden=True)
        assert base64.b64decode(confirmation.get("Value")) == b"value"
        for other in (SharedSecret(b"t" * 32, b"n" * 20), SharedSecret(b"s" * 32, b"m" * 20)):
            with pytest.raises(FailedCheck):
                open_symmetric(envelope(octets), decrypters=(), known=(other,), **NOW)

    def test_nothing_of_the_secret_and_of_the_text_is_in_what_goes_out(self):
        secret = SharedSecret(b"s" * 32, b"n" * 20)
        octets = SymmetricSeal(secret=secret, methods=methods(signature=ns.HMAC_SHA1)).protect(MESSAGE)
        assert b"clear text" not in octets
        assert base64.b64encode(secret.secret)[:16] not in octets
        assert "s" * 8 not in repr(secret)

    def test_another_library_decrypts_and_verifies_it(self):
        """The keys are derived by hand, the rest is `xmlsec`'s."""
        secret = SharedSecret(b"s" * 32, b"n" * 20)
        root = etree.fromstring(
            SymmetricSeal(secret=secret, methods=methods(signature=ns.HMAC_SHA256)).protect(MESSAGE)
        )
        keys = {}
        for token in root.iter(f"{{{ns.WSC13}}}DerivedKeyToken"):
            nonce = base64.b64decode(token.findtext(f"{{{ns.WSC13}}}Nonce"))
            length = int(token.findtext(f"{{{ns.WSC13}}}Length"))
            keys[token.get(f"{{{ns.WSU}}}Id")] = p_sha1(secret.secret, b"WS-SecureConversation" * 2 + nonce, length)
        signing, hiding = keys.values()
        _decrypt(root, hiding)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, signing)
        _verify(root, context)
        assert root.findtext(".//x") == "clear text"


class TestAsymmetric:
    def seal(self, **how) -> AsymmetricSeal:
        defaults = {
            "signer": own("sts"),
            "recipient": read_certificate(party("alice").der),
            "methods": methods(signature=ns.RSA_SHA256),
        }
        return AsymmetricSeal(**(defaults | how))

    @pytest.mark.parametrize("encryption", sorted(KEY_OCTETS))
    @pytest.mark.parametrize("signature", [ns.RSA_SHA1, ns.RSA_SHA256, ns.RSA_SHA512])
    @pytest.mark.parametrize("sends", [True, False])
    def test_its_recipient_opens_it_and_knows_who_signed(self, encryption, signature, sends):
        seal = self.seal(methods=methods(signature=signature, encryption=encryption), sends_certificate=sends)
        known = () if sends else (read_certificate(party("sts").der),)
        message = open_asymmetric(envelope(seal.protect(MESSAGE)), decrypters=(own("alice"),), known=known, **NOW)
        assert text(message) == "clear text"
        assert message.signer.der == party("sts").der

    def test_nobody_else_opens_it(self):
        octets = self.seal(sends_certificate=True).protect(MESSAGE)
        with pytest.raises(InvalidSecurity):
            open_asymmetric(envelope(octets), decrypters=(own("bob"),), **NOW)
        disguised = LocalMessageKey(party("bob").key, certificate=party("alice").der)
        with pytest.raises(FailedCheck):
            open_asymmetric(envelope(octets), decrypters=(disguised,), **NOW)

    def test_a_signer_that_is_not_known_is_not_believed(self):
        octets = self.seal().protect(MESSAGE)
        known = (read_certificate(party("bob").der),)
        with pytest.raises(FailedCheck):
            open_asymmetric(envelope(octets), decrypters=(own("alice"),), known=known, **NOW)

    def test_without_a_cipher_it_is_signed_alone(self):
        seal = self.seal(methods=methods(signature=ns.RSA_SHA256, encryption=""), sends_certificate=True)
        octets = seal.protect(MESSAGE)
        assert b"clear text" in octets
        assert text(open_asymmetric(envelope(octets), decrypters=None, **NOW)) == "clear text"
        with pytest.raises(InvalidSecurity):
            open_asymmetric(envelope(octets), decrypters=(own("alice"),), **NOW)

    def test_nothing_is_encrypted_for_an_elliptic_key(self):
        with pytest.raises(InvalidHeaderToken):
            wrap_secret(b"k" * 32, recipient=Certificate(elliptic("carol").der))

    def test_another_library_decrypts_and_verifies_it(self):
        root = etree.fromstring(self.seal().protect(MESSAGE))
        value = root.findtext(f".//{{{ns.XENC}}}EncryptedKey/{{{ns.XENC}}}CipherData/{{{ns.XENC}}}CipherValue")
        secret = own("alice").decrypt(base64.b64decode(value), digest=ns.SHA1, mask=ns.SHA1)
        _decrypt(root, secret)
        context = xmlsec.SignatureContext()
        pem = party("sts").key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM)
        _verify(root, context)
        assert root.findtext(".//x") == "clear text"


def _decrypt(root, key: bytes) -> None:
    for data in list(root.iter(f"{{{ns.XENC}}}EncryptedData")):
        data.remove(data.find(f"{{{ns.DS}}}KeyInfo"))
        context = xmlsec.EncryptionContext()
        context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.AES, key)
        context.decrypt(data)


def _verify(root, context) -> None:
    for element in root.iter(etree.Element):
        if element.get(f"{{{ns.WSU}}}Id"):
            context.register_id(element, "Id", ns.WSU)
    (signature,) = root.iter(f"{{{ns.DS}}}Signature")
    context.verify(signature)


class TestOpening:
    """Requests written by another hand (tests/protected.py)."""

    def opened(self, request: Draft, **how):
        message = envelope(protect(request, **how))
        if request.policy == "username":
            return open_symmetric(message, decrypters=(own("bob"), own("sts")), **NOW).protected
        return open_asymmetric(message, decrypters=(own("bob"), own("sts")), **NOW).protected

    @pytest.mark.parametrize("policy", ["username", "certificate"])
    def test_what_was_hidden_is_told_from_what_was_not(self, policy):
        read = self.opened(draft(policy, "<x/>"))
        opened = read.opened
        assert opened.hides_content_of(opened.envelope.body)
        assert not opened.hides(opened.envelope.body)
        assert not any(map(opened.hides, opened.envelope.blocks))
        hidden = [etree.QName(element).localname for element in opened.hidden]
        assert hidden == (["UsernameToken", "Signature"] if policy == "username" else ["Signature"])

    @pytest.mark.parametrize("policy", ["username", "certificate"])
    def test_the_key_of_ours_that_was_meant_is_told(self, policy):
        meant = self.opened(draft(policy, "<x/>")).opened.keys.decrypter
        assert meant is not None
        assert meant.certificate == party("sts").der

    def test_the_secret_is_known_by_the_sha_1_of_its_ciphertext(self):
        request = draft("username", "<x/>")
        message = open_symmetric(envelope(protect(request)), decrypters=(own("sts"),), **NOW)
        assert message.signing_key.base == SharedSecret(request.secret, hashlib.sha1(request.wrapped).digest())

    def test_without_derived_keys_the_secret_itself_signs_and_hides(self):
        request = draft("username", "<x/>", derives=None)
        message = open_symmetric(envelope(protect(request)), decrypters=(own("sts"),), **NOW)
        assert message.signing_key == SharedSecret(request.secret, hashlib.sha1(request.wrapped).digest())

    @pytest.mark.parametrize(
        "plaintext", [b"<x/>", b"<x><!-- --></x>", "<x>\u00e4\U0001f3ba</x>".encode(), b"<x> </x>"]
    )
    def test_prefixes_comments_and_any_character_survive(self, plaintext):
        read = self.opened(draft("certificate", plaintext.decode()))
        assert etree.tostring(read.opened.envelope.payload, encoding="utf-8", with_tail=False) == etree.tostring(
            etree.fromstring(plaintext), encoding="utf-8"
        ).replace(b"<x", b"<x" + _namespaces(read.opened.envelope.payload), 1)

    def test_a_later_clock_refuses_it_as_expired(self):
        message = envelope(protect(draft("username", "<x/>")))
        how = NOW | {"now": NOON + timedelta(hours=1)}
        with pytest.raises(StsError) as refusal:
            open_symmetric(message, decrypters=(own("sts"),), **how)
        assert refusal.value.code == "MessageExpired"

    def test_algorithms_off_the_list_are_not_used(self):
        request = draft("certificate", "<x/>")
        message = envelope(protect(request))
        how = NOW | {"algorithms": DEFAULT}
        assert open_asymmetric(message, decrypters=(own("sts"),), **how).signer.der == party("alice").der


def _namespaces(element) -> bytes:
    return b"".join(
        f' xmlns:{prefix}="{namespace}"'.encode() for prefix, namespace in sorted(element.nsmap.items(), key=str)
    )
