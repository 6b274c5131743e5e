# Darkroom: all commands that a developer or CI runs. `make help` lists them. After `make install`, neither `make demo`
# nor `make test` uses the network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GATES := .venv-gates
INSTALLED := $(VENV)/.installed
LAYER := .build/layer/.installed
BENCH_INSTALLED := $(VENV)/.bench
MUTANTS_INSTALLED := $(VENV)/.mutants
BROWSER_INSTALLED := $(VENV)/.browser
GATES_INSTALLED := $(GATES)/.installed
COLLECTED := $(VENV)/.collected
SAM := .venv-sam/bin/sam
AWS := .venv-aws/bin/aws
PYTHONS := 3.11 3.12 3.13 3.14
ASL_VALIDATOR := .gates/node_modules/.bin/asl-validator
PIP_QUIET := --quiet --disable-pip-version-check
TESTS := tests --ignore=tests/soak --ignore=tests/browser
OUT ?= demo-results
BENCH ?= # the names of the benchmarks to run; empty means all
AGAIN ?= # any text here lets `make mutants` leave out what its last result has as killed
PART ?= # a text in the paths of the modules that `make mutants` tries; empty means all, which takes an hour or two
QUICK ?= # any text here means small sizes and few rounds, and no results are written

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types versions template docs browser screens smoke follow soak bench mutants lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev]' -c requirements.lock
	touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev,bench]' -c requirements.lock
	touch $@

$(MUTANTS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev,mutants]' -c requirements.lock
	touch $@

$(BROWSER_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[local,dev,browser]' -c requirements.lock
	touch $@

# The packages that the Lambda layer contains in addition to the runtime. The embedded cloud deploys this folder.
$(LAYER): layers/core/requirements.txt $(INSTALLED)
	rm -rf .build/layer
	$(BIN)/python -m pip install $(PIP_QUIET) -r layers/core/requirements.txt -t .build/layer/python --only-binary=:all:
	touch $@

$(GATES_INSTALLED): requirements-gates.txt
	$(PYTHON) -m venv $(GATES)
	$(GATES)/bin/python -m pip install $(PIP_QUIET) -r requirements-gates.txt
	touch $@

# The SAM CLI has its own environment, because it pins boto3 and click.
$(SAM):
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install $(PIP_QUIET) aws-sam-cli==1.170.0

# The AWS CLI has its own environment, because it pins botocore.
$(AWS):
	$(PYTHON) -m venv .venv-aws
	.venv-aws/bin/python -m pip install $(PIP_QUIET) awscli==1.46.3

$(ASL_VALIDATOR):
	npm install --no-save --no-audit --no-fund --silent --prefix .gates asl-validator@4.0.0

install: $(INSTALLED) $(LAYER) ## create the environment from pyproject.toml and requirements.lock

demo: install ## send pictures through the whole application on this machine; results go to demo-results/
	$(BIN)/darkroom local demo --out $(OUT)

# Collecting the tests for the first time compiles all modules. One process does this beforehand, or else each process of
# `make test` would. So Python must be allowed to write byte-code here.
test $(COLLECTED): export PYTHONDONTWRITEBYTECODE =
$(COLLECTED): $(INSTALLED)
	$(BIN)/pytest --collect-only --quiet $(TESTS) > $@.log || { cat $@.log; exit 1; }
	mv $@.log $@

# One folder is named, because the first process would import the conftest.py of each folder that is named before it starts others.
test: install $(COLLECTED) ## run every test; needs only Python, and no network after make install
	$(BIN)/pytest -n auto --dist loadscope $(TESTS)

check: ## run what CI checks before the tests
	$(MAKE) --jobs 2 types $(COLLECTED) lint versions template

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -r layers/core/darkroom functions cli/darkroom_cli -ll

types: $(INSTALLED)
	$(BIN)/mypy

versions: $(INSTALLED) ## check the sources on each Python version from 3.11 on that this machine has
	$(BIN)/python -m tests.smoke.python_versions $(PYTHONS)

template: $(GATES_INSTALLED) $(ASL_VALIDATOR)
	$(GATES)/bin/cfn-lint -t template.yaml events/example/consumer.yaml
	$(GATES)/bin/checkov --quiet --compact --skip-download --framework cloudformation -f template.yaml
	mkdir -p .build
	for callbacks in off on; do $(BIN)/python -m tests.fakes.state_machine $$callbacks > .build/darkroom.asl.json && \
	  $(ASL_VALIDATOR) --json-path .build/darkroom.asl.json || exit 1; done

docs: $(INSTALLED) ## write docs/models.md from the catalogs, and docs/command-help.md and docs/screens from the commands
	$(BIN)/python -m darkroom_cli.catalogs.models_page docs/models.md
	$(BIN)/python -m darkroom_cli.help_page docs/command-help.md
	$(BIN)/python -m tests.unit.command_screens docs/screens

browser: install $(BROWSER_INSTALLED) ## open the report's page in Chromium, which must be installed; use axe to check that it is accessible
	$(BIN)/pytest tests/browser

screens: install $(BROWSER_INSTALLED) ## take the pictures of the report's page in docs/screens; needs Chromium
	$(BIN)/python -m tests.browser.screenshots docs/screens

smoke: install $(SAM) ## build and deploy to the embedded cloud with the real SAM CLI, and update a stack at work
	$(BIN)/python -m tests.smoke.sam_deploy $(CURDIR)/$(SAM)

follow: install $(SAM) $(AWS) ## follow docs/aws.md, events.md and upgrade.md word by word, with the real SAM CLI and AWS CLI
	$(BIN)/python -m tests.smoke.followed_pages $(CURDIR)/$(SAM) $(CURDIR)/$(AWS)

soak: install ## run the tests that take half an hour: 10,000 schedules, killed workers, large pictures; needs exiftool
	$(BIN)/pytest tests/soak

bench: install $(BENCH_INSTALLED) ## measure what the pages claim about speed, size and price; needs nginx (BENCH=finalize QUICK=1)
	$(BIN)/python -m benchmarks.run $(if $(strip $(QUICK)),--quick) $(BENCH)

mutants: install $(MUTANTS_INSTALLED) ## change the ledger's code in small ways and see which changes no test notices (PART=pipeline/sweep)
	$(BIN)/python -m tests.mutation.run $(if $(strip $(AGAIN)),--again) $(PART)

lock: ## pin every package of pyproject.toml at its newest allowed version
	mkdir -p .build && rm -rf .build/lock && $(PYTHON) -m venv .build/lock
	.build/lock/bin/python -m pip install $(PIP_QUIET) '.[local,dev,bench,mutants,browser]'
	{ head -n 2 requirements.lock; .build/lock/bin/python -m pip freeze --exclude darkroom | LC_ALL=C sort -f; } > .build/requirements.lock
	mv .build/requirements.lock requirements.lock

clean: ## remove all that make has created
	rm -rf $(VENV) $(GATES) .venv-sam .venv-aws .gates .build .aws-sam dist $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis
