# Every command of the product; `make help` lists them. The environment is made on first use: requirements.lock for running, and a
# lock for each dependency group of pyproject.toml, which the commands that need it add.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
GROUPS := dev spark crm postgres
UV := $(shell command -v uv)
SYSTEM_PACKAGES := libgomp1
PEERS := .venv-bench/peers/.installed .venv-bench/featuretools/.installed

# No tool reports home. Experiments in temporary workspaces find the environment by absolute path.
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := true
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUTF8 := 1

.PHONY: help init demo test soak spark-test check format serve ui words catalog score monitor retrain bento bench bench-peers bench-models bench-serving bench-timing lock env env-all $(GROUPS:%=env-%) java postgresql chromium system clean

# A target's group stands before its words; `help` prints the groups in this order.
help: ## develop: list the commands
	@for group in use look develop; do echo "$$group"; \
	  grep -hE "^[a-z-]+:.*## $$group: " $(MAKEFILE_LIST) | awk -F":.*## $$group: " '{printf "  make %-14s %s\n", $$1, $$2}'; done

init: env ## use: a source and a preset for your own exports: FILES="exports/*", NAME=acme, YES=1 asks nothing
	@python -m pipeline.init $(FILES) $(if $(NAME),--name $(NAME)) $(if $(YES),--yes)

demo: env ## use: the main job end to end; SOURCE=saas_logins|online_retail|olist|xeducation on real files, simulated_upsell; LEADS=60000
	@python -m pipeline.demo $(if $(SOURCE),--source $(SOURCE)) $(if $(LEADS),--leads $(LEADS))

test: env-all java postgresql chromium ## develop: all tests, in two processes; a file's tests share theirs
	@OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

soak: env-all postgresql ## develop: faults and fuzzing, at length
	@python -m pytest -m soak

spark-test: env-all java ## develop: the Spark engine on a cluster of two worker processes
	@python -m pytest -m spark

check: env-dev env-spark env-crm ## develop: format, lint, types, import contracts, doctests
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-cache
	python -m pytest --doctest-modules features models pipeline serving

format: env-dev ## develop: format and fix what can be fixed
	ruff format .
	ruff check --fix .

serve: env ## use: the scoring service on http://127.0.0.1:3000
	@echo "Today's leads: http://127.0.0.1:3000/app"
	@exec python -m serving --host 127.0.0.1 --port 3000

ui: env ## look: the MLflow pages on http://127.0.0.1:5000
	@python -m pipeline.tracking --ui

words: env ## develop: new texts of code and templates into the catalogues of languages; ADD=fr begins one
	@python -m models.presentation $(if $(ADD),--add $(ADD))

catalog: env ## look: every feature with its meaning; of the last model, or of params.yaml
	@python -m pipeline.catalog

score: env ## use: score every open lead with the champion into data/scores.csv
	@python -m pipeline.score --out data/scores.csv

monitor: env ## look: drift and live quality from the score log: reports/monitor.html (REPLAY=1 to try it without one)
	@python -m pipeline.monitor $(if $(REPLAY),--replay)

retrain: env ## use: fresh raw data, the monitor, and if it recommends it: train, gate, publish; for a schedule
	@python -m pipeline.retrain

bento: env ## use: pack the champion and the service into a Bento
	@test -d data/champion || { echo "No champion to pack. Run make demo, or python -m pipeline.publish."; exit 1; }
	@bentoml build

bench: env ## develop: benchmarks; bench.published_split runs inside runs/<source>, as make demo SOURCE=... does
	@for b in feature_engine feature_scale simulator_scale; do echo "== $$b"; python -m bench.$$b || exit 1; done

bench-peers: env $(PEERS) ## develop: the engine against pandas, Polars, DuckDB and Featuretools, in environments of their own
	@python -m bench.feature_peers

bench-models: env .venv-bench/automl/.installed ## develop: the product against its contenders on every set; minutes per set, see --help
	@python -m bench.models

bench-timing: env ## develop: when to hand over, replayed on simulated companies; QUICK=1 is a first look
	@python -m bench.timing $(if $(QUICK),--quick)

bench-serving: env ## develop: the service under load against an empty one and mlflow models serve; needs wrk and a champion
	@command -v wrk >/dev/null || $(MAKE) --no-print-directory system
	@python -m bench.serving_speed

.venv-bench/%/.installed: bench/requirements-%.lock
	$(PYTHON) -m venv .venv-bench/$*
	.venv-bench/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# All groups are resolved together; every lock then takes those versions. Today's are kept where pyproject.toml allows them;
# to raise one, take it out of the locks first, or run `make lock UPGRADE="--upgrade-package <name>"`.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
COMPLETE := build/complete.lock

lock: ## develop: compile the lock files from pyproject.toml (needs uv)
	@mkdir -p build && cat requirements.lock $(GROUPS:%=requirements-%.lock) > $(COMPLETE)
	$(COMPILE) pyproject.toml $(GROUPS:%=--group %) $(UPGRADE) -o $(COMPLETE)
	$(COMPILE) pyproject.toml -c $(COMPLETE) -o requirements.lock
	for group in $(GROUPS); do $(COMPILE) --group $$group -c $(COMPLETE) -o requirements-$$group.lock || exit 1; done
	$(COMPILE) deploy/requirements.txt -c $(COMPLETE) -o deploy/requirements.lock
	@sed -i '/^ *#   -c /d' requirements.lock $(GROUPS:%=requirements-%.lock) deploy/requirements.lock
	for name in peers featuretools automl; do $(COMPILE) bench/requirements-$$name.txt -o bench/requirements-$$name.lock || exit 1; done

env: $(INSTALLED) ## develop: the environment for running; nothing to do when its lock file has not changed
env-all: $(GROUPS:%=env-%) ## develop: the environment with all below
env-dev: $(INSTALLED)-dev ## develop: tools for tests and checks
env-spark: $(INSTALLED)-spark ## develop: PySpark, for features.engine: spark
env-crm: $(INSTALLED)-crm ## develop: clients of HubSpot and Salesforce
env-postgres: $(INSTALLED)-postgres ## develop: PostgreSQL's client, for LEAD_STORE_URL

# pip tells more of each package than anyone reads, and then nothing while it unpacks: counts instead. A lock is complete, so nothing is
# resolved. uv may not know an index that pip knows: then pip does it.
define install
	@total=$$(grep -c '^[a-z0-9]' $<); echo "Installing the $$total packages of $< into $(VENV)"; \
	{ test -n "$(UV)" && "$(UV)" pip install --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r $<; } || \
	$(BIN)/python -m pip install --no-deps --progress-bar off --disable-pip-version-check --require-hashes -r $< | { \
		n=0; phase=fetched; while true; do \
			IFS= read -r -t 10 line; code=$$?; \
			if test $$code -gt 128; then \
				test $$phase = fetched || n=$$(find $(VENV)/lib/python*/site-packages -maxdepth 1 -name '*.dist-info' -newer $(VENV)/.began | wc -l); \
				echo "  $$n of at most $$total $$phase"; continue; fi; \
			test $$code = 0 || break; \
			case "$$line" in \
				Collecting*|Processing*|Ignoring*|"Requirement already"*) n=$$((n + 1));; \
				Installing*) echo "  $$n of at most $$total fetched"; n=0; phase=unpacked;; \
				Successfully*) echo "  all unpacked";; \
			esac; done; }
	@touch $@
endef

$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found. Install python3 with venv, or set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || $(MAKE) --no-print-directory system
	@$(PYTHON) -m venv $(VENV)
	@touch $(VENV)/.began
	$(install)

$(INSTALLED)-%: requirements-%.lock $(INSTALLED)
	@touch $(VENV)/.began
	$(install)

java: # Spark's tests need one; anything else does not
	@java -version >/dev/null 2>&1 || $(MAKE) --no-print-directory system

postgresql: # the online store's tests start a server of their own
	@command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || $(MAKE) --no-print-directory system

chromium: # the pages' tests drive a real browser
	@test -x /usr/bin/chromium || $(MAKE) --no-print-directory system

# Spark 4 runs on Java 17 and newer; which of them there is depends on the release of the system.
system: ## develop: what only the system's packages give (needs root or sudo)
	@if [ "$$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo"; else \
		echo "Missing system packages. Install them as root: apt-get install $(SYSTEM_PACKAGES) postgresql chromium wrk openjdk-17-jre-headless"; exit 1; fi; \
	$$run apt-get update -qq && \
	java=$$(apt-cache pkgnames openjdk | grep -E '^openjdk-(17|21|25)-jre-headless$$' | sort | head -n 1) && \
	$$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM_PACKAGES) postgresql chromium wrk $${java:-default-jre-headless}

clean: ## develop: remove everything the pipeline made (not the environment, not the MLflow store)
	rm -rf data runs reports
