"""docs/configuration.md and the examples are held against the code that reads the files."""

import io
import re
from pathlib import Path

import pytest

from docs.write_configuration import REFERENCE, render
from wstrust_sts import registry
from wstrust_sts.cli.profiles import PROFILES
from wstrust_sts.cli.serve import known_names
from wstrust_sts.cli.templates import DEMO_STATE, SQLITE, STS_TOML
from wstrust_sts.config import Config, load_config
from wstrust_sts.declaration import DeclarationFile, read_declaration
from wstrust_sts.strict_toml import keys_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def keys_below(table: type, path: str = "") -> set[tuple[str, str]]:
    """Every key of a file as (section, key), sections themselves left out."""
    found = set()
    for key in keys_of(table).values():
        if key.kind.table is None:
            found.add((path, key.name))
        else:
            found |= keys_below(key.kind.table, f"{path}.{key.name}" if path else key.name)
    return found


def test_the_reference_is_what_the_code_reads():
    assert REFERENCE.read_text() == render(), "run `make docs`"


@pytest.mark.parametrize("file", [Config, DeclarationFile])
def test_every_key_has_its_row(file):
    documented = set()
    section = ""
    for line in REFERENCE.read_text().splitlines():
        if match := re.fullmatch(r"### `\[+([\w.]+)\]+`", line):
            section = match[1]
        elif match := re.match(r"\| `(\w+)` \| [^|]+ \| [^|]+ \| [^|]{5,} \|$", line):
            documented.add((section, match[1]))
    assert keys_below(file) <= documented


def test_every_tolerance_is_explained():
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \| [^|]+ \|$", REFERENCE.read_text())) == registry.TOLERANCES


def test_the_example_configuration_is_sound():
    config = load_config(EXAMPLES / "sts.toml", known=known_names(), environment={})
    assert len(config.endpoints) == 3


def test_the_example_state_is_sound(tmp_path):
    (tmp_path / "state.toml").write_text((EXAMPLES / "state.toml").read_text())
    (tmp_path / "alice.password").write_text("wonderland\n")
    declared = read_declaration(tmp_path / "state.toml", standard_input=io.StringIO("batch\n"))
    assert [account.name for account in declared.accounts] == ["alice", "nightly-batch", "operator"]


@pytest.mark.parametrize("name", PROFILES)
def test_the_configuration_that_init_writes_is_sound(tmp_path, name):
    profile = PROFILES[name]
    text = STS_TOML.format(
        port=1,
        public_url="https://localhost:1",
        key_file="k",
        database=SQLITE,
        server=profile.server,
        endpoints=profile.endpoints(registry.POLICIES),
    )
    (tmp_path / "sts.toml").write_text(text)
    assert load_config(tmp_path / "sts.toml", known=known_names(), environment={}).server.listen == ("127.0.0.1", 1)


def test_the_state_that_init_writes_is_sound(tmp_path):
    (tmp_path / "demo.toml").write_text(DEMO_STATE)
    for user in ("alice", "bob"):
        (tmp_path / f"{user}.password").write_text("x\n")
    assert len(read_declaration(tmp_path / "demo.toml", standard_input=io.StringIO()).relying_parties) == 2
