# Every target makes the environment it needs: on a machine with Python 3.11 and make, `make demo` is the whole set-up.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Colours and paths of the caller's own environment must not change what a test sees.
RUN := env -u FLUE_BASE_URL -u FLUE_TOKEN $(PY)

.DEFAULT_GOAL := help
.PHONY: help demo test matrix core lint format types codegen drift check live docs bench soak clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

PIP := $(PY) -m pip install --quiet --disable-pip-version-check

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --editable ".[cli]"
	@touch $@

$(VENV)/.installed: $(VENV)/.runtime
	$(PIP) --group dev
	@touch $@

demo: $(VENV)/.runtime ## follow a run, lose the connection, miss nothing: on an embedded server
	@$(RUN) -m flue demo

test: $(VENV)/.installed ## every test but those of live servers, pages and packages
	$(RUN) -m pytest -n 4 --dist worksteal

matrix: ## the tests on every Python found, 3.11 to 3.14; TESTS="tests/core tests/unit" PYTHONS="3.12 3.13" for fewer
	@$(PYTHON) tests/matrix.py $(PYTHONS:%=--python=%) $(TESTS)

core: $(VENV)/.installed ## the core alone, with its branch coverage
	$(RUN) -m coverage run -m pytest tests/core
	$(RUN) -m coverage report

lint: $(VENV)/.installed ## ruff: rules and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/.installed ## let ruff rewrite
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: $(VENV)/.installed ## mypy --strict and pyright strict
	$(RUN) -m mypy
	$(RUN) -m pyright

codegen: $(VENV)/.installed ## models from schemas/
	$(RUN) -m codegen

drift: $(VENV)/.installed ## are the generated models those of the schemas?
	$(RUN) -m codegen --check

package: $(VENV)/.installed ## wheel and sdist, each extra, the lowest versions
	$(RUN) -m pytest tests/packaging

check: lint types drift core package test ## all that must hold before a commit

live: $(VENV)/.installed ## both faces against a real Flue server from npm
	$(RUN) -m pytest tests/live

soak: $(VENV)/.installed ## two minutes of faults on both faces: losses, repeats, leaks
	$(RUN) -m tests.soak

bench: $(VENV)/.bench ## speed against peers, in one run; writes tests/bench/RESULTS.md
	$(RUN) -m tests.bench --write

$(VENV)/.bench: $(VENV)/.installed
	$(PIP) --group bench
	@touch $@

docs: $(VENV)/.docs ## the documentation site, into build/site; then its examples are run
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	$(RUN) -m pytest -n 2 --dist loadfile tests/docs

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) --group docs
	@touch $@

clean: ## forget the environment
	rm -rf $(VENV)
