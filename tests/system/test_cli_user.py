"""`wstrust-sts user`: accounts, their passwords and their claims."""

from datetime import UTC, datetime, timedelta

from tests.system.operating import EMAIL


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


def test_what_is_shown_cannot_drive_a_terminal(sts):
    done = sts("user", "add", "eve", "--no-password", "--claim", "note=line\nbreak \u202egnp.exe")
    assert done.status == 0, done.err
    shown = sts("user", "show", "eve").out
    assert "\u202e" not in shown
    assert r"note = line\nbreak \u202egnp.exe" in shown
