# Needs python3 (3.11 to 3.13) with venv, make and git; everything else comes into .venv. PYTHON=... chooses another.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo
MINUTES ?= 10
# One more than there are processors, as some tests wait for a clock.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo run stop test lint fuzz bench bench-scale bench-peers docs docs-clients clean

help:
	@echo "make demo    the whole life of a token: request, show, verify, validate, cancel"
	@echo "make run     start the demo server and leave it running; make stop ends it"
	@echo "make test    all tests            make lint    ruff and mypy"
	@echo "make fuzz    changed messages at random, for MINUTES=10; findings go to fuzz-findings/"
	@echo "make bench   figures              make docs    write docs/configuration.md anew"
	@echo "make docs-clients  the client suites (root, a JDK, Maven, Node.js, Go, Mono): writes the tables of docs/clients.md"
	@echo "make bench-scale  what the size of the database costs: 5 GB for some minutes"
	@echo "make bench-peers  beside the STS of Apache CXF (a JDK and Maven): writes docs/peers.md and its plot"
	@echo "make clean   remove .venv and the demo"

demo: $(VENV)/.installed
	@$(BIN)/wstrust-sts demo $(DEMO)

run: $(VENV)/.installed
	@$(BIN)/wstrust-sts demo $(DEMO) --leave-running

stop: $(VENV)/.installed
	@$(BIN)/wstrust-sts demo $(DEMO) --stop

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -m alone

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.bench

bench-scale: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.scale

bench-peers: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.peers

docs: $(VENV)/.installed-dev
	$(BIN)/python -m docs.write_configuration

docs-clients: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/interop --record-clients $(VENV)/clients.json
	$(BIN)/python -m docs.write_clients $(VENV)/clients.json

clean:
	@test ! -x $(BIN)/wstrust-sts || $(BIN)/wstrust-sts demo $(DEMO) --stop
	rm -rf $(VENV) $(DEMO)

$(VENV)/.installed: setup.cfg pyproject.toml
	@echo "Making $(VENV) with $(PYTHON), and installing wstrust-sts into it (about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what tests and checks need ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@
