"""The operator's commands: what they do, what they print, and how they refuse."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import leaf
from tests.running import Prepared, free_port, serving
from wstrust_sts.cli.main import COMMANDS, commands, run
from wstrust_sts.devpki import make_development_pki

EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


@dataclass(frozen=True)
class Done:
    """What a command left: its status, and what it wrote."""

    status: int
    out: str
    err: str

    def json(self):
        assert self.status == 0, self.err
        return json.loads(self.out)


def call(*arguments: str | Path, stdin: str = "") -> Done:
    out, err, earlier = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run([str(argument) for argument in arguments])
    finally:
        sys.stdin = earlier
    assert "Traceback" not in err.getvalue()
    return Done(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pristine") / "sts"
    assert call("init", directory, "--demo").status == 0
    return directory


Sts = Callable[..., Done]


@pytest.fixture
def directory(pristine: Path, tmp_path: Path) -> Path:
    """A demo STS of its own; SQLite's journal is empty after init, so files can be copied."""
    return Path(shutil.copytree(pristine, tmp_path / "sts"))


@pytest.fixture
def sts(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Sts:
    """Runs a command for that STS."""
    monkeypatch.setenv("WSTRUST_STS_CONFIG", str(directory / "sts.toml"))
    return call


# -- the program -------------------------------------------------------------------------------------------------------


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


# -- init --------------------------------------------------------------------------------------------------------------


def test_init_makes_secrets_for_their_owner_only(pristine):
    modes = {path.name: path.stat().st_mode & 0o777 for path in pristine.iterdir()}
    for name in ("key-encryption.key", "server.key", "alice.password", "bob.password", "sts.db"):
        assert modes[name] == 0o600, name
    assert pristine.stat().st_mode & 0o777 == 0o700


def test_init_replaces_nothing(sts, directory):
    before = {path: path.read_bytes() for path in directory.iterdir()}
    done = sts("init", directory, "--demo")
    assert done.status == 1
    assert "sts.toml" in done.err
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


def test_a_failed_init_leaves_nothing_behind(tmp_path):
    (tmp_path / "kept").touch()
    assert call("init", tmp_path, "--hostname", "not a host name").status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_init_takes_the_database_from_the_environment_and_writes_down_only_its_name(tmp_path, monkeypatch):
    made = tmp_path / "sts"
    refused = call("init", made, "--database-url-from", "STS_TEST_DATABASE")
    assert (refused.status, "STS_TEST_DATABASE is not set" in refused.err) == (1, True)
    assert not made.exists()
    monkeypatch.setenv("STS_TEST_DATABASE", f"sqlite:///{tmp_path}/elsewhere.db")
    assert call("init", made, "--database-url-from", "STS_TEST_DATABASE").status == 0
    text = (made / "sts.toml").read_text()
    assert 'url_environment = "STS_TEST_DATABASE"' in text
    assert "elsewhere" not in text
    assert "alice" not in call("user", "list", "--config", made).out


def test_init_does_not_take_over_a_database_that_has_an_sts(tmp_path, monkeypatch):
    monkeypatch.setenv("STS_TEST_DATABASE", f"sqlite:///{tmp_path}/elsewhere.db")
    assert call("init", tmp_path / "one", "--database-url-from", "STS_TEST_DATABASE").status == 0
    refused = call("init", tmp_path / "two", "--database-url-from", "STS_TEST_DATABASE")
    assert (refused.status, "already has an STS" in refused.err) == (1, True)
    assert list((tmp_path / "two").iterdir()) == []


def test_init_knows_hostname_port_issuer_and_key_algorithm(tmp_path):
    made = tmp_path / "sts"
    options = [
        "--hostname",
        "sts.example.test",
        "--hostname",
        "10.0.0.1",
        "--port",
        "443",
        "--issuer",
        "urn:example:sts",
    ]
    assert call("init", made, *options, "--key-algorithm", "ec-p256").status == 0
    assert 'public_url = "https://sts.example.test"\n' in (made / "sts.toml").read_text()
    assert 'issuer = "urn:example:sts"' in call("export", "--config", made).out
    (key,) = call("key", "list", "--json", "--config", made).json()
    assert key["algorithm"] == "ec-p256"
    assert call("check", "--config", made).status == 0
    assert call("user", "list", "--json", "--config", made).json() == []


def test_init_for_clients_of_ad_fs_enables_their_endpoints_and_has_the_issuer_of_ad_fs(tmp_path):
    made = tmp_path / "sts"
    assert call("init", made, "--hostname", "adfs.example.test", "--port", "443", "--profile", "adfs").status == 0
    assert 'issuer = "http://adfs.example.test/adfs/services/trust"' in call("export", "--config", made).out
    checked = call("check", "--config", made)
    assert checked.status == 0, checked.out
    for version in ("2005", "13"):
        for policy in ("usernamemixed", "certificatemixed", "certificatetransport"):
            assert f"https://adfs.example.test/adfs/services/trust/{version}/{policy} " in checked.out
    written = (made / "sts.toml").read_text()
    assert written.count("[[endpoint]]") == written.count('layout = "adfs"') >= 6
    assert call("init", tmp_path / "other", "--profile", "nonsense").status == 2


def test_init_for_clients_of_vcenter_makes_their_endpoint_and_the_relying_party_that_it_names(tmp_path):
    made = tmp_path / "sts"
    assert call("init", made, "--hostname", "vc.example.test", "--port", "443", "--profile", "vmware").status == 0
    issuer = "https://vc.example.test/websso/SAML2/Metadata/vsphere.local"
    exported = call("export", "--config", made).out
    assert f'issuer = "{issuer}"' in exported
    assert exported.count(f'"{issuer}"') == 2  # of the realm, and an audience
    checked = call("check", "--config", made)
    assert checked.status == 0, checked.out
    assert "https://vc.example.test/sts/STSService " in checked.out


# -- users -------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_user(sts, directory, tmp_path):
    (tmp_path / "password").write_text("first words\n")
    added = sts(
        "user", "add", "carol", "--password-file", tmp_path / "password", "--group", "staff", "--group", "sales",
        "--claim", f"{EMAIL}=carol@example.test", "--claim", f"{EMAIL}=c@example.test",
        "--expires", "2031-01-01T00:00:00Z",
    )  # fmt: skip
    assert added.status == 0, added.err
    assert sts("user", "show", "carol", "--json").json() == {
        "name": "carol",
        "realm": "default",
        "enabled": True,
        "password": True,
        "password_digest": False,
        "expires": "2031-01-01T00:00:00+00:00",
        "groups": ["staff", "sales"],
        "claims": {EMAIL: ["carol@example.test", "c@example.test"]},
    }
    assert sts("user", "disable", "carol").status == 0
    assert sts("user", "show", "carol", "--json").json()["enabled"] is False
    assert sts("user", "enable", "carol").status == 0
    assert sts("user", "set-password", "carol", stdin="second words\n").status == 0
    assert [user["name"] for user in sts("user", "list", "--json").json()] == ["alice", "bob", "carol"]
    assert sts("user", "remove", "carol").status == 0
    for command in ("show", "remove", "disable", "enable", "set-password"):
        assert sts("user", command, "carol", stdin="x\n").status == 1


def test_a_disabled_users_password_is_still_there_when_it_is_enabled_again(sts, directory):
    sts("user", "disable", "alice")
    sts("user", "enable", "alice")
    done = sts("apply", "-f", directory / "demo.toml")
    assert "4 unchanged" in done.out


def test_a_user_may_present_digests_for_as_long_as_each_password_is_set_so(sts):
    def allows() -> bool:
        return sts("user", "show", "dora", "--json").json()["password_digest"]

    assert sts("user", "add", "dora", "--allow-digest", stdin="first words\n").status == 0
    assert allows()
    exported = sts("export").out
    assert "password_digest = true" in exported
    assert "first words" not in exported
    assert sts("user", "disable", "dora").status == 0
    assert sts("user", "enable", "dora").status == 0
    assert allows()
    assert sts("user", "set-password", "dora", stdin="second words\n").status == 0
    assert not allows()
    assert sts("user", "set-password", "dora", "--allow-digest", stdin="third words\n").status == 0
    assert allows()
    assert sts("user", "set-password", "dora", stdin="third words\n").status == 0
    assert not allows()
    assert sts("user", "add", "erik", "--allow-digest", "--no-password").status == 2


def test_a_user_is_unlocked_by_name(sts, directory):
    from wstrust_sts.authenticators.lockout import subject_of
    from wstrust_sts.cli.opening import opened

    assert sts("user", "unlock", "alice").out == "Account alice had no wrong passwords lately.\n"
    with opened(directory / "sts.toml") as deployment:
        lockouts, realm = deployment.stores.lockouts, deployment.stores.realms.get("default")
        now, keep = datetime.now(UTC), timedelta(hours=1)
        lockouts.failed("default", subject_of(realm, "alice"), "192.0.2.1", at_home=False, now=now, keep=keep).result()
    assert sts("user", "unlock", "alice").out == "Account alice is unlocked.\n"
    with opened(directory / "sts.toml") as deployment:
        standing = deployment.stores.lockouts.find("default", subject_of(realm, "alice"), "192.0.2.1")
    assert (standing.together.failures, standing.user.failures, standing.source.failures) == (0, 0, 1)
    assert sts("user", "unlock", "nobody").status == 1


def test_a_claim_of_octets_is_kept_in_base64_whichever_way_it_was_written(sts, tmp_path):
    guid = "00112233-4455-6677-8899-aabbccddeeff"
    assert sts("user", "add", "gert", "--no-password", "--claim-guid", f"urn:id={guid}").status == 0
    assert sts("user", "show", "gert", "--json").json()["claims"] == {"urn:id": ["MyIRAFVEd2aImaq7zN3u/w=="]}
    state = '[[account]]\nname = "gert"\n[account.claims]\n"urn:id" = {{ {} }}\n'
    for octets in (f'guid = "{guid}"', 'hex = "33221100554477668899aabbccddeeff"'):
        (tmp_path / "state.toml").write_text(state.format(octets))
        assert sts("apply", "-f", tmp_path / "state.toml").out.endswith(" 1 unchanged\n")
    assert '"MyIRAFVEd2aImaq7zN3u/w=="' in sts("export").out
    assert sts("user", "add", "hans", "--no-password", "--claim-guid", "urn:id=nonsense").status == 2


def test_a_user_is_not_added_twice_nor_by_a_bad_name_password_or_claim(sts):
    assert sts("user", "add", "alice", stdin="x\n").status == 1
    assert sts("user", "add", " dave", stdin="x\n").status == 1
    assert sts("user", "add", "dave", stdin="").status == 1
    assert sts("user", "add", "dave", stdin="bell\a\n").status == 1
    assert sts("user", "add", "dave", "--claim", "=x", stdin="x\n").status == 2
    assert sts("user", "add", "dave", "--expires", "tomorrow", stdin="x\n").status == 1
    assert sts("user", "add", "dave", "--realm", "nowhere", stdin="x\n").status == 1
    assert sts("user", "add", "dave", "--password-file", "/nonexistent").status == 1
    assert [user["name"] for user in sts("user", "list", "--json").json()] == ["alice", "bob"]


def test_no_command_takes_a_password_as_an_argument():
    for name, command in leaves(commands):
        assert not {"--password", "-p"} & {option for parameter in command.params for option in parameter.opts}, name


def test_what_is_shown_cannot_drive_a_terminal(sts):
    done = sts("user", "add", "eve", "--no-password", "--claim", "note=line\nbreak \u202egnp.exe")
    assert done.status == 0, done.err
    shown = sts("user", "show", "eve").out
    assert "\u202e" not in shown
    assert r"note = line\nbreak \u202egnp.exe" in shown


# -- relying parties ---------------------------------------------------------------------------------------------------


def test_the_life_of_a_delegation_rule(sts):
    done = sts(
        "delegation", "add", "shop", "--actor", "demo", "--subject-group", "staff", "--relying-party", "nowhere",
        "--kind", "OnBehalfOf", "--tokens-for", "demo", "--claim", EMAIL,
    )  # fmt: skip
    assert done.status == 0
    assert "There is no relying party 'nowhere' yet" in done.err
    assert sts("delegation", "list", "--json").json() == [
        {
            "realm": "default",
            "name": "shop",
            "actors": ["demo"],
            "subject_groups": ["staff"],
            "relying_parties": ["nowhere"],
            "kinds": ["OnBehalfOf"],
            "tokens_for": ["demo"],
            "depth": 1,
            "claims": [EMAIL],
        }
    ]
    assert "group staff" in sts("delegation", "list").out
    assert "[[delegation_rule]]" in sts("export").out
    again = ("--actor", "a", "--any-subject", "--relying-party", "x")
    assert sts("delegation", "add", "shop", *again).status == 1
    assert sts("delegation", "add", "other", "--any-subject", "--relying-party", "x").status != 0
    assert sts("delegation", "remove", "shop").status == 0
    assert sts("delegation", "remove", "shop").status == 1
    assert "Nobody acts for anybody" in sts("delegation", "list").out


def test_the_life_of_a_relying_party(sts):
    done = sts(
        "relying-party", "add", "billing", "--applies-to", "HTTPS://Billing.Example.Test:443/a", "--prefix",
        "https://billing.example.test/b", "--token-type", "saml20", "--audience", "urn:billing", "--lifetime", "10m",
        "--name-format", "emailAddress", "--name-claim", EMAIL, "--release", EMAIL, "--group-claim", "role",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert sts("relying-party", "show", "billing", "--json").json() == {
        "realm": "default",
        "name": "billing",
        "enabled": True,
        "applies_to": ["https://billing.example.test/a", {"prefix": "https://billing.example.test/b"}],
        "token_types": ["saml20"],
        "key_types": ["bearer"],
        "audiences": ["urn:billing"],
        "lifetime": {"default": "10m", "maximum": "8h", "on_excess": "clip"},
        "name_identifier": {"format": "emailAddress", "claim": EMAIL},
        "claim": [{"release": EMAIL}, {"group": "*", "as": "role"}],
    }
    assert "https://billing.example.test/b and below" in sts("relying-party", "show", "billing").out
    assert "billing" in sts("relying-party", "list").out
    taken = sts("relying-party", "add", "other", "--applies-to", "https://billing.example.test/a")
    assert taken.status == 1
    assert "billing" in taken.err
    assert sts("relying-party", "remove", "billing").status == 0
    assert sts("relying-party", "remove", "billing").status == 1
    assert sts("relying-party", "show", "billing").status == 1


def test_a_relying_party_gets_its_encryption_certificate_and_its_key_types(sts, tmp_path):
    file = tmp_path / "orders.pem"
    file.write_bytes(x509.load_der_x509_certificate(leaf("orders", kind="rsa-2048")).public_bytes(Encoding.PEM))
    add = ("relying-party", "add", "ships", "--applies-to", "urn:ships")
    assert sts(*add, "--key-type", "symmetric").status != 0
    given = ("--key-type", "symmetric", "--encryption-certificate", str(file))
    assert sts(*add, *given).status == 0
    card = sts("relying-party", "show", "ships", "--json").json()
    assert card["key_types"] == ["symmetric"]
    assert set(card["encryption"]) == {"sha256"}
    done = sts("relying-party", "set", "ships", "--encrypt-tokens", "--key-type", "bearer", "--key-type", "public")
    assert done.status == 0, done.err
    changed = sts("relying-party", "show", "ships", "--json").json()
    assert changed["key_types"] == ["bearer", "public"]
    assert changed["encryption"] == card["encryption"] | {"tokens": True}
    assert changed["applies_to"] == ["urn:ships"]
    for word, stored in (("public", "public"), ("none", None)):
        assert sts("relying-party", "set", "ships", "--default-key-type", word).status == 0
        assert sts("relying-party", "show", "ships", "--json").json().get("default_key_type") == stored
    wrong = sts("relying-party", "set", "ships", "--default-key-type", "symmetric")
    assert (wrong.status, "--default-key-type: is not one of --key-type" in wrong.err) == (1, True)
    assert sts("relying-party", "set", "ships").status == 2
    assert sts("relying-party", "set", "nobody", "--encrypt-tokens").status == 1
    assert sts("relying-party", "remove", "ships").status == 0


def test_a_bad_relying_party_is_refused_with_all_its_problems(sts):
    done = sts("relying-party", "add", "x", "--prefix", "https://a@b/", "--lifetime", "soon", "--token-type", "jwt")
    assert done.status == 1
    assert "3 problems" in done.err
    assert sts("relying-party", "add", "x").status == 2


# -- the declared state ------------------------------------------------------------------------------------------------


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


# -- keys, database ----------------------------------------------------------------------------------------------------


def test_the_exported_certificate_is_the_signing_keys(sts):
    from cryptography import x509

    pem = sts("key", "list", "--pem").out
    (certificate,) = x509.load_pem_x509_certificates(pem.encode())
    (key,) = sts("key", "list", "--json").json()
    assert certificate.serial_number == x509.load_pem_x509_certificate(key["pem"].encode()).serial_number
    assert "PRIVATE" not in pem + json.dumps(key)
    assert sts("key", "list").status == 0


def states(sts) -> dict[str, str]:
    return {key["id"]: key["state"] for key in sts("key", "list", "--json").json()}


def test_a_next_key_is_published_and_signs_only_after_a_rotation(sts):
    (first,) = states(sts)
    assert sts("key", "create", "--realm", "nowhere").status == 1
    made = sts("key", "create", "--algorithm", "ec-p256")
    assert "does not sign yet" in made.out
    (second,) = states(sts).keys() - {first}
    assert states(sts) == {first: "active", second: "next"}
    assert f"# token next ec-p256 {second}" in sts("key", "list", "--pem").out
    again = sts("key", "create")
    assert (again.status, second in again.err) == (1, True)
    rotated = sts("key", "rotate")
    assert (rotated.status, rotated.err) == (0, "")
    assert f"signs with {second} (ec-p256) now" in rotated.out
    assert f"key retire {first}" in rotated.out
    assert states(sts) == {first: "retiring", second: "active"}
    assert sts("key", "retire", first).status == 0
    assert states(sts) == {second: "active"}


def test_a_rotation_without_a_next_key_makes_one_and_warns_that_nobody_has_seen_it(sts):
    (first,) = states(sts)
    done = sts("key", "rotate")
    assert done.status == 0
    assert "WARNING" in done.err
    assert "no relying party has its certificate" in done.err
    (second,) = states(sts).keys() - {first}
    assert states(sts) == {first: "retiring", second: "active"}
    assert sts("key", "rotate", "--realm", "nowhere").status == 1


def test_a_next_key_that_does_not_open_never_gets_to_sign(sts, directory):
    import sqlite3

    (first,) = states(sts)
    assert sts("key", "create").status == 0
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET wrapped_private_key = x'01' WHERE state = 'next'")
        database.commit()
    assert sts("key", "rotate").status == 1
    assert states(sts)[first] == "active"


def test_the_active_key_does_not_retire_and_a_next_one_can_be_discarded(sts):
    (first,) = states(sts)
    for how in ([], ["--force"]):
        done = sts("key", "retire", first, *how)
        assert done.status == 1
        assert "key rotate" in done.err
    assert sts("key", "create").status == 0
    (second,) = states(sts).keys() - {first}
    assert sts("key", "retire", second).status == 0
    assert states(sts) == {first: "active"}
    for unknown in (second, "nonsense", "\x1b[2J"):
        done = sts("key", "retire", unknown)
        assert (done.status, "\x1b" in done.err) == (1, False)


def test_check_warns_of_a_retiring_key_that_nothing_needs(sts):
    (first,) = states(sts)
    assert sts("key", "rotate").status == 0
    (warning,) = [row for row in json.loads(sts("check", "--json").out)["warnings"] if "retiring key" in row["where"]]
    assert first in warning["where"]
    assert warning["fix"] == f"wstrust-sts key retire --realm default {first}"


def message_states(sts) -> dict[str, str]:
    return {key["id"]: key["state"] for key in sts("key", "list", "--use", "message", "--json").json()}


def without_message_key(directory) -> None:
    """The database as one from before there were message keys."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("DELETE FROM signing_key WHERE \"use\" = 'message'")
        database.commit()


def test_init_makes_a_message_key_and_lists_say_what_each_certificate_is_for(sts):
    (token,), (message,) = states(sts), message_states(sts)
    assert token != message
    assert f"# token active rsa-2048 {token}" in sts("key", "list", "--pem").out
    assert message not in sts("key", "list", "--pem").out
    pem = sts("key", "list", "--use", "message", "--pem").out
    assert pem.startswith(f"# message active rsa-2048 {message}\n-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in pem
    (row,) = sts("key", "list", "--use", "message", "--json").json()
    assert (row["use"], row["needed_until"]) == ("message", None)
    assert "message" in sts("key", "list", "--use", "message").out
    assert sts("key", "list", "--use", "tls").status == 2


def test_a_message_key_is_rotated_and_retired_without_touching_the_token_key(sts):
    token, (first,) = states(sts), message_states(sts)
    made = sts("key", "create", "--use", "message", "--algorithm", "rsa-3072")
    assert "wstrust-sts key list --use message --pem" in made.out
    assert "wstrust-sts key rotate --use message" in made.out
    (second,) = message_states(sts).keys() - {first}
    assert message_states(sts) == {first: "active", second: "next"}
    again = sts("key", "create", "--use", "message")
    assert (again.status, f"key retire --use message {second}" in again.err) == (1, True)
    rotated = sts("key", "rotate", "--use", "message")
    assert (rotated.status, rotated.err) == (0, "")
    assert f"signs answers and opens messages with {second} (rsa-3072) now" in rotated.out
    assert f"key retire --use message {first}" in rotated.out
    assert message_states(sts) == {first: "retiring", second: "active"}
    retired = sts("key", "retire", "--use", "message", first)
    assert (retired.status, "refused now" in retired.out) == (0, True)
    assert message_states(sts) == {second: "active"}
    assert states(sts) == token


def test_a_key_is_retired_only_as_what_it_is(sts):
    (token,), (message,) = states(sts), message_states(sts)
    assert sts("key", "retire", message).status == 1
    assert sts("key", "retire", "--use", "message", token).status == 1
    done = sts("key", "retire", "--use", "message", message)
    assert (done.status, "key rotate --use message" in done.err) == (1, True)


def test_a_message_key_is_rsa(sts):
    for algorithm in ("ec-p256", "nonsense"):
        done = sts("key", "create", "--use", "message", "--algorithm", algorithm)
        assert done.status == 2
        assert "use one of rsa-2048, rsa-3072" in " ".join(done.err.split())
    assert len(message_states(sts)) == 1


def test_a_rotation_to_a_message_key_that_no_client_has_seen_warns(sts):
    done = sts("key", "rotate", "--use", "message")
    assert done.status == 0
    assert "no client has its certificate" in done.err
    assert sorted(message_states(sts).values()) == ["active", "retiring"]


def test_check_tells_an_endpoint_that_needs_a_message_key_and_how_to_make_one(sts, directory):
    without_message_key(directory)
    assert faults(sts("check", "--json")) == []
    endpoint = '\n[[endpoint]]\npath = "/trust/13/username"\ntrust = "1.3"\npolicy = "username"\n'
    with (directory / "sts.toml").open("a") as config:
        config.write(endpoint)
    (fault,) = json.loads(sts("check", "--json").out)["faults"]
    assert "no active message key" in fault["what"]
    assert "wstrust-sts key create --use message --realm default" in fault["fix"]
    made = sts("key", "create", "--use", "message")
    assert "signs answers and opens messages" in made.out
    assert faults(sts("check", "--json")) == []


def test_check_tells_a_message_key_that_does_not_open_and_one_that_clients_should_have_left(sts, directory):
    import sqlite3

    (first,) = message_states(sts)
    assert sts("key", "rotate", "--use", "message").status == 0
    assert not [row for row in json.loads(sts("check", "--json").out)["warnings"] if "message key" in row["where"]]
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET created_at = created_at - 31 * 86400 * 1000000")
        database.commit()
    (warning,) = [row for row in json.loads(sts("check", "--json").out)["warnings"] if "message key" in row["where"]]
    assert warning["fix"].endswith(f"wstrust-sts key retire --use message --realm default {first}")
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET wrapped_private_key = x'01' WHERE key_id = ?", [first])
        database.commit()
    (fault,) = faults(sts("check", "--json"))
    assert f"retiring message key {first}" in fault


def test_upgrading_twice_changes_nothing(sts):
    assert sts("db", "upgrade").out == sts("db", "upgrade").out


# -- check -------------------------------------------------------------------------------------------------------------


def faults(done: Done) -> list[str]:
    assert done.status == (1 if json.loads(done.out)["faults"] else 0)
    assert all(fault["fix"] for fault in json.loads(done.out)["faults"])
    return [f"{fault['where']}: {fault['what']}" for fault in json.loads(done.out)["faults"]]


def test_a_sound_sts_has_no_faults_and_shows_what_its_endpoints_enforce(sts):
    done = sts("check")
    assert done.status == 0
    assert "0 faults" in done.out
    assert "/trust/13/usernamemixed" in done.out
    assert "2005/02" in done.out
    assert faults(sts("check", "--json")) == []


def test_check_tells_all_faults_of_files_and_settings_at_once(sts, directory):
    (directory / "key-encryption.key").chmod(0o644)
    (directory / "server.key").write_text("not a key")
    (directory / "server.key").chmod(0o640)
    config = directory / "sts.toml"
    text = config.read_text().replace("https://localhost:8443", "https://sts.example.test")
    text += (
        '[[endpoint]]\npath = "/a"\ntrust = "1.3"\nrealm = "nowhere"\n[plugins]\ntoken_providers = ["saml20", "jwt"]\n'
    )
    config.write_text(text)
    found = "\n".join(faults(sts("check", "--json")))
    for expected in (
        "key-encryption.key: can be read by others (mode 0644)",
        "server.key: can be read by others (mode 0640)",
        "server.key: is not a readable PEM key",
        "server.pem: is not for sts.example.test",
        'there is no realm "nowhere"',
        '"jwt" is offered by no installed package',
        "relying party default/orders: it takes saml11",
    ):
        assert expected in found


def test_check_tells_expired_and_foreign_certificates(sts, directory):
    elsewhere = directory / "elsewhere"
    make_development_pki(elsewhere, now=datetime.now(UTC) - timedelta(days=500))
    shutil.copy(elsewhere / "server.pem", directory / "server.pem")
    found = "\n".join(faults(sts("check", "--json")))
    assert "server.pem: expired on" in found
    assert "server.key: is not the key of" in found


def test_check_warns_of_what_will_expire(sts, directory):
    for name in ("ca.pem", "server.pem", "server.key"):
        (directory / name).unlink()
    make_development_pki(directory, now=datetime.now(UTC) - timedelta(days=380))
    done = json.loads(sts("check", "--json").out)
    assert not done["faults"]
    assert any("expires on" in warning["what"] for warning in done["warnings"])


def test_check_tells_a_lost_key_encryption_key_and_a_lost_database(sts, directory):
    import base64

    (directory / "key-encryption.key").write_text(base64.b64encode(os.urandom(32)).decode())
    assert "key-encryption key" in "\n".join(faults(sts("check", "--json")))
    (directory / "key-encryption.key").unlink()
    (directory / "sts.db").unlink()
    found = "\n".join(faults(sts("check", "--json")))
    assert "cannot be read" in found
    assert "There is no database" in found


def test_check_tells_a_realm_without_a_key_and_warns_of_an_empty_one(sts, directory, tmp_path):
    import sqlite3

    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("DELETE FROM signing_key")
        database.commit()
    assert faults(sts("check", "--json")) == ["realm default: realm default has no active signing key"]
    assert sts("key", "create").status == 0
    for user in ("alice", "bob"):
        sts("user", "remove", user)
    warnings = {warning["what"] for warning in json.loads(sts("check", "--json").out)["warnings"]}
    assert "it has no accounts: nobody can ask for a token" in warnings


def test_check_tells_relying_parties_that_tell_nothing_or_name_nobody(sts, directory):
    declared = directory / "more.toml"
    declared.write_text(
        '[[relying_party]]\nname = "bare"\napplies_to = ["urn:bare"]\n'
        f'name_identifier = {{ format = "emailAddress", claim = "{EMAIL}" }}\n'
        '[[account]]\nname = "carol"\n[[realm]]\nname = "spare"\nissuer = "urn:spare"\n'
    )
    assert sts("apply", "-f", declared).status == 0
    found = json.loads(sts("check", "--json").out)
    assert not found["faults"]
    warnings = {f"{warning['where']}: {warning['what']}" for warning in found["warnings"]}
    assert "realm spare: no endpoint serves it" in warnings
    assert "relying party default/bare: it has no claim rules: its tokens tell the subject's name and nothing else" in (
        warnings
    )
    assert any(f"names subjects by {EMAIL}, which 1 of 3 accounts do not have" in warning for warning in warnings)


def test_check_tells_a_default_relying_party_that_is_not_there(sts, directory):
    with (directory / "sts.toml").open("a") as file:
        file.write(
            '[[endpoint]]\npath = "/a"\ntrust = "1.3"\ntolerances = ["no-applies-to"]\ndefault_relying_party = "gone"\n'
        )
    (line,) = faults(sts("check", "--json"))
    assert line.endswith('default_relying_party: "gone" does not exist')


def test_check_tells_a_database_of_another_version(sts, directory):
    import sqlite3

    for revision, told in (("0000", "run `wstrust-sts db upgrade`"), ("9999", "newer than this software knows")):
        with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", [revision])
            database.commit()
        (line,) = faults(sts("check", "--json"))
        assert told in line


def test_check_changes_nothing(sts, directory):
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    sts("check")
    after = {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith(("-wal", "-shm"))}
    assert after == {name: octets for name, octets in before.items() if not name.endswith(("-wal", "-shm"))}


# -- tokens ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """A running demo STS, and the options that a client of it needs."""

    directory: Path
    port: int

    def options(self, *, user: str = "alice", trust: str = "1.3") -> list[str | Path]:
        path = "13" if trust == "1.3" else "2005"
        return [
            "--url", f"https://localhost:{self.port}/trust/{path}/usernamemixed", "--trust", trust,
            "--ca", self.directory / "ca.pem", "--user", user, "--password-file", self.directory / f"{user}.password",
        ]  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    prepared = Prepared(tmp_path_factory.mktemp("live") / "sts", free_port())
    assert call("init", prepared.directory, "--demo", "--port", str(prepared.port)).status == 0
    with serving(prepared):
        yield Live(prepared.directory, prepared.port)


def test_check_asks_the_published_addresses_of_a_running_server(live):
    assert (
        faults(call("check", "--published", "--ca", live.directory / "ca.pem", "--config", live.directory, "--json"))
        == []
    )
    (line,) = faults(call("check", "--published", "--config", live.directory, "--json"))
    assert "the certificate is not trusted" in line
    assert call("check", "--ca", live.directory / "ca.pem", "--config", live.directory).status == 2


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("token_type", ["saml20", "saml11"])
def test_a_token_is_requested_inspected_validated_and_cancelled(live, tmp_path, trust, soap, token_type):
    token, certificate = tmp_path / "token.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = [*live.options(trust=trust), "--soap", soap]
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", token_type, "--out", token]
    card = call("token", "request", *options, *asked, "--json").json()
    assert card["audiences"] == ["https://orders.example.test/api"]
    assert card["attributes"][EMAIL] == ["alice@example.test"]
    assert token.stat().st_mode & 0o777 == 0o600
    assert call("token", "inspect", token, "--signed-by", certificate, "--json").json()["verified"] is True
    assert call("token", "validate", token, *options).out.startswith("valid")
    assert call("token", "cancel", token, *options).status == 0
    cancelled = call("token", "validate", token, *options, "--json")
    assert cancelled.status == 1
    assert json.loads(cancelled.out)["valid"] is False


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize(("original", "wanted"), [("saml20", "saml11"), ("saml11", "saml20")])
def test_a_token_of_another_type_is_made_from_a_valid_one(live, tmp_path, trust, original, wanted):
    token, made, certificate = tmp_path / "token.xml", tmp_path / "made.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = live.options(trust=trust)
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", original, "--out", token]
    first = call("token", "request", *options, *asked, "--json").json()
    told = call("token", "validate", token, *options, "--token-type", wanted, "--out", made)
    assert told.status == 0
    assert told.out.startswith("valid: The token is valid.")
    assert f"The token is in {made}." in told.out
    assert made.stat().st_mode & 0o777 == 0o600
    card = call("token", "inspect", made, "--signed-by", certificate, "--json").json()
    shown = {"saml20": "SAML 2.0 assertion", "saml11": "SAML 1.1 assertion"}
    assert (card["verified"], card["type"], first["type"]) == (True, shown[wanted], shown[original])
    assert card["attributes"] == first["attributes"]
    assert (card["audiences"], card["not_on_or_after"]) == (first["audiences"], first["not_on_or_after"])
    piped = call("token", "validate", token, *options, "--token-type", wanted, "--out", "-")
    assert piped.out.startswith("<")
    as_json = call("token", "validate", token, *options, "--token-type", wanted, "--json").json()
    assert (as_json["valid"], as_json["made"]["type"]) == (True, shown[wanted])
    token.write_text(token.read_text().replace("alice", "admin"))
    made.unlink()
    done = call("token", "validate", token, *options, "--token-type", wanted, "--out", made)
    assert (done.status, made.exists()) == (1, False)
    assert call("token", "validate", token, *options, "--out", made).status == 2
    assert "BadRequest" in call("token", "validate", token, *options, "--token-type", "urn:x").err


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize("token_type", ["saml20", "saml11"])
def test_a_token_is_renewed(live, tmp_path, trust, token_type):
    token, made, certificate = tmp_path / "token.xml", tmp_path / "made.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = live.options(trust=trust)
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", token_type, "--out", token]
    first = call("token", "request", *options, *asked, "--json").json()
    told = call("token", "renew", token, *options, "--out", made)
    assert told.status == 0
    assert f"The token is in {made}." in told.out
    assert made.stat().st_mode & 0o777 == 0o600
    card = call("token", "inspect", made, "--signed-by", certificate, "--json").json()
    assert (card["verified"], card["type"], card["audiences"]) == (True, first["type"], first["audiences"])
    assert card["authenticated_at"] == first["authenticated_at"]
    assert card["id"] != first["id"]
    assert call("token", "cancel", token, *options).status == 0
    refused = call("token", "renew", token, *options)
    assert refused.status == 1
    assert "InvalidSecurityToken" in refused.err
    assert call("token", "validate", made, *options).status == 0


def test_claims_and_a_lifetime_can_be_asked_for(live):
    options = [*live.options(), "--applies-to", "https://orders.example.test/", "--lifetime", "5m", "--json"]
    card = call("token", "request", *options, "--claim", EMAIL, "--optional-claim", "urn:unheard-of").json()
    assert list(card["attributes"]) == [EMAIL]
    begins, ends = (datetime.fromisoformat(card[name]) for name in ("not_before", "not_on_or_after"))
    assert timedelta(minutes=4, seconds=30) <= ends - begins <= timedelta(minutes=5, seconds=1)
    refused = call("token", "request", *options, "--claim", "urn:unheard-of")
    assert refused.status == 1
    assert "InvalidRequest" in refused.err


def test_a_refusal_is_told_with_its_code_and_correlation_id(live, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    options = [*live.options(), "--password-file", tmp_path / "wrong", "--applies-to", "https://orders.example.test/"]
    done = call("token", "request", *options)
    assert done.status == 1
    assert "FailedAuthentication" in done.err
    identifier = done.err.partition("correlation id ")[2][:32]
    assert identifier in (live.directory / "server.log").read_text()
    nowhere = call("token", "request", *live.options(), "--applies-to", "https://nowhere.example.test/")
    assert "InvalidScope" in nowhere.err


def test_a_token_goes_to_standard_output_and_comes_from_standard_input(live):
    issued = call("token", "request", *live.options(), "--applies-to", "urn:example:intranet", "--out", "-")
    assert issued.out.startswith("<")
    process = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "token", "inspect", "-"], input=issued.out, capture_output=True, text=True
    )
    assert process.returncode == 0
    assert "alice@corp.example.test" in process.stdout
    assert "Nothing of this is verified" in process.stdout


def test_a_changed_token_is_seen(live, tmp_path):
    token, certificate = tmp_path / "token.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    call("token", "request", *live.options(), "--applies-to", "urn:example:intranet", "--out", token)
    token.write_text(token.read_text().replace("alice@corp", "admin@corp"))
    done = call("token", "inspect", token, "--signed-by", certificate)
    assert done.status == 1
    assert call("token", "validate", token, *live.options()).status == 1
    assert call("token", "cancel", token, *live.options()).status == 1


@pytest.mark.parametrize(
    "content", ["", "no xml", "<a/>", "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "<a>" * 5000]
)
def test_what_is_no_token_is_a_message(live, tmp_path, content):
    token = tmp_path / "token.xml"
    token.write_text(content)
    assert call("token", "inspect", token).status == 1
    assert call("token", "validate", token, *live.options()).status == 1


def test_a_server_that_is_not_trusted_or_not_there_is_a_message(live, tmp_path):
    make_development_pki(tmp_path, now=datetime.now(UTC))
    done = call("token", "request", *live.options(), "--ca", tmp_path / "ca.pem", "--applies-to", "urn:x")
    assert done.status == 1
    assert "not trusted" in done.err
    for url in (f"https://localhost:{free_port()}/", f"https://localhost:{live.port}/elsewhere", "ftp://x", "nonsense"):
        done = call("token", "request", *live.options(), "--url", url, "--applies-to", "urn:x")
        assert done.status == 1, url
        assert done.err.startswith("Error: ")


def test_a_password_never_goes_out_in_the_clear(live):
    done = call("token", "request", *live.options(), "--url", "http://sts.example.test/trust", "--applies-to", "urn:x")
    assert done.status == 1
    assert "use https" in done.err


def test_what_is_configured_while_the_server_runs_takes_effect(live):
    request = ["token", "request", *live.options(user="bob"), "--applies-to", "urn:late"]
    assert "InvalidScope" in call(*request).err
    assert call("relying-party", "add", "late", "--applies-to", "urn:late", "--config", live.directory).status == 0
    assert call(*request).status == 0
    call("user", "disable", "bob", "--config", live.directory)
    assert "FailedAuthentication" in call(*request).err
    call("user", "enable", "bob", "--config", live.directory)
    assert call(*request).status == 0


def test_a_second_server_on_the_same_port_is_a_message(live):
    done = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "serve", "--config", live.directory / "sts.toml"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr
