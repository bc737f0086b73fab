# A thin face over Meson: installs what the build needs, builds, shows, tests.
#
#   make demo    a release build, and the maps of your shell and of a small town
#   make test    all tests, again under sanitizers, and the checks of form
#   make test-model OPS=10000000    the model beside the running kernel
#   make test-leaks SEEDS=1000    plat leaks beside programs that say what they have lost
#   make soak HOURS=4    whether memory creeps up; MINUTES=3 for a short one
#   make test-forks FORKS=1000000    storms of forks
#   make test-kills KILLS=1000    plat killed while it looks at a process
#   make bench   maps, heaps, snapshots, stops and searches, timed; for the malloc see bench/malloc
#   make install PREFIX=/usr/local DESTDIR=

PREFIX ?= /usr/local
DESTDIR ?=
RELEASE = build/release
TESTED = build/test
SANITIZED = build/sanitize

export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: all deps deps-test release demo test test-programs test-model test-forks test-kills test-leaks soak fuzz bench install clean

all: release

deps:
	@tools/install-packages build

deps-test:
	@tools/install-packages build test

release: deps
	@mkdir -p build
	@[ -f $(RELEASE)/build.ninja ] || meson setup $(RELEASE) --buildtype=release \
		-Db_lto=true --prefix=$(PREFIX) > build/setup.log || { cat build/setup.log; exit 1; }
	@ninja -C $(RELEASE) --quiet

demo: release
	@demo/show $(RELEASE)

test: deps-test
	@tests/run $(TESTED) $(SANITIZED)

test-programs: deps-test release
	@status=0; \
	tests/programs/run.sh --install $(RELEASE)/src/cli/plat $(RELEASE)/demo/town || status=1; \
	tests/programs/headroom.sh $(RELEASE)/src/cli/plat $(RELEASE)/demo/town || status=1; \
	tests/programs/malloc.sh --install $(RELEASE)/src/cli/plat || status=1; \
	tests/programs/pprof.sh $(RELEASE)/src/cli/plat || status=1; \
	tests/programs/leaks.sh $(RELEASE)/src/cli/plat $(RELEASE)/src/alloc/libplat-malloc.so || status=1; \
	tests/programs/leaks-peers.sh $(RELEASE)/src/cli/plat || status=1; \
	tests/programs/ptmalloc.sh $(RELEASE)/tests/prop/heap/heap-reader-glibc || status=1; \
	tests/programs/musl.sh $(RELEASE)/tests/prop/heap/heap-reader-musl $(RELEASE)/src/cli/plat || status=1; \
	exit $$status

OPS ?= 10000000
test-model: deps-test release
	@$(RELEASE)/tests/prop/kernel/conformance-mutants --mutants --ops $(OPS) \
		--corner tests/prop/kernel/corner

FORKS ?= 100000
STORM ?= children_of_a_busy_process_allocate_at_once
test-forks: deps-test release
	@$(RELEASE)/src/cli/plat run $(RELEASE)/tests/alloc/alloc-forks --forks $(FORKS) \
		--seconds 86400 $(STORM)

# plat killed at random moments while it looks at a process that would notice.
KILLS ?= 1000
test-kills: deps-test release
	@$(RELEASE)/tests/prop/freeze/freeze-kills --kills $(KILLS) --seed $$(date +%s)

# plat leaks, on programs that know what they have lost; one seed each, in turn over all allocators.
SEEDS ?= 1000
test-leaks: deps-test release
	@sh $(RELEASE)/tests/prop/leaks/judge.sh --seeds $(SEEDS)

# RUN= options of plat run, as --hard
HOURS ?= 4
MINUTES ?= $(shell expr $(HOURS) \* 60)
RUN ?=
soak: release
	@$(RELEASE)/src/cli/plat run $(RUN) -- $(RELEASE)/tests/alloc/alloc-soak \
		--seconds $$(($(MINUTES) * 60))

SECONDS_EACH ?= 600
fuzz: deps-test
	@tests/fuzz/run.sh $(SECONDS_EACH)

bench: deps-test release
	@status=0; \
	for bench in map heap snapshot leaks; do bench/$$bench $(RELEASE) || status=1; done; \
	$(RELEASE)/bench/freeze-bench || status=1; \
	exit $$status

install: release
	@meson configure $(RELEASE) -Dprefix=$(PREFIX)
	@DESTDIR="$(DESTDIR)" meson install -C $(RELEASE) --quiet

clean:
	rm -rf build
