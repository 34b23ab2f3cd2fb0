# What a newcomer needs is `make serve`, and to change something, `make lint test`.

# Cargo's own target directory, unless the caller keeps one elsewhere.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# A rustc that can build the plugins; the script gets one where it is missing.
GUESTS = EASEL_GUEST_RUSTC="$$(sh scripts/wasm-target.sh)"

.PHONY: serve test lint lint-page screenshots audit bench load install-target test-engine mutants

## Build what is missing, and run the host with the embedded backends.
serve:
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo run -- serve

## All tests: the core, the plugins' own logic, the host, and the real process from end to end.
test: node_modules/.package-lock.json
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo build --workspace && cargo test --workspace
	cargo test -p easel-wire --features schema
	cd plugins && cargo test --workspace --locked --target-dir "$(TARGET)/plugins"

lint:
	cargo fmt --all --check
	cd plugins && cargo fmt --all --check
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p easel-wire --features schema --all-targets -- -D warnings
	cd plugins && cargo clippy --workspace --all-targets --locked --target-dir "$(TARGET)/plugins" -- -D warnings
	sh scripts/lint-guests.sh "$(TARGET)/plugins"
	$(GUESTS) && export EASEL_GUEST_RUSTC && RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

	$(MAKE) lint-page

## The page: types and layout of host/ui (docs/page.md). Needs npm; what it installs stays in node_modules.
lint-page: node_modules/.package-lock.json
	npx tsc
	npx prettier --check --log-level warn host/ui scripts/screenshots.mjs package.json tsconfig.json

node_modules/.package-lock.json: package-lock.json
	npm ci --silent --no-audit --no-fund
	touch $@

## Pictures of each view, light and dark, as a desktop and as a phone shows it, in target/screenshots (needs chromium and chromedriver).
screenshots:
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo build
	node scripts/screenshots.mjs "$(TARGET)/debug/easel" "$(TARGET)/screenshots" $(VIEWS)

## What is depended on: advisories, licences, sources (deny.toml), and what nobody uses. Before a release and whenever a lock file has
## changed; apart from lint, since both tools take minutes to build (cargo install --locked cargo-deny cargo-machete).
audit:
	cargo deny --workspace check
	cargo deny --manifest-path plugins/Cargo.toml --config deny.toml --workspace check
	cargo machete

## Measures what docs/performance.md shows, on the release build, and prints it (ONLY="--only enqueue" for one thing).
bench:
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo build --release -p easel -p easel-bench
	"$(TARGET)/release/easel-bench" $(ONLY)

## Floods one host in four ways, before a release: fails if it keeps memory or is slow to answer. Release build; some minutes.
load:
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo build --release -p easel -p easel-bench
	"$(TARGET)/release/easel-bench" load

## Breaks the core in every place and looks whether a test notices (cargo install cargo-mutants).
mutants:
	env -u CARGO_TARGET_DIR PROPTEST_CASES=64 cargo mutants -p easel-core -j1 --colors never -o target/mutants

## Get the target that the plugins are built for, where it is missing.
install-target:
	sh scripts/wasm-target.sh

## A picture through a real diffusion engine, built from source (needs python3, a C++ compiler, 3 GB of disk).
test-engine:
	$(GUESTS) && export EASEL_GUEST_RUSTC && cargo build
	EASEL_BIN="$(TARGET)/debug/easel" sh scripts/test-engine.sh
