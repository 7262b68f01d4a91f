# MARS: `make demo` shows it working, `make test` tests it; both install what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up down replicas status env test check schema sdks hats vo tom bars bench growth life faults pictures openapi lock image image-check rehearse clean

LOCAL ?= .local
PORT ?=
DATA ?=
ARGS ?=
TEST_PORT ?= 18000
TEST_LOCAL ?= .local/test
# Processes of pytest; much of their time they wait for servers and browsers.
WORKERS ?= 4
SCHEMA_PORT ?= 18300
SCHEMA_LOCAL ?= .local/schema-test
SDKS_PORT ?= 18400
SDKS_LOCAL ?= .local/sdks-test
HATS_PORT ?= 18500
HATS_LOCAL ?= .local/hats-test
VO_PORT ?= 18600
VO_LOCAL ?= .local/vo-test
TOM_PORT ?= 18700
TOM_LOCAL ?= .local/tom-test
IMAGE_PORT ?= 8700
IMAGE_LOCAL ?= .local/image
REHEARSAL_LOCAL ?= .local/rehearsal

python := .venv/bin/python
# Without PORT a stack keeps the one it last had; the first time that is 8000.
stack := --local '$(LOCAL)' $(if $(PORT),--port '$(PORT)')
packages = $(wildcard archive app consumer catalog dev tests bench faults)
pin := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header

help: ## list what make can do
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16
	@echo '  variables: PORT (8000; all other ports follow it), DATA, LOCAL (.local, the state), ARGS (for pytest)'

setup: ## install what is missing: Debian packages, .venv, servers, page assets
	@dev/setup.sh

demo: ## run everything and feed it: 1,000 simulated alerts, or DATA=PATH; Ctrl-C stops it
	@began=$$(date +%s.%N) && dev/setup.sh && \
	exec $(python) -m dev.demo $(stack) --began "$$began" $(if $(DATA),--data '$(DATA)')

up: setup ## start PostgreSQL, Kafka and the S3 server
	@$(python) -m dev.stack up $(stack)

down: ## stop them
	@$(python) -m dev.stack down $(stack)

replicas: setup ## two replicas beside the running PostgreSQL; ARGS=status or ARGS=down
	@$(python) -m dev.replicas $(or $(ARGS),up) $(stack)

status: ## what runs where, and the ledger's totals
	@$(python) -m dev.stack status $(stack)

env: ## settings of the running stack, as KEY=value lines
	@$(python) -m dev.stack env $(stack)

test: ## all tests, on a stack of their own
	@dev/setup.sh --tests && \
	exec $(python) -m dev.testing --local '$(TEST_LOCAL)' --port '$(TEST_PORT)' -- \
	-n '$(WORKERS)' --dist loadfile --no-loadscope-reorder $(ARGS)

schema: ## have schemathesis try openapi.json; ask all its examples
	@dev/setup.sh --schema && \
	exec $(python) -m dev.testing --local '$(SCHEMA_LOCAL)' --port '$(SCHEMA_PORT)' -- \
	-n 2 --dist loadfile --no-loadscope-reorder tests/schema $(ARGS)

sdks: ## make four clients of openapi.json, and have each search, page and download
	@dev/setup.sh --sdks && \
	exec $(python) -m dev.testing --local '$(SDKS_LOCAL)' --port '$(SDKS_PORT)' -- tests/sdks $(ARGS)

hats: ## kill the catalog's program; have HATS's tools, and LSDB on Dask, read it; run docs/catalog.md
	@dev/setup.sh --hats && \
	exec $(python) -m dev.testing --local '$(HATS_LOCAL)' --port '$(HATS_PORT)' -- \
	-n 2 --dist loadfile --no-loadscope-reorder tests/catalog/judges $(ARGS)

vo: ## stilts, pyvo and astropy judge the services of the Virtual Observatory; run docs/vo.md
	@dev/setup.sh --tests && \
	exec $(python) -m dev.testing --local '$(VO_LOCAL)' --port '$(VO_PORT)' -- \
	-n 2 --dist loadfile --no-loadscope-reorder tests/app/vo/judges $(ARGS)

tom: ## clients/tom_mars in a TOM made by TOM Toolkit's template: targets, light curves, pages
	@dev/setup.sh --tom && \
	exec $(python) -m dev.testing --local '$(TOM_LOCAL)' --port '$(TOM_PORT)' -- tests/tom $(ARGS)

bars: ## the bars on size, names and SQL alone
	@$(python) -m dev.bars

check: setup ## linters, types, import contracts, bars, then the tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict $(packages)
	.venv/bin/lint-imports
	$(python) -m dev.bars
	@$(MAKE) --no-print-directory test

bench: setup ## measure speed on a stack of its own, ROWS (1,000,000) large; writes docs/performance.md
	@exec $(python) -m bench $(if $(ROWS),--rows '$(ROWS)') $(ARGS)

growth: setup ## how each kind of question grows: ROWS=1000000, then 5000000, …; writes docs/growth.md
	@exec $(python) -m bench.growth $(if $(ROWS),--rows '$(ROWS)') $(ARGS)

life: setup ## an hour of clients of every kind beside a feed, ARGS='--minutes 60'; writes docs/life.md
	@exec $(python) -m bench.living $(ARGS)

faults: setup ## break a stack of its own in every way, as root; nothing may be lost; ARGS='--kind NAME --runs N --seed S'
	@exec $(python) -m faults $(ARGS)

pictures: ## take the pictures of README anew, of pages and a notebook of a demo of its own
	@dev/setup.sh --pictures && \
	exec $(python) -m dev.pictures --notebook .local/lib/notebook/bin/python $(ARGS)

openapi: setup ## write openapi.json anew
	@$(python) -m dev.openapi > openapi.json.new && mv openapi.json.new openapi.json

lock: setup ## pin every dependency anew, with hashes
	$(pin) pyproject.toml --extra catalog --output-file requirements.txt
	$(pin) --group consumer --constraint requirements.txt --output-file requirements-consumer.txt
	$(pin) pyproject.toml --extra catalog --extra dev --constraint requirements.txt --output-file requirements-dev.txt
	$(pin) dev/pictures/requirements.in --output-file dev/pictures/requirements.txt
	$(pin) tests/clients/tom/requirements.in --output-file tests/clients/tom/requirements.txt
	$(pin) tests/schema/requirements.in --output-file tests/schema/requirements.txt
	$(pin) tests/sdks/requirements.in --output-file tests/sdks/requirements.txt
	$(pin) tests/tom/requirements.in --output-file tests/tom/requirements.txt
	$(pin) tests/catalog/requirements.in --output-file tests/catalog/requirements.txt

image: ## build the container images with docker, podman or buildah (PIP_CERT: certificates to trust)
	@dev/image.sh build

image-check: setup ## run the images, locked up, on a stack of their own, and ask them
	@$(python) -m dev.image --local '$(IMAGE_LOCAL)' --port '$(IMAGE_PORT)'

rehearse: setup image ## without docker, as root: each service as compose.yaml has it, in its order; asked, and stopped
	@$(python) -m dev.rehearsal --local '$(REHEARSAL_LOCAL)'

clean: ## stop the stack and delete its archive; with the usual LOCAL also all that set-up made
	@python=$(python); [ -x $$python ] || python=python3; \
	for local in $(if $(filter .local,$(LOCAL)),$(patsubst %/ports,%,$(wildcard .local/*/ports))) '$(LOCAL)'; do \
	if [ -d "$$local" ]; then $$python -m dev.stack clean --local "$$local" || exit; fi; done
ifeq ($(LOCAL),.local)
	@rm -rf .local .venv app/static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
endif
