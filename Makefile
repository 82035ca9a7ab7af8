# Every target sets itself up: the virtual environment follows pyproject.toml and constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS ?= mic,camera,hub,cluster,grafana,dev

.PHONY: setup demo test check format bench soak fuzz night grafana-types recogniser clean

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tocsin needs Python 3.11 or newer; name it with: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing; install it with: apt install python3-venv"; exit 2; }
	@echo "Setting up .venv: about a minute, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $@

setup: .venv/.ready

demo: setup
	$(BIN)/tocsin demo $(ARGS)

test: setup
	$(BIN)/pytest $(ARGS)

# A speech recogniser in a folder of its own, for the test that it gets nothing from what an agent tells. Never in .venv:
# a hub that finds one installed beside it does not start.
recogniser: .recogniser
.recogniser: constraints.txt | setup
	rm -rf $@ $@.new
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt --target $@.new pocketsphinx
	mv $@.new $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/checks/file_length.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# 200 kills -9 of hub and agents at random moments under load; some ten minutes.
soak: setup
	nice -n 15 $(BIN)/python tests/checks/soak.py $(ARGS)

# 100,000 hostile inputs over every public entrance; some minutes.
fuzz: setup
	nice -n 15 $(BIN)/python tests/checks/fuzz.py $(ARGS)

# A simulated night looked at in every page, width, light and language; some ten minutes, pictures in artifacts/night.
night: setup
	nice -n 15 $(BIN)/python tests/checks/night.py $(ARGS)

# The dashboards against the types that Grafana publishes for 9.3 to 13; fetches them with npm.
grafana-types: setup
	$(BIN)/python tests/checks/grafana_schema.py

clean:
	rm -rf .venv .recogniser build artifacts
