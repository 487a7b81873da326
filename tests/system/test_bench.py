"""`make bench` measures what it says, as far as one short round in one process shows it."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.protected import POLICIES

ROOT = Path(__file__).parent.parent.parent


def test_a_short_round_in_process_gives_every_figure() -> None:
    arguments = ["--rounds", "1", "--tokens", "1", "--rounds-over-tls", "0"]
    bench = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert bench.returncode == 0, bench.stdout + bench.stderr
    measured = [line.rsplit(maxsplit=4)[0] for line in bench.stdout.splitlines() if re.search(r"( +[\d.]+){4}$", line)]
    for policy in POLICIES:
        assert f"Issue, everything on, {policy}" in measured
