# The commands of this repository. `make` alone lists them.
# Each is a few lines here or a script in tests/tools; nothing else needs to be known to build and test.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run build dev test check fmt lint schemas bench clean

help: ## lists the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1 \t/' | expand -t 20

run: ## builds UI and binary and starts the demo; ARGS="--listen 127.0.0.1:9000" goes to `packwork demo`
	@bash tests/tools/run.sh $(ARGS)

build: ## builds UI and release binary
	@bash tests/tools/run.sh --build-only

dev: ## says how to work on UI and server with short turns
	@echo 'In one terminal:  cargo run -p packwork -- demo --listen 127.0.0.1:8080'
	@echo 'In another:       cd admin-ui && npm ci && npm run dev      (forwards /api to the server; PACKWORK_API=http://… for another address)'
	@echo 'Without a server: cd admin-ui && npm run dev:fake           (a pretended server with sample data)'
	@echo 'After an engine change: make check'

test: ## formatting, lints, all tests on both databases, UI tests, browser journey
	@bash tests/tools/test.sh

check: ## the fast inner loop: cargo check and the engine's tests
	@bash tests/tools/check.sh

fmt: ## formats Rust and the UI
	cargo fmt --all
	@if [ -d admin-ui/node_modules ]; then cd admin-ui && npm run --silent format; else echo 'UI not formatted: run npm ci in admin-ui first'; fi

lint: ## formatting and lints, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if [ -d admin-ui/node_modules ]; then cd admin-ui && npm run --silent check; else echo 'UI not checked: run npm ci in admin-ui first'; fi

schemas: ## writes schemas/*.json from the engine's types
	cargo run -q -p packwork -- schemas

bench: ## measures in release: settling 100,000 work orders, or ARGS="settle --orders 10000", "records --database postgres", start, micro
	cargo run --release -p packwork-tests --bin load -- $(or $(ARGS),settle)

clean: ## removes what can be built again; leaves ./data alone
	cargo clean
	rm -rf admin-ui/dist admin-ui/node_modules tests/e2e/node_modules tests/e2e/output
