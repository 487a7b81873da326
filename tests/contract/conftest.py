"""The databases that every store is tested on: SQLite, and PostgreSQL where its server is installed."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import postgresql
from tests.fakes import NOON
from tests.records import token_record
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account, Claim, Realm
from wstrust_sts.records import AuditEvent, TokenRecord
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty
from wstrust_sts.storage.database import Database, open_database
from wstrust_sts.storage.migrate import upgrade
from wstrust_sts.storage.stores import Stores, open_stores

DATABASES = ["sqlite", "postgresql"] if postgresql.programs() else ["sqlite"]
collect_ignore = [] if postgresql.programs() else ["test_postgresql.py"]


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; each test has a copy."""
    path = tmp_path_factory.mktemp("migrated") / "sts.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.PostgresqlServer]:
    """Started when the first test asks for it."""
    with postgresql.running_postgresql() as server:
        yield server


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated and empty database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite_file"), tmp_path / "sts.db")
        yield f"sqlite:///{tmp_path}/sts.db"
    else:
        server: postgresql.PostgresqlServer = request.getfixturevalue("postgresql_server")
        with server.database() as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


@dataclass(slots=True)
class Node:
    """The stores of one node with the realms `default` and `other`, and short ways to fill them."""

    stores: Stores
    database: Database
    box: AesGcmSecretBox

    def put_account(self, name: str = "alice", *, realm: str = "default", **changes) -> Account:
        values = {
            "enabled": True,
            "expires_at": None,
            "claims": [Claim("email", ("alice@example.test",)), Claim("role", ("reader", "writer"))],
            "groups": ["players", "admins"],
            "password_hash": "$argon2id$one",
        }
        self.stores.administration.put_account(realm, name, **(values | changes))
        account = self.stores.accounts.find(realm, name)
        assert account is not None
        return account

    def put_relying_party(self, name: str, *rules: AppliesToRule | str, realm: str = "default", **settings) -> None:
        applies_to = tuple(AppliesToRule(address=rule) if isinstance(rule, str) else rule for rule in rules)
        self.stores.administration.put_relying_party(
            RelyingParty(id="", realm=realm, name=name, applies_to=applies_to, **settings)
        )

    def record(self, *entries) -> None:
        self.stores.journal.write(*entries).result(timeout=10)


@pytest.fixture
def box() -> AesGcmSecretBox:
    return AesGcmSecretBox(b"k" * 32)


@pytest.fixture
def node(database: Database, box: AesGcmSecretBox) -> Iterator[Node]:
    stores = open_stores(database, box)
    for realm in ("default", "other"):
        stores.administration.put_realm(Realm(name=realm, issuer=f"https://sts.example.test/{realm}"))
    yield Node(stores, database, box)
    stores.close()


@pytest.fixture
def second_node(node: Node, database_url: str, box: AesGcmSecretBox) -> Iterator[Node]:
    """Another process's view of the same database: its own connections, caches and writer."""
    database = open_database(database_url)
    stores = open_stores(database, box)
    yield Node(stores, database, box)
    stores.close()
    database.close()


@pytest.fixture
def stores(node: Node) -> Stores:
    return node.stores


@pytest.fixture
def a_token():
    """Makes records of tokens."""

    def make(token_id: str = "_1", **changes) -> TokenRecord:
        values = {
            "relying_party": "payroll",
            "account": "0" * 32,
            "requestor": "alice",
            "key_id": "k1",
            "correlation_id": "c" * 32,
            "key_thumbprint": "ab" * 32,
            "delegation": "ActAs",
            "wrapped_proof_key": b"\x01sealed",
        }
        return token_record(token_id, **(values | changes))

    return make


@pytest.fixture
def an_event():
    """Makes audit events."""

    def make(correlation_id: str = "c" * 32, **changes) -> AuditEvent:
        values = {
            "realm": "default",
            "correlation_id": correlation_id,
            "at": NOON,
            "operation": "Issue",
            "outcome": "issued",
            "endpoint": "/trust/13/usernamemixed",
            "detail": {"reasons": ["covered by https://a/"]},
        }
        return AuditEvent(**(values | changes))

    return make
