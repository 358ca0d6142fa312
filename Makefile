# What a developer needs; `make help` lists it. Works from a fresh clone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test fmt release bench soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build, start the gateway on 127.0.0.1:8080, print a curl line that works
	@scripts/run.sh

test: ## set up what the tests need, then run all checks and tests
	@python3 scripts/test.py

fmt: ## format the Rust code
	cargo fmt --all

release: ## build target/release/tollgate
	cargo build --release --locked --package tollgate

bench: ## measure against nginx and two controls (docs/bench.md)
	python3 scripts/bench.py

soak: ## the books and video tasks under kill -9 and races, ten thousand tasks, then mixed load for twenty minutes (docs/bench.md)
	TOLLGATE_LONG=1 cargo test --locked --package tollgate --lib torn_off_the_journal
	TOLLGATE_LONG=1 cargo test --locked --package tollgate --test it -- --nocapture --test-threads 1 \
		killed_at_any_moment parallel_calls_never_pass
	python3 scripts/soak.py
	cargo test --locked --package tollgate --test it video:: -- --ignored --nocapture --test-threads 1
