# The one vocabulary of people and of CI. Only Python 3.11+ and make are needed, and PyPI.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
RIVALS := .venv-rivals
# Everything that set-up writes stays inside the clone.
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DO_NOT_TRACK := true
export GX_ANALYTICS_ENABLED := false
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help setup run language serve test check lock rivals grown images faults faults-short soak fuzz cases clean

help: ## the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(STAMP) ## virtual environment with the locked dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] < (3, 14); sys.exit(0 if ok else "gatecast needs Python 3.11 to 3.13, found " + sys.version.split()[0] + "; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	@mkdir -p .cache && sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .cache/uv.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r .cache/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline -e .
	@touch $(STAMP)

run: setup ## retrain on the packaged data and ask the live endpoint for a forecast
	$(BIN)/gatecast demo

language: setup ## train a character language model on the packaged text, and let it write
	$(BIN)/gatecast language train --preset quick
	$(BIN)/gatecast language complete schoolmistress "it has" --length 300 --temperature 0.7

serve: setup ## the API on port 8000
	$(BIN)/gatecast serve --port 8000

test: setup ## every test that needs nothing but Python
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered -m "not faults and not grown" --durations=15
	@echo "left to targets of their own: make faults (kills and races), make soak (an hour of them), make grown (all parts), make fuzz (searched input)"

check: setup ## every linter and contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/deptry .
	$(BIN)/vulture
	$(BIN)/mypy --cache-dir .cache/mypy

rivals: $(RIVALS)/.installed ## the rivals of benchmarks/, in an environment of their own

$(RIVALS)/.installed: benchmarks/rivals.lock | setup
	$(PYTHON) -m venv $(RIVALS)
	$(BIN)/uv pip install --quiet --python $(RIVALS)/bin/python --no-deps --require-hashes -r benchmarks/rivals.lock
	$(RIVALS)/bin/python -m pip install --quiet torch==2.13.0
	@touch $@

grown: setup ## a served schedule, and all parts of compose.yaml on loopback with two replicas
	$(BIN)/pytest -m grown --no-cov -n 2 --dist loadfile --durations=8 tests/system

images: setup ## both images by buildah, without a Docker engine (as root); the built API answers
	.ci/images

FAULTS ?=
# Only the files that hold such tests: to import all the others takes many seconds.
FAULT_TESTS = $$(grep -rl --include='test_*.py' 'mark\.faults' tests)
faults: setup ## kills at 500 points, races, full disks, PostgreSQL killed: up to 90 minutes
	$(BIN)/pytest -q -m faults --no-cov -n 0 $(FAULT_TESTS)
	$(BIN)/python -m tests.faults --json .cache/faults.json $(FAULTS)

faults-short: setup ## a sample of about 60 of them, others each day
	$(BIN)/pytest -q -m faults --no-cov -n 0 $(FAULT_TESTS)
	$(BIN)/python -m tests.faults --short --json .cache/faults-short.json $(FAULTS)

SOAK_SECONDS ?= 3600
soak: setup ## an hour of retraining under load, with kills: memory's slope, errors of a client
	$(BIN)/python -m tests.faults.soak --seconds $(SOAK_SECONDS) --json .cache/soak.json

CASES ?= 2500
LEAST ?= 20000
FUZZ_SECONDS ?= 300
fuzz: setup ## look for input that breaks the CSV or the history parser, FUZZ_SECONDS each
	$(BIN)/python -m tests.fuzz.explore csv $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.explore history $(FUZZ_SECONDS)

cases: setup ## made-up requests against the live API, at least LEAST, others each time
	GATECAST_CASES=$(CASES) GATECAST_CASES_LEAST=$(LEAST) GATECAST_CASES_SEED=$${SEED:-$$(date +%s)} \
	  $(BIN)/pytest -q -s -n 0 --no-cov --timeout=1800 tests/contracts/test_api_cases.py

# torch is left out: pip chooses its build. What torch needs beside it is named here instead.
TORCH_NEEDS := filelock fsspec jinja2 networkx setuptools sympy typing-extensions
BUILD_NEEDS := editables hatchling uv
# What torch's build for graphics cards would bring: pip leaves it out where it chooses another.
CARD_ONLY := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,\
  cublas cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse \
  cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: setup ## resolve the dependencies again into the lock files
	@$(BIN)/python -c 'import sys, tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*[d for d in p["project"]["dependencies"] if not d.startswith("torch")], *p["dependency-groups"]["dev"], *sys.argv[1:], sep="\n")' $(TORCH_NEEDS) $(BUILD_NEEDS) > .cache/lock.in
	$(BIN)/uv $(COMPILE) .cache/lock.in -o requirements.lock
	$(BIN)/uv $(COMPILE) $(addprefix --no-emit-package ,$(CARD_ONLY)) benchmarks/rivals.in -o benchmarks/rivals.lock

clean: ## remove the environment, the caches and all that the program wrote
	rm -rf .venv $(RIVALS) .cache var .mypy_cache .ruff_cache .pytest_cache .hypothesis
