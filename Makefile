# `make demo` and `make test` do all the set-up themselves, in .venv. Another interpreter: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
# One thread a worker: results do not depend on the number of cores, and workers do not crowd each other out.
PYTEST_ARGS ?= --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help demo test faults lowest docs notebooks lint audit sbom clean

help:
	@echo "make demo   set up .venv, distil a biased data set and show the table (results in runs/quickstart)"
	@echo "make test   set up .venv, check style and types, run the tests"
	@echo "make faults kill, fill the disk, send signals, damage files (python -m tests.faults --long tries more)"
	@echo "make docs   build the documentation into build/docs; every warning and dead link is an error"
	@echo "make lowest run the tests with the lowest versions that setup.cfg allows, in an environment of their own"
	@echo "make notebooks execute the notebooks; nothing of them is changed"
	@echo "make lint   style and types only"
	@echo "make audit  compare the installed dependencies with known advisories (needs the network)"
	@echo "make sbom   list them in dist/sbom.json (CycloneDX)"
	@echo "make clean  remove builds and caches; .venv, runs and data stay"

demo: $(VENV)/.package
	@$(BIN)/fdd run configs/recipes/quickstart.yaml

test: lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS) --ignore tests/faults

faults: $(VENV)/.dev
	@$(BIN)/python -m tests.faults $(PYTEST_ARGS)

docs: $(VENV)/.docs
	@rm -rf build/docs
	@$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs build/docs
	@echo build/docs/index.html

lowest:
	@$(PYTHON) -m venv $(LOWEST)
	@$(PYTHON) .ci/lowest.py > $(LOWEST)/constraints.txt
	@echo "installing the lowest versions into $(LOWEST)"
	@PIP_CONSTRAINT=$(LOWEST)/constraints.txt $(LOWEST)/bin/python -m pip install -qq --editable ".[dev]"
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest $(PYTEST_ARGS) --ignore tests/faults

notebooks: $(VENV)/.dev $(VENV)/.notebooks
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbmake --nbmake-timeout 180 --numprocesses 2 notebooks

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@said=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$said"; exit 1; }
	@$(BIN)/mypy

audit: $(VENV)/.release
	@$(BIN)/pip-audit --local --skip-editable

sbom: $(VENV)/.release
	@mkdir -p dist
	@$(BIN)/cyclonedx-py environment --output-reproducible --of JSON -o dist/sbom.json $(VENV)
	@echo dist/sbom.json

clean:
	@rm -rf build dist docs/made *.egg-info .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.* htmlcov
	@find fdd_lightning tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps inside .venv: a second call installs nothing, a changed requirement does, and they go when .venv goes.
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fdd-lightning needs Python 3.11 or newer; try make PYTHON=python3.11")'
@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
@echo "installing $(1) into $(VENV) (minutes the first time: torch is large)"
@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable "$(1)"
endef

$(VENV)/.package: setup.cfg pyproject.toml
	$(call install,.)
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml
	$(call install,.[dev])
	@touch $(VENV)/.package $@

$(VENV)/.docs: $(VENV)/.package
	$(call install,.[docs])
	@touch $@

$(VENV)/.notebooks: $(VENV)/.package
	$(call install,.[notebooks])
	@touch $@

$(VENV)/.release: $(VENV)/.package
	$(call install,.[release])
	@touch $@
