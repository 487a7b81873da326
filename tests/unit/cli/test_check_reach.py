"""`check`: whether clients can reach the address that the server listens on."""

from dataclasses import replace
from pathlib import Path

import pytest

from wstrust_sts.cli.checks.reach import check_reach
from wstrust_sts.config import Config, SecretsSection, ServerSection


def warned(*, listen: str, public: str, plain: bool = False) -> bool:
    server = ServerSection(listen=(listen, 443), public_url=public, plain_http=plain)
    secrets = SecretsSection(key_encryption_key_environment="UNUSED")
    config = replace(Config(server=server, secrets=secrets), file=Path("sts.toml"))
    findings = list(check_reach(config))
    assert all(each.warning and '"0.0.0.0:443"' in each.problem.fix for each in findings)
    return bool(findings)


@pytest.mark.parametrize("listen", ["127.0.0.1", "::1", "localhost"])
def test_a_public_server_on_a_loopback_address_is_warned_of(listen):
    assert warned(listen=listen, public="https://sts.example.com")


@pytest.mark.parametrize(
    ("listen", "public", "plain"),
    [
        ("0.0.0.0", "https://sts.example.com", False),
        ("127.0.0.1", "https://localhost:8443", False),
        ("127.0.0.1", "https://127.0.0.1:8443", False),
        ("127.0.0.1", "https://sts.example.com", True),
    ],
)
def test_other_servers_are_not(listen, public, plain):
    assert not warned(listen=listen, public=public, plain=plain)
