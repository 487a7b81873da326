"""The figures of `make bench-scale`: what the size of the database costs. Two SQLite databases, one of them large.

CPU times are of this process, rounds are interleaved, and medians printed with the ratio of large to small. In use are
100 accounts, spread over all that there are: with more of them, the figures would be of password hashes.
"""

import argparse
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from benchmarks.fill import KEPT, LIFETIME, address, fill, user
from benchmarks.measures import cpu, end_tidily, say
from benchmarks.requests import assertion, cpu_under_way, envelope, granted, quieten_log
from tests import messages
from tests.running import prepare
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import Handler
from wstrust_sts.config import load_config
from wstrust_sts.storage.accounts import SqlAccounts
from wstrust_sts.storage.database import Database, open_database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.janitor import BATCH, TOKEN_GRACE, purge_expired
from wstrust_sts.storage.relying_parties import SqlRelyingParties

IN_USE = 100  # accounts, each with a relying party of its own
ALLOWED = 1.25
REALM = "default"


@dataclass(frozen=True, slots=True)
class Size:
    configured: int  # accounts, and relying parties
    tokens: int


@dataclass(slots=True)
class Deployment:
    """One STS in this process."""

    size: Size
    handler: Handler
    database: Database
    draw: random.Random

    def number(self) -> int:
        """Of one of all accounts, or relying parties."""
        return self.draw.randint(1, self.size.configured)

    def in_use(self) -> Sequence[int]:
        step = self.size.configured // IN_USE
        return range(step, step * IN_USE + 1, step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configured", type=int, default=100_000, help="accounts and parties (default 100000)")
    parser.add_argument(
        "--tokens", type=int, default=10_000_000, help="rows of the register (default 10 million, 5 GB)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--requests", type=int, default=400, help="requests a round (default 400)")
    options = parser.parse_args()
    end_tidily()
    large, small = Size(options.configured, options.tokens), Size(100, 100)
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sts-scale-")))
        quieten_log()
        deployments = [open_filled(directory / name, size, opened) for name, size in (("s", small), ("l", large))]
        gc.collect()
        gc.freeze()  # as the server's workers do, so that no collection looks at what start-up made
        compare(deployments, options.rounds, options.requests)
        janitor(deployments[-1].database)


def open_filled(directory: Path, size: Size, opened: ExitStack) -> Deployment:
    """An STS over a database of that size."""
    directory.mkdir()
    prepared = prepare(directory)
    with open_application(load_config(prepared.config)) as application:
        granted(application.handle, envelope(messages.issue(), now=datetime.now(UTC)))  # the pattern of a token
    config = load_config(prepared.config)
    file = prepared.directory / "sts.db"
    began = time.perf_counter()
    fill(file, accounts=size.configured, parties=size.configured, tokens=size.tokens, now=datetime.now(UTC))
    say(
        f"{size.configured} accounts and relying parties, {size.tokens} tokens:"
        f" {file.stat().st_size / 1e6:.0f} MB, filled in {time.perf_counter() - began:.0f} s"
    )
    handler = opened.enter_context(open_application(config)).handle
    database = open_database(config.database.url)
    opened.callback(database.close)
    return Deployment(size, handler, database, random.Random(1))


def compare(deployments: Sequence[Deployment], rounds: int, requests: int) -> None:
    measured: dict[str, Callable[[Deployment], Callable[[], float]]] = {
        f"Issue, {IN_USE} accounts and parties in use": lambda deployment: issuing(deployment, requests),
        "Issue, relying parties at random": lambda deployment: issuing(deployment, requests, at_random=True),
        f"Validate, {IN_USE} tokens": lambda deployment: validating(deployment, requests),
        "- account looked up at random": lambda deployment: account_at_random(deployment, requests),
        "- relying party looked up at random": lambda deployment: party_at_random(deployment, requests),
    }
    print(f"\n{'CPU microseconds':<44}{'small':>10}{'large':>10}{'ratio':>8}", flush=True)
    for name, made in measured.items():
        runs = [made(deployment) for deployment in deployments]
        for run in runs:
            run()
        small, large = map(statistics.median, zip(*([run() for run in runs] for _ in range(rounds)), strict=True))
        beyond = f"  more than {ALLOWED}" if large > ALLOWED * small and not name.startswith("-") else ""
        print(f"{name:<44}{small * 1e6:>10.0f}{large * 1e6:>10.0f}{large / small:>8.2f}{beyond}", flush=True)
    print("The parts (-) are of an Issue: of 100 every one is cached, of many next to none.")


def issuing(deployment: Deployment, requests: int, *, at_random: bool = False) -> Callable[[], float]:
    """Each account for a relying party of its own, or for any of all."""

    def run() -> float:
        now = datetime.now(UTC)
        bodies = []
        for number in islice(cycle(deployment.in_use()), requests):
            party = deployment.number() if at_random else number
            bodies.append(envelope(messages.issue(address=address(party)), now=now, user=user(number)))
        return cpu_under_way(deployment.handler, bodies, at_once=8) / requests

    return run


def validating(deployment: Deployment, requests: int) -> Callable[[], float]:
    tokens = [
        assertion(
            granted(
                deployment.handler,
                envelope(messages.issue(address=address(number)), now=datetime.now(UTC), user=user(number)),
            ).body
        )
        for number in deployment.in_use()
    ]

    def run() -> float:
        now = datetime.now(UTC)
        pairs = islice(cycle(zip(deployment.in_use(), tokens, strict=True)), requests)
        bodies = [envelope(messages.validate(token), now=now, user=user(number)) for number, token in pairs]
        return cpu_under_way(deployment.handler, bodies, at_once=8) / requests

    return run


def account_at_random(deployment: Deployment, times: int) -> Callable[[], float]:
    def run() -> float:
        accounts = SqlAccounts(deployment.database, Generation(deployment.database))
        return cpu(lambda: accounts.find(REALM, user(deployment.number())), times)

    return run


def party_at_random(deployment: Deployment, times: int) -> Callable[[], float]:
    def run() -> float:
        parties = SqlRelyingParties(deployment.database, Generation(deployment.database))
        return cpu(lambda: parties.find(REALM, address(deployment.number())), times)

    return run


def janitor(database: Database) -> None:
    """What one batch takes, of the oldest tokens of a full register."""
    an_hour_is_over = datetime.now(UTC) - KEPT + LIFETIME + TOKEN_GRACE + timedelta(hours=1)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        purge_expired(database, an_hour_is_over, pause=lambda: True)
        times.append(time.perf_counter() - began)
    print(f"\njanitor, {BATCH} tokens: {statistics.median(times) * 1000:.1f} ms, {max(times) * 1000:.1f} ms at most")


if __name__ == "__main__":
    main()
