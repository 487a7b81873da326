"""Guessing through the whole application: slowed down, and told by nothing that a client can see."""

from datetime import timedelta

import pytest

from tests import messages
from tests.attack import without_correlation
from tests.harness import Sts
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

FAILED = (ns.WSSE, "FailedAuthentication")


def ask(sts: Sts, user: str, password: str, *, source: str = "192.0.2.1") -> Answer:
    security = messages.security(messages.timestamp(sts.clock.now), messages.username_token(user, password))
    body = messages.envelope(messages.issue(), security)
    headers = {"content-type": messages.content_type()}
    return sts.request(
        Request(method="POST", path="/trust/13/usernamemixed", headers=headers, body=body.encode(), source=source)
    )


@pytest.fixture
def sts() -> Sts:
    return Sts(lockout=True)


def test_the_right_password_among_many_guesses_is_refused_like_the_wrong_ones(sts: Sts) -> None:
    guesses = [ask(sts, "alice", f"guess {number}") for number in range(10)]
    held_up = ask(sts, "alice", "clarinet")
    unknown = [ask(sts, "mallory", "x") for _ in range(12)]
    answers = [*guesses, held_up, *unknown]
    assert {answer.fault for answer in answers} == {FAILED}
    assert len({without_correlation(answer.body) for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"X-Correlation-Id"})) for answer in answers}) == 1
    sts.clock.advance(timedelta(minutes=1))
    assert ask(sts, "alice", "clarinet").status == 200


def test_guesses_from_elsewhere_do_not_hold_up_a_client_that_has_its_token_already(sts: Sts) -> None:
    assert ask(sts, "alice", "clarinet").status == 200
    for number in range(100):
        ask(sts, "alice", "x", source=f"203.0.113.{number}")
    assert ask(sts, "alice", "clarinet", source="198.51.100.1").fault == FAILED
    assert ask(sts, "alice", "clarinet").status == 200


def test_without_lockout_nothing_is_held_up_or_counted() -> None:
    sts = Sts(lockout=False)
    for number in range(12):
        ask(sts, "alice", f"guess {number}")
    assert ask(sts, "alice", "clarinet").status == 200
    assert sts.stores.lockouts.tallies == {}
