"""Which key a token is to be bound to, as a client asks for it (WS-Trust 1.3 sections 4.4 and 9), and what came of it.

An answer that says something else than was asked is refused: a token without the key that a service will ask for, or
with somebody else's, is worse than none.
"""

import base64
from dataclasses import dataclass, field

from wstrust_sts import ns
from wstrust_sts.cli.output import Refusal, in_one_line
from wstrust_sts.errors import StsError
from wstrust_sts.keys import PrivateKey
from wstrust_sts.model import KeyType, TrustVersion
from wstrust_sts.ports import Decrypter
from wstrust_sts.proof_keys import (
    LONGEST_ENTROPY,
    LONGEST_SECRET,
    SHORTEST_ENTROPY,
    SHORTEST_SECRET,
    PublicProof,
    p_sha1,
)
from wstrust_sts.wire.public_keys import write_public_key
from wstrust_sts.wire.subject_key import EncryptedSecret, read_subject_key
from wstrust_sts.wire.xenc import ENCRYPTED_KEY, read_encrypted_key
from wstrust_sts.wire.xml import Element, octets_of, trimmed


class InconsistentAnswer(Refusal):
    """The STS answered something else about the key than was asked, or two things at once."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The answer about the token's key is not what was asked for: {what}. It was not kept.")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that the token's holder shares with its relying party."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key; `certificate` (DER) is its name where it has one."""

    private: PrivateKey = field(repr=False)
    proof: PublicProof


HeldKey = SecretKey | OwnKey


@dataclass(frozen=True, slots=True)
class NoKey:
    """A bearer token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A key of `size` bits that the relying party will find in the token: made from our `entropy` and the STS's, by the
    STS alone without it, or by us alone where there is a `chosen` one.
    """

    size: int
    entropy: bytes | None = field(default=None, repr=False)
    chosen: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of `key`."""

    key: OwnKey


NO_KEY = NoKey()
KeyWish = NoKey | SharedKey | PublicKey
_TYPES = {NoKey: KeyType.BEARER, SharedKey: KeyType.SYMMETRIC, PublicKey: KeyType.PUBLIC}


# -- asking ------------------------------------------------------------------------------------------------------------


def write_key_wish(wish: KeyWish, trust: TrustVersion) -> str:
    """The elements of an RST that ask for the key; `t` is the namespace of WS-Trust."""
    wst = trust.namespace
    key_type = f"<t:KeyType>{_key_type_uris(wish, trust)[0]}</t:KeyType>"
    match wish:
        case SharedKey(size=size, entropy=entropy, chosen=chosen):
            asked = f"{key_type}<t:KeySize>{size}</t:KeySize>"
            if chosen is not None:
                return asked + _entropy(chosen, f"{wst}/SymmetricKey")
            if entropy is not None:
                algorithm = f"<t:ComputedKeyAlgorithm>{wst}/CK/PSHA1</t:ComputedKeyAlgorithm>"
                return asked + _entropy(entropy, f"{wst}/Nonce") + algorithm
            return asked
        case PublicKey(key):
            named = write_public_key(key.proof)
            return f'{key_type}<t:UseKey><ds:KeyInfo xmlns:ds="{ns.DS}">{named}</ds:KeyInfo></t:UseKey>'
    return key_type


def _entropy(octets: bytes, kind: str) -> str:
    return f'<t:Entropy><t:BinarySecret Type="{kind}">{base64.b64encode(octets).decode()}</t:BinarySecret></t:Entropy>'


def _key_type_uris(wish: KeyWish, trust: TrustVersion) -> list[str]:
    """What the wish is called, first what we call it; 2005/02 has no name of its own for bearer tokens."""
    own = f"{trust.namespace}/{_TYPES[type(wish)].value}"
    if not isinstance(wish, NoKey):
        return [own]
    bearer = [f"{ns.WST13}/Bearer", ns.NO_PROOF_KEY]
    return bearer if trust is TrustVersion.V13 else bearer[::-1]


# -- answered ----------------------------------------------------------------------------------------------------------


def read_key(response: Element, wish: KeyWish, *, trust: TrustVersion, decrypter: Decrypter | None) -> HeldKey | None:
    """The key that `response`, a RequestSecurityTokenResponse, binds the token to. None: it is a bearer token.

    `decrypter` opens a key that came encrypted for us. Raises InconsistentAnswer.
    """
    answer = _Answer(response, trust.namespace, decrypter)
    answer.demand_key_type(_key_type_uris(wish, trust))
    key: HeldKey | None = None
    match wish:
        case SharedKey():
            key = answer.shared_key(wish)
        case PublicKey(key):
            answer.demand_no_secret()
        case NoKey():
            answer.demand_no_secret()
    _demand_bound(answer.token, key)
    return key


def read_renewed_key(response: Element, *, trust: TrustVersion, decrypter: Decrypter | None) -> HeldKey | None:
    """The key of a renewed token, where it got another one. Raises InconsistentAnswer."""
    return _Answer(response, trust.namespace, decrypter).told_secret()


class _Answer:
    """What one RequestSecurityTokenResponse says of the key, each thing at most once."""

    def __init__(self, response: Element, wst: str, decrypter: Decrypter | None) -> None:
        self._wst, self._decrypter = wst, decrypter
        self._parts: dict[str, Element] = {}
        for child in response.iterchildren(f"{{{wst}}}*"):
            if child.tag in self._parts:
                raise InconsistentAnswer("it says something twice")
            self._parts[child.tag] = child
        self.token = next(iter(self._part("RequestedSecurityToken").iterchildren("*")))

    def _part(self, name: str) -> Element:
        return self._parts[f"{{{self._wst}}}{name}"]

    def _inside(self, name: str) -> Element | None:
        """The one element in the part `name`, None where there is no such part."""
        part = self._parts.get(f"{{{self._wst}}}{name}")
        if part is None:
            return None
        found = list(part.iterchildren("*"))
        if len(found) != 1:
            raise InconsistentAnswer(f"{name} holds not exactly one thing")
        return found[0]

    def _text(self, name: str) -> str | None:
        part = self._parts.get(f"{{{self._wst}}}{name}")
        try:
            return None if part is None else trimmed(part)
        except StsError as error:
            raise InconsistentAnswer(error.detail) from None

    def demand_key_type(self, uris: list[str]) -> None:
        said = self._text("KeyType")
        if said is not None and said not in uris:
            raise InconsistentAnswer(f"KeyType is {in_one_line(said)}")

    def demand_no_secret(self) -> None:
        if self._inside("RequestedProofToken") is not None or self._inside("Entropy") is not None:
            raise InconsistentAnswer("there is a secret in it")

    def shared_key(self, wish: SharedKey) -> SecretKey:
        """Row by row of WS-Trust 1.3 section 4.4.3."""
        said = self._text("KeySize")
        if said is not None and said != str(wish.size):
            raise InconsistentAnswer(f"KeySize is {in_one_line(said)} where {wish.size} was asked for")
        proof, entropy = self._inside("RequestedProofToken"), self._inside("Entropy")
        computed = proof is not None and proof.tag == f"{{{self._wst}}}ComputedKey"
        if computed is (entropy is None):
            raise InconsistentAnswer("entropy of the STS and a computed key go together, and one of them is missing")
        if entropy is not None:
            key = self._computed(entropy, wish)
        elif proof is not None:
            key = self._secret(proof, longest=LONGEST_SECRET)
        elif wish.chosen is not None:
            key = wish.chosen
        else:
            raise InconsistentAnswer("there is no key in it")
        if len(key) * 8 != wish.size:
            raise InconsistentAnswer(f"the key has {len(key) * 8} bits where {wish.size} were asked for")
        return _secret_key(key)

    def _computed(self, entropy: Element, wish: SharedKey) -> bytes:
        if wish.entropy is None:
            raise InconsistentAnswer("the key is to be computed from entropy that was not sent")
        algorithm = self._inside("RequestedProofToken")
        if algorithm is None or (algorithm.text or "").strip() != f"{self._wst}/CK/PSHA1":
            raise InconsistentAnswer("the key is to be computed in a way that is not P_SHA1")
        seed = self._secret(entropy, longest=LONGEST_ENTROPY)
        if len(seed) < SHORTEST_ENTROPY:
            raise InconsistentAnswer(f"the STS's entropy has {8 * len(seed)} bits")
        return p_sha1(wish.entropy, seed, wish.size // 8)

    def told_secret(self) -> SecretKey | None:
        proof = self._inside("RequestedProofToken")
        if proof is None:
            return None
        key = self._secret(proof, longest=LONGEST_SECRET)
        if len(key) < SHORTEST_SECRET:
            raise InconsistentAnswer(f"the key has {8 * len(key)} bits")
        return _secret_key(key)

    def _secret(self, holds: Element, *, longest: int) -> bytes:
        """In a BinarySecret, or encrypted for us."""
        try:
            if holds.tag == f"{{{self._wst}}}BinarySecret":
                return octets_of(holds, limit=longest)
            if holds.tag == ENCRYPTED_KEY:
                return self._decrypted(holds)
        except StsError as error:
            raise InconsistentAnswer(error.detail) from None
        raise InconsistentAnswer("the secret in it has a form that is not known")

    def _decrypted(self, holds: Element) -> bytes:
        if self._decrypter is None:
            raise InconsistentAnswer("the secret in it is encrypted, and no certificate was shown to encrypt it for")
        encrypted = read_encrypted_key(holds)
        oaep = encrypted.oaep
        secret = self._decrypter.decrypt(encrypted.ciphertext, digest=oaep.digest, mask=oaep.mask)
        if secret is None:
            raise InconsistentAnswer("the secret in it is not encrypted for --certificate")
        return secret


def _secret_key(octets: bytes) -> SecretKey:
    """Apache CXF 4.1.5 wipes a key that it made alone before it writes it into its answer."""
    if not any(octets):
        raise InconsistentAnswer("the key is nothing but zeros, which everybody knows")
    return SecretKey(octets)


def _demand_bound(token: Element, key: HeldKey | None) -> None:
    """The token itself, as far as it can be read: an encrypted one tells nothing, and only its relying party can say
    which secret is in one.
    """
    subject = read_subject_key(token)
    if subject is None:
        return
    match key, subject.key:
        case (None, None) if not subject.holder_of_key:
            return
        case (SecretKey(), EncryptedSecret()):
            return
        case (OwnKey(proof=proof), PublicProof(key_info=key_info)) if key_info == proof.key_info:
            return
        case (OwnKey(), PublicProof()):
            raise InconsistentAnswer("the token is bound to somebody else's key")
    raise InconsistentAnswer(f"the token is {subject.described}")
