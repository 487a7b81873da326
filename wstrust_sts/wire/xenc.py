"""XML Encryption 1.1 for the shapes that messages have: EncryptedData, and an EncryptedKey by RSA-OAEP.

Reading an element only describes it; decrypting takes the description and a key. Every failure to decrypt is the same
`FailedCheck`, whatever its cause.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidRequest, InvalidSecurity, UnsupportedAlgorithm
from wstrust_sts.wire.algorithms import GCM_KEY_OCTETS, KEY_OCTETS
from wstrust_sts.wire.xml import MAX_OCTETS, Element, children, local, octets_of

ENCRYPTED_DATA = f"{{{ns.XENC}}}EncryptedData"
ENCRYPTED_KEY = f"{{{ns.XENC}}}EncryptedKey"
REFERENCE_LIST = f"{{{ns.XENC}}}ReferenceList"
MAX_REFERENCES = 16
_KEY_INFO = f"{{{ns.DS}}}KeyInfo"
_BLOCK = 16
_GCM_NONCE = 12
_GCM_TAG = 16
_MAX_KEY_CIPHERTEXT = 1024  # octets: RSA-8192

_HASHES: dict[str, hashes.HashAlgorithm] = {
    ns.SHA1: hashes.SHA1(),  # noqa: S303 (the hash of OAEP, which does not have to resist collisions)
    ns.SHA256: hashes.SHA256(),
    ns.SHA384: hashes.SHA384(),
    ns.SHA512: hashes.SHA512(),
}
_MASKS = {ns.MGF1_SHA1: ns.SHA1, ns.MGF1_SHA256: ns.SHA256, ns.MGF1_SHA384: ns.SHA384, ns.MGF1_SHA512: ns.SHA512}


@dataclass(frozen=True, slots=True)
class Oaep:
    """The parameters of one RSA-OAEP, by ds:DigestMethod URIs; the label is always empty."""

    digest: str = ns.SHA1
    mask: str = ns.SHA1

    def padding(self) -> OAEP:
        return OAEP(MGF1(_HASHES[self.mask]), _HASHES[self.digest], None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedKey:
    """An xenc:EncryptedKey by RSA-OAEP. `data` are the ids of what it opens, from its own ReferenceList."""

    oaep: Oaep
    ciphertext: bytes = field(repr=False)
    key_info: Element | None
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedData:
    """An xenc:EncryptedData. With `content` it stands for all that its parent holds, else for one element."""

    algorithm: str
    content: bool
    ciphertext: bytes = field(repr=False)
    key_info: Element | None


# -- reading ---------------------------------------------------------------------------------------------------


def read_encrypted_key(element: Element) -> EncryptedKey:
    """Raises InvalidSecurity (unreadable), UnsupportedAlgorithm."""
    try:
        parts = _parts(element, ("EncryptionMethod", "CipherData", "ReferenceList", "CarriedKeyName"))
        method = parts.get("EncryptionMethod")
        if method is None:
            raise InvalidSecurity("an EncryptedKey without EncryptionMethod")
        references = parts.get("ReferenceList")
        return EncryptedKey(
            oaep=_read_oaep(method),
            ciphertext=_ciphertext(parts, limit=_MAX_KEY_CIPHERTEXT),
            key_info=parts.get("KeyInfo"),
            data=() if references is None else read_reference_list(references),
        )
    except InvalidRequest as error:
        raise InvalidSecurity(f"an EncryptedKey: {error.detail}") from None


def read_encrypted_data(element: Element) -> EncryptedData:
    """Raises InvalidSecurity (unreadable), UnsupportedAlgorithm."""
    try:
        parts = _parts(element, ("EncryptionMethod", "CipherData"))
        method = parts.get("EncryptionMethod")
        algorithm = "" if method is None else method.get("Algorithm", "")
        if method is None or algorithm not in KEY_OCTETS or children(method):
            raise UnsupportedAlgorithm(f"encryption method {algorithm[:128]!r}")
        kind = element.get("Type", ns.XENC_ELEMENT)
        if kind not in (ns.XENC_ELEMENT, ns.XENC_CONTENT):
            raise InvalidSecurity("an EncryptedData that is neither an element nor an element's content")
        return EncryptedData(
            algorithm=algorithm,
            content=kind == ns.XENC_CONTENT,
            ciphertext=_ciphertext(parts, limit=MAX_OCTETS),
            key_info=parts.get("KeyInfo"),
        )
    except InvalidRequest as error:
        raise InvalidSecurity(f"an EncryptedData: {error.detail}") from None


def read_reference_list(element: Element) -> tuple[str, ...]:
    """The ids of the EncryptedData that a ReferenceList names. Raises InvalidSecurity, InvalidRequest."""
    ids = []
    for reference in children(element):
        uri = reference.get("URI", "")
        if reference.tag != f"{{{ns.XENC}}}DataReference" or not uri.startswith("#") or len(reference):
            raise InvalidSecurity("a ReferenceList with anything but references to data of this message")
        ids.append(uri[1:])
    if not ids or len(ids) > MAX_REFERENCES or len(set(ids)) != len(ids):
        raise InvalidSecurity("a ReferenceList that is empty, too long or names a thing twice")
    return tuple(ids)


def _parts(element: Element, names: Sequence[str]) -> dict[str, Element]:
    parts: dict[str, Element] = {}
    for child in children(element):
        name = local(child)
        if child.tag not in (f"{{{ns.XENC}}}{name}", _KEY_INFO) or name not in (*names, "KeyInfo") or name in parts:
            raise InvalidSecurity(f"an {local(element)} with {name}, which is not offered here or doubled")
        parts[name] = child
    return parts


def _ciphertext(parts: dict[str, Element], *, limit: int) -> bytes:
    data = parts.get("CipherData")
    values = [] if data is None else children(data)
    if len(values) != 1 or values[0].tag != f"{{{ns.XENC}}}CipherValue":
        raise InvalidSecurity("CipherData that does not hold exactly one CipherValue")
    return octets_of(values[0], limit=limit)


def _read_oaep(method: Element) -> Oaep:
    """XML Encryption 1.1 section 5.5.2. OAEPparams are a label that nobody sends."""
    algorithm = method.get("Algorithm", "")
    if algorithm not in (ns.RSA_OAEP_MGF1P, ns.RSA_OAEP):
        raise UnsupportedAlgorithm(f"key transport {algorithm[:128]!r}")
    digest = mask = ns.SHA1
    for parameter in children(method):
        value = parameter.get("Algorithm", "")
        if parameter.tag == f"{{{ns.DS}}}DigestMethod" and value in _HASHES:
            digest = value
        elif parameter.tag == f"{{{ns.XENC11}}}MGF" and value in _MASKS and algorithm == ns.RSA_OAEP:
            mask = _MASKS[value]
        else:
            raise UnsupportedAlgorithm("a parameter of RSA-OAEP that is not offered")
    return Oaep(digest, mask)


# -- decrypting, encrypting ----------------------------------------------------------------------------------------


def decrypt(ciphertext: bytes, *, key: bytes, algorithm: str) -> bytes:
    """The plaintext. Raises FailedCheck, always with the same detail."""
    try:
        if len(key) != KEY_OCTETS[algorithm]:
            raise ValueError
        return _decrypt_gcm(ciphertext, key) if algorithm in GCM_KEY_OCTETS else _decrypt_cbc(ciphertext, key)
    except (ValueError, InvalidTag):
        raise FailedCheck("something encrypted does not open") from None


def _decrypt_gcm(ciphertext: bytes, key: bytes) -> bytes:
    if len(ciphertext) < _GCM_NONCE + _GCM_TAG:
        raise ValueError
    return AESGCM(key).decrypt(ciphertext[:_GCM_NONCE], ciphertext[_GCM_NONCE:], None)


def _decrypt_cbc(ciphertext: bytes, key: bytes) -> bytes:
    """XML Encryption 1.1 section 5.2: the last octet says how long the padding is, the others may be anything."""
    if len(ciphertext) < 2 * _BLOCK or len(ciphertext) % _BLOCK:
        raise ValueError
    decryptor = Cipher(AES(key), CBC(ciphertext[:_BLOCK])).decryptor()
    padded = decryptor.update(ciphertext[_BLOCK:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= _BLOCK:
        raise ValueError
    return padded[: -padded[-1]]


def encrypt(plaintext: bytes, *, key: bytes, algorithm: str) -> bytes:
    """Nonce or initialisation vector, then ciphertext, as CipherValue holds them."""
    if algorithm in GCM_KEY_OCTETS:
        nonce = os.urandom(_GCM_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, None)
    length = _BLOCK - len(plaintext) % _BLOCK
    vector = os.urandom(_BLOCK)
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    return vector + encryptor.update(plaintext + bytes([length]) * length) + encryptor.finalize()


def new_key(algorithm: str) -> bytes:
    """A random key for `algorithm`."""
    return os.urandom(KEY_OCTETS[algorithm])


def wrap_key(key: bytes, *, recipient: rsa.RSAPublicKey, oaep: Oaep) -> bytes:
    return recipient.encrypt(key, oaep.padding())
