"""A signature that endorses a message inside of TLS: over its Timestamp, and over wsa:To where there is one.

Such a message is protected by the transport binding; the signature proves only that whoever sent it just now holds a
key (WS-SecurityPolicy 1.2 section 8.3). The Body is TLS's to protect, unless the policy has it signed, too.
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
    envelope: Envelope,
    terms: Terms,
    *,
    find_key: FindKey,
    documents: Set[str] = frozenset(),
    body: bool = False,
) -> EndorsedMessage:
    """Verifies the one signature of the Security header with the key that `find_key` gives.

    `documents` are the names of parts that are read as documents of their own, and taken out of the message: tokens,
    which a request may have once more where it says what to do with them. `body`: the Body has to be signed, too.

    Raises InvalidSecurity (a part that is missing, doubled, unreadable or not signed), MessageExpired, FailedCheck,
    UnsupportedAlgorithm, and what `find_key` does.
    """
    with in_security_header():
        header = security_header(envelope.blocks)
        parts = once(header)
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
        signature.demand_in_place(header)
    addressed = (block for block in envelope.blocks if block.tag in TO)
    for part in (timestamp, *addressed, *((envelope.body,) if body else ())):
        if not signature.covers(part):
            raise InvalidSecurity(f"{local(part)} is not signed")
    return EndorsedMessage(created=created, signature=signature, parts=parts)


def _set_apart(root: Element, parts: dict[str, Element], documents: Set[str]) -> dict[str, Element]:
    """Makes documents of those `parts`, and indexes all ids: what has an id of theirs in the message is the same.

    Raises FailedCheck.
    """
    apart = [_cut_out(parts, name) for name in documents & parts.keys()]
    ids = index_ids(root)
    of_documents: dict[str, Element] = {}
    for document in apart:
        own = index_ids(document)
        _demand_same(document, own, ids)
        if of_documents.keys() & own.keys():
            raise FailedCheck("an id occurs in two documents of the message")
        of_documents |= own
    return ids | of_documents


def _cut_out(parts: dict[str, Element], name: str) -> Element:
    """The part of this name as a document of its own, which takes its place. Raises what `parse` does."""
    part = parts[name]
    parts[name] = parse(etree.tostring(part, with_tail=False))
    part.getparent().remove(part)
    return parts[name]


def _demand_same(document: Element, own: Mapping[str, Element], ids: Mapping[str, Element]) -> None:
    """Whatever has an id of the document is in one copy of the whole, which has all of them, and each id only once.

    Two trees are compared, never each of the parts: a deep one would be written out once for every id in it.
    Raises FailedCheck.
    """
    common = ids.keys() & own.keys()
    if not common:
        return
    copy = next((ids[identifier] for identifier in common if own[identifier] is document), None)
    if copy is None or canonical(copy) != canonical(document):
        raise FailedCheck("an id occurs twice in the message")
