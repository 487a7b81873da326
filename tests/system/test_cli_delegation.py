"""Delegation as an operator and a service have it: a rule by command, and a token for somebody else by command."""

import pytest

from tests.delegated import delegates_of, subject_of
from tests.running import Prepared, free_port, serving
from tests.system.operating import Live, call


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The service `orders` has an account of that name, and calls `stock` for the staff."""
    prepared = Prepared(tmp_path_factory.mktemp("live") / "sts", free_port())
    assert call("init", prepared.directory, "--demo", "--port", str(prepared.port)).status == 0
    (prepared.directory / "orders.password").write_text("a good password\n")
    at = ("--config", prepared.directory)
    password = ("--password-file", prepared.directory / "orders.password")
    assert call("user", "add", "orders", *password, *at).status == 0
    assert call("relying-party", "add", "stock", "--applies-to", "urn:stock", *at).status == 0
    with serving(prepared):
        yield Live(prepared.directory, prepared.port)


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize("token_type", ["saml20", "saml11"])
def test_a_service_gets_a_token_for_its_user_once_there_is_a_rule_and_until_it_is_gone(
    live, tmp_path, trust, token_type
):
    at = ("--config", live.directory)
    hers, made = tmp_path / "alice.xml", tmp_path / "made.xml"
    address = "https://orders.example.test/api"
    assert call("token", "request", *live.options(), "--applies-to", address, "--out", hers).status == 0
    asked = ["token", "request", *live.options(user="orders", trust=trust), "--applies-to", "urn:stock"]
    asked += ["--token-type", token_type, "--out", made]
    refused = call(*asked, "--act-as", hers)
    assert refused.status == 1
    assert "RequestFailed" in refused.err
    explained = call("explain", refused.err.rpartition("explain ")[2].split()[0], *at).out
    assert "ActAs PresentedAssertion" in explained
    added = call(
        "delegation", "add", "orders-for-alice", "--actor", "orders", "--subject", "alice", "--relying-party", "stock",
        "--tokens-for", "orders", "--kind", "ActAs", "--kind", "OnBehalfOf", *at,
    )  # fmt: skip
    assert (added.status, added.err) == (0, "")
    try:
        assert call(*asked, "--act-as", hers).status == 0
        assert (subject_of(made.read_text()), delegates_of(made.read_text())) == ("alice", ["orders"])
        if token_type == "saml20":
            assert call("token", "inspect", made, "--json").json()["delegates"] == ["orders"]
        assert call(*asked, "--on-behalf-of", hers).status == 0
        assert (subject_of(made.read_text()), delegates_of(made.read_text())) == ("alice", [])
        assert call(*asked, "--on-behalf-of", hers, "--act-as", hers).status == 2
    finally:
        assert call("delegation", "remove", "orders-for-alice", *at).status == 0
    assert call(*asked, "--act-as", hers).status == 1
    events = call("audit", "tail", "--json", *at).out
    assert "orders acts as alice" in events


def test_check_warns_of_what_a_rule_names_and_is_not_there(live):
    at = ("--config", live.directory)
    add = ("delegation", "add", "odd", "--actor", "nobody", "--any-subject", "--relying-party", "nowhere", "--by-name")
    assert call(*add, *at).status == 0
    try:
        told = call("check", *at).out
        assert "there is no account 'nobody'" in told
        assert "there is no relying party 'nowhere'" in told
        assert "without any proof" in told
    finally:
        assert call("delegation", "remove", "odd", *at).status == 0
