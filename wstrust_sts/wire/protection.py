"""What a protected message must show: one signature over all that counts, and hidden what the policy wants hidden.

Both message bindings (symmetric.py, asymmetric.py) and both directions read with this. What is published is demanded:
Timestamp, Body and every WS-Addressing header are signed; the signature and the Body's content are encrypted, unless
the policy leaves that to TLS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, StsError, UnsupportedSecurityToken
from wstrust_sts.wire import xenc
from wstrust_sts.wire.addressing import understands
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.keyinfo import KeyReference, read_key_info
from wstrust_sts.wire.message_signature import (
    MessageKey,
    VerifiedSignature,
    read_message_signature,
    verify_message_signature,
)
from wstrust_sts.wire.opening import OpenedMessage
from wstrust_sts.wire.sc import DERIVED_KEY_TOKENS
from wstrust_sts.wire.signature_parts import SIGNATURE
from wstrust_sts.wire.wsse import TIMESTAMP, Freshness, in_security_header, read_timestamp
from wstrust_sts.wire.xml import Element, children, local

BINARY_SECURITY_TOKEN = f"{{{ns.WSSE}}}BinarySecurityToken"
SIGNATURE_CONFIRMATION = f"{{{ns.WSSE11}}}SignatureConfirmation"
_KEY_MATERIAL = frozenset({xenc.ENCRYPTED_KEY, xenc.REFERENCE_LIST}) | DERIVED_KEY_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedMessage:
    """A message whose signature is verified, and of which everything that counts is signed.

    `parts` are the children of the Security header that bear no keys, by name, each name once.
    """

    opened: OpenedMessage
    signature: VerifiedSignature
    parts: dict[str, Element]
    created: datetime

    def take_signed(self, name: str, *, hidden: bool = False) -> Element:
        """The part of this name, which is signed and, where it must be, encrypted. Raises InvalidSecurity."""
        part = self.parts.pop(name, None)
        if part is None:
            raise InvalidSecurity(f"no {name.partition('}')[2]}")
        if not self.signature.covers(part):
            raise InvalidSecurity(f"{local(part)} is not signed")
        if hidden and not self.opened.hides(part):
            raise InvalidSecurity(f"{local(part)} is not encrypted")
        return part

    def demand_nothing_else(self) -> None:
        """Raises UnsupportedSecurityToken: a part that nobody looked at must not look as if somebody had."""
        if self.parts:
            unknown = ", ".join(local(part) for part in self.parts.values())
            raise UnsupportedSecurityToken(f"not asked for by this endpoint: {unknown}")


def verify_protection(
    opened: OpenedMessage,
    *,
    find_key: Callable[[KeyReference, dict[str, Element]], MessageKey],
    algorithms: Algorithms,
    now: datetime,
    freshness: Freshness,
    hidden: bool = True,
    addressed: bool = True,
) -> ProtectedMessage:
    """Verifies the one message signature with the key that `find_key` gives for its KeyInfo (and the header's parts).

    `hidden`: the signature and the Body's content have to be encrypted. `addressed`: the WS-Addressing headers have to
    be signed.

    Raises FailedCheck (what was decrypted is no sound message, or the signature is not one), InvalidSecurity (something
    that the policy demands is missing), MessageExpired, UnsupportedAlgorithm.
    """
    try:
        parts = _parts(opened.header)
        signature_element = parts.pop(SIGNATURE, None)
        if signature_element is None:
            raise InvalidSecurity("the message is not signed")
        unverified = read_message_signature(signature_element, algorithms=algorithms)
        key = find_key(read_key_info(unverified.key_info), parts)
        signature = verify_message_signature(unverified, key=key, ids=opened.ids)
        signature.demand_in_place(opened.header)
        if hidden:
            _demand_hidden(opened, signature_element)
        _demand_nothing_hidden_unsigned(opened, signature, signature_element)
    except StsError as error:
        if opened.encryption:  # one fault for all that can go wrong between decrypting and verifying
            raise FailedCheck(error.detail) from None
        raise
    message = ProtectedMessage(
        opened=opened,
        signature=signature,
        parts=parts,
        created=read_timestamp(_signed(parts.pop(TIMESTAMP, None), signature, "Timestamp"), now, freshness),
    )
    _signed(opened.envelope.body, signature, "Body")
    if addressed:
        _demand_addressing(opened, signature)
    return message


def _signed(part: Element | None, signature: VerifiedSignature, name: str) -> Element:
    if part is None:
        raise InvalidSecurity(f"no {name}")
    if not signature.covers(part):
        raise InvalidSecurity(f"{name} is not signed")
    return part


def _demand_hidden(opened: OpenedMessage, signature: Element) -> None:
    if not opened.hides(signature):
        raise InvalidSecurity("the signature is not encrypted")
    if not opened.hides_content_of(opened.envelope.body):
        raise InvalidSecurity("the Body is not encrypted")


def _demand_nothing_hidden_unsigned(opened: OpenedMessage, signature: VerifiedSignature, own: Element) -> None:
    """What is encrypted is signed, or is the signature.

    Else a stranger could add a ciphertext to a good message and see, by whether the whole is still good, what opens.
    """
    for element in (*opened.hidden, *opened.hollow):
        if element is own or any(map(signature.covers, (element, *element.iterancestors()))):
            continue
        raise FailedCheck(f"{local(element)} is encrypted and not signed")


def _demand_addressing(opened: OpenedMessage, signature: VerifiedSignature) -> None:
    for block in opened.envelope.blocks:
        if understands(block.tag):
            _signed(block, signature, local(block))


def _parts(header: Element) -> dict[str, Element]:
    """The header's children by name, but for those that bear keys (opening.py has read them); each name once."""
    with in_security_header():
        parts = [child for child in children(header) if child.tag not in _KEY_MATERIAL]
    found = {part.tag: part for part in parts}
    if len(found) != len(parts):
        raise InvalidSecurity("a second part of one kind in the Security header")
    return found
