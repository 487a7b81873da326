"""Fills an SQLite database with rows as the software itself would have written them, by the million.

The rows of one account, one relying party and one issued token are the pattern; SQLite makes the others of them. Ids
of tokens are as evenly spread as random ones, and come in order, so that building the index is no random access.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.requests import USER
from tests.messages import RP
from wstrust_sts.storage.columns import microseconds

PARTY = "rp"
LIFETIME = timedelta(hours=1)
KEPT = timedelta(hours=23)  # that the oldest token was issued ago

_SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_KEY = "substr({column}, 1, 20) || printf('%012x', i)"  # one of as many keys, like the pattern's
_ACCOUNT_KEY = _KEY.format(column="account.id")
_PARTY_KEY = _KEY.format(column="relying_party.id")


def user(number: int) -> str:
    """The name of the account with that number, from 1."""
    return f"user-{number:07d}"


def address(number: int) -> str:
    """What the relying party with that number is asked for by."""
    return f"https://party-{number:07d}.example.test/svc"


def fill(database: Path, *, accounts: int, parties: int, tokens: int, now: datetime) -> None:
    """Adds to a file that nobody has open, which has the account `USER`, the relying party `PARTY` and a token."""
    with closing(sqlite3.connect(database)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        _fill_accounts(connection, accounts)
        _fill_parties(connection, parties)
        _fill_tokens(connection, tokens, accounts=accounts, parties=parties, now=now)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")


def _copy(
    connection: sqlite3.Connection, table: str, changed: dict[str, str], source: str, parameters: dict[str, object]
) -> None:
    """Rows of `table` for every i of the series: the pattern's columns, but those that `changed` gives in SQL."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, f"{table}.{column}") for column in columns)
    connection.execute(f"INSERT INTO {table} {_SERIES} SELECT {values} FROM n, {source}", parameters)


def _fill_accounts(connection: sqlite3.Connection, count: int) -> None:
    parameters: dict[str, object] = {"count": count, "name": USER}
    named = {"id": _ACCOUNT_KEY, "name": "printf('user-%07d', i)"}
    children = "account JOIN {table} ON {table}.account_id = account.id WHERE account.name = :name"
    for table in ("account_claim", "account_group"):
        _copy(connection, table, {"account_id": _ACCOUNT_KEY}, children.format(table=table), parameters)
    keyed = {"id": _KEY.format(column="credential.id"), "account_id": _ACCOUNT_KEY}
    _copy(connection, "credential", keyed, children.format(table="credential"), parameters)
    _copy(connection, "account", named, "account WHERE account.name = :name", parameters)


def _fill_parties(connection: sqlite3.Connection, count: int) -> None:
    parameters: dict[str, object] = {"count": count, "name": PARTY}
    rule = {
        "origin": "replace(applies_to.origin, 'rp.example', printf('party-%07d.example', i))",
        "relying_party_id": _PARTY_KEY,
    }
    owned = "relying_party JOIN applies_to ON relying_party_id = relying_party.id WHERE relying_party.name = :name"
    named = {"id": _PARTY_KEY, "name": "printf('party-%07d', i)"}
    _copy(connection, "applies_to", rule, owned, parameters)
    _copy(connection, "relying_party", named, "relying_party WHERE relying_party.name = :name", parameters)
    assert address(7) == RP.replace("rp.example", "party-0000007.example")


def _fill_tokens(connection: sqlite3.Connection, count: int, *, accounts: int, parties: int, now: datetime) -> None:
    """Issued at even intervals over the time for which a register keeps tokens."""
    hexadecimal: Callable[[int], str] = "lower(hex(randomblob({})))".format
    issued_at = ":oldest + i * :interval"
    account = "substr(issued_token.account, 1, 20) || printf('%012x', 1 + i % :accounts)"
    changed = {
        "id": f"printf('%012x7', ({issued_at}) / 1000) || substr({hexadecimal(10)}, 2)",
        "token_id": f"'_' || printf('%08x', i * (4294967295.0 / :count)) || {hexadecimal(12)}",
        "digest": "randomblob(32)",
        "relying_party": "printf('party-%07d', 1 + i % :parties)",
        "subject": "printf('user-%07d', 1 + i % :accounts)",
        "account": account,
        "requestor": account,
        "issued_at": issued_at,
        "expires_at": f"{issued_at} + :lifetime",
        "correlation_id": hexadecimal(16),
    }
    parameters: dict[str, object] = {
        "count": count,
        "accounts": accounts,
        "parties": parties,
        "oldest": microseconds(now - KEPT),
        "interval": KEPT // timedelta(microseconds=1) // count,
        "lifetime": LIFETIME // timedelta(microseconds=1),
    }
    _copy(connection, "issued_token", changed, "(SELECT * FROM issued_token LIMIT 1) AS issued_token", parameters)
