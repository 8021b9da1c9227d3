# What people and CI run. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2
BENCH ?=

.PHONY: help setup demo check format test soak bench schemas clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv and install everything into it

# PIP_* variables (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, ...) reach pip from the environment or from the make command line.
$(STAMP): pyproject.toml constraints/py311.txt scripts/setup.sh
	@bash scripts/setup.sh $(VENV)
	@touch $@

demo: $(STAMP) ## build tiles from the simulated planet, no account needed
	@$(BIN)/geomeld-build demo --out build/demo

check: $(STAMP) ## lint, types, import contracts, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/geomeld-build schemas --check

format: $(STAMP) ## sort imports and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A file stays in one process, so that its servers start once; the slow pipeline tests come first.
# (xdist 3.8 groups tests by a name that pytest 9.2 no longer looks at, so --dist loadgroup does nothing.)
test: check ## everything a change must pass
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

soak: $(STAMP) ## the long fault and crash tests
	$(BIN)/python -m pytest -m soak -o timeout=3600

bench: $(STAMP) ## benchmarks, all or BENCH=name; figures in build/bench
	@$(BIN)/python scripts/bench.py $(BENCH)

schemas: $(STAMP) ## write schemas/ and the generated pages of docs/
	@$(BIN)/geomeld-build schemas --write

clean: ## remove what the tools left, but not .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
