"""The requests that are measured, and the answers that count."""

import os
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from functools import cache

from benchmarks.load import GOOD_ANSWERS
from tests import messages
from wstrust_sts import log, ns
from wstrust_sts.bindings.http import Handler, Request, Response, settled

PATH = "/trust/13/usernamemixed"
USER, PASSWORD = "alice", "clarinet"


def envelope(body: str, *, now: datetime, user: str = USER) -> bytes:
    """A SOAP 1.2 message with a Timestamp and a UsernameToken."""
    return messages.envelope(
        body,
        messages.addressing(f"{ns.WST13}/RST/{'Issue' if '/Issue<' in body else 'Validate'}"),
        messages.security(messages.timestamp(now), messages.username_token(user, PASSWORD)),
    ).encode()


def request(body: bytes, path: str = PATH) -> Request:
    """As the server's front hands it to the application."""
    return Request(
        method="POST", path=path, headers={"content-type": messages.content_type()}, body=body, source="127.0.0.1"
    )


def granted(handler: Handler, body: bytes) -> Response:
    """The answer. Ends the program when it is not the one that was hoped for."""
    response = settled(handler(request(body)))
    demand_token(response)
    return response


def demand_token(response: Response) -> None:
    if response.status != 200 or not any(sign in response.body for sign in GOOD_ANSWERS):
        raise SystemExit(f"not a token: {response.body[:600]!r}")


def assertion(answer: bytes) -> str:
    """The markup of the SAML 2.0 assertion in an answer."""
    return answer[answer.index(b"<saml2:Assertion") : answer.index(b"</saml2:Assertion>") + 18].decode()


@cache
def quieten_log() -> None:
    """The log is written as in production, to where nobody looks. That file stays open, for as long as the log is."""
    log.configure(format="text", level="info", descriptor=os.open(os.devnull, os.O_WRONLY))


def cpu_under_way(handler: Handler, bodies: Iterable[bytes], *, at_once: int, path: str = PATH) -> float:
    """CPU seconds of all of them, as the server's front does it: answers wait for their transaction while the next
    requests are worked on.
    """
    began = time.process_time()
    waiting: deque[Response] = deque()
    for body in bodies:
        waiting.append(handler(request(body, path)))
        if len(waiting) == at_once:
            demand_token(settled(waiting.popleft()))
    while waiting:
        demand_token(settled(waiting.popleft()))
    return time.process_time() - began
