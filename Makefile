# What developers type. `make help` lists it. Everything is built in the dev profile, with one set of features, so that the
# demo, the tests and the lints share their work.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
UI_SOURCES := $(shell find ui -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' -not -name schema.d.ts 2>/dev/null) docs/openapi.json

.PHONY: help demo build ui test test-discovery test-upgrade test-cluster chart image lint fmt bench generated prerequisites binaries

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: prerequisites ui e2e/node_modules/.package-lock.json binaries ## PostgreSQL with a living workload, watched (TARGET=postgres://… for your own)
	@exec $(TARGET_DIR)/debug/demo

build: prerequisites ui binaries ## Everything, in the dev profile

ui: ui/dist/index.html ## The web UI

test: prerequisites ui ## Every test of every suite; installs what they need
	@scripts/test.sh

test-discovery: prerequisites e2e/node_modules/.package-lock.json binaries ## Discovery and enrolment against a real Kubernetes API, which is built once (a part of test-cluster)
	@cargo test --workspace --locked --test discovery

chart: ## Every static check of the Helm chart and the manifests
	@scripts/chart.sh check

test-upgrade: prerequisites e2e/node_modules/.package-lock.json ## A rolling upgrade from the commit before (or FROM=revision), which is built for it
	@previous=$$(scripts/previous.sh $(FROM)) && cargo build --workspace --bins --locked && \
	  PGANALYTICS_PREVIOUS=$$previous cargo test --workspace --locked --test main -- upgrade --ignored --nocapture

# With ARGS only what they ask for.
test-cluster: prerequisites ui e2e/node_modules/.package-lock.json $(if $(ARGS),,test-discovery) ## The chart on a real Kubernetes, which it makes here, after test-discovery (as root, long; ARGS="--only WORDS --keep")
	@scripts/cluster/test.sh $(ARGS)

image: prerequisites ui ## The container images, without a Docker engine, as OCI archives in target/image (release build, long)
	@scripts/image/image.sh

lint: ui/node_modules/.package-lock.json ## Formatting, clippy, the UI's lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd ui && npm run lint

fmt: ## Formats the Rust code
	cargo fmt --all

generated: binaries ## Writes the files that are generated: from the code, and from the chart
	$(TARGET_DIR)/debug/pganalytics views --markdown > docs/views.md
	$(TARGET_DIR)/debug/pganalytics openapi > docs/openapi.json
	scripts/chart.sh generate

bench: prerequisites ## The figures, side by side with peers (release build, long)
	cargo run --release --locked -p pganalytics-bench

prerequisites:
	@scripts/prerequisites.sh

# Standard output belongs to the demo's one line.
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
