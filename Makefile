# Two commands do everything: `make study` and `make test`. Both need Python 3.11+, g++ and make, no more.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
OUT ?= runs
POINTS = knee largest threshold mac
COUNT ?= 10000
SEED ?= 0
ROUNDS ?= 1
INPUTS ?= 20000
# A process a core; whoever has nothing left takes tests of another.
PYTEST = $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: study test exactness whole kills mutants fuzz lint bench bench-peers peers growth tables artifact notebooks clean
.DELETE_ON_ERROR:

# The main job: threshold and MAC accelerators for the digits network in one space; the front; its knee, its largest
# point and the best of each op as Verilog, proved on test images. Stopped, it goes on where it was; run again, it takes
# seconds: what is proved isn't proved again.
study: $(VENV)/study.stamp
	$(BIN)/limen study run digits --out $(OUT)/digits
	$(BIN)/limen study export $(OUT)/digits $(POINTS:%=--point %) --images 100 --out $(OUT)/digits
	$(BIN)/limen verify $(POINTS:%=$(OUT)/digits-%)

test: $(VENV)/test.stamp
	$(PYTEST)

# Random networks on random designs: timing = cycle = reference, then cycle = Verilog; prints what was covered.
exactness: $(VENV)/test.stamp
	$(BIN)/python -m tests.levels.exactness --count $(COUNT) --seed $(SEED)

# Trained networks whole in Verilog, with every feature of the machine; MNIST's images lie in $LIMEN_DATA.
whole: $(VENV)/test.stamp
	$(BIN)/python -m tests.levels.whole_networks --family digits
	$(BIN)/python -m tests.levels.whole_networks --family mnist

# Every long command killed at every file event, ROUNDS times; then what is left is counted: nothing may be. Then workers
# of studies on several machines.
kills: $(VENV)/test.stamp
	$(BIN)/python -m tests.kills --rounds $(ROUNDS) --seed $(SEED)
	$(BIN)/python -m tests.kills.machines --seed $(SEED)

mutants: $(VENV)/test.stamp
	$(PYTEST) -v tests/levels/test_mutants.py

# Files of every kind, changed at random: success or one line, nothing else; prints how to run a fault again.
fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz --count $(INPUTS) --seed $(SEED)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --config-file setup.cfg
	$(BIN)/lint-imports --config setup.cfg

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.levels
	$(BIN)/python -m tests.bench.cycles
	$(BIN)/python -m tests.bench.counting
	$(BIN)/python -m tests.bench.kernels
	$(BIN)/python -m tests.bench.inference
	$(BIN)/python -m tests.bench.torch_layers
	$(BIN)/python -m tests.bench.cifar_epoch
	$(BIN)/python -m tests.bench.blocks
	$(BIN)/python -m tests.bench.sweep
	$(BIN)/python -m tests.bench.studies
	$(BIN)/python -m tests.bench.fronts

# SCALE-Sim and ZigZag beside Limen; installs them by pip into environments of their own.
bench-peers: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.peers $(OUT)/peers

# Cycles of four networks in SCALE-Sim, ZigZag and Limen, from the same topologies; SCALE-Sim's must be equal.
peers: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.peer_cycles $(OUT)/peers

# The figures of docs/speed.md: the time of counting and of the search, against what it grows with.
growth: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.growth

# docs/tables, from the shipped rows and runs; the tests compare them. What else docs show gets a manifest if it has none.
tables: $(VENV)/test.stamp
	$(BIN)/python -m tests.docs.tables
	$(BIN)/python -m tests.docs.manifests

# Every table and figure of docs with a script that computes it again, built and run once; then OUT/artifact/run-all.sh.
artifact: $(VENV)/test.stamp
	$(BIN)/python -m tests.docs.artifact $(OUT)/artifact

# The outputs that the notebooks are stored with, of the study in runs/digits.
notebooks: $(VENV)/test.stamp
	$(BIN)/python -m tests.docs.notebooks

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "limen needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/study.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[rtl]'
	touch $@

$(VENV)/test.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[rtl,synth,onnx,report,postgres,dask,dev]'
	touch $@ $(VENV)/study.stamp

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info
