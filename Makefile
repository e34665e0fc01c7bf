# The two commands: `make book` and `make test`. README.md says what they do.

PYTHON  ?= python3
DATA    ?= simulated
PROFILE ?= quick
# How the forest's settings are searched, random or halving; empty for the profile's own way.
SEARCH  ?=
# Where this copy of the book lies, if not at the address that _config.yml names.
REPOSITORY ?=
# A file of `coos pack`, whose results chapters 06 to 08 show.
PACK    ?=

# Everything that tools keep for later goes into this one folder.
COOS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/coos7
export PIP_CACHE_DIR       := $(COOS_CACHE)/pip
export MPLCONFIGDIR        := $(COOS_CACHE)/matplotlib
export IPYTHONDIR          := $(COOS_CACHE)/ipython
export JUPYTER_CONFIG_DIR  := $(COOS_CACHE)/jupyter/config
export JUPYTER_DATA_DIR    := $(COOS_CACHE)/jupyter/data
export JUPYTER_RUNTIME_DIR := $(COOS_CACHE)/jupyter/runtime
export PLAYWRIGHT_BROWSERS_PATH ?= $(HOME)/.cache/ms-playwright
export XDG_CACHE_HOME      := $(COOS_CACHE)
# What is installed elsewhere must not leak in.
export PYTHONNOUSERSITE    := 1
export PYTHONUTF8          := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME

BIN := .venv/bin

.PHONY: book test test-all bench scale colab notebooks lint clean help

help:
	@echo "make book   execute the chapters and build the pages (DATA=$(DATA) PROFILE=$(PROFILE))"
	@echo "make test   check the style of the code and run the tests"
	@echo "make test-all  the same with the long simulations of statistics"
	@echo "make bench  time what is ours beside what you would take instead, for the page on speed"
	@echo "make scale  run Texture and VGG16 with all classifiers at three sizes, up to COOS-7's"
	@echo "make colab  run the committed notebooks as Colab would (fetches 10 GB of packages)"
	@echo "make notebooks  write notebooks/*.ipynb from notebooks/*.md"
	@echo "make clean  remove what was made: _build"

book: .venv/installed
	@$(BIN)/python book/build.py --data "$(DATA)" --profile "$(PROFILE)" --search "$(SEARCH)" --pack "$(PACK)" --repository "$(REPOSITORY)"

# Two workers have a thread of BLAS each: more would wait for one another, for minutes on a busy machine.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: lint
	@echo "== Testing"
	@$(PYTEST)

test-all: lint
	@echo "== Testing, long simulations included"
	@$(PYTEST) -m "slow or not slow"

lint: .venv/installed
	@echo "== Checking the style of the code"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

BENCHMARKS := haralick texture simulate reading crop vgg16 training classifiers bootstrap book

bench: .venv/installed
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done
	@$(BIN)/python benchmarks/table.py

scale: .venv/installed
	@$(BIN)/python benchmarks/scale.py

colab: .venv/installed
	@$(BIN)/python tests/colab/run.py tests/colab/colab.txt
	@$(BIN)/python tests/colab/run.py tests/colab/newest.txt

notebooks: .venv/installed
	@$(BIN)/python book/build.py --only-convert

clean:
	rm -rf _build

.venv/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11, 3.12 or 3.13, or name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Found Python {v[0]}.{v[1]}; expected 3.11, 3.12 or 3.13. Name another with: make PYTHON=python3.12 ...")'
	@echo "== Setting up .venv with $$($(PYTHON) --version) (once; some minutes and 7 GB)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv 2>/dev/null || $(PYTHON) -m venv --clear --without-pip .venv
	@test -x $(BIN)/pip || $(PYTHON) -m pip --python .venv install -q pip
	@$(BIN)/python -m pip install -q --progress-bar on -c constraints.txt -e '.[book,fast,test,tiff]'
	@touch $@
