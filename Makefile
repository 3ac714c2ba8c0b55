# Every command of the house. `make` alone lists them; nothing but Python >= 3.11 and make is needed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
CODE := clearing adapters settlement tests $(wildcard bench)

# The first of these that is Python 3.11 or newer; `make demo PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; done; true)

# Tests run in an order that is drawn: the same for everybody, or another with `make test SEED=7`.
SEED ?= 2026

.PHONY: help demo serve test lint check bench lock fmt clean

help:  ## this list
	@grep -hE '^[a-z.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv: .venv/.installed  ## the environment, from the hashed lock

.venv/.locked: requirements.lock
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer (with venv and pip) was found. Install one, or say: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; fi
	"$(PYTHON)" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: .venv  ## the whole story on this machine, for real, in two minutes
	@$(BIN)/clearing demo $(if $(BOOKS),--books $(BOOKS))

serve: .venv  ## the same house and programs, kept running, with the API's documentation in a browser
	@$(BIN)/clearing serve --sandbox

test: .venv  ## all tests, on a real PostgreSQL of their own
	$(BIN)/python -m pytest -n 2 --randomly-seed=$(SEED)

lint: .venv  ## form, types, floors, SQL, and whether the committed API description is the code's
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar clearing/sql $(wildcard settlement/sql)
	$(BIN)/clearing openapi --check

check: lint test  ## everything that must hold before a change goes in

bench: .venv  ## the measured figures, all of them, as tables
	$(BIN)/python -m bench

lock: .venv  ## resolve anew: newest versions, every platform, hashes of every artefact, no address
	env -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_INDEX -u UV_FIND_LINKS \
		$(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

fmt: .venv  ## put the form right
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/sqlfluff fix --disable-progress-bar clearing/sql

clean:  ## remove the environment and what tools left behind
	rm -rf .venv build ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
