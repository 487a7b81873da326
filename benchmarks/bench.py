"""The figures of `make bench`, in one run: each beside raw RSA-2048 signatures, because machines are noisy.

CPU times are this process's (in process) or the server's (over TLS); rounds are interleaved and medians printed.
A ratio of 0.4 in process means: 0.4 tokens for each raw signature the same CPU could have made.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from pathlib import Path

from benchmarks.keys import GOALS_IN_PROCESS, GOALS_OVER_TLS, MIXED, add_relying_parties
from benchmarks.keys import requests as keyed_requests
from benchmarks.measures import Load, cpu, end_tidily, family_cpu, family_memory, load, median_load, raw_signature, say
from benchmarks.protected import POLICIES, Requestor, known_requestor, path_of
from benchmarks.requests import PATH, assertion, cpu_under_way, envelope, granted, quieten_log, request
from tests import messages
from tests.harness import Sts
from tests.postgresql import programs, running_postgresql
from tests.running import Prepared, another_node, prepare, serving, set_workers
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import Handler, settled
from wstrust_sts.config import load_config
from wstrust_sts.wire.algorithms import DEFAULT
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import parse

PLAIN = "Issue, everything on, one by one"
LOADS = (("Issue", 1), ("Issue", 8), ("Issue", 32), ("Validate", 8))  # at so many connections
COMPARED = (
    ("SQLite, two workers", "SQLite, one worker"),
    ("PostgreSQL, one worker", "SQLite, one worker"),
    ("PostgreSQL, two workers", "PostgreSQL, one worker"),
)
KEYED_CONNECTIONS = 8
WARMING = 200  # requests
STARTS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds in process (default 5)")
    parser.add_argument("--tokens", type=int, default=400, help="tokens a round in process (default 400)")
    parser.add_argument(
        "--rounds-over-tls", type=int, default=3, help="interleaved rounds over TLS (default 3; 0: none)"
    )
    parser.add_argument("--requests", type=int, default=1500, help="requests of each load over TLS (default 1500)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes in process, and stop")
    options = parser.parse_args()
    end_tidily()
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sts-bench-")))
        say("preparing a database, a PKI and an account")
        prepared = prepare(directory)
        if options.profile:
            profile(prepared, options.tokens)
            return
        add_relying_parties(prepared, directory / "rp")
        requestor = known_requestor(prepared, directory / "requestor")
        in_process(prepared, requestor, options.rounds, options.tokens)
        if options.rounds_over_tls:
            over_tls(prepared, requestor, directory, options.rounds_over_tls, options.requests)


# -- in process ---------------------------------------------------------------------------------------------


def in_process(prepared: Prepared, requestor: Requestor, rounds: int, tokens: int) -> None:
    say(f"in process: {rounds} rounds of {tokens} tokens, interleaved")
    quieten_log()
    with open_application(load_config(prepared.config)) as application:
        sts = Sts()
        memory, whole = sts.application.handle, application.handle

        def protected(policy: str, count: int) -> float:
            bodies = requestor.write(policy, count, now=datetime.now(UTC))
            return cpu_under_way(whole, bodies, at_once=1, path=path_of(policy)) / count

        asked = envelope(messages.issue(), now=sts.clock.now)
        token = settled(memory(request(asked))).body
        validation = envelope(messages.validate(assertion(token)), now=sts.clock.now)
        real = envelope(messages.issue(), now=datetime.now(UTC))
        measured: dict[str, Callable[[int], float]] = {
            "raw RSA-2048 signature": raw_signature,
            "Issue, in-memory stores": lambda n: cpu(lambda: memory(request(asked)), n),
            "Validate, in-memory stores": lambda n: cpu(lambda: memory(request(validation)), n),
            PLAIN: partial(one_by_one, whole, real),
            "Issue, everything on, 8 under way": lambda n: cpu_under_way(whole, repeat(real, n), at_once=8) / n,
        }
        for policy in POLICIES:
            measured[f"Issue, everything on, {policy}"] = partial(protected, policy)
        for name, body in keyed_requests(datetime.now(UTC)).items():
            measured[f"Issue, everything on, {name}"] = partial(one_by_one, whole, body)
        measured["reading a signed request"] = partial(read_signed, requestor)
        for measure in measured.values():
            measure(50)
        figures: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(rounds):
            for name, measure in measured.items():
                figures[name].append(measure(tokens))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    raw, plain = medians["raw RSA-2048 signature"], medians[PLAIN]
    columns = f"{'microseconds':>14}{'a second':>12}{'of the raw limit':>18}{'of a bearer token':>20}"
    print(f"\n{'in process, CPU':<40}{columns}")
    for name, median in medians.items():
        figure = f"{median * 1e6:>14.0f}{1 / median:>12.0f}{raw / median:>18.2f}{median / plain:>20.2f}"
        print(f"{name:<40}{figure}")
    print()
    for name, most in GOALS_IN_PROCESS:
        print(f"{name} / one by one: {medians[name] / plain:.2f} (goal: at most {most})")
    print(flush=True)


def one_by_one(handler: Handler, body: bytes, times: int) -> float:
    """CPU seconds of one request, each answer waited for."""
    return cpu_under_way(handler, repeat(body, times), at_once=1) / times


def read_signed(requestor: Requestor, times: int) -> float:
    """CPU seconds to parse a request with an X.509 signature and to verify all that the policy wants of it."""
    now = datetime.now(UTC)
    (octets,) = requestor.write("certificatesigned", 1, now=now)

    def read() -> object:
        envelope = read_envelope(parse(octets), expected=SoapVersion.SOAP12)
        return open_asymmetric(envelope, decrypters=None, algorithms=DEFAULT, now=now, freshness=Freshness())

    return cpu(read, times)


def profile(prepared: Prepared, tokens: int) -> None:
    """Where the time goes in one thread, the database writer's thread left out."""
    import cProfile
    import pstats

    quieten_log()
    with open_application(load_config(prepared.config)) as application:
        real = envelope(messages.issue(), now=datetime.now(UTC))
        granted(application.handle, real)
        with cProfile.Profile() as recording:
            for _ in range(tokens):
                granted(application.handle, real)
    pstats.Stats(recording).sort_stats("tottime").print_stats(45)


# -- over TLS ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running STS. `database` is the process of its database's server, where it has one."""

    name: str
    prepared: Prepared
    server: int
    database: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one load on one deployment: what the generator saw, and CPU seconds a request."""

    load: Load
    server_cpu: float
    database_cpu: float
    raw: float


def over_tls(sqlite: Prepared, requestor: Requestor, directory: Path, rounds: int, requests: int) -> None:
    """Every deployment is loaded in turn, the others idle; the first one with keys, too."""
    with ExitStack() as opened:
        deployments = list(deploy(sqlite, directory, opened))
        idle = family_memory(deployments[0].server)
        figures: dict[tuple[str, int, str], list[Figures]] = {}
        for _ in range(rounds):
            for operation, connections in LOADS:
                say(f"over TLS: {requests} requests to each, {operation}, {connections} connections")
                for deployment in deployments:
                    found = figures.setdefault((operation, connections, deployment.name), [])
                    found.append(loaded(deployment, operation, connections, requests))
            say(f"over TLS: {requests} requests each for tokens with keys")
            for operation, path, bodies in with_keys(requestor, requests):
                found = figures.setdefault((operation, KEYED_CONNECTIONS, deployments[0].name), [])
                found.append(load_with(deployments[0], bodies, KEYED_CONNECTIONS, requests, path=path))
        memory = family_memory(deployments[0].server)
    medians = {key: median_of(found) for key, found in figures.items()}
    print_loads(medians)
    for operation, most in GOALS_OVER_TLS:
        each = medians[operation, KEYED_CONNECTIONS, deployments[0].name]
        print(f"{operation}: {each.server_cpu / each.raw:.2f} raw signatures (goal: at most {most})")
    print(f"\nPSS of the largest process: {max(idle):.0f} MiB before the load, {max(memory):.0f} MiB after the load")
    print(f"ready after: {ready_after(sqlite):.2f} s (median of {STARTS} starts)")


def deploy(sqlite: Prepared, directory: Path, opened: ExitStack) -> Iterator[Deployment]:
    """One and two workers on each kind of database, each SQLite file with one STS and the PostgreSQL one with both."""
    kinds: list[tuple[str, Prepared, int | None]] = [("SQLite", sqlite, None)]
    if programs() is None:
        say("PostgreSQL is not installed here, and left out")
    else:
        postgresql = opened.enter_context(running_postgresql(synchronised=True))
        url = opened.enter_context(postgresql.empty_database())
        folder = directory / "postgresql"
        folder.mkdir()
        kinds.append(("PostgreSQL", prepare(folder, database_url=url), postgresql.pid))
    for kind, prepared, database in kinds:
        two = another_node(prepared, directory / f"{kind}-two")
        for workers, node in (("one worker", prepared), ("two workers", two)):
            set_workers(node, 1 if node is prepared else 2)
            server = opened.enter_context(serving(node))
            deployment = Deployment(f"{kind}, {workers}", node, server.pid, database)
            loaded(deployment, "Issue", 8, WARMING)
            yield deployment


def with_keys(requestor: Requestor, count: int) -> Iterator[tuple[str, str, Sequence[bytes]]]:
    """What is asked for, where, and the requests."""
    now = datetime.now(UTC)
    for name, body in keyed_requests(now).items():
        yield f"Issue, {name}", PATH, [body]
    yield f"Issue, {MIXED}", path_of(MIXED), requestor.write(MIXED, count, now=now)


def loaded(deployment: Deployment, operation: str, connections: int, requests: int) -> Figures:
    prepared = deployment.prepared
    body = envelope(messages.issue(), now=datetime.now(UTC))
    if operation == "Validate":
        token = prepared.ask("POST", PATH, body, content_type=messages.content_type()).body
        body = envelope(messages.validate(assertion(token)), now=datetime.now(UTC))
    return load_with(deployment, [body], connections, requests)


def load_with(
    deployment: Deployment, bodies: Sequence[bytes], connections: int, requests: int, *, path: str = PATH
) -> Figures:
    prepared, raw = deployment.prepared, raw_signature()
    pids = [deployment.server, *([] if deployment.database is None else [deployment.database])]
    before = [family_cpu(pid) for pid in pids]
    seen = load(
        port=prepared.port, ca=prepared.ca, path=path, bodies=bodies, connections=connections, requests=requests
    )
    server, *database = ((family_cpu(pid) - began) / requests for pid, began in zip(pids, before, strict=True))
    return Figures(load=seen, server_cpu=server, database_cpu=sum(database), raw=(raw + raw_signature()) / 2)


def median_of(found: Sequence[Figures]) -> Figures:
    return Figures(
        load=median_load([each.load for each in found]),
        server_cpu=statistics.median(each.server_cpu for each in found),
        database_cpu=statistics.median(each.database_cpu for each in found),
        raw=statistics.median(each.raw for each in found),
    )


def print_loads(medians: dict[tuple[str, int, str], Figures]) -> None:
    columns = f"{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'raw signatures':>16}{'database, us':>14}"
    print(f"\n{'over TLS, keep-alive':<60}{columns}{'generator, us':>15}")
    for (operation, connections, name), each in medians.items():
        print(
            f"{f'{operation}, {connections} connections, {name}':<60}{each.load.per_second:>10.0f}"
            f"{each.load.p50:>9.1f}{each.load.p99:>9.1f}{each.server_cpu * 1e6:>9.0f}"
            f"{each.server_cpu / each.raw:>16.2f}{each.database_cpu * 1e6:>14.0f}{each.load.own_cpu * 1e6:>15.0f}"
        )
    print()
    for operation, connections in LOADS:
        rates = {
            name: each.load.per_second
            for (asked, at_once, name), each in medians.items()
            if (asked, at_once) == (operation, connections)
        }
        for one, other in COMPARED:
            if one in rates and other in rates:
                ratio = rates[one] / rates[other]
                print(f"{operation}, {connections} connections: {one} / {other}, answers a second: {ratio:.2f}")


def ready_after(prepared: Prepared) -> float:
    """Seconds from the start of the process until /readyz says yes."""
    starts = []
    for _ in range(STARTS):
        began = time.perf_counter()
        with serving(prepared):
            starts.append(time.perf_counter() - began)
    return statistics.median(starts)


if __name__ == "__main__":
    main()
