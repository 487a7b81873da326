"""`wstrust-sts init`: what it makes, and what it leaves alone."""

from tests.system.operating import call


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


def test_upgrading_twice_changes_nothing(sts):
    assert sts("db", "upgrade").out == sts("db", "upgrade").out
