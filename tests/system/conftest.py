"""Which of the system tests can run here, and a demo STS that has been made and not started."""

import shutil
from pathlib import Path

import pytest

from tests.postgresql import programs
from tests.system.operating import Sts, call

collect_ignore = [] if programs() else ["test_postgresql.py"]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test has a copy."""
    directory = tmp_path_factory.mktemp("pristine") / "sts"
    assert call("init", directory, "--demo").status == 0
    return directory


@pytest.fixture
def directory(pristine: Path, tmp_path: Path) -> Path:
    """A demo STS of its own; SQLite's journal is empty after init, so files can be copied."""
    return Path(shutil.copytree(pristine, tmp_path / "sts"))


@pytest.fixture
def sts(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Sts:
    """Runs a command for that STS."""
    monkeypatch.setenv("WSTRUST_STS_CONFIG", str(directory / "sts.toml"))
    return call
