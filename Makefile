# Everything starts here. `make run` starts the site, `make test` runs every check; both do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run check test lint format bench bench-engine clean programs

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first Python 3.11 that is there: python3.11, or python3 where that is 3.11 (Debian 12).
find_python = for name in $${PYTHON:-python3.11 python3}; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then python=$$name; break; fi; done; \
	if [ -z "$${python:-}" ]; then \
	echo "Kefu needs Python 3.11. On Debian 12: sudo apt-get install python3 python3-venv" >&2; exit 1; fi
need_venv_module = "$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "Python's venv module is missing. On Debian 12: sudo apt-get install python3-venv" >&2; exit 1; }
# $(1): megabytes, $(2): folders, $(3): what for
need_disk = for folder in $(2); do \
	free_mb=$$(df -Pm "$$folder" | awk 'NR == 2 {print $$4}'); \
	if [ "$$free_mb" -lt $(1) ]; then \
	echo "The disk is full: $$free_mb MB are free under $$folder, $(3) needs $(1) MB." >&2; exit 1; fi; done
# 1.4 GB of packages, and their archives while pip unpacks them
need_disk_for_packages = $(call need_disk,2000,. "$${TMPDIR:-/tmp}",the installation)
need_disk_for_state = folder="$${KEFU_HOME:-.}"; [ -d "$$folder" ] || folder=.; \
	$(call need_disk,300,"$$folder",the site)
short_progress = awk '/^Collecting/ {print "  " $$2; fflush()} \
	/^Installing collected/ {print "  unpacking (about a minute)"; fflush()}'
make_venv = if ! $(BIN)/python -c '' 2>/dev/null; then \
	$(find_python); $(need_venv_module); $(need_disk_for_packages); \
	echo "Making the virtual environment $(VENV)"; rm -rf $(VENV); "$$python" -m venv $(VENV); fi
install = $(need_disk_for_packages); echo "Installing the packages of $(1): 1.4 GB, some minutes the first time"; \
	PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --progress-bar off -r $(1) | $(short_progress); \
	cat requirements.txt $(1) > $(2)
# A stamp holds the requirements that were installed, so a branch switched back and forth installs nothing.
install_if_changed = $(make_venv); \
	if ! cat requirements.txt $(1) | cmp -s - $(2); then $(call install,$(1),$(2)); fi

help:
	@echo "make run     start the site (PORT=8000, KEFU_HOME=./var, KEFU_DEMO_PASSWORD, DEMO=0; see README.md)"
	@echo "make check   start it, ask one question, stop it"
	@echo "make test    every check and test (ARGS='tests/workers -k port' for some of them)"
	@echo "make lint    ruff, import rules, types      make format   rewrite to the common style"
	@echo "make bench   measurements                   make clean    remove what was built, not your data"

run:
	@$(call install_if_changed,requirements.txt,$(VENV)/installed)
	@$(need_disk_for_state)
	@exec $(BIN)/python manage.py up

check:
	@$(call install_if_changed,requirements.txt,$(VENV)/installed)
	@$(need_disk_for_state)
	@exec $(BIN)/python manage.py up --check

# Debian's programs for the browser tests, the screenshots' Chinese, PostgreSQL and the engine's kernels. Where they can't be
# installed the tests that need them say so: as failures with CI=true, as skips elsewhere.
programs:
	@wanted=""; \
	[ -x /usr/bin/chromium ] || wanted="$$wanted chromium"; \
	fc-list 2>/dev/null | grep -qi 'cjk' || wanted="$$wanted fonts-noto-cjk"; \
	command -v g++ >/dev/null || wanted="$$wanted g++"; \
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted="$$wanted postgresql"; \
	if [ -z "$$wanted" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing$$wanted"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$wanted \
			>/dev/null || echo "!!! could not install$$wanted" >&2; \
	else echo "!!! MISSING:$$wanted. Tests that need them are NOT RUN. sudo apt-get install$$wanted" >&2; fi; \
	if [ "$${CI:-}" = true ] && [ ! -x /usr/bin/chromium ]; then echo "CI must have chromium" >&2; exit 1; fi

# The browser tests run in a process of their own: Playwright's event loop and pytest-asyncio's exclude each other.
# pytest ends with 5 when ARGS selects nothing of one half; without ARGS that is a failure.
test: lint programs
	@$(BIN)/python -m pytest -q -m "not browser and not bench" $(ARGS) || { code=$$?; \
		[ -n '$(ARGS)' ] && [ $$code = 5 ] || exit $$code; }
	@$(BIN)/python -m pytest -q -m browser $(or $(ARGS),tests/e2e) || { code=$$?; \
		[ -n '$(ARGS)' ] && [ $$code = 5 ] || exit $$code; }

lint:
	@$(call install_if_changed,requirements-dev.txt,$(VENV)/installed-dev)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

format:
	@$(call install_if_changed,requirements-dev.txt,$(VENV)/installed-dev)
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench:
	@$(call install_if_changed,requirements-dev.txt,$(VENV)/installed-dev)
	@$(BIN)/python -m chatbot.engine.bench --engines kefu,kefu-int8,naive --model chatbot/checkpoints/kefu-gpt2-27m
	@$(BIN)/python -m tests.bench.bench_chats

# The engine beside its peers; docs/performance.md says which packages the peers need and where to put them.
bench-engine:
	@$(call install_if_changed,requirements-dev.txt,$(VENV)/installed-dev)
	@for model in chatbot/checkpoints/kefu-gpt2-27m gpt2-124m-random; do \
		$(BIN)/python -m chatbot.engine.bench --model $$model --peer-python "$${PEER_PYTHON:-$(BIN)/python}" $(ARGS); done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache test-results
	find chatbot webui workers tests -name __pycache__ -type d -prune -exec rm -rf {} +
