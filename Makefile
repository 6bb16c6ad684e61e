# `make` alone lists the targets.
DATA ?= .uptake
DEMO_SECONDS ?=
BROKER ?= embedded
KAFKA ?= auto
TOOLS ?= auto
PYTEST_ARGS ?=
JOBS ?= 3
SEEDS ?= 10
FIRST_SEED ?= 1

BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
LOCK := requirements.lock

# The first Python on the PATH that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; \
	done)

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo up test chaos lint format docs bench dashboards dictionary examples screenshots lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Settings: DATA=$(DATA) (folder), DEMO_SECONDS=N (demo ends by itself), BROKER=embedded|kafka (chaos: or cluster),"
	@echo "          KAFKA=auto|require|off (tests on a real Apache Kafka), PYTEST_ARGS='...',"
	@echo "          TOOLS=auto|require (tests with Chromium and promtool),"
	@echo "          JOBS=$(JOBS) (tests at a time; more than processors, since they wait too),"
	@echo "          SEEDS=$(SEEDS) FIRST_SEED=$(FIRST_SEED) (chaos)"

install: $(INSTALLED) ## Set up .venv to run Uptake; quick when done already

install-dev: $(INSTALLED_DEV) ## Set up .venv to work on Uptake too

demo: $(INSTALLED) ## Run everything with a simulated organisation and show it live
	@$(BIN)/uptake demo --data "$(DATA)" --broker $(BROKER) $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

up: $(INSTALLED) ## Run everything, without simulated events
	@$(BIN)/uptake up --data "$(DATA)" --broker $(BROKER)

test: $(INSTALLED_DEV) ## Run all tests but those that take long (chaos)
	$(BIN)/python -m pytest -n $(JOBS) -m "not chaos" --kafka=$(KAFKA) --tools=$(TOOLS) $(PYTEST_ARGS)

chaos: $(INSTALLED_DEV) ## Kill, freeze and cut parts under load, SEEDS times, and recount
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --first-seed $(FIRST_SEED) --broker $(BROKER)

lint: $(INSTALLED_DEV) ## Check style (ruff) and types (mypy --strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED_DEV) ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(INSTALLED) ## Write docs/catalog.md from the catalog
	$(BIN)/uptake docs catalog > docs/catalog.md

bench: $(INSTALLED_DEV) ## Measure: ratios to a bare loop in the same run
	$(BIN)/python -m benchmarks

dashboards: $(INSTALLED_DEV) ## Write Grafana's dashboards and alert rules again
	$(BIN)/uptake dashboards

dictionary: $(INSTALLED_DEV) ## Write docs/dictionary.md again
	$(BIN)/python -m tests.fixtures.write_docs dictionary docs/dictionary.md

examples: $(INSTALLED_DEV) ## Write the example story and brief again, of the simulated organisation
	$(BIN)/python -m tests.fixtures.write_docs examples docs/examples

screenshots: $(INSTALLED_DEV) ## Take pictures of every page of the board: build/screenshots, docs/pictures
	$(BIN)/python -m tests.browser.screenshots build/screenshots docs/pictures

lock: $(INSTALLED_DEV) ## Write requirements.lock from what .venv holds
	$(BIN)/python -m pip freeze --exclude-editable --exclude uptake > $(LOCK)

clean: ## Remove .venv and what the tools left; data stays
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Uptake needs Python 3.11 or newer; none was found on the PATH" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(INSTALLED): pyproject.toml $(LOCK) | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(LOCK) -e ".[embedded]"
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(LOCK) -e ".[embedded,reports,dev]"
	@touch $@
