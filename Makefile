# Everything README names. `make serve` alone on a fresh machine does all of `make setup` first.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
COVERAGE := $(RUN) -m coverage
PIP := $(RUN) -m pip --disable-pip-version-check install -qq --no-deps
# Five times as fast, but deaf to pip's configuration: where it fails, pip is asked.
UV := $(RUN) -m uv pip install --python $(RUN) --no-deps --compile-bytecode -qq
# Models to prepare; all when empty (python -m weights --help names them).
WEIGHTS ?=
# Passed on to pytest or the caller: make test ARGS="-k phrases", make call ARGS="--turns 2"
ARGS ?=
SOURCES := configs audio conversation ingress deployments loadtest weights benchmarks tests
pinned = $(shell grep '^$(1)==' requirements/cpu.txt)
TORCH_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
BESIDE := test-stacks test-calls test-others
CALLS := tests/ingress tests/page
.PHONY: help setup serve test test-models test-drains $(BESIDE) clients browser call load bench lint weights
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: weights ## create .venv, install the pinned requirements, prepare the weights (once)

serve: setup ## start the whole stack from serve_config.yaml on 127.0.0.1:8000
	@$(RUN) -m deployments serve_config.yaml

call: $(VENV)/run.stamp ## call the running stack as Twilio would (ARGS="--help")
	@$(RUN) -m loadtest call $(ARGS)

load: $(VENV)/run.stamp ## many callers at once on the running stack (ARGS="--help")
	@$(RUN) -m loadtest $(if $(filter run capacity,$(firstword $(ARGS))),,run) $(ARGS)

test: ## the full test suite, real models included
	@$(MAKE) --no-print-directory --jobs=3 weights $(if $(ARGS),$(VENV)/dev.stamp,clients browser)
ifneq ($(ARGS),)
	$(RUN) -m pytest $(ARGS)
else
	@$(COVERAGE) erase
	@echo "five kinds of tests, two at once, then those that want the machine for themselves"
	@echo "(some twenty minutes); each kind is shown when it is done"
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-models test-drains
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(BESIDE)
	$(COVERAGE) run -m pytest -m timed tests/loadtest tests/page tests/clients tests/serve
	@$(COVERAGE) combine -q
	$(COVERAGE) report --fail-under=85
	$(COVERAGE) report --include='conversation/*,audio/*' --fail-under=95
endif

# What the clients of the tests run in: their own packages. Not for tests that are chosen by ARGS:
# each asks for what it wants.
clients: $(VENV)/dev.stamp
	@$(RUN) -m tests.clients.packages

# The page is tried in a browser: one that is here, or Debian's where we may install it.
browser:
	@for name in "$$PARLEY_CHROMIUM" chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v "$$name" >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Chromium (350 MB, once)"; apt-get -qq update && \
	  apt-get -qq install -y --no-install-recommends chromium >/dev/null && exit 0; fi; \
	echo "note: no Chromium, so the tests of the page in a browser are skipped: install it"

# Real weights take memory and both cores, so one test at a time has them, and beside them are only
# tests that wait: with three kinds at once they took 16 minutes instead of 5, and calls that last
# as long as they last were late.
test-models:
	$(COVERAGE) run -m pytest -m 'models and not timed'
test-stacks:
	$(COVERAGE) run -m pytest -m 'serve and not models and not drains' tests/serve tests/deployments
test-drains:
	$(COVERAGE) run -m pytest -m drains tests/serve
test-calls:
	$(COVERAGE) run -m pytest -m 'not models and not serve and not timed' $(CALLS)
test-others:
	$(COVERAGE) run -m pytest -m 'not models and not serve and not timed' $(CALLS:%=--ignore=%)

bench: setup $(VENV)/dev.stamp ## how good and how fast, against the targets (ARGS="--help")
	@$(RUN) -m benchmarks $(or $(ARGS),all)

lint: $(VENV)/dev.stamp ## ruff and pyright
	$(RUN) -m ruff check $(SOURCES)
	$(RUN) -m ruff format --check $(SOURCES)
	$(RUN) -m pyright

weights: $(VENV)/run.stamp
	@$(RUN) -m weights $(WEIGHTS)

$(VENV)/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "error: no Python 3.11 under the name $(PYTHON). Install it (Debian, Ubuntu: python3.11"; \
	  echo "and python3.11-venv; or: pyenv install 3.11), or name it: make PYTHON=/path/to/python3.11"; \
	  exit 1; } >&2
	@[ "$$(uname -sm)" = "Linux x86_64" ] || echo "warning: the pinned list is for Linux x86-64" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# torch's CPU build is on the default index of some machines, and on PyTorch's own everywhere else.
$(VENV)/run.stamp: requirements/cpu.txt $(VENV)/venv.stamp
	@echo "installing $$(grep -c == $<) pinned packages into $(VENV) (5 GB, some minutes, once)"
	@$(PIP) '$(call pinned,torch)' 2>/dev/null || $(PIP) --index-url $(TORCH_INDEX) '$(call pinned,torch)'
	@$(PIP) '$(call pinned,uv)'
	@$(UV) -r $< 2>/dev/null || $(PIP) -r $<
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@$(UV) -r $< 2>/dev/null || $(PIP) -r $<
	@touch $@
