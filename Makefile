# Two commands for a newcomer: `make demo` and `make test`. Each makes .venv and installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: help demo test lint types unit e2e matrix node bench torture durability soak fmt clean

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

$(VENV)-frameworks/.test: pyproject.toml
	@PYTHON="$(PYTHON)" sh .ci/make-venv $(VENV)-frameworks
	@$(VENV)-frameworks/bin/python -m pip install --quiet --disable-pip-version-check -e . --group frameworks
	@touch $@

$(VENV)-crews/.test: pyproject.toml
	@PYTHON="$(PYTHON)" sh .ci/make-venv $(VENV)-crews
	@$(VENV)-crews/bin/python -m pip install --quiet --disable-pip-version-check -e . --group crews
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
	$(BIN)/pytest -n $(WORKERS) --dist worksteal tests/unit tests/property

e2e: $(VENV)/.test $(VENV)-litellm/.test $(VENV)-frameworks/.test ## real SDKs, real frameworks, real processes
	FR_LITELLM_PYTHON=$(CURDIR)/$(VENV)-litellm/bin/python \
	FR_FRAMEWORKS_PYTHON=$(CURDIR)/$(VENV)-frameworks/bin/python $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/e2e

matrix: $(VENV)/.test $(VENV)-litellm/.test $(VENV)-frameworks/.test $(VENV)-crews/.test ## every framework and mode; writes docs/matrix.md
	FR_LITELLM_PYTHON=$(CURDIR)/$(VENV)-litellm/bin/python \
	FR_FRAMEWORKS_PYTHON=$(CURDIR)/$(VENV)-frameworks/bin/python \
	FR_CREWS_PYTHON=$(CURDIR)/$(VENV)-crews/bin/python $(BIN)/python tests/e2e/matrix.py

node: $(VENV)/.test ## the proxy with a Node program on the official npm SDKs; needs node and npm
	npm install --no-audit --no-fund --ignore-scripts --prefix $(VENV)/node openai@6 @anthropic-ai/sdk@0
	FR_NODE_MODULES=$(CURDIR)/$(VENV)/node/node_modules $(BIN)/pytest tests/e2e/test_proxy_node.py

bench: $(VENV)/.bench ## measure against named peers; writes a report to stdout
	$(BIN)/python tests/benchmarks/run.py

torture: $(VENV)/.test ## 1,000 random task graphs, 200 edits, 200 kills (half an hour)
	$(BIN)/python tests/torture/run.py

durability: $(VENV)/.test ## 1,000 kills of recorded programs, 400 power cuts; writes docs/durability.md
	$(BIN)/python tests/torture/durability.py --markdown docs/durability.md

soak: $(VENV)/.test ## ten minutes at 500 calls/s with seals, compactions and queries
	$(BIN)/python tests/torture/soak.py --seconds 600

fmt: $(VENV)/.test ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what make has made
	rm -rf $(VENV) $(VENV)-litellm $(VENV)-frameworks $(VENV)-crews .demo build dist
