"""Allowed or denied of a token that is there: whether it is in force, and who may validate, cancel and transform it.

What may be issued is decided in `policy.py`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from wstrust_sts.errors import BadRequest, InvalidSecurityToken, NotAuthorized
from wstrust_sts.lineage import LONGEST_LINEAGE
from wstrust_sts.model import Account, Principal, Realm, RequestSecurityToken
from wstrust_sts.policy import TOKEN_TYPES
from wstrust_sts.received_tokens import PresentedReference
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import RelyingParty


def authorize_validate(
    principal: Principal, record: TokenRecord, relying_party: RelyingParty, *, by_reference: bool
) -> None:
    """Who may learn the status of a token (wire contract row 27).

    Raises NotAuthorized; and InvalidSecurityToken, as for an unknown id, where a stranger names a token by its id.
    """
    if by_reference and not _concerns(principal, record):
        raise InvalidSecurityToken("by reference, only the requestor and the subject of a token learn its status")
    if relying_party.validators and principal.name not in relying_party.validators:
        raise NotAuthorized(f"{relying_party.name} lets only its own accounts validate")


def authorize_cancel(principal: Principal, record: TokenRecord, realm: Realm, *, by_reference: bool) -> str:
    """By what right a token may be cancelled (wire contract row 28).

    Raises NotAuthorized; and InvalidSecurityToken, as for an unknown id, where a stranger names a token by its id.
    """
    if principal.account.id == record.account:
        return "by its subject"
    if principal.account.id == record.requestor:
        return "by its requestor"
    if principal.name in realm.administrators:
        return "by an administrator"
    if by_reference:
        raise InvalidSecurityToken("by reference: neither subject, requestor nor administrator")
    raise NotAuthorized("neither subject, requestor nor administrator")


def _concerns(principal: Principal, record: TokenRecord) -> bool:
    return principal.account.id == record.account or principal.account.id == record.requestor


def demand_in_force(
    lineage: Sequence[TokenRecord], *, key_ids: Collection[str], now: datetime, overdue: timedelta = timedelta(0)
) -> None:
    """A token is valid when it and every token that it was made from is in force.

    `lineage` is the token, the one it was made from, and so on; `key_ids` are the keys that tokens may be signed by;
    `overdue` is for how long after its end the token itself counts, for a renewal. Raises InvalidSecurityToken.
    """
    token, *originals = lineage
    if doubt := _doubt(token, key_ids=key_ids, now=now, overdue=overdue):
        raise InvalidSecurityToken(doubt)
    for original in originals:
        if doubt := _doubt(original, key_ids=key_ids, now=now):
            raise InvalidSecurityToken(f"made from {original.token_id}, which is {doubt}")


def _doubt(record: TokenRecord, *, key_ids: Collection[str], now: datetime, overdue: timedelta = timedelta(0)) -> str:
    """Why a token is not in force, whatever it was made from; empty when it is."""
    if record.is_cancelled(now):
        return f"cancelled {record.cancel_reason}"
    if record.expires_at + overdue <= now:
        return "expired"
    if record.key_id and record.key_id not in key_ids:
        return f"signed by the key {record.key_id}, which is retired"
    return ""


# -- transformation: Validate into another token (wire contract row 27) ------------------------------------------------


def wants_token(request: RequestSecurityToken) -> bool:
    """Whether a Validate asks for a token made from its target, and not for the target's status alone.

    The token must be presented itself. Its id is no secret, and who knows no more than it must not get a token that
    says how strongly, and when, somebody proved himself for the first one; not even the subject, who may have proved
    himself by less today. Raises BadRequest, for whatever the id names.
    """
    if request.token_type in (None, f"{request.version.namespace}/RSTR/Status"):
        return False
    if request.token_type not in TOKEN_TYPES:
        raise BadRequest("an unknown TokenType")
    if isinstance(request.target, PresentedReference):
        raise BadRequest("a token made from one that is only named by its id")
    if request.participants:
        raise BadRequest("a token made from another one for Participants")
    return True


def authorize_transformation(principal: Principal, lineage: Sequence[TokenRecord], relying_party: RelyingParty) -> str:
    """By what right a token is made from one that its requestor may validate: by its subject, or by an account that
    the relying party names as its validator.

    The new token states what the rules release today, and so perhaps more than the presented one, whose Claims left
    something out. The subject could ask for that by Issue, and the relying party is told it anyway. A third party that
    has come by a bearer token could not get it in any other way. (Where there are validators they alone may
    validate, and so they alone may do this.)

    What is made of a token bound to a key is bound to that key, and so is of no use to anybody else. Of a delegated
    token nothing is made: what its rule withholds would be told.

    Raises NotAuthorized, BadRequest.
    """
    token = lineage[0]
    if principal.name in relying_party.validators:
        right = f"for a validator of {relying_party.name}"
    elif principal.account.id == token.account:
        right = "for its subject"
    else:
        raise NotAuthorized(f"neither its subject nor a validator that {relying_party.name} names")
    demand_extendable(lineage)
    if any(row.delegation is not None for row in lineage):
        raise BadRequest("a token made from a delegated one")
    return right


def demand_extendable(lineage: Sequence[TokenRecord]) -> None:
    """Raises BadRequest: nothing more is made from the token at its head."""
    if len(lineage) >= LONGEST_LINEAGE:
        raise BadRequest(f"a token made from the last of {len(lineage)} that were made from each other")


def demand_usable(account: Account | None, *, now: datetime) -> Account:
    """The account of a token's subject, when it could still get tokens. Raises InvalidSecurityToken."""
    if account is None:
        raise InvalidSecurityToken("its subject's account does not exist any more")
    if not account.enabled:
        raise InvalidSecurityToken("its subject's account is disabled")
    if account.expires_at is not None and account.expires_at <= now:
        raise InvalidSecurityToken("its subject's account has expired")
    return account
