"""The actions by which WS-Trust and WS-SecureConversation name their operations (wire contract rows 2 and 17)."""

from typing import NamedTuple

from wstrust_sts.errors import ActionNotSupported, BadRequest
from wstrust_sts.model import Operation, TrustVersion

_OF_TOKENS = {operation.value: operation for operation in Operation}
_OF_CONTEXTS = {"SCT": Operation.ISSUE, "SCT/Renew": Operation.RENEW, "SCT/Cancel": Operation.CANCEL}


class Named(NamedTuple):
    """What an action names. `of_context`: it is one of WS-SecureConversation, which are about contexts alone."""

    operation: Operation | None
    of_context: bool = False


def read_action(action: str | None, version: TrustVersion) -> Named:
    """What an action names; no operation where there is no action.

    Raises ActionNotSupported; BadRequest: a context is not amended.
    """
    if action is None:
        return Named(None)
    prefix = f"{version.namespace}/RST/"
    name = action.removeprefix(prefix) if action.startswith(prefix) else ""
    if name in _OF_CONTEXTS:
        return Named(_OF_CONTEXTS[name], of_context=True)
    if name == "SCT/Amend":
        raise BadRequest("to amend a security context")
    if name in _OF_TOKENS:
        return Named(_OF_TOKENS[name])
    raise ActionNotSupported(f"the action {action[:256]!r}")


def action_of(operation: Operation, version: TrustVersion, *, of_context: bool = False) -> str:
    """The action of the answer to an operation."""
    trust = version.namespace
    if of_context:
        return f"{trust}/RSTR/SCT" if operation is Operation.ISSUE else f"{trust}/RSTR/SCT/{operation.value}"
    if version is TrustVersion.V2005:
        return f"{trust}/RSTR/{operation.value}"
    collection = "RSTRC" if operation is Operation.ISSUE else "RSTR"
    return f"{trust}/{collection}/{operation.value}Final"
