# `make demo` and `make test` are all that a newcomer needs; both build .venv from the lock first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check bench audit soak kills fuzz lock clean

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

demo: $(VENV)/.installed  ## watch a campaign for a minute, down to the devices and back up (KEEP=1 leaves it running)
	$(BIN)/python -m tests.simulators.demo $(if $(KEEP),--keep)

test: $(VENV)/.installed  ## run the tests, three at a time (ARGS="-k outbox" narrows them, JOBS=)
	$(BIN)/python -m pytest -n $(or $(JOBS),3) --dist loadfile $(ARGS)

coverage: $(VENV)/.installed  ## say which lines no test ran into, which takes the tests twice as long
	$(MAKE) test ARGS="--cov --cov-report=term:skip-covered $(ARGS)"

check: $(VENV)/.installed  ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed  ## measure ingest, dispatch and images against their peers, calls, and what attacks are felt, some minutes each
	$(BIN)/python -m tests.bench.ingest $(ARGS)
	$(BIN)/python -m tests.bench.dispatch
	$(BIN)/python -m tests.bench.images
	$(BIN)/python -m tests.bench.calls
	$(BIN)/python -m tests.bench.fire

audit: $(VENV)/.installed build/audit/.installed  ## look up vulnerabilities, list licences, write build/sbom.json
	$(BIN)/python -m tests.house.audit build/audit/bin

build/audit/.installed: requirements-audit.lock
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	touch $@

soak: $(VENV)/.installed  ## load and every kind of fault for a while, judged by the clouds' records (MINUTES=60 SEED=7)
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) --seed $(or $(SEED),7) $(ARGS)

kills: $(VENV)/.installed  ## pull the plug 200 times while fifty devices publish (KILLS=, SEED=)
	KILLS=$(or $(KILLS),200) $(BIN)/python -m pytest tests/e2e/test_kill.py

fuzz: $(VENV)/.installed  ## look for what no reader of foreign bytes should do, SECONDS= (60) for each
	$(BIN)/python -m tests.fire.fuzz --seconds $(or $(SECONDS),60)

lock: $(VENV)/.installed  ## renew requirements.lock within the ranges of pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --upgrade \
	  --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements.lock
	printf 'cyclonedx-bom\npip-audit\n' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	  --no-annotate --upgrade --python-version 3.11 - -o requirements-audit.lock

clean:  ## remove what make and the tests built
	rm -rf $(VENV) build .*_cache
