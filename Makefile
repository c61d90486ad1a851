# Two commands do everything: `make study` and `make test`. Both need Python 3.11+, g++ and make, no more.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
OUT ?= runs

.PHONY: study test mutants lint bench clean
.DELETE_ON_ERROR:

# The main job: the digits network on a 16 x 16 array, at all three levels; then its Verilog, proved.
study: $(VENV)/study.stamp
	$(BIN)/limen net accuracy digits
	$(BIN)/limen simulate --design threshold-16x16 --workload digits --level timing --level cycle --level rtl --images 5
	$(BIN)/limen simulate --design mac-16x16 --workload digits --level timing --level cycle --level rtl --images 5
	$(BIN)/limen export --design threshold-16x16 --workload digits --images 100 --out $(OUT)/threshold-16x16
	$(BIN)/limen verify $(OUT)/threshold-16x16
	$(BIN)/limen export --design mac-16x16 --workload digits --images 100 --out $(OUT)/mac-16x16
	$(BIN)/limen verify $(OUT)/mac-16x16

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest

mutants: $(VENV)/test.stamp
	$(BIN)/python -m pytest -v tests/test_mutants.py

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --config-file setup.cfg
	$(BIN)/lint-imports --config setup.cfg

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench_levels

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "limen needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/study.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[rtl]'
	touch $@

$(VENV)/test.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[rtl,synth,dev]'
	touch $@ $(VENV)/study.stamp

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info
