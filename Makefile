# Titlebout. `make` lists the targets; `make demo` and `make test` set everything up by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first Python that fits; override with `make PYTHON=/path/to/python3.12 ...`.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

DATASET ?= demand_demo
# Byte code is worth seconds in every Airflow task: never let the environment switch it off.
unexport PYTHONDONTWRITEBYTECODE
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# --- set-up ---------------------------------------------------------------------------------------

$(READY): requirements.lock requirements/uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Titlebout needs Python 3.11, 3.12 or 3.13 on the PATH, or: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "installing the locked packages into $(VENV) (about a minute) ..."
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: $(READY) ## create .venv from the lock and, in a git clone, the pre-commit hook
	@if test -d .git && test -w .git; then $(BIN)/pre-commit install --allow-missing-config >/dev/null; fi

# --- use ------------------------------------------------------------------------------------------

.PHONY: demo demo-down
demo: $(READY) ## run the whole life of a model here; DATASET=bike_sharing for real data, DEMO_EXIT=1 to stop by itself
	@$(BIN)/python -m titlebout.demo up --dataset $(DATASET)

demo-down: $(READY) ## stop what `make demo` left running
	@$(BIN)/python -m titlebout.demo down

.PHONY: image
image: ## build the serving image; BASE_IMAGE=... where the default base is not reachable
	docker build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) -t titlebout-serving:latest -f include/serving/Dockerfile .

.PHONY: up down
up: ## build and start the compose project (Postgres, Airflow, MLflow); after a change, replace what is not as it was
	docker compose up --build --detach
# Not `docker compose down`: the servers of models are no part of the project, serve on, and need its network.
down: ## stop the compose project; data stays, servers of models serve on
	docker compose stop

# --- develop --------------------------------------------------------------------------------------

.PHONY: format lint
format: $(READY) ## format the code and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## style, types, layers, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

# Tests that share a file, the Docker engine or Ceph stay on one worker: see tests/conftest.py.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

.PHONY: test test-fast test-core
test: $(READY) ## all tests: real Airflow, real containers where an engine answers
	$(BIN)/pytest -m "" $(PARALLEL) $(PYTEST_ARGS)

test-fast: $(READY) ## all tests that start no whole system
	$(BIN)/pytest $(PARALLEL) $(PYTEST_ARGS)

test-core: $(READY) ## the pure layers only
	$(BIN)/pytest tests/core tests/steps $(PARALLEL) $(PYTEST_ARGS)

.PHONY: build check bench
build: $(READY) ## build the wheel and look into it
	@rm -rf dist
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python
	@$(BIN)/python -m zipfile -l dist/*.whl | grep 'titlebout/airflow_plugin.py' >/dev/null

check: lint test build ## exactly what CI runs

bench: $(READY) ## all benchmarks; each writes its section of benchmarks/RESULTS.md
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

.PHONY: schema lock clean
schema: $(READY) ## regenerate include/models/schema.json and docs/spec.md from the code
	$(BIN)/titlebout schema > include/models/schema.json
	$(BIN)/titlebout schema --page > docs/spec.md

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --quiet $(LOCK_ARGS)
lock: $(READY) ## resolve the dependencies again; LOCK_ARGS=--upgrade for newer ones
	$(COMPILE) pyproject.toml --extra demo --group dev -o requirements.lock >/dev/null
	awk '/^uv==/ {p=1} p {print} p && !/\\$$/ {exit}' requirements.lock > requirements/uv.lock
	$(COMPILE) requirements/serving.in --constraint requirements.lock -o requirements-serving.lock >/dev/null
	$(COMPILE) pyproject.toml requirements/image.in --constraint requirements.lock -o requirements/image.lock >/dev/null

clean: ## remove everything that was generated
	rm -rf $(VENV) .demo .cache dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
