# On a fresh machine: `make demo`, `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
IMAGE ?=
PORT ?= 8080
NODE := web/node_modules/.package-lock.json
.DEFAULT_GOAL := help

.PHONY: help demo web npm test lint bench rd nightly figures clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/.ready ## encode and decode a photo (IMAGE=path for yours), print figures, write demo/
	$(RUN)/codec demo $(if $(IMAGE),'$(IMAGE)')

web: npm $(VENV)/.ready $(NODE) ## restore pictures in a browser: sets up web/, serves its demo (PORT=8080; needs npm)
	$(RUN)/python -m web.build
	$(RUN)/python -m web.serve --port $(PORT)

npm:
	@command -v npm >/dev/null || { echo 'make web needs npm, which comes with Node.js: https://nodejs.org' >&2; exit 1; }

$(NODE): web/package-lock.json
	npm ci --prefix web --no-audit --no-fund --ignore-scripts
	@touch $@

# what kills processes and counts seconds runs alone; all else in two halves side by side, a core each
ALONE = tests/test_batch_processes.py
HALF = $(filter-out $(ALONE),$(wildcard tests/test_[a-l]*.py)) tests/django
REST = $(wildcard tests/test_[m-z]*.py) tests/web tests/serve tests/benchmarks

test: $(VENV)/.ready lint ## lint, type-check and run all tests
	$(RUN)/pytest $(ALONE)
	@echo "two halves of the other tests side by side; the first one's results come at the end"
	@export OMP_NUM_THREADS=1; \
	$(RUN)/pytest $(HALF) > .tests.log 2>&1 & half=$$!; \
	$(RUN)/pytest $(REST); rest=$$?; \
	wait $$half; half=$$?; cat .tests.log; rm .tests.log; exit $$((half | rest))

lint: $(VENV)/.ready ## ruff and mypy
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

bench: $(VENV)/.ready ## speed of encode, decode and the simulator (pytest-benchmark)
	$(RUN)/pytest tests/benchmarks --benchmark-only --benchmark-json=benchmarks.json
	$(RUN)/python -m eval.speed benchmarks.json

rd: $(VENV)/.ready ## results/kodak anew: ours and what one would use instead, a page to look at (needs ../shared)
	$(RUN)/python -m eval run --memory --dataset kodak --out results/kodak
	$(RUN)/python -m eval report results/kodak
	$(RUN)/python -m eval.bars results/kodak ../shared/data/kodak
	$(RUN)/python -m eval.tables results/kodak

nightly: $(VENV)/.ready ## 20 000 mutated files, and the collections of odd and damaged ones (needs ../shared)
	$(RUN)/python -m tests.fuzz --inputs 20000
	$(RUN)/python -m tests.fuzz --corpus
	$(RUN)/python -m tests.corpora ../shared/data/robust/*.tar ../shared/data/robust/pngsuite

figures: $(VENV)/.ready ## docs/demo.png anew
	$(RUN)/codec demo && cp demo/side-by-side.png docs/demo.png

clean: ## remove what the targets made
	rm -rf $(VENV) demo web/node_modules web/models web/demo/pictures .pytest_cache .mypy_cache .ruff_cache
