"""`check` and files: who may read, change and replace them; and the clock, by their dates."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wstrust_sts.cli.checks.clock import check_clock, check_clock_of_keys
from wstrust_sts.cli.checks.files import check_files, private, unchangeable
from wstrust_sts.config import AuthenticationSection, Config, SecretsSection, ServerSection
from wstrust_sts.keys import AesGcmSecretBox, make_signing_key


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "sts").mkdir(mode=0o700)
    for each, mode in (("sts.toml", 0o644), ("key-encryption.key", 0o600), ("sts.db", 0o600)):
        (tmp_path / "sts" / each).touch()
        (tmp_path / "sts" / each).chmod(mode)
    return tmp_path / "sts"


def config(directory: Path, **more) -> Config:
    return Config(
        server=ServerSection(public_url="https://sts.example.test"),
        secrets=SecretsSection(key_encryption_key_file=directory / "key-encryption.key"),
        file=directory / "sts.toml",
        **more,
    )


def told(findings):
    return [("warning " if each.warning else "fault ") + each.problem.what for each in findings]


def test_files_as_init_leaves_them_are_sound(directory):
    assert told(check_files(config(directory), directory / "sts.db")) == []


def test_whoever_may_change_the_configuration_may_change_everything(directory):
    (directory / "sts.toml").chmod(0o666)
    ((what),) = told(check_files(config(directory), None))
    assert what.startswith("fault can be changed by everybody (mode 0666")
    (directory / "sts.toml").chmod(0o664)
    ((what),) = told(check_files(config(directory), None))
    assert what.startswith("warning can be changed by a group (mode 0664")


def test_a_file_in_a_folder_of_everybodys_can_be_replaced(directory):
    directory.chmod(0o777)
    found = told(check_files(config(directory), directory / "sts.db"))
    assert found
    assert all(what.startswith("fault can be replaced by everybody") for what in found)
    directory.chmod(0o1777)  # as /tmp: others' files stay theirs
    assert told(private(directory / "sts.db")) == []


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_database_that_others_can_read_is_a_fault(directory, suffix):
    (directory / f"sts.db{suffix}").touch()
    (directory / f"sts.db{suffix}").chmod(0o640)
    ((what),) = told(check_files(config(directory), directory / "sts.db"))
    assert what == "fault can be read by others (mode 0640)"


def test_what_is_not_there_is_told_elsewhere(tmp_path):
    assert told(private(tmp_path / "nothing")) == []
    assert told(unchangeable(tmp_path / "nowhere" / "nothing")) == []
    assert told(check_files(config(tmp_path), tmp_path / "sts.db")) == []


def test_a_clock_before_the_files_is_wrong(directory):
    written = datetime(2031, 1, 1, tzinfo=UTC)
    os.utime(directory / "sts.toml", (written.timestamp(), written.timestamp()))
    assert told(check_clock(config(directory), written)) == []
    assert "and" in told(check_clock(config(directory), written - timedelta(hours=1)))[0]


def test_a_clock_before_the_signing_key_is_wrong():
    made = datetime(2026, 11, 23, tzinfo=UTC)
    key = make_signing_key("default", algorithm="ec-p256", name="x", now=made, box=AesGcmSecretBox(bytes(32)))
    assert told(check_clock_of_keys("realm default", [key], made)) == []
    assert told(check_clock_of_keys("realm default", [], made)) == []
    assert len(told(check_clock_of_keys("realm default", [key], made - timedelta(minutes=10)))) == 1


def test_a_wide_skew_is_a_warning(directory):
    wide = config(directory, authentication=AuthenticationSection(clock_skew=timedelta(minutes=30)))
    ((what),) = told(check_clock(wide, datetime.now(UTC)))
    assert what.startswith("warning 0:30:00 lets old messages in")
