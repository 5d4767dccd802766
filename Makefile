# Every target does its own set-up on a machine with python3 (3.11 or newer), make and git.
# uv is used where it is installed; without it, python3's own venv and pip do the same.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DONE   := $(VENV)/.tieline-

SEEDS  ?= 2000
DEALS  ?= 5000
EDITS  ?= 200
JOBS   ?= 4

.PHONY: help setup demo test test-long check fmt bench simulate soak lock clean

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

setup: $(DONE)all  ## make .venv with everything

$(DONE)venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tieline needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	         "Name another with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
	elif ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$(PYTHON) cannot make virtual environments here. On Debian and Ubuntu:" \
	       "sudo apt-get install python3-venv   (or install uv)" >&2; exit 1; \
	else $(PYTHON) -m venv $(VENV); fi
	@touch $@

# In a variable, since the commas would part the arguments of `call`.
ALL_EXTRAS := tryton-server,test,dev

# $(call install,EXTRAS): the project in place, with these extras
define install
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --prerelease if-necessary-or-explicit -e '.[$(1)]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(1)]'; fi
	@touch $@
endef

$(DONE)demo: $(DONE)venv pyproject.toml
	$(call install,tryton-server)

$(DONE)all: $(DONE)venv pyproject.toml
	$(call install,$(ALL_EXTRAS))
	@touch $(DONE)demo

demo: $(DONE)demo  ## see a sync at work between a HubSpot sandbox and a real Tryton
	$(BIN)/tieline demo

test: $(DONE)all  ## all tests, under ten minutes on two cores
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

test-long: $(DONE)all  ## the same with large budgets for the property tests
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q tests/property tests/unit

check: $(DONE)all  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(DONE)all  ## format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DONE)all  ## measure against a baseline in the same run
	$(BIN)/python -m tests.bench

simulate: $(DONE)all  ## run SEEDS simulated histories with faults and crashes
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

soak: $(DONE)all  ## DEALS deals into Tryton, then EDITS random edits on both sides, compared
	$(BIN)/python -m tests.e2e.soak --deals $(DEALS) --edits $(EDITS)

lock: $(DONE)venv  ## make deploy/requirements.txt anew from pyproject.toml (needs uv)
	@head -5 deploy/requirements.txt > deploy/requirements.txt.new
	uv pip compile --quiet pyproject.toml --generate-hashes --python-version 3.11 \
	  --python-platform linux --no-emit-index-url --no-header >> deploy/requirements.txt.new
	@mv deploy/requirements.txt.new deploy/requirements.txt

clean:  ## remove what the targets made here
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
