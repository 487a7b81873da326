"""The figures of `make bench`, in one run: each beside raw RSA-2048 signatures, because machines are noisy.

CPU times are this process's (in process) or the server's (over TLS); rounds are interleaved and medians printed.
A ratio of 0.4 in process means: 0.4 tokens for each raw signature the same CPU could have made.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests import messages
from tests.harness import Sts
from tests.running import Prepared, prepare, serving
from wstrust_sts import log, ns
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import Handler, Request, Response, settled
from wstrust_sts.config import load_config

PATH = "/trust/13/usernamemixed"
USER, PASSWORD = "alice", "clarinet"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds in process (default 5)")
    parser.add_argument("--tokens", type=int, default=400, help="tokens a round in process (default 400)")
    parser.add_argument("--requests", type=int, default=3000, help="requests at each load over TLS (default 3000)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes in process, and stop")
    options = parser.parse_args()
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sts-bench-")))
        say("preparing a database, a PKI and an account")
        prepared = prepare(directory)
        if options.profile:
            profile(prepared, options.tokens)
            return
        in_process(prepared, options.rounds, options.tokens)
        over_tls(prepared, options.requests)


def say(line: str) -> None:
    print(f"bench: {line}", flush=True)


# -- in process ---------------------------------------------------------------------------------------------


def in_process(prepared: Prepared, rounds: int, tokens: int) -> None:
    say(f"in process: {rounds} rounds of {tokens} tokens, interleaved")
    with quiet_log(), open_application(load_config(prepared.config)) as application:
        sts = Sts()
        memory, whole = sts.application.handle, application.handle
        asked = envelope(messages.issue(), now=sts.clock.now)
        token = settled(memory(request(asked))).body
        validation = envelope(messages.validate(assertion(token)), now=sts.clock.now)
        real = envelope(messages.issue(), now=datetime.now(UTC))
        measured: dict[str, Callable[[int], float]] = {
            "raw RSA-2048 signature": raw_signature,
            "Issue, in-memory stores": lambda n: cpu(lambda: memory(request(asked)), n),
            "Validate, in-memory stores": lambda n: cpu(lambda: memory(request(validation)), n),
            "Issue, everything on, one by one": lambda n: cpu_under_way(whole, real, n, at_once=1),
            "Issue, everything on, 8 under way": lambda n: cpu_under_way(whole, real, n, at_once=8),
        }
        for measure in measured.values():
            measure(50)
        figures: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(rounds):
            for name, measure in measured.items():
                figures[name].append(measure(tokens))
    raw = statistics.median(figures["raw RSA-2048 signature"])
    print(f"\n{'in process, CPU':<36}{'microseconds':>14}{'a second':>12}{'of the raw limit':>18}")
    for name, values in figures.items():
        median = statistics.median(values)
        print(f"{name:<36}{median * 1e6:>14.0f}{1 / median:>12.0f}{raw / median:>18.2f}")
    print(flush=True)


@contextmanager
def quiet_log() -> Iterator[None]:
    """The log written as in production, to where nobody looks."""
    with open(os.devnull, "wb") as sink:
        log.configure(format="text", level="info", descriptor=sink.fileno())
        yield


def request(body: bytes) -> Request:
    return Request(
        method="POST", path=PATH, headers={"content-type": messages.content_type()}, body=body, source="127.0.0.1"
    )


def granted(handler: Handler, body: bytes) -> None:
    demand_token(settled(handler(request(body))))


def demand_token(response: Response) -> None:
    if response.status != 200:
        raise SystemExit(f"not a token: {response.body[:600]!r}")


def envelope(body: str, *, now: datetime) -> bytes:
    return messages.envelope(
        body,
        messages.addressing(f"{ns.WST13}/RST/{'Issue' if '/Issue<' in body else 'Validate'}"),
        messages.security(messages.timestamp(now), messages.username_token(USER, PASSWORD)),
    ).encode()


def assertion(answer: bytes) -> str:
    return answer[answer.index(b"<saml2:Assertion") : answer.index(b"</saml2:Assertion>") + 18].decode()


def cpu(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def cpu_under_way(handler: Handler, body: bytes, times: int, *, at_once: int) -> float:
    """As the server's front does it: answers wait for their transaction while the next requests are worked on."""
    began = time.process_time()
    waiting: deque[Response] = deque()
    for _ in range(times):
        waiting.append(handler(request(body)))
        if len(waiting) == at_once:
            demand_token(settled(waiting.popleft()))
    while waiting:
        demand_token(settled(waiting.popleft()))
    return (time.process_time() - began) / times


def profile(prepared: Prepared, tokens: int) -> None:
    """Where the time goes in one thread, the database writer's thread left out."""
    import cProfile
    import pstats

    with quiet_log(), open_application(load_config(prepared.config)) as application:
        real = envelope(messages.issue(), now=datetime.now(UTC))
        granted(application.handle, real)
        with cProfile.Profile() as recording:
            for _ in range(tokens):
                granted(application.handle, real)
    pstats.Stats(recording).sort_stats("tottime").print_stats(45)


# -- over TLS ------------------------------------------------------------------------------------------------


def over_tls(prepared: Prepared, requests: int) -> None:
    one_worker(prepared.config)
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        with serving(prepared):
            starts.append(time.perf_counter() - began)
    with serving(prepared) as server:
        body = envelope(messages.issue(), now=datetime.now(UTC))
        token = prepared.ask("POST", PATH, body, content_type=messages.content_type()).body
        validation = envelope(messages.validate(assertion(token)), now=datetime.now(UTC))
        idle = pss(server.pid)
        rows = []
        for name, octets, connections in (
            ("Issue", body, 1),
            ("Issue", body, 8),
            ("Issue", body, 32),
            ("Validate", validation, 8),
        ):
            say(f"over TLS: {requests} requests, {name}, {connections} connections")
            raw = raw_signature()
            before = server_cpu(server.pid)
            figures = load(prepared, connections, requests, octets)
            spent = (server_cpu(server.pid) - before) / requests
            raw = (raw + raw_signature()) / 2
            rows.append((f"{name}, {connections} connections", figures, spent, raw))
        loaded = pss(server.pid)
    columns = f"{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'raw signatures':>16}"
    print(f"\n{'over TLS, keep-alive, one worker':<36}{columns}")
    for name, figures, spent, raw in rows:
        print(
            f"{name:<36}{figures['per_second']:>10.0f}{figures['p50']:>9.1f}{figures['p99']:>9.1f}"
            f"{spent * 1e6:>9.0f}{spent / raw:>16.2f}"
        )
    print(f"\nPSS of a worker: {idle:.0f} MiB after the first token, {loaded:.0f} MiB after the load")
    print(f"ready after: {statistics.median(starts):.2f} s (median of {len(starts)} starts)")


def one_worker(config: Path) -> None:
    text = config.read_text()
    lines = [line for line in text.splitlines() if not line.replace(" ", "").startswith("workers=")]
    lines.insert(lines.index("[server]") + 1, "workers = 1")
    config.write_text("\n".join(lines) + "\n")


def load(prepared: Prepared, connections: int, requests: int, body: bytes) -> dict[str, float]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.load",
            *map(str, (prepared.port, prepared.ca, connections, requests, PATH)),
        ],
        input=body,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the load failed: {done.stderr.decode()[-800:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def raw_signature(times: int = 400) -> float:
    key = rsa.generate_private_key(65537, 2048)
    return cpu(lambda: key.sign(b"x" * 400, padding.PKCS1v15(), hashes.SHA256()), times)


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    below = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(member for child in below for member in family(child))]


def server_cpu(pid: int) -> float:
    """CPU seconds, user and system, of the server's processes."""
    ticks = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss(pid: int) -> float:
    """MiB of the largest of the server's processes."""
    sizes = []
    for member in family(pid):
        rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        sizes.append(int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1024)
    return max(sizes)


if __name__ == "__main__":
    main()
