# The commands of this project. `make help` lists them.
VENV ?= .venv
BIN := $(VENV)/bin
ANSIBLE := $(BIN)/ansible-playbook
PYTHON ?= python3
INVENTORY ?= inventories/local.yml
HOSTS ?=
ifneq ($(filter-out machines,$(HOSTS))$(and $(HOSTS),$(findstring aws,$(INVENTORY))),)
$(error HOSTS can be machines, on the local cloud, or left out)
endif
INVENTORIES := -i $(INVENTORY) $(if $(HOSTS),-i inventories/$(HOSTS).yml)
# The long ones first, so that what is left over at the end is short.
PARALLEL := -n auto --no-loadscope-reorder
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where this is set, as in many containers, each of the many processes of a run compiles what it imports: up to a second every time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv venv-dev site confirm verify audit destroy requests stop test lint lint-python lint-playbooks unit function integration roles roles-short role versions packages browser bench bench-function bench-local bench-pace bench-zones constraints

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with PYTHON=python3.x" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -r requirements-dev.txt
	@touch $@

venv: $(VENV)/.installed ## Make the virtual environment
venv-dev: $(VENV)/.installed-dev ## ... with what the tests need

site: venv ## Build (or bring up to date) the whole system; local cloud by default, INVENTORY=inventories/aws.yml for an account; HOSTS=machines boots its instances, as root
	$(ANSIBLE) $(INVENTORIES) site.yml

confirm: venv ## Confirm the user who signed up with EMAIL=user@example.com
	$(ANSIBLE) $(INVENTORIES) playbooks/confirm.yml -e email=$(EMAIL)

verify: venv ## Check every requirement on what is there; AREAS=network,storage for some; the report is in reports/
	$(ANSIBLE) $(INVENTORIES) playbooks/verify.yml $(if $(AREAS),-e verify_areas=$(AREAS))

AUDIT := .venv-audit

$(AUDIT)/%/.installed: audit/%.txt $(VENV)/.installed
	$(PYTHON) -m venv $(AUDIT)/$*
	$(BIN)/uv pip install --quiet --python $(AUDIT)/$*/bin/python -r audit/$*.txt
	@touch $@

audit: venv $(AUDIT)/prowler/.installed $(AUDIT)/custodian/.installed ## Run Prowler and Cloud Custodian on what is there; what they find is answered in docs/security.md
	$(ANSIBLE) $(INVENTORIES) playbooks/audit.yml

destroy: venv ## Remove the whole system; on a real account with CONFIRM=<its name>, such as lks-llm
	$(ANSIBLE) $(INVENTORIES) playbooks/destroy.yml $(if $(CONFIRM),-e destroy_confirm=$(CONFIRM))

requests: venv ## What the last run asked of the local cloud: reads and writes, by service
	$(BIN)/python -m localcloud requests --last

stop: venv ## Stop the local cloud (what was built on it is gone)
	$(BIN)/python -m localcloud stop

test: lint browser ## Lint, and all tests: units, the function, playbooks and modules on the local cloud, host roles on machines where it can boot them
	$(BIN)/pytest $(PARALLEL) tests

lint: venv-dev ## Style and types
	@$(MAKE) --no-print-directory --jobs=2 lint-python lint-playbooks

lint-python: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy plugins localcloud machines bench tests standin hosts audit

lint-playbooks: venv-dev
	$(BIN)/yamllint --strict .
	$(BIN)/python tests/lint_roles.py
	$(BIN)/ansible-lint --offline --strict

unit: venv-dev ## Unit tests
	$(BIN)/pytest tests/unit

function: venv-dev ## The conversation function: lint, its own tests with coverage, faults, generated requests, on a real PostgreSQL
	$(BIN)/pytest tests/function

integration: venv-dev browser ## The playbooks and modules against the local cloud
	$(BIN)/pytest $(PARALLEL) tests/integration

roles: venv-dev packages ## The host roles on booted machines, as root; nothing is left behind
	$(BIN)/python -m tests.machines.scenarios

roles-short: venv-dev packages ## ... without the longest tests
	$(BIN)/python -m tests.machines.scenarios --short

role: venv-dev packages ## ... one of them, such as ROLE=nat
	$(BIN)/python -m tests.machines.scenarios $(ROLE)

versions: venv-dev ## What depends on Ansible, under each ansible-core that is supported and whose Python is here, or CORE=2.18
	$(BIN)/python -m tests.versions $(CORE)

packages: ## Install the system packages that the tests of the host roles need, as root
	tests/packages.sh hosts

browser: ## Install Chromium, which the tests of pages need, where this runs as root; they are skipped without it
	tests/packages.sh browser

bench: venv-dev ## How long first run, second run, preview, verify and destroy take, beside the floor of the same API calls; into docs/benchmarks.md
	$(BIN)/python bench/deploy.py --write

bench-function: venv-dev ## The conversation function beside a common one: throughput, latency, cold start; recall of the nearest; into docs/benchmarks.md
	$(BIN)/python bench/function.py --write

bench-local: venv-dev ## What the local cloud's data plane adds to a request, how fast it streams, and many chats at once; into docs/benchmarks.md
	$(BIN)/python bench/local.py --write

bench-pace: venv-dev ## A deploy with AWS's waiting times, or a FACTOR of them, beside its critical path; into docs/benchmarks.md, with a chart
	$(BIN)/python bench/pace.py --write $(if $(FACTOR),--factor $(FACTOR))

bench-zones: venv-dev ## First run, second run and destroy of 1, 2, 4 and 8 zones; into docs/benchmarks.md
	$(BIN)/python bench/zones.py --write

constraints: venv ## Pin again what the requirements bring along
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate requirements-dev.txt -o constraints.txt
