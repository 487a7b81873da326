"""`wstrust-sts check`: all that is wrong at once, each with its fix."""

import contextlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

from tests.system.operating import EMAIL, faults
from wstrust_sts.devpki import make_development_pki


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
