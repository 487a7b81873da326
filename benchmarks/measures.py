"""What is measured, and in what: processor time and memory of processes from /proc, and raw RSA-2048 signatures."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CORES = len(os.sched_getaffinity(0))
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of `load.py` found. Times in milliseconds; `own_cpu` is the generator's, in seconds a request."""

    per_second: float
    p50: float
    p99: float
    own_cpu: float


def say(line: str) -> None:
    print(f"bench: {line}", flush=True)


def end_tidily() -> None:
    """Whoever is told to end stops the servers that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def load(
    *, port: int, ca: Path, path: str, bodies: Sequence[bytes], connections: int, requests: int, patience: float = 300
) -> Load:
    """So many requests over keep-alive TLS connections, with these bodies in turn.

    Ends the program when one answer is not what was asked for.
    """
    arguments = (port, ca, connections, requests, path)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *map(str, arguments)],
        input=b"".join(b"%d\n%b" % (len(body), body) for body in bodies),
        capture_output=True,
        check=False,
        timeout=patience,
    )
    if done.returncode:
        raise SystemExit(f"the load failed: {done.stderr.decode()[-800:]}")
    return Load(**json.loads(done.stdout))


def median_load(loads: Sequence[Load]) -> Load:
    """Field by field."""
    return Load(*(statistics.median(values) for values in zip(*map(astuple, loads), strict=True)))


def cpu(call: Callable[[], object], times: int) -> float:
    """CPU seconds of this process a call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def raw_signature(times: int = 400) -> float:
    """CPU seconds of one RSA-2048 signature."""
    key = rsa.generate_private_key(65537, 2048)
    return cpu(lambda: key.sign(b"x" * 400, padding.PKCS1v15(), hashes.SHA256()), times)


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    below = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(member for child in below for member in family(child))]


def family_cpu(pid: int) -> float:
    """CPU seconds, user and system, of the process, its descendants, and those of them that have ended."""
    ticks = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def family_memory(pid: int) -> list[float]:
    """The PSS of the process and of each of its descendants, in MiB."""
    return [_pss(member) for member in family(pid)]


def _pss(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1024


def machine_cpu() -> float:
    """CPU seconds that the whole machine has been busy, with whatever program."""
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + stolen) / _TICKS
