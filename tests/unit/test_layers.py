"""Who may import whom: the layers of the design, kept by reading the imports of every module."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "wstrust_sts"
PLUGINS = {"authenticators", "tokens", "claims", "storage"}
CORE = {
    "service",
    "policy",
    "token_policy",
    "proof_policy",
    "own_party",
    "token_credentials",
    "lineage",
    "renewal",
    "context_policy",
    "context_operations",
    "token_operations",
    "token_factory",
    "registered_tokens",
    "scopes",
    "registers",
    "verdicts",
    "identification",
    "delegation",
    "claim_collection",
    "subject_names",
    "keyring",
    "keys",
    "trust",
    "audit",
    "readiness",
}
GROUND = {
    "ns",
    "errors",
    "model",
    "layout_defaults",
    "relying_parties",
    "records",
    "addresses",
    "certificates",
    "certificate_names",
    "encryption",
    "proof_keys",
    "security_contexts",
    "delegation_rules",
    "received_tokens",
}
DECLARED = {"declared_certificates", "declared_relying_parties", "declared_delegation"}
BELOW_ALL = GROUND | {"log"}  # the log may be written to from everywhere

ALLOWED = {
    "ns": set(),
    "errors": set(),
    "addresses": set(),
    "log": set(),
    "encryption": {"ns"},
    "proof_keys": set(),
    "delegation_rules": set(),
    "received_tokens": {"proof_keys", "delegation_rules"},
    "model": {"ns", "errors", "encryption", "proof_keys", "received_tokens", "delegation_rules"},
    "layout_defaults": {"ns", "model"},
    "relying_parties": {"ns", "model", "encryption"},
    "certificates": set(),
    "certificate_names": {"certificates"},
    "records": set(),
    "security_contexts": {"model"},
    "ports": GROUND,
    "reasons": GROUND,
    "bookkeeping": GROUND | {"reasons", "ports"},
    "wire": BELOW_ALL | {"ports"},
    "pki": BELOW_ALL | {"ports"},
    "devpki": set(),
    "strict_toml": set(),
    "toml_kinds": {"strict_toml"},
    "octet_values": {"strict_toml", "toml_kinds"},
    "listener": BELOW_ALL | {"strict_toml", "toml_kinds"},
    "endpoint_section": BELOW_ALL | {"strict_toml", "toml_kinds"},
    "config": BELOW_ALL | {"strict_toml", "toml_kinds", "listener", "endpoint_section"},
    "declared_certificates": BELOW_ALL | {"pki", "strict_toml", "toml_kinds"},
    "declared_encryption": BELOW_ALL | {"pki", "strict_toml", "toml_kinds", "declared_certificates"},
    "relying_party_templates": {"strict_toml", "toml_kinds"},
    "declared_relying_parties": BELOW_ALL | {"strict_toml", "toml_kinds", "endpoint_section", "declared_encryption"},
    "declared_delegation": BELOW_ALL | {"strict_toml", "toml_kinds"},
    "declaration": BELOW_ALL | DECLARED | {"ports", "strict_toml", "toml_kinds", "octet_values"},
    "changes": {"ports"},
    "reconciliation": BELOW_ALL | DECLARED | {"ports", "strict_toml", "declaration", "changes"},
    **{core: CORE | BELOW_ALL | {"ports", "reasons", "bookkeeping"} for core in CORE},
    **{plugin: BELOW_ALL | {"ports", "wire", "pki", plugin} for plugin in PLUGINS},
    "bindings": CORE | BELOW_ALL | {"ports", "wire", "bindings"},
    "registry": PLUGINS | CORE | BELOW_ALL | {"ports", "wire", "bindings"},
    "app": PLUGINS | CORE | BELOW_ALL | {"ports", "wire", "pki", "bindings", "registry", "config", "endpoint_section"},
    "server": BELOW_ALL | {"app", "config", "registry", "bindings", "server"},
}
OUTSIDE = {
    "spyne": {"bindings/soap.py"},
    "sqlalchemy": {"storage/"},
    "alembic": {"storage/"},
    "lxml": {"wire/", "tokens/", "bindings/", "cli/"},
    "xmlsec": {"wire/", "tokens/", "cli/"},
    "signxml": {"cli/"},
    "zeep": {"cli/"},
    "click": {"cli/"},
    "uvicorn": {"server"},
}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, wherever in it the statement stands."""
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def names_the_time(path: Path) -> list[int]:
    tree = ast.parse((PACKAGE / path).read_text())
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        func.lineno
        for func in calls
        if isinstance(func, ast.Attribute)
        and func.attr in ("now", "utcnow", "today")
        and isinstance(func.value, ast.Name)
        and func.value.id in ("datetime", "date")
    ]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_downwards(path):
    own = part(path)
    if own in ("cli", "__init__", "__main__"):
        return
    used = {name.split(".")[1] for name in imported(path) if name.startswith("wstrust_sts.")}
    assert used - {own} <= ALLOWED[own], f"{path} may not import {sorted(used - {own} - ALLOWED[own])}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_library_is_imported_only_where_it_belongs(path):
    for name in {name.split(".")[0] for name in imported(path)}:
        if name in OUTSIDE:
            assert any(str(path).startswith(place) for place in OUTSIDE[name]), f"{path} may not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_the_time_is_asked_in_one_place(path):
    assert not names_the_time(path) or part(path) in ("app", "cli"), f"{path}:{names_the_time(path)}"


def test_every_uri_is_spelled_in_one_module():
    spelled = {}
    for path in MODULES:
        if part(path) in ("ns", "cli"):
            continue
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                value = node.value
                if value.startswith(("http://schemas.", "http://docs.oasis", "http://www.w3.org", "urn:oasis")):
                    spelled[value] = str(path)
    assert not spelled
