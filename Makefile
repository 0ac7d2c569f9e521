# Every target says what it runs. CARGO_TARGET_DIR and STOREX_TOOLS are honoured when set.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo test check matrix bench soak python wheel

# Some desktops export USERNAME: only what was typed after `make` counts.
demo_args :=
ifeq ($(origin USERNAME),command line)
demo_args += --username '$(USERNAME)'
endif
ifeq ($(origin DOMAIN),command line)
demo_args += --domain '$(DOMAIN)'
endif

# Ten minutes unless said otherwise.
MINUTES ?= 10

help:
	@echo 'make demo [USERNAME=name DOMAIN=name.tld]   one request, one live store, on real PM2 and Nginx; then failures and clean-up'
	@echo 'make demo MONGO=1                           two controllers on one MongoDB, a database for each store, a take-over'
	@echo 'make test                                   install host tools when missing, then every test'
	@echo 'make check                                  format, clippy, docs, structure tests'
	@echo 'make matrix                                 every fault at every call, pairs of them, broken engines that must be found out, real kills'
	@echo 'make bench                                  figures, each beside its floor from the same run'
	@echo 'make python                                 the Python package: type checks and tests; part of make test'
	@echo 'make wheel                                  build the wheel and try it in a fresh environment'
	@echo 'make soak [MINUTES=n]                       fault matrix and real kills with fresh seeds; adds a row to docs/soak-ledger.md'

# One command family everywhere (--workspace), so that build and test share their dependencies.
build:
	@scripts/install-build.sh
	@cargo build --workspace --bins --locked

demo: build
	@scripts/install-host.sh
ifdef MONGO
	@scripts/install-mongod.sh
	@scripts/demo-mongo.sh
else
	@scripts/demo.sh $(demo_args)
endif

test:
	@scripts/install-host.sh
	@scripts/install-clients.sh
	@scripts/install-mongod.sh
	@scripts/shop-core.sh --install
	@cargo test --workspace --locked
	@node="$${STOREX_TOOLS:-$$([ "$$(id -u)" -eq 0 ] && echo /opt/storex || echo "$$HOME/.local/share/storex")}/bin/node"; \
	  "$$node" --test tests/node/store-core.test.js
	@scripts/python.sh

check:
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	@cargo test --workspace --test structure --locked

# Part of `make test`; alone it prints what it counted, and one line of all of it at its end.
matrix:
	@scripts/install-host.sh
	@scripts/matrix.sh

bench: build
	@scripts/install-host.sh
	@scripts/bench.sh

python:
	@scripts/python.sh

wheel:
	@scripts/python.sh wheel

soak: build
	@scripts/soak.sh '$(MINUTES)'
