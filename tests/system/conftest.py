"""Which of the system tests can run here."""

from tests.postgresql import programs

collect_ignore = [] if programs() else ["test_postgresql.py"]
