# The front door: `make` alone lists what it can do. Paths are relative, so the folder's name may contain a space.

PYTHON := .venv/bin/python

# Containers often tell Python to keep nothing that it has compiled: then each process takes a second more to start.
unexport PYTHONDONTWRITEBYTECODE

# What there is to install: the groups of pyproject.toml, each with a stamp, on which the targets depend that need it.
GROUPS := compare links demo notebooks check test
STAMP := .venv/.made-for-
STAMPS := $(GROUPS:%=$(STAMP)%)

# See tests/conftest.py for how many workers `auto` means, and for what forms a group.
WORKERS := -n auto --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup compare demo check test drills outages bench notebooks site pictures lab format constraints clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP)test ## Install what all targets need (each one installs what it needs by itself)
	@echo 'Ready.'

$(STAMPS): $(STAMP)%: pyproject.toml constraints.txt .ci/setup
	@sh .ci/setup $*
$(STAMP)demo $(STAMP)test: clients/web/package-lock.json
$(STAMP)check $(STAMP)test: .ci/biome/package-lock.json
$(STAMP)test: servers/shortest/javascript/package-lock.json

# .venv cannot be moved: a stamp says for which folder it was made. The demo's npm packages may be installed later.
STALE := $(shell for group in $(GROUPS); do \
		test -x $(PYTHON) && test "`cat $(STAMP)$$group 2>/dev/null`" = "`pwd -P`" || echo $(STAMP)$$group; \
	done; \
	if command -v npm >/dev/null && ! test -d clients/web/node_modules/pusher-js; then echo $(STAMP)demo; fi)
.PHONY: $(STALE)

# A comparison over TLS or HTTP/2 (`--link h2`, `--scenario link`, `handshakes` or `proxy`) needs more than one in the clear.
LINKS := $(if $(filter link handshakes proxy --link --link=%,$(subst --scenario=,,$(ARGS))),$(STAMP)links)

# Setup installs as root where it must: in containers, whose only user that often is. Jupyter asks to be told.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

define STYLE
	@echo '== ruff check: style'
	@$(PYTHON) -m ruff check .
	@echo '== ruff format: layout'
	@$(PYTHON) -m ruff format --check .
	@echo '== biome: JavaScript'
	@.ci/biome/node_modules/.bin/biome check --error-on-warnings
	@echo '== mypy: types'
	@$(PYTHON) -m mypy
	@echo '== lint-imports: the import contracts'
	@.venv/bin/lint-imports --no-logo
endef

compare: $(STAMP)compare $(LINKS) ## Compare the transports side by side in the terminal
	@$(PYTHON) -m loadtests compare $(ARGS)

demo: $(STAMP)demo ## Show it in a browser: one message, four lanes, live counters
	@$(PYTHON) -m servers.demo $(ARGS)

check: $(STAMP)check ## Check style, types and the import contracts, and run the tests that start no process
	$(STYLE)
	@echo '== pytest: the tests that start no process'
	@$(PYTHON) -m pytest -m 'not process and not drill' $(WORKERS) $(ARGS)

test: $(STAMP)test ## Check style, types and the import contracts, then run the tests
	$(STYLE)
	@echo '== pytest: behaviour'
	@$(PYTHON) -m pytest $(WORKERS) $(ARGS)

drills: $(STAMP)test ## Run what is too long for `make test` (ARGS=kills, fuzz, soak or faults: one drill)
	@$(PYTHON) -m tests.drills $(ARGS)

outages: $(STAMP)test ## Let each deployment fail in several ways while people talk, and report what it cost them
	@$(PYTHON) -m tests.outages $(ARGS)

bench: $(STAMP)test ## Measure the servers against the least that could do the same job
	@$(PYTHON) -m loadtests.experiments.bench $(ARGS)

notebooks: $(STAMP)notebooks ## Execute the notebooks, and test the claims, on results/reference
	@$(PYTHON) -m notebooks.analysis claims results/reference --readme README.md
	@$(PYTHON) -m notebooks.analysis explore results/reference
	@$(PYTHON) -m notebooks.execute

site: $(STAMP)notebooks ## Render the notebooks as pages that stand alone, into site/
	@$(PYTHON) -m notebooks.publish

pictures: $(STAMP)test ## Take the pictures of the demo again
	@$(PYTHON) -m tests.browser.pictures

lab: $(STAMP)notebooks ## Open the notebooks in Jupyter
	@$(PYTHON) -m jupyterlab --notebook-dir=notebooks $(AS_ROOT) $(ARGS)

format: $(STAMP)check ## Correct style and layout
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@.ci/biome/node_modules/.bin/biome check --write

constraints: $(STAMP)check ## Pin the dependencies again (ARGS=--upgrade takes newer releases)
	@$(PYTHON) -m uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate \
		pyproject.toml $(GROUPS:%=--group %) -o constraints.txt $(ARGS)

clean: ## Remove what setup and the gates made; results and databases stay
	rm -rf .venv .ci/biome/node_modules clients/web/node_modules servers/shortest/javascript/node_modules
	rm -rf .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
