# What a person types. Everything runs in .venv, made from requirements.lock with any Python 3.11 or later.
# What the commands do is said by citylake (`.venv/bin/citylake --help`), not here.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
READY := .venv/.stamp

.DEFAULT_GOAL := help
.PHONY: help venv demo live ui test test-slow test-all lint format docs release tutorial superset bench accuracy lock clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | while IFS='	' read -r name doc; do printf '  make %-10s %s\n' "$$name" "$$doc"; done

venv: $(READY) ## make .venv from requirements.lock

demo: $(READY) ## simulate three days of a city, land, refine, measure, gate and export them
	$(BIN)/citylake demo

live: $(READY) ## stream a simulated city over a local broker, with its alerts, until Ctrl-C (SECONDS=30: so long)
	$(BIN)/citylake live $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE))

ui: $(READY) ## open the Dagster UI on 127.0.0.1
	$(BIN)/citylake ui

test: $(READY) ## run the tests (WORKERS=0: in one process)
	$(PYTEST) -m "not slow"

test-slow: $(READY) ## run only the tests that are slow or need a real server (AGAIN=1: those that failed last)
	$(PYTEST) -m slow $(if $(AGAIN),--last-failed --last-failed-no-failures=none -n 0)

test-all: $(READY) ## run the tests with those that are slow or need a real server
	$(PYTEST)

lint: $(READY) ## ruff, import layers, types, and whether the generated docs are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m assets.dictionary --check docs

format: $(READY) ## let ruff format and mend what it can
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

docs: $(READY) ## write the data dictionary from the contracts, the SQL and the cases of the tests
	$(BIN)/python -m tests.dictionary.examples
	$(BIN)/python -m assets.dictionary docs

release: $(READY) ## lock the shape of every contract version; refuses a breaking change without a new version
	$(BIN)/python -m schemas.evolution

tutorial: $(READY) ## follow docs/tutorial.md literally in a fresh clone of what is committed
	$(BIN)/python -m tests.docs.follow docs/tutorial.md

superset: $(READY) ## try the Superset dashboard for real: install, import, look, compare (minutes, 1 GB)
	$(BIN)/python docs/superset/try.py

bench: $(READY) ## measure speed against peers (QUICK=1: a first look; ONLY="decoders signals": parts of it)
	$(BIN)/python -m benchmarks.run $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

accuracy: $(READY) ## compare every metric with the simulated truth
	$(BIN)/python -m benchmarks.accuracy

lock: $(READY) ## resolve requirements.lock again
	$(call with_uv,pip compile --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --universal --python-version 3.11 --quiet pyproject.toml -o requirements.lock)

clean: ## remove .venv, caches and the demo lakes
	rm -rf .venv demo demo-live build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is taken from PATH, else put into .venv by pip. It does not read pip's settings: hand them over.
pip_says = $$($(BIN)/python -m pip config list 2>/dev/null | sed -n "s/^[^=]*\.$(1)='\(.*\)'$$/\1/p" | tail -n 1)
define with_uv
	@uv=$$(command -v uv || command -v $(BIN)/uv || { $(BIN)/python -m pip install --quiet uv >&2; echo $(BIN)/uv; }); \
	index="$(call pip_says,index-url)"; links="$(call pip_says,find-links)"; cert="$(call pip_says,cert)"; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; fi; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$${UV_FIND_LINKS:-$$links}"; fi; \
	if [ -n "$$cert" ]; then export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$cert}"; fi; \
	VIRTUAL_ENV="$(CURDIR)/.venv" "$$uv" $(1)
endef

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.12 venv")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(call with_uv,pip sync --quiet --require-hashes requirements.lock) \
	  || { echo "uv could not; trying pip" >&2; $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; }
	$(call with_uv,pip install --quiet --no-deps --editable .) \
	  || $(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
