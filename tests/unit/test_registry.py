"""The plug-in tables."""

from datetime import timedelta

import pytest

from tests.fakes import (
    FakeAccounts,
    FakeCertificates,
    FakeCertificateValidator,
    FakeKeyring,
    FakeReplayCache,
    FakeSecurityContexts,
)
from wstrust_sts import registry
from wstrust_sts.authenticators.passwords import PasswordChecker
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Endpoint, TokenType, TrustVersion
from wstrust_sts.registry import Parts, Table, UnknownPlugin

TABLES = {
    "authenticators": registry.AUTHENTICATORS,
    "token_providers": registry.TOKEN_PROVIDERS,
    "claim_sources": registry.CLAIM_SOURCES,
}


@pytest.fixture
def parts() -> Parts:
    return Parts(
        accounts=FakeAccounts(),
        certificates=FakeCertificates(),
        validator=FakeCertificateValidator(),
        contexts=FakeSecurityContexts(),
        replay_cache=FakeReplayCache(),
        keyring=FakeKeyring(),
        passwords=PasswordChecker(slots=1, queue=1, remember_for=timedelta(0)),
        box=AesGcmSecretBox(b"k" * 32),
        skew=timedelta(minutes=5),
        nonce_window=timedelta(minutes=5),
        gate=None,
    )


@pytest.mark.parametrize(("kind", "table"), TABLES.items(), ids=TABLES)
def test_every_plug_in_of_ours_can_be_built_from_the_parts(kind, table, parts):
    assert table.kind == kind
    assert table.builders
    for name in table.builders:
        assert table.build(name, parts) is not None


def test_the_token_providers_together_issue_every_token_type_once(parts):
    built = [registry.TOKEN_PROVIDERS.build(name, parts) for name in registry.TOKEN_PROVIDERS.builders]
    assert sorted(kind.value for provider in built for kind in provider.token_types) == sorted(
        kind.value for kind in TokenType
    )


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_unknown_name_is_refused_with_the_names_that_are_known(table, parts):
    with pytest.raises(UnknownPlugin) as refusal:
        table.build("nonsense", parts)
    for known in ("nonsense", table.kind, *table.builders):
        assert known in str(refusal.value)


def test_what_an_endpoint_row_names_by_default_is_in_the_tables():
    endpoint = Endpoint(path="/x", version=TrustVersion.V13)
    assert endpoint.policy in registry.POLICIES
    assert endpoint.layout in registry.LAYOUTS
    assert endpoint.tolerances == frozenset()


class TestPackages:
    """Plug-ins that installed packages offer by entry point; the packages here are metadata on the import path."""

    TABLE: Table[object] = Table("claim_sources", {"ours": lambda parts: "ours"})

    @pytest.fixture
    def install(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)

        def install(package: str, offer: str, *, group: str = "wstrust_sts.claim_sources") -> None:
            metadata = tmp_path / f"{package}-1.0.dist-info"
            metadata.mkdir()
            (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            (metadata / "entry_points.txt").write_text(f"[{group}]\n{offer}\n")

        return install

    def test_one_offer_is_built_from_the_same_parts(self, install, parts):
        install("theirs", "theirs = builtins:id")
        assert self.TABLE.build("theirs", parts) == id(parts)

    def test_ours_cannot_be_replaced(self, install, parts):
        install("theirs", "ours = builtins:id")
        assert self.TABLE.build("ours", parts) == "ours"

    def test_two_offers_of_one_name_are_refused(self, install, parts):
        install("one", "theirs = builtins:id")
        install("two", "theirs = builtins:repr")
        with pytest.raises(UnknownPlugin) as refusal:
            self.TABLE.build("theirs", parts)
        assert "2 packages" in str(refusal.value)

    def test_an_offer_of_another_kind_is_no_offer(self, install, parts):
        install("theirs", "theirs = builtins:id", group="wstrust_sts.authenticators")
        with pytest.raises(UnknownPlugin):
            self.TABLE.build("theirs", parts)
