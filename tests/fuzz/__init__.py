"""Coverage-guided fuzzing of every reader of foreign octets, and of the whole application: `python -m tests.fuzz`."""
