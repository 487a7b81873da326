"""The fuzzer in small, as an ordinary test: some inputs for each target, and every input that ever found something.

`make fuzz` does the same for minutes (tests/fuzz).
"""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.attack import ENTRANCES
from tests.cases import each
from tests.fuzz import mutations, seeds
from tests.fuzz.__main__ import main
from tests.fuzz.application import whole_application
from tests.fuzz.campaign import CPU_LIMIT, Campaign, Finding, Series, TooSlow, examine
from tests.fuzz.target import Target, refusing
from tests.fuzz.targets import BY_NAME, target_of
from tests.recorded import BEARER

EXECUTIONS = 150  # beyond the seeds
VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "fuzz").glob("*.bin"))


@pytest.fixture(scope="module", autouse=True)
def _application():
    yield
    whole_application.close()


@each(BY_NAME, "target")
def test_a_changed_input_gets_a_sound_answer(target):
    campaign = Campaign(target, seed=1)
    for _ in range(EXECUTIONS):
        campaign.step()
    assert [(finding.what, finding.traceback) for finding in campaign.findings] == []


def test_what_the_fuzzer_found_once_is_mended():
    findings = [examine(target_of(vector), vector.read_bytes()) for vector in VECTORS]
    assert [finding.traceback for finding in findings if finding is not None] == []


def test_every_vector_says_where_it_comes_from():
    provenance = (Path(__file__).parents[1] / "vectors" / "fuzz" / "README.md").read_text()
    for vector in VECTORS:
        assert f"`{vector.name}`" in provenance


class TestTheSeeds:
    """Mutations start from messages that do something."""

    def test_each_entrance_issues_validates_cancels_and_describes(self):
        for entrance in ENTRANCES:
            here = [request for request in seeds.requests() if request.startswith(f"POST {entrance.path} ".encode())]
            media_type = b"text/xml" if entrance.soap == "1.1" else b"application/soap+xml"
            here = [request for request in here if media_type in request.partition(b"\r\n\r\n")[0]]
            assert {"issued", "valid", "cancelled", "described"} <= set(map(whole_application, here)), entrance

    def test_the_recorded_requests_for_a_bearer_token_get_it(self):
        assert [whole_application(seeds.recorded(name)) for name in BEARER] == ["issued"] * len(BEARER)

    @pytest.mark.parametrize("name", ["saml", "dsig"])
    def test_the_assertions_are_verified(self, name):
        assert {BY_NAME[name].run(assertion) for assertion in seeds.signatures()} == {"accepted"}

    def test_changed_assertions_are_signed_again_so_that_what_is_behind_the_signature_is_reached(self):
        campaign = Campaign(BY_NAME["saml"], seed=1)
        assert sum(campaign.outcomes.values()) == campaign.outcomes["accepted"]
        for _ in range(EXECUTIONS):
            campaign.step()
        assert campaign.outcomes["accepted"] > 10


# -- the fuzzer itself, against readers with a fault ---------------------------------------------------------------


@refusing(ValueError)
def _faulty(octets):
    """Fails where a number is in brackets, which it finds in two steps."""
    before, found, behind = octets.partition(b"[")
    if found and behind[:1].isdigit():
        raise KeyError("a number in brackets")
    if not before:
        raise ValueError("nothing in front")


FAULTY = Target(name="faulty", run=_faulty, seeds=lambda: (b"one two three 4 five", b"six 7"), mutate=mutations.text)


def _first_finding(target, *, seed=1):
    campaign = Campaign(target, seed=seed)
    for _ in range(20_000):
        campaign.step()
        if campaign.findings:
            return campaign.findings[0], campaign.executions
    raise AssertionError("nothing found")


def test_a_fault_is_found_and_made_small():
    finding, _ = _first_finding(FAULTY)
    assert finding.what == "KeyError: 'a number in brackets'"
    assert len(finding.octets) == 2


def test_the_same_seed_finds_the_same_with_the_same_inputs():
    assert _first_finding(FAULTY, seed=5) == _first_finding(FAULTY, seed=5)


def test_an_input_that_takes_long_is_a_finding():
    def spin(octets):
        end = time.process_time() + CPU_LIMIT
        while time.process_time() < end:
            pass
        return "done"

    finding = examine(Target(name="slow", run=spin, seeds=tuple, mutate=mutations.text), b"x")
    assert finding is not None
    assert finding.what.startswith(TooSlow.__name__)


def test_findings_are_written_down_and_nothing_else_is_left(tmp_path):
    told: list[tuple[Finding, Path]] = []
    target = replace(FAULTY, seeds=lambda: (b"a [1 b",))
    series = Series([target], seed=1, folder=tmp_path, found=lambda finding, path: told.append((finding, path)))
    series.run(0.1, progress=lambda: None)
    series.close()
    ((finding, path),) = told
    assert path.read_bytes() == finding.octets
    assert list(tmp_path.iterdir()) == [path]


def test_a_finding_is_replayed_by_one_command(tmp_path):
    sound = tmp_path / "times.0.bin"
    sound.write_bytes(b"2026-11-23T12:00:00Z")
    answer = CliRunner().invoke(main, ["--replay", str(sound)])
    assert (answer.exit_code, answer.output) == (0, "nothing wrong\n")


def test_a_short_run_of_one_target_ends_by_itself_and_tells_its_seed(tmp_path):
    answer = CliRunner().invoke(
        main, ["--minutes", "0.01", "--seed", "7", "--target", "times", "--findings", str(tmp_path)]
    )
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("seed 7\n")
    assert "0 found" in answer.output.splitlines()[-1]
