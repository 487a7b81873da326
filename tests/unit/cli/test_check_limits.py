"""`check` and what the system allows a process."""

from pathlib import Path

from wstrust_sts.cli.checks.limits import check_limits
from wstrust_sts.config import Config, SecretsSection, ServerSection

CONFIG = Config(
    server=ServerSection(public_url="https://sts.example.test"),
    secrets=SecretsSection(key_encryption_key_file=Path("/etc/key")),
)


def test_enough_files_are_no_finding():
    assert list(check_limits(CONFIG, allowed=1128, needed=1128)) == []


def test_too_few_files_are_a_warning_that_says_how_many_are_needed():
    (finding,) = check_limits(CONFIG, allowed=1024, needed=1128)
    assert finding.warning
    assert "may open 1024 files" in finding.problem.what
    assert "LimitNOFILE" in finding.problem.fix
    assert "1128" in finding.problem.fix
