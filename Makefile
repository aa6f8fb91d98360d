# Each target is one line that also works without make; README.md gives the lines for Windows.
# Another Python than python3 makes the environment like this: make run PYTHON=python3.12

PYTHON = python3
VENV_PYTHON = .venv/bin/python
# Of this folder: in a copied or moved one the course is installed again.
STAMP := .venv/.installed-$(shell pwd | cksum | cut -d' ' -f1)
SUITS = import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit( \
    "The course needs Python 3.11, 3.12 or 3.13, and this is %s: install one of them and name it, " \
    "such as: make run PYTHON=python3.12" % sys.version.split()[0])

.PHONY: run test lab notebooks book slides bench lint setup

run: setup ## unpack the sample, execute the six notebooks, write them as a book to build/html
	@$(VENV_PYTHON) -m resnext_course run

test: setup ## every test, the notebooks under strict nbval included
	@$(VENV_PYTHON) -m pytest

lab: setup ## JupyterLab on your own copies of the notebooks, without outputs, in my_notebooks
	@$(VENV_PYTHON) -m resnext_course lab

notebooks: setup ## execute the committed notebooks in place
	@$(VENV_PYTHON) -m resnext_course notebooks

book: setup ## the book in build/html from the notebooks as they are committed, in seconds
	@$(VENV_PYTHON) -m resnext_course book

slides: setup ## the notebooks, as they are committed, as slide decks in build/slides
	@$(VENV_PYTHON) -m resnext_course slides

bench: ## time the network beside its peers, in an environment with PyTorch: an hour, 8 GB of disk
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@.venv-bench/bin/python benchmarks/speed.py

lint: setup ## what the tests check of the code's form
	@$(VENV_PYTHON) -m ruff check && $(VENV_PYTHON) -m ruff format --check

setup: $(STAMP) ## make .venv, or leave it as it is if nothing changed

# The stamp comes last, so what was cut off or failed is repeated. A Python that suits is kept, also
# behind a link; another one, or a broken one, is replaced.
$(STAMP): requirements.lock pyproject.toml
	@$(VENV_PYTHON) -c '$(SUITS)' 2>/dev/null || \
	    { $(PYTHON) -c '$(SUITS)' && $(PYTHON) -m venv --clear .venv; }
	@echo "Installing the packages into .venv: a minute or two, and 3 GB of disk." \
	    "If it stops, run the same command again."
	@if command -v uv >/dev/null; then install="uv pip install --quiet --python $(VENV_PYTHON)"; else \
	    $(VENV_PYTHON) -m ensurepip >/dev/null; \
	    install="$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check"; fi; \
	    $$install -r requirements.lock && $$install --no-deps --no-build-isolation -e .
	@touch '$@'
