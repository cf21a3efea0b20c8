# The verbs of this repository; `make help` lists them. Each needs nothing but what it installs itself.
.DEFAULT_GOAL := help
.PHONY: help up down test faults chaos fuzz lint bench bench-processor image-quality

UV := local/uv
LOCAL := $(UV) run --quiet --package safelight-local --no-dev safelight-local

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make up KUBE_CONTEXT=name S3_ENDPOINT=...   install into a cluster that you have"
	@echo "  make up PHOTO=photo.jpg                     send a photo of yours through it"
	@echo "  make chaos SAFELIGHT_SEED=1                 repeat a run (SAFELIGHT_CHAOS_SECONDS: its length)"
	@echo "  make fuzz SAFELIGHT_SEED=1                  the same for it (SAFELIGHT_FUZZ_SECONDS)"
	@echo "  make down PURGE=1                           stop it and remove its data"
	@echo "  make bench PARTS=burst                      measure one part alone"

up: ## Build and start everything locally, install the chart, send a sample photo through it
	@$(LOCAL) up

down: ## Stop everything that `make up` started
	@$(LOCAL) down

test: ## Run all tests; they start what they need, the local cluster included
	@$(UV) run --quiet pytest

chaos: ## Kill, pause and restart everything for ten minutes under load, then judge what happened
	@$(UV) run --quiet python -m tests.faults.chaos

fuzz: ## Random pictures and HTTP for ten minutes: each must end well, or be refused
	@$(UV) run --quiet python -m tests.fuzz

lint: ## Check style, types, import rules and the lock file
	$(UV) lock --check
	$(UV) run --quiet ruff check
	$(UV) run --quiet ruff format --check
	$(UV) run --quiet mypy
	$(UV) run --quiet mypy tests
	$(UV) run --quiet lint-imports

bench: ## Measure speed and size on the local cluster (docs/performance.md has the results)
	@$(UV) run --quiet python -m tests.bench $(PARTS)

bench-processor: ## Compare the processor with sharp, libvips, ImageMagick and thumbor at equal quality
	@$(UV) run --quiet python -m tests.bench.processor $(PARTS)

image-quality: ## Make the pictures and tables of docs/image-quality.md anew
	@$(UV) run --quiet python -m tests.bench.image_quality

faults: ## Sweep every fault over every call of an upload (`make test` runs a part of it)
	@SAFELIGHT_SWEEP=all $(UV) run --quiet pytest -s tests/faults/test_sweep.py tests/faults/test_watches.py
