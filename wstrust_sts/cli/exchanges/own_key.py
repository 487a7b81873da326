"""Reading back a request: the key that was just encrypted for the STS is known here without the STS's private key."""

from wstrust_sts.errors import UnsupportedAlgorithm
from wstrust_sts.wire.sealing import WrappedKey


class OwnKey:
    """Opens the one EncryptedKey that was made here. A `Decrypter`."""

    def __init__(self, introduction: WrappedKey) -> None:
        self._introduction = introduction
        self.certificate = introduction.recipient.der

    def decrypt(self, ciphertext: bytes, *, digest: str, mask: str) -> bytes | None:
        made_here = ciphertext == self._introduction.ciphertext
        return self._introduction.secret.secret if made_here else None

    def sign(self, octets: bytes, *, algorithm: str) -> bytes:
        raise UnsupportedAlgorithm("the STS's private key is the STS's")
