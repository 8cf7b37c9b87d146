# The front door: `make` alone lists what it can do. Paths are relative, so the folder's name may contain a space.

PYTHON := .venv/bin/python
STAMP := .venv/.made-for

# A worker of pytest-xdist waits half of its time for servers and browsers, so there is one more than cores.
WORKERS := -n $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1))) --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup compare demo test drills outages bench notebooks site pictures lab format constraints clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make the virtual environment and install what is needed (every target does this first)
	@echo 'Ready.'

$(STAMP): pyproject.toml constraints.txt .ci/setup clients/web/package-lock.json \
		servers/shortest/javascript/package-lock.json
	@sh .ci/setup

# A virtual environment cannot be moved: the stamp says for which folder it was made.
ifneq ($(shell test -x $(PYTHON) && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

compare: $(STAMP) ## Compare the transports side by side in the terminal
	@$(PYTHON) -m loadtests compare $(ARGS)

demo: $(STAMP) ## Show it in a browser: one message, four lanes, live counters
	@$(PYTHON) -m servers.demo $(ARGS)

test: $(STAMP) ## Check style, types and the import law, then run the tests
	@echo '== ruff check: style'
	@$(PYTHON) -m ruff check .
	@echo '== ruff format: layout'
	@$(PYTHON) -m ruff format --check .
	@echo '== mypy: types'
	@$(PYTHON) -m mypy
	@echo '== lint-imports: the import law'
	@.venv/bin/lint-imports --no-logo
	@echo '== pytest: behaviour'
	@$(PYTHON) -m pytest $(WORKERS) $(ARGS)

drills: $(STAMP) ## Run what is too long for `make test`: every transport on every store, and engines that fail
	@$(PYTHON) -m pytest -m drill $(ARGS)

outages: $(STAMP) ## Let each deployment fail in every way while people talk, and report what it cost them
	@$(PYTHON) -m tests.drills $(ARGS)

bench: $(STAMP) ## Measure the servers against the least that could do the same job
	@$(PYTHON) -m loadtests.bench $(ARGS)

notebooks: $(STAMP) ## Execute the notebooks anew, and test the claims, on results/reference
	@$(PYTHON) -m notebooks.analysis claims results/reference --readme README.md
	@$(PYTHON) -m notebooks.execute

site: $(STAMP) ## Render the notebooks as pages that stand alone, into site/
	@$(PYTHON) -m notebooks.publish

pictures: $(STAMP) ## Take the pictures of the demo anew
	@$(PYTHON) -m tests.browser.pictures

lab: $(STAMP) ## Open the notebooks in Jupyter
	@$(PYTHON) -m jupyterlab --notebook-dir=notebooks $(ARGS)

format: $(STAMP) ## Mend style and layout
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

constraints: $(STAMP) ## Pin the dependencies anew (ARGS=--upgrade takes newer releases)
	@$(PYTHON) -m uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate \
		pyproject.toml --group dev -o constraints.txt $(ARGS)

clean: ## Remove what setup and the gates made; results and databases stay
	rm -rf .venv clients/web/node_modules servers/shortest/javascript/node_modules .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
