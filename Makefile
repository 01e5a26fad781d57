# Tap needs Python 3.11 or newer, git and make; everything else installs itself, into .venv and
# clients/node_modules. Each step leaves a stamp, so that a second call starts at once.

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location
NPM := $(BIN)/python hatch_build.py npm

# The tests start hundreds of processes; each would compile the server anew.
unexport PYTHONDONTWRITEBYTECODE

# Workers for the tests: one for each core. Each runs several nodes at times, so four are enough.
WORKERS := --numprocesses=auto --maxprocesses=4

WEB := clients/web/dist/index.html
WEB_MANIFESTS := $(wildcard clients/package*.json clients/*/package.json clients/.npmrc)
WEB_SOURCES := $(WEB_MANIFESTS) $(wildcard clients/*.json clients/web/*.json clients/web/*.ts clients/web/index.html) \
  $(shell find clients/sdk-ts/src clients/web/src clients/web/public -type f 2>/dev/null)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev run test check unit fmt lock bench bench-realtime bench-federation bench-scoring crowd chaos soak
.PHONY: simulate mutants machine clean

help: ## print this
	@echo 'make VERB, where VERB is one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/runtime $(WEB) ## install the server and build the web client

run: setup ## start the demo: regions with people and posts, in the browser
	$(BIN)/tap demo

test: setup-dev machine check ## every check and every test
	$(NPM) run test
	$(BIN)/python -m pytest $(WORKERS) --durations=30 --durations-min=10

check: setup-dev ## format, lint, types and import rules, of Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(NPM) run types
	$(NPM) run lint

unit: setup-dev ## the quick tests: no browser, no processes, no database server
	$(BIN)/python -m pytest $(WORKERS) -m 'not (e2e or browser or postgres or bench)'

fmt: setup-dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure this machine
	$(BIN)/python -m tests.bench

bench-realtime: setup ## measure the live layer beside a floor and peers
	$(BIN)/python -m tests.bench.realtime

bench-federation: setup ## measure the links between regions over a line of 250 ms
	$(BIN)/python -m tests.bench.federation

bench-scoring: setup ## measure scoring, and what people read of it, among 30,000 people
	$(BIN)/python -m tests.bench.scoring --full

crowd: setup-dev machine ## 5,000 clients and a browser on the demo while each region is killed
	$(BIN)/python -m tests.e2e.crowd

chaos: setup-dev ## five nodes on lines that are cut a thousand times, and killed, every byte read
	$(BIN)/python -m tests.e2e.chaos

soak: setup-dev ## a million random steps, and a real node killed a hundred times, at low priority
	nice -n 19 $(BIN)/python -m tests.stateful.soak

# The npm lock is made in a copy of its manifests, with no settings but the project's own: what a
# person's settings hide (an address, a missing package) would fail on the next machine.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
lock: setup-dev ## take current versions into every lock
	$(LOCK) --upgrade --extra postgres --extra convert pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) --upgrade --group build -o requirements-build.lock
	$(LOCK) --upgrade --group node -o requirements-node.lock
	$(BIN)/python hatch_build.py lock

simulate: setup-dev ## ten thousand schedules of twenty regions in virtual time, at low priority
	nice -n 19 $(BIN)/python -m tests.simulation --schedules 10000

mutants: setup-dev ## tell the protocol every small lie there is, and see which test notices
	$(BIN)/python -m tests.mutants

clean: ## remove what the verbs above made; the demo's data too
	rm -rf $(VENV) clients/node_modules clients/web/dist .demo .bench build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find server clients/python tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- what the verbs stand on

setup-dev: $(STAMPS)/dev $(STAMPS)/tools $(WEB)

# Debian's Chromium, PostgreSQL, nginx, curl and compiler, for the tests which need them.
machine:
	deploy/ci/install-chromium.sh
	deploy/ci/install-postgres.sh
	deploy/ci/install-nginx-curl.sh
	deploy/ci/install-compiler.sh

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Tap needs Python 3.11 or newer. Name one: make setup PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its ensurepip is missing." >&2; \
	  echo 'On Debian and Ubuntu: apt-get install python3-venv, then make again.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# The locks first, with hashes; then ourselves, with nothing left to resolve.
$(STAMPS)/runtime: $(STAMPS)/venv requirements.lock requirements-build.lock pyproject.toml hatch_build.py
	@echo 'Installing the server and what it needs.'
	$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime requirements-dev.lock
	@echo 'Installing the tools that test it.'
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

$(STAMPS)/tools: $(STAMPS)/runtime $(WEB_MANIFESTS)
	$(BIN)/python hatch_build.py tools
	@touch $@

$(WEB): $(STAMPS)/runtime $(WEB_SOURCES)
	@echo 'Building the web client.'
	$(BIN)/python hatch_build.py web
	@touch $@
