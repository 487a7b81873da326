"""Who may be acted for, by whom, as operators say it; and what a token tells of those who act."""

import enum
from dataclasses import dataclass
from datetime import datetime


class DelegationKind(enum.Enum):
    """The element of the request that the subject is in. What is issued is about that subject in either case."""

    ACT_AS = "ActAs"  # the token tells who acts (WS-Trust 1.4 section 9.3)
    ON_BEHALF_OF = "OnBehalfOf"  # it does not; the register and the audit trail do (section 9.1)


@dataclass(frozen=True, slots=True)
class AssertedSubject:
    """A subject that the requestor names and proves nothing of: a UsernameToken without password (wire row 14)."""

    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """One who acts for the subject of a token, as its relying party knows him: a name, its format, and since when."""

    name: str
    format: str
    instant: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRule:
    """Lets actors get tokens about subjects. What no rule allows is refused; an empty set is nobody and nothing.

    Accounts and relying parties are meant by their names. `tokens_for`: whose tokens count as proof of the subject,
    beside those for this STS itself; mostly the actor's own relying party. `by_name`: the actor's word is enough.
    `depth`: how many may act in one chain, this actor included. `claims`: the types that the token may have of those
    that the relying party is told; None: all of them.
    """

    realm: str
    name: str
    actors: frozenset[str] = frozenset()
    actor_groups: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    subject_groups: frozenset[str] = frozenset()
    any_subject: bool = False
    relying_parties: frozenset[str] = frozenset()
    kinds: frozenset[DelegationKind] = frozenset()
    tokens_for: frozenset[str] = frozenset()
    by_name: bool = False
    depth: int = 1
    claims: frozenset[str] | None = None
