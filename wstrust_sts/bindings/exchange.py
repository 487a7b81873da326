"""One request on its way through the SOAP binding, and what the log is told of it."""

import time
from dataclasses import dataclass

from wstrust_sts.bindings import mex
from wstrust_sts.bindings.http import Request
from wstrust_sts.model import Endpoint, Outcome, RequestSecurityToken, VerifiedMessage
from wstrust_sts.wire.soap import ReplyContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the log is told of one exchange. `detail` is for operators; `seconds` from first octet parsed to answer."""

    correlation_id: str
    operation: str
    outcome: str
    endpoint: str
    source: str
    seconds: float
    requestor: str = ""
    relying_party: str = ""
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request on its way through Spyne (`ctx.udc`): what is known of it so far, and how to answer it."""

    request: Request
    endpoint: Endpoint
    reply: ReplyContext
    began: float
    charset: str | None = None
    metadata_only: bool = False
    question: mex.Question | None = None
    rst: RequestSecurityToken | None = None
    message: VerifiedMessage | None = None
    outcome: Outcome | None = None
    failure: BaseException | None = None

    @property
    def operation(self) -> str:
        """The name of what is asked for, also among Spyne's operations; empty while it is unknown."""
        if self.question is not None:
            return "GetMetadata"
        return self.rst.operation.value if self.rst is not None else ""

    def report(self, result: str, *, detail: str = "") -> Report:
        outcome = self.outcome
        return Report(
            correlation_id=self.reply.correlation_id,
            operation=self.operation,
            outcome=result,
            endpoint=self.endpoint.path,
            source=self.request.source,
            seconds=time.perf_counter() - self.began,
            requestor=outcome.requestor if outcome else "",
            relying_party=outcome.relying_party if outcome else "",
            detail=detail,
        )

    def forget_failures(self) -> None:
        """Breaks the cycles through an exception's frames, so that the parsed tree dies here and now.

        A tree must die in the thread that parsed it, and a cycle is collected in any.
        """
        if self.outcome is not None and self.outcome.fault is not None:
            _forget_frames(self.outcome.fault)
        if self.failure is not None:
            _forget_frames(self.failure)
        self.failure = None


def _forget_frames(failure: BaseException) -> None:
    failure.__traceback__ = failure.__context__ = failure.__cause__ = None
