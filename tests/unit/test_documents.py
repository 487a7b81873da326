"""The documents are held against the code: commands, options, files, tests, keys and links that they name exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from wstrust_sts import __version__
from wstrust_sts.cli.main import commands
from wstrust_sts.config import Config
from wstrust_sts.declaration import DeclarationFile
from wstrust_sts.storage.migrate import HEAD
from wstrust_sts.strict_toml import keys_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[a-z]*/README.md")])
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
FOLDERS = (ROOT, ROOT / "wstrust_sts")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_lines(text: str) -> Iterator[str]:
    """The lines of code blocks, indented or fenced, with continued lines joined and comments gone."""
    fenced = False
    joined = ""
    for line in text.splitlines():
        if line.strip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            joined += line.strip().removesuffix("\\")
            if not line.endswith("\\"):
                yield joined
                joined = ""


def inline_code(text: str) -> list[str]:
    text = re.sub(r"(?ms)^\s*```.*?^\s*```", "", text)
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", text)]


def invocations(text: str) -> Iterator[list[str]]:
    """The arguments of every `wstrust-sts` command line."""
    lines = [part for line in code_lines(text) for part in re.split(r"[|;&]+|\$\(", line)]
    for line in [*lines, *inline_code(text)]:
        found = re.match(r"\s*(?:(?:.* )?(?:sudo -u|exec) \S+ |\w+=)?(?:\S*/)?wstrust-sts (.+)$", line)
        if found:
            yield shlex.split(re.split(r"\s[<>]|\s\(", found[1])[0], comments=True)


def check_invocation(arguments: list[str]) -> None:
    """Raises AssertionError, or click's UsageError, for what the program would not take."""
    command: click.Command = commands
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, f"there is no command {rest[0]}"
        command = found
        rest.pop(0)
    if isinstance(command, click.Group):
        return
    given, left, _ = command.make_parser(click.Context(command)).parse_args(rest)
    assert not left, f"too many arguments: {left}"
    for parameter in command.params:
        value = given.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, None)


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def every(find) -> list:
    """Test parameters: what `find` finds in each document, with the document's name."""
    return [
        pytest.param(found, id=f"{name_of(document)}: {str(found)[:60]}")
        for document in DOCUMENTS
        for found in dict.fromkeys(map(str, find(read(document))))
    ]


@pytest.mark.parametrize("line", every(lambda text: map(shlex.join, invocations(text))))
def test_a_command_line_is_one_that_the_program_takes(line):
    check_invocation(shlex.split(line))


def every_command(command: click.Command) -> Iterator[click.Command]:
    """It and all below it."""
    yield command
    if not isinstance(command, click.Group):
        return
    for each in command.list_commands(click.Context(command)):
        yield from every_command(command.get_command(click.Context(command), each))


@pytest.mark.parametrize(
    "command", list(every_command(commands)), ids=lambda command: f"{command.callback.__module__} {command.name}"
)
def test_the_examples_of_every_help_are_ones_that_the_program_takes(command):
    found = list(invocations("\n".join(f"    {line}" for line in command.epilog.splitlines())))
    assert found
    for arguments in found:
        check_invocation(arguments)


@pytest.mark.parametrize(
    "line", ["nonsense", "user nonsense", "check --nonsense", "init a b", "token request --soap 1.3", "apply -f"]
)
def test_what_the_program_does_not_take_is_found(line):
    with pytest.raises((AssertionError, click.UsageError)):
        check_invocation(line.split())


def named_files(text: str) -> Iterator[str]:
    """Of all that has a slash or a suffix: what begins with one of our folders, or ends as our files do."""
    for code in inline_code(text):
        ours = any((folder / code.partition("/")[0]).is_dir() for folder in FOLDERS) and "/" in code
        if re.fullmatch(r"\w[\w.-]*(/[\w.-]+)*/?", code) and (ours or re.search(r"\w\.(py|xml|wsdl|md|cfg|sh)$", code)):
            yield code


@pytest.mark.parametrize("path", every(named_files))
def test_a_file_that_is_named_exists(path):
    found = any((folder / path).exists() for folder in FOLDERS)
    assert found or (("/" not in path) and any(ROOT.glob(f"*/**/{path}")))


@pytest.mark.parametrize("test", every(lambda text: re.findall(r"`(test_\w+)`", text)))
def test_a_test_that_is_named_exists(test):
    assert any(f"def {test}(" in path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


SECTIONS = {key.name: key.kind.table for file in (Config, DeclarationFile) for key in keys_of(file).values()}


@pytest.mark.parametrize(
    "key", every(lambda text: re.findall(r"`([a-z_]+\.(?!pem\b|key\b|toml\b)[a-z_]+)(?: = [^`]+)?`", text))
)
def test_a_key_that_is_named_exists(key):
    section, name = key.split(".")
    if section in SECTIONS:
        assert name in keys_of(SECTIONS[section])


@pytest.mark.parametrize("block", every(lambda text: re.findall(r"(?ms)^```toml\n(.*?)^```", text)))
def test_a_configuration_that_is_shown_has_known_keys(block):
    for section, values in tomllib.loads(block).items():
        for table in values if isinstance(values, list) else [values]:
            assert table.keys() <= keys_of(SECTIONS[section]).keys()


def slug(heading: str) -> str:
    """The anchor of a heading, as the usual renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), target
        if anchor:
            assert anchor in {slug(heading) for heading in re.findall(r"(?m)^#+ (.+)$", read(there))}, target


def test_every_document_is_reached_from_the_readme():
    seen: set[Path] = set()
    left = [ROOT / "README.md"]
    while left:
        document = left.pop()
        seen.add(document)
        for target in re.findall(r"\]\(([^)#\s]+\.md)", read(document)):
            there = (document.parent / target).resolve()
            if there not in seen and there.exists():
                left.append(there)
    assert {path for path in DOCUMENTS if path.parent in (ROOT, ROOT / "docs")} <= seen


def test_the_readme_of_the_tests_names_all_that_they_share():
    named = set(named_files(read(ROOT / "tests" / "README.md")))
    shared = {name_of(path) for path in (ROOT / "tests").glob("*.py") if path.stem != "__init__"}
    folders = {name_of(path.parent) for path in (ROOT / "tests").glob("*/*") if path.parent.name != "__pycache__"}
    assert shared | folders <= named


def test_the_changelog_has_this_version_and_the_newest_first():
    versions = re.findall(r"(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG)
    assert __version__ == versions[0]
    assert versions == sorted(versions, key=lambda text: [int(part) for part in text.split(".")], reverse=True)
    assert set(re.findall(r"(?m)^### (\w+)$", CHANGELOG)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_the_changelog_tells_nothing_twice():
    told = [" ".join(bullet.split()) for bullet in re.findall(r"(?ms)^- (.+?)(?=^- |^#|\Z|\n\n)", CHANGELOG)]
    begun = [bullet[:40] for bullet in told]
    assert sorted(begun) == sorted(set(begun))


def test_the_changelog_tells_the_schema_that_the_newest_database_has():
    assert re.findall(r"Schema revision (\d+)", CHANGELOG)[0] == HEAD
