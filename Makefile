# Two commands matter: `make serve` and `make test`. Both set everything up by themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# Torch first and alone: resolved together with the rest it draws in CUDA builds.
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.txt)

.PHONY: serve test lint types imports schema check bench-peers clean help

help:  ## What this file can do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

serve: $(VENV)/.runtime  ## Set up and serve on 127.0.0.1:$(PORT); WORKERS=n for n processes
	@exec $(BIN)/python manage.py serve --port $(PORT) $(if $(WORKERS),--workers $(WORKERS))

test: $(VENV)/.development  ## Set up and run the whole test suite
	$(BIN)/python -m pytest

lint: $(VENV)/.development  ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.development  ## Strict types
	$(BIN)/mypy .

imports: $(VENV)/.development  ## Which package may import which
	$(BIN)/lint-imports

schema: $(VENV)/.development  ## Write docs/openapi.yaml anew
	$(BIN)/python manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn

check: test lint types imports  ## All of the above

bench-peers:  ## Other model servers, each in an environment of its own, for manage.py benchmark
	@for peer in fastapi litserve bentoml mlserver; do \
		$(PYTHON) -m venv var/peers/$$peer && \
		var/peers/$$peer/bin/pip install --quiet --disable-pip-version-check \
			-r emotions/benchmarks/peers/$$peer.txt || echo "$$peer was not installed"; \
	done

clean:  ## Forget the environment and all data
	rm -rf $(VENV) var

$(VENV)/.runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
