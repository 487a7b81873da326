"""Renew (WS-Trust 1.3 section 5): which token may be made anew, for whom, what the new one says of the subject's
authentication, and how often one token can be renewed.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wstrust_sts.addresses import canonical
from wstrust_sts.bookkeeping import thumbprint_of
from wstrust_sts.errors import BadRequest, InvalidRequest, InvalidSecurityToken, NotAuthorized, UnableToRenew
from wstrust_sts.model import (
    AppliesTo,
    AuthenticationMethod,
    KeyType,
    Principal,
    Realm,
    RequestSecurityToken,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.own_party import OwnAddresses
from wstrust_sts.ports import ReplayCache
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.token_policy import demand_in_force

_TURNS = 3  # renewals of one token: the one, and two more for answers that were lost
_CLOCKS_DIFFER = timedelta(minutes=5)  # between nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalTerms:
    """`grace`: how much longer a renewed token stays in force, since the answer may be lost. `after_expiry`: how long
    after its end a token can be renewed that was issued so (Renewing/@OK). `own`: the STS's addresses.
    """

    grace: timedelta = timedelta(minutes=2)
    after_expiry: timedelta = timedelta(hours=1)
    own: OwnAddresses = field(default_factory=OwnAddresses)

    def scope(self, request: RequestSecurityToken, realm: Realm) -> AppliesTo | None:
        """The AppliesTo that names a relying party; some clients write the STS's own address there."""
        asked = request.applies_to
        return None if asked is None or self.own.include(asked.address, realm) else asked


def demand_renewable(
    record: TokenRecord,
    principal: Principal,
    *,
    by_reference: bool,
    proved: bool,
    key_ids: Collection[str],
    now: datetime,
    terms: RenewalTerms,
) -> None:
    """Only the subject of a token renews it, and only one that was issued to it.

    A token bound to a key is renewed by whoever proves that key, too: `proved`.
    Raises InvalidSecurityToken (not in force; or, by reference, a stranger's, as for an unknown id), NotAuthorized,
    UnableToRenew.
    """
    if {record.account, record.requestor} != {principal.account.id}:
        if by_reference:
            raise InvalidSecurityToken("by reference: not the subject that it was issued to")
        raise NotAuthorized("not the subject that it was issued to")
    demand_in_force([record], key_ids=key_ids, now=now, overdue=terms.after_expiry)
    if record.original is not None:
        raise UnableToRenew(f"made from the token {record.original}, with which it ends")
    if record.key_type != KeyType.BEARER.value and (by_reference or not proved):
        raise UnableToRenew(f"its key, of the type {record.key_type}, was not proved")
    if not record.renewing_allowed:
        raise UnableToRenew("issued as not to be renewed")
    if record.expires_at <= now and not record.renewing_after_expiry:
        raise UnableToRenew("expired, and issued as not to be renewed after that")


def is_proved(record: TokenRecord, principal: Principal, message: VerifiedMessage) -> bool:
    """Whether the requestor showed the key that a token is bound to: the token was its credential, or the secret or
    public key signed, or TLS was shown the key.
    """
    if record.token_id in message.proved_tokens:
        return True
    if principal.token is not None and principal.token.token_id == record.token_id:
        return True
    return record.key_thumbprint in {thumbprint_of(each.key) for each in message.proved_keys}


def demand_same_scope(request: RequestSecurityToken) -> None:
    """A renewal changes nothing of whom a token is for (section 5). Raises BadRequest."""
    if request.participants:
        raise BadRequest("Participants of a renewed token")


def renewed_subject(
    principal: Principal, record: TokenRecord, verified: VerifiedToken | None, *, longest: timedelta, now: datetime
) -> Principal:
    """Whom the new token is about, and as having proved itself how and when.

    A renewal is no authentication: the new token keeps the instant of the presented one, as long as the subject proves
    itself as strongly as it did then. Where it proves less today, what it proved then is not carried on for ever; and
    an id (`verified` None) shows nothing of what was proved then. In both cases the token says what was proved today,
    as an issued one does.

    Whoever shows a token instead of proving itself anew gets none that lives beyond it. One that is its own credential
    would then be renewed in vain or, without any bound, for ever: what it is renewed into ends `longest`, the longest
    life that the relying party gives a token, after that authentication. Raises UnableToRenew: that is over.
    """
    methods = tuple(AuthenticationMethod(method) for method in record.methods.split())
    if verified is None or not set(methods) <= set(principal.methods):
        return principal
    return Principal(
        realm=principal.realm,
        account=principal.account,
        methods=methods,
        instant=verified.authentication_instant,
        token=principal.token,
        until=_end(principal, verified, longest=longest, now=now),
        source=principal.source,
    )


def _end(principal: Principal, renewed: VerifiedToken, *, longest: timedelta, now: datetime) -> datetime | None:
    if principal.token is None or principal.token.token_id != renewed.token_id:
        return principal.until
    end = renewed.authentication_instant + longest
    if end <= now:
        raise UnableToRenew("its subject proved itself too long ago, and shows nothing else today")
    return end


def audiences_of_named(relying_party: RelyingParty, scope: AppliesTo | None) -> tuple[str, ...]:
    """What a token in the place of one that is only named by its id is for: the register knows the relying party alone.

    Raises InvalidRequest where only an AppliesTo could tell.
    """
    if relying_party.audiences:
        return relying_party.audiences
    if scope is not None:
        return (canonical(scope.address),)
    if len(relying_party.applies_to) != 1:
        raise InvalidRequest(f"by reference and without AppliesTo, and {relying_party.name} has several addresses")
    return (relying_party.applies_to[0].address,)


def demand_same_audiences(verified: VerifiedToken, kept: Sequence[str]) -> None:
    """`kept`: those that are still its relying party's; there may have been participants. Raises UnableToRenew."""
    if tuple(kept) != verified.audiences:
        raise UnableToRenew("not every audience of it is one of its relying party's")


def take_turn(record: TokenRecord, replay_cache: ReplayCache, *, terms: RenewalTerms, now: datetime) -> None:
    """Counts one renewal of the token, on all nodes together. Raises UnableToRenew when there were enough.

    The turns are remembered until the token is cancelled, which its first renewal makes it be after the grace.
    """
    keep = terms.grace + _CLOCKS_DIFFER
    for turn in _turns(record, lost=bool(terms.grace)):
        if replay_cache.remember(record.realm, turn, now=now, keep=keep):
            return
    raise UnableToRenew("renewed often enough, for answers that may have been lost")


def _turns(record: TokenRecord, *, lost: bool) -> Iterable[bytes]:
    for number in range(_TURNS if lost else 1):
        yield hashlib.sha256(b"renewal %d:%b" % (number, record.digest)).digest()
