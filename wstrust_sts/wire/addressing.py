"""WS-Addressing headers of a request, in both versions that clients use, and of the answer to it."""

from collections.abc import Iterable
from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, OnlyAnonymousAddressSupported
from wstrust_sts.wire.xml import Element, children, local, trimmed

_ANONYMOUS = {ns.WSA: ns.WSA_ANONYMOUS, ns.WSA04: ns.WSA04_ANONYMOUS}
_UNDERSTOOD = frozenset({"Action", "To", "MessageID", "ReplyTo", "FaultTo", "From", "RelatesTo"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """What the request's addressing headers said; `namespace` is the version the answer speaks."""

    namespace: str
    action: str | None = None
    message_id: str | None = None
    to: str | None = None


def understands(tag: str) -> bool:
    """Whether a header block of this {namespace}name is one of ours."""
    namespace, _, name = tag[1:].partition("}")
    return namespace in _ANONYMOUS and name in _UNDERSTOOD


def read_addressing(blocks: Iterable[Element]) -> Addressing | None:
    """The addressing headers among `blocks`, or None where the request used none (wire contract row 2).

    Raises InvalidRequest (doubled, or two versions mixed).
    """
    namespace = None
    found: dict[str, Element] = {}
    for block in blocks:
        if not understands(block.tag):
            continue
        block_namespace, _, name = block.tag[1:].partition("}")
        if namespace not in (None, block_namespace):
            raise InvalidRequest("two versions of WS-Addressing in one message")
        if name in found:
            raise InvalidRequest(f"a second wsa:{name}")
        namespace = block_namespace
        found[name] = block
    if namespace is None:
        return None
    return Addressing(
        namespace=namespace,
        action=_text(found.get("Action")),
        message_id=_text(found.get("MessageID")),
        to=_text(found.get("To")),
    )


def _text(block: Element | None) -> str | None:
    return None if block is None else trimmed(block) or None


def demand_anonymous_replies(blocks: Iterable[Element]) -> None:
    """The STS never calls an address that a message names: ReplyTo and FaultTo must be anonymous.

    Raises OnlyAnonymousAddressSupported, InvalidRequest (unreadable).
    """
    for block in blocks:
        namespace, _, name = block.tag[1:].partition("}")
        if name in ("ReplyTo", "FaultTo") and namespace in _ANONYMOUS:
            _demand_anonymous(block, namespace)


def _demand_anonymous(reference: Element, namespace: str) -> None:
    addresses = [child for child in children(reference) if child.tag == f"{{{namespace}}}Address"]
    if len(addresses) != 1:
        raise InvalidRequest(f"{local(reference)} without exactly one Address")
    if trimmed(addresses[0]) != _ANONYMOUS[namespace]:
        raise OnlyAnonymousAddressSupported(f"{local(reference)} is not anonymous")
