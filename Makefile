.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help setup run split demo test check test-scale test-faults bench audit crash clean
.PHONY: image push check-deploy
.PHONY: fault fault-clear mesh-cost rotate-keys
.PHONY: cluster cluster-down cluster-see cluster-sh cluster-status cluster-audit cluster-test cluster-test-life cluster-packages
.PHONY: mesh-test mesh-full
.PHONY: canary promote rollback

PYTHON := .venv/bin/python
UV := $(or $(shell command -v uv),.tools/bin/uv)
export UV_PYTHON_DOWNLOADS := never

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install what uv.lock names into .venv (every command does so first)

# Needs Python alone: uv comes from PyPI, through venv or, where Debian leaves that out, through pip.
.venv/.ready: uv.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@if ! [ -x "$(UV)" ]; then \
		echo "Installing uv into .tools (once)"; \
		{ python3 -m venv .tools 2>/dev/null && .tools/bin/python -m pip install --quiet uv; } \
			|| python3 -m pip install --quiet --target .tools uv; \
	fi
	@echo "Installing the packages of uv.lock into .venv"
	@$(UV) sync --locked
	@touch $@

run: .venv/.ready ## Run the shop as one process; PORT=8000
	@exec $(PYTHON) manage.py serve --with-parent

split: .venv/.ready ## Run the shop as eight services behind a proxy; PORT=8000
	@exec $(PYTHON) manage.py split --with-parent

demo: .venv/.ready ## Replay a day of orders against the running shop; ORDERS=300 SEED=x DAY_S=90 BASE_URL=…
	@$(PYTHON) -m tools.demo

test: .venv/.ready ## Unit tests, the black-box suite against one process and against the split, a browser
	@$(PYTHON) -m tools.test

check: .venv/.ready ## Formatting, house rules, types, imports, migrations, secrets
	@$(PYTHON) -m tools.check

test-faults: .venv/.ready ## Crashes and outages in both topologies; SAMPLE=12 SEED=x for a part of them
	@$(PYTHON) -m pytest -c tests/blackbox.ini tests/faults $(if $(SAMPLE),--faults-sample $(SAMPLE) --faults-seed $(or $(SEED),shop))

test-scale: .venv/.ready ## Plans and times of lists, searches and pages over 100,000 rows
	@$(PYTHON) -m pytest -q tests/scale

bench: .venv/.ready ## Measure requests, CPU and SQL beside a bare view; the cluster too, where one runs
	@$(PYTHON) -m tools.bench

audit: .venv/.ready ## Prove that the books of all roles agree; silent if they do
	@exec $(PYTHON) manage.py audit

crash: .venv/.ready ## Kill the worker in the middle of an order and watch the order recover
	@$(PYTHON) -m tools.crash

# The lab: Linux, as root. Its folder is var/cluster, or SHOP_LAB; what it builds is kept in ~/.cache/shop-lab, or SHOP_LAB_CACHE.
LAB := $(PYTHON) -m deploy.lab

.venv/.lab: .venv/.ready
	@$(UV) sync --locked --group lab
	@touch $@

cluster: .venv/.lab ## As root: start a one-node Kubernetes with Istio on this machine, and the shop on it; LIMITS=short as the suite has them
	@$(LAB) up
	@exec $(PYTHON) -m deploy.install $(if $(filter short,$(LIMITS)),--short-limits)

cluster-down: .venv/.lab ## End the cluster; what was built stays in the cache, its Secrets in var/
	@exec $(LAB) down

cluster-see: .venv/.lab ## Forward its gateways to addresses on loopback and print these
	@exec $(LAB) see

cluster-sh: .venv/.lab ## A shell with kubectl, istioctl and the shop's address
	@exec $(LAB) sh

cluster-status: .venv/.lab ## The cluster's pods, and the memory that it takes
	@exec $(LAB) status

SUITE = $(PYTHON) -m tests.topology cluster -- $(PYTHON) -m pytest -q -c tests/blackbox.ini tests/shop_api

cluster-test: .venv/.lab ## Prove the running cluster and the shop on it: the suite, mTLS, policies, scaling, killed pods; leaves short time limits
	@$(PYTHON) -m deploy.install --short-limits
	@$(SUITE)
	@exec $(PYTHON) -m pytest -q -c tests/blackbox.ini tests/cluster -m "not life"

# Faults are waited for, so the shop has the suite's short limits; it has them already after cluster-test.
SHORT_LIMITS = $(PYTHON) -m deploy.install --short-limits --unless-there

MESH_TEST = $(LAB) sh -- $(PYTHON) -m pytest -q -c tests/blackbox.ini tests/mesh $(if $(TABLE),--policies $(TABLE)) $(if $(ONLY),-k "$(ONLY)")

mesh-test: .venv/.lab ## Prove every policy of istio/ on the running cluster: its test, and what makes that fail; TABLE=file for the table, ONLY=breaker; leaves short time limits
	@$(SHORT_LIMITS)
	@exec $(MESH_TEST) -m "not full"

mesh-full: .venv/.lab ## The suite through the ingress, then mesh-test with what takes minutes, each policy on every role that it lists; leaves short time limits
	@$(SHORT_LIMITS)
	@$(SUITE)
	@exec $(MESH_TEST) --every-role

cluster-audit: .venv/.lab ## Do all books in the cluster agree? Silent if they do
	@exec $(LAB) sh -- $(PYTHON) -m deploy.audit

fault: .venv/.lab ## Break something in the mesh; NAME=delay-inventory, or another of istio/faults
	@exec $(LAB) sh -- $(PYTHON) -m deploy.faults $(or $(NAME),none)

fault-clear: .venv/.lab ## Mend all that make fault broke
	@exec $(LAB) sh -- $(PYTHON) -m deploy.faults clear

mesh-cost: .venv/.lab ## What a hop through the mesh costs, beside the same hop without it
	@exec $(PYTHON) -m tools.mesh_cost

# Elsewhere, with a KUBECONFIG of one's own: python -m deploy.canary shift|promote|rollback ROLE …
CANARY := $(LAB) sh -- $(PYTHON) -m deploy.canary

canary: .venv/.lab ## Give v2 of a role more requests for as long as it is no worse, and somebody asks it; ROLE=product WEIGHT=50 IMAGE=… STEP_S=600 REQUESTS=500 WAIT_S=… P95=1.2
	@exec $(CANARY) shift "$(ROLE)" "$(WEIGHT)" $(if $(IMAGE),--image "$(IMAGE)") \
		$(if $(STEP_S),--step-s "$(STEP_S)") $(if $(REQUESTS),--requests "$(REQUESTS)") $(if $(WAIT_S),--wait-s "$(WAIT_S)") $(if $(P95),--p95 "$(P95)")

promote: .venv/.lab ## Make v1 what v2 is, once v2 has all requests; ROLE=product
	@exec $(CANARY) promote "$(ROLE)"

rollback: .venv/.lab ## Give all requests of a role to v1, at once; ROLE=product
	@exec $(CANARY) rollback "$(ROLE)"

cluster-test-life: .venv/.lab ## Two clusters side by side, killed and ended: nothing may stay (slow)
	@exec $(PYTHON) -m pytest -c tests/blackbox.ini tests/cluster/test_life.py

rotate-keys: .venv/.lab ## Let another key sign user tokens, and remove those whose tokens have expired; LIFETIME=960 (s)
	@exec $(PYTHON) -m deploy.rotate_keys $(if $(LIFETIME),--lifetime $(LIFETIME))

cluster-packages: .venv/.lab ## Install Debian's packages that the cluster needs
	@exec $(LAB) packages

image: .venv/.ready ## Build the images `shop` and `servers`; ENGINE=docker|podman|buildah BASE=…
	@$(PYTHON) -m deploy.image build

push: .venv/.ready ## Tag and push both images; REGISTRY=<acr>.azurecr.io
	@$(PYTHON) -m deploy.image push "$(REGISTRY)"

check-deploy: .venv/.lab ## Render every overlay, check references and policies; needs no cluster
	@$(PYTHON) -m tools.check_deploy

clean: ## Remove this checkout's data and caches; the shop must be stopped
	@if [ -e var/run/lock ] && ! flock -n var/run/lock true; then echo "The shop is running here: stop it first."; exit 1; fi
	@if [ -e var/cluster ]; then echo "A cluster is in var/cluster: end it first, make cluster-down."; exit 1; fi
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
