"""What operations come to."""

from dataclasses import dataclass

from wstrust_sts.bookkeeping import Asked, entries_of
from wstrust_sts.model import Decision, IssuedToken, Principal, RequestSecurityTokenResponse, Status
from wstrust_sts.ports import SecretBox
from wstrust_sts.records import Entry

SENTENCES = {Status.VALID: "The token is valid.", Status.INVALID: "The token is not valid."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one operation comes to: the answer, what it is called, and what must be stored with it."""

    response: RequestSecurityTokenResponse
    outcome: str
    entries: tuple[Entry, ...] = ()


def status_of(asked: Asked, status: Status, reason: str) -> Verdict:
    """The status of a token, and nothing else. `reason` is for operators."""
    asked.findings.decision = Decision(reasons=(reason,))
    return Verdict(
        response=RequestSecurityTokenResponse(request=asked.request, status=status, reason=SENTENCES[status]),
        outcome=status.value,
    )


def transformed(asked: Asked, issued: IssuedToken, *, subject: Principal, box: SecretBox) -> Verdict:
    """A valid target, and the token that was made from it."""
    return Verdict(
        response=RequestSecurityTokenResponse(
            request=asked.request, issued=issued, status=Status.VALID, reason=SENTENCES[Status.VALID]
        ),
        outcome="transformed",
        entries=entries_of(issued, subject=subject, asked=asked, box=box),
    )
