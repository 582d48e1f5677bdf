# The developers' commands; `make help` lists them. All of them build in the dev profile with one set of features, so that the demo, the tests and the
# lints share compiled code.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
UI_SOURCES := $(shell find ui -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' -not -name schema.d.ts 2>/dev/null) docs/openapi.json

.PHONY: help demo build ui check test test-discovery test-upgrade test-cluster chart image lint unit docs fmt bench generated prerequisites binaries

help: ## Prints this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: prerequisites ui e2e/node_modules/.package-lock.json binaries ## Runs a PostgreSQL with a workload, watched by pgAnalytics (TARGET=postgres://… watches your own)
	@exec $(TARGET_DIR)/debug/demo

build: prerequisites ui binaries ## Builds everything, in the dev profile

ui: ui/dist/index.html ## Builds the web UI

check: lint unit ## Runs formatting, lints and unit tests, without servers: within three minutes when warm

test: prerequisites ui ## Runs every test suite; installs what the suites need
	@scripts/test.sh

test-discovery: prerequisites e2e/node_modules/.package-lock.json binaries ## Tests discovery and enrolment with a real Kubernetes API, which is built once (a part of test-cluster)
	@cargo test --workspace --locked --test discovery

chart: ## Runs every static check of the Helm chart and the manifests
	@scripts/chart.sh check

test-upgrade: prerequisites e2e/node_modules/.package-lock.json ## Tests a rolling upgrade from the previous commit (or FROM=revision), which is built for the test
	@previous=$$(scripts/previous.sh $(FROM)) && cargo build --workspace --bins --locked && \
	  PGANALYTICS_PREVIOUS=$$previous cargo test --workspace --locked --test main -- upgrade --ignored --nocapture

# With ARGS, runs only the scenarios that ARGS select.
test-cluster: prerequisites ui e2e/node_modules/.package-lock.json $(if $(ARGS),,test-discovery) ## Runs test-discovery, then tests the chart on a real Kubernetes on this machine (as root, long; ARGS="--only WORDS --keep")
	@scripts/cluster/test.sh $(ARGS)

image: prerequisites ui ## Builds the container images, without a Docker engine, as OCI archives in target/image (release build, long)
	@scripts/image/image.sh

lint: ui/node_modules/.package-lock.json ## Runs formatting, clippy and the UI's lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd ui && npm run lint

unit: ui/node_modules/.package-lock.json ## Runs the unit tests of the Rust code and of the UI, and checks the architecture
	cargo test --workspace --lib --bins --test architecture --test views --locked --quiet
	cd ui && npm test

# Private items are documented too, so links to them are right.
docs: ## Builds the code's documentation into target/doc; a warning is an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --locked

fmt: ## Formats the Rust code
	cargo fmt --all

generated: binaries ## Writes the generated files: from the code, and from the chart
	$(TARGET_DIR)/debug/pganalytics views --markdown > docs/views.md
	$(TARGET_DIR)/debug/pganalytics openapi > docs/openapi.json
	scripts/chart.sh generate

bench: prerequisites ## Measures the figures beside those of peers (release build, long)
	cargo run --release --locked -p pganalytics-bench

prerequisites:
	@scripts/prerequisites.sh

# Standard output is for the demo's READY line.
binaries:
	@cargo build --workspace --bins --locked >&2

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	@echo "building the web UI" >&2
	@cd ui && npm run build >&2
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	@echo "installing npm packages in $*" >&2
	@cd $* && npm ci --no-audit --no-fund >&2
	@touch $@
