"""Keys of the wrong use, in an attacker's hands or by mistake: tokens by a message key, messages for a token key."""

import base64
import hashlib
import time
from dataclasses import replace
from functools import cache
from statistics import median

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from lxml import etree

from tests.assertions import BOX
from tests.attack import ENTRANCES, Attack, in_process
from tests.fakes import NOON, FakeSigningKeys
from tests.forgery import sign_again
from tests.protected import encrypt
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurity
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import LocalSigner, make_signing_key, unwrap_message_key
from wstrust_sts.model import TokenType
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord
from wstrust_sts.wire.algorithms import DEFAULT
from wstrust_sts.wire.opening import OpenedMessage, open_message
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.xml import parse

SECRET = b"s" * 32
_URIS = {TokenType.SAML20: ns.TP11_SAML20, TokenType.SAML11: ns.TP11_SAML11}


@cache
def key(use: KeyUse, copy: int = 0) -> SigningKeyRecord:
    """One for each use and `copy`; making them is slow."""
    return make_signing_key("default", algorithm="rsa-2048", name="sts.example.test", now=NOON, box=BOX, use=use)


def encrypted_for(record: SigningKeyRecord) -> bytes:
    public_key = x509.load_der_x509_certificate(record.certificate).public_key()
    return public_key.encrypt(SECRET, OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None))


def message_for(record: SigningKeyRecord) -> bytes:
    """A message whose EncryptedKey is for the certificate of a key, by its thumbprint; it hides the Body's content."""
    thumbprint = base64.b64encode(hashlib.sha1(record.certificate).digest()).decode()
    ciphertext = base64.b64encode(encrypted_for(record)).decode()
    hidden = base64.b64encode(encrypt(b"<hidden/>", SECRET, ns.AES256_GCM)).decode()
    return f"""<s:Envelope xmlns:s="{ns.SOAP12}" xmlns:o="{ns.WSSE}" xmlns:e="{ns.XENC}"><s:Header><o:Security>
    <e:EncryptedKey Id="k"><e:EncryptionMethod Algorithm="{ns.RSA_OAEP_MGF1P}"/>
    <d:KeyInfo xmlns:d="{ns.DS}"><o:SecurityTokenReference><o:KeyIdentifier ValueType="{ns.THUMBPRINT_SHA1}"
    >{thumbprint}</o:KeyIdentifier></o:SecurityTokenReference></d:KeyInfo>
    <e:CipherData><e:CipherValue>{ciphertext}</e:CipherValue></e:CipherData>
    <e:ReferenceList><e:DataReference URI="#d"/></e:ReferenceList></e:EncryptedKey></o:Security></s:Header><s:Body>
    <e:EncryptedData Id="d" Type="{ns.XENC_CONTENT}"><e:EncryptionMethod Algorithm="{ns.AES256_GCM}"/>
    <e:CipherData><e:CipherValue>{hidden}</e:CipherValue></e:CipherData></e:EncryptedData></s:Body></s:Envelope>
    """.encode()


def opened(message: bytes, *stored: SigningKeyRecord) -> OpenedMessage:
    keyring = StoredKeyring(FakeSigningKeys(stored), BOX)
    envelope = read_envelope(parse(message), expected=SoapVersion.SOAP12)
    return open_message(envelope, decrypters=keyring.decrypters("default"), algorithms=DEFAULT, brings=1)


def in_state(record: SigningKeyRecord, state: KeyState) -> SigningKeyRecord:
    return replace(record, state=state)


# -- a client that did not follow a rotation, or is ahead of it --------------------------------------------------------


@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.RETIRING, KeyState.NEXT])
def test_a_message_for_any_message_key_that_is_not_retired_is_opened(state: KeyState) -> None:
    other = in_state(key(KeyUse.MESSAGE, 1), KeyState.RETIRING if state is KeyState.ACTIVE else KeyState.ACTIVE)
    meant = in_state(key(KeyUse.MESSAGE), state)
    message = opened(message_for(meant), meant, other, key(KeyUse.TOKEN))
    assert message.envelope.payload is not None
    assert message.envelope.payload.tag == "hidden"


def test_a_message_for_a_retired_message_key_is_refused() -> None:
    retired = in_state(key(KeyUse.MESSAGE), KeyState.RETIRED)
    with pytest.raises(InvalidSecurity):
        opened(message_for(retired), retired, key(KeyUse.MESSAGE, 1))


# -- one use in the place of the other ---------------------------------------------------------------------------------


def test_a_message_for_the_certificate_of_a_token_key_is_refused() -> None:
    with pytest.raises(InvalidSecurity):
        opened(message_for(key(KeyUse.TOKEN)), key(KeyUse.TOKEN), key(KeyUse.MESSAGE))
    with pytest.raises(InvalidSecurity):
        opened(message_for(key(KeyUse.TOKEN)), key(KeyUse.TOKEN))


def test_a_row_of_a_token_key_that_was_called_a_message_key_opens_nothing() -> None:
    moved = replace(key(KeyUse.TOKEN), use=KeyUse.MESSAGE)
    with pytest.raises(InvalidSecurity):
        opened(message_for(moved), moved, key(KeyUse.MESSAGE))


@pytest.mark.parametrize("token_type", list(_URIS), ids=lambda token_type: token_type.value)
@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.RETIRING, KeyState.NEXT])
def test_a_token_that_a_message_key_signed_is_invalid_although_its_id_is_in_the_register(
    token_type: TokenType, state: KeyState
) -> None:
    with in_process() as target:
        attack = Attack(target, ENTRANCES[0])
        record = in_state(key(KeyUse.MESSAGE), state)
        target.sts.stores.administration.add_signing_key(record)
        octets = BOX.open(record.wrapped_private_key, purpose=f"message-key default {record.id}")
        private_key = serialization.load_der_private_key(octets, password=None)
        signer = LocalSigner(private_key, key_id=record.id, certificates=(record.certificate,))
        token = attack.issued(attack.message(attack.rst(token_type=_URIS[token_type]))).assertion
        assert attack.validated(token.decode()) == "valid"
        forged = sign_again(etree.fromstring(token), token_type, signer)
        assert attack.validated(etree.tostring(forged).decode()) == "invalid"


# -- telling nothing by time -------------------------------------------------------------------------------------------


def below_modulus(ciphertext: bytes) -> bytes:
    """What is not below the public modulus is no ciphertext for this key, as all can see: it is refused at once."""
    public_key = x509.load_der_x509_certificate(key(KeyUse.MESSAGE).certificate).public_key()
    return (int.from_bytes(ciphertext, "big") % public_key.public_numbers().n).to_bytes(256, "big")


def test_what_does_not_open_takes_as_long_as_what_does() -> None:
    decrypter = unwrap_message_key(key(KeyUse.MESSAGE), box=BOX)
    good = encrypted_for(key(KeyUse.MESSAGE))
    cases = {
        "good": good,
        "a changed octet": good[:-1] + bytes([good[-1] ^ 1]),
        "for another certificate": below_modulus(encrypted_for(key(KeyUse.MESSAGE, 1))),
        "small": b"\x00" * 255 + b"\x02",
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(60):  # cases take turns, so that a noisy machine is noisy for all of them
        for name, ciphertext in cases.items():
            began = time.thread_time()
            plaintext = decrypter.decrypt(ciphertext, digest=ns.SHA1, mask=ns.SHA1)
            times[name].append(time.thread_time() - began)
            assert plaintext == (SECRET if name == "good" else None)
    medians = {name: median(taken) for name, taken in times.items()}
    assert max(medians.values()) < 1.5 * min(medians.values()), medians
