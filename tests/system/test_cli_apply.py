"""`wstrust-sts apply` and `wstrust-sts export`: the declared state."""

import shutil
from pathlib import Path

from tests.system.operating import call


def test_applying_an_export_changes_nothing(sts, tmp_path):
    assert sts("export", "--out", tmp_path / "state.toml").status == 0
    assert sts("export").out == (tmp_path / "state.toml").read_text()
    done = sts("apply", "-f", tmp_path / "state.toml", "--prune", "--json").json()
    assert {change["action"] for change in done["changes"]} == {"keep"}


def test_apply_sets_everything_up_from_nothing_and_shows_it_first(tmp_path):
    made = tmp_path / "sts"
    call("init", made)
    state = tmp_path / "state.toml"
    shutil.copy(Path(__file__).parents[2] / "examples" / "state.toml", state)
    (tmp_path / "alice.password").write_text("wonderland\n")
    dry = call("apply", "-f", state, "--dry-run", "--config", made, stdin="batch words\n")
    assert dry.status == 0, dry.err
    assert "+ relying-party default/orders" in dry.out
    assert call("user", "list", "--json", "--config", made).json() == []
    assert "created" in call("apply", "-f", state, "--config", made, stdin="batch words\n").out
    again = call("apply", "-f", state, "--config", made, stdin="batch words\n")
    assert "0 created, 0 changed, 0 removed" in again.out
    changed = call("apply", "-f", state, "--config", made, stdin="other words\n")
    assert "~ account default/nightly-batch\n    password: set" in changed.out
    assert "words" not in changed.out


def test_prune_removes_what_is_not_declared(sts, tmp_path):
    state = tmp_path / "state.toml"
    state.write_text(sts("export").out.partition("[[account]]")[0])
    assert "0 removed" in sts("apply", "-f", state).out
    dry = sts("apply", "-f", state, "--prune", "--dry-run")
    assert "- account default/alice" in dry.out
    assert "4 removed" in sts("apply", "-f", state, "--prune").out
    assert sts("user", "list", "--json").json() == []


def test_a_new_realm_gets_a_key_of_each_use(sts, tmp_path):
    state = tmp_path / "state.toml"
    state.write_text('[[realm]]\nname = "partners"\nissuer = "urn:partners"\n')
    assert sts("key", "list", "--realm", "partners").status == 1
    assert "+ key partners" in sts("apply", "-f", state).out
    for use in ("token", "message"):
        (key,) = sts("key", "list", "--realm", "partners", "--use", use, "--json").json()
        assert key["state"] == "active"
    assert "+ key" not in sts("apply", "-f", state).out


def test_a_bad_declaration_changes_nothing_and_tells_every_problem(sts, tmp_path):
    state = tmp_path / "state.toml"
    state.write_text('[[account]]\nname = "zoe"\nrealm = 1\n[[relying_party]]\nname = "x"\napplies_to = []\n')
    done = sts("apply", "-f", state)
    assert done.status == 1
    assert "2 problems" in done.err
    assert "zoe" in done.err
    assert sts("apply", "-f", tmp_path / "nowhere.toml").status == 1
    assert "zoe" not in sts("user", "list").out
