"""Messages that protect themselves: as they come, and with other things hidden in them by somebody who has the keys."""

import base64
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

from tests.fuzz import mutations
from tests.fuzz.target import Target, refusing
from tests.recorded import RECORDED
from wstrust_sts import ns
from wstrust_sts.errors import StsError
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.proof_keys import p_sha1
from wstrust_sts.wire.algorithms import BASIC256SHA256
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.sc import DEFAULT_LABEL
from wstrust_sts.wire.signature_parts import canonical
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import parse

CXF = RECORDED / "cxf"
_WHEN = read_time("2026-11-23T09:20:30Z")  # all of them were sent within the minutes around
_USERNAME = "username-soap12-bearer.request.xml"
_CERTIFICATE = "certificate-soap12-bearer.request.xml"
_VALUE = f"{{{ns.XENC}}}CipherData/{{{ns.XENC}}}CipherValue"


def _protected(octets: bytes) -> None:
    """Nobody here can sign: whatever is accepted asks for what was asked for, at the time when it was."""
    message = _open(octets)
    assert (canonical(message.opened.envelope.body), message.created) in _genuine()
    assert message.opened.hides_content_of(message.opened.envelope.body)


def _open(octets: bytes) -> ProtectedMessage:
    envelope = read_envelope(parse(octets), expected=SoapVersion.SOAP12)
    how = {"algorithms": BASIC256SHA256, "now": _WHEN, "freshness": Freshness(), "decrypters": [message_key()]}
    if b"DerivedKeyToken" in octets:
        return open_symmetric(envelope, **how).protected
    return open_asymmetric(envelope, **how).protected


@cache
def _genuine() -> frozenset[tuple[bytes, datetime]]:
    messages = [_open((CXF / name).read_bytes()) for name in (_USERNAME, _CERTIFICATE)]
    return frozenset((canonical(message.opened.envelope.body), message.created) for message in messages)


def _hidden(octets: bytes) -> None:
    """Anything at all in the place of the signature, of the UsernameToken and of the Body's content."""
    refusals = []
    for place in range(3):
        root, hidden = _opened()
        hidden[place].find(_VALUE).text = _encrypt(octets)
        try:
            _protected(etree.tostring(root))
        except StsError as refusal:
            refusals.append(refusal)
    if len(refusals) == 3:
        raise refusals[0]


def _opened() -> tuple[etree._Element, list[etree._Element]]:
    root = etree.fromstring((CXF / _USERNAME).read_bytes())
    return root, list(root.iter(f"{{{ns.XENC}}}EncryptedData"))


@cache
def _plaintexts() -> tuple[bytes, ...]:
    _, hidden = _opened()
    return tuple(_decrypt(base64.b64decode(element.findtext(_VALUE))) for element in hidden)


@cache
def _hidingmessage_key() -> bytes:
    """The key that the recorded message's parts are encrypted with."""
    root, _ = _opened()
    wrapped = base64.b64decode(root.findtext(f".//{{{ns.XENC}}}EncryptedKey/{_VALUE}"))
    secret = message_key().decrypt(wrapped, digest=ns.SHA1, mask=ns.SHA1)
    (token,) = (
        token
        for token in root.iter(f"{{{ns.WSC13}}}DerivedKeyToken")
        if token.findtext(f"{{{ns.WSC13}}}Length") == "32"
    )
    return p_sha1(secret, DEFAULT_LABEL + base64.b64decode(token.findtext(f"{{{ns.WSC13}}}Nonce")), 32)


@cache
def encrypted_key() -> str:
    """The key of a recorded message, as it stands there, encrypted for `message_key`; it names nothing it opens."""
    (element,) = etree.fromstring((CXF / _USERNAME).read_bytes()).iter(f"{{{ns.XENC}}}EncryptedKey")
    element.tail = None
    for references in element.findall(f"{{{ns.XENC}}}ReferenceList"):
        element.remove(references)
    return etree.tostring(element, method="c14n", exclusive=True).decode()


def _encrypt(plaintext: bytes) -> str:
    length = 16 - len(plaintext) % 16
    encryptor = Cipher(AES(_hidingmessage_key()), CBC(bytes(16))).encryptor()
    return base64.b64encode(bytes(16) + encryptor.update(plaintext + bytes([length]) * length)).decode()


def _decrypt(ciphertext: bytes) -> bytes:
    decryptor = Cipher(AES(_hidingmessage_key()), CBC(ciphertext[:16])).decryptor()
    padded = decryptor.update(ciphertext[16:]) + decryptor.finalize()
    return padded[: -padded[-1]]


@cache
def message_key() -> LocalMessageKey:
    """Of the STS that the recorded messages were sent to."""
    certificate = x509.load_pem_x509_certificate((CXF / "keys" / "sts.pem").read_bytes())
    private_key = load_pem_private_key((CXF / "keys" / "sts.key").read_bytes(), None)
    return LocalMessageKey(private_key, certificate=certificate.public_bytes(Encoding.DER))


PROTECTION = (
    Target(
        name="protected",
        run=refusing(StsError)(_protected),
        seeds=lambda: tuple((CXF / name).read_bytes() for name in (_USERNAME, _CERTIFICATE)),
        mutate=mutations.xml,
        share=2,
    ),
    Target(name="hidden", run=refusing(StsError)(_hidden), seeds=_plaintexts, mutate=mutations.xml, share=2),
)
