# Needs python3 (3.11 or newer) and make; everything else is put into .venv, from locked and hashed wheels.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MAKEFLAGS += --no-print-directory

# A pure stop message: $(error) is the only way in which make itself does not have the last word.
python_is = $(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)
has_venv = $(shell $(PYTHON) -c 'import ensurepip, venv; print(True)' 2>/dev/null)
is_root = $(filter 0,$(shell id -u))
need_python = $(if $(filter True,$(python_is)),,$(error $(PYTHON) is not Python 3.11 or newer; install it, or name another one: make PYTHON=python3.11))
need_venv = $(if $(has_venv)$(is_root),,$(error $(PYTHON) cannot make an environment; install what is missing: sudo apt-get install $(notdir $(PYTHON))-venv))

.PHONY: help setup run demo check test lab bench docs uninstall

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(VENV)/run.stamp: requirements.lock
	$(need_python)$(need_venv)@PYTHON='$(PYTHON)' tools/environment.sh requirements.lock run

$(VENV)/dev.stamp: requirements-dev.lock requirements.lock
	$(need_python)$(need_venv)@PYTHON='$(PYTHON)' tools/environment.sh requirements-dev.lock dev

setup: $(VENV)/dev.stamp ## make the environment for development

run: $(VENV)/run.stamp ## audit this host, then serve its metrics
	@tools/run.sh

demo: $(VENV)/dev.stamp ## a province on this machine: a real Prometheus over 40 simulated agents
	@$(BIN)/python -m tools.demo

check: $(VENV)/dev.stamp ## format, lint, types, layers, purity, docstrings, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.purity
	$(BIN)/interrogate secmon tools
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m tools.dashboards --check

test: $(VENV)/dev.stamp ## every test that this machine allows; names what it skipped
	@$(BIN)/python -m pytest

lab: $(VENV)/dev.stamp ## only the tests that need root, namespaces or other programs
	@$(BIN)/python -m pytest tests/lab

bench: $(VENV)/dev.stamp ## measure the promised numbers
	@$(BIN)/python bench/run_all.py

docs: $(VENV)/dev.stamp ## generate docs/reference, docs/man, the report's schema and the dashboards
	@$(BIN)/python -m tools.docs
	@$(BIN)/python -m tools.dashboards

uninstall: ## undo what setup and run did
	@tools/uninstall.sh
