"""Encrypting for a certificate: xenc:EncryptedKey and xenc:EncryptedData, in canonical form.

Canonical form lets an EncryptedKey stand in an assertion that is signed as it is written.
"""

import base64

from cryptography.hazmat.primitives.asymmetric import rsa

from wstrust_sts import ns
from wstrust_sts.encryption import EncryptionRule, KeyName, KeyTransport
from wstrust_sts.errors import InvalidHeaderToken, RequestFailed
from wstrust_sts.wire.certificates import Certificate, read_certificate
from wstrust_sts.wire.markup import text
from wstrust_sts.wire.xenc import Oaep, encrypt, new_key, wrap_key

_OAEP = {
    KeyTransport.OAEP_MGF1P: Oaep(),
    KeyTransport.OAEP_MGF1P_SHA256: Oaep(digest=ns.SHA256),
    KeyTransport.OAEP_SHA256: Oaep(digest=ns.SHA256, mask=ns.SHA256),
}


def encrypt_key(secret: bytes, rule: EncryptionRule) -> str:
    """`secret` as an EncryptedKey for the rule's certificate; `ds` is declared where it will stand.

    Raises RequestFailed: there is no certificate, or none that this is possible for.
    """
    return _encrypt_key(secret, rule, ds="ds:")


def _encrypt_key(secret: bytes, rule: EncryptionRule, *, ds: str) -> str:
    recipient = _recipient(rule)
    oaep = _OAEP[rule.key_transport]
    assert isinstance(recipient.public_key, rsa.RSAPublicKey)
    ciphertext = wrap_key(secret, recipient=recipient.public_key, oaep=oaep)
    return write_encrypted_key(ciphertext, oaep=oaep, key_name=name_certificate(recipient, rule.key_name, ds=ds), ds=ds)


def encrypt_element(markup: bytes, rule: EncryptionRule) -> bytes:
    """An element, whole in itself, as an EncryptedData that brings its key along. Raises RequestFailed.

    Its prefixes are those of WIF: clients that do not open a token, but make it anew from its parts, look for
    `xenc:CipherValue`, for `e:CipherValue` in the key, and for `X509SerialNumber` without a prefix.
    """
    key = new_key(rule.algorithm)
    ciphertext = _base64(encrypt(markup, key=key, algorithm=rule.algorithm))
    return (
        f'<xenc:EncryptedData xmlns:xenc="{ns.XENC}" Type="{ns.XENC_ELEMENT}">'
        f'<xenc:EncryptionMethod Algorithm="{rule.algorithm}"></xenc:EncryptionMethod><KeyInfo xmlns="{ns.DS}">'
        f"{_encrypt_key(key, rule, ds='')}</KeyInfo><xenc:CipherData><xenc:CipherValue>{ciphertext}</xenc:CipherValue>"
        "</xenc:CipherData></xenc:EncryptedData>"
    ).encode()


def _recipient(rule: EncryptionRule) -> Certificate:
    if rule.certificate is None:
        raise RequestFailed("nothing can be encrypted without a certificate of the relying party")
    try:
        recipient = read_certificate(rule.certificate)
    except InvalidHeaderToken as error:
        raise RequestFailed(f"the relying party's certificate: {error.detail}") from None
    if not recipient.is_rsa:
        raise RequestFailed("nothing can be encrypted for a certificate whose key is not RSA")
    return recipient


def write_encrypted_key(
    ciphertext: bytes, *, oaep: Oaep, key_name: str, attributes: str = "", reference_list: str = "", ds: str = "ds:"
) -> str:
    """XML Encryption 1.1 section 3.5.1, by RSA-OAEP (section 5.5.2).

    `ds` is the prefix of XML Signature with its colon, or nothing; it is declared by `attributes` or above.
    """
    plain = oaep.mask == ns.SHA1  # as XML Encryption 1.0 had it
    mask = "" if plain else f'<e11:MGF xmlns:e11="{ns.XENC11}" Algorithm="{ns.MGF1_SHA256}"></e11:MGF>'
    return (
        f'<e:EncryptedKey xmlns:e="{ns.XENC}"{attributes}>'
        f'<e:EncryptionMethod Algorithm="{ns.RSA_OAEP_MGF1P if plain else ns.RSA_OAEP}">'
        f'<{ds}DigestMethod Algorithm="{oaep.digest}"></{ds}DigestMethod>{mask}</e:EncryptionMethod>'
        f"<{ds}KeyInfo>{key_name}</{ds}KeyInfo><e:CipherData><e:CipherValue>{_base64(ciphertext)}</e:CipherValue>"
        f"</e:CipherData>{reference_list}</e:EncryptedKey>"
    )


def name_certificate(certificate: Certificate, by: KeyName, *, ds: str = "ds:") -> str:
    """A wsse:SecurityTokenReference to it (WSS X.509 Token Profile 1.1 section 3.2); the prefix `ds` is declared."""
    match by:
        case KeyName.ISSUER_SERIAL:
            name = (
                f"<{ds}X509Data><{ds}X509IssuerSerial><{ds}X509IssuerName>{text(certificate.issuer_name)}"
                f"</{ds}X509IssuerName><{ds}X509SerialNumber>{certificate.serial}</{ds}X509SerialNumber>"
                f"</{ds}X509IssuerSerial></{ds}X509Data>"
            )
        case KeyName.THUMBPRINT:
            name = _key_identifier(certificate.sha1, ns.THUMBPRINT_SHA1)
        case KeyName.SUBJECT_KEY_IDENTIFIER:
            name = _key_identifier(certificate.ski, ns.X509_SKI)
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{name}</o:SecurityTokenReference>'


def _key_identifier(octets: bytes, value_type: str) -> str:
    return (
        f'<o:KeyIdentifier EncodingType="{ns.BASE64_BINARY}" ValueType="{value_type}">{_base64(octets)}'
        "</o:KeyIdentifier>"
    )


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
