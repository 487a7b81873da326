"""Security contexts in messages (WS-SecureConversation 1.3 and 2005/02): the token that names one, and its key.

A token proves nothing: it says which context is meant. Whoever established the context has its key and uses it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, InvalidSecurity
from wstrust_sts.model import TokenDescriptor
from wstrust_sts.wire.keyinfo import MAX_IDENTIFIER, ByContext, ByDerivation, KeyReference
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.xml import Element, children, local, trimmed

SECURITY_CONTEXT_TOKENS = frozenset(f"{{{namespace}}}SecurityContextToken" for namespace in (ns.WSC13, ns.WSC05))


@dataclass(frozen=True, slots=True)
class ContextSecret:
    """A key that both sides know because they established a security context, and how messages name it."""

    secret: bytes = field(repr=False)
    name: ByContext


FindContext = Callable[[ByContext], ContextSecret]
"""The key of a context that is named. Raises BadContextToken: there is none, or not any more."""


def read_context_token(token: Element) -> ByContext:
    """What a wsc:SecurityContextToken names (section 3).

    Raises InvalidSecurity: that is not exactly one key of one context, or the token says more.
    """
    try:
        return _read(token)
    except InvalidRequest as error:
        raise InvalidSecurity(f"a SecurityContextToken: {error.detail}") from None


def _read(token: Element) -> ByContext:
    namespace = token.tag[1:].partition("}")[0]
    parts: dict[str, Element] = {}
    for child in children(token):
        if child.tag in parts:
            raise InvalidSecurity(f"a second {local(child)} in a SecurityContextToken")
        parts[child.tag] = child
    identifier, instance = (parts.pop(f"{{{namespace}}}{name}", None) for name in ("Identifier", "Instance"))
    if identifier is None or parts:
        raise InvalidSecurity("a SecurityContextToken without Identifier, or with parts that are not offered")
    named = trimmed(identifier, limit=MAX_IDENTIFIER)
    numbered = None if instance is None else trimmed(instance, limit=MAX_IDENTIFIER)
    if not named or numbered == "":
        raise InvalidSecurity("a SecurityContextToken that names nothing")
    return ByContext(namespace, named, numbered)


def choose_context(tokens: Sequence[ByContext], references: Iterable[KeyReference]) -> ByContext:
    """The one context that a message is about: that of its token, or where it has none, of its keys' references.

    Raises InvalidSecurity: there is none, or there are several.
    """
    bases = (name.base if isinstance(name, ByDerivation) else name for name in references)
    names = tokens or list({base for base in bases if isinstance(base, ByContext)})
    if len(names) != 1:
        raise InvalidSecurity(f"{len(names)} security contexts instead of one")
    return names[0]


def name_context(descriptor: TokenDescriptor) -> ByContext:
    """The name of the key that is issued, in the version that was asked for."""
    return ByContext(descriptor.token_type_uri.removesuffix("/sct"), descriptor.token_id, descriptor.instance)


def token_id_of(name: ByContext) -> str:
    """The wsu:Id of the token that names a key of a context of ours, the same wherever it is written."""
    return "_" + (name.instance or name.identifier).removeprefix("urn:uuid:")


def write_context_token(name: ByContext) -> str:
    """A wsc:SecurityContextToken, which declares all that it uses."""
    instance = "" if name.instance is None else f"<c:Instance>{text(name.instance)}</c:Instance>"
    return (
        f'<c:SecurityContextToken xmlns:c="{name.namespace}" xmlns:u="{ns.WSU}" u:Id="{token_id_of(name)}">'
        f"<c:Identifier>{text(name.identifier)}</c:Identifier>{instance}</c:SecurityContextToken>"
    )


def write_context_reference(name: ByContext) -> str:
    """A wsse:Reference to the context's key, without its token; `o` is declared where it will stand."""
    instance = ""
    if name.instance is not None:
        instance = f' xmlns:c="{name.namespace}" c:Instance="{attribute(name.instance)}"'
    return f'<o:Reference URI="{attribute(name.identifier)}" ValueType="{name.namespace}/sct"{instance}/>'
