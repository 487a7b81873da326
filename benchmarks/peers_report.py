"""What `make bench-peers` found, as a page (docs/peers.md) and as a plot (docs/peers.svg)."""

import platform
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cxf_sts import CXF_VERSION, HEAP
from benchmarks.measures import CORES, Load
from benchmarks.plot import Panel, draw
from wstrust_sts import __version__

CXF, ONE, TWO = "CXF", "ours, one worker", "ours, two workers"
NAMES = (CXF, ONE, TWO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one load: what the generator saw, the server's CPU seconds a request, and the part of the machine's
    processors that neither of the two used but somebody else.
    """

    load: Load
    cpu: float
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """`loads` by exchange, connections and contender, in the order of the tables, Issue at 8 connections among them.

    `ready` in seconds; `idle` and `loaded` in MiB, of all processes together; `raw` in CPU seconds a signature.
    """

    loads: dict[tuple[str, int, str], Figures]
    issue: str  # the exchange that the aims are about
    ready: dict[str, float]
    idle: dict[str, float]
    loaded: dict[str, float]
    raw: float
    rounds: int
    requests: int
    warming: int

    @property
    def others(self) -> tuple[float, float]:
        """The least and the most that somebody else used."""
        found = [figures.others for figures in self.loads.values()]
        return min(found), max(found)


_CROWDED = """: on so
crowded a machine answer times and start are longer, workers cannot add to each other, and a JVM, whose compiler is one
more program in the queue, has warmed up less than on a quiet one"""

_PAGE = """\
# Beside the STS of Apache CXF

`make bench-peers` measures both in one run on one machine, and writes this page. {date}, wstrust-sts {version},
Apache CXF {cxf}; {python}, {openssl}; {java}; {machine}.

![The figures below as bars](peers.svg)

{tables}## Start and memory

| | first token after | memory (PSS) after the first token | after all loads |
|---|---|---|---|
{processes}
Memory is that of all processes of a server together, the parent's of our workers included.

## The aims

At 8 connections, Issue:

| aim | found | |
|---|---|---|
{aims}
## How to read it

The load generator and the server share the {cores} cores of the machine, and the generator needs {generator:.2f} ms of
processor time for each request. So **the processor time a token is the honest measure**: answers a second and answer
times also say how much of the machine the generator left, and two workers cannot be twice as fast as one there.
Processor time is also given in raw RSA-2048 signatures of OpenSSL on this machine ({raw:.2f} ms each), since each token
needs one.

Other programs used {least:.0%} to {most:.0%} of the processors meanwhile{crowded}.

What is equal: the same requests and generator, TLS by the same certificate with connections kept alive, the same policy
document (`policies/usernamemixed.xml`), an account that proves itself by a password, one registered relying party,
SAML 2.0 bearer assertions with an authentication statement and three attributes, RSA-2048 with SHA-256. CXF runs on its
own Jetty with a heap of {heap}, after {warming} tokens to warm up; `benchmarks/cxf/CxfSts.java` is its whole set-up.
Medians are shown, of {rounds} rounds in which every server in turn got {requests} requests of each kind.

What is not equal, in CXF's favour: it compares passwords as they are, and keeps nothing. Ours checks them against
argon2id hashes (remembered for minutes), reads account and relying party from the database, and answers only after the
token's row in the register and its audit event are on the disk (SQLite with full synchronisation). So our Validate asks
the register whether the token was cancelled; CXF's looks at the signature and the times alone.
"""


def page(results: Results) -> str:
    least, most = results.others
    return _PAGE.format(
        date=datetime.now(UTC).date(),
        version=__version__,
        cxf=CXF_VERSION,
        python=f"Python {platform.python_version()}",
        openssl=" ".join(ssl.OPENSSL_VERSION.split()[:2]),
        java=_java(),
        machine=_machine(),
        tables="".join(_table(results, exchange) for exchange in dict.fromkeys(key[0] for key in results.loads)),
        processes="".join(_process(results, name) for name in NAMES),
        aims=_aims(results),
        cores=CORES,
        generator=results.loads[results.issue, 8, ONE].load.own_cpu * 1000,
        least=least,
        most=most,
        crowded=_CROWDED if most > 0.1 else "",
        raw=results.raw * 1000,
        heap=HEAP,
        warming=f"{results.warming:,}",
        rounds=results.rounds,
        requests=results.requests,
    )


def _table(results: Results, exchange: str) -> str:
    lines = [
        f"## {exchange}\n",
        "| connections | server | CPU ms | raw signatures | tokens a CPU second | answers a second | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (asked, connections, name), figures in results.loads.items():
        if asked == exchange:
            seen = figures.load
            lines.append(
                f"| {connections} | {name} | {figures.cpu * 1000:.2f} | {figures.cpu / results.raw:.1f} "
                f"| {1 / figures.cpu:.0f} | {seen.per_second:.0f} | {seen.p50:.1f} | {seen.p99:.1f} |"
            )
    return "\n".join(lines) + "\n\n"


def _process(results: Results, name: str) -> str:
    return f"| {name} | {results.ready[name]:.1f} s | {results.idle[name]:.0f} MiB | {results.loaded[name]:.0f} MiB |\n"


def _aims(results: Results) -> str:
    cxf, one, two = (results.loads[results.issue, 8, name] for name in NAMES)
    cheaper, memory = cxf.cpu / one.cpu, results.loaded[TWO] / results.loaded[CXF]
    workers = two.load.per_second / one.load.per_second
    slowest = max(one.load.p99, two.load.p99)
    rows = (
        ("at least 3 times CXF's tokens per CPU second", f"{cheaper:.2f} times", cheaper >= 3),
        ("p99 no worse than CXF's", f"{slowest:.0f} ms against {cxf.load.p99:.0f} ms", slowest <= cxf.load.p99),
        ("memory of both workers together at most a third of CXF's", f"{memory:.2f} of it", memory <= 1 / 3),
        ("two workers at least 1.7 times the answers a second of one", f"{workers:.2f} times", workers >= 1.7),
    )
    return "".join(f"| {aim} | {found} | {'met' if met else 'missed'} |\n" for aim, found, met in rows)


def plot(results: Results) -> str:
    loads = dict.fromkeys(connections for exchange, connections, _ in results.loads if exchange == results.issue)

    def panel(title: str, digits: int, value: Callable[[Figures], float]) -> Panel:
        shown = {
            f"{at} connection{'s' * (at > 1)}": [value(results.loads[results.issue, at, name]) for name in NAMES]
            for at in loads
        }
        return Panel(title, shown, digits)

    memory = {
        "after the first token": [results.idle[name] for name in NAMES],
        "after all loads": [results.loaded[name] for name in NAMES],
    }
    return draw(
        title=f"wstrust-sts {__version__} and the STS of Apache CXF {CXF_VERSION}",
        subtitle=f"{results.issue}. {datetime.now(UTC).date()}, {_machine()}, load generator included",
        series=NAMES,
        panels=(
            panel("Processor time a token, ms (less is better)", 2, lambda figures: figures.cpu * 1000),
            panel("Tokens a second (more is better)", 0, lambda figures: figures.load.per_second),
            panel("99th percentile of answer times, ms (less is better)", 0, lambda figures: figures.load.p99),
            Panel("Memory of all processes (PSS), MiB (less is better)", memory),
        ),
    )


def _java() -> str:
    said = subprocess.run(("java", "-version"), capture_output=True, text=True, check=True).stderr.splitlines()
    return said[1].split(" (build ")[0] + " " + said[0].split('"')[1]


def _machine() -> str:
    described = dict(line.partition("\t")[::2] for line in Path("/proc/cpuinfo").read_text().splitlines())
    model = described.get("model name", platform.machine()).strip("\t: ").replace("(R)", "")
    return f"{CORES} cores of {model}"
