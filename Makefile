# oathd. `make test` sets up, builds and tests everything; `make help` lists the rest.
.PHONY: help setup build test test-system test-vm demo soak bench fuzz lint deny doc programs deb install clean

PREFIX ?= /usr
DESTDIR ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 60
SYSTEM_SUITES ?= bookworm trixie trixie-desktop

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# End-to-end tests mount and need root; a plain user runs every test program with sudo.
RUNNER := $(if $(SUDO),--config 'target."cfg(unix)".runner="sudo -E"')
TOOLS := target/tools/bin
CARGO_DEB_VERSION := 3.6.0
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2

help:
	@echo 'make setup      install what building and testing need (root or sudo)'
	@echo 'make build      build the programs into target/debug'
	@echo 'make test       setup, build, and every test'
	@echo 'make test-system  install the packages in containers of $(SYSTEM_SUITES), and test them'
	@echo 'make test-vm    plug a key into a virtual machine of Debian, cut its power, try the sandbox'
	@echo 'make demo       show codes computed on a simulated token, checked by oathtool and ykman'
	@echo 'make soak       faults at two tokens for $(SOAK_SECONDS) s, 1000 races of each kind, 500 kills'
	@echo 'make bench      measure; the table goes to target/bench.json as well'
	@echo 'make fuzz       run each fuzz target for $(FUZZ_SECONDS) s'
	@echo 'make lint       formatting, lints, documentation, dependency edges'
	@echo 'make deny       licences, sources and advisories of what we depend on'
	@echo 'make doc        the Rust documentation'
	@echo 'make deb        build the Debian packages into target/debian'
	@echo 'make install    build for release and install under DESTDIR (PREFIX=$(PREFIX))'

setup:
	tests/setup
	tests/setup-peers

build:
	cargo build --locked --workspace --bins
	@# By itself, or the features of the other crates come along.
	cargo build --locked -p oathd-pam

test: setup build
	cargo test --locked --workspace $(RUNNER)
	set -e; for run in tests/*/run; do \
		echo "== $$run"; $(SUDO) env SIM='$(CURDIR)/target/debug/oathd-sim' "$$run"; \
	done

demo: setup build
	$(SUDO) tests/demo/run

soak: setup build
	OATHD_SOAK_SECONDS=$(SOAK_SECONDS) OATHD_RACE_ROUNDS=1000 OATHD_KILL_ROUNDS=500 \
		cargo test --locked -p oathd-tests --test e2e $(RUNNER) -- --nocapture \
		soak a_race_has_one_winner what_was_answered_outlives_a_kill

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

ASSETS := target/release/assets

# What is installed, with the man pages and completions that are written by programs.
programs:
	OATHD_ASSETS_DIR='$(CURDIR)/$(ASSETS)' cargo build --locked --release --bins \
		-p oathd-daemon -p oathd-ctl -p oathd-deliver -p oathd-sim
	@# By itself, or the features of the other crates come along.
	cargo build --locked --profile module -p oathd-pam
	target/release/oathd-sim man-pages '$(ASSETS)'
	docs/dbus-reference --man >'$(ASSETS)/org.oathd.Oathd1.5'
	gzip -9nkf $(ASSETS)/*.[15]

# Files in the packages are as old as their changelog, whenever they are built.
deb: export SOURCE_DATE_EPOCH = $(shell dpkg-parsechangelog -l packaging/oathd/changelog -S Timestamp)
deb: $(TOOLS)/cargo-deb programs
	rm -f target/debian/*.deb
	set -e; for package in oathd-daemon oathd-sim; do \
		$< --quiet --locked --no-build -p "$$package" -o target/debian/; \
	done
	$< --quiet --locked --no-build --profile module --multiarch same -p oathd-pam -o target/debian/

# Boots each release of Debian in namespaces: root or sudo.
test-system:
	tests/system/setup
	$(MAKE) --no-print-directory deb
	lintian --fail-on error target/debian/*.deb
	$(MAKE) --no-print-directory --output-sync --jobs=3 $(SYSTEM_SUITES:%=image-%)
	$(MAKE) --no-print-directory --output-sync --jobs=3 $(SYSTEM_SUITES:%=system-%)
	set -e; for suite in $(filter-out %-desktop,$(SYSTEM_SUITES)); do \
		$(SUDO) tests/system/rescue "$$suite"; \
	done

# All are built before the first one boots, whose cases live on the machine's own time.
image-%:
	$(SUDO) tests/system/image '$*'

system-%:
	$(SUDO) tests/system/suite '$*'

# Boots QEMU: root or sudo. The power is cut on one release; the next one has a newer pcscd, and a polkit
# that runs PAM in a sandbox, to which the agent of a session at a seat leads.
test-vm:
	tests/system/setup
	tests/vm/setup
	$(MAKE) --no-print-directory deb
	$(SUDO) tests/vm/suite trixie
	$(SUDO) tests/vm/suite forky a_key_is_plugged_in the_kernel_enforces_the_sandbox
	$(SUDO) tests/system/suite forky what_is_confirmed_stays the_agent_of_polkit_asks

# Puts files where the packages do; users and folders are made at the next boot, or by
# systemd-sysusers and systemd-tmpfiles --create.
SHARE := $(DESTDIR)$(PREFIX)/share
LIB := $(DESTDIR)$(PREFIX)/lib
# Where libpam looks, which is not always beside PREFIX.
PAM ?= $(DESTDIR)/usr/lib/$(shell gcc -dumpmachine | sed s/-pc-/-/)/security
install: programs
	install -D target/release/oathd target/release/oathd-deliver -t '$(DESTDIR)$(PREFIX)/libexec'
	install -D target/release/oathctl target/release/oathd-sim -t '$(DESTDIR)$(PREFIX)/bin'
	install -Dm644 $(ASSETS)/*.1.gz -t '$(SHARE)/man/man1'
	install -Dm644 $(ASSETS)/oathctl.bash '$(SHARE)/bash-completion/completions/oathctl'
	install -Dm644 $(ASSETS)/_oathctl -t '$(SHARE)/zsh/site-functions'
	install -Dm644 $(ASSETS)/oathctl.fish -t '$(SHARE)/fish/vendor_completions.d'
	install -Dm644 dbus/*.xml dbus/deliver/*.xml dbus/sim/*.xml -t '$(SHARE)/dbus-1/interfaces'
	install -Dm644 dbus/*.conf dbus/deliver/*.conf -t '$(SHARE)/dbus-1/system.d'
	install -Dm644 dbus/*.service dbus/deliver/*.service -t '$(SHARE)/dbus-1/system-services'
	install -Dm644 polkit/*.policy -t '$(SHARE)/polkit-1/actions'
	install -Dm644 polkit/*.rules -t '$(SHARE)/polkit-1/rules.d'
	install -Dm644 systemd/*.service systemd/*.socket systemd/*.timer -t '$(LIB)/systemd/system'
	sed -i 's,/usr/libexec/,$(PREFIX)/libexec/,g' '$(LIB)'/systemd/system/oathd*.service
	install -Dm644 systemd/oathd.sysusers '$(LIB)/sysusers.d/oathd.conf'
	install -Dm644 systemd/oathd.tmpfiles '$(LIB)/tmpfiles.d/oathd.conf'
	install -Dm644 udev/*.rules -t '$(LIB)/udev/rules.d'
	install -Dm644 target/module/libpam_oathd.so '$(PAM)/pam_oathd.so'
	install -Dm644 packaging/pam-configs/oathd* -t '$(SHARE)/pam-configs'
	install -Dm644 $(ASSETS)/*.5.gz docs/man/*.5 -t '$(SHARE)/man/man5'
	install -Dm644 docs/man/*.8 -t '$(SHARE)/man/man8'
	install -Dm644 docs/*.md -t '$(SHARE)/doc/oathd'

clean:
	$(SUDO) rm -rf target/system target/vm
	cargo clean

$(TOOLS)/cargo-deb:
	cargo install --locked --root target/tools --version $(CARGO_DEB_VERSION) cargo-deb

$(TOOLS)/cargo-deny:
	cargo install --locked --root target/tools --version $(CARGO_DENY_VERSION) cargo-deny

$(TOOLS)/cargo-fuzz:
	cargo install --locked --root target/tools --version $(CARGO_FUZZ_VERSION) cargo-fuzz
