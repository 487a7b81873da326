"""A signature that endorses a message inside of TLS: over its Timestamp, and over wsa:To where there is one.

Such a message is protected by the transport binding; the signature proves only that whoever sent it just now holds a
key (WS-SecurityPolicy 1.2 section 8.3). The Body is TLS's to protect.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity
from wstrust_sts.wire.keyinfo import KeyReference, read_key_info
from wstrust_sts.wire.message_signature import (
    MessageKey,
    VerifiedSignature,
    read_message_signature,
    verify_message_signature,
)
from wstrust_sts.wire.signature_parts import SIGNATURE, canonical, index_ids
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import Terms
from wstrust_sts.wire.wsse import TIMESTAMP, in_security_header, once, read_timestamp, security_header
from wstrust_sts.wire.xml import Element, local, parse

TO = frozenset({f"{{{ns.WSA}}}To", f"{{{ns.WSA04}}}To"})

FindKey = Callable[[KeyReference, dict[str, Element], Mapping[str, Element]], MessageKey]
"""The key for what a KeyInfo names, of the header's parts by name (it takes out what it uses) and all ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsedMessage:
    """A message whose endorsing signature is verified. `parts` are the rest of its Security header, by name."""

    created: datetime
    signature: VerifiedSignature
    parts: dict[str, Element]


def read_endorsed(
    envelope: Envelope, terms: Terms, *, find_key: FindKey, documents: Set[str] = frozenset()
) -> EndorsedMessage:
    """Verifies the one signature of the Security header with the key that `find_key` gives.

    `documents` are the names of parts that are read as documents of their own, and taken out of the message: tokens,
    which a request may have once more where it says what to do with them.

    Raises InvalidSecurity (a part that is missing, doubled, unreadable or not signed), MessageExpired, FailedCheck,
    UnsupportedAlgorithm, and what `find_key` does.
    """
    with in_security_header():
        parts = once(security_header(envelope.blocks))
        timestamp, element = parts.pop(TIMESTAMP, None), parts.pop(SIGNATURE, None)
        if timestamp is None:
            raise InvalidSecurity("no Timestamp")
        created = read_timestamp(timestamp, terms.now, terms.freshness)
        if element is None:
            raise InvalidSecurity("no endorsing signature")
        unverified = read_message_signature(element, algorithms=terms.algorithms)
        ids = _set_apart(envelope.root, parts, documents)
        key = find_key(read_key_info(unverified.key_info), parts, ids)
        signature = verify_message_signature(unverified, key=key, ids=ids)
    for part in (timestamp, *(block for block in envelope.blocks if block.tag in TO)):
        if not signature.covers(part):
            raise InvalidSecurity(f"{local(part)} is not signed")
    return EndorsedMessage(created=created, signature=signature, parts=parts)


def _set_apart(root: Element, parts: dict[str, Element], documents: Set[str]) -> dict[str, Element]:
    """Makes documents of those `parts`, and indexes all ids: what has an id of theirs in the message is the same.

    Raises FailedCheck.
    """
    own: dict[str, Element] = {}
    for name in documents & parts.keys():
        part = parts[name]
        parts[name] = parse(etree.tostring(part, with_tail=False))
        part.getparent().remove(part)
        own |= index_ids(parts[name])
    ids = index_ids(root)
    for identifier in ids.keys() & own.keys():
        if canonical(ids[identifier]) != canonical(own[identifier]):
            raise FailedCheck("an id occurs twice in the message")
    return ids | own
