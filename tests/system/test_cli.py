"""The operator's program: its help, how it finds its configuration, and how it refuses."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from tests.system.operating import call
from wstrust_sts.cli.main import COMMANDS, commands


def test_help_is_quick_because_it_imports_nothing_heavy():
    heavy = "{'sqlalchemy', 'lxml', 'cryptography', 'spyne', 'zeep', 'uvloop', 'argon2', 'alembic', 'signxml'}"
    script = (
        f"import sys; from wstrust_sts.cli.main import run; run(['--help']); print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from leaves(command.get_command(context, each), f"{name} {each}".strip())
    else:
        yield name, command


@pytest.mark.parametrize("name", [name for name, _ in leaves(commands)])
def test_every_help_teaches_with_an_example(name):
    done = call(*name.split(), "--help")
    assert done.status == 0
    assert "Example" in done.out
    assert f"wstrust-sts {name}" in done.out


def test_the_overview_names_every_command_with_its_summary():
    overview = call("--help").out
    assert all(f"  {name}  " in overview and entry.summary in overview for name, entry in COMMANDS.items())


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["user"], ["user", "add"], ["user", "list", "--nonsense"], ["apply"], ["init"], ["demo", "a", "b"]],
)
def test_wrong_use_is_status_2(arguments, sts):
    assert call(*arguments).status == 2


def test_a_missing_configuration_is_status_1_and_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WSTRUST_STS_CONFIG", raising=False)
    done = call("user", "list")
    assert done.status == 1
    assert "wstrust-sts init" in done.err
    assert call("user", "list", "--config", tmp_path / "elsewhere.toml").status == 1


def test_the_configuration_is_found_here_in_the_environment_or_by_option(directory, tmp_path, monkeypatch):
    monkeypatch.delenv("WSTRUST_STS_CONFIG", raising=False)
    assert call("user", "list", "--config", directory).status == 0
    monkeypatch.chdir(directory)
    assert call("user", "list").status == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WSTRUST_STS_CONFIG", str(directory / "sts.toml"))
    assert call("user", "list").status == 0


def test_every_problem_of_a_configuration_is_told_at_once(sts, directory):
    with (directory / "sts.toml").open("a") as file:
        file.write("levle = 1\n[server2]\n")
    done = sts("serve")
    assert done.status == 1
    assert "2 problems" in done.err
    assert 'did you mean "level"' in done.err


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 but not really" * 100])
def test_a_database_that_is_none_is_a_message(sts, directory, content):
    (directory / "sts.db").write_bytes(content)
    done = sts("user", "list")
    assert done.status == 1
    assert done.err.startswith("Error: The database")


def test_an_unexpected_failure_is_a_message_without_its_text(monkeypatch, sts):
    def fail(*_: object) -> None:
        raise KeyError("s3cret")

    monkeypatch.setattr("wstrust_sts.cli.user.require_realm", fail)
    done = sts("user", "list")
    assert done.status == 1
    assert "unexpected KeyError" in done.err
    assert "s3cret" not in done.err


def test_no_command_takes_a_password_as_an_argument():
    for name, command in leaves(commands):
        assert not {"--password", "-p"} & {option for parameter in command.params for option in parameter.opts}, name
