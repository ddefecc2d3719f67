# oathd. `make test` sets up, builds and tests everything; `make help` lists the rest.
.PHONY: help setup build test demo soak bench fuzz lint deny doc install clean

PREFIX ?= /usr
DESTDIR ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 60

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# End-to-end tests mount and need root; a plain user runs every test program with sudo.
RUNNER := $(if $(SUDO),--config 'target."cfg(unix)".runner="sudo -E"')
TOOLS := target/tools/bin
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2

help:
	@echo 'make setup      install what building and testing need (root or sudo)'
	@echo 'make build      build the programs into target/debug'
	@echo 'make test       setup, build, and every test'
	@echo 'make demo       show codes computed on a simulated token, checked by oathtool and ykman'
	@echo 'make soak       let programs and faults at two tokens for $(SOAK_SECONDS) s'
	@echo 'make bench      measure; the table goes to target/bench.json as well'
	@echo 'make fuzz       run each fuzz target for $(FUZZ_SECONDS) s'
	@echo 'make lint       formatting, lints, documentation, dependency edges'
	@echo 'make deny       licences, sources and advisories of what we depend on'
	@echo 'make doc        the Rust documentation'
	@echo 'make install    build for release and install under DESTDIR (PREFIX=$(PREFIX))'

setup:
	tests/setup
	tests/setup-peers

build:
	cargo build --locked --workspace --bins

test: setup build
	cargo test --locked --workspace $(RUNNER)
	set -e; for run in tests/*/run; do \
		echo "== $$run"; $(SUDO) env SIM='$(CURDIR)/target/debug/oathd-sim' "$$run"; \
	done

demo: setup build
	$(SUDO) tests/demo/run

soak: setup build
	OATHD_SOAK_SECONDS=$(SOAK_SECONDS) cargo test --locked -p oathd-tests --test e2e $(RUNNER) \
		soak -- --nocapture

bench: setup
	cargo build --locked --release --workspace --bins
	$(SUDO) target/release/oathd-bench

# Starts from the seeds in git and grows a corpus in target; a crash is kept in tests/fuzz/artifacts.
# Leaks are not looked for: a thread that ends after its input looks like one.
fuzz: $(TOOLS)/cargo-fuzz
	set -e; export PATH="$(CURDIR)/$(TOOLS):$$PATH" RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=detect_leaks=0; \
	for target in $$(cargo fuzz list --fuzz-dir tests/fuzz); do \
		mkdir -p "target/fuzz/corpus/$$target"; \
		cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz "$$target" \
			"$(CURDIR)/target/fuzz/corpus/$$target" "$(CURDIR)/tests/fuzz/corpus/$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -detect_leaks=0 -print_final_stats=1; \
	done

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps
	tests/arrows

deny: $(TOOLS)/cargo-deny
	$< --locked check licenses bans sources
	@# Only a database that was reached can find anything.
	@if timeout 60 $< --locked fetch db 2>/dev/null; then $< --locked check --disable-fetch advisories; \
	else echo 'advisories not checked: the database cannot be reached from here'; fi

doc:
	cargo doc --workspace --no-deps

install:
	OATHD_ASSETS_DIR='$(CURDIR)/target/assets' cargo build --locked --release --workspace --bins
	install -D target/release/oathd -t '$(DESTDIR)$(PREFIX)/libexec'
	install -D target/release/oathctl target/release/oathd-sim -t '$(DESTDIR)$(PREFIX)/bin'
	install -Dm644 target/assets/*.1 -t '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -Dm644 target/assets/oathctl.bash '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/oathctl'
	install -Dm644 target/assets/_oathctl -t '$(DESTDIR)$(PREFIX)/share/zsh/site-functions'
	install -Dm644 target/assets/oathctl.fish -t '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d'
	install -Dm644 dbus/*.xml -t '$(DESTDIR)$(PREFIX)/share/dbus-1/interfaces'
	install -Dm644 dbus/*.conf -t '$(DESTDIR)$(PREFIX)/share/dbus-1/system.d'
	install -Dm644 polkit/*.policy -t '$(DESTDIR)$(PREFIX)/share/polkit-1/actions'

clean:
	cargo clean

$(TOOLS)/cargo-deny:
	cargo install --locked --root target/tools --version $(CARGO_DENY_VERSION) cargo-deny

$(TOOLS)/cargo-fuzz:
	cargo install --locked --root target/tools --version $(CARGO_FUZZ_VERSION) cargo-fuzz
