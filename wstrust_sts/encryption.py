"""How things are encrypted for a relying party: its certificate, and the forms and algorithms that it can read."""

import enum
from dataclasses import dataclass, field

from wstrust_sts import ns


class KeyTransport(enum.Enum):
    """RSA-OAEP with the parameters that a relying party knows (XML Encryption 1.1 section 5.5.2).

    The first one is what every consumer can read; its hash does not have to resist collisions.
    """

    OAEP_MGF1P = "rsa-oaep-mgf1p"  # SHA-1 as digest and in MGF1
    OAEP_MGF1P_SHA256 = "rsa-oaep-mgf1p-sha256"  # SHA-256 as digest, SHA-1 in MGF1
    OAEP_SHA256 = "rsa-oaep-sha256"  # SHA-256 as both, which XML Encryption 1.0 did not have


class KeyName(enum.Enum):
    """How the certificate that something is encrypted for is named."""

    ISSUER_SERIAL = "issuer-serial"
    THUMBPRINT = "thumbprint"
    SUBJECT_KEY_IDENTIFIER = "subject-key-identifier"


ALGORITHMS = {
    "aes256-gcm": ns.AES256_GCM,
    "aes192-gcm": ns.AES192_GCM,
    "aes128-gcm": ns.AES128_GCM,
    "aes256-cbc": ns.AES256_CBC,
    "aes192-cbc": ns.AES192_CBC,
    "aes128-cbc": ns.AES128_CBC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionRule:
    """What one relying party can read. Without `certificate` nothing can be encrypted for it.

    `tokens`: its tokens go out encrypted by `algorithm`; SAML 2.0 ones in saml2:EncryptedAssertion unless `bare`.
    """

    certificate: bytes | None = field(default=None, repr=False)  # DER
    tokens: bool = False
    bare: bool = False
    algorithm: str = ns.AES256_GCM
    key_transport: KeyTransport = KeyTransport.OAEP_MGF1P
    key_name: KeyName = KeyName.ISSUER_SERIAL


NO_ENCRYPTION = EncryptionRule()
