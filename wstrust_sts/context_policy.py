"""Who may learn of a security context, and do what with it: the part of policy.py that decides about contexts.

The identifier of a context is no secret: every message that the context protects shows it. What is told and done
because of it rests on who asks, and where it changes the context or passes its key on, on a proof of that key.
"""

from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurityToken, NotAuthorized, UnableToRenewContext
from wstrust_sts.model import Principal, Realm, RequestSecurityToken, VerifiedMessage
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import RelyingParty


def asks_for_context(request: RequestSecurityToken) -> bool:
    """Whether a security context is asked for by name. Without AppliesTo that is one for the STS itself."""
    return request.token_type in ns.SCT_TOKEN_TYPES


def authorize_context_validation(principal: Principal, record: TokenRecord, party: RelyingParty) -> None:
    """Who may learn the status of a context: its subject; or, where the relying party names accounts that validate,
    these alone (wire contract row 27).

    Raises InvalidSecurityToken, as for an unknown identifier, where a stranger asks; NotAuthorized.
    """
    if principal.name in party.validators:
        return
    if principal.account.id not in (record.account, record.requestor):
        raise InvalidSecurityToken("neither its subject nor a validator")
    if party.validators:
        raise NotAuthorized(f"{party.name} lets only its own accounts validate")


def authorize_context_transformation(
    principal: Principal, record: TokenRecord, party: RelyingParty, message: VerifiedMessage
) -> str:
    """By what right a token with a context's key is made from the context: by a validator of its relying party, which
    learns the key so; or by the subject, who proves to have it. Raises NotAuthorized.
    """
    if principal.name in party.validators:
        return f"for a validator of {party.name}"
    if principal.account.id == record.account and record.token_id in message.proved_contexts:
        return "for its subject, which proved its key"
    raise NotAuthorized("neither a validator nor the subject with a proof of the key")


def authorize_context_cancel(principal: Principal, record: TokenRecord, realm: Realm, message: VerifiedMessage) -> str:
    """By what right a context may be cancelled: by its subject with a proof of its key (WS-SecureConversation 1.3
    section 6), or by an administrator.

    Raises NotAuthorized; and InvalidSecurityToken, as for an unknown identifier, where a stranger asks.
    """
    if principal.account.id == record.account and record.token_id in message.proved_contexts:
        return "by its subject"
    if principal.name in realm.administrators:
        return "by an administrator"
    if principal.account.id == record.account:
        raise NotAuthorized("the subject did not prove the key")
    raise InvalidSecurityToken("neither its subject nor an administrator")


def demand_context_renewable(principal: Principal, record: TokenRecord, message: VerifiedMessage) -> None:
    """Only the subject of a context renews it, and proves its key (WS-SecureConversation 1.3 section 5).

    Where nothing but the old key protects the message, nothing else would hide the new one in the answer, and whoever
    has come by the old one would have the new one, too.
    Raises InvalidSecurityToken, as for an unknown identifier, where a stranger asks; UnableToRenewContext.
    """
    if principal.account.id != record.account:
        raise InvalidSecurityToken("not its subject")
    if record.token_id not in message.proved_contexts:
        raise UnableToRenewContext("its key was not proved")
    if not record.renewing_allowed:
        raise UnableToRenewContext("issued as not to be renewed")
    if not message.tls and all(isinstance(credential, PresentedContext) for credential in message.credentials):
        raise UnableToRenewContext("nothing but the old key would hide the new one")
