"""The figures of `make bench-peers`: this STS and that of Apache CXF, set up equally, in one run on one machine.

Rounds are interleaved, the others idle meanwhile; medians are kept. Writes docs/peers.md and docs/peers.svg.
Another way of asking is another row of EXCHANGES: its policy document is what both servers enforce.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

from benchmarks.cxf_sts import ask_cxf, prepare_cxf, serving_cxf
from benchmarks.measures import (
    CORES,
    end_tidily,
    family_cpu,
    family_memory,
    load,
    machine_cpu,
    median_load,
    raw_signature,
    say,
)
from benchmarks.peers_report import CXF, ONE, TWO, Figures, Results, page, plot
from benchmarks.protected import Requestor, known_requestor, path_of, recipient_of
from benchmarks.requests import PATH, assertion, envelope
from tests import messages
from tests.running import Prepared, another_node, prepare, serving, set_workers

DOCUMENTS = Path(__file__).parents[1] / "docs"
POLICIES = Path(__file__).parents[1] / "policies"
STARTS = 3
PORTION = 2000  # tokens


@dataclass(frozen=True, slots=True)
class Exchange:
    """One way of asking. `policy` is the document's name; CXF serves it at /sts/ and that name."""

    name: str
    policy: str
    path: str  # of ours
    connections: tuple[int, ...]
    write: "Callable[[Contender, int], Sequence[bytes]]"  # what is sent so often, good for the next minutes


def issue(_contender: "Contender", _count: int) -> Sequence[bytes]:
    return [issue_now()]


def validate(contender: "Contender", _count: int) -> Sequence[bytes]:
    token = assertion(contender.ask(EXCHANGES[0], issue_now()))
    return [envelope(messages.validate(token), now=datetime.now(UTC))]


def issue_username(contender: "Contender", count: int) -> Sequence[bytes]:
    return contender.requestor.write("username", count, now=datetime.now(UTC))


def issue_certificate(contender: "Contender", count: int) -> Sequence[bytes]:
    return contender.requestor.write("certificate", count, now=datetime.now(UTC))


EXCHANGES = (
    Exchange("Issue, password over TLS, SAML 2.0 bearer", "usernamemixed", PATH, (1, 8, 32), issue),
    Exchange("Validate of its own token, password over TLS", "usernamemixed", PATH, (8,), validate),
    Exchange("Issue, password, symmetric binding", "username", path_of("username"), (8,), issue_username),
    Exchange("Issue, certificate, asymmetric binding", "certificate", path_of("certificate"), (8,), issue_certificate),
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be started, and be asked once it runs."""

    name: str
    start: Callable[[], AbstractContextManager["Popen[bytes]"]]
    port: int
    ca: Path
    requestor: Requestor
    path: Callable[[Exchange], str]
    ask: Callable[[Exchange, bytes], bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--requests", type=int, default=1500, help="requests of each load (default 1500)")
    parser.add_argument("--warming", type=int, default=30_000, help="tokens before CXF is measured (default 30000)")
    options = parser.parse_args()
    end_tidily()
    with tempfile.TemporaryDirectory(prefix="sts-peers-") as directory:
        contenders = list(make_contenders(Path(directory)))
        results = measure(contenders, options.rounds, options.requests, options.warming)
    (DOCUMENTS / "peers.md").write_text(page(results))
    (DOCUMENTS / "peers.svg").write_text(plot(results))
    print(page(results))


def make_contenders(directory: Path) -> Iterator[Contender]:
    say("preparing ours and CXF's")
    one = prepare(directory)
    requestor = known_requestor(one, directory / "requestor")
    two = another_node(one, directory / "two")
    policies = [POLICIES / f"{name}.xml" for name in sorted({exchange.policy for exchange in EXCHANGES})]
    cxf = prepare_cxf(directory / "cxf", tls=one, policies=policies)
    cxf.trust(directory / "requestor" / "own.pem")
    yield Contender(
        CXF,
        lambda: serving_cxf(cxf),
        cxf.port,
        cxf.ca,
        replace(requestor, recipient=recipient_of(cxf.message_certificate)),
        lambda exchange: f"/sts/{exchange.policy}",
        lambda exchange, body: ask_cxf(cxf, f"/sts/{exchange.policy}", body, messages.content_type()),
    )
    for name, workers, prepared in ((ONE, 1, one), (TWO, 2, two)):
        set_workers(prepared, workers)
        yield ours(name, prepared, requestor)


def ours(name: str, prepared: Prepared, requestor: Requestor) -> Contender:
    def ask(exchange: Exchange, body: bytes) -> bytes:
        return prepared.ask("POST", exchange.path, body, content_type=messages.content_type()).body

    return Contender(
        name, lambda: serving(prepared), prepared.port, prepared.ca, requestor, lambda exchange: exchange.path, ask
    )


def measure(contenders: Sequence[Contender], rounds: int, requests: int, warming: int) -> Results:
    ready = {contender.name: first_token_after(contender) for contender in contenders}
    with ExitStack() as opened:
        pids = {contender.name: opened.enter_context(contender.start()).pid for contender in contenders}
        for contender in contenders:
            contender.ask(EXCHANGES[0], issue_now())
        idle = {name: sum(family_memory(pid)) for name, pid in pids.items()}
        for contender in contenders:
            portions = -(-warming // PORTION) if contender.name == CXF else 1
            say(f"warming {contender.name} with {portions * PORTION} tokens")
            for _ in range(portions):  # a request ages
                loaded(contender, pids[contender.name], EXCHANGES[0], 8, PORTION)
        found: dict[tuple[str, int, str], list[Figures]] = {}
        raw = []
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            raw.append(raw_signature())
            for exchange in EXCHANGES:
                for connections in exchange.connections:
                    for contender in contenders:
                        figures = loaded(contender, pids[contender.name], exchange, connections, requests)
                        found.setdefault((exchange.name, connections, contender.name), []).append(figures)
        memory = {name: sum(family_memory(pid)) for name, pid in pids.items()}
    return Results(
        loads={key: median_of(values) for key, values in found.items()},
        ready=ready,
        idle=idle,
        loaded=memory,
        raw=statistics.median(raw),
        issue=EXCHANGES[0].name,
        rounds=rounds,
        requests=requests,
        warming=warming,
    )


def issue_now() -> bytes:
    return envelope(messages.issue(), now=datetime.now(UTC))


def first_token_after(contender: Contender) -> float:
    """Seconds from the start of the process to its first token."""
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        with contender.start():
            assertion(contender.ask(EXCHANGES[0], issue_now()))
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def loaded(contender: Contender, pid: int, exchange: Exchange, connections: int, requests: int) -> Figures:
    bodies = exchange.write(contender, requests)
    began, used, busy, mine = time.perf_counter(), family_cpu(pid), machine_cpu(), sum(os.times()[:4])
    seen = load(
        port=contender.port,
        ca=contender.ca,
        path=contender.path(exchange),
        bodies=bodies,
        connections=connections,
        requests=requests,
    )
    seconds, used, busy = time.perf_counter() - began, family_cpu(pid) - used, machine_cpu() - busy
    others = max(0.0, busy - used - (sum(os.times()[:4]) - mine))
    return Figures(load=seen, cpu=used / requests, others=others / (seconds * CORES))


def median_of(found: Sequence[Figures]) -> Figures:
    return Figures(
        load=median_load([each.load for each in found]),
        cpu=statistics.median(each.cpu for each in found),
        others=statistics.median(each.others for each in found),
    )


if __name__ == "__main__":
    main()
