# Each target is one line that also works without make; README.md gives the lines for Windows.
# Another Python than python3 makes the environment like this: make run PYTHON=python3.12

PYTHON = python3
VENV_PYTHON = .venv/bin/python

.PHONY: run test lab notebooks slides bench lint setup

run: setup ## unpack the sample, execute the six notebooks, write their pages to build/html
	@$(VENV_PYTHON) -m resnext_course run

test: setup ## every test, the notebooks under strict nbval included
	@$(VENV_PYTHON) -m pytest

lab: setup ## JupyterLab, opened on the first notebook
	@$(VENV_PYTHON) -m resnext_course lab

notebooks: setup ## execute the committed notebooks in place
	@$(VENV_PYTHON) -m resnext_course notebooks

slides: setup ## the committed notebooks as slide decks, in build/slides
	@$(VENV_PYTHON) -m resnext_course slides

bench: ## time the network beside its peers, in an environment with PyTorch; an hour
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@.venv-bench/bin/python benchmarks/speed.py

lint: setup ## what the tests check of the code's form
	@$(VENV_PYTHON) -m ruff check && $(VENV_PYTHON) -m ruff format --check

setup: ## make .venv, or leave it as it is if nothing changed
	@$(PYTHON) -m resnext_course setup
