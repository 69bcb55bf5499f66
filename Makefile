# Everything README names. `make serve` alone on a fresh machine does all of `make setup` first.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install -qq --no-deps
# Models to prepare; all when empty (python -m weights --help names them).
WEIGHTS ?=
# Passed on to pytest or the caller: make test ARGS="-k phrases", make call ARGS="--turns 2"
ARGS ?=
SOURCES := configs audio conversation ingress deployments loadtest weights benchmarks tests
TORCH = $(shell grep '^torch==' requirements/cpu.txt)
TORCH_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help setup serve test call load bench lint weights
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

test: setup $(VENV)/dev.stamp ## the full test suite, real models included
	$(RUN) -m pytest --cov --cov-report= $(ARGS)
	$(if $(ARGS),,$(RUN) -m coverage report --fail-under=85)
	$(if $(ARGS),,$(RUN) -m coverage report --include='conversation/*,audio/*' --fail-under=95)

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
	@$(PIP) '$(TORCH)' 2>/dev/null || $(PIP) --index-url $(TORCH_INDEX) '$(TORCH)'
	@$(PIP) -r $<
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@$(PIP) -r $<
	@touch $@
