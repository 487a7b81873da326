"""Security contexts as a client gets and keeps them (WS-SecureConversation 1.3 and 2005/02): the token that names one.

A context's token is no secret; its key, which is kept beside it, is.
"""

from typing import Any

from wstrust_sts import ns
from wstrust_sts.cli.key_wishes import HeldKey, InconsistentAnswer, SecretKey, SharedKey
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.token_markup import name_context, parse_token
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS, ContextSecret
from wstrust_sts.wire.keyinfo import ByContext
from wstrust_sts.wire.xml import Element

_VERSIONS = {ns.WSC13: "1.3", ns.WSC05: "2005/02"}


def is_context(token: bytes) -> bool:
    """Whether `token` is a SecurityContextToken, well or badly written. Raises Refusal: it is no XML."""
    return parse_token(token).tag in SECURITY_CONTEXT_TOKENS


def describe_context(token: Element) -> dict[str, Any]:
    """What `token inspect` tells. Raises Refusal."""
    name = name_context(token)
    return {
        "type": "security context token",
        "version": f"WS-SecureConversation {_VERSIONS[name.namespace]}",
        "id": name.identifier,
        "instance": name.instance,
    }


def share_context(token: bytes, key: HeldKey) -> ContextSecret:
    """The context and its key, to protect messages with. Raises Refusal: they are not a context and a secret."""
    if not is_context(token):
        raise Refusal("This token is no security context.")
    if not isinstance(key, SecretKey):
        raise Refusal("The key of a security context is a secret, and this is a private key.")
    return ContextSecret(key.octets, name_context(parse_token(token)))


# -- what an STS answers -----------------------------------------------------------------------------------------------


def demand_context(token: bytes, wish: object, *, token_type: str) -> None:
    """Raises InconsistentAnswer: `token` is not a context of the type that was asked for, with a key that is shared."""
    if not isinstance(wish, SharedKey):
        raise InconsistentAnswer("a security context has a symmetric key, and none was asked for")
    if f"{_named(token).namespace}/sct" != token_type:
        raise InconsistentAnswer("the security context is of another version")


def demand_renewed(token: bytes, key: HeldKey | None, *, of: bytes) -> None:
    """That `token` is the context of the token `of`, and that another name goes with another `key` (section 5).

    Raises InconsistentAnswer.
    """
    renewed, old = _named(token), name_context(parse_token(of))
    if (renewed.namespace, renewed.identifier) != (old.namespace, old.identifier):
        raise InconsistentAnswer("it is another security context than the one that was to be renewed")
    if key is None and renewed.instance != old.instance:
        raise InconsistentAnswer("the security context has another key, which is not in it")
    if key is not None and renewed.instance == old.instance:
        raise InconsistentAnswer("the security context has another key under the name of the old one")


def _named(token: bytes) -> ByContext:
    if not is_context(token):
        raise InconsistentAnswer("the token is no security context")
    try:
        return name_context(parse_token(token))
    except Refusal as refusal:
        raise InconsistentAnswer(refusal.message.rstrip(".")) from None
