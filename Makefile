# Two commands for a newcomer: `make demo` and `make test`. Each makes .venv and installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint types unit e2e bench fmt clean

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.made:
	@PYTHON="$(PYTHON)" sh .ci/make-venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . --group demo
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . --group demo --group lint --group test
	@touch $@

$(VENV)-litellm/.test: pyproject.toml
	@PYTHON="$(PYTHON)" sh .ci/make-venv $(VENV)-litellm
	@$(VENV)-litellm/bin/python -m pip install --quiet --disable-pip-version-check -e . --group litellm
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

demo: $(VENV)/.demo ## record an agent, query it, replay it (under a minute)
	@$(BIN)/python tests/demo/demo.py

test: lint types unit e2e ## everything that CI runs

lint: $(VENV)/.test ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.test ## mypy --strict
	$(BIN)/mypy

unit: $(VENV)/.test ## unit and property tests
	$(BIN)/pytest tests/unit tests/property

e2e: $(VENV)/.test $(VENV)-litellm/.test ## real SDKs, real processes
	FR_LITELLM_PYTHON=$(CURDIR)/$(VENV)-litellm/bin/python $(BIN)/pytest tests/e2e

bench: $(VENV)/.bench ## measure against named peers; writes a report to stdout
	$(BIN)/python tests/benchmarks/run.py

fmt: $(VENV)/.test ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what make has made
	rm -rf $(VENV) $(VENV)-litellm .demo build dist
