"""Keys that a client chose and encrypted for the STS of tests/sealed.py, by `cryptography` alone."""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1
from cryptography.hazmat.primitives.asymmetric.padding import OAEP as Padding

from tests.protected import Party, encrypted_key, party
from wstrust_sts import ns

_DIGEST = f'<d:DigestMethod xmlns:d="{ns.DS}" Algorithm="{ns.SHA256}"/>'
_MASK = f'<m:MGF xmlns:m="{ns.XENC11}" Algorithm="{ns.MGF1_SHA256}"/>'


def encrypted(secret: bytes, *, recipient: Party | None = None, **how) -> str:
    """An EncryptedKey by RSA-OAEP with SHA-1, named by thumbprint unless `how` says otherwise."""
    recipient = recipient or party("sts")
    ciphertext = recipient.certificate.public_key().encrypt(secret, Padding(MGF1(hashes.SHA1()), hashes.SHA1(), None))
    return encrypted_key("own", ciphertext, recipient, **how)


def _with_sha256(secret: bytes) -> str:
    padding = Padding(MGF1(hashes.SHA256()), hashes.SHA256(), None)
    ciphertext = party("sts").certificate.public_key().encrypt(secret, padding)
    method = f'<e:EncryptionMethod Algorithm="{ns.RSA_OAEP}">{_DIGEST}{_MASK}</e:EncryptionMethod>'
    return encrypted_key("own", ciphertext, party("sts"), method=method)


OAEP: Mapping[str, Callable[[bytes], str]] = {"with SHA-1": encrypted, "with SHA-256": _with_sha256}
