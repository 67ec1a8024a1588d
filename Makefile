# Needs python3 (3.11 or newer, with venv), make and git; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DURATION ?=
PORT ?= 9464

.PHONY: help setup demo test test-fast test-slow test-day test-live lint format bench dashboards bench-policy bench-worlds bench-services lock reference clean
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) -V`. Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv. Debian, Ubuntu: apt install python3-venv. Fedora: dnf install python3-pip. Then run make again."; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## install into .venv

demo: $(STAMP) ## three emulated deployments, live; DURATION=60 ends by itself
	@$(BIN)/neevscale demo $(if $(DURATION),--duration $(DURATION)) --port $(PORT)

test: test-fast test-slow test-day test-live ## everything that must pass

test-fast: $(STAMP) ## the fast suite, at most 60 s
	@$(BIN)/pytest -q -n 2

test-slow: $(STAMP) ## slower tests
	@$(BIN)/pytest -q -n 3 --dist worksteal -m 'slow and not day and not bench and not live'

test-day: $(STAMP) ## emulated days on virtual time
	@$(BIN)/pytest -q -n 2 --dist worksteal -m 'day'

test-live: $(STAMP) ## against real software where it is installed
	@$(BIN)/pytest -q -rs -m 'live and not bench'

lint: $(STAMP) ## format check, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## format and fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP) ## figures: replica model, probe, exporter
	@$(BIN)/pytest -q -s -m bench

dashboards: $(STAMP) ## ask a real Prometheus all that the dashboards ask, of a real demo; five minutes
	@$(BIN)/pytest -q -rs -s -m 'live and bench' tests/prometheus/test_prometheus_demo.py

bench-policy: $(STAMP) ## all policies on all traces, about 40 minutes on two cores; FAST=1 four, KEPT=FILE goes on where it stopped
	@$(BIN)/python tests/bench/policy_grid.py

bench-worlds: $(STAMP) ## our policy where engines, routers and streams differ, 20 minutes; FAST=1 four
	@$(BIN)/python tests/bench/policy_worlds.py

bench-services: $(STAMP) ## our policy on services that nobody recorded, ten minutes; FAST=1 two
	@$(BIN)/python tests/bench/policy_services.py

lock: $(STAMP) ## resolve the lock files anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev -q -o requirements-dev.lock pyproject.toml
	echo 'hatchling>=1.27' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements-dev.lock -o requirements-build.lock -

reference: $(STAMP) ## generate docs/reference.md and config/neevscale.yaml
	$(BIN)/neevscale reference > .reference.new && mv .reference.new docs/reference.md
	$(BIN)/neevscale reference --settings-file > .reference.new && mv .reference.new config/neevscale.yaml

clean: ## remove what was made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
