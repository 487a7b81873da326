"""Statements that differ between databases, as each of them reads them."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from wstrust_sts.storage.generation import GENERATION
from wstrust_sts.storage.janitor import _SIGHTINGS
from wstrust_sts.storage.units import _remember_statement


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=lambda dialect: dialect.name)
def test_a_sighting_takes_over_only_an_expired_row_and_says_so(dialect) -> None:
    text = " ".join(str(_remember_statement(dialect.name).compile(dialect=dialect)).split())
    assert "ON CONFLICT (realm, digest) DO UPDATE SET" in text
    assert "WHERE replay.expires_at <= excluded.seen_at" in text
    assert "RETURNING" in text


def test_only_postgresql_locks_rows() -> None:
    for statement in (GENERATION.with_for_update(), _SIGHTINGS):
        assert "FOR UPDATE" in str(statement.compile(dialect=postgresql.dialect()))
        assert "FOR UPDATE" not in str(statement.compile(dialect=sqlite.dialect()))


def test_what_was_renewed_while_it_was_to_be_deleted_stays() -> None:
    text = " ".join(str(_SIGHTINGS.compile(dialect=postgresql.dialect())).split())
    assert "SKIP LOCKED" in text
    assert text.count("replay.expires_at <") == 2
