# Needs Python 3.11 or newer with its venv module, and make; everything else goes into .venv.
#
# PYTHON     the interpreter that .venv is made with
# TESTS      what `make test` runs                 make test TESTS=tests/identity
# BENCH      the benchmark that `make bench` runs  make bench BENCH=read ARGS="--json out.json"
# SEED       which documents `make fuzz` asks     make fuzz SEED=20261122 DOCUMENTS=5000 SECONDS=600
# ARGS       further arguments, for pytest, a benchmark or `cdp demo`

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TESTS  ?= tests
ARGS   ?=
ifndef BENCH
BENCH  := $(patsubst bench/%/__main__.py,%,$(sort $(wildcard bench/*/__main__.py)))
QUICK  := --quick
endif

.DEFAULT_GOAL := help
# Other ones every day, the same ones all day.
SEED      ?= $(shell date +%Y%m%d)
DOCUMENTS ?= 1000
# As long, as all roles together: documents of our own making, and as long again schemathesis.
SECONDS   ?= 180

.PHONY: help demo test tutorial check fuzz format bench schema pins clean

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## A server with sample data and its own PostgreSQL
	@$(BIN)/cdp demo $(ARGS)

test: $(READY) ## All tests, on every core, each with a PostgreSQL of its own; ARGS=-n0 in one process
	$(BIN)/python -m pytest -n auto $(TESTS) $(ARGS)

tutorial: $(READY) ## The tutorial's steps, in an environment of their own, outside of the repository
	$(BIN)/python -m pytest tests/kit/tutorial.py $(ARGS)

check: $(READY) ## Formatting, lints, types, layers, and whether schema.graphql and docs/permissions.md are fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cdp schema | diff -u schema.graphql - || { echo "schema.graphql is stale: run make schema." >&2; exit 1; }
	$(BIN)/cdp schema --permissions | diff -u docs/permissions.md - || { echo "docs/permissions.md is stale: run make schema." >&2; exit 1; }

fuzz: $(READY) ## Thousands of generated documents, as every role: nothing fails, nothing leaks, both ways out agree
	@echo "make fuzz SEED=$(SEED) DOCUMENTS=$(DOCUMENTS) SECONDS=$(SECONDS)"
	DIPTYCH_SEED=$(SEED) DIPTYCH_DOCUMENTS=$(DOCUMENTS) $(BIN)/python -m pytest tests/graphql/test_documents.py -s --show-capture=no $(ARGS)
	DIPTYCH_SEED=$(SEED) DIPTYCH_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/fuzz/generated.py tests/fuzz/with_schemathesis.py -s --show-capture=no $(ARGS)

format: $(READY) ## Format the code, and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Every benchmark quickly; BENCH=name for one of them
	@set -e; for name in $(BENCH); do echo "── $$name"; $(BIN)/python -m bench.$$name $(QUICK) $(ARGS); done

schema: $(READY) ## Write schema.graphql and docs/permissions.md anew
	$(BIN)/cdp schema > $(VENV)/schema.graphql && mv $(VENV)/schema.graphql schema.graphql
	$(BIN)/cdp schema --permissions > $(VENV)/permissions.md && mv $(VENV)/permissions.md docs/permissions.md

pins: ## Take the newest versions that pyproject.toml allows into constraints.txt
	rm -rf $(VENV)/pins && $(PYTHON) -m venv $(VENV)/pins
	$(VENV)/pins/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	$(VENV)/pins/bin/pip freeze --exclude diptych > constraints.txt
	rm -rf $(VENV)/pins

clean: ## Remove .venv and everything that tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing Diptych and what it needs into $(VENV) (once; a minute or so) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $@
