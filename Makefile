# Darkroom: everything a developer or CI runs. `make help` lists it. Once `make install` has run, neither `make demo`
# nor `make test` uses the network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GATES := .venv-gates
INSTALLED := $(VENV)/.installed
LAYER := .build/layer/.installed
BENCH_INSTALLED := $(VENV)/.bench
GATES_INSTALLED := $(GATES)/.installed
SAM := .venv-sam/bin/sam
PYTHONS := 3.11 3.12 3.13 3.14
ASL_VALIDATOR := .gates/node_modules/.bin/asl-validator
PIP_QUIET := --quiet --disable-pip-version-check
TESTS := tests/unit tests/contract tests/simulators tests/integration tests/faults tests/e2e
OUT ?= demo-results
BENCH ?= # which benchmarks; all unless said
QUICK ?= # anything: small sizes, few rounds, nothing written down

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types versions template docs smoke soak bench lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev]' -c requirements.lock
	touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev,bench]' -c requirements.lock
	touch $@

# What ships beside the runtime in the Lambda layer, as the embedded cloud deploys it.
$(LAYER): layers/core/requirements.txt $(INSTALLED)
	rm -rf .build/layer
	$(BIN)/python -m pip install $(PIP_QUIET) -r layers/core/requirements.txt -t .build/layer/python --only-binary=:all:
	touch $@

$(GATES_INSTALLED): requirements-gates.txt
	$(PYTHON) -m venv $(GATES)
	$(GATES)/bin/python -m pip install $(PIP_QUIET) -r requirements-gates.txt
	touch $@

# In an environment of its own: it pins boto3 and click.
$(SAM):
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install $(PIP_QUIET) aws-sam-cli==1.170.0

$(ASL_VALIDATOR):
	npm install --no-save --no-audit --no-fund --silent --prefix .gates asl-validator@4.0.0

install: $(INSTALLED) $(LAYER) ## the environment, from pyproject.toml and requirements.lock

demo: install ## pictures through the whole application on this machine, into demo-results/
	env -u TOPAZ_API_KEY $(BIN)/darkroom local demo --out $(OUT)

# Each process of the tests would compile all of them anew.
test: export PYTHONDONTWRITEBYTECODE =
test: install ## every test; needs Python only, and no network once installed
	$(BIN)/pytest -n auto --dist loadscope $(wildcard $(TESTS))

check: lint types versions template ## what CI checks before the tests

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -r layers/core/darkroom functions cli/darkroom_cli -ll

types: $(INSTALLED)
	$(BIN)/mypy

versions: $(INSTALLED) ## the sources on each Python from 3.11 on that this machine has
	$(BIN)/python -m tests.smoke.python_versions $(PYTHONS)

template: $(GATES_INSTALLED) $(ASL_VALIDATOR)
	$(GATES)/bin/cfn-lint -t template.yaml
	$(GATES)/bin/checkov --quiet --compact --skip-download --framework cloudformation -f template.yaml
	$(ASL_VALIDATOR) --json-path statemachine/darkroom.asl.json

docs: $(INSTALLED) ## docs/models.md, from the catalogs
	$(BIN)/python -m darkroom_cli.models_page docs/models.md

smoke: install $(SAM) ## the real SAM CLI builds and deploys onto the embedded cloud; an upload flows through
	$(BIN)/python -m tests.smoke.sam_deploy $(CURDIR)/$(SAM)

soak: install ## what takes half an hour: 10,000 schedules, killed workers, large pictures
	$(BIN)/pytest tests/soak

bench: install $(BENCH_INSTALLED) ## what is claimed of speed, size and price, measured; needs nginx (BENCH=finalize QUICK=1)
	$(BIN)/python -m benchmarks.run $(if $(strip $(QUICK)),--quick) $(BENCH)

lock: ## pin anew every package that pyproject.toml asks for
	rm -rf .build/lock && $(PYTHON) -m venv .build/lock
	.build/lock/bin/python -m pip install $(PIP_QUIET) '.[local,dev,bench]'
	{ head -n 2 requirements.lock; .build/lock/bin/python -m pip freeze --exclude darkroom | LC_ALL=C sort -f; } > .build/requirements.lock
	mv .build/requirements.lock requirements.lock

clean: ## remove what make made
	rm -rf $(VENV) $(GATES) .venv-sam .gates .build .aws-sam dist $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis
