# Every command of the product; `make help` lists them. The environment is made on first use from the lock file.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SYSTEM_PACKAGES := libgomp1
PEERS := .venv-bench/peers/.installed .venv-bench/featuretools/.installed

# No tool reports home. Experiments in temporary workspaces find the environment by absolute path.
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := true
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUTF8 := 1

.PHONY: help init demo test soak spark-test check format serve ui catalog score monitor retrain bento bench bench-peers bench-models bench-serving lock env java postgresql system clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

init: env ## a source and a preset for your own exports: FILES="exports/*", NAME=acme, YES=1 asks nothing
	@python -m pipeline.init $(FILES) $(if $(NAME),--name $(NAME)) $(if $(YES),--yes)

demo: env ## the main job end to end; SOURCE=saas_logins|online_retail|olist|xeducation on real files, simulated_upsell
	@python -m pipeline.demo $(if $(SOURCE),--source $(SOURCE))

test: env java postgresql ## all tests, in two processes; a file's tests share theirs
	@OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

soak: env postgresql ## faults and fuzzing, at length
	@python -m pytest -m soak

spark-test: env java ## the Spark engine on a cluster of two worker processes
	@python -m pytest -m spark

check: env ## format, lint, types, import contracts, doctests
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-cache
	python -m pytest --doctest-modules features models pipeline serving

format: env ## format and fix what can be fixed
	ruff format .
	ruff check --fix .

serve: env ## the scoring service on http://127.0.0.1:3000
	@exec python -m serving --host 127.0.0.1 --port 3000

ui: env ## the MLflow pages on http://127.0.0.1:5000
	@python -m pipeline.tracking --ui

catalog: env ## every feature with its meaning; of the last model, or of params.yaml
	@python -m pipeline.catalog

score: env ## score every open lead with the champion into data/scores.csv
	@python -m pipeline.score --out data/scores.csv

monitor: env ## drift and live quality from the score log: reports/monitor.html (REPLAY=1 to try it without one)
	@python -m pipeline.monitor $(if $(REPLAY),--replay)

retrain: env ## fresh raw data, the monitor, and if it recommends it: train, gate, publish; for a schedule
	@python -m pipeline.retrain

bento: env ## pack the champion and the service into a Bento
	@test -d data/champion || { echo "No champion to pack. Run make demo, or python -m pipeline.publish."; exit 1; }
	@bentoml build

bench: env ## benchmarks; bench.published_split runs inside runs/<source>, as make demo SOURCE=... does
	@for b in feature_engine feature_scale simulator_scale; do echo "== $$b"; python -m bench.$$b || exit 1; done

bench-peers: env $(PEERS) ## the engine against pandas, Polars, DuckDB and Featuretools, in environments of their own
	@python -m bench.feature_peers

bench-models: env .venv-bench/automl/.installed ## the product against its contenders on every set; minutes per set, see --help
	@python -m bench.models

bench-serving: env ## the service under load against an empty one and mlflow models serve; needs wrk and a champion
	@command -v wrk >/dev/null || $(MAKE) --no-print-directory system
	@python -m bench.serving_speed

.venv-bench/%/.installed: bench/requirements-%.lock
	$(PYTHON) -m venv .venv-bench/$*
	.venv-bench/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

lock: env ## compile requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --extra spark --extra postgres --extra crm --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -o requirements.lock
	for name in peers featuretools automl; do uv pip compile bench/requirements-$$name.txt --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o bench/requirements-$$name.lock || exit 1; done

env: $(INSTALLED) # the environment; nothing to do when the lock file has not changed

$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found. Install python3 with venv, or set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || $(MAKE) --no-print-directory system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $(INSTALLED)

java: # Spark's tests need one; anything else does not
	@java -version >/dev/null 2>&1 || $(MAKE) --no-print-directory system

postgresql: # the online store's tests start a server of their own
	@command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || $(MAKE) --no-print-directory system

# Spark 4 runs on Java 17 and newer; which of them there is depends on the release of the system.
system: ## what only the system's packages give (needs root or sudo)
	@if [ "$$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo"; else \
		echo "Missing system packages. Install them as root: apt-get install $(SYSTEM_PACKAGES) postgresql wrk openjdk-17-jre-headless"; exit 1; fi; \
	$$run apt-get update -qq && \
	java=$$(apt-cache pkgnames openjdk | grep -E '^openjdk-(17|21|25)-jre-headless$$' | sort | head -n 1) && \
	$$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM_PACKAGES) postgresql wrk $${java:-default-jre-headless}

clean: ## remove everything the pipeline made (not the environment, not the MLflow store)
	rm -rf data runs reports
