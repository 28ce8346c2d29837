# Every target sets up what it needs by itself; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
BENCHMARKS := batch_norm search_quality event_files bookkeeping dashboard stacked workers panda
FOLDERS := layers recipes tuning benchmarks tests

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && touch $@; exit $$?; \
	  fi; \
	done; \
	echo "error: Python 3.11, 3.12 or 3.13 is needed, none was found. Name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 2

$(VENV)/installed: $(VENV)/python requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt requirements-cluster.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

install: $(VENV)/installed  ## make .venv and install the run-time packages (every other target does so by itself)

train: $(VENV)/installed  ## train a classifier; ARGS="--help" lists what can be set
	$(BIN)/python -m recipes.train $(ARGS)

search: $(VENV)/installed  ## tune the classifier's hyperparameters
	$(BIN)/python -m recipes.search $(ARGS)

caviar: $(VENV)/installed  ## train 256 settings at once and compare them
	$(BIN)/python -m recipes.search --trials 256 --epochs 20 $(ARGS)

panda: $(VENV)/installed  ## watch one training that begins badly and is brought home; ARGS="--no-auto" only advises
	$(BIN)/python -m recipes.panda --auto $(ARGS)

predict: $(VENV)/installed  ## predict with a trained model: ARGS="--model runs/.../model.keras --input new.csv"
	$(BIN)/python -m recipes.predict $(ARGS)

analysis: $(VENV)/installed  ## draw what searches found so far, finished or killed: ARGS="--run-directory runs/search/..."
	$(BIN)/python -m recipes.analysis $(ARGS)

claims: $(VENV)/installed  ## measure and draw every claim about tuning, batch norm and softmax
	$(BIN)/python -m recipes.claims $(ARGS)

tensorboard: $(VENV)/installed  ## show all searches and trainings on http://127.0.0.1:6006
	$(BIN)/python -m recipes.tensorboard $(ARGS)

pictures: $(VENV)/installed-dev  ## make the README's pictures anew; those of the dashboard by Chromium
	$(BIN)/python -m recipes.train --run-directory runs/pictures/train --overwrite
	$(BIN)/python -m recipes.search --run-directory runs/pictures/random --overwrite
	$(BIN)/python -m recipes.search --run-directory runs/pictures/coarse-to-fine --strategy coarse-to-fine --overwrite
	$(BIN)/python -m recipes.panda --auto --run-directory runs/pictures-of-panda --overwrite
	cp runs/pictures-of-panda/figure.png pictures/panda.png
	$(BIN)/python -m recipes.search --trials 256 --epochs 20 --run-directory runs/pictures-of-caviar --overwrite
	cp runs/pictures-of-caviar/figure.png pictures/caviar.png
	cp runs/pictures/train/figure.png pictures/train.png
	cp runs/pictures/random/figure.png pictures/search.png
	$(BIN)/python -m tests.tuning.dashboard.screenshots runs/pictures pictures
	$(BIN)/python -m recipes.claims --run-directory runs/pictures-of-claims --overwrite
	$(BIN)/python -m tests.recipes.claims.publish runs/pictures-of-claims

bench: $(VENV)/installed-dev  ## measure the project beside its peers; ARGS="bookkeeping" runs one of the benchmarks
	@set -e; for name in $(or $(ARGS),$(BENCHMARKS)); do \
	  echo "benchmarks.$$name"; $(BIN)/python -m benchmarks.$$name; \
	done

stress: $(VENV)/installed-dev  ## repeat every fault a search must survive; ARGS="--trials 400" for a smaller run
	$(BIN)/python -m tests.stress $(ARGS)

test: $(VENV)/installed-dev  ## run the tests, but for the longest
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal -m "not long" $(ARGS)

test-all: $(VENV)/installed-dev  ## run all tests
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal $(ARGS)

lint: $(VENV)/installed-dev  ## check style and formatting
	$(BIN)/ruff check $(FOLDERS)
	$(BIN)/ruff format --check $(FOLDERS)

format: $(VENV)/installed-dev  ## put style and formatting right
	$(BIN)/ruff check --fix $(FOLDERS)
	$(BIN)/ruff format $(FOLDERS)

clean:  ## remove .venv and caches; runs/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help install train search caviar panda predict analysis claims tensorboard pictures bench stress test test-all lint format clean
