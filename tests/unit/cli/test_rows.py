"""What is wrong on the command line is told in the words of the command line."""

import pytest
from click.testing import CliRunner

from wstrust_sts.cli.main import commands
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_delegation import DelegationRuleTable
from wstrust_sts.strict_toml import ConfigurationError

OPTIONS = {"actors": "--actor", "actor_groups": "--actor-group", "depth": "--depth"}
RULE = {"name": "rule", "actors": ["shop"], "any_subject": True, "relying_parties": ["stock"], "tokens_for": ["shop"]}


def refusal(row: dict, options: dict[str, str] | None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_row(DelegationRuleTable, row, options=options)
    return str(refused.value)


def test_a_problem_and_its_fix_name_options_in_the_place_of_keys():
    told = refusal(RULE | {"actors": []}, OPTIONS)
    assert "command line: --actor: are nobody" in told
    assert "fix: give it --actor or --actor-group" in told


def test_an_item_of_an_option_that_is_repeated_is_told_by_the_option():
    assert "command line: --actor: must be text" in refusal(RULE | {"actors": [7]}, OPTIONS)


def test_a_key_without_an_option_keeps_its_name():
    assert "command line: depth: must be" in refusal(RULE | {"depth": 0}, {"actors": "--actor"})
    assert "command line: depth: must be" in refusal(RULE | {"depth": 0}, None)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 2
    return result.output


def test_a_claim_that_is_no_guid_is_told_by_its_option(tmp_path):
    (tmp_path / "sts.toml").touch()
    told = run("user", "add", "bob", "--config", str(tmp_path / "sts.toml"), "--claim-guid", "urn:id=xyz")
    assert "--claim-guid: 'xyz' is not a GUID like" in told
