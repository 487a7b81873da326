"""Which key a token is bound to, and how it is encrypted: the part of policy.py that decides about keys.

Everything that is not allowed is refused: a key that nobody proved, a secret that nothing would hide, a key or a token
that cannot be encrypted for everyone it is for.
"""

import secrets
from collections.abc import Sequence

from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.errors import BadRequest, FailedCheck, InvalidRequest, RequestFailed
from wstrust_sts.model import KeyType, RequestSecurityToken, VerifiedMessage
from wstrust_sts.proof_keys import (
    LONGEST_SECRET,
    SHORTEST_SECRET,
    ClientEntropy,
    ClientKey,
    ProofKey,
    ProvedKey,
    PublicProof,
    SealedClientKey,
    SymmetricProof,
    p_sha1,
)
from wstrust_sts.relying_parties import RelyingParty

_DEFAULT_SECRET = 32  # octets


def choose_key_type(
    request: RequestSecurityToken,
    parties: Sequence[RelyingParty],
    *,
    original: KeyType | None,
    default: KeyType = KeyType.BEARER,
) -> KeyType:
    """The key type asked for, that of the `original` which the token is made from, or the default: the relying
    party's, else the one that is given, unless there is only one that the relying party takes.

    `parties` are all that the token is for, here and below; the first one is the request's. Raises BadRequest.
    """
    party = parties[0]
    chosen = request.key_type or party.default_key_type or default
    if original is not None:
        if request.key_type not in (None, original):
            raise BadRequest("another KeyType than that of the token it is made from")
        chosen = original
    elif request.key_type is None and len(party.key_types) == 1:
        (chosen,) = party.key_types
    for each in parties:
        if chosen not in each.key_types:
            raise BadRequest(f"{each.name} takes no {_WORDS[chosen]} tokens")
    return chosen


_WORDS = {KeyType.BEARER: "bearer", KeyType.SYMMETRIC: "symmetric-key", KeyType.PUBLIC: "public-key"}


def choose_context_secret(
    request: RequestSecurityToken, party: RelyingParty, message: VerifiedMessage
) -> SymmetricProof:
    """The secret of a security context, always a new one (WS-SecureConversation 1.3 section 3).

    Raises BadRequest, InvalidRequest.
    """
    if request.key_type not in (None, KeyType.SYMMETRIC) or request.use_key is not None:
        raise BadRequest("a security context with another key than a symmetric one")
    return _choose_secret(request, party, message)


def choose_proof(
    key_type: KeyType,
    request: RequestSecurityToken,
    parties: Sequence[RelyingParty],
    *,
    message: VerifiedMessage,
    kept: ProofKey | None,
) -> ProofKey | None:
    """The key itself: `kept` of the token that this one is made from, or as the request and its message say.

    Raises InvalidRequest, BadRequest, FailedCheck.
    """
    if request.use_key is not None and key_type is not KeyType.PUBLIC:
        raise BadRequest("UseKey with another KeyType than PublicKey")
    if kept is not None:
        _demand_no_other(kept, request, message)
    match key_type:
        case KeyType.BEARER:
            return None
        case KeyType.SYMMETRIC:
            _demand_one_recipient(parties, "a symmetric key")
            return kept or _choose_secret(request, parties[0], message)
        case KeyType.PUBLIC:
            return kept or _choose_public_key(request, parties, message)


def _demand_no_other(kept: ProofKey, request: RequestSecurityToken, message: VerifiedMessage) -> None:
    """A key that is kept is kept from a wish for another, too: the requestor would take that for the token's.

    Without a proof token in the answer, the entropy that it sent is the key (WS-Trust 1.3 section 4.4.3).
    """
    match kept:
        case SymmetricProof():
            if request.entropy is not None:
                raise BadRequest("Entropy for a token that keeps the secret of another")
            if _octets_of(request.key_size) not in (None, len(kept.secret)):
                raise BadRequest("another KeySize than that of the secret that is kept")
        case PublicProof() if request.use_key is not None:
            wanted, signature_id = request.use_key.key, request.use_key.signature_id
            signers = [each.key for each in message.proved_keys if each.signature_id == signature_id]
            if not any(ProvedKey(kept).proves(each) for each in ([wanted] if wanted is not None else signers)):
                raise InvalidRequest("UseKey names another key than the one that is kept")


def _demand_one_recipient(parties: Sequence[RelyingParty], what: str) -> None:
    if len(parties) > 1:
        raise BadRequest(f"{what} for Participants, who could not decrypt it")
    if parties[0].encryption.certificate is None:
        raise BadRequest(f"{what} for {parties[0].name}, which has no certificate to encrypt it for")


def _choose_secret(request: RequestSecurityToken, party: RelyingParty, message: VerifiedMessage) -> SymmetricProof:
    """WS-Trust 1.3 section 4.4.3: computed from both sides' entropy, ours alone, or the client's own.

    One that does not open, and one that opens to what is no key of the size, are not told apart: FailedCheck.
    """
    sealed = isinstance(request.entropy, SealedClientKey)
    if not (message.tls or message.encrypted or sealed):
        raise BadRequest("a symmetric key over an endpoint where nothing would hide it")
    if request.computed_key_algorithm not in (None, f"{request.version.namespace}/CK/PSHA1"):
        raise BadRequest("a ComputedKeyAlgorithm other than PSHA1")
    octets = _octets_of(request.key_size)
    match request.entropy:
        case None:
            return SymmetricProof(secret=secrets.token_bytes(octets or _DEFAULT_SECRET), told=True)
        case ClientEntropy(entropy):
            server_entropy = secrets.token_bytes(octets or _DEFAULT_SECRET)
            secret = p_sha1(entropy, server_entropy, octets or _DEFAULT_SECRET)
            return SymmetricProof(secret=secret, server_entropy=server_entropy)
        case ClientKey(secret):
            _demand_client_keys(party)
            if not _is_of_size(secret, octets):
                raise InvalidRequest("a key of the client's with another size than allowed, or than KeySize")
            return SymmetricProof(secret=secret)
        case SealedClientKey(open=open_key):
            _demand_client_keys(party)
            opened = open_key()
            if opened is None or not _is_of_size(opened, octets):
                raise FailedCheck("an encrypted key of the client's does not open to one of a size that is allowed")
            return SymmetricProof(secret=opened)


def _demand_client_keys(party: RelyingParty) -> None:
    if not party.accepts_client_keys:
        raise BadRequest(f"{party.name} takes no keys that a client chose alone")


def _is_of_size(secret: bytes, octets: int | None) -> bool:
    return SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET and octets in (None, len(secret))


def _octets_of(key_size: int | None) -> int | None:
    if key_size is None:
        return None
    octets, rest = divmod(key_size, 8)
    if rest or not SHORTEST_SECRET <= octets <= LONGEST_SECRET:
        raise InvalidRequest(f"a KeySize of {key_size} bits")
    return octets


def _choose_public_key(
    request: RequestSecurityToken, parties: Sequence[RelyingParty], message: VerifiedMessage
) -> PublicProof:
    """WS-Trust 1.3 section 9.3: what UseKey names and the requestor proved; without UseKey, its certificate."""
    wanted, proved = request.use_key, message.proved_keys
    if wanted is None:
        shown = [each.key for each in proved if each.key.certificate is not None]
        if not shown:
            raise InvalidRequest("a PublicKey without UseKey, and the requestor showed no certificate")
        return shown[0]
    if wanted.signature_id is not None:
        proved = tuple(each for each in proved if each.signature_id == wanted.signature_id)
        if not proved:
            raise InvalidRequest("UseKey names a signature that is not the message's")
    if wanted.key is None:
        return proved[0].key
    if any(each.proves(wanted.key) for each in proved):
        return wanted.key
    if wanted.signature_id is None and all(party.accepts_unproved_keys for party in parties):
        return wanted.key
    raise InvalidRequest("UseKey names a key that the requestor did not prove to hold")


def choose_encryption(request: RequestSecurityToken, parties: Sequence[RelyingParty]) -> EncryptionRule:
    """How keys and perhaps the token are encrypted. What must be encrypted and cannot be is not issued.

    Raises BadRequest; RequestFailed: a relying party is set up so that nothing can be issued for it.
    """
    rule = parties[0].encryption
    if not any(party.encryption.tokens for party in parties):
        return rule
    if len(parties) > 1:
        raise BadRequest("an encrypted token for Participants, who could not all decrypt it")
    if rule.certificate is None:
        raise RequestFailed(f"{parties[0].name} must have encrypted tokens, and has no certificate")
    if request.encryption_algorithm not in (None, rule.algorithm):
        raise BadRequest("an EncryptionAlgorithm other than the relying party's")
    return rule
